//! The operations of a command, one by one. Each either takes effect and says how to undo it, or changes nothing.

use super::book::{Book, Reservation};
use super::undo::Step;
use super::{Account, Bound, Command, HoldId, Op, Refusal, Rest};
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Asset, Timestamp};

/// A change of one account's sums, `None` on overflow.
type Change = fn(&Account, u128) -> Option<Account>;

impl Book {
    pub(super) fn operation(&mut self, now: Timestamp, op: &Op) -> Result<(), Refusal> {
        match op {
            Op::Open { asset, bound, id } => self.open(*asset, *bound, id),
            Op::Transfer { amount, credit, debit } => self.transfer(*amount, credit, debit),
            Op::Hold { amount, credit, debit, expires, linked: _ } => {
                self.reserve(now, *amount, credit, debit, *expires)
            }
            Op::Post { amount, hold, rest } => self.post(now, *amount, *hold, *rest),
            Op::Void { hold } => self.open_hold(now, *hold).and_then(|_| self.release(*hold)),
            Op::Admit(admission) => self.admit(now, admission),
            Op::Close { admission, how } => self.close(*admission, *how),
            Op::Revoke { mandate, until } => self.revoke(*mandate, *until),
            Op::Record { .. } | Op::Sweep => Ok(()),
        }
    }

    fn open(&mut self, asset: Asset, bound: Bound, id: &AccountId) -> Result<(), Refusal> {
        if self.places.contains_key(id) {
            return Err(Refusal::AccountExists { account: id.clone() });
        }
        self.places.insert(id.clone(), self.accounts.len());
        self.accounts.push((id.clone(), Account::new(asset, bound)));
        self.steps.push(Step::Opened);
        Ok(())
    }

    fn transfer(&mut self, amount: Amount, credit: &AccountId, debit: &AccountId) -> Result<(), Refusal> {
        let (debit, credit, minor) = self.sides(amount, debit, credit)?;
        self.check_room(debit, credit, minor)?;
        self.change(debit, minor, |a, m| {
            let mut a = *a;
            a.posted.debits = a.posted.debits.checked_add(m)?;
            Some(a)
        })?;
        self.change(credit, minor, |a, m| {
            let mut a = *a;
            a.posted.credits = a.posted.credits.checked_add(m)?;
            Some(a)
        })
    }

    fn reserve(
        &mut self,
        now: Timestamp,
        amount: Amount,
        credit: &AccountId,
        debit: &AccountId,
        expires: Option<Timestamp>,
    ) -> Result<(), Refusal> {
        let (debit, credit, minor) = self.sides(amount, debit, credit)?;
        if let Some(expires) = expires.filter(|expires| *expires <= now) {
            return Err(Refusal::AlreadyExpired { expires, now });
        }
        self.check_room(debit, credit, minor)?;
        self.change(debit, minor, pend_debit)?;
        self.change(credit, minor, pend_credit)?;
        let id = HoldId(self.next_hold);
        self.next_hold = self.next_hold.saturating_add(1);
        self.put_hold(id, Reservation { debit, credit, left: minor, expires, group: None });
        self.steps.push(Step::Held { hold: id });
        Ok(())
    }

    fn post(
        &mut self,
        now: Timestamp,
        amount: Option<Amount>,
        id: HoldId,
        rest: Rest,
    ) -> Result<(), Refusal> {
        let hold = self.open_hold(now, id)?;
        let minor = match amount {
            None => hold.left,
            Some(amount) => {
                let (account, has) = self.at(hold.debit);
                if amount.asset() != has.asset {
                    return Err(Refusal::OtherAsset {
                        account: account.clone(),
                        has: has.asset,
                        wanted: amount.asset(),
                    });
                }
                positive(amount)?
            }
        };
        let left = hold.left.checked_sub(minor).ok_or(Refusal::BeyondHold {
            hold: id,
            left: hold.left,
            wanted: minor,
        })?;
        // What was reserved becomes posted; both bounds held when it was reserved, so they hold now.
        self.change(hold.debit, minor, |a, m| {
            let mut a = *a;
            a.pending.debits = a.pending.debits.checked_sub(m)?;
            a.posted.debits = a.posted.debits.checked_add(m)?;
            Some(a)
        })?;
        self.change(hold.credit, minor, |a, m| {
            let mut a = *a;
            a.pending.credits = a.pending.credits.checked_sub(m)?;
            a.posted.credits = a.posted.credits.checked_add(m)?;
            Some(a)
        })?;
        self.steps.push(Step::Hold { hold: id, before: hold });
        self.put_hold(id, Reservation { left, ..hold });
        if left == 0 {
            self.remove_hold(id);
        } else if rest == Rest::Release {
            self.release(id)?;
        }
        Ok(())
    }

    /// Gives back what an open hold still reserves.
    pub(super) fn release(&mut self, id: HoldId) -> Result<(), Refusal> {
        let hold = *self.holds.get(&id).ok_or(Refusal::UnknownHold { hold: id })?;
        self.change(hold.debit, hold.left, |a, m| {
            let mut a = *a;
            a.pending.debits = a.pending.debits.checked_sub(m)?;
            Some(a)
        })?;
        self.change(hold.credit, hold.left, |a, m| {
            let mut a = *a;
            a.pending.credits = a.pending.credits.checked_sub(m)?;
            Some(a)
        })?;
        self.remove_hold(id);
        self.steps.push(Step::Hold { hold: id, before: hold });
        Ok(())
    }

