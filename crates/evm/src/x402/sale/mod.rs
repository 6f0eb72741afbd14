//! Selling what is paid for by use: the most that an answer can cost is held before it, what it did cost is captured after it,
//! and the rest goes back.
//!
//! The scheme is x402's `auth-capture`: the buyer signs one payment, an escrow holds it, and its operator, which is whoever sends
//! here, captures from it. Invariants: a payment buys one answer ([`Stage`] never goes back); there is no answer before the hold is
//! deep enough in the chain; no more is captured than was held, and once; what is not captured goes back, also after a
//! crash, of which what an answer had used is not known and so nothing is captured. If all of this stops, the buyer reclaims
//! the payment from the escrow when the time to capture is over.
//!
//! Source: x402 specification, version 2, and its scheme `auth-capture` on EVM.

mod deed;
mod terms;

pub use terms::SaleTerms;

use super::Refusal;
use super::payment::Refused;
use crate::{At, EvmError, Journal, Node, Payment, Reply, Sender};
use deed::{Act, Step};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tollgate_core::Timestamp;
use tollgate_pay::rail::Outcome;
use tollgate_rail::{KeepError, Keyed};

/// Seconds after which a payment that its buyer does not ask for any more is given back once it is held.
const ABANDONED_S: i64 = 120;
/// Seconds between two notes that a buyer still asks.
const ASKED_S: i64 = 30;
/// Most payments that are gone on with in one round, so that others get their turn.
const ROUND: usize = 32;
/// Seconds for which a payment that is over is remembered after its signature expired: nobody can hold it again anyway.
const KEPT_S: u64 = 7 * 86_400;
/// Payments that can be forgotten before they are: the file is written anew then.
const FORGET: usize = 1_024;

/// Where a payment is. It goes down this list and never up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Stage {
    /// It is being held.
    Asked,
    /// It is held, and its one answer is under way.
    Serving,
    /// The answer ended: this much is to be captured, and the rest goes back.
    Due {
        /// In minor units.
        amount: u128,
    },
    /// It is over.
    Over {
        /// What was captured.
        captured: u128,
    },
    /// It was not held, and will not be.
    Refused {
        /// Why.
        reason: String,
    },
}

/// What is kept of a payment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaleRecord {
    /// Its hash in the escrow.
    pub name: String,
    /// What the buyer signed.
    pub payment: Payment,
    /// When it was last asked for.
    pub at: Timestamp,
    /// Where it is.
    pub stage: Stage,
}

impl Keyed for SaleRecord {
    fn key(&self) -> &str {
        &self.name
    }
}

impl SaleRecord {
    const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over { .. } | Stage::Refused { .. })
    }
}

/// What a request with a payment gets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Begun {
    /// The payment is held: the answer may begin, and [`Sales::end`] must follow.
    Held {
        /// The payment's name.
        name: String,
        /// Who pays.
        payer: String,
        /// The transaction that holds it.
        transaction: String,
        /// How much is held, in minor units.
        amount: u128,
    },
    /// It is under way: the same request again goes on with it.
    Pending {
        /// Who pays.
        payer: String,
        /// The transaction that holds it, once there is one.
        transaction: String,
    },
    /// It buys nothing.
    Refused {
        /// x402's word.
        reason: Refusal,
        /// For people.
        why: String,
    },
}

/// See the module.
#[derive(Debug)]
pub struct Sales<S> {
    terms: SaleTerms,
    records: S,
    /// Rounds so far, so that each payment gets its turn.
    rounds: usize,
}

/// Sales whose payments are in a file.
pub type FolderSales = Sales<tollgate_rail::FolderJournal<SaleRecord>>;

impl FolderSales {
    /// Sales whose journal is in a folder, which one process has.
    ///
    /// # Errors
    /// [`KeepError`].
    pub fn of_folder(terms: SaleTerms, folder: &Path) -> Result<Self, KeepError> {
        Self::open(terms, tollgate_rail::FolderJournal::open(folder)?)
    }
}

impl<S: tollgate_rail::Journal<Record = SaleRecord>> Sales<S> {
    /// Sales by these terms. Answers that were under way when a process ended are over: nothing of them is captured.
    ///
    /// # Errors
    /// [`KeepError`].
    pub fn open(terms: SaleTerms, records: S) -> Result<Self, KeepError> {
        let mut sales = Self { terms, records, rounds: 0 };
        for record in sales.all(|record| record.stage == Stage::Serving) {
            sales.put(record, Stage::Due { amount: 0 })?;
        }
        Ok(sales)
    }

    /// What is asked of buyers.
    pub const fn terms(&self) -> &SaleTerms {
        &self.terms
    }

