//! The ledger: one lock over all counters, so that a reservation against several budgets is all or nothing.

use super::account::{Account, SpanKey, SpanRow};
use super::{Limits, Line, Meter, Payer, Subject, Usage, Window};
use crate::Share;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tollgate_core::Timestamp;

/// Why nothing was reserved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A budget does not hold what was asked for.
    #[error(
        "the budget of {limit} {} per {} of {subject} does not hold {asked} more: {settled} used, {reserved} \
         reserved, starts again at {resets}", .meter.word(), .window.word()
    )]
    Spent {
        /// Whose budget.
        subject: Subject,
        /// Of what.
        meter: Meter,
        /// In which window.
        window: Window,
        /// Its limit.
        limit: u64,
        /// What was used in this window.
        settled: u64,
        /// What is promised to requests in flight.
        reserved: u64,
        /// What was asked for.
        asked: u64,
        /// When the window ends; the largest timestamp for a budget that never starts again.
        resets: Timestamp,
    },
    /// A budget does not hold what was asked for even when it is unused: waiting does not help.
    #[error(
        "{asked} {} are larger than the whole limit of {limit} per {} of {subject}", .meter.word(), .window.word()
    )]
    Oversize {
        /// Whose budget.
        subject: Subject,
        /// Of what.
        meter: Meter,
        /// In which window.
        window: Window,
        /// Its limit.
        limit: u64,
        /// What was asked for.
        asked: u64,
    },
    /// Too many keys and tenants have counters in use.
    #[error("{limit} keys and tenants already have budget counters: raise `budget_subjects_max`")]
    Crowded {
        /// The bound.
        limit: usize,
    },
}

impl Refusal {
    /// The limit that refused; `None` where it was not a limit.
    #[must_use]
    pub fn line(&self) -> Option<Line> {
        match self {
            Self::Spent { subject, meter, window, .. } | Self::Oversize { subject, meter, window, .. } => {
                Some(Line { subject: subject.clone(), meter: *meter, window: *window })
            }
            Self::Crowded { .. } => None,
        }
    }
}

/// One counter, for the console and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// Its stored part.
    pub counter: SpanRow,
    /// What is promised to requests in flight.
    pub reserved: u64,
    /// Its limit; `None` when the limit was taken away meanwhile.
    pub limit: Option<u64>,
}

#[derive(Default)]
struct State {
    limits: Limits,
    accounts: BTreeMap<Subject, Account>,
    dirty: BTreeSet<Subject>,
}

struct Shared {
    state: Mutex<State>,
    subjects_max: usize,
    wake: Box<dyn Fn() + Send + Sync>,
}

/// See the module; clones share their counters.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
}

#[derive(Clone)]
struct Hold {
    subject: Subject,
    key: SpanKey,
    end: Timestamp,
    amount: u64,
}

type Holds = SmallVec<[Hold; 4]>;

/// A promise of budget. Settle it with what was used; dropped, it is released.
#[must_use = "a reservation that is dropped is released: settle it"]
pub struct Reservation {
    shared: Arc<Shared>,
    holds: Holds,
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reservation").field("budgets", &self.holds.len()).finish()
    }
}

impl Ledger {
    /// A ledger in memory alone, for at most `subjects_max` keys and tenants at a time.
    #[must_use]
    pub fn new(limits: Limits, subjects_max: usize) -> Self {
        Self::waking(limits, subjects_max, Box::new(|| ()))
    }

    /// A ledger that calls `wake` when counters wait to be written.
    pub(crate) fn waking(limits: Limits, subjects_max: usize, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        let state = Mutex::new(State { limits, ..State::default() });
        Self { shared: Arc::new(Shared { state, subjects_max, wake }) }
    }

