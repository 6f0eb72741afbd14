//! How often two routes hold together on recorded or sampled requests.
//!
//! What classifiers say cannot be proven from their names, so it is counted: of the requests that reach a rank, on how
//! many do two of its routes hold together? The rate comes with its Wilson score interval (E. B. Wilson 1927), so that
//! a handful of requests proves little. A pair whose interval lies above the stated rate is a conflict; the texts that
//! do it are shown.
//!
//! ```
//! use tollgate_policy::Interval;
//! let seen = Interval::wilson(8, 10);
//! assert!(seen.low > 0.48 && seen.high < 0.95);
//! ```

mod interval;

pub use interval::Interval;

use super::World;
use super::finding::{Finding, FindingKind, Findings, finding};
use crate::Severity;
use crate::decide::Verdict;
use crate::decide::record::Recorded;
use crate::decide::run::Run;
use crate::policy::Policy;
use serde::Serialize;
use std::collections::BTreeMap;
use tollgate_core::signal::{Signal, SignalSource, SignalSpec};

/// Most pairs of routes that are counted; further pairs are left out and said to be.
const MAX_PAIRS: usize = 1 << 16;
/// Most texts that are kept for one pair, and most characters of one.
const MAX_TEXTS: usize = 3;
const MAX_TEXT: usize = 80;

/// What was counted of one pair of routes.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Together {
    /// Requests on which both held.
    pub both: u64,
    /// Requests on which at least one held.
    pub either: u64,
    /// both / either, with its interval.
    pub rate: Interval,
    /// Some of the texts on which both held.
    pub texts: Vec<String>,
}

#[derive(Clone, Default)]
struct Pair {
    both: u64,
    texts: Vec<String>,
}

/// Counts over requests, for one policy.
pub struct Traffic<'p> {
    policy: &'p Policy,
    seen: u64,
    held: BTreeMap<u32, u64>,
    pairs: BTreeMap<(u32, u32), Pair>,
    left_out: bool,
    /// Requests of which it is not known which routes hold.
    open: u64,
}

impl<'p> Traffic<'p> {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(policy: &'p Policy) -> Self {
        Self { policy, seen: 0, held: BTreeMap::new(), pairs: BTreeMap::new(), left_out: false, open: 0 }
    }

    /// Counts one request; every signal of the policy is read. `text` is what is shown of it.
    pub fn see(&mut self, text: &str, source: &mut dyn SignalSource) {
        let mut run = Run::reading_all(self.policy.table(), source);
        self.settle(text, &mut run);
    }

    /// Counts one request by the signals that were recorded of it; `fits` says which of the policy's signals are those
    /// of that name in the record. A request of which the record does not tell which routes hold is left out.
    pub fn see_recorded(&mut self, text: &str, recorded: &Recorded, fits: impl Fn(&SignalSpec) -> bool) {
        let table = self.policy.table();
        let unread = Signal::failed("not recorded");
        let known: Vec<Option<&Signal>> =
            table.specs.iter().map(|spec| recorded.signals.get(&spec.name).filter(|_| fits(spec))).collect();
        let signals: Vec<Signal> = known.iter().map(|signal| signal.unwrap_or(&unread).clone()).collect();
        let mut source = super::Given(&signals);
        let mut run = Run::new(table, &mut source);
        (0..).zip(&known).filter(|(_, signal)| signal.is_some()).for_each(|(at, _)| run.take(at));
        self.settle(text, &mut run);
    }

    /// Counts the routes that hold together on what was read.
    fn settle(&mut self, text: &str, run: &mut Run<'_, '_>) {
        let table = self.policy.table();
        let mut holding: Vec<u32> = Vec::new();
        // Only the first rank in which a route holds decides.
        for rank in &table.ranks {
            for rule in rank.rules.clone() {
                let root = table.rules.get(rule as usize).map(|rule| rule.root);
                match root.map(|root| run.node(root).verdict) {
                    Some(Verdict::True) => holding.push(rule),
                    Some(Verdict::Unknown) => {
                        self.open += 1;
                        return;
                    }
                    Some(Verdict::False) | None => {}
                }
            }
            if !holding.is_empty() {
                break;
            }
        }
        self.seen += 1;
        for (at, first) in holding.iter().enumerate() {
            *self.held.entry(*first).or_default() += 1;
            for second in holding.iter().skip(at + 1) {
                self.count((*first, *second), text);
            }
        }
    }

    fn count(&mut self, pair: (u32, u32), text: &str) {
        if self.pairs.len() >= MAX_PAIRS && !self.pairs.contains_key(&pair) {
            self.left_out = true;
            return;
        }
        let pair = self.pairs.entry(pair).or_default();
        pair.both += 1;
        if pair.texts.len() < MAX_TEXTS {
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let shown: String = words.chars().take(MAX_TEXT).collect();
            if !pair.texts.contains(&shown) {
                pair.texts.push(shown);
            }
        }
    }

    /// How many requests were counted.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    /// How many requests were left out, because their records do not tell which routes hold.
    #[must_use]
    pub const fn open(&self) -> u64 {
        self.open
    }

    /// The pairs that hold together on more than `rate` of the requests on which one of them does: those whose interval
    /// lies above it.
    #[must_use]
    pub fn conflicts(&self, rate: f64) -> Findings {
        let world = World::new(self.policy);
        let mut found = Findings { unsettled: usize::from(self.left_out), ..Findings::default() };
        for ((a, b), pair) in self.pairs.iter().filter(|((a, b), _)| world.differ(*a, *b)) {
            let held = |rule: &u32| self.held.get(rule).copied().unwrap_or(0);
            let either = held(a) + held(b) - pair.both;
            let seen = Together {
                both: pair.both,
                either,
                rate: Interval::wilson(pair.both, either),
                texts: pair.texts.clone(),
            };
            if seen.rate.low > rate {
                found.findings.push(conflict(&world, *a, *b, seen, rate));
            }
        }
        found.sort();
        found
    }
}

fn conflict(world: &World<'_>, a: u32, b: u32, seen: Together, rate: f64) -> Finding {
    let (first, second) = (world.name(a), world.name(b));
    let Interval { at, low, high } = seen.rate;
    let message = format!(
        "`{first}` and `{second}` hold together on {} of {} requests on which one of them holds ({:.1} %, 95 % \
         interval {:.1} to {:.1} %, above {:.1} %)",
        seen.both,
        seen.either,
        100.0 * at,
        100.0 * low,
        100.0 * high,
        100.0 * rate
    );
    let texts: Vec<String> = seen.texts.iter().map(|text| format!("{text:?}")).collect();
    let repair = format!("{}\n  = seen: {}", world.keep_apart(a, b), texts.join(", "));
    let mut found =
        finding(FindingKind::HoldTogether, vec![first, second], world.name_span(a), message, repair);
    found.severity = Severity::Warning;
    found.labels = vec![world.condition_label(a, "holds"), world.condition_label(b, "holds too")];
    found.seen = Some(seen);
    found
}
