//! An upstream's error answer, read back into a fault.
//!
//! The status says most; the body decides where providers overload a status (a spent account as 429 or 400, a
//! context overflow as 400 or 413). The phrases below are the spellings of OpenAI, Azure, Anthropic, Gemini,
//! Bedrock, Mistral, Cohere, Groq, Together, OpenRouter, xAI, vLLM, SGLang, TGI, llama.cpp and Ollama.

use crate::json::{DEPTH_MAX, Flaw, Kind, Scanner};
use std::borrow::Cow;
use tollgate_core::{Blame, Exposure, Fault, FaultKind, Retry};

/// Bytes of an error body that are looked at.
const LOOKED_AT: usize = 64 << 10;
/// Characters of the upstream's message that are kept.
const MESSAGE_MAX: usize = 600;
/// Longest pause believed, in milliseconds.
const RETRY_AFTER_MAX_MS: u64 = 3_600_000;

/// What an upstream's error means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Classified {
    /// The fault.
    pub fault: Fault,
    /// The answer may be due to this request alone, whatever it says: its status blames neither our key nor the upstream.
    /// Such an answer must not keep the upstream from other callers.
    pub of_request: bool,
    /// How long the upstream asks to wait, in milliseconds, when its body says so.
    pub retry_after_ms: Option<u64>,
}

const CONTEXT: &[&str] = &[
    "context_length_exceeded",
    "maximum context length",
    "exceeds the context window",
    "context window exceeded",
    "model_context_window_exceeded",
    "exceed context limit",
    "exceeds context limit",
    "exceed_context_size",
    "exceeds the available context size",
    "exceeds the context length",
    "exceeds the model's context",
    "exceeds the model's maximum context",
    "longer than the model's context length",
    "longer than the maximum model length",
    "prompt is too long",
    "prompt too long",
    "maximum prompt length",
    "input is too long for requested model",
    "input token count",
    "too many input tokens",
    "too many tokens: total number of tokens",
    "maximum number of tokens allowed",
    "too large for model with",
    "reduce the length of the messages",
    "reduce the length of the input",
    "`inputs` tokens + `max_new_tokens`",
    "inputs must have less than",
];
/// Words of members (`type`, `code`, `status`, `reason`) by which an upstream says that the account is at fault.
const ACCOUNT_WORDS: &[&str] = &[
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_error",
    "account_deactivated",
    "payment_required",
];
/// How upstreams without such a word begin to say so.
const ACCOUNT_SENTENCES: &[&str] = &[
    "you exceeded your current quota, please check your plan and billing",
    "insufficient balance",
    "insufficient credits",
    "your credit balance is too low",
    "your account is not active",
    "payment required",
];
/// Words of members by which an upstream says that our key is at fault.
const CREDENTIAL_WORDS: &[&str] = &[
    "invalid_api_key",
    "api_key_invalid",
    "authentication_error",
    "unauthenticated",
    "permission_error",
    "permission_denied",
    "expiredtoken",
    "expiredtokenexception",
    "unrecognizedclientexception",
];
/// How upstreams without such a word begin to say so.
const CREDENTIAL_SENTENCES: &[&str] =
    &["incorrect api key provided", "api key not valid", "invalid api key", "invalid authentication"];
const OVERLOADED: &[&str] = &[
    "overloaded",
    "server is busy",
    "currently unavailable",
    "\"unavailable\"",
    "no healthy upstream",
    "capacity",
    "loading model",
    "queue is full",
    "serviceunavailable",
];
const LIMITED: &[&str] = &[
    "rate_limit",
    "rate limit",
    "resource_exhausted",
    "too many requests",
    "throttling",
    "tokens per minute",
    "requests per minute",
];
const UNKNOWN_MODEL: &[&str] =
    &["model_not_found", "not_found_error", "does not exist", "\"not_found\"", "model not found"];