    /// Replaces the limits; counters stay.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.state.lock().limits = limits;
    }

    /// Reserves `ask` in every budget of `payer`, or nothing.
    ///
    /// # Errors
    /// [`Refusal`], with the first budget that does not hold it: the key's, then the tenant's, then the global.
    pub fn reserve(&self, payer: &Payer, ask: Usage, now: Timestamp) -> Result<Reservation, Refusal> {
        self.reserve_beside(payer, ask, &[], now)
    }

    /// Reserves `ask` in every budget of `payer` but the `spent` ones, or nothing. In the spent ones nothing is asked
    /// for and nothing reserved; what is settled is counted there too, as overrun.
    ///
    /// # Errors
    /// As [`Ledger::reserve`], with the first budget that is not among the spent ones.
    pub fn reserve_beside(
        &self,
        payer: &Payer,
        ask: Usage,
        spent: &[Line],
        now: Timestamp,
    ) -> Result<Reservation, Refusal> {
        let mut state = self.shared.state.lock();
        let holds = state.check(payer, ask, spent, now)?;
        state.make_room(&holds, self.shared.subjects_max, now)?;
        for hold in &holds {
            let account = state.accounts.entry(hold.subject.clone()).or_default();
            account.prune(now);
            account.span(hold.key, hold.end).hold(hold.amount);
        }
        Ok(Reservation { shared: Arc::clone(&self.shared), holds })
    }

    /// Whether any budget of `payer` is of tokens or money.
    #[must_use]
    pub fn bounds_size(&self, payer: &Payer) -> bool {
        let state = self.shared.state.lock();
        let sized = |subject| state.limits.of(&subject).any(|((meter, _), _)| meter != Meter::Requests);
        payer.subjects().into_iter().any(sized)
    }

    /// What is left of the payer's tightest budget.
    #[must_use]
    pub fn left_share(&self, payer: &Payer, now: Timestamp) -> Share {
        let state = self.shared.state.lock();
        let mut least = Share::FULL;
        for subject in payer.subjects() {
            for ((meter, window), limit) in state.limits.of(&subject) {
                let (used, _) = state.used(&subject, meter, window, now);
                let left = u128::from(limit.saturating_sub(used.unwrap_or(u64::MAX)));
                let ppm = left.saturating_mul(1_000_000).checked_div(u128::from(limit)).unwrap_or(0);
                least = least.min(Share::from_ppm(u32::try_from(ppm).unwrap_or(u32::MAX)));
            }
        }
        least
    }

    /// The counters of the windows that hold `now`, by subject.
    #[must_use]
    pub fn accounts(&self, now: Timestamp) -> Vec<AccountView> {
        let state = self.shared.state.lock();
        let mut views = Vec::new();
        for (subject, account) in &state.accounts {
            let limits: BTreeMap<_, _> = state.limits.of(subject).collect();
            let current =
                account.spans.iter().filter(|((_, _, start), span)| *start <= now && now < span.end);
            views.extend(current.map(|((meter, window, start), span)| AccountView {
                counter: SpanRow {
                    subject: subject.clone(),
                    meter: *meter,
                    window: *window,
                    start: *start,
                    end: span.end,
                    settled: span.settled,
                    overrun: span.overrun,
                },
                reserved: span.reserved,
                limit: limits.get(&(*meter, *window)).copied(),
            }));
        }
        views
    }

    /// Takes stored counters in, at the start.
    pub fn restore(&self, rows: &[SpanRow]) {
        let mut state = self.shared.state.lock();
        for row in rows {
            state.accounts.entry(row.subject.clone()).or_default().restore(row, false);
        }
    }

    /// The counters that changed since the last call, to be written.
    #[must_use]
    pub fn take_dirty(&self) -> Vec<SpanRow> {
        let mut state = self.shared.state.lock();
        let mut rows = Vec::new();
        for subject in std::mem::take(&mut state.dirty) {
            if let Some(account) = state.accounts.get_mut(&subject) {
                account.take_dirty(&subject, &mut rows);
            }
        }
        rows
    }

    /// Whether counters wait to be written.
    #[must_use]
    pub fn has_dirty(&self) -> bool {
        !self.shared.state.lock().dirty.is_empty()
    }

    /// Puts counters back that could not be written. They go with the next group; nothing is woken, so that a dead
    /// database is not asked in a loop.
    pub fn mark_dirty(&self, rows: &[SpanRow]) {
        let mut state = self.shared.state.lock();
        for row in rows {
            state.accounts.entry(row.subject.clone()).or_default().restore(row, true);
            state.dirty.insert(row.subject.clone());
        }
    }
}

