//! What a route's rules say of a text.

use super::Guard;
use crate::snapshot::Snapshot;
use serde::Serialize;
use std::sync::Arc;
use tollgate_core::signal::{OnFailure, SignalSource};
use tollgate_policy::{OutputAct, OutputRule};
use tollgate_wire::json::unescape;

/// A rule whose signal held.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Found {
    /// What follows.
    pub(crate) act: OutputAct,
    /// The signal.
    pub(crate) signal: Arc<str>,
    /// Why the signal could not be computed, where that is what counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
}

impl Found {
    /// Whether the caller is told.
    pub(super) fn told(&self) -> bool {
        self.act != OutputAct::Audit
    }
}

/// One rule, with the place of its signal among the policy's.
pub(super) struct Rule {
    act: OutputAct,
    signal: Arc<str>,
    index: usize,
    on_failure: OnFailure,
}

impl Rule {
    /// The rules of a route, ready to be asked.
    pub(super) fn all(snapshot: &Snapshot, rules: &[OutputRule]) -> Vec<Self> {
        let specs = snapshot.policy.output_specs();
        let rule = |rule: &OutputRule| {
            let index = specs.iter().position(|spec| spec.name == rule.signal)?;
            let on_failure = specs.get(index)?.on_failure;
            Some(Self { act: rule.act, signal: rule.signal.as_str().into(), index, on_failure })
        };
        rules.iter().filter_map(rule).collect()
    }

    fn found(&self, act: OutputAct, failure: Option<String>) -> Found {
        Found { act, signal: self.signal.clone(), failure }
    }
}

/// Longest reason that is recorded, in characters.
const WHY_MAX: usize = 200;

fn why_short(why: &str) -> String {
    why.chars().take(WHY_MAX).collect()
}

impl Guard {
    /// The rules that hold for a text and did not before, what weighs most first.
    pub(super) fn asked(&self, text: &str) -> Vec<Found> {
        // Arguments of calls are JSON in a string, with escapes of their own.
        let decoded = text.contains('\\').then(|| format!("{text}\n{}", unescape(text.as_bytes())));
        let mut reading = self.snapshot.output.of(decoded.as_deref().unwrap_or(text), &*self.clock);
        let fresh = |rule: &&Rule| {
            !self.found.iter().any(|found| found.act == rule.act && found.signal == rule.signal)
        };
        let mut found: Vec<Found> = self
            .rules
            .iter()
            .filter(fresh)
            .filter_map(|rule| {
                let signal = reading.read(rule.index);
                let (act, failure) = match (&signal.failure, rule.on_failure) {
                    (None, _) => return signal.matched.then(|| rule.found(rule.act, None)),
                    (Some(_), OnFailure::NoMatch) => return None,
                    (Some(why), OnFailure::Match) => (rule.act, why),
                    (Some(why), OnFailure::Reject) => (OutputAct::Block, why),
                };
                Some(rule.found(act, Some(why_short(failure))))
            })
            .collect();
        found.sort_by_key(|found| std::cmp::Reverse(found.act));
        found
    }
}
