//! One request's path, phase by phase: what each decided, why, and how long it took.

use super::live::RequestRow;
use serde::{Deserialize, Serialize};

/// What the page of one request shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestView {
    /// The request as tables show it.
    pub row: RequestRow,
    /// The model that was asked for.
    pub requested_model: Option<String>,
    /// The caller's dialect.
    pub dialect_in: String,
    /// The upstream's dialect.
    pub dialect_out: Option<String>,
    /// The conversation.
    pub session: Option<String>,
    /// The W3C trace id.
    pub trace: Option<String>,
    /// What the caller was told when it went wrong.
    pub fault_message: Option<String>,
    /// The phases, in order.
    pub phases: Vec<PhaseView>,
    /// Who called: key, tenant, roles.
    pub caller: Vec<Fact>,
    /// What the request is: kind, turn, tools, tokens.
    pub workload: Vec<Fact>,
    /// The policy's signals, read or not.
    pub signals: Vec<SignalView>,
    /// What the policy decided.
    pub decision: Option<DecisionView>,
    /// Roles, classes of data and rules that bound it, and what they denied.
    pub governance: Vec<Fact>,
    /// Changes made to the request, one line each.
    pub edits: Vec<Fact>,
    /// Models that the policy allowed, best first.
    pub candidates: Vec<Candidate>,
    /// Why that model.
    pub model_reason: Option<String>,
    /// Pools that were looked at.
    pub pools: Vec<PoolOption>,
    /// Why that pool.
    pub pool_reason: Option<String>,
    /// Instances of the pool, in the order in which they would be tried.
    pub instances: Vec<PlacementView>,
    /// Why that instance.
    pub place_reason: Option<String>,
    /// What was sent where, in order.
    pub attempts: Vec<Attempt>,
    /// Checks of the answer.
    pub checks: Vec<Check>,
    /// How usage and cost came about.
    pub settlement: Vec<Fact>,
    /// Whether the decision can be replayed.
    pub replayable: bool,
}

/// A name and a value, with an optional remark.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What.
    pub name: String,
    /// The value as text.
    pub value: String,
    /// Where it comes from or what it means.
    pub note: Option<String>,
}

impl Fact {
    /// A fact without a remark.
    #[must_use]
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), note: None }
    }

    /// The same fact with a remark.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// One phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseView {
    /// Its name, such as `decide`.
    pub name: String,
    /// Our own time in it; waiting for upstreams is not in it.
    pub ns: u64,
    /// What it decided, in one line; empty when it had nothing to do.
    pub outcome: String,
}

/// One signal of the policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SignalView {
    /// Its name in the policy.
    pub name: String,
    /// Its kind's word.
    pub kind: String,
    /// Whether the policy needed it; when not, the fields below mean nothing.
    pub read: bool,
    /// Whether it holds.
    pub matched: bool,
    /// How sure it is, in [0, 1].
    pub confidence: f64,
    /// Its value as text.
    pub value: String,
    /// Time to compute it.
    pub ns: Option<u64>,
    /// Why it could not be computed.
    pub failure: Option<String>,
}

/// An interval of confidence, both in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What the policy decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DecisionView {
    /// The route.
    pub route: String,
    /// Its tier.
    pub tier: Option<u32>,
    /// Its priority.
    pub priority: Option<i32>,
    /// How sure.
    pub confidence: Confidence,
    /// What would have won otherwise.
    pub runner_up: Option<String>,
    /// Why, in one sentence.
    pub why: String,
    /// Digest of the policy that decided.
    pub policy: String,
    /// Routes that were looked at, in order.
    pub routes: Vec<RouteTried>,
    /// Further routes that were looked at but not kept in the record.
    pub routes_left_out: usize,
}

/// One route that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RouteTried {
    /// Its name.
    pub name: String,
    /// Its tier.
    pub tier: Option<u32>,
    /// Its priority.
    pub priority: i32,
    /// Whether it was chosen.
    pub chosen: bool,
    /// Its condition with what came of it.
    pub when: ExplainNode,
}

/// What came of a part of a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It was not needed.
    #[default]
    Unknown,
}

/// One node of a condition: `and`, `or`, `not` over parts, or a test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExplainNode {
    /// The operator, or the test as the policy writes it.
    pub text: String,
    /// What came of it.
    pub verdict: Verdict,
    /// How sure.
    pub confidence: Option<Confidence>,
    /// The value that was tested.
    pub value: Option<String>,
    /// Its parts; deeper ones than [`crate::page::EXPLAIN_DEPTH_MAX`] are not shown.
    pub parts: Vec<Self>,
}

/// A model that the policy allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The model.
    pub model: String,
    /// Its weight as text.
    pub weight: String,
    /// Its reasoning effort.
    pub effort: Option<String>,
    /// Whether it answered.
    pub chosen: bool,
    /// Why it was left out or taken.
    pub note: Option<String>,
}

/// A pool that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolOption {
    /// The pool.
    pub name: String,
    /// Most total tokens of a request that belongs there.
    pub max_total_tokens: Option<u64>,
    /// Its expected wait.
    pub wait_ms: Option<f64>,
    /// Whether it was chosen.
    pub chosen: bool,
}

/// An instance that could have taken the request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlacementView {
    /// The instance.
    pub instance: String,
    /// Its standing at that moment.
    pub standing: String,
    /// Its requests in flight at that moment.
    pub in_flight: u32,
    /// Expected wait before the prompt is read.
    pub wait_ms: Option<f64>,
    /// Expected time to read the prompt.
    pub prefill_ms: Option<f64>,
    /// Expected time to the first content, for this request.
    pub expected_ttft_ms: Option<f64>,
    /// Whether it was the first choice.
    pub chosen: bool,
}

/// One attempt at an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The instance.
    pub instance: String,
    /// The model's name there.
    pub model: String,
    /// When it started, after the request's arrival.
    pub start_us: u64,
    /// When its first content came, after the request's arrival.
    pub first_us: Option<u64>,
    /// When it ended, after the request's arrival.
    pub end_us: u64,
    /// Its HTTP status.
    pub status: Option<u16>,
    /// What went wrong: kind and message.
    pub fault: Option<String>,
    /// What was done next: `retried`, `gave up`, nothing when it answered.
    pub next: Option<String>,
}

/// One check of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// Whether it passed.
    pub ok: bool,
    /// What was found.
    pub note: Option<String>,
}
