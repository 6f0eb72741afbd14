//! The other conversation dialects, spoken over the chat answer.
//!
//! One simulator stands in for every kind of provider: a request is translated into a chat request, the answer and
//! its stream back. Positions in fault directives count the events of the chat stream.

use crate::api::error::ApiError;
use bytes::Bytes;
use tollgate_core::{Fault, FaultKind};
use tollgate_wire::form::Options;
use tollgate_wire::{Dialect, WireError, error, openai_responses, translate};

/// The dialect of a request, and what its path says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Spoken {
    pub(super) dialect: Dialect,
    /// The model, where the path names it.
    model: Option<String>,
    /// Whether to stream, where the path says it.
    stream: Option<bool>,
}

impl Spoken {
    /// What `path` speaks; none when it is no conversation.
    pub(super) fn of(path: &str) -> Option<Self> {
        let plain = |dialect| Some(Self { dialect, model: None, stream: None });
        match path {
            "/v1/chat/completions" => plain(Dialect::OpenaiChat),
            "/v1/responses" => plain(Dialect::OpenaiResponses),
            "/v1/messages" => plain(Dialect::Anthropic),
            _ => {
                let rest = ["/v1beta/models/", "/v1/models/"].iter().find_map(|p| path.strip_prefix(p))?;
                let (model, call) = rest.rsplit_once(':')?;
                let stream = match call {
                    "generateContent" => false,
                    "streamGenerateContent" => true,
                    _ => return None,
                };
                Some(Self { dialect: Dialect::Gemini, model: Some(model.to_owned()), stream: Some(stream) })
            }
        }
    }

    /// Whether answers need no translation.
    pub(super) fn is_chat(&self) -> bool {
        self.dialect == Dialect::OpenaiChat
    }

    /// The chat request that `body` means.
    pub(super) fn to_chat(&self, body: &Bytes) -> Result<Bytes, ApiError> {
        if self.is_chat() {
            return Ok(body.clone());
        }
        let options = Options {
            model: self.model.clone(),
            stream: self.stream,
            legacy_max_tokens: true,
            ..Options::default()
        };
        let sent =
            translate::request(self.dialect, Dialect::OpenaiChat, body, &options).map_err(|e| refused(&e))?;
        Ok(sent.body.into())
    }

    /// How the answer to `body` is translated.
    pub(super) fn options(&self, body: &[u8], created: i64) -> Options {
        let echo =
            (self.dialect == Dialect::OpenaiResponses).then(|| openai_responses::echo(body).ok()).flatten();
        Options { created: u64::try_from(created).ok(), echo, ..Options::default() }
    }

    /// A whole chat answer in this dialect.
    pub(super) fn whole(&self, chat: String, options: &Options) -> Result<Vec<u8>, ApiError> {
        if self.is_chat() {
            return Ok(chat.into_bytes());
        }
        let told = translate::response(Dialect::OpenaiChat, self.dialect, chat.as_bytes(), options);
        told.map(|(body, _)| body).map_err(|e| ApiError::new(500, e.to_string()))
    }

    /// A translation of the chat stream; none for chat itself.
    pub(super) fn stream(&self, options: Options) -> Result<Option<Box<translate::Stream>>, ApiError> {
        if self.is_chat() {
            return Ok(None);
        }
        let made = translate::Stream::new(Dialect::OpenaiChat, self.dialect, options);
        made.map(|stream| Some(Box::new(stream))).map_err(|e| ApiError::new(500, e.to_string()))
    }
}

fn refused(e: &WireError) -> ApiError {
    ApiError { param: e.path().map(str::to_owned), ..ApiError::new(400, e.to_string()) }
}

fn fault(api: &ApiError) -> Fault {
    let kind = match api.status {
        401 => FaultKind::Unauthenticated,
        403 => FaultKind::Forbidden,
        404 => FaultKind::NotFound,
        413 => FaultKind::TooLarge,
        429 => FaultKind::LimitReached,
        503 | 529 => FaultKind::Unavailable,
        504 => FaultKind::Timeout,
        500.. => FaultKind::Internal,
        _ if api.code == Some("context_length_exceeded") => FaultKind::ContextTooLong,
        _ => FaultKind::BadRequest,
    };
    // As if the upstream itself spoke: its message is always shown.
    let made = Fault { exposure: tollgate_core::Exposure::Public, ..Fault::caller(kind, &api.message) };
    match &api.param {
        Some(field) if !api.message.starts_with(field.as_str()) => made.at(field),
        _ => made,
    }
}

/// The body of an error answer in `dialect`.
pub(super) fn error_body(dialect: Dialect, api: &ApiError) -> Vec<u8> {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiEmbeddings => api.body().to_string().into_bytes(),
        _ => error::body(dialect, &fault(api), api.retry_after_s),
    }
}

/// An error inside a stream of `dialect`.
pub(super) fn error_event(dialect: Dialect, api: &ApiError, sequence: u64) -> Vec<u8> {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiEmbeddings => format!("data: {}\n\n", api.body()).into_bytes(),
        _ => error::sse(dialect, &fault(api), sequence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_what_is_spoken() {
        let gemini = Spoken::of("/v1beta/models/sim-small:streamGenerateContent").unwrap();
        assert_eq!((gemini.dialect, gemini.model.as_deref(), gemini.stream), {
            (Dialect::Gemini, Some("sim-small"), Some(true))
        });
        assert_eq!(Spoken::of("/v1/messages").unwrap().dialect, Dialect::Anthropic);
        for other in ["/v1/embeddings", "/v1/models/m", "/v1beta/models/m:embedContent", "/"] {
            assert_eq!(Spoken::of(other), None, "{other}");
        }
    }
}
