//! Tests inside a policy: a text, facts set by hand, and the route that is expected.
//!
//! The caller turns a case into a [`SignalSource`] (the gateway builds a request from the text); facts that the
//! case sets are laid over it, so a case may say `tokens 9000` without a long text.

use crate::decide::record::StaticSignal;
use crate::{Decision, Policy, Span};
use serde::Serialize;
use std::collections::BTreeMap;
use tollgate_core::signal::{Kind, Signal, SignalSource, SignalSpec, UnreadSet, Value};

/// One test of a policy.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TestCase {
    /// What the user says.
    pub text: String,
    /// Facts set by hand.
    pub facts: BTreeMap<Kind, Value>,
    /// The expected route, `default`, or `rejected`.
    pub expect: String,
    /// Where it stands.
    pub span: Span,
}

/// How one test went.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TestResult {
    /// The test.
    pub case: TestCase,
    /// Line of the test, from 1.
    pub line: u32,
    /// The route that was chosen, `default`, or `rejected`.
    pub got: String,
    /// Whether it is the expected one.
    pub passed: bool,
    /// Why that route was chosen.
    pub explanation: String,
}

impl Policy {
    /// Runs every test; `source` turns a case into signals for [`Policy::specs`].
    pub fn run_tests<S: SignalSource>(&self, mut source: impl FnMut(&TestCase) -> S) -> Vec<TestResult> {
        let lines = crate::Lines::new(self.text());
        let run = |case: &TestCase| {
            let mut overlay = Overlay::new(self.specs(), &case.facts, source(case));
            let decision: Decision = self.decide(&mut overlay, true);
            let got = decision.route_name().to_owned();
            TestResult {
                line: lines.position(case.span.start).line,
                passed: got == case.expect,
                explanation: decision.explain(),
                case: case.clone(),
                got,
            }
        };
        self.tests().iter().map(run).collect()
    }
}

/// A source with some facts replaced.
struct Overlay<S> {
    set: Vec<Option<Signal>>,
    inner: S,
}

impl<S: SignalSource> Overlay<S> {
    fn new(specs: &[SignalSpec], facts: &BTreeMap<Kind, Value>, inner: S) -> Self {
        let set = specs.iter().map(|spec| facts.get(&spec.kind).map(StaticSignal::of)).collect();
        Self { set, inner }
    }
}

impl<S: SignalSource> SignalSource for Overlay<S> {
    fn unread(&self) -> UnreadSet {
        self.inner.unread()
    }

    fn read(&mut self, index: usize) -> &Signal {
        match self.set.get(index) {
            Some(Some(signal)) => signal,
            _ => self.inner.read(index),
        }
    }
}
