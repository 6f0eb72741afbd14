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
    /// How models are sold (`models[].sold`); absent = none is.
    pub sale: Option<X402Sale>,
}

/// Selling models by `auth-capture`: the most that an answer can cost is held before it, and what it did cost is captured after it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct X402Sale {
    /// Who is paid.
    pub pay_to: Word,
    /// The token that is paid in, one of `tokens`; absent = the first. It counts as US dollars.
    pub token: Option<Word>,
    /// Its decimal places.
    #[serde(default = "decimals")]
    pub decimals: u32,
    /// The escrow that holds payments.
    pub escrow: Word,
    /// What brings payments to it by EIP-3009.
    pub collector: Word,
    /// For how long a buyer's signature must be good, in seconds.
    #[serde(default = "timeout_s")]
    pub timeout_s: u32,
    /// For how long a payment may be captured, in seconds: answer and capture fit into half of it.
    #[serde(default = "capture_s")]
    pub capture_s: u32,
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

const fn decimals() -> u32 {
    6
}

const fn timeout_s() -> u32 {
    300
}

const fn capture_s() -> u32 {
    86_400
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
