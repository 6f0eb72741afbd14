//! Tests inside a policy: a text, facts set by hand, and the route that is expected.
//!
//! The caller turns a case into a [`SignalSource`] (the gateway builds a request from the text); facts that the
//! case sets are laid over it, so a case may say `tokens 9000` without a long text.

use crate::decide::record::StaticSignal;
use crate::govern::{Fleet, Left};
use crate::{Decision, Policy, Span};
use serde::Serialize;
use std::collections::BTreeMap;
use tollgate_core::signal::{Kind, Signal, SignalSource, SignalSpec, Unread, UnreadSet, Value};

/// What governance should leave of a test's request; what is absent is not looked at.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Expected {
    /// The route's models that may serve it, in the route's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// The offered tools (the fact `tool_names`) that stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
    /// The guard that refuses it, as denials name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Expected {
    /// Whether nothing of governance is looked at.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.models.is_none() && self.tools.is_none() && self.refused.is_none()
    }

    /// What is otherwise than expected; nothing where all is.
    fn differs(&self, left: &Left, fleet: bool) -> Option<String> {
        let by = left.refused.as_ref().map(|denial| denial.rule.as_str());
        if let Some(rule) = &self.refused {
            let said = by.is_some_and(|by| by == rule || by.split(", ").any(|one| one == rule));
            return match (said, &left.refused) {
                (true, _) => None,
                (false, Some(denial)) => Some(format!("refused by {:?}: {}", denial.rule, denial.why)),
                (false, None) if !fleet => Some(NO_FLEET.to_owned()),
                (false, None) => Some(format!("not refused: models {}", left.models.join(", "))),
            };
        }
        if let Some(denial) = &left.refused {
            return Some(format!("refused by {:?}: {}", denial.rule, denial.why));
        }
        if let Some(models) = &self.models {
            match fleet {
                false => return Some(NO_FLEET.to_owned()),
                true if *models != left.models => return Some(format!("models {}", left.models.join(", "))),
                true => {}
            }
        }
        let tools = self.tools.as_ref().filter(|tools| **tools != left.tools);
        tools.map(|_| format!("tools {}", left.tools.join(", ")))
    }
}

/// Why models cannot be told.
const NO_FLEET: &str = "which models remain depends on the pools: give the configuration";

/// One test of a policy.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TestCase {
    /// What the user says.
    pub text: String,
    /// Facts set by hand.
    pub facts: BTreeMap<Kind, Value>,
    /// The expected route, `default`, or `rejected`.
    pub expect: String,
    /// What governance should leave of it.
    #[serde(skip_serializing_if = "Expected::is_empty")]
    pub governed: Expected,
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
    /// What governance left, where that is not what was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub governed: Option<String>,
    /// Whether all is as expected.
    pub passed: bool,
    /// Why that route was chosen.
    pub explanation: String,
}

impl Policy {
    /// Runs every test; `source` turns a case into signals for [`Policy::specs`]. What governance leaves of models is
    /// judged against `fleet`.
    pub fn run_tests<S: SignalSource>(
        &self,
        fleet: Option<&Fleet>,
        mut source: impl FnMut(&TestCase) -> S,
    ) -> Vec<TestResult> {
        let lines = crate::Lines::new(self.text());
        let run = |case: &TestCase| {
            let mut overlay = Overlay::new(self.specs(), &case.facts, source(case));
            let decision: Decision = self.decide(&mut overlay, true);
            let got = decision.route_name().to_owned();
            let governed = self.left(case, &decision, fleet);
            let governed = governed.and_then(|left| case.governed.differs(&left, fleet.is_some()));
            TestResult {
                line: lines.position(case.span.start).line,
                passed: got == case.expect && governed.is_none(),
                explanation: decision.explain(),
                case: case.clone(),
                got,
                governed,
            }
        };
        self.tests().iter().map(run).collect()
    }

    /// What governance leaves of a test's request, where the test asks. The caller's roles are the fact `role`, the tools
    /// the fact `tool_names`; it costs what `tokens` and `output_tokens` (or `max_tokens`) say, else the least.
    fn left(&self, case: &TestCase, decision: &Decision, fleet: Option<&Fleet>) -> Option<Left> {
        if case.governed.is_empty() {
            return None;
        }
        let words = |kind: Kind| match case.facts.get(&kind) {
            Some(Value::Set(words)) => words.clone(),
            _ => Vec::new(),
        };
        let number = |kind: Kind| case.facts.get(&kind).map(|value| value.as_number().max(1.0) as u64);
        let output = number(Kind::MaxTokens).into_iter().chain(number(Kind::OutputTokens)).max();
        let tokens = (number(Kind::Tokens).unwrap_or(1), output.unwrap_or(1));
        let (Some(clearance), Some(route)) = (self.cleared(&words(Kind::Role), decision), decision.route())
        else {
            return Some(Left::default());
        };
        Some(clearance.leaves(route, &words(Kind::ToolNames), fleet, tokens))
    }
}

/// A source with some facts replaced.
struct Overlay<S> {
    set: Vec<Option<Signal>>,
    /// The fact `unread`, where the case sets it.
    unread: Option<UnreadSet>,
    inner: S,
}

impl<S: SignalSource> Overlay<S> {
    fn new(specs: &[SignalSpec], facts: &BTreeMap<Kind, Value>, inner: S) -> Self {
        let set = specs.iter().map(|spec| facts.get(&spec.kind).map(StaticSignal::of)).collect();
        let unread = match facts.get(&Kind::Unread) {
            Some(Value::Set(words)) => Some(words.iter().filter_map(|word| Unread::parse(word)).collect()),
            _ => None,
        };
        Self { set, unread, inner }
    }
}

impl<S: SignalSource> SignalSource for Overlay<S> {
    fn unread(&self) -> UnreadSet {
        self.unread.unwrap_or_else(|| self.inner.unread())
    }

    fn read(&mut self, index: usize) -> &Signal {
        match self.set.get(index) {
            Some(Some(signal)) => signal,
            _ => self.inner.read(index),
        }
    }
}
