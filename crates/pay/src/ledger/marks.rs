//! What the ledger remembers about mandates: names that were used, what was spent under each, what is live.
//!
//! A mark is forgotten when its mandate has ended by the ledger's own time and nothing under it is live: from then on every
//! admission that could ask for it is refused for its end, so that forgetting can never be noticed. A challenge is the one name
//! that is not made of its mandate's: whoever gives the same one out again, after the end of the mandate that answered it, may have
//! it answered under another.

use super::book::Book;
use super::grant::{Admission, Closing, SHARES_MAX, Share, Unmet};
use super::undo::Step;
use super::{Op, Refusal};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use tollgate_core::{Amount, Digest, Timestamp};

/// Marks forgotten at one command at most.
const FORGET_STEP: usize = 16;

/// What is known of a name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Mark {
    /// An open mandate.
    Mandate(Counted),
    /// An authorisation; with what is needed to close it while it is live.
    Authorisation { live: Option<Box<Live>>, until: Option<Timestamp> },
    /// A challenge that was answered, or a transaction that is paid or being paid.
    Name { until: Option<Timestamp> },
}

/// What was counted under an open mandate.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counted {
    last: Option<Timestamp>,
    live: Option<Digest>,
    payments: u64,
    revoked: bool,
    spent: Option<Amount>,
    until: Option<Timestamp>,
}

/// What a live admission has counted, to give it back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Live {
    amount: Amount,
    /// Each mandate with when its last payment had been before.
    shares: SmallVec<[(Digest, Option<Timestamp>); 2]>,
    transaction: Digest,
}

impl Mark {
    /// When it may be forgotten: never while something is live.
    fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Mandate(counted) => counted.until.filter(|_| counted.live.is_none()),
            Self::Authorisation { live, until } => until.filter(|_| live.is_none()),
            Self::Name { until } => *until,
        }
    }
}

/// All marks, and which may be forgotten when.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Marks {
    known: BTreeMap<Digest, Mark>,
    due: BTreeSet<(Timestamp, Digest)>,
}

impl Marks {
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Digest, &Mark)> {
        self.known.iter().map(|(name, mark)| (*name, mark))
    }

    /// Puts a mark in place, or removes it; answers what stood there.
    pub(super) fn put(&mut self, name: Digest, mark: Option<Mark>) -> Option<Mark> {
        if let Some(due) = mark.as_ref().and_then(Mark::due) {
            self.due.insert((due, name));
        }
        let due = mark.as_ref().and_then(Mark::due);
        let before = match mark {
            Some(mark) => self.known.insert(name, mark),
            None => self.known.remove(&name),
        };
        if let Some(old) = before.as_ref().and_then(Mark::due).filter(|old| Some(*old) != due) {
            self.due.remove(&(old, name));
        }
        before
    }

    /// Forgets some marks whose time is over.
    pub(super) fn forget(&mut self, now: Timestamp) {
        for _ in 0..FORGET_STEP {
            let Some((_, name)) = self.due.first().copied().filter(|(due, _)| *due <= now) else { break };
            self.put(name, None);
        }
    }
}

/// A refusal about a mandate or another name.
fn unmet(name: Digest, why: Unmet) -> Refusal {
    Refusal::Mandate { name, why: Box::new(why) }
}

/// Most marks that a command may add.
pub(super) fn added(op: &Op) -> usize {
    match op {
        Op::Admit(admission) => admission.shares.len().saturating_add(admission.once.len()).saturating_add(2),
        Op::Revoke { .. } => 1,
        _ => 0,
    }
}

impl Book {
    fn mark(&mut self, name: Digest, mark: Option<Mark>) {
        let before = self.marks.put(name, mark);
        self.steps.push(Step::Mark { name, before });
    }

    /// Uses a name up.
    fn use_up(&mut self, name: Digest, mark: Mark) -> Result<(), Refusal> {
        if self.marks.known.contains_key(&name) {
            return Err(unmet(name, Unmet::Used));
        }
        self.mark(name, Some(mark));
        Ok(())
    }

    pub(super) fn admit(&mut self, now: Timestamp, asked: &Admission) -> Result<(), Refusal> {
        let Admission { amount, id, once, shares, transaction, until } = asked;
        let other = |share: &Share| share.budget.is_some_and(|budget| budget.asset() != amount.asset());
        if amount.minor() <= 0 || shares.is_empty() || shares.len() > SHARES_MAX || shares.iter().any(other) {
            return Err(unmet(*id, Unmet::Malformed));
        }
        if let Some(until) = until.filter(|until| *until <= now) {
            return Err(unmet(*id, Unmet::Ended { until, now }));
        }
        let mut live = Live { amount: *amount, shares: SmallVec::new(), transaction: *transaction };
        for share in shares {
            if live.shares.iter().any(|(mandate, _)| *mandate == share.mandate) {
                return Err(unmet(*id, Unmet::Malformed));
            }
            live.shares.push((share.mandate, self.count(now, *id, *amount, share)?));
        }
        for name in once {
            self.use_up(*name, Mark::Name { until: *until })?;
        }
        // The same transaction is not paid again by a later authorisation under the principal's mandate either.
        let until_root = shares.first().and_then(|share| share.until);
        self.use_up(*transaction, Mark::Name { until: until_root })?;
        self.use_up(*id, Mark::Authorisation { live: Some(Box::new(live)), until: *until })
    }

