//! The typed workload identity and the small facts it is made of.

use super::session::{Session, session};
use super::{exact_tokens, prompt_tokens};
use crate::Input;
use crate::text::{Scope, cut};
use tollgate_core::Digest;
use tollgate_wire::Dialect;
use tollgate_wire::view::{RequestView, Role};

/// Prompt tokens that cost an engine about as much as one output token: prefill runs at 10⁴ tokens/s where one
/// sequence of a full batch decodes at 10³ shared.
const PREFILL_PER_DECODE: f64 = 10.0;
/// Bytes at the start of a tool result that are searched for a report of failure.
const FAILURE_BYTES: usize = 200;

/// What sort of work a request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WorkloadKind {
    /// A conversation.
    Chat,
    /// A model that uses tools.
    Agent,
    /// A model that operates a screen.
    ComputerUse,
    /// Work that nobody waits for: embeddings, flexible service tiers.
    Batch,
}

impl WorkloadKind {
    const ALL: [Self; 4] = [Self::Chat, Self::Agent, Self::ComputerUse, Self::Batch];

    /// The word that names it in policies and records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Agent => "agent",
            Self::ComputerUse => "computer_use",
            Self::Batch => "batch",
        }
    }
}

/// Where the engine's time will go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Mostly into reading the prompt.
    PrefillHeavy,
    /// Mostly into writing the answer.
    DecodeHeavy,
}

impl Shape {
    /// The word that names it in policies and records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PrefillHeavy => "prefill_heavy",
            Self::DecodeHeavy => "decode_heavy",
        }
    }
}

/// What a request is, before anyone looks at what it says.
#[derive(Clone, PartialEq, Debug)]
pub struct Workload {
    /// The sort of work.
    pub kind: WorkloadKind,
    /// User turns so far.
    pub turns: u32,
    /// Messages so far.
    pub depth: u32,
    /// Names of the offered tools, in order.
    pub tool_names: Vec<String>,
    /// Bytes of the tool definitions.
    pub tool_bytes: u32,
    /// Whether the last message is a tool's result.
    pub tool_loop: bool,
    /// Tool results that report a failure.
    pub tool_failures: u32,
    /// Images.
    pub images: u32,
    /// First 16 hex digits of the digest of the system prompt, empty without one.
    pub system_fingerprint: String,
    /// The conversation.
    pub session: Session,
    /// Estimated prompt tokens.
    pub prompt_tokens: f64,
    /// Prompt tokens expected in a prefix cache, at most `prompt_tokens`.
    pub cached_tokens: f64,
    /// Expected output tokens.
    pub output_tokens: f64,
    /// Where the time will go.
    pub shape: Shape,
    /// Whether an earlier turn was served recently.
    pub warm: bool,
}

impl Workload {
    /// The identity of one request.
    #[must_use]
    pub fn of(input: &Input<'_>) -> Self {
        let view = input.view;
        let metadata = view.metadata.and_then(|span| serde_json::from_slice(view.bytes(span)).ok());
        let prompt_tokens = prompt_tokens(view, input.forecast.bytes_per_token);
        let cached_tokens = input.forecast.cached_tokens.clamp(0.0, prompt_tokens);
        Self {
            kind: kind(input),
            turns: turns(view),
            depth: view.messages.len() as u32,
            tool_names: view.tools.iter().map(|t| view.text(t.name).into_owned()).collect(),
            tool_bytes: view.tools_span.map_or(0, |s| s.len() as u32),
            tool_loop: tool_loop(view),
            tool_failures: tool_failures(view),
            images: view.messages.iter().map(|m| u32::from(m.images)).sum(),
            system_fingerprint: system_fingerprint(&Scope::System.text(view)),
            session: session(input, metadata.as_ref()),
            prompt_tokens,
            cached_tokens,
            output_tokens: input.forecast.output_tokens,
            shape: shape(prompt_tokens - cached_tokens, input.forecast.output_tokens),
            warm: input.forecast.warm,
        }
    }

    /// Exact prompt tokens by byte-pair encoding (o200k_base); `None` above 4 MiB. Reads the whole prompt.
    #[must_use]
    pub fn exact_prompt_tokens(view: &RequestView) -> Option<f64> {
        exact_tokens(view)
    }
}

