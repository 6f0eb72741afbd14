//! The rail of a data folder: `evm/rail.json` says which chain, tokens and quorum; beside it lie journal and papers.

use crate::typed::Domain;
use crate::x402::Network;
use crate::{
    Address, Addresses, Chain, EvmError, EvmRail, FolderJournal, FolderPapers, Key, Quorum, RailConfig, Rpc,
    Sender, SenderConfig,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tollgate_core::Asset;
use tollgate_rail::{KeepError, whole};

/// Blocks after which a transaction that is not taken is sent again at a higher fee.
const PATIENCE: u64 = 10;
/// Most gas of a transaction: a release takes a few hundred thousand, and making a contract some millions.
const GAS_MAX: u64 = 10_000_000;
/// Most quorums that were.
const FORMER_MAX: usize = 64;
/// Most blocks that make an effect final.
const CONFIRMATIONS_MAX: u64 = 100_000;

/// A token, as the file has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRow {
    /// What contracts count in: code and decimal places, as `USDC/6`.
    pub asset: String,
    /// Its contract.
    pub address: Address,
    /// Its name in what payers sign.
    pub name: String,
    /// Its version in what payers sign.
    pub version: String,
}

/// A quorum that was, as the file has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Former {
    /// Who sent then, where it was not whoever sends now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<Address>,
    /// Who signed orders.
    pub verifiers: Vec<Address>,
    /// How many of them.
    pub needed: u8,
}

/// `rail.json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RailFile {
    /// `eip155:N`.
    pub network: String,
    /// URL of the node, or `file:PATH` of a file that has it, relative to the folder.
    pub node: String,
    /// File of the secret key that sends, relative to the folder.
    pub key: PathBuf,
    /// Who signs orders.
    pub verifiers: Vec<Address>,
    /// How many of them.
    pub needed: u8,
    /// Quorums whose operators payments named before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<Former>,
    /// Tokens by assets.
    pub tokens: Vec<TokenRow>,
    /// Blocks that make an effect final; 1 only on chains of one sequencer.
    pub confirmations: u64,
    /// Most wei per gas.
    pub max_fee_wei: u64,
}

/// The rail's folder, read.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    file: RailFile,
    config: RailConfig,
    addresses: Addresses,
    key: Key,
}

impl Folder {
    /// The rail of a data folder; `None` when it has none.
    ///
    /// # Errors
    /// [`EvmError::Keep`] for a file that is not of its form, [`EvmError::Bad`] for what it says.
    pub fn read(data: &Path) -> Result<Option<Self>, EvmError> {
        let path = data.join("evm");
        let Some(file) = whole::read::<RailFile>(&path.join("rail.json"))? else { return Ok(None) };
        let network = Network::caip2(&file.network);
        let network = network.ok_or_else(|| EvmError::bad("network", &file.network, "eip155:N"))?;
        if !(network.confirmations().1..=CONFIRMATIONS_MAX).contains(&file.confirmations) {
            let wanted = "2 to 100000, or 1 on a chain of one sequencer";
            return Err(EvmError::bad("confirmations", &file.confirmations.to_string(), wanted));
        }
        if file.former.len() > FORMER_MAX {
            return Err(EvmError::bad("former", &file.former.len().to_string(), "at most 64 quorums"));
        }
        let key = text(&path.join(&file.key))?.parse::<Key>()?;
        let addresses = Addresses::new(key.address(), file.needed, &file.verifiers)?;
        let token = |token: &TokenRow| Ok((asset(&token.asset)?, token.address));
        let quorum = |sender: Address, needed: u8, verifiers: &[Address]| -> Result<Quorum, EvmError> {
            let operator = Addresses::new(sender, needed, verifiers)?.operator;
            Ok(Quorum { operator, verifiers: verifiers.to_vec(), needed })
        };
        let was = |was: &Former| quorum(was.sender.unwrap_or(key.address()), was.needed, &was.verifiers);
        let config = RailConfig {
            chain_id: network.0,
            escrow: addresses.escrow,
            collectors: vec![addresses.eip3009, addresses.permit],
            quorum: quorum(key.address(), file.needed, &file.verifiers)?,
            former: file.former.iter().map(was).collect::<Result<_, EvmError>>()?,
            tokens: file.tokens.iter().map(token).collect::<Result<_, EvmError>>()?,
        };
        Ok(Some(Self { path, file, config, addresses, key }))
    }

