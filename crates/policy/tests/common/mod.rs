//! Sources for tests: a toy extractor that reads keywords and sizes, and a table of given signals that counts reads.

#![allow(clippy::panic, reason = "a test that meets the unexpected stops")]
#![allow(dead_code, reason = "each test file uses a part")]

use tollgate_core::signal::{Kind, Signal, SignalSource, SignalSpec};
use tollgate_policy::{Findings, Known, Policy, compile};

/// Nothing was found, in however many steps.
#[track_caller]
pub(crate) fn nothing(found: &Findings) {
    assert_eq!(*found, Findings { steps: found.steps, ..Findings::default() });
}

/// Compiles a text that must be right.
pub(crate) fn policy(text: &str) -> Policy {
    let compiled = compile(text, &Known::any());
    compiled.policy.unwrap_or_else(|| panic!("{}", compiled.report.render("test", text)))
}

/// Given signals, with a count of reads per index.
pub(crate) struct Given {
    pub(crate) signals: Vec<Signal>,
    pub(crate) reads: Vec<usize>,
    pub(crate) order: Vec<usize>,
}

impl Given {
    pub(crate) fn new(signals: Vec<Signal>) -> Self {
        let reads = vec![0; signals.len()];
        Self { signals, reads, order: Vec::new() }
    }

    /// Signals by name; those not named do not match.
    pub(crate) fn named(policy: &Policy, given: &[(&str, Signal)]) -> Self {
        let find = |spec: &SignalSpec| {
            let found = given.iter().find(|(name, _)| *name == spec.name);
            found.map_or_else(|| Signal::flag(false), |(_, signal)| signal.clone())
        };
        Self::new(policy.specs().iter().map(find).collect())
    }

    pub(crate) fn distinct(&self) -> usize {
        self.reads.iter().filter(|count| **count > 0).count()
    }
}

impl SignalSource for Given {
    fn read(&mut self, index: usize) -> &Signal {
        if self.reads[index] == 0 {
            self.order.push(index);
        }
        self.reads[index] += 1;
        &self.signals[index]
    }
}

/// A matched yes-or-no signal of this confidence.
pub(crate) fn sure(confidence: f64) -> Signal {
    Signal { confidence, ..Signal::flag(true) }
}

/// A toy extractor: keywords by containment, tokens by length, everything else absent.
pub(crate) fn toy(specs: &[SignalSpec], text: &str) -> Given {
    let lower = format!(" {} ", text.to_lowercase().replace(|c: char| !c.is_alphanumeric() && c != '-', " "));
    let tokens = text.len() as f64 / 4.0;
    let signal = |spec: &SignalSpec| match spec.kind {
        Kind::Keyword => {
            Signal::flag(spec.list("any").iter().any(|word| lower.contains(&format!(" {word} "))))
        }
        Kind::Tokens | Kind::TotalTokens => Signal::number(tokens),
        Kind::Turns => Signal::number(1.0),
        Kind::Language => Signal::text("en"),
        Kind::ToolLoop => Signal::flag(false),
        _ => Signal::number(0.0),
    };
    Given::new(specs.iter().map(signal).collect())
}
