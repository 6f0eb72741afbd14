//! The default rail: holds and transfers in our own ledger.
//!
//! Each source of funds has a hold towards a clearing account; all are made by one command. A release posts from the holds
//! in order and passes the money on to payee and fees in the same command, so the clearing account is empty between
//! commands. What a call became is what the ledger answered to its key.

use super::{Ask, Call, Capabilities, LEDGER_RAIL, Outcome, Rail};
use crate::PayError;
use crate::escrow::{Source, TaskContract};
use crate::ledger::{self, Account, Book, Bound, Command, HoldId, Op, Rest};
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Asset};

/// Why a ledger gave no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum LedgerFault {
    /// The command may have been decided or not.
    Unknown,
    /// The command was not decided and, as it is, never will be; for [`PayError::Full`], not now.
    NotTaken(PayError),
    /// Others wrote first: it was not decided, and rests on what is no longer the last word.
    Behind,
}

/// Whatever decides commands and keeps them: a [`Book`] in memory, or a journal.
pub trait Ledger {
    /// Decides a command, durably.
    ///
    /// # Errors
    /// See [`LedgerFault`].
    fn apply(&mut self, command: Command) -> Result<(u64, ledger::Outcome), LedgerFault>;
    /// The entry that decided a key, however long ago, and what it decided.
    ///
    /// # Errors
    /// [`LedgerFault::Unknown`] when the ledger cannot be read.
    fn find(&mut self, key: &str) -> Result<Option<(u64, ledger::Outcome)>, LedgerFault>;
    /// The account as it is now, if there is one.
    ///
    /// # Errors
    /// [`LedgerFault::Unknown`] when the ledger cannot be read.
    fn account(&mut self, id: &AccountId) -> Result<Option<Account>, LedgerFault>;
}

impl Ledger for Book {
    /// At the book's own time. It is in memory, so it remembers keys only as long as its limits say.
    fn apply(&mut self, command: Command) -> Result<(u64, ledger::Outcome), LedgerFault> {
        let decision = Self::apply(self, self.time(), command).map_err(LedgerFault::NotTaken)?;
        Ok((decision.seq(), decision.outcome().clone()))
    }

    fn find(&mut self, key: &str) -> Result<Option<(u64, ledger::Outcome)>, LedgerFault> {
        Ok(self.answered(key).map(|(seq, outcome)| (seq, outcome.clone())))
    }

    fn account(&mut self, id: &AccountId) -> Result<Option<Account>, LedgerFault> {
        Ok(Self::account(self, id).copied())
    }
}

/// See the module.
#[derive(Debug)]
pub struct LedgerRail<L> {
    ledger: L,
    clearing: AccountId,
}

impl<L: Ledger> LedgerRail<L> {
    /// The rail over a ledger that has the clearing account.
    pub const fn new(ledger: L, clearing: AccountId) -> Self {
        Self { ledger, clearing }
    }

    /// The ledger.
    pub const fn ledger(&mut self) -> &mut L {
        &mut self.ledger
    }

    fn command(&self, call: &Call) -> Result<Command, PayError> {
        let ops = match &call.ask {
            Ask::Hold { funding } => funding.iter().map(|source| self.hold(source)).collect(),
            Ask::Release { held, funding, before, amount, parts, last } => {
                let mut ops = post(&holds(held, funding)?, *before, *amount, *last)?;
                ops.extend(parts.iter().map(|part| Op::Transfer {
                    amount: part.amount,
                    credit: part.account.clone(),
                    debit: self.clearing.clone(),
                }));
                ops
            }
            Ask::Refund { held, funding, before } => {
                let open = open(&holds(held, funding)?, *before)?;
                open.into_iter().map(|(hold, ..)| Op::Void { hold }).collect()
            }
        };
        Command::new(call.key.clone(), ops)
    }

    fn hold(&self, source: &Source) -> Op {
        let (credit, debit) = (self.clearing.clone(), source.account.clone());
        Op::Hold { amount: source.amount, credit, debit, expires: None, linked: false }
    }

    /// An account is there, counts what the price is counted in and, if it is to be paid, can be. None of that ever changes, so
    /// what is held for it can be released to it.
    fn check_account(&mut self, id: &AccountId, asset: Asset, is_paid: bool) -> Result<(), PayError> {
        let bad = |wanted| Err(PayError::bad("account", id.as_str(), wanted));
        match self.ledger.account(id) {
            Err(_) => bad("one that the ledger can say something of: try again"),
            Ok(None) => bad("an account of the ledger: open it first"),
            Ok(Some(account)) if account.asset != asset => bad("counted in the asset of the price"),
            Ok(Some(account)) if is_paid && account.bound == Bound::CreditsWithinDebits => {
                bad("an account that can be paid: this one's credits are bounded by its debits")
            }
            Ok(Some(_)) => Ok(()),
        }
    }
}