const TIMED_OUT: &[&str] = &["deadline_exceeded", "timeout_error", "timed out"];
const BAD: &[&str] = &["invalid_request_error", "invalid_argument", "invalid_prompt", "validationexception"];

/// Every phrase that means something, for tests.
#[cfg(test)]
pub(super) const PHRASES: &[&[&str]] = &[
    CONTEXT,
    ACCOUNT_WORDS,
    ACCOUNT_SENTENCES,
    CREDENTIAL_WORDS,
    CREDENTIAL_SENTENCES,
    OVERLOADED,
    LIMITED,
    UNKNOWN_MODEL,
    TIMED_OUT,
    BAD,
];

/// What went wrong, before anything is said about blame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    Context,
    Account,
    Credentials,
    DeniedLate,
    Limited,
    Overloaded,
    UnknownModel,
    TooLarge,
    Bad,
    Timeout,
    Server,
}

/// Reads an upstream's error. `status` is absent for an error inside a stream that began well.
///
/// Never fails: a body that cannot be read is judged by its status alone.
#[must_use]
pub fn classify(status: Option<u16>, body: &[u8]) -> Classified {
    let body = body.get(..LOOKED_AT).unwrap_or(body);
    let said = message(body);
    let heard = Heard::of(body, said.as_deref());
    let cause = cause(status, &heard);
    let retry_after_ms =
        matches!(cause, Cause::Limited | Cause::Overloaded).then(|| pause_ms(&heard.lower)).flatten();
    let of_request = matches!(status, Some(400..=499)) && !blames_us(status, &heard);
    Classified { fault: fault(cause, status, said), of_request, retry_after_ms }
}

/// Whether a status of 400 to 499 speaks of our key, of the account or of the upstream by itself.
fn blames_us(status: Option<u16>, heard: &Heard) -> bool {
    match status {
        // OpenRouter's 402 for a request that asks for more output than is paid for.
        Some(402) => !heard.begins(&["this request requires more credits"]),
        status => matches!(status, Some(401 | 408 | 429)),
    }
}

/// What an upstream says. Callers are quoted in messages, so what shuts an upstream out is looked for in the members
/// that only the upstream writes, and in how a message begins.
struct Heard {
    /// The whole body, in lower case.
    lower: String,
    /// The values of the members that only the upstream writes, in lower case.
    words: Vec<String>,
    /// The message, in lower case.
    message: String,
}

impl Heard {
    fn of(body: &[u8], message: Option<&str>) -> Self {
        let mut words = Vec::new();
        if let Ok(mut scan) = Scanner::new(body, DEPTH_MAX) {
            // What was read before a fault of syntax was said all the same.
            let _ = words_of(&mut scan, &mut words, 0);
        }
        let message = message.unwrap_or_default().trim_start().to_lowercase();
        Self { lower: String::from_utf8_lossy(body).to_lowercase(), words, message }
    }

    /// Whether any of the phrases stands anywhere.
    fn says(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.lower.contains(phrase))
    }

    /// Whether any of the words is a whole value of a member that only the upstream writes.
    fn names(&self, words: &[&str]) -> bool {
        self.words.iter().any(|word| words.contains(&word.as_str()))
    }

    /// Whether the message begins with any of the sentences.
    fn begins(&self, sentences: &[&str]) -> bool {
        sentences.iter().any(|sentence| self.message.starts_with(sentence))
    }

    fn denies_account(&self) -> bool {
        self.names(ACCOUNT_WORDS) || self.begins(ACCOUNT_SENTENCES)
    }

    fn denies_key(&self) -> bool {
        self.names(CREDENTIAL_WORDS) || self.begins(CREDENTIAL_SENTENCES)
    }
}