impl State {
    fn used(
        &self,
        subject: &Subject,
        meter: Meter,
        window: Window,
        now: Timestamp,
    ) -> (Option<u64>, SpanKey) {
        let key = (meter, window, window.bounds(now).0);
        let span = self.accounts.get(subject).and_then(|account| account.spans.get(&key));
        (span.map_or(Some(0), super::account::Span::used), key)
    }

    fn check(&self, payer: &Payer, ask: Usage, spent: &[Line], now: Timestamp) -> Result<Holds, Refusal> {
        let mut holds = Holds::new();
        for subject in payer.subjects() {
            for ((meter, window), limit) in self.limits.of(&subject) {
                let (used, key) = self.used(&subject, meter, window, now);
                let (asked, end) = (ask.of(meter), window.bounds(now).1);
                let spared = spent.iter().any(|line| line.is(&subject, meter, window));
                let fits = used.and_then(|used| used.checked_add(asked)).is_some_and(|sum| sum <= limit);
                if !fits && !spared {
                    return Err(self.refusal(&subject, key, end, limit, asked));
                }
                let amount = if spared { 0 } else { asked };
                holds.push(Hold { subject: subject.clone(), key, end, amount });
            }
        }
        Ok(holds)
    }

    fn refusal(&self, subject: &Subject, key: SpanKey, resets: Timestamp, limit: u64, asked: u64) -> Refusal {
        let span = self.accounts.get(subject).and_then(|account| account.spans.get(&key));
        let (settled, reserved) = span.map_or((0, 0), |span| (span.settled, span.reserved));
        let (subject, (meter, window, _)) = (subject.clone(), key);
        if asked > limit {
            return Refusal::Oversize { subject, meter, window, limit, asked };
        }
        Refusal::Spent { subject, meter, window, limit, settled, reserved, asked, resets }
    }

    fn make_room(&mut self, holds: &Holds, limit: usize, now: Timestamp) -> Result<(), Refusal> {
        let fresh: BTreeSet<_> =
            holds.iter().map(|hold| &hold.subject).filter(|s| !self.accounts.contains_key(s)).collect();
        let fits = |count: usize| count.saturating_add(fresh.len()) <= limit;
        if !fresh.is_empty() && !fits(self.accounts.len()) {
            self.accounts.retain(|_, account| !account.prune(now));
            if !fits(self.accounts.len()) {
                return Err(Refusal::Crowded { limit });
            }
        }
        Ok(())
    }
}

impl Reservation {
    /// Ends the reservation with what was used, also when that is more than was reserved.
    pub fn settle(mut self, actual: Usage) {
        self.end(Some(actual));
    }

    /// Ends the reservation with nothing used; the same as dropping it.
    pub fn release(self) {}

    fn end(&mut self, actual: Option<Usage>) {
        let holds = std::mem::take(&mut self.holds);
        if holds.is_empty() {
            return;
        }
        let mut state = self.shared.state.lock();
        let quiet = state.dirty.is_empty();
        for hold in holds {
            // The span is there: a span with a hold is never forgotten.
            let account = state.accounts.entry(hold.subject.clone()).or_default();
            let used = actual.map(|usage| usage.of(hold.key.0));
            if account.span(hold.key, hold.end).end_hold(hold.amount, used) {
                state.dirty.insert(hold.subject);
            }
        }
        let wake = quiet && !state.dirty.is_empty();
        drop(state);
        if wake {
            (self.shared.wake)();
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.end(None);
    }
}