    /// What is known of payments.
    pub const fn records(&self) -> &S {
        &self.records
    }

    fn all(&self, is: impl Fn(&SaleRecord) -> bool) -> Vec<SaleRecord> {
        self.records.records().filter(|record| is(record)).cloned().collect()
    }

    fn put(&mut self, record: SaleRecord, stage: Stage) -> Result<(), KeepError> {
        self.records.put(SaleRecord { stage, ..record })
    }

    /// A request for something that costs at most `least`, with the header of its payment. While it is [`Begun::Pending`] it is to
    /// be asked again.
    ///
    /// # Errors
    /// When the disk fails. A node that is silent leaves it pending, or [`Refusal::Unavailable`] where nothing was sent.
    pub fn begin<N: Node, J: Journal>(
        &mut self,
        sender: &mut Sender<N, J>,
        header: &str,
        least: u128,
        now: Timestamp,
    ) -> Result<Begun, EvmError> {
        let begun = self.terms.read(header, least, now).map(|payment| {
            let name = payment.info.hash(self.terms.network.0, self.terms.escrow).to_string();
            self.hold(sender, name, payment, now)
        });
        match begun {
            Ok(begun) => begun,
            Err((reason, why)) => Ok(Begun::Refused { reason, why }),
        }
    }

    fn hold<N: Node, J: Journal>(
        &mut self,
        sender: &mut Sender<N, J>,
        name: String,
        payment: Payment,
        now: Timestamp,
    ) -> Result<Begun, EvmError> {
        let refused = |reason, why: &str| Ok(Begun::Refused { reason, why: why.into() });
        let record = match self.records.get(&name).cloned() {
            None => {
                if let Err((reason, why)) = self.check(sender, &payment) {
                    return Ok(Begun::Refused { reason, why });
                }
                let record = SaleRecord { name: name.clone(), payment, at: now, stage: Stage::Asked };
                self.records.put(record.clone())?;
                record
            }
            Some(record) => match &record.stage {
                Stage::Asked if now.seconds().saturating_sub(record.at.seconds()) < ASKED_S => record,
                Stage::Asked => {
                    self.records.put(SaleRecord { at: now, ..record.clone() })?;
                    record
                }
                Stage::Refused { reason } => return refused(Refusal::Failed, reason),
                Stage::Serving | Stage::Due { .. } | Stage::Over { .. } => {
                    return refused(Refusal::NonceUsed, "this payment bought another answer");
                }
            },
        };
        let outcome = self.go(sender, &record, Act::Hold);
        let payer = record.payment.info.payer.to_string();
        match outcome {
            Ok(Outcome::Done { .. }) => {
                let (transaction, amount) = (held_by(sender, &name), record.payment.info.max_amount);
                self.put(record, Stage::Serving)?;
                Ok(Begun::Held { name, payer, transaction, amount })
            }
            Ok(Outcome::Failed { reason }) => {
                self.put(record, Stage::Refused { reason: reason.clone() })?;
                Ok(Begun::Refused { reason: Refusal::Simulation, why: reason })
            }
            Ok(Outcome::Unknown) => Ok(Begun::Pending { payer, transaction: held_by(sender, &name) }),
            // Whatever failed on the way, what was signed may have been sent.
            Err(_) if sender.is_sent(&Act::Hold.key(&name)) => {
                Ok(Begun::Pending { payer, transaction: held_by(sender, &name) })
            }
            Err(error) => {
                Ok(Begun::Refused { reason: Refusal::Unavailable, why: format!("nothing was sent: {error}") })
            }
        }
    }

    /// Whether a payment is worth a note and a transaction: whom nobody can make pay leaves no trace.
    fn check<N: Node, J: Journal>(
        &self,
        sender: &mut Sender<N, J>,
        payment: &Payment,
    ) -> Result<(), Refused> {
        let code = sender.chain().code(payment.info.payer, At::Latest);
        let is_contract = match code {
            Ok(code) => !code.is_empty(),
            Err(error) => return Err((Refusal::Unavailable, error.to_string())),
        };
        self.terms.check_signature(payment, is_contract)?;
        if is_contract && !self.terms.contracts {
            let why = "accounts that are contracts are not served here";
            return Err((Refusal::Signature, why.into()));
        }
        let (from, most) = (sender.address(), sender.config().max_gas);
        let gas = sender.chain().gas(from, self.terms.escrow, &payment.authorize(), most);
        match gas {
            Ok(Reply::Ok(_)) => Ok(()),
            Ok(Reply::Reverted(why)) => Err((Refusal::Simulation, why)),
            Err(error) => Err((Refusal::Unavailable, error.to_string())),
        }
    }

