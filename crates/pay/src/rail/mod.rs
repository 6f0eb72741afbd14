//! Rails: whatever moves the money. One contract, with one rule above all: an unknown outcome is no failure.
//!
//! A rail is asked to hold funds, to release a part of them, or to give back what is left. Each call has an idempotency key.
//! The answer is [`Outcome::Done`] or [`Outcome::Failed`], both for good, or [`Outcome::Unknown`]: the request or its answer
//! was lost, is late, or the rail is not there. An unknown call is reconciled by [`Rail::query`], and when that does not
//! know either, by the same call again with the same key. It is never replaced by a call with another key.
//!
//! [`kit`] holds a rail to this, with every fault that a network has. [`LedgerRail`] moves money in our own ledger.

pub mod kit;
mod ledger;
mod several;

pub use ledger::{Ledger, LedgerFault, LedgerRail};
pub use several::{Due, Rails};

use crate::PayError;
use crate::escrow::{Part, Source, TaskContract};
use crate::json::plain;
use serde::{Deserialize, Serialize};
use tollgate_core::{Amount, Digest};

/// What contracts call [`LedgerRail`].
pub const LEDGER_RAIL: &str = "ledger";
/// Longest proof or reason that a rail gives, in bytes.
pub const OUTCOME_BYTES_MAX: usize = 512;

/// What became of a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It took effect, once, for good.
    Done {
        /// The rail's own name for what it did; for held funds, what it takes to release them.
        proof: String,
    },
    /// It did not take effect and never will, not even when a copy of the request arrives later.
    Failed {
        /// Why.
        reason: String,
    },
    /// Nobody knows.
    Unknown,
}

/// What a rail is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Hold the price.
    Hold {
        /// Where it comes from: all of it or nothing.
        funding: Vec<Source>,
    },
    /// Pay out of what is held.
    Release {
        /// What [`Ask::Hold`] was answered.
        held: String,
        /// Where the price came from.
        funding: Vec<Source>,
        /// What was paid out before.
        before: Amount,
        /// How much is paid out now.
        amount: Amount,
        /// Who gets it; the parts sum to the amount.
        parts: Vec<Part>,
        /// Nothing follows: what is left goes back to where it came from.
        last: bool,
    },
    /// Give back all that is left.
    Refund {
        /// What [`Ask::Hold`] was answered.
        held: String,
        /// Where the price came from.
        funding: Vec<Source>,
        /// What was paid out before.
        before: Amount,
    },
}

/// A request with its key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// One key, one effect.
    pub key: String,
    /// The escrow that it is for.
    pub escrow: Digest,
    /// What is asked.
    pub ask: Ask,
}

impl Call {
    /// All that it says, so that a key is not used for anything else.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let said = match &self.ask {
            Ask::Hold { funding } => vec![b"hold".to_vec(), many(funding)],
            Ask::Release { held, funding, before, amount, parts, last } => vec![
                b"release".to_vec(),
                held.clone().into_bytes(),
                many(funding),
                plain(before),
                plain(amount),
                many(parts),
                vec![(*last).into()],
            ],
            Ask::Refund { held, funding, before } => {
                vec![b"refund".to_vec(), held.clone().into_bytes(), many(funding), plain(before)]
            }
        };
        let named = [self.key.as_bytes(), &self.escrow.0];
        Digest::of_parts(named.into_iter().chain(said.iter().map(Vec::as_slice)))
    }
}

fn many<T: Serialize>(all: &[T]) -> Vec<u8> {
    all.iter().map(plain).collect::<Vec<_>>().concat()
}

/// What a rail can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// Held funds can be paid out in several steps.
    pub stages: bool,
    /// A release can go to several accounts.
    pub fees: bool,
    /// Funds can come from several accounts, all or none.
    pub groups: bool,
}

impl Capabilities {
    /// Whether they suffice for a contract.
    ///
    /// # Errors
    /// [`PayError::Bad`] with what the rail cannot do.
    pub fn check(&self, contract: &TaskContract) -> Result<(), PayError> {
        let lacks = [
            (
                contract.stages.len() > 1 && !self.stages,
                "one that releases in stages, as the contract has several",
            ),
            (
                !contract.fees.is_empty() && !self.fees,
                "one that pays several accounts, as the contract has fees",
            ),
            (
                contract.funding.len() > 1 && !self.groups,
                "one that holds from several accounts, as the contract does",
            ),
        ];
        if let Some((_, wanted)) = lacks.iter().find(|(lacks, _)| *lacks) {
            return Err(PayError::bad("rail", &contract.rail, wanted));
        }
        Ok(())
    }
}

/// See the module.
pub trait Rail {
    /// What contracts call it.
    fn name(&self) -> &str;
    /// What it can do.
    fn capabilities(&self) -> Capabilities;
    /// Whether it would carry this contract. Nothing happens.
    ///
    /// # Errors
    /// [`PayError::Bad`] with why not.
    fn prepare(&mut self, contract: &TaskContract) -> Result<(), PayError>;
    /// The contract that the calls which follow are about, for rails that hold more to it than a call says. Nothing happens.
    fn about(&mut self, _contract: &TaskContract) {}
    /// Holds, releases or refunds. The same call with the same key takes effect once, however often it is made; another
    /// call with a used key takes no effect.
    fn perform(&mut self, call: &Call) -> Outcome;
    /// What became of a call. [`Outcome::Unknown`] also when the rail has not seen it: it may still arrive.
    fn query(&mut self, call: &Call) -> Outcome;
}