/// The sort of work: the trusted hop's word, else from the request's shape.
pub(crate) fn kind(input: &Input<'_>) -> WorkloadKind {
    let view = input.view;
    if let Some(kind) = WorkloadKind::ALL.into_iter().find(|k| k.word() == input.kind) {
        return kind;
    }
    let flexible = || {
        let tier = view.member("service_tier").map(|span| view.bytes(span)).unwrap_or_default();
        tier == b"\"flex\"" || tier == b"\"batch\""
    };
    if view.tools.iter().any(|t| view.text(t.name).starts_with("computer")) {
        WorkloadKind::ComputerUse
    } else if view.dialect == Dialect::OpenaiEmbeddings || flexible() {
        WorkloadKind::Batch
    } else if !view.tools.is_empty()
        || view.messages.iter().any(|m| m.role == Role::Tool || !m.tool_calls.is_empty())
    {
        WorkloadKind::Agent
    } else {
        WorkloadKind::Chat
    }
}

/// User turns.
pub(crate) fn turns(view: &RequestView) -> u32 {
    view.messages.iter().filter(|m| m.role == Role::User).count() as u32
}

/// Whether the model is in the middle of using tools.
pub(crate) fn tool_loop(view: &RequestView) -> bool {
    view.messages.last().is_some_and(|m| m.role == Role::Tool)
}

/// Tool results that report a failure: by the dialect's mark, or by how the text starts.
/// Messages of the model that called tools and were followed by a result.
pub(crate) fn tool_cycles(view: &RequestView) -> u32 {
    let pairs = view.messages.iter().zip(view.messages.iter().skip(1));
    pairs.filter(|(call, result)| !call.tool_calls.is_empty() && result.role == Role::Tool).count() as u32
}

pub(crate) fn tool_failures(view: &RequestView) -> u32 {
    let failed = |text: &tollgate_wire::view::TextSpan| {
        let raw = view.bytes(text.span);
        let start = String::from_utf8_lossy(raw.get(..raw.len().min(FAILURE_BYTES)).unwrap_or_default());
        reports_failure(&start)
    };
    let results = view.messages.iter().filter(|m| m.tool_error || m.role == Role::Tool);
    results.filter(|m| m.tool_error || m.text.first().is_some_and(failed)).count() as u32
}

fn reports_failure(start: &str) -> bool {
    const STARTS: [&str; 8] =
        ["error", "traceback", "exception", "failed", "failure", "fatal", "tool error", "command failed"];
    const MEMBERS: [&str; 5] =
        ["\"error\":", "\"is_error\":true", "\"success\":false", "\"ok\":false", "\"status\":\"error\""];
    let text = start.replace('\\', "").to_ascii_lowercase();
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '[' | '<' | '*' | '#'));
    if STARTS.iter().any(|word| text.starts_with(word)) {
        // "errors: 0" and "error: none" are good news.
        let rest = cut(text, 40);
        return !["errors: 0", "error: none", "error: null", "errors found: 0", "failed: 0", "failures: 0"]
            .iter()
            .any(|good| rest.starts_with(good));
    }
    let packed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let null = ["\"error\":null", "\"error\":false", "\"error\":\"\"", "\"error\":[]", "\"error\":{}"];
    text.starts_with('{')
        && MEMBERS.iter().any(|m| packed.contains(m))
        && !null.iter().any(|n| packed.contains(n))
}

/// First 16 hex digits of the digest of the system prompt, empty without one.
pub(crate) fn system_fingerprint(system: &str) -> String {
    if system.is_empty() { String::new() } else { cut(&Digest::of(system.as_bytes()).to_string(), 16).into() }
}

/// Prefill-heavy when the uncached prompt tokens are more than ten times the expected output tokens.
pub(crate) fn shape(uncached_tokens: f64, output_tokens: f64) -> Shape {
    if uncached_tokens > PREFILL_PER_DECODE * output_tokens {
        Shape::PrefillHeavy
    } else {
        Shape::DecodeHeavy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_seen_at_the_start_of_a_result() {
        for (text, failed) in [
            ("Error: no such file", true),
            ("  ERROR 404", true),
            ("Traceback (most recent call last):", true),
            (r#"{"error": "not found"}"#, true),
            (r#"{\"error\": \"not found\"}"#, true),
            (r#"{"ok": false}"#, true),
            (r#"{"error": null, "rows": []}"#, false),
            ("errors: 0", false),
            ("The error rate is 3 %", false),
            ("[Error] timeout", true),
            ("", false),
        ] {
            assert_eq!(reports_failure(text), failed, "{text}");
        }
    }

    #[test]
    fn shape_weighs_prompt_against_output() {
        assert_eq!(shape(5000.0, 100.0), Shape::PrefillHeavy);
        assert_eq!(shape(500.0, 100.0), Shape::DecodeHeavy);
        assert_eq!(shape(0.0, 0.0), Shape::DecodeHeavy);
    }
}
