//! From a request to the function that answers it.

use super::State;
use super::body::SimBody;
use super::dialect::{Spoken, error_body};
use super::{chat, operator};
use crate::api::error::ApiError;
use crate::fault::Faults;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use std::sync::Arc;
use tollgate_wire::Dialect;

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed on demand")]
pub(super) struct Closed;

/// An answer, an error answer, or none at all.
pub(super) enum Failure {
    Api(ApiError),
    Closed,
}

impl From<ApiError> for Failure {
    fn from(e: ApiError) -> Self {
        Self::Api(e)
    }
}

pub(super) type Outcome = Result<Response<SimBody>, Failure>;

/// A received request with its whole body.
pub(super) struct Received {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
    /// Its number in the journal.
    pub(super) seq: u64,
}

impl Received {
    /// The faults that its header asks for.
    pub(super) fn header_faults(&self) -> Result<Faults, ApiError> {
        let Some(value) = self.parts.headers.get("x-sim-fault") else { return Ok(Faults::default()) };
        let text = value.to_str().map_err(|_| ApiError::new(400, "x-sim-fault must be ASCII"))?;
        text.parse().map_err(|e: crate::SimError| ApiError::new(400, e.to_string()))
    }
}

pub(super) async fn handle(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<SimBody>, Closed> {
    let (parts, body) = request.into_parts();
    let spoken = Spoken::of(parts.uri.path()).filter(|_| parts.method == Method::POST);
    let dialect = match (&spoken, parts.uri.path()) {
        (Some(spoken), _) => spoken.dialect,
        (None, "/v1/messages/count_tokens") => Dialect::Anthropic,
        (None, _) => Dialect::OpenaiChat,
    };
    let body = match Limited::new(body, state.config.max_body).collect().await {
        Ok(body) => body.to_bytes(),
        Err(e) => {
            let large = e.is::<http_body_util::LengthLimitError>();
            let most = state.config.max_body;
            let error = if large {
                ApiError::new(413, format!("the body exceeds {most} bytes"))
            } else {
                ApiError::new(400, "the body could not be read")
            };
            return Ok(failed(&error, dialect));
        }
    };
    let seq =
        if parts.uri.path().starts_with("/v1") { state.journal.lock().record(&parts, &body) } else { 0 };
    let received = Received { parts, body, seq };
    let outcome = dispatch(&state, received, spoken.as_ref()).await;
    let response = match outcome {
        Ok(response) => response,
        Err(Failure::Api(error)) => failed(&error, dialect),
        Err(Failure::Closed) => return Err(Closed),
    };
    state.journal.lock().update(seq, |entry| entry.status = Some(response.status().as_u16()));
    Ok(with_instance(response, &state.config.instance))
}

async fn dispatch(state: &Arc<State>, received: Received, spoken: Option<&Spoken>) -> Outcome {
    let path = received.parts.uri.path().to_owned();
    let get = received.parts.method == Method::GET;
    let post = received.parts.method == Method::POST;
    if path.starts_with("/v1") {
        check_key(&received.parts.headers, state.config.api_key.as_deref())?;
    }
    if let Some(spoken) = spoken {
        return chat::complete(state, received, spoken).await;
    }
    match path.as_str() {
        "/v1/messages/count_tokens" if post => chat::count_tokens(state, &received),
        "/v1/embeddings" if post => chat::embed(state, received).await,
        "/v1/models" if get => Ok(json(200, operator::models(state))),
        "/health" | "/ping" if get => Ok(json(200, "{}")),
        "/version" if get => {
            Ok(json(200, concat!("{\"version\":\"tollgate-sim ", env!("CARGO_PKG_VERSION"), "\"}")))
        }
        "/metrics" if get => Ok(operator::metrics(state)),
        path if path.starts_with("/sim/") => Ok(operator::handle(state, &received)?),
        path if get && path.starts_with("/v1/models/") => {
            Ok(json(200, operator::model(state, path.trim_start_matches("/v1/models/"))?))
        }
        "/v1/embeddings" | "/v1/models" | "/health" | "/metrics" => wrong_method(),
        path if Spoken::of(path).is_some() => wrong_method(),
        _ => Err(ApiError { code: None, ..ApiError::new(404, format!("there is no {path} here")) }.into()),
    }
}

fn wrong_method() -> Outcome {
    Err(ApiError { code: None, ..ApiError::new(405, "this path has no such method") }.into())
}

/// A key may come in any provider's header.
fn check_key(headers: &HeaderMap, wanted: Option<&str>) -> Result<(), ApiError> {
    let Some(wanted) = wanted else { return Ok(()) };
    let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let plain = ["x-api-key", "x-goog-api-key", "api-key"].map(|name| headers.get(name));
    let mut plain = plain.iter().flatten().filter_map(|v| v.to_str().ok());
    if bearer.and_then(|v| v.strip_prefix("Bearer ")) == Some(wanted) || plain.any(|v| v == wanted) {
        return Ok(());
    }
    Err(ApiError::new(401, "the API key is missing or wrong"))
}

/// A JSON answer.
pub(super) fn json(status: u16, body: impl Into<Bytes>) -> Response<SimBody> {
    typed(status, "application/json", SimBody::whole(body))
}

/// An answer of some content type.
pub(super) fn typed(status: u16, content_type: &'static str, body: SimBody) -> Response<SimBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn failed(error: &ApiError, dialect: Dialect) -> Response<SimBody> {
    let mut response = json(error.status, error_body(dialect, error));
    if let Some(seconds) = error.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn with_instance(mut response: Response<SimBody>, instance: &str) -> Response<SimBody> {
    if let Ok(value) = HeaderValue::from_str(instance) {
        response.headers_mut().insert("x-sim-instance", value);
    }
    response
}
