//! The rail of a data folder: `evm/rail.json` says which chain, tokens and quorum; beside it lie journal and papers.

use crate::place;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tollgate_core::Asset;
use tollgate_evm::typed::Domain;
use tollgate_evm::x402::Network;
use tollgate_evm::{
    Address, Addresses, Chain, EvmRail, FolderJournal, FolderPapers, Key, RailConfig, Rpc, Sender,
    SenderConfig,
};
use tollgate_pay::rail::Rail;

/// A token, as the file has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    /// What contracts count in: code and decimal places.
    asset: String,
    /// Its contract.
    pub(super) address: Address,
    /// Its name in what payers sign.
    name: String,
    /// Its version in what payers sign.
    version: String,
}

/// `rail.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RailFile {
    /// `eip155:N`.
    network: String,
    /// URL of the node, or `file:PATH` of a file that has it.
    node: String,
    /// File of the secret key that sends, relative to the folder.
    key: PathBuf,
    /// Who signs orders.
    verifiers: Vec<Address>,
    /// How many of them.
    needed: u8,
    /// Tokens by assets.
    tokens: Vec<Token>,
    /// Blocks that make an effect final.
    confirmations: u64,
    /// Most wei per gas.
    max_fee_wei: u64,
}

/// The rail's folder, read.
pub(super) struct Place {
    folder: PathBuf,
    file: RailFile,
    pub(super) config: RailConfig,
    pub(super) addresses: Addresses,
    key: Key,
}

/// Where the rail of a data folder is.
fn folder(data: &Path) -> PathBuf {
    data.join("evm")
}

/// The rail of a data folder, when it has one of its own.
pub(in crate::pay) fn open(data: &Path) -> Result<Option<Box<dyn Rail + Send>>> {
    if !folder(data).join("rail.json").is_file() {
        return Ok(None);
    }
    let place = Place::read(data)?;
    Ok(Some(Box::new(EvmRail::new(place.sender()?, place.papers(), place.config.clone()))))
}

impl Place {
    pub(super) fn read(data: &Path) -> Result<Self> {
        let folder = folder(data);
        let path = folder.join("rail.json");
        let text = place::read_text(&path).context("docs/rails.md shows what the file says")?;
        let file: RailFile = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        let network = Network::caip2(&file.network);
        let chain_id = network.with_context(|| format!("{}: network is not eip155:N", path.display()))?.0;
        ensure!(
            (1..=100_000).contains(&file.confirmations),
            "{}: confirmations are 1 to 100000",
            path.display()
        );
        let key = key(&folder.join(&file.key))?;
        let addresses = Addresses::new(key.address(), file.needed, &file.verifiers)?;
        let asset = |token: &Token| -> Result<(Asset, Address)> {
            let (code, places) = token.asset.split_once('/').context("write an asset as USDC/6")?;
            Ok((Asset::new(code, places.parse()?)?, token.address))
        };
        let config = RailConfig {
            chain_id,
            escrow: addresses.escrow,
            operator: addresses.operator,
            verifiers: file.verifiers.clone(),
            needed: file.needed,
            tokens: file.tokens.iter().map(asset).collect::<Result<_>>()?,
        };
        Ok(Self { folder, file, config, addresses, key })
    }

    pub(super) fn papers(&self) -> FolderPapers {
        FolderPapers::new(&self.folder)
    }

    pub(super) fn chain(&self) -> Result<Chain<Rpc>> {
        let url = match self.file.node.strip_prefix("file:") {
            Some(path) => place::read_text(&self.folder.join(path))?.trim().to_owned(),
            None => self.file.node.clone(),
        };
        let mut chain = Chain::new(Rpc::new(&url)?);
        let (is, wanted) = (chain.id()?, self.config.chain_id);
        ensure!(is == wanted, "the node is of chain {is}, rail.json says {wanted}");
        Ok(chain)
    }

    pub(super) fn sender(&self) -> Result<Sender<Rpc, FolderJournal>> {
        let config = SenderConfig {
            chain_id: self.config.chain_id,
            confirmations: self.file.confirmations,
            patience: 10,
            max_fee_wei: self.file.max_fee_wei.into(),
        };
        Ok(Sender::new(self.chain()?, FolderJournal::open(&self.folder)?, self.key.clone(), config))
    }

    /// The signing domain of a token.
    pub(super) fn domain(&self, token: Address) -> Result<Domain<'_>> {
        let found = self.file.tokens.iter().find(|known| known.address == token);
        let Token { name, version, address, .. } = found.context("rail.json does not name this token")?;
        Ok(Domain { name, version, chain_id: self.config.chain_id, contract: *address })
    }

    pub(super) const fn submitter(&self) -> &Key {
        &self.key
    }
}

/// Reads a secret key.
pub(super) fn key(path: &Path) -> Result<Key> {
    let text = place::read_text(path).context("make a key with `tollgate pay rail evm keygen`")?;
    text.parse().with_context(|| path.display().to_string())
}
