//! What others signed: payers their payments, verifiers their orders.
//!
//! The rail has neither's keys. It asks for papers, and without one it waits.

use crate::{Address, EvmError, Order, Payment, Signature, Word, keccak, recover};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tollgate_core::Digest;
use tollgate_pay::json::plain;
use tollgate_rail::{KeepError, whole};

/// An order that the rail needs signed: what it must say, but for the proof that it follows from and how long it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderAsk {
    /// The escrow.
    pub escrow: Digest,
    /// The order, with no proof and no expiry.
    pub order: Order,
}

/// An order with enough signatures, by the addresses of their signers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedOrder {
    /// What was signed.
    pub order: Order,
    /// Signatures, in any order.
    pub signatures: Vec<String>,
}

impl SignedOrder {
    /// Whether it is the order that is asked for.
    #[must_use]
    pub fn answers(&self, ask: &OrderAsk) -> bool {
        let Order { pote, expires, .. } = self.order;
        Order { pote, expires, ..ask.order.clone() } == self.order
    }

    /// Its signatures as the contract wants them: one for each signer, in ascending order of their addresses.
    #[must_use]
    pub fn sorted(&self, chain_id: u64, operator: Address) -> Vec<(Address, Signature)> {
        let digest = self.order.digest(chain_id, operator);
        let read = self.signatures.iter().filter_map(|text| text.parse().ok());
        let by: BTreeMap<Address, Signature> =
            read.filter_map(|signature| Some((recover(&digest, &signature)?, signature))).collect();
        by.into_iter().collect()
    }
}

/// Where what others signed is found.
pub trait Papers {
    /// The payment of an escrow.
    ///
    /// # Errors
    /// [`EvmError`] when it is there and cannot be read.
    fn payment(&mut self, escrow: &Digest) -> Result<Option<Payment>, EvmError>;
    /// The orders that are asked for: several, where signers did not give the same proof or expiry.
    ///
    /// # Errors
    /// [`EvmError`] when one is there and cannot be read.
    fn orders(&mut self, ask: &OrderAsk) -> Result<Vec<SignedOrder>, EvmError>;
}

/// Most orders under one key whose signatures are kept.
const ORDERS_MAX: usize = 64;

/// Papers in a folder: `payments/ESCROW.json` and `orders/KEY/ORDER.json`, so that no signer's order takes another's place.
#[derive(Clone, Debug)]
pub struct FolderPapers(PathBuf);

impl FolderPapers {
    /// The papers of a folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self(folder.into())
    }

    fn payment_path(&self, escrow: &Digest) -> PathBuf {
        self.0.join("payments").join(format!("{escrow}.json"))
    }

    fn orders_path(&self, key: &Word) -> PathBuf {
        self.0.join("orders").join(key.to_string())
    }

    /// Files an escrow's payment.
    ///
    /// # Errors
    /// [`EvmError::Keep`].
    pub fn file_payment(&self, escrow: &Digest, payment: &Payment) -> Result<(), EvmError> {
        Ok(whole::write(&self.payment_path(escrow), payment)?)
    }

    /// Files a signed order; signatures of the same order that are there already stay, and so do other orders.
    ///
    /// # Errors
    /// [`EvmError::Keep`]; [`EvmError::Full`] for one order too many.
    pub fn file_order(&self, signed: &SignedOrder) -> Result<(), EvmError> {
        let folder = self.orders_path(&signed.order.key);
        let path = folder.join(format!("{}.json", keccak(&[&plain(&signed.order)])));
        let mut all = signed.clone();
        if let Some(there) = whole::read::<SignedOrder>(&path)?.filter(|there| there.order == signed.order) {
            all.signatures.extend(there.signatures);
            all.signatures.sort_unstable();
            all.signatures.dedup();
        } else if filed(&folder)?.len() >= ORDERS_MAX {
            return Err(EvmError::Full { what: "orders of one call", limit: ORDERS_MAX });
        }
        Ok(whole::write(&path, &all)?)
    }
}

/// Files of a folder that may not be there, in order.
fn filed(folder: &Path) -> Result<Vec<PathBuf>, EvmError> {
    let failed = |source| EvmError::Keep(KeepError::File { path: folder.into(), source });
    let files = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        files => files.map_err(failed)?,
    };
    let mut paths = Vec::new();
    for file in files {
        let path = file.map_err(failed)?.path();
        paths.extend(path.extension().is_some_and(|kind| kind == "json").then_some(path));
    }
    paths.sort_unstable();
    Ok(paths)
}

impl Papers for FolderPapers {
    fn payment(&mut self, escrow: &Digest) -> Result<Option<Payment>, EvmError> {
        Ok(whole::read(&self.payment_path(escrow))?)
    }

    fn orders(&mut self, ask: &OrderAsk) -> Result<Vec<SignedOrder>, EvmError> {
        let mut found = Vec::new();
        for path in filed(&self.orders_path(&ask.order.key))? {
            found.extend(whole::read::<SignedOrder>(&path)?.filter(|signed| signed.answers(ask)));
        }
        Ok(found)
    }
}
