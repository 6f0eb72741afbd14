//! Payments on EVM chains: escrow contracts that release by a proof of task execution, the rail over them, and x402.
//!
//! What is done on a chain is done by [`Sender`]: a deed has a key, takes effect once, and its outcome is read from the state of
//! a block that is deep enough, never from what a node answered when it took a transaction. Every transaction is in the
//! [`Journal`] before it is sent. [`EvmRail`] makes deeds of an escrow's calls, [`x402`] of payments by signed authorisations.
//!
//! The encodings are small and complete for what is needed ([`abi`], [`rlp`], EIP-712 in [`typed`], EIP-1559 in
//! [`transaction`]); curves and hashes are k256 and sha3. A node is reached by [`Node`], which tests replace.
#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing,
        reason = "tests"
    )
)]

mod chain;
mod codec;
mod contracts;
mod deploy;
mod error;
mod filing;
mod folder;
mod journal;
mod node;
mod papers;
mod rail;
mod sender;
pub mod x402;

pub use chain::{At, Block, Chain, Fees, Log, Receipt, Reply};
pub use codec::{Address, Key, Signature, Word, abi, hex, keccak, recover, rlp, transaction, typed, unhex};
pub use contracts::{Addresses, CODE, Contract, Order, Payment, PaymentInfo};
pub use deploy::Deployment;
pub use error::EvmError;
pub use filing::{Draft, OrderDraft};
pub use folder::{Folder, Former, RailFile, TokenRow};
pub use journal::{Attempt, FolderJournal, Journal, MemoryJournal, Record};
pub use node::{Node, NodeError, Rpc};
pub use papers::{FolderPapers, OrderAsk, Papers, SignedOrder};
pub use rail::{EVM_RAIL, EvmRail, Quorum, RailConfig, State, address_of};
pub use sender::{ATTEMPTS_MAX, Deed, Request, Sender, SenderConfig, Standing, UnderWay};
