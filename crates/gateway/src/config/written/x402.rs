//! Payments by x402, as the configuration's author wrote them.

use super::Word;
use serde::Deserialize;

/// A facilitator for payments by x402: sellers have them verified and settled here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct X402 {
    /// Folder of the journal of what was sent; one gateway has it.
    pub data: Word,
    /// The chain, as `eip155:8453`.
    pub network: Word,
    /// Reference to the URL of the chain's node (JSON-RPC).
    pub node: Word,
    /// Reference to the secret key, `0x` and 64 digits, that sends transactions and pays for them; nothing else may use it.
    pub key: Word,
    /// Tokens in which may be paid.
    pub tokens: Vec<X402Token>,
    /// Blocks, from the one that has a payment to the newest, that make it final: 1 or more on Base and Abstract, whose blocks one
    /// sequencer makes, and 2 or more elsewhere. Where it is not said, 1 and 64.
    pub confirmations: Option<u64>,
    /// How long a request to settle waits before it is answered that the payment is under way, in milliseconds.
    #[serde(default = "wait_ms")]
    pub wait_ms: u64,
    /// Most that a transaction pays, in thousandths of a gwei per gas.
    #[serde(default = "max_fee_mwei")]
    pub max_fee_mwei: u64,
    /// Most gas that a payment may take, the check of its signature by an account's code included.
    #[serde(default = "max_gas")]
    pub max_gas: u64,
    /// Whether accounts that are contracts may pay.
    #[serde(default = "contracts")]
    pub contracts: bool,
}

/// A token in which may be paid.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct X402Token {
    /// Its contract.
    pub address: Word,
    /// Its name in what payers sign.
    pub name: Word,
    /// Its version in what payers sign.
    pub version: Word,
}

const fn contracts() -> bool {
    true
}

const fn max_gas() -> u64 {
    tollgate_evm::x402::PAYMENT_GAS
}

const fn wait_ms() -> u64 {
    15_000
}

const fn max_fee_mwei() -> u64 {
    100_000
}