    /// Where the rail's contracts and tokens are.
    #[must_use]
    pub const fn config(&self) -> &RailConfig {
        &self.config
    }

    /// All contracts, made or not.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What others signed.
    #[must_use]
    pub fn papers(&self) -> FolderPapers {
        FolderPapers::new(&self.path)
    }

    /// The chain, whose node is not asked yet.
    ///
    /// # Errors
    /// [`EvmError`].
    pub fn chain(&self) -> Result<Chain<Rpc>, EvmError> {
        let url = match self.file.node.strip_prefix("file:") {
            Some(path) => text(&self.path.join(path))?.trim().to_owned(),
            None => self.file.node.clone(),
        };
        Ok(Chain::new(Rpc::new(&url)?))
    }

    /// The chain, whose node says that it is the one that is meant.
    ///
    /// # Errors
    /// [`EvmError::Chain`] when it says another.
    pub fn checked_chain(&self) -> Result<Chain<Rpc>, EvmError> {
        let mut chain = self.chain()?;
        let (is, wanted) = (chain.id()?, self.config.chain_id);
        if is == wanted { Ok(chain) } else { Err(EvmError::Chain { is, wanted }) }
    }

    /// What sends over a chain, with its journal, which one process has.
    ///
    /// # Errors
    /// [`EvmError`].
    pub fn sender(&self, chain: Chain<Rpc>) -> Result<Sender<Rpc, FolderJournal>, EvmError> {
        let config = SenderConfig {
            chain_id: self.config.chain_id,
            confirmations: self.file.confirmations,
            patience: PATIENCE,
            max_fee_wei: self.file.max_fee_wei.into(),
            max_gas: GAS_MAX,
        };
        Ok(Sender::new(chain, FolderJournal::open(&self.path)?, self.key.clone(), config))
    }

    /// The rail over a chain. Transactions are signed for the configured chain and no other, whatever the node is of.
    ///
    /// # Errors
    /// [`EvmError`].
    pub fn rail(&self, chain: Chain<Rpc>) -> Result<EvmRail<Rpc, FolderJournal, FolderPapers>, EvmError> {
        Ok(EvmRail::new(self.sender(chain)?, self.papers(), self.config.clone()))
    }

    /// The signing domain of a token.
    ///
    /// # Errors
    /// [`EvmError::Bad`] for a token that the file does not name.
    pub fn domain(&self, token: Address) -> Result<Domain<'_>, EvmError> {
        let found = self.file.tokens.iter().find(|known| known.address == token);
        let wanted = "a token that rail.json names";
        let TokenRow { name, version, address, .. } =
            found.ok_or_else(|| EvmError::bad("token", &token.to_string(), wanted))?;
        Ok(Domain { name, version, chain_id: self.config.chain_id, contract: *address })
    }

    /// Who sends.
    #[must_use]
    pub fn submitter(&self) -> Address {
        self.key.address()
    }
}

fn text(path: &Path) -> Result<String, EvmError> {
    std::fs::read_to_string(path).map_err(|source| KeepError::File { path: path.into(), source }.into())
}

fn asset(text: &str) -> Result<Asset, EvmError> {
    let parts = text.split_once('/').and_then(|(code, places)| Asset::new(code, places.parse().ok()?).ok());
    parts.ok_or_else(|| EvmError::bad("asset", text, "a code and decimal places, such as USDC/6"))
}
