//! What explains where a request went, as it is kept with its record: never words of it.

use crate::pipeline::cached::Note;
use crate::pipeline::choose::{ModelWhy, PlaceWhy, Seen};
use crate::pipeline::heard::Grounds;
use crate::pipeline::output::Found;
use crate::pipeline::reach::Skipped;
use crate::pipeline::risk::Weighed;
use crate::pipeline::shape::Edited;
use crate::pipeline::validate::Checked;
use crate::sources::Asked;
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
use tollgate_policy::Denial;

/// One attempt at an upstream.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AttemptNote {
    /// The model.
    pub(crate) model: Arc<str>,
    /// The pool.
    pub(crate) pool: Arc<str>,
    /// The instance.
    pub(crate) instance: Arc<str>,
    /// The upstream's dialect.
    pub(crate) dialect: &'static str,
    /// Why this pool and instance.
    pub(crate) reason: PlaceWhy,
    /// Expected time to first content, in milliseconds.
    pub(crate) expected_ttft_ms: f64,
    /// The instances that its placement compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) seen: Vec<Seen>,
    /// `ok`, or what went wrong.
    pub(crate) outcome: Cow<'static, str>,
    /// When it started, in microseconds after the request's arrival.
    pub(crate) start_us: u64,
    /// Milliseconds until its outcome was known.
    pub(crate) ms: f64,
    /// What could not cross between dialects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) lost: Vec<String>,
}

/// What a request is, as recorded: sizes and shape, never words.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Facts {
    pub(crate) bytes: usize,
    pub(crate) turns: usize,
    pub(crate) tools: usize,
    pub(crate) prompt_tokens: u64,
    pub(crate) output_tokens: u64,
}

/// Everything that explains where a request went.
#[derive(Clone, Default, Serialize)]
pub(crate) struct Story {
    pub(crate) facts: Facts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recorded: Option<Grounds>,
    pub(crate) confidence: f64,
    /// What came of looking into the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache: Option<Note>,
    /// What the risk over turns came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) risk: Option<Weighed>,
    /// Classifiers that were asked before it was decided.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) asked: Vec<Asked>,
    /// What was found in answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) output: Vec<Found>,
    /// What the context says of answers, in the order in which they came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) support: Vec<Checked>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) models: Option<ModelWhy>,
    pub(crate) edits: Edited,
    /// Candidates that were passed over on the way to an attempt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) attempts: Vec<AttemptNote>,
    /// Why no other attempt followed the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gave_up: Option<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) fault: String,
    pub(crate) exact_usage: bool,
    /// Prompt tokens that were written to a provider's cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) cache_write_tokens: u64,
    /// The guards that bind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) governed: Vec<String>,
    /// What they denied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) denials: Vec<Denial>,
}

const fn is_zero(count: &u64) -> bool {
    *count == 0
}
