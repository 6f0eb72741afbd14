//! A dispute in one file: every entry of an escrow with its proof, which replays offline to the same verdict.
//!
//! Statements, contract and signatures are in the entries, so whoever knows the log's key needs nothing else, years later.

use super::{Desk, Escrow, Event, Member, Owner, Record, SettlementPlane, read};
use crate::PayError;
use crate::json::plain_text;
use crate::ledger::{Command, Entry, Op};
use crate::log::Receipt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tollgate_core::{Digest, Timestamp};

/// Most entries of a bundle.
const ENTRIES_MAX: usize = 16_384;

/// The version of the form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Form {
    #[serde(rename = "tollgate/dispute-bundle/v1")]
    V1,
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Receipts (C2SP tlog-proof with the entry) in the order of the log.
    entries: Vec<String>,
    /// The contract's digest.
    escrow: Digest,
    r#type: Form,
}

/// What a bundle shows.
#[derive(Clone, PartialEq, Debug)]
pub struct Replayed {
    /// The escrow after the last entry.
    pub escrow: Escrow,
    /// Each event with its place in the log.
    pub events: Vec<(u64, Timestamp, Event)>,
    /// Size of the log that the last proof is about: what came later is not shown.
    pub log_size: u64,
}

impl Bundle {
    /// The bundle of an escrow's entries, which are receipts that hold the entry.
    #[must_use]
    pub fn new(escrow: Digest, receipts: &[Receipt]) -> Self {
        Self { entries: receipts.iter().map(ToString::to_string).collect(), escrow, r#type: Form::V1 }
    }

    /// Reads a bundle; nothing is checked yet.
    ///
    /// # Errors
    /// [`PayError::Bad`] when it is none.
    pub fn parse(text: &[u8]) -> Result<Self, PayError> {
        let bundle: Self = read("dispute bundle", text)?;
        if bundle.entries.len() > ENTRIES_MAX {
            return Err(PayError::bad("bundle entries", &bundle.entries.len().to_string(), "at most 16,384"));
        }
        Ok(bundle)
    }

    /// The bundle as one line of JSON.
    #[must_use]
    pub fn text(&self) -> String {
        plain_text(self)
    }

    /// Whose it is.
    #[must_use]
    pub const fn escrow(&self) -> Digest {
        self.escrow
    }

    /// Checks that every entry is in the log, and the log cosigned by the witnesses that the plane wants, that all events follow from each other by the rules, every signature
    /// included, and that none is left out between the first and the last.
    ///
    /// # Errors
    /// [`PayError::NotProven`], [`PayError::Diverged`] or [`PayError::Bad`] with what does not hold.
    pub fn replay(&self, plane: &SettlementPlane) -> Result<Replayed, PayError> {
        let refused = |reason: String| PayError::NotProven { what: "dispute bundle", reason };
        let (mut desk, mut events, mut log_size, mut last) =
            (Desk::only(plane.clone(), self.escrow), Vec::new(), 0, None);
        for text in &self.entries {
            let receipt = Receipt::parse(text)?;
            let bytes =
                receipt.extra.as_deref().ok_or_else(|| refused("a receipt lacks its entry".into()))?;
            log_size = receipt.verify(bytes, plane.log(), plane.origin())?.size;
            plane.seen(&receipt.checkpoint)?;
            let entry: Entry = serde_json::from_slice(bytes)
                .map_err(|error| refused(format!("entry {} is none of a ledger: {error}", receipt.index)))?;
            if entry.seq != receipt.index || last.is_some_and(|last| last >= entry.seq) {
                return Err(refused(format!("entry {} stands in another place", entry.seq)));
            }
            last = Some(entry.seq);
            desk.fold(&entry.command, &entry.outcome, entry.seq)?;
            if let Some(record) = Record::of(&entry.command)? {
                events.push((entry.seq, record.at, record.event));
            }
        }
        let escrow = desk.escrow(&self.escrow).cloned();
        let escrow = escrow.ok_or_else(|| refused(format!("it says nothing of escrow {}", self.escrow)))?;
        Ok(Replayed { escrow, events, log_size })
    }
}

/// Which entries of the log belong into the bundle of an escrow. It is asked of all of them, in the log's order.
#[derive(Debug)]
pub struct Needs<'a> {
    escrow: &'a Escrow,
    /// Keys of the calls of all groups that it was locked with, whatever became of them.
    calls: BTreeSet<String>,
}

impl<'a> Needs<'a> {
    /// Those of this escrow.
    #[must_use]
    pub const fn new(escrow: &'a Escrow) -> Self {
        Self { escrow, calls: BTreeSet::new() }
    }

    /// Whether the next entry belongs there: it is about the escrow or the group that it was locked with, it says who owns the money,
    /// or it ended what the escrow's mandate counted.
    ///
    /// # Errors
    /// [`PayError::Bad`] for an owner's record that is none.
    pub fn wants(&mut self, command: &Command) -> Result<bool, PayError> {
        let escrow = self.escrow;
        let record = Record::of(command)?.filter(|record| record.is_about(&escrow.id));
        if let Some(Event::LockTogether(members)) = record.as_ref().map(|record| &record.event) {
            self.calls.extend(members.first().map(Member::call));
        }
        let about = record.is_some()
            || self.calls.contains(command.key())
            || command.key().starts_with(&format!("escrow:{}:", escrow.id));
        let sources = &escrow.contract.funding;
        let paid = &escrow.contract.payee.account;
        let pays = |owner: &Owner| {
            owner.account() == paid || sources.iter().any(|source| source.account == *owner.account())
        };
        let closes = |op: &Op| matches!(op, Op::Close { admission, .. } if escrow.admission.is_some_and(|a| a.id == *admission));
        Ok(about || command.ops().iter().any(closes) || Owner::of(command)?.iter().any(pays))
    }
}