impl<L: Ledger> Rail for LedgerRail<L> {
    fn name(&self) -> &str {
        LEDGER_RAIL
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { stages: true, fees: true, groups: true }
    }

    fn prepare(&mut self, contract: &TaskContract) -> Result<(), PayError> {
        let paid = contract.fees.iter().map(|fee| (&fee.account, true));
        let paid = paid.chain([(&contract.payee.account, true)]);
        let named: Vec<_> =
            contract.funding.iter().map(|source| (&source.account, false)).chain(paid).collect();
        if named.iter().any(|(account, _)| **account == self.clearing) {
            let wanted = "an account of a party: the rail clears through this one";
            return Err(PayError::bad("account", self.clearing.as_str(), wanted));
        }
        self.capabilities().check(contract)?;
        let (clearing, asset) = (self.clearing.clone(), contract.price.asset());
        named
            .into_iter()
            .chain([(&clearing, true)])
            .try_for_each(|(id, is_paid)| self.check_account(id, asset, is_paid))
    }

    fn perform(&mut self, call: &Call) -> Outcome {
        let command = match self.command(call) {
            Ok(command) => command,
            Err(error) => return Outcome::Failed { reason: error.to_string() },
        };
        match self.ledger.apply(command) {
            Ok((seq, outcome)) => said(seq, &outcome),
            // A bound was reached: it may be raised, so the call may still take effect.
            Err(
                LedgerFault::Unknown | LedgerFault::Behind | LedgerFault::NotTaken(PayError::Full { .. }),
            ) => Outcome::Unknown,
            Err(LedgerFault::NotTaken(error)) => Outcome::Failed { reason: error.to_string() },
        }
    }

    fn query(&mut self, call: &Call) -> Outcome {
        match self.ledger.find(&call.key) {
            Ok(Some((seq, outcome))) => said(seq, &outcome),
            Ok(None) | Err(_) => Outcome::Unknown,
        }
    }
}

/// What the ledger decided, as the rail says it: the entry's number, then the holds that it made.
fn said(seq: u64, outcome: &ledger::Outcome) -> Outcome {
    match outcome {
        ledger::Outcome::Applied { holds } => {
            let proof = holds.iter().fold(seq.to_string(), |proof, hold| format!("{proof}/{hold}"));
            Outcome::Done { proof }
        }
        ledger::Outcome::Refused { op, why } => Outcome::Failed { reason: format!("operation {op}: {why}") },
    }
}

/// Holds with what each was made for, in the order of the funding.
fn holds(held: &str, funding: &[Source]) -> Result<Vec<(HoldId, Amount)>, PayError> {
    let bad = || PayError::bad("held funds", held, "an entry's number and a hold for each source");
    let mut ids = held.split('/').skip(1).map(str::parse::<HoldId>);
    let holds: Option<Vec<_>> =
        funding.iter().map(|source| Some((ids.next()?.ok()?, source.amount))).collect();
    holds.filter(|_| ids.next().is_none()).ok_or_else(bad)
}

/// Holds of which something is left after `before` was paid out in order, with what is left.
fn open(holds: &[(HoldId, Amount)], before: Amount) -> Result<Vec<(HoldId, i128)>, PayError> {
    let overflow = || PayError::bad("held funds", &before.to_string(), "sums of at most 128 bits");
    let (mut gone, mut open) = (before.minor(), Vec::new());
    for (hold, amount) in holds {
        let used = gone.min(amount.minor());
        gone = gone.checked_sub(used).ok_or_else(overflow)?;
        let left = amount.minor().checked_sub(used).ok_or_else(overflow)?;
        if left > 0 {
            open.push((*hold, left));
        }
    }
    Ok(open)
}

/// Posts `amount` from the holds in order; what the last release leaves goes back.
fn post(holds: &[(HoldId, Amount)], before: Amount, amount: Amount, last: bool) -> Result<Vec<Op>, PayError> {
    let (mut wanted, mut ops) = (amount.minor(), Vec::new());
    for (hold, left) in open(holds, before)? {
        let taken = wanted.min(left);
        wanted = wanted.saturating_sub(taken);
        if taken > 0 {
            let rest = if last { Rest::Release } else { Rest::Keep };
            ops.push(Op::Post { amount: Some(Amount::new(taken, amount.asset())), hold, rest });
        } else if last {
            ops.push(Op::Void { hold });
        }
    }
    if wanted > 0 || ops.is_empty() {
        return Err(PayError::bad(
            "release",
            &amount.to_string(),
            "more than nothing, and no more than is left",
        ));
    }
    Ok(ops)
}
