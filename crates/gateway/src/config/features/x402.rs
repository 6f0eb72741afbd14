//! Payments by x402: what was written, checked.

use crate::config::check::Findings;
use crate::config::secret::Secret;
use crate::config::written::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use tollgate_evm::x402::{FacilitatorConfig, Network, Token};
use tollgate_evm::{Address, Key, SenderConfig};

/// Most tokens.
const TOKENS_MAX: usize = 64;
/// Blocks after which a transaction that is not taken is offered dearer.
const PATIENCE: u64 = 10;
/// Wei of a thousandth of a gwei.
const MWEI: u128 = 1_000_000;

/// A facilitator, as of the start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct X402Settings {
    /// Folder of the journal.
    pub data: PathBuf,
    /// URL of the node.
    pub node: Secret,
    /// What sends.
    pub key: Key,
    /// What is settled.
    pub facilitator: FacilitatorConfig,
    /// Bounds and depths.
    pub sender: SenderConfig,
    /// How long a request to settle waits.
    pub wait_ms: u64,
}

impl X402Settings {
    /// What a reload cannot change, as a reader of warnings needs it.
    #[must_use]
    pub fn started(&self) -> String {
        let (data, chain, from) = (self.data.display(), self.facilitator.chain_id, self.key.address());
        format!(
            "{{data: {data}, network: 'eip155:{chain}', sender: '{from}', tokens: {}}}",
            self.facilitator.tokens.len()
        )
    }
}

pub(in crate::config) fn read(file: &File, findings: &mut Findings) -> Option<Arc<X402Settings>> {
    let x402 = file.x402.as_ref()?;
    let network = Network::caip2(&x402.network.value);
    if network.is_none() {
        let message = format!("{:?} is not an EVM chain", x402.network.value);
        findings.at(
            &x402.network,
            "x402.network",
            message,
            "write eip155: and the chain's number, such as eip155:8453",
        );
    }
    let node = findings.secret(Some(&x402.node), "x402.node");
    let is_url =
        node.as_ref().is_some_and(|node| node.expose().parse::<tollgate_net::upstream::Endpoint>().is_ok());
    if node.is_some() && !is_url {
        findings.at(
            &x402.node,
            "x402.node",
            "it refers to no URL".into(),
            "let it refer to https://host/path",
        );
    }
    let key = findings.secret(Some(&x402.key), "x402.key").map(|secret| secret.expose().parse::<Key>());
    if let Some(Err(error)) = &key {
        findings.at(&x402.key, "x402.key", error.to_string(), "let it refer to 0x and 64 hexadecimal digits");
    }
    let (usual, least) = network.map_or((1, 1), Network::confirmations);
    let confirmations = x402.confirmations.unwrap_or(usual);
    for (field, value, least, most) in [
        ("confirmations", confirmations, least, 100_000),
        ("max_gas", x402.max_gas, 50_000, 10_000_000),
        ("wait_ms", x402.wait_ms, 0, 120_000),
        ("max_fee_mwei", x402.max_fee_mwei, 1, 1_000_000_000),
    ] {
        if !(least..=most).contains(&value) {
            let (message, fix) = (format!("{value} is out of range"), format!("use {least} to {most}"));
            findings.whole(&format!("x402.{field}"), message, &fix);
        }
    }
    let tokens = tokens(x402, findings);
    let chain_id = network?.0;
    let sender = SenderConfig {
        chain_id,
        confirmations,
        patience: PATIENCE,
        max_fee_wei: u128::from(x402.max_fee_mwei) * MWEI,
        max_gas: x402.max_gas,
    };
    Some(Arc::new(X402Settings {
        data: findings.path(&x402.data),
        node: node?,
        key: key?.ok()?,
        facilitator: FacilitatorConfig {
            contracts: x402.contracts,
            max_gas: x402.max_gas,
            ..FacilitatorConfig::new(chain_id, tokens)
        },
        sender,
        wait_ms: x402.wait_ms,
    }))
}

fn tokens(x402: &written::X402, findings: &mut Findings) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    if x402.tokens.is_empty() {
        findings.whole("x402.tokens", "there is none".into(), "name at least one token");
    }
    for (i, written) in x402.tokens.iter().enumerate() {
        let address = written.address.value.parse::<Address>().ok();
        let fresh =
            address.filter(|address| i < TOKENS_MAX && !tokens.iter().any(|token| token.address == *address));
        let Some(address) = fresh else {
            let message = format!("{:?} is no contract, or one too many", written.address.value);
            let fix = "write 0x and 40 hexadecimal digits, each contract once, and at most 64";
            findings.at(&written.address, &format!("x402.tokens[{i}].address"), message, fix);
            continue;
        };
        let (name, version) = (written.name.value.clone(), written.version.value.clone());
        tokens.push(Token { address, name, version });
    }
    tokens
}
