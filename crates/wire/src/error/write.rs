//! A fault in each dialect's own shape.

use crate::{Dialect, sse::write_event};
use serde_json::{Value, json};
use tollgate_core::{Exposure, Fault, FaultKind};

/// What a caller reads in place of a private message.
const HIDDEN: &str = "internal error; the operator finds it under the request id";

/// The words that one kind of fault has in the dialects.
struct Words {
    openai_type: &'static str,
    openai_code: Option<&'static str>,
    anthropic: &'static str,
    gemini: &'static str,
}

const fn words(kind: FaultKind) -> Words {
    let (openai_type, openai_code, anthropic, gemini) = match kind {
        FaultKind::BadRequest => ("invalid_request_error", None, "invalid_request_error", "INVALID_ARGUMENT"),
        FaultKind::Unauthenticated => {
            ("invalid_request_error", Some("invalid_api_key"), "authentication_error", "UNAUTHENTICATED")
        }
        FaultKind::Forbidden => {
            ("invalid_request_error", Some("permission_denied"), "permission_error", "PERMISSION_DENIED")
        }
        FaultKind::NotFound => ("invalid_request_error", Some("not_found"), "not_found_error", "NOT_FOUND"),
        FaultKind::TooLarge => {
            ("invalid_request_error", Some("request_too_large"), "request_too_large", "INVALID_ARGUMENT")
        }
        FaultKind::LimitReached => {
            ("rate_limit_error", Some("rate_limit_exceeded"), "rate_limit_error", "RESOURCE_EXHAUSTED")
        }
        FaultKind::ContextTooLong => (
            "invalid_request_error",
            Some("context_length_exceeded"),
            "invalid_request_error",
            "INVALID_ARGUMENT",
        ),
        FaultKind::UpstreamDenied => ("server_error", Some("upstream_denied"), "api_error", "INTERNAL"),
        FaultKind::UpstreamFailed => ("server_error", Some("upstream_failed"), "api_error", "INTERNAL"),
        FaultKind::Timeout => ("server_error", Some("timeout"), "timeout_error", "DEADLINE_EXCEEDED"),
        FaultKind::Unavailable => ("server_error", Some("unavailable"), "overloaded_error", "UNAVAILABLE"),
        FaultKind::Internal => ("server_error", Some("internal_error"), "api_error", "INTERNAL"),
    };
    Words { openai_type, openai_code, anthropic, gemini }
}

fn message(fault: &Fault) -> String {
    match fault.exposure {
        Exposure::Public => fault.to_string(),
        Exposure::Private => HIDDEN.to_owned(),
    }
}

fn value(dialect: Dialect, fault: &Fault, retry_after_s: Option<u32>) -> Value {
    let (words, message) = (words(fault.kind), message(fault));
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::OpenaiEmbeddings => json!({ "error": {
            "message": message, "type": words.openai_type, "param": fault.field, "code": words.openai_code } }),
        Dialect::Anthropic => {
            json!({ "type": "error", "error": { "type": words.anthropic, "message": message } })
        }
        Dialect::Gemini => {
            let mut error = json!({
                "code": super::status(fault.kind), "message": message, "status": words.gemini });
            if let Some(seconds) = retry_after_s.filter(|_| super::retry_after_fits(fault.kind)) {
                error["details"] = json!([{
                    "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{seconds}s") }]);
            }
            json!({ "error": error })
        }
    }
}

/// The body of an error answer. A private message is replaced; `retry_after_s` shows where the dialect has room.
#[must_use]
pub fn body(dialect: Dialect, fault: &Fault, retry_after_s: Option<u32>) -> Vec<u8> {
    value(dialect, fault, retry_after_s).to_string().into_bytes()
}

/// The fault as the last event of a stream that has already begun.
///
/// Chat and Gemini have no event of their own and carry the error object as data; Anthropic and Responses name
/// the event `error`. `sequence` is the next sequence number of a Responses stream.
#[must_use]
pub fn sse(dialect: Dialect, fault: &Fault, sequence: u64) -> Vec<u8> {
    let mut out = Vec::new();
    match dialect {
        Dialect::OpenaiResponses => {
            let words = words(fault.kind);
            let event = json!({
                "type": "error", "sequence_number": sequence, "message": message(fault),
                "code": words.openai_code.unwrap_or(words.openai_type), "param": fault.field });
            write_event(&mut out, Some("error"), event.to_string().as_bytes());
        }
        Dialect::Anthropic => write_event(&mut out, Some("error"), &body(dialect, fault, None)),
        Dialect::OpenaiChat | Dialect::Gemini | Dialect::OpenaiEmbeddings => {
            write_event(&mut out, None, &body(dialect, fault, None));
        }
    }
    out
}
