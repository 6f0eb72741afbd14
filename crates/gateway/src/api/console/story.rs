//! The stored story of a request, read back for its page.
//!
//! What an older version did not record is simply absent; nothing here fails.

use serde::Deserialize;
use serde_json::Value;
use tollgate_policy::Recorded;

/// What `pipeline::journey::Story` wrote.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Story {
    pub(super) facts: serde_json::Map<String, Value>,
    pub(super) recorded: Option<Recorded>,
    pub(super) confidence: f64,
    pub(super) models: String,
    pub(super) edits: Vec<String>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) attempts: Vec<Tried>,
    pub(super) gave_up: String,
    pub(super) fault: String,
    pub(super) exact_usage: bool,
    pub(super) governed: Vec<String>,
    pub(super) denials: Vec<Denied>,
}

/// One denial as recorded.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Denied {
    pub(super) rule: String,
    pub(super) topic: String,
    pub(super) why: String,
}

/// A candidate that was passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Skipped {
    pub(super) model: String,
    pub(super) why: String,
}

/// One attempt as recorded.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tried {
    pub(super) model: String,
    pub(super) pool: String,
    pub(super) instance: String,
    pub(super) reason: String,
    pub(super) expected_ttft_ms: f64,
    pub(super) seen: Vec<Seen>,
    pub(super) outcome: String,
    pub(super) start_us: u64,
    pub(super) ms: f64,
    pub(super) lost: Vec<String>,
}

/// One instance as a placement saw it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Seen {
    pub(super) instance: String,
    pub(super) standing: String,
    pub(super) in_flight: u32,
    pub(super) wait_ms: f64,
    pub(super) prefill_ms: f64,
}

/// One signal as recorded.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Read {
    pub(super) name: String,
    pub(super) ns: u64,
    pub(super) matched: bool,
    pub(super) confidence: f64,
    pub(super) value: Value,
    pub(super) failure: Option<String>,
}

/// Below this every whole number is exact.
const EXACT: f64 = 9e15;

/// A value as people read it.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null => String::new(),
        // A count is a number like any other to the policy; people read it without a fraction.
        Value::Number(number) => match number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < EXACT) {
            Some(whole) => format!("{whole:.0}"),
            None => number.to_string(),
        },
        other => other.to_string(),
    }
}