    fn go<N: Node, J: Journal>(
        &self,
        sender: &mut Sender<N, J>,
        record: &SaleRecord,
        act: Act,
    ) -> Result<Outcome, EvmError> {
        let mut step = Step { act, payment: &record.payment, terms: &self.terms };
        sender.perform(&act.key(&record.name), act.asked(&record.name), &mut step)
    }

    /// The answer of a payment ended, well or not: so much of it is to be captured, and never more than is held.
    ///
    /// # Errors
    /// [`KeepError`]: then nothing is captured.
    pub fn end(&mut self, name: &str, amount: u128) -> Result<(), KeepError> {
        let serving = self.records.get(name).filter(|record| record.stage == Stage::Serving).cloned();
        let Some(record) = serving else { return Ok(()) };
        let amount = amount.min(record.payment.info.max_amount);
        self.put(record, Stage::Due { amount })
    }

    /// Goes on with payments whose answers ended or whose buyers left, and forgets those that nobody can use again. Says whether
    /// something is left to do.
    ///
    /// # Errors
    /// When the node does not say or the disk fails: the next round goes on.
    pub fn tend<N: Node, J: Journal>(
        &mut self,
        sender: &mut Sender<N, J>,
        now: Timestamp,
    ) -> Result<bool, EvmError> {
        let mut open = self.all(|record| !record.is_over() && record.stage != Stage::Serving);
        let is_left = !open.is_empty();
        let start = self.rounds.wrapping_mul(ROUND).checked_rem(open.len()).unwrap_or_default();
        open.rotate_left(start);
        self.rounds = self.rounds.wrapping_add(1);
        for record in open.into_iter().take(ROUND) {
            match record.stage {
                Stage::Due { amount } => self.take(sender, record, amount)?,
                _ if now.seconds().saturating_sub(record.at.seconds()) >= ABANDONED_S => {
                    self.give_up(sender, record)?;
                }
                _ => {}
            }
        }
        self.forget(now)?;
        Ok(is_left)
    }

    /// Captures what is due, then gives back the rest.
    fn take<N: Node, J: Journal>(
        &mut self,
        sender: &mut Sender<N, J>,
        record: SaleRecord,
        amount: u128,
    ) -> Result<(), EvmError> {
        let mut captured = amount;
        if amount > 0 {
            match self.go(sender, &record, Act::Capture(amount))? {
                Outcome::Done { .. } => {}
                // The buyer may reclaim what is held then.
                Outcome::Failed { .. } => captured = 0,
                Outcome::Unknown => return Ok(()),
            }
        }
        if captured < record.payment.info.max_amount
            && self.go(sender, &record, Act::Void)? == Outcome::Unknown
        {
            return Ok(());
        }
        Ok(self.put(record, Stage::Over { captured })?)
    }

    /// A payment that nobody asks for: what is held of it goes back.
    fn give_up<N: Node, J: Journal>(
        &mut self,
        sender: &mut Sender<N, J>,
        record: SaleRecord,
    ) -> Result<(), EvmError> {
        let mut step = Step { act: Act::Hold, payment: &record.payment, terms: &self.terms };
        let (key, asked) = (Act::Hold.key(&record.name), Act::Hold.asked(&record.name));
        match sender.query(&key, asked, &mut step)? {
            Outcome::Done { .. } => Ok(self.put(record, Stage::Due { amount: 0 })?),
            Outcome::Failed { reason } => Ok(self.put(record, Stage::Refused { reason })?),
            Outcome::Unknown => Ok(()),
        }
    }

    fn forget(&mut self, now: Timestamp) -> Result<(), KeepError> {
        let now = u64::try_from(now.seconds()).unwrap_or_default();
        let is_past = |record: &SaleRecord| {
            record.is_over() && record.payment.info.pre_approval_expiry.saturating_add(KEPT_S) < now
        };
        if self.records.records().filter(|record| is_past(record)).take(FORGET).count() < FORGET {
            return Ok(());
        }
        self.records.prune(&mut |record| !is_past(record)).map(drop)
    }
}

/// The transaction that holds a payment: the one that a block has, else the last that was sent.
fn held_by<N: Node, J: Journal>(sender: &mut Sender<N, J>, name: &str) -> String {
    let record = sender.journal().get(&Act::Hold.key(name));
    let hashes: Vec<_> =
        record.into_iter().flat_map(|record| &record.attempts).map(|attempt| attempt.hash).collect();
    let is_done =
        |hash: &&crate::Word| matches!(sender.chain().receipt(**hash), Ok(Some(receipt)) if receipt.done);
    let done = hashes.iter().rev().find(is_done).or_else(|| hashes.last());
    done.map(ToString::to_string).unwrap_or_default()
}
