//! What is served besides model requests, and the table of everything that is served.
//!
//! Errors take the shape of OpenAI's (`{"error": {"message", "type", …}}`), which every client of these paths reads.

mod admin;
mod advice;
mod basic;
mod cache;
mod caller;
pub(crate) mod console;
mod evaluate;
mod guard;
pub mod openapi;
mod policy;
mod risk;
pub mod routes;
mod schemas;
pub(crate) mod settle;
mod x402;

use crate::pipeline::body_fault;
use crate::reply::{Reply, status_of};
use crate::worker::Worker;
use bytes::Bytes;
use guard::operator;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use routes::{Access, Route};
use serde::Serialize;
use std::{net::IpAddr, time::Duration};
use tollgate_core::{Fault, FaultKind};
use tollgate_net::body::BodyLimits;
use tollgate_net::server::RequestBody;
use tollgate_wire::{Dialect, error};

/// Largest body of an administrative request, in bytes.
const ADMIN_BODY_MAX: usize = 4 << 20;
/// How long a caller that found no room is told to wait, in seconds.
pub(crate) const BUSY_S: u32 = 1;

/// A matched request that is not a model request.
pub(crate) struct Call {
    pub(crate) route: Route,
    pub(crate) access: Access,
    pub(crate) parameter: Option<String>,
    pub(crate) peer: IpAddr,
}

/// What a handler gives back.
type Answered = Result<Response<Reply>, Fault>;

