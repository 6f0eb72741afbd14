//! Any conversation dialect into any other: requests, whole answers and streams.
//!
//! Invariant: nothing crosses by accident. Every translation goes through the form, gives a [`Report`] of what did
//! not cross whole, and depends on nothing but its arguments.
//!
//! ```
//! use tollgate_wire::{Dialect, form::Options, translate};
//! let body = br#"{"model":"m","messages":[{"role":"user","content":"hi"}],"top_k":3}"#;
//! let sent = translate::request(Dialect::OpenaiChat, Dialect::OpenaiResponses, body, &Options::default()).unwrap();
//! assert_eq!(sent.report.losses[0].path, "sampling.top_k");
//! ```

mod events;
mod order;
mod sink;
mod stream;

pub use events::{Events, STREAM_BYTES_MAX};
pub use order::{HELD_BYTES_MAX, Order};
pub use sink::Sink;
pub use stream::Stream;

use crate::error::WireError;
use crate::form::{Json, Options, Report, Request, Response};
use crate::{Dialect, anthropic, fold, gemini, openai_chat, openai_responses};

/// A translated request.
#[derive(Clone, PartialEq, Debug)]
pub struct Sent {
    /// The body.
    pub body: Vec<u8>,
    /// What did not cross whole.
    pub report: Report,
    /// The end of the path, where the dialect puts the model there: `/models/M:generateContent`.
    pub path: Option<String>,
}

/// Translates the body of a request.
///
/// # Errors
/// When the body cannot be read as a request of `from`, or a dialect holds no conversations.
pub fn request(from: Dialect, to: Dialect, body: &[u8], options: &Options) -> Result<Sent, WireError> {
    let form = read_request(from, body)?;
    let mut report = Report::new();
    let body = write_request(to, &form, options, &mut report)?.to_bytes();
    let model = options.model.as_ref().or(form.model.as_ref());
    let path = (to == Dialect::Gemini)
        .then(|| gemini::path(model.map_or("unknown", |m| m), options.stream.unwrap_or(form.stream)));
    Ok(Sent { body, report, path })
}

/// Translates the body of a whole answer.
///
/// # Errors
/// When the body cannot be read as an answer of `from`, says that the answer failed, or a dialect holds no
/// conversations.
pub fn response(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    options: &Options,
) -> Result<(Vec<u8>, Report), WireError> {
    let form = read_response(from, body)?;
    if let Some(failure) = &form.failure
        && to != Dialect::OpenaiResponses
    {
        return Err(crate::form::broken(failure.message.clone()));
    }
    let mut report = Report::new();
    form.left_out(&mut report);
    let json = write_response(to, &form, options, &mut report)?;
    Ok((json.to_bytes(), report))
}

/// Translates a whole stream into a whole answer: for a caller that did not ask for a stream.
///
/// # Errors
/// When the stream is broken, failed, or not of the dialect `from`.
pub fn folded(
    from: Dialect,
    to: Dialect,
    stream: &[u8],
    options: &Options,
) -> Result<(Vec<u8>, Report), WireError> {
    let form = fold::fold_form(from, stream)?;
    let mut report = Report::new();
    Ok((write_response(to, &form, options, &mut report)?.to_bytes(), report))
}

/// Translates a whole answer into a stream: for a caller that asked for one when the upstream gave none.
///
/// # Errors
/// When the body cannot be read as an answer of `from`.
pub fn unfolded(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    options: &Options,
) -> Result<(Vec<u8>, Report), WireError> {
    let form = read_response(from, body)?;
    let (mut sink, mut out, mut report) = (Sink::new(to, options.clone())?, Vec::new(), Report::new());
    for event in fold::events(&form) {
        sink.write(&event, &mut report, &mut out);
    }
    form.left_out(&mut report);
    form.extra.put(to, "extra", &mut Json::object(), &mut report);
    Ok((out, report))
}

/// Reads a request.
///
/// # Errors
/// When the body is not a request of the dialect, or the dialect holds no conversations.
pub fn read_request(dialect: Dialect, body: &[u8]) -> Result<Request, WireError> {
    match dialect {
        Dialect::OpenaiChat => openai_chat::read_request(body),
        Dialect::OpenaiResponses => openai_responses::read_request(body),
        Dialect::Anthropic => anthropic::read_request(body),
        Dialect::Gemini => gemini::read_request(body),
        Dialect::OpenaiEmbeddings => Err(no_conversation(dialect)),
    }
}

/// Writes a request.
///
/// # Errors
/// When the dialect holds no conversations.
pub fn write_request(
    dialect: Dialect,
    form: &Request,
    options: &Options,
    report: &mut Report,
) -> Result<Json, WireError> {
    Ok(match dialect {
        Dialect::OpenaiChat => openai_chat::write_request(form, options, report),
        Dialect::OpenaiResponses => openai_responses::write_request(form, options, report),
        Dialect::Anthropic => anthropic::write_request(form, options, report),
        Dialect::Gemini => gemini::write_request(form, options, report),
        Dialect::OpenaiEmbeddings => return Err(no_conversation(dialect)),
    })
}

/// Reads a whole answer.
///
/// # Errors
/// When the body is not an answer of the dialect, or the dialect holds no conversations.
pub fn read_response(dialect: Dialect, body: &[u8]) -> Result<Response, WireError> {
    match dialect {
        Dialect::OpenaiChat => openai_chat::read_response(body),
        Dialect::OpenaiResponses => openai_responses::read_response(body),
        Dialect::Anthropic => anthropic::read_response(body),
        Dialect::Gemini => gemini::read_response(body),
        Dialect::OpenaiEmbeddings => Err(no_conversation(dialect)),
    }
}

/// Writes a whole answer.
///
/// # Errors
/// When the dialect holds no conversations.
pub fn write_response(
    dialect: Dialect,
    form: &Response,
    options: &Options,
    report: &mut Report,
) -> Result<Json, WireError> {
    Ok(match dialect {
        Dialect::OpenaiChat => openai_chat::write_response(form, options, report),
        Dialect::OpenaiResponses => openai_responses::write_response(form, options, report),
        Dialect::Anthropic => anthropic::write_response(form, options, report),
        Dialect::Gemini => gemini::write_response(form, options, report),
        Dialect::OpenaiEmbeddings => return Err(no_conversation(dialect)),
    })
}

fn no_conversation(dialect: Dialect) -> WireError {
    WireError::Crossing {
        from: dialect,
        to: dialect,
        path: "body".to_owned(),
        why: "it holds no conversation; send it to an upstream of its own dialect".into(),
    }
}
