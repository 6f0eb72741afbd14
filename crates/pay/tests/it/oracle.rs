//! A ledger so plain that it is easy to believe: lists searched from the start, state copied before each command.

use std::collections::BTreeMap;
use tollgate_pay::ledger::{Bound, Command, HoldId, Op, Rest};

/// Posted and pending debits and credits of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) posted: (i128, i128),
    pub(crate) pending: (i128, i128),
}

#[derive(Clone, Debug)]
struct Held {
    debit: String,
    credit: String,
    left: i128,
    expires: Option<i64>,
    group: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) accounts: BTreeMap<String, (Bound, Sums)>,
    holds: BTreeMap<u64, Held>,
    next: u64,
}

impl Oracle {
    /// Whether the command applies; the state changes only then, but for what expires.
    pub(crate) fn apply(&mut self, now: i64, command: &Command) -> bool {
        let due = |hold: &Held| hold.expires.is_some_and(|at| at <= now);
        let ended: Vec<u64> = self.holds.iter().filter(|(_, h)| due(h)).map(|(id, _)| *id).collect();
        for id in ended {
            self.release(id);
        }
        let before = self.clone();
        let good = command.ops().iter().all(|op| self.op(now, op)) && self.close(&before, command);
        if !good {
            *self = before;
        }
        good
    }

    fn op(&mut self, now: i64, op: &Op) -> bool {
        match op {
            Op::Open { bound, id, .. } => {
                self.accounts.insert(id.to_string(), (*bound, Sums::default())).is_none()
            }
            Op::Transfer { amount, credit, debit } => {
                let (d, c, m) = (debit.to_string(), credit.to_string(), amount.minor());
                if !self.may(&d, &c, m) {
                    return false;
                }
                self.sums(&d).posted.0 += m;
                self.sums(&c).posted.1 += m;
                true
            }
            Op::Hold { amount, credit, debit, expires, .. } => {
                let (d, c, m) = (debit.to_string(), credit.to_string(), amount.minor());
                let expires = expires.map(|t| t.0);
                if !self.may(&d, &c, m) || expires.is_some_and(|at| at <= now) {
                    return false;
                }
                self.sums(&d).pending.0 += m;
                self.sums(&c).pending.1 += m;
                self.holds.insert(self.next, Held { debit: d, credit: c, left: m, expires, group: None });
                self.next += 1;
                true
            }
            Op::Post { amount, hold, rest } => self.post(hold.0, amount.map(|a| a.minor()), *rest),
            Op::Void { hold } => self.release(hold.0),
            // Mandates have an oracle of their own.
            Op::Admit(_) | Op::Close { .. } | Op::Revoke { .. } => false,
            Op::Record { .. } | Op::Sweep => true,
        }
    }

    fn post(&mut self, id: u64, minor: Option<i128>, rest: Rest) -> bool {
        let Some(hold) = self.holds.get(&id).cloned() else { return false };
        let minor = minor.unwrap_or(hold.left);
        if minor <= 0 || minor > hold.left {
            return false;
        }
        let debit = self.sums(&hold.debit);
        (debit.pending.0, debit.posted.0) = (debit.pending.0 - minor, debit.posted.0 + minor);
        let credit = self.sums(&hold.credit);
        (credit.pending.1, credit.posted.1) = (credit.pending.1 - minor, credit.posted.1 + minor);
        self.holds.insert(id, Held { left: hold.left - minor, ..hold });
        if hold.left == minor {
            self.holds.remove(&id);
        } else if rest == Rest::Release {
            self.release(id);
        }
        true
    }

    fn release(&mut self, id: u64) -> bool {
        let Some(hold) = self.holds.remove(&id) else { return false };
        self.sums(&hold.debit).pending.0 -= hold.left;
        self.sums(&hold.credit).pending.1 -= hold.left;
        true
    }

    /// Groups: none is split, and the linked holds that were made become one.
    fn close(&mut self, before: &Self, command: &Command) -> bool {
        for (id, held) in &before.holds {
            let Some(group) = held.group.filter(|_| !self.holds.contains_key(id)) else { continue };
            if self.holds.values().any(|other| other.group == Some(group)) {
                return false;
            }
        }
        let made = command.ops().iter().filter_map(|op| match op {
            Op::Hold { linked, .. } => Some(*linked),
            _ => None,
        });
        let linked: Vec<u64> =
            (before.next..).zip(made).filter(|(_, linked)| *linked).map(|(id, _)| id).collect();
        if linked.windows(2).any(|pair| pair[1] != pair[0] + 1) {
            return false;
        }
        // What was made and resolved by the same command still names the earliest moment.
        let moments = command.ops().iter().filter_map(|op| match op {
            Op::Hold { linked: true, expires, .. } => expires.map(|t| t.0),
            _ => None,
        });
        let earliest = moments.min();
        for id in &linked {
            if let Some(hold) = self.holds.get_mut(id) {
                (hold.group, hold.expires) = (Some(linked[0]), earliest);
            }
        }
        true
    }

    fn may(&self, debit: &str, credit: &str, minor: i128) -> bool {
        let (Some((d_bound, d)), Some((c_bound, c))) = (self.accounts.get(debit), self.accounts.get(credit))
        else {
            return false;
        };
        let pays = *d_bound != Bound::DebitsWithinCredits || d.posted.1 - d.posted.0 - d.pending.0 >= minor;
        let takes = *c_bound != Bound::CreditsWithinDebits || c.posted.0 - c.posted.1 - c.pending.1 >= minor;
        debit != credit && minor > 0 && pays && takes
    }

    fn sums(&mut self, id: &str) -> &mut Sums {
        &mut self.accounts.get_mut(id).unwrap().1
    }

    pub(crate) fn open(&self) -> Vec<HoldId> {
        self.holds.keys().copied().map(HoldId).collect()
    }
}