/// Answers everything that is not a model request.
pub(crate) async fn handle(worker: &Worker, call: Call, request: Request<RequestBody>) -> Response<Reply> {
    let (parts, body) = request.into_parts();
    let answered = match call.access {
        Access::Settle(right) => Ok(settle::serve(worker, &call, right, parts, body).await),
        Access::Admin => match operator(worker, &parts, call.peer) {
            Ok(()) => serve(worker, &call, &parts, body).await,
            Err(fault) => Err(fault),
        },
        Access::Caller => {
            match worker.shared().enter(worker.shared().snapshot.load().settings.limits.in_flight) {
                Some(_in_flight) => serve(worker, &call, &parts, body).await,
                None => Err(crate::pipeline::full()),
            }
        }
        Access::Public => serve(worker, &call, &parts, body).await,
    };
    let mut response = answered.unwrap_or_else(|fault| refuse(&fault));
    if response.status() == StatusCode::UNAUTHORIZED && call.access == Access::Admin {
        let basic = HeaderValue::from_static("Basic realm=\"tollgate\", charset=\"UTF-8\"");
        response.headers_mut().insert(http::header::WWW_AUTHENTICATE, basic);
    }
    // Answers of these paths are never for a cache or a foreign page to keep.
    let headers = response.headers_mut();
    headers.entry("cache-control").or_insert(HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

async fn serve(worker: &Worker, call: &Call, parts: &Parts, body: RequestBody) -> Answered {
    let parameter = call.parameter.as_deref().unwrap_or_default();
    match call.route {
        Route::Chat | Route::Responses | Route::Messages | Route::Embeddings => {
            Err(Fault::internal("a model request came to the wrong place"))
        }
        Route::CountTokens => {
            caller::count_tokens(worker, parts, request(worker, body).await?, call.peer).await
        }
        Route::ResponseGet => caller::response(worker, parts, parameter, call.peer).await,
        Route::ResponseDelete => caller::delete_response(worker, parts, parameter, call.peer).await,
        Route::ResponseItems => caller::response_items(worker, parts, parameter, call.peer).await,
        Route::Models => caller::models(worker, parts, call.peer),
        Route::Model => caller::model(worker, parts, parameter, call.peer),
        Route::Explain => caller::explain(worker, parts, request(worker, body).await?, call.peer).await,
        Route::Evaluate => evaluate::eval(worker, parts, request(worker, body).await?, call.peer).await,
        Route::Classify => {
            evaluate::classify(worker, parts, parameter, request(worker, body).await?, call.peer).await
        }
        Route::Feedback => caller::feedback(worker, parts, read(worker, body).await?, call.peer).await,
        Route::RiskScore => risk::score(worker, parts, &read(worker, body).await?, call.peer).await,
        Route::SettleCardEvent => settle::card_event(worker, parts, body).await,
        Route::X402Verify | Route::X402Settle | Route::X402Supported => {
            x402::serve(worker, call, parts, body).await
        }
        Route::Health => json(StatusCode::OK, &serde_json::json!({"status": "ok"})),
        Route::Ready => admin::ready(worker),
        Route::Metrics => admin::metrics(worker),
        Route::OpenApi => json(StatusCode::OK, &openapi::document()),
        Route::KeysList => admin::keys(worker),
        Route::KeysCreate => admin::create_key(worker, read(worker, body).await?).await,
        Route::KeyRevoke => admin::revoke_key(worker, parameter).await,
        Route::KeyRotate => admin::rotate_key(worker, parameter).await,
        Route::Cache | Route::CacheForget => cache::serve(worker, parts).await,
        Route::Budgets => admin::budgets(worker),
        Route::Decisions => admin::decisions(worker, parts).await,
        Route::Decision => admin::decision(worker, parameter).await,
        Route::Replay => admin::replay(worker, parameter).await,
        Route::Summary => admin::summary(worker, parts).await,
        Route::Live => admin::live(worker),
        Route::Pools => admin::pools(worker),
        Route::Support => admin::support(worker),
        Route::FleetAdvice => advice::advice(worker, parts).await,
        Route::PolicyGet => policy::get(worker),
        Route::PolicyPut => policy::put(worker, &read(worker, body).await?).await,
        Route::PolicyCheck => policy::check(worker, &read(worker, body).await?).await,
        Route::Reload => policy::reload(worker).await,
        Route::SettleDiscovery => settle::discovery(worker),
        Route::SettleAccounts
        | Route::SettleAccount
        | Route::SettleOwner
        | Route::SettleCommand
        | Route::SettleMandates
        | Route::SettleMandate
        | Route::SettleRevoke
        | Route::SettleAgents
        | Route::SettleAgent
        | Route::SettleChallenge
        | Route::SettleRegister
        | Route::SettleEscrows
        | Route::SettleEscrow
        | Route::SettlePropose
        | Route::SettleEvent
        | Route::SettleLocks
        | Route::SettleOrder
        | Route::SettleBundle
        | Route::SettleEvidence
        | Route::SettleDossier
        | Route::SettlePapers
        | Route::SettleCheckpoint
        | Route::SettleEntries
        | Route::SettleReceipt
        | Route::SettleHooks
        | Route::SettleHookAgain => Err(Fault::internal("a settlement request came to the wrong place")),
        Route::ConsoleHome
        | Route::ConsoleRequest
        | Route::ConsolePools
        | Route::ConsolePolicy
        | Route::ConsoleBudgets
        | Route::ConsoleEscrows
        | Route::ConsoleEscrow
        | Route::ConsoleAgents
        | Route::ConsoleMandates
        | Route::ConsoleLog
        | Route::ConsoleAsset => console::serve(worker, call.route, parts, parameter).await,
    }
}

async fn read(worker: &Worker, body: RequestBody) -> Result<Bytes, Fault> {
    within(worker, body, ADMIN_BODY_MAX).await
}

/// A body that tells of a model request: as large as one may be.
async fn request(worker: &Worker, body: RequestBody) -> Result<Bytes, Fault> {
    let most = worker.shared().snapshot.load().settings.limits.body_bytes;
    within(worker, body, most.max(ADMIN_BODY_MAX)).await
}

async fn within(worker: &Worker, body: RequestBody, max_bytes: usize) -> Result<Bytes, Fault> {
    let bounds = BodyLimits { max_bytes, grace: Duration::from_secs(10), ..BodyLimits::default() };
    let shared = worker.shared();
    let room_bytes = shared.snapshot.load().settings.limits.bodies_bytes;
    let read = tollgate_net::body::read(body, &bounds, &shared.bodies, room_bytes).await;
    read.map_err(|error| body_fault(&error))
}

/// A JSON answer.
fn json(status: StatusCode, value: &impl Serialize) -> Answered {
    let body = serde_json::to_vec(value).map_err(|e| Fault::internal(e.to_string()))?;
    Ok(typed(status, "application/json", body.into()))
}

/// An answer of any type.
fn typed(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Reply> {
    let mut response = Response::new(Reply::full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A fault as an answer.
fn refuse(fault: &Fault) -> Response<Reply> {
    if fault.kind == FaultKind::Internal {
        tracing::error!(%fault, "request failed");
    }
    let shown = match fault.exposure {
        tollgate_core::Exposure::Public => fault.clone(),
        tollgate_core::Exposure::Private => {
            Fault { message: "the gateway failed to answer".into(), ..fault.clone() }
        }
    };
    let pause = (fault.kind == FaultKind::Unavailable).then_some(BUSY_S);
    let body = error::body(Dialect::OpenaiChat, &shown, pause);
    let mut response = typed(status_of(fault), "application/json", body.into());
    if let Some(seconds) = pause {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The path exists, but not with this method.
pub(crate) fn wrong_method(allowed: &[&str]) -> Response<Reply> {
    let list = allowed.join(", ");
    let fault = Fault::caller(FaultKind::BadRequest, format!("this path answers to {list}"));
    let mut response = refuse(&fault);
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    if let Ok(value) = HeaderValue::from_str(&list) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// Nothing is served at this path.
pub(crate) fn nothing_there(path: &str) -> Response<Reply> {
    let shown: String = path.chars().take(120).collect();
    refuse(&Fault::caller(
        FaultKind::NotFound,
        format!("nothing is served at {shown:?}; GET /openapi.json lists every path"),
    ))
}

/// The value of a query parameter, percent-decoded.
fn query(parts: &Parts, name: &str) -> Option<String> {
    let query = parts.uri.query()?;
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| decode(value))
    })
}

/// A numeric query parameter in a range, or its default.
fn query_number<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
    parts: &Parts,
    name: &'static str,
    (least, most): (T, T),
    default: T,
) -> Result<T, Fault> {
    let Some(text) = query(parts, name) else { return Ok(default) };
    match text.parse::<T>() {
        Ok(value) if value >= least && value <= most => Ok(value),
        _ => {
            let shown: String = text.chars().take(40).collect();
            Err(Fault::caller(
                FaultKind::BadRequest,
                format!("{shown:?} is not a number from {least} to {most}"),
            )
            .at(name))
        }
    }
}

/// A segment of a path, percent-decoded; a plus sign stands for itself there.
fn decode_path(text: &str) -> String {
    decode(&text.replace('+', "%2B"))
}

fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let digits = bytes.hex_pair();
        match (byte, digits) {
            (b'%', Some(value)) => {
                out.push(value);
                bytes.next();
                bytes.next();
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The two hexadecimal digits that come next, as a byte.
trait HexPair {
    fn hex_pair(&self) -> Option<u8>;
}

impl HexPair for std::str::Bytes<'_> {
    fn hex_pair(&self) -> Option<u8> {
        let mut ahead = self.clone();
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        let (high, low) = (digit(ahead.next())?, digit(ahead.next())?);
        u8::try_from(high * 16 + low).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        let parts = Request::get("/x?a=1&b=x%20y%2Fz+w%zz&c").body(()).unwrap().into_parts().0;
        assert_eq!(query(&parts, "b").as_deref(), Some("x y/z w%zz"));
        assert_eq!((query(&parts, "c").as_deref(), query(&parts, "d")), (Some(""), None));
        assert_eq!(query_number(&parts, "a", (1, 9), 5).unwrap(), 1);
        assert!(query_number(&parts, "b", (1, 9), 5).is_err());
    }
}
