//! What is kept of one request: [`DecisionRecord`] goes in, [`DecisionRow`] comes out.
//!
//! A record is cheap to build on the request's thread: names are shared `Arc<str>`, large parts are [`Payload`]s
//! that the writer thread serialises. No prompt text belongs in it.

use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use tollgate_core::Timestamp;
use tollgate_core::fault::FaultKind;
use tollgate_core::id::RequestId;

/// Bytes that hold most values.
const RENDERED_USUALLY: usize = 2 << 10;

/// Serialises itself when asked; every `Serialize + Send` type does.
pub trait Render: Send {
    /// The value as JSON.
    ///
    /// # Errors
    /// What `serde_json` says.
    fn render(&self) -> Result<String, serde_json::Error>;
}

impl<T: Serialize + Send> Render for T {
    fn render(&self) -> Result<String, serde_json::Error> {
        let mut text = Vec::with_capacity(RENDERED_USUALLY);
        serde_json::to_writer(&mut text, self)?;
        // What serde_json writes is UTF-8.
        String::from_utf8(text).map_err(serde::ser::Error::custom)
    }
}

/// A JSON value that is made when it is written.
#[derive(Default)]
pub enum Payload {
    /// Nothing.
    #[default]
    Absent,
    /// JSON text.
    Text(String),
    /// A value that the writer thread serialises.
    Later(Box<dyn Render>),
}

impl Payload {
    /// A value to be serialised by the writer thread.
    #[must_use]
    pub fn later<T: Serialize + Send + 'static>(value: T) -> Self {
        Self::Later(Box::new(value))
    }

    /// The text, `None` when absent or when it cannot be serialised.
    pub(super) fn text(&self) -> Result<Option<std::borrow::Cow<'_, str>>, serde_json::Error> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) => Ok(Some(text.into())),
            Self::Later(value) => value.render().map(|text| Some(text.into())),
        }
    }
}

/// Everything that is kept of one request.
pub struct DecisionRecord {
    /// The request.
    pub id: RequestId,
    /// When it arrived.
    pub time: Timestamp,
    /// The caller's key id.
    pub key: Option<Arc<str>>,
    /// The caller's dialect.
    pub dialect_in: &'static str,
    /// The upstream's dialect.
    pub dialect_out: Option<&'static str>,
    /// The model that was asked for.
    pub requested_model: Option<Arc<str>>,
    /// The policy's route.
    pub route: Option<Arc<str>>,
    /// The model that was chosen.
    pub model: Option<Arc<str>>,
    /// The pool it was placed in.
    pub pool: Option<Arc<str>>,
    /// The instance that answered.
    pub instance: Option<Arc<str>>,
    /// HTTP status that the caller got.
    pub status: u16,
    /// What went wrong, if anything.
    pub fault: Option<FaultKind>,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// Prompt tokens, cached ones included.
    pub prompt_tokens: u64,
    /// Prompt tokens read from a cache.
    pub cached_tokens: u64,
    /// Completion tokens, reasoning included.
    pub completion_tokens: u64,
    /// Cost in millionths of the configured currency.
    pub cost_micro: u64,
    /// From arrival to the first content byte, in microseconds.
    pub ttft_us: Option<u64>,
    /// From arrival to the last byte, in microseconds.
    pub total_us: u64,
    /// Our own part of it, in microseconds.
    pub overhead_us: u64,
    /// Nanoseconds per phase, in order.
    pub phases_ns: Vec<(&'static str, u64)>,
    /// Signal values, without prompt text.
    pub signals: Payload,
    /// What a replay needs.
    pub decision: Payload,
    /// The conversation.
    pub session: Option<Arc<str>>,
    /// The W3C trace id.
    pub trace: Option<Arc<str>>,
}

impl DecisionRecord {
    /// A record with nothing known but the request, its time and its dialect; status 0.
    #[must_use]
    pub fn new(id: RequestId, time: Timestamp, dialect_in: &'static str) -> Self {
        Self {
            id,
            time,
            key: None,
            dialect_in,
            dialect_out: None,
            requested_model: None,
            route: None,
            model: None,
            pool: None,
            instance: None,
            status: 0,
            fault: None,
            stream: false,
            prompt_tokens: 0,
            cached_tokens: 0,
            completion_tokens: 0,
            cost_micro: 0,
            ttft_us: None,
            total_us: 0,
            overhead_us: 0,
            phases_ns: Vec::new(),
            signals: Payload::Absent,
            decision: Payload::Absent,
            session: None,
            trace: None,
        }
    }
}

/// A stored decision.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionRow {
    /// Position in the log; grows with every record.
    pub seq: i64,
    /// The request id.
    pub id: String,
    /// When it arrived.
    pub time: Timestamp,
    /// The caller's key id.
    pub key: Option<String>,
    /// The caller's dialect.
    pub dialect_in: String,
    /// The upstream's dialect.
    pub dialect_out: Option<String>,
    /// The model that was asked for.
    pub requested_model: Option<String>,
    /// The policy's route.
    pub route: Option<String>,
    /// The model that was chosen.
    pub model: Option<String>,
    /// The pool.
    pub pool: Option<String>,
    /// The instance.
    pub instance: Option<String>,
    /// HTTP status that the caller got.
    pub status: u16,
    /// Word of the fault kind (`snake_case`).
    pub fault: Option<String>,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// Prompt tokens, cached ones included.
    pub prompt_tokens: u64,
    /// Prompt tokens read from a cache.
    pub cached_tokens: u64,
    /// Completion tokens.
    pub completion_tokens: u64,
    /// Cost in millionths.
    pub cost_micro: u64,
    /// To the first content byte, in microseconds.
    pub ttft_us: Option<u64>,
    /// To the last byte, in microseconds.
    pub total_us: u64,
    /// Our own part, in microseconds.
    pub overhead_us: u64,
    /// The conversation.
    pub session: Option<String>,
    /// The W3C trace id.
    pub trace: Option<String>,
    /// Object: phase to nanoseconds, in order. Only where one decision was asked for.
    pub phases_ns: Option<Box<RawValue>>,
    /// Signal values. Only where one decision was asked for.
    pub signals: Option<Box<RawValue>>,
    /// What a replay needs. Only where one decision was asked for.
    pub decision: Option<Box<RawValue>>,
}
