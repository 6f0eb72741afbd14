//! Requests and signals for the tests of this crate.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot build its input has failed")]

use serde_json::{Value as Json, json};
use tollgate_core::signal::{Kind, OnFailure, Param, Signal, SignalSource, SignalSpec};
use tollgate_core::{ManualClock, Timestamp};
use tollgate_signals::{Input, Reading, SignalSet};
use tollgate_wire::Dialect;
use tollgate_wire::peek::{Limits, peek};
use tollgate_wire::view::RequestView;

/// A view of a body in a dialect.
pub fn view(dialect: Dialect, body: &Json) -> RequestView {
    peek(dialect, body.to_string().into(), &Limits::default()).unwrap()
}

/// A view of a chat with these messages: (role, text).
pub fn chat(messages: &[(&str, &str)]) -> RequestView {
    let messages: Vec<Json> =
        messages.iter().map(|(role, text)| json!({"role": role, "content": text})).collect();
    view(Dialect::OpenaiChat, &json!({"model": "m", "messages": messages}))
}

/// A view of a chat of one user message.
pub fn user(text: &str) -> RequestView {
    chat(&[("user", text)])
}

/// A declared signal with parameters as JSON.
pub fn spec(name: &str, kind: Kind, params: Json) -> SignalSpec {
    let params = serde_json::from_value::<std::collections::BTreeMap<String, Param>>(params).unwrap();
    SignalSpec { name: name.into(), kind, params, on_failure: OnFailure::NoMatch }
}

/// The one signal of a request, with evidence.
pub fn read(spec: SignalSpec, view: &RequestView) -> Signal {
    read_input(spec, &Input::new(view))
}

/// The one signal of an input, with evidence.
pub fn read_input(spec: SignalSpec, input: &Input<'_>) -> Signal {
    let set = SignalSet::compile(&[spec]).unwrap();
    let clock = ManualClock::new(Timestamp(0));
    let mut reading = Reading::new(&set, input, &clock);
    reading.show_evidence(true);
    reading.read(0).clone()
}

const WORDS: &[&str] = &[
    "the",
    "model",
    "answers",
    "when",
    "request",
    "arrives",
    "with",
    "long",
    "context",
    "of",
    "about",
    "invoices",
    "please",
    "explain",
    "Database",
    "query",
    "and",
    "customer",
    "order",
    "number",
    "then",
    "we",
    "consider",
    "3.5",
    "latency;",
    "because",
    "which",
    "system",
    "team",
    "quarterly",
    "report,",
    "figures",
    "compare.",
    "policy",
];
const FOREIGN: &[&str] =
    &["数据库", "请解释", "запрос", "объясните", "café", "größe", "설명해", "🔥", "ñandú", "σύστημα"];

/// At least `bytes` of running text; with words of other scripts in between when `mixed`.
pub fn prose(bytes: usize, mixed: bool) -> String {
    let mut text = String::with_capacity(bytes + 16);
    let mut state = tollgate_core::Seed(7);
    while text.len() < bytes {
        let bits = state.bits() as usize;
        state = state.next();
        let list = if mixed && bits.is_multiple_of(5) { FOREIGN } else { WORDS };
        text.push_str(list[(bits >> 8) % list.len()]);
        text.push(if bits.is_multiple_of(97) { '\n' } else { ' ' });
    }
    text
}

/// 100 rules: 60 literal, 25 features, 15 with regular expressions; some match, most do not.
pub fn hundred_rules() -> Vec<SignalSpec> {
    let word =
        |i: usize, j: usize| format!("{}{}", ["refund", "jail", "tax", "kube", "poem"][j % 5], i * 7 + j);
    let mut specs = Vec::new();
    for i in 0..60 {
        let any: Vec<String> =
            (0..6).map(|j| word(i, j)).chain([format!("order number {i}"), "数据".into()]).collect();
        specs.push(spec(
            &format!("literal{i}"),
            Kind::Keyword,
            json!({"any": any, "none": ["forbidden phrase"]}),
        ));
    }
    for i in 0..25 {
        let measure = ["exists", "count", "density", "sequence"][i % 4];
        let words = json!(["then", word(i, 1), "consider", "because"]);
        specs.push(spec(&format!("feature{i}"), Kind::Feature, json!({"measure": measure, "words": words})));
    }
    for i in 0..15 {
        let any = json!([format!(r"\bticket[- ]?#?{i}\d+\b"), format!(r"(urgent|critical) (issue|bug){i}")]);
        specs.push(spec(&format!("regex{i}"), Kind::Keyword, json!({"any": any, "method": "regex"})));
    }
    specs
}