/// Collects the words of an error: its own members and those of `error`, `response` and `details`, at most [`WORDS_MAX`].
fn words_of(scan: &mut Scanner<'_>, words: &mut Vec<String>, depth: u8) -> Result<(), Flaw> {
    if scan.kind()? == Kind::Array && depth < MESSAGE_DEPTH {
        scan.enter_array()?;
        while scan.next_element()? {
            words_of(scan, words, depth + 1)?;
        }
        return Ok(());
    }
    if scan.kind()? != Kind::Object {
        return scan.skip().map(drop);
    }
    scan.enter_object()?;
    while let Some(key) = scan.next_key()? {
        let name = scan.name(key);
        let member = matches!(name.as_ref(), b"type" | b"code" | b"status" | b"reason" | b"__type");
        let inner = matches!(name.as_ref(), b"error" | b"response" | b"details") && depth < MESSAGE_DEPTH;
        match scan.kind()? {
            Kind::String if member && words.len() < WORDS_MAX => {
                let text = scan.string()?;
                words.push(String::from_utf8_lossy(&scan.name(text)).to_lowercase());
            }
            Kind::Object | Kind::Array if inner => words_of(scan, words, depth + 1)?,
            _ => drop(scan.skip()?),
        }
    }
    Ok(())
}

fn cause(status: Option<u16>, heard: &Heard) -> Cause {
    let says = |phrases: &[&str]| heard.says(phrases);
    match status {
        Some(401) => Cause::Credentials,
        Some(402) => Cause::Account,
        Some(429) if heard.denies_account() => Cause::Account,
        Some(429) => Cause::Limited,
        Some(413) if says(LIMITED) => Cause::Limited,
        Some(400 | 413 | 422) | None if says(CONTEXT) => Cause::Context,
        Some(500) if says(CONTEXT) => Cause::Context,
        Some(413) => Cause::TooLarge,
        Some(400 | 403) if heard.denies_account() => Cause::Account,
        Some(403) => Cause::Credentials,
        Some(400) if heard.denies_key() => Cause::Credentials,
        Some(404) => Cause::UnknownModel,
        Some(408 | 504 | 524) => Cause::Timeout,
        Some(503 | 529) => Cause::Overloaded,
        Some(400) if heard.names(&["throttlingexception", "rate_limit_exceeded"]) => Cause::Limited,
        Some(400) if heard.names(&["model_not_found"]) => Cause::UnknownModel,
        Some(400..=499) => Cause::Bad,
        // What began with a good status was let in with our key: a denial afterwards is a failure like any other.
        None if heard.denies_account() || heard.denies_key() => Cause::DeniedLate,
        None if says(OVERLOADED) => Cause::Overloaded,
        None if says(LIMITED) => Cause::Limited,
        None if says(UNKNOWN_MODEL) => Cause::UnknownModel,
        None if says(TIMED_OUT) => Cause::Timeout,
        None if says(BAD) => Cause::Bad,
        Some(_) | None => Cause::Server,
    }
}

fn fault(cause: Cause, status: Option<u16>, said: Option<String>) -> Fault {
    let (kind, blame, retry) = match cause {
        Cause::Context => (FaultKind::ContextTooLong, Blame::Caller, Retry::Elsewhere),
        Cause::Account | Cause::Credentials => (FaultKind::UpstreamDenied, Blame::Us, Retry::Elsewhere),
        Cause::Limited => (FaultKind::LimitReached, Blame::Upstream, Retry::Later),
        Cause::Overloaded => (FaultKind::Unavailable, Blame::Upstream, Retry::Elsewhere),
        Cause::UnknownModel => (FaultKind::NotFound, Blame::Us, Retry::Elsewhere),
        Cause::TooLarge => (FaultKind::TooLarge, Blame::Caller, Retry::Elsewhere),
        Cause::Bad => (FaultKind::BadRequest, Blame::Caller, Retry::Never),
        Cause::DeniedLate => (FaultKind::UpstreamFailed, Blame::Upstream, Retry::Elsewhere),
        Cause::Timeout => (FaultKind::Timeout, Blame::Upstream, Retry::Elsewhere),
        Cause::Server => (FaultKind::UpstreamFailed, Blame::Upstream, Retry::Elsewhere),
    };
    // What an upstream says about our key or account may hold parts of it: operators only.
    let denied = kind == FaultKind::UpstreamDenied || cause == Cause::DeniedLate;
    let exposure = if denied { Exposure::Private } else { Exposure::Public };
    let quotes = said.is_some();
    let message = match (said, status) {
        (Some(said), Some(status)) => format!("upstream answered {status}: {said}"),
        (Some(said), None) => format!("upstream reported in its stream: {said}"),
        (None, Some(status)) => format!("upstream answered {status} without a message"),
        (None, None) => "upstream reported an error without a message in its stream".to_owned(),
    };
    let unquoted = quotes.then(|| match status {
        Some(status) => format!("upstream answered {status}: {}", kind.word()),
        None => format!("upstream reported in its stream: {}", kind.word()),
    });
    Fault { kind, blame, retry, exposure, message, field: None, unquoted }
}

