//! x402 on EVM chains: what a facilitator does, for the scheme `exact` by EIP-3009, in both versions of the wire; and selling by
//! `auth-capture` what is paid for by use ([`Sales`]).
//!
//! A payment is an authorisation; its payer and nonce name it. To settle it is a deed: it is done once, and whoever asks again gets
//! the first answer, after a restart too. A payment whose outcome is not known is `settlement_pending`, with its
//! transaction, and never failed. What moved is read from the chain's events: also where somebody else sent it.
//!
//! Source: x402 specification, versions 1 and 2, and its scheme `exact` on EVM; EIP-3009.

mod facilitator;
mod network;
mod payment;
mod refusal;
mod remote;
mod sale;
mod seller;
mod transfer;
mod wire;

pub use facilitator::{Facilitator, FacilitatorConfig, PAYMENT_GAS, Token, verify};
pub use network::Network;
pub use payment::Payment;
pub use refusal::Refusal;
pub use remote::Remote;
pub use sale::{Begun, FolderSales, SaleRecord, SaleTerms, Sales, Stage};
pub use seller::{
    HEADER_MAX, OPEN_MAX, Offer, PAYMENT_REQUIRED, PAYMENT_RESPONSE, PAYMENT_SIGNATURE, Sale, Settles,
    Settling, Till,
};
pub use wire::{BODY_MAX, Settled, Supported, VerifyAnswer};