    /// Counts a payment under one mandate; answers when the last one before it was.
    fn count(
        &mut self,
        now: Timestamp,
        id: Digest,
        amount: Amount,
        share: &Share,
    ) -> Result<Option<Timestamp>, Refusal> {
        let no = |why| Err(unmet(share.mandate, why));
        if let Some(until) = share.until.filter(|until| *until <= now) {
            return no(Unmet::Ended { until, now });
        }
        let counted = match self.marks.known.get(&share.mandate) {
            None => Counted { until: share.until, ..Counted::default() },
            Some(Mark::Mandate(counted)) => counted.clone(),
            Some(_) => return no(Unmet::Used),
        };
        if counted.revoked {
            return no(Unmet::Revoked);
        }
        if let Some(live) = counted.live {
            return no(Unmet::Live { live });
        }
        if share.occurrences.is_some_and(|most| counted.payments >= most) {
            return no(Unmet::Exhausted { payments: counted.payments });
        }
        if let (Some(period), Some(last)) = (share.period, counted.last)
            && period.allows(last, now) != Some(true)
        {
            return no(Unmet::Period { last });
        }
        let nothing = Amount::new(0, amount.asset());
        let spent = counted.spent.filter(|spent| spent.minor() != 0).unwrap_or(nothing);
        let sum = spent.minor().checked_add(amount.minor());
        let within = |sum: &i128| share.budget.is_none_or(|budget| *sum <= budget.minor());
        // What was spent in another asset cannot be compared with this one.
        let sum = sum.filter(|sum| spent.asset() == amount.asset() && within(sum));
        let (Some(sum), Some(payments)) = (sum, counted.payments.checked_add(1)) else {
            let budget = share.budget.unwrap_or_else(|| Amount::new(i128::MAX, amount.asset()));
            return no(Unmet::Budget { budget, spent, wanted: amount });
        };
        let last = counted.last;
        let spent = Some(Amount::new(sum, amount.asset()));
        let counted = Counted { last: Some(now), live: Some(id), payments, spent, ..counted };
        self.mark(share.mandate, Some(Mark::Mandate(counted)));
        Ok(last)
    }

    pub(super) fn close(&mut self, id: Digest, how: Closing) -> Result<(), Refusal> {
        let Some(Mark::Authorisation { live: Some(live), until }) = self.marks.known.get(&id).cloned() else {
            return Err(unmet(id, Unmet::NotLive));
        };
        self.mark(id, Some(Mark::Authorisation { live: None, until }));
        for (mandate, last) in live.shares {
            let Some(Mark::Mandate(counted)) = self.marks.known.get(&mandate).cloned() else { continue };
            let mut counted = Counted { live: None, ..counted };
            if how == Closing::Rejected {
                let spent = counted.spent.and_then(|spent| spent.checked_sub(live.amount).ok());
                counted = Counted { last, payments: counted.payments.saturating_sub(1), spent, ..counted };
            }
            self.mark(mandate, Some(Mark::Mandate(counted)));
        }
        if how == Closing::Rejected {
            self.mark(live.transaction, None);
        }
        Ok(())
    }

    /// A mandate that is revoked admits nothing more; what is live under it may be completed.
    pub(super) fn revoke(&mut self, mandate: Digest, until: Option<Timestamp>) -> Result<(), Refusal> {
        let counted = match self.marks.known.get(&mandate) {
            None => Counted { until, ..Counted::default() },
            Some(Mark::Mandate(counted)) => counted.clone(),
            Some(_) => return Err(unmet(mandate, Unmet::Used)),
        };
        self.mark(mandate, Some(Mark::Mandate(Counted { revoked: true, ..counted })));
        Ok(())
    }

    /// What was counted under a mandate: payments, what was spent, when the last was, and whether it was revoked.
    #[must_use]
    pub fn mandate(&self, name: Digest) -> Option<(u64, Option<Amount>, Option<Timestamp>, bool)> {
        match self.marks.known.get(&name)? {
            Mark::Mandate(counted) => Some((counted.payments, counted.spent, counted.last, counted.revoked)),
            _ => None,
        }
    }
}