/// The first `message`, `detail` or string `error` of the body, cut; else its text when it is short plain text.
fn message(body: &[u8]) -> Option<String> {
    let found = Scanner::new(body, DEPTH_MAX).ok().and_then(|mut scan| {
        if scan.kind() == Ok(Kind::Array) {
            scan.enter_array().ok()?;
            scan.next_element().ok().filter(|more| *more)?;
        }
        find(&mut scan, 0)
    });
    let text = match found {
        Some(text) => Cow::Owned(text),
        None if body.starts_with(b"{") || body.starts_with(b"<") || body.starts_with(b"[") => return None,
        None => String::from_utf8_lossy(body),
    };
    let text: String =
        text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_MAX).collect();
    (!text.is_empty()).then_some(text)
}

/// Levels that are searched for a message or words.
const MESSAGE_DEPTH: u8 = 4;
/// Most words of an error that are looked at.
const WORDS_MAX: usize = 32;

fn find(scan: &mut Scanner<'_>, depth: u8) -> Option<String> {
    let mut fallback = None;
    scan.enter_object().ok()?;
    while let Some(key) = scan.next_key().ok()? {
        let name = scan.name(key);
        let wanted = matches!(name.as_ref(), b"message" | b"error" | b"detail" | b"Message" | b"response");
        match scan.kind().ok()? {
            Kind::String if wanted => {
                let text = scan.string().ok()?;
                let text = String::from_utf8_lossy(&scan.name(text)).into_owned();
                if name.as_ref() == b"message" {
                    return Some(text);
                }
                fallback = Some(text);
            }
            Kind::Object if wanted && depth < MESSAGE_DEPTH => {
                // An inner search may stop midway, so it runs on its own copy of the position.
                let inner = find(&mut scan.fork(), depth + 1);
                if inner.is_some() {
                    return inner;
                }
                scan.skip().ok()?;
            }
            _ => drop(scan.skip().ok()?),
        }
    }
    fallback
}

/// The pause that a body asks for: Gemini's `"retryDelay": "34s"` or OpenAI's "try again in 1.2s" and "120ms".
fn pause_ms(lower: &str) -> Option<u64> {
    let at = ["\"retrydelay\"", "try again in ", "retry after ", "retry in "].iter().find_map(|phrase| {
        let start = lower.find(phrase)? + phrase.len();
        lower.get(start..)
    })?;
    let text = at.trim_start_matches([' ', ':', '"']);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let number = number.trim_end_matches('.');
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().ok()?;
    let thousandths = format!("{part:0<3}").get(..3).and_then(|p| p.parse::<u64>().ok())?;
    let scale = if unit.starts_with("ms") {
        return Some(whole.clamp(1, RETRY_AFTER_MAX_MS));
    } else if unit.starts_with('m') {
        60
    } else if unit.starts_with('s') || unit.trim_start().starts_with("second") {
        1
    } else {
        return None;
    };
    Some(whole.saturating_mul(1000).saturating_add(thousandths).saturating_mul(scale).min(RETRY_AFTER_MAX_MS))
}
