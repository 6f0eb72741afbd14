//! Tests inside a policy: a text, facts set by hand, and the route that is expected.
//!
//! The caller turns a case into a [`SignalSource`] (the gateway builds a request from the text); facts that the
//! case sets are laid over it, so a case may say `tokens 9000` without a long text. Where a class of data is masked the
//! policy is asked again, of the masked text, as at dispatch.

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

    /// How what is left compares; `fleet`: whether places were looked at.
    fn compare(&self, left: &Left, fleet: bool) -> Compared {
        let by = left.refused.as_ref().map(|denial| denial.rule.as_str());
        if let (Some(rule), Some(by)) = (&self.refused, by)
            && by.split(", ").chain([by]).any(|one| one == rule)
        {
            return Compared::Same;
        }
        if let Some(denial) = &left.refused {
            return Compared::Differs(format!("refused by {:?}: {}", denial.rule, denial.why));
        }
        if let Some(tools) = &self.tools
            && *tools != left.tools
        {
            return Compared::Differs(format!("tools {}", left.tools.join(", ")));
        }
        let other = self.models.as_ref().is_some_and(|models| *models != left.models);
        match (fleet, self.refused.is_some(), other) {
            (false, true, _) | (false, _, true) => Compared::Unknown,
            (true, true, _) => Compared::Differs(format!("not refused: models {}", left.models.join(", "))),
            (true, false, true) => Compared::Differs(format!("models {}", left.models.join(", "))),
            (_, false, false) => Compared::Same,
        }
    }
}

/// How what governance left compares with what was expected.
enum Compared {
    Same,
    /// What it is instead.
    Differs(String),
    /// That depends on places, and none are known.
    Unknown,
}

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
    /// Whether nothing is otherwise than expected.
    pub passed: bool,
    /// Whether all of it could be judged: models, and what refuses, depend on places, which nobody told without a fleet.
    pub judged: bool,
    /// Why that route was chosen.
    pub explanation: String,
}

impl TestResult {
    /// Of a test of whose text no request could be made.
    fn unread(case: &TestCase, line: u32) -> Self {
        let explanation = "no request could be made of this text".to_owned();
        let got = "nothing".to_owned();
        Self { case: case.clone(), line, got, governed: None, passed: false, judged: true, explanation }
    }
}

impl Policy {
    /// Runs every test. `read` turns a case into signals for [`Policy::specs`] and hands them on; with
    /// these types of personal data masked, where any are given. What governance leaves of models is judged against `fleet`.
    pub fn run_tests(
        &self,
        fleet: Option<&Fleet>,
        mut read: impl FnMut(&TestCase, &[String], &mut dyn FnMut(&mut dyn SignalSource)),
    ) -> Vec<TestResult> {
        let lines = crate::Lines::new(self.text());
        let mut decide = |case: &TestCase, masked: &[String], trace: bool| {
            let mut decision = None;
            read(case, masked, &mut |source| {
                decision = Some(self.decide(&mut Overlay::new(self.specs(), &case.facts, source), trace));
            });
            decision
        };
        let run = |case: &TestCase| {
            let line = lines.position(case.span.start).line;
            let Some(decision) = decide(case, &[], true) else { return TestResult::unread(case, line) };
            let got = decision.route_name().to_owned();
            let left = self.left(case, &decision, fleet, |masked| decide(case, masked, false));
            let compared = left.map_or(Compared::Same, |left| case.governed.compare(&left, fleet.is_some()));
            let judged = !matches!(compared, Compared::Unknown);
            let governed = match compared {
                Compared::Differs(what) => Some(what),
                Compared::Same | Compared::Unknown => None,
            };
            let passed = got == case.expect && governed.is_none();
            let (case, explanation) = (case.clone(), decision.explain());
            TestResult { case, line, got, governed, passed, judged, explanation }
        };
        self.tests().iter().map(run).collect()
    }

    /// What governance leaves of a test's request, where the test asks. The caller's roles are the fact `role`, the tools
    /// the fact `tool_names`; it costs what `tokens` and `output_tokens` (or `max_tokens`) say, else the least. `again`
    /// decides with these types masked.
    fn left(
        &self,
        case: &TestCase,
        decision: &Decision,
        fleet: Option<&Fleet>,
        again: impl FnOnce(&[String]) -> Option<Decision>,
    ) -> Option<Left> {
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
        let (Some(mut clearance), Some(route)) =
            (self.cleared(&words(Kind::Role), decision), decision.route())
        else {
            return Some(Left::default());
        };
        let types = clearance.masks_of(&route.effects.mask);
        if let Some(types) = types {
            // What could not be masked carries what it carried.
            clearance.carry(again(&types).as_ref().unwrap_or(decision));
        }
        Some(clearance.leaves(route, &words(Kind::ToolNames), fleet, tokens))
    }
}

/// A source with some facts replaced.
struct Overlay<'s> {
    set: Vec<Option<Signal>>,
    /// The fact `unread`, where the case sets it.
    unread: Option<UnreadSet>,
    inner: &'s mut dyn SignalSource,
}

impl<'s> Overlay<'s> {
    fn new(specs: &[SignalSpec], facts: &BTreeMap<Kind, Value>, inner: &'s mut dyn SignalSource) -> Self {
        let set = specs.iter().map(|spec| facts.get(&spec.kind).map(StaticSignal::of)).collect();
        let unread = match facts.get(&Kind::Unread) {
            Some(Value::Set(words)) => Some(words.iter().filter_map(|word| Unread::parse(word)).collect()),
            _ => None,
        };
        Self { set, unread, inner }
    }
}

impl SignalSource for Overlay<'_> {
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
