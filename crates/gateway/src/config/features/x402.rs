//! Payments by x402: what was written, checked.

use crate::config::check::Findings;
use crate::config::secret::Secret;
use crate::config::settings::Model;
use crate::config::written::{self, File, Word};
use std::path::PathBuf;
use std::sync::Arc;
use tollgate_evm::x402::{FacilitatorConfig, Network, SaleTerms, Token};
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
    /// How models are sold.
    pub sale: Option<SaleSettings>,
}

/// How models are sold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SaleSettings {
    /// What is asked of buyers.
    pub terms: SaleTerms,
    /// Decimal places of the token, which counts as US dollars.
    pub decimals: u32,
}

impl SaleSettings {
    /// Minor units of the token for micro-dollars, rounded up.
    #[must_use]
    pub fn minor(&self, micro: u64) -> u128 {
        let scaled = u128::from(micro).saturating_mul(10_u128.saturating_pow(self.decimals));
        scaled.div_ceil(1_000_000)
    }

    /// Micro-dollars that so many minor units are worth, rounded down.
    #[must_use]
    pub fn micro(&self, minor: u128) -> u64 {
        let scaled = minor.saturating_mul(1_000_000) / 10_u128.saturating_pow(self.decimals);
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }
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
    let key = key.and_then(Result::ok);
    let sender = key.as_ref().map(Key::address);
    let sale = sale(x402, network, sender, &tokens, findings);
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
        key: key?,
        facilitator: FacilitatorConfig {
            contracts: x402.contracts,
            max_gas: x402.max_gas,
            ..FacilitatorConfig::new(chain_id, tokens)
        },
        sender,
        wait_ms: x402.wait_ms,
        sale,
    }))
}

/// The models that are sold.
pub(in crate::config) fn sold(file: &File, models: &[Arc<Model>], findings: &mut Findings) -> Arc<[String]> {
    let is_served = file.x402.as_ref().is_some_and(|x402| x402.sale.is_some());
    for (i, model) in models.iter().enumerate().filter(|(_, model)| model.sold) {
        let field = format!("models[{i}].sold");
        if !is_served {
            findings.whole(&field, "nothing says how it is sold".into(), "add `x402.sale`");
        }
        if !model.priced {
            findings.whole(&field, "it has no price".into(), "give `price.input` and `price.output`");
        }
    }
    models.iter().filter(|model| model.sold).map(|model| model.name.clone()).collect()
}

fn sale(
    x402: &written::X402,
    network: Option<Network>,
    operator: Option<Address>,
    tokens: &[Token],
    findings: &mut Findings,
) -> Option<SaleSettings> {
    let sale = x402.sale.as_ref()?;
    let mut address = |word: &Word, name: &str| {
        let address = word.value.parse::<Address>();
        if let Err(error) = &address {
            findings.at(
                word,
                &format!("x402.sale.{name}"),
                error.to_string(),
                "write 0x and 40 hexadecimal digits",
            );
        }
        address.ok()
    };
    let pay_to = address(&sale.pay_to, "pay_to");
    let escrow = address(&sale.escrow, "escrow");
    let collector = address(&sale.collector, "collector");
    let token = sale.token.as_ref().map(|word| (word, address(word, "token")));
    let found = match &token {
        None => tokens.first(),
        Some((_, address)) => tokens.iter().find(|token| Some(token.address) == *address),
    };
    if let (Some((word, Some(_))), None) = (&token, found) {
        findings.at(
            word,
            "x402.sale.token",
            format!("{:?} is not served", word.value),
            "name one of `x402.tokens`",
        );
    }
    for (name, value, least, most) in [
        ("decimals", sale.decimals, 0, 18),
        ("timeout_s", sale.timeout_s, 30, 3_600),
        ("capture_s", sale.capture_s, sale.timeout_s.saturating_mul(2).max(600), 2_592_000),
    ] {
        if !(least..=most).contains(&value) {
            let (message, fix) = (format!("{value} is out of range"), format!("use {least} to {most}"));
            findings.whole(&format!("x402.sale.{name}"), message, &fix);
        }
    }
    let terms = SaleTerms {
        network: network?,
        token: found?.clone(),
        escrow: escrow?,
        collector: collector?,
        operator: operator?,
        pay_to: pay_to?,
        max_timeout_s: sale.timeout_s,
        capture_s: sale.capture_s,
        contracts: x402.contracts,
    };
    Some(SaleSettings { terms, decimals: sale.decimals })
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
