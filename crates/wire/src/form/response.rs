//! An answer, in the form's words.

use super::event::Event;
use super::fields::Extra;
use super::part::{Body, Part};
use super::report::Report;
use serde::Serialize;
use tollgate_core::{Fault, FaultKind};

/// What a model answered.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Response {
    /// The upstream's id.
    pub id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// When, in seconds since 1970.
    pub created: Option<u64>,
    /// What it is made of, in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub stop: Option<Stop>,
    /// What it used.
    pub usage: Option<Usage>,
    /// The tier that served it.
    pub service_tier: Option<String>,
    /// The failure that ended it.
    pub failure: Option<Failure>,
    /// Further answers beside this one, which are not read.
    #[serde(skip)]
    pub others: usize,
    /// Members without a word in the form.
    pub extra: Extra,
}

impl Response {
    /// Notes what reading it left out.
    pub(crate) fn left_out(&self, report: &mut Report) {
        if self.others > 0 {
            report.dropped("choices[1..]", "array", "only the first of several answers is translated");
        }
    }
}

impl Response {
    /// Whether it calls a tool.
    #[must_use]
    pub fn calls(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.body, Body::ToolCall { .. }))
    }

    /// Says "tool calls" for an answer that ends with calls, whatever word its dialect has for that.
    pub fn settle_stop(&mut self) {
        if self.calls() && matches!(self.stop, None | Some(Stop::End)) {
            self.stop = Some(Stop::ToolCalls);
        }
    }
}

/// Why an answer ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The model was done.
    End,
    /// The output limit.
    Length,
    /// The context window was full.
    ContextFull,
    /// It waits for tools.
    ToolCalls,
    /// A filter cut it.
    ContentFilter,
    /// The model refused.
    Refusal,
    /// A stop sequence: this one.
    Sequence(String),
    /// A long turn pauses and is to be continued.
    Pause,
    /// A reason that only one dialect knows.
    Other(String),
}

impl Stop {
    /// What it is, in one word, for reports.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::End => "end",
            Self::Length => "length",
            Self::ContextFull => "context full",
            Self::ToolCalls => "tool calls",
            Self::ContentFilter => "content filter",
            Self::Refusal => "refusal",
            Self::Sequence(_) => "stop sequence",
            Self::Pause => "pause",
            Self::Other(word) => word,
        }
    }
}

/// Tokens used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Usage {
    /// Of the whole prompt, cached ones included.
    pub prompt: u64,
    /// Of the prompt, read from a cache.
    pub cached: Option<u64>,
    /// Of the prompt, written to a cache.
    pub cache_write: Option<u64>,
    /// Of the whole answer, reasoning included.
    pub completion: u64,
    /// Of the answer, reasoning.
    pub reasoning: Option<u64>,
}

impl Usage {
    /// This usage with what a later report of the same answer says.
    #[must_use]
    pub fn updated(self, later: Self) -> Self {
        Self {
            prompt: if later.prompt == 0 { self.prompt } else { later.prompt },
            cached: later.cached.or(self.cached),
            cache_write: later.cache_write.or(self.cache_write),
            completion: if later.completion == 0 { self.completion } else { later.completion },
            reasoning: later.reasoning.or(self.reasoning),
        }
    }
}

/// A failure reported inside an answer, or found in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failure {
    /// What kind.
    pub kind: FaultKind,
    /// What happened.
    pub message: String,
}

impl Failure {
    /// The failure that a provider's `word` (an error type, code or status) means.
    #[must_use]
    pub fn of(word: &str, message: impl Into<String>) -> Self {
        let word = word.to_ascii_lowercase();
        let has = |piece: &str| word.contains(piece);
        let kind = if has("context") {
            FaultKind::ContextTooLong
        } else if has("rate_limit") || has("resource_exhausted") || has("quota") {
            FaultKind::LimitReached
        } else if has("overloaded") || has("unavailable") {
            FaultKind::Unavailable
        } else if has("timeout") || has("deadline") {
            FaultKind::Timeout
        } else if has("auth") || has("permission") || has("billing") || has("api_key") {
            FaultKind::UpstreamDenied
        } else if has("invalid") {
            FaultKind::BadRequest
        } else {
            FaultKind::UpstreamFailed
        };
        Self { kind, message: message.into() }
    }

    /// An answer that stopped without its end marker.
    #[must_use]
    pub fn truncated() -> Self {
        Self::of("", "the upstream closed the stream before the answer was whole")
    }

    /// Ends a stream that is not at its end: broken.
    pub(crate) fn cut(ended: &mut bool, out: &mut Vec<Event>) {
        if !std::mem::replace(ended, true) {
            out.push(Event::Failed(Self::truncated()));
        }
    }

    /// The fault that it means.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::upstream(self.kind, self.message.clone())
    }
}