    /// Binds the linked holds of this command together, and refuses to resolve a part of an older group.
    ///
    /// Members of a group expire together, at the earliest time that any of them names.
    pub(super) fn close_groups(&mut self, first: u64, command: &Command) -> Result<(), (usize, Refusal)> {
        self.refuse_split(first, command)?;
        let made = command.ops().iter().filter_map(|op| match op {
            Op::Hold { linked, expires, .. } => Some((*linked, *expires)),
            _ => None,
        });
        let linked: Vec<_> = (first..)
            .zip(made)
            .filter(|(_, (linked, _))| *linked)
            .map(|(id, (_, e))| (HoldId(id), e))
            .collect();
        let Some((head, _)) = linked.first().copied() else { return Ok(()) };
        let (tail, count) = (linked.last().map_or(head, |(id, _)| *id), linked.len());
        let consecutive = tail.0.checked_sub(head.0).and_then(|span| usize::try_from(span).ok());
        if consecutive.and_then(|span| span.checked_add(1)) != Some(count) {
            let lone = command.ops().iter().position(|op| matches!(op, Op::Hold { linked: false, .. }));
            return Err((lone.unwrap_or(0), Refusal::GroupSplit { hold: head }));
        }
        let expires = linked.iter().filter_map(|(_, expires)| *expires).min();
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        for (id, _) in linked {
            if let Some(hold) = self.remove_hold(id) {
                self.put_hold(id, Reservation { expires, group: Some((head, count)), ..hold });
            }
        }
        Ok(())
    }

    /// A group that has lost a member to this command must have lost all.
    fn refuse_split(&self, first: u64, command: &Command) -> Result<(), (usize, Refusal)> {
        for step in &self.steps {
            let Step::Hold { hold, before } = step else { continue };
            let Some((head, count)) =
                before.group.filter(|_| hold.0 < first && !self.holds.contains_key(hold))
            else {
                continue;
            };
            let mut members = (head.0..head.0.saturating_add(count)).map(HoldId);
            let Some(open) = members.find(|member| self.holds.contains_key(member)) else {
                continue;
            };
            let names = |op: &Op| matches!(op, Op::Post { hold: h, .. } | Op::Void { hold: h } if h == hold);
            let op = command.ops().iter().position(names).unwrap_or(0);
            return Err((op, Refusal::GroupSplit { hold: open }));
        }
        Ok(())
    }

    /// The hold, if it is open and its time has not run out.
    fn open_hold(&self, now: Timestamp, id: HoldId) -> Result<Reservation, Refusal> {
        let hold = self.holds.get(&id).copied();
        match hold.filter(|hold| hold.expires.is_none_or(|expires| expires > now)) {
            Some(hold) => Ok(hold),
            None if id.0 < self.next_hold => Err(Refusal::Resolved { hold: id }),
            None => Err(Refusal::UnknownHold { hold: id }),
        }
    }

    /// Places of both sides and the amount in minor units.
    fn sides(
        &self,
        amount: Amount,
        debit: &AccountId,
        credit: &AccountId,
    ) -> Result<(usize, usize, u128), Refusal> {
        if debit == credit {
            return Err(Refusal::SameAccount { account: debit.clone() });
        }
        let minor = positive(amount)?;
        let place = |id: &AccountId| {
            let place = self.places.get(id).copied();
            let place = place.ok_or_else(|| Refusal::UnknownAccount { account: id.clone() })?;
            let has = self.at(place).1.asset;
            if has == amount.asset() {
                return Ok(place);
            }
            Err(Refusal::OtherAsset { account: id.clone(), has, wanted: amount.asset() })
        };
        Ok((place(debit)?, place(credit)?, minor))
    }

    /// Whether the bounds of both accounts leave room for `minor` from `debit` to `credit`.
    fn check_room(&self, debit: usize, credit: usize, minor: u128) -> Result<(), Refusal> {
        for (place, bound) in [(debit, Bound::DebitsWithinCredits), (credit, Bound::CreditsWithinDebits)] {
            let (id, account) = self.at(place);
            let available = account.available();
            if account.bound == bound && minor > available {
                return Err(Refusal::Overdrawn { account: id.clone(), available, wanted: minor });
            }
        }
        Ok(())
    }

    fn change(&mut self, place: usize, minor: u128, change: Change) -> Result<(), Refusal> {
        let Some((id, account)) = self.accounts.get_mut(place) else { return Ok(()) };
        // Posted and reserved sums together stay within 128 bits, so that posting can never overflow.
        let fits = |a: &Account| {
            a.posted.debits.checked_add(a.pending.debits).is_some()
                && a.posted.credits.checked_add(a.pending.credits).is_some()
        };
        let changed = change(account, minor).filter(fits);
        let changed = changed.ok_or_else(|| Refusal::Overflow { account: id.clone() })?;
        self.steps.push(Step::Account { index: place, before: *account });
        *account = changed;
        Ok(())
    }

    /// The account at a place that `places` or a hold names.
    fn at(&self, place: usize) -> (&AccountId, &Account) {
        // A place is only ever taken from `places` and from holds, and accounts are never removed while one names them.
        match self.accounts.get(place) {
            Some((id, account)) => (id, account),
            None => unreachable!("place {place} of {} accounts", self.accounts.len()),
        }
    }
}

fn pend_debit(account: &Account, minor: u128) -> Option<Account> {
    let mut account = *account;
    account.pending.debits = account.pending.debits.checked_add(minor)?;
    Some(account)
}

fn pend_credit(account: &Account, minor: u128) -> Option<Account> {
    let mut account = *account;
    account.pending.credits = account.pending.credits.checked_add(minor)?;
    Some(account)
}

/// The amount's minor units, which must be more than nothing.
fn positive(amount: Amount) -> Result<u128, Refusal> {
    let minor = amount.minor();
    u128::try_from(minor).ok().filter(|minor| *minor > 0).ok_or(Refusal::NotPositive { minor })
}
