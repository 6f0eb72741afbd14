//! The answer's head: status and headers, for answers, fixed answers and refusals.

use crate::pipeline::attempt::{Answer, Failure};
use crate::pipeline::cached::Hit;
use crate::pipeline::choose::ModelWhy;
use crate::pipeline::journey::{End, Journey};
use crate::pipeline::local::Embedded;
use crate::pipeline::output::Guard;
use crate::pipeline::receipt::RECEIPT;
use crate::pipeline::responses::Capture;
use crate::pipeline::settle::sell::SETTLED;
use crate::pipeline::settle::{Closing, FREE};
use crate::pipeline::shape::fixed_answer_fault;
use crate::pipeline::stream::Streaming;
use crate::pipeline::tokens::Tokens;
use crate::pipeline::unsent;
use crate::pipeline::validate::{Passed, Validation};
use crate::reply::{Reply, status_of};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;
use tollgate_core::{Blame, Exposure, Fault, FaultKind};
use tollgate_select::circuit::Outcome;
use tollgate_select::instance::Completion;
use tollgate_select::retry::GiveUp;
use tollgate_wire::error;
use tollgate_wire::form::Options;
use tollgate_wire::{Dialect, translate};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-tollgate-request-id");
const OVERHEAD: HeaderName = HeaderName::from_static("x-tollgate-overhead");
const DECISION: HeaderName = HeaderName::from_static("x-tollgate-decision");
const SIGNALS: HeaderName = HeaderName::from_static("x-tollgate-signals");
const MODEL: HeaderName = HeaderName::from_static("x-tollgate-model");
const POOL: HeaderName = HeaderName::from_static("x-tollgate-pool");
const INSTANCE: HeaderName = HeaderName::from_static("x-tollgate-instance");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-tollgate-attempts");
const EDITS: HeaderName = HeaderName::from_static("x-tollgate-edits");
const LOST: HeaderName = HeaderName::from_static("x-tollgate-lost");
const DENIED: HeaderName = HeaderName::from_static("x-tollgate-denied");
const BUDGET: HeaderName = HeaderName::from_static("x-tollgate-budget");
const CACHE: HeaderName = HeaderName::from_static("x-tollgate-cache");
const RISK: HeaderName = HeaderName::from_static("x-tollgate-risk");
const OUTPUT: HeaderName = HeaderName::from_static("x-tollgate-output");
const SUPPORT: HeaderName = HeaderName::from_static("x-tollgate-support");
/// What the head of a stream says in place of what is only known at its end.
const AT_THE_END: &str = "told at the end of the stream, as a comment";
const COST: HeaderName = HeaderName::from_static("x-tollgate-cost-micro");

/// Longest list of edits or losses in a header, in bytes: clients give up on long ones.
const LOST_MAX: usize = 1024;

/// Why a request gets no answer, with the upstream's own words where the caller may read them.
pub(crate) struct Refusal {
    pub(crate) fault: Fault,
    pub(crate) retry_after_s: Option<u32>,
    /// Status and body in place of the dialect's own.
    pub(crate) said: Option<(StatusCode, Bytes)>,
    /// A header that only this refusal has.
    pub(crate) extra: Option<(HeaderName, HeaderValue)>,
}

impl From<Fault> for Box<Refusal> {
    fn from(fault: Fault) -> Self {
        let busy = fault.kind == FaultKind::Unavailable && fault.blame == Blame::Caller;
        Self::new(Refusal {
            fault,
            retry_after_s: busy.then_some(crate::api::BUSY_S),
            said: None,
            extra: None,
        })
    }
}

impl From<Failure> for Box<Refusal> {
    fn from(failure: Failure) -> Self {
        let pause = failure.retry_after_ms.map(|ms| u32::try_from(ms.div_ceil(1000)).unwrap_or(u32::MAX));
        Self::new(Refusal { fault: failure.fault, retry_after_s: pause, said: failure.said, extra: None })
    }
}

impl From<crate::pipeline::settle::Spent> for Box<Refusal> {
    fn from(spent: crate::pipeline::settle::Spent) -> Self {
        Self::new(Refusal { fault: spent.fault, retry_after_s: spent.retry_after_s, said: None, extra: None })
    }
}

/// The end of a request that was sent and got no answer: what was used is settled, and the rest of what was reserved released.
pub(crate) fn unanswered(failure: Failure, journey: &mut Journey) -> Box<Refusal> {
    journey.settle();
    failure.into()
}

/// Sends an answer; `closing` happens now for a whole one and at the end of a stream.
pub(crate) fn send(
    answer: Answer,
    mut closing: Closing,
    dialect: Dialect,
    validation: Option<Validation>,
) -> Response<Reply> {
    match answer {
        Answer::Whole { mut headers, body, watch, mut flight } => {
            let tokens = watch.tokens();
            if watch.ended_well() {
                closing.fill(Some(&body), tokens);
            }
            let answered = Completion::answered(tokens.completion);
            flight.complete_at(Outcome::Success, answered, closing.journey.now());
            closing.journey.found(watch.guard().map(Guard::found).unwrap_or_default());
            describe(&closing.journey, &mut headers);
            told(watch.guard(), &mut headers);
            let kind = if watch.unfolds() { "text/event-stream" } else { "application/json" };
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            let first_content = flight.first();
            let end = End { status: 200, fault: None, tokens, first_content };
            if let Some(receipt) = closing.journey.receipt.take() {
                headers.extend(receipt.sign(&closing.journey, tokens, &body).map(|value| (RECEIPT, value)));
            }
            let answer = watch.answer_to_keep(&body);
            let cost = closing.close(end, answer.as_deref());
            headers.insert(COST, HeaderValue::from(cost));
            respond(StatusCode::OK, headers, Reply::full(body))
        }
        Answer::Stream { mut headers, relay, flight } => {
            describe(&closing.journey, &mut headers);
            told(relay.watch.guard(), &mut headers);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            let capture =
                (dialect == Dialect::OpenaiResponses && closing.keep.is_some()).then(Capture::default);
            if validation.is_some() {
                headers.insert(SUPPORT, HeaderValue::from_static(AT_THE_END));
            }
            let streaming = Streaming::new(*relay, flight, capture, closing, validation.map(Passed::new));
            respond(StatusCode::OK, headers, Reply::stream(streaming))
        }
    }
}

/// The policy's own answer: a model's shape for a status of success, an error for any other.
pub(crate) fn fixed(mut journey: Journey, answer: &tollgate_policy::Answer, stream: bool) -> Response<Reply> {
    if answer.status >= 400 {
        let fault = fixed_answer_fault(answer.status, &answer.text);
        return refuse_with(
            journey,
            Refusal { fault, retry_after_s: None, said: None, extra: None },
            answer.status,
        );
    }
    let id = journey.id.as_str().replacen("req_", "chatcmpl-", 1);
    let created = u64::try_from(journey.arrived.seconds()).unwrap_or(0);
    let chat = json!({
        "id": id, "object": "chat.completion", "created": created, "model": "tollgate",
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null,
            "message": {"role": "assistant", "content": answer.text, "refusal": null}}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    })
    .to_string();
    let options = Options { created: Some(created), ..Options::default() };
    let written =
        match (stream, journey.dialect) {
            (true, to) => translate::unfolded(Dialect::OpenaiChat, to, chat.as_bytes(), &options)
                .map(|(bytes, _)| bytes),
            (false, Dialect::OpenaiChat) => Ok(chat.into_bytes()),
            (false, to) => translate::response(Dialect::OpenaiChat, to, chat.as_bytes(), &options)
                .map(|(bytes, _)| bytes),
        };
    let Ok(body) = written else {
        let fault = Fault::caller(
            FaultKind::BadRequest,
            "the policy answers in words, which this dialect cannot carry",
        );
        return refuse_with(journey, Refusal { fault, retry_after_s: None, said: None, extra: None }, 400);
    };
    let mut headers = HeaderMap::new();
    describe(&journey, &mut headers);
    let kind = if stream { "text/event-stream" } else { "application/json" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    journey.end(unsent(answer.status, None));
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    respond(status, headers, Reply::full(body.into()))
}

/// An answer that was kept, given again.
pub(crate) fn kept(mut journey: Journey, hit: Hit) -> Response<Reply> {
    let mut headers = HeaderMap::new();
    describe(&journey, &mut headers);
    if let Ok(name) = HeaderValue::from_str(&hit.model) {
        headers.insert(MODEL, name);
    }
    headers.insert(http::header::AGE, HeaderValue::from(hit.age_s));
    headers.insert(COST, HeaderValue::from(0));
    let kind = if hit.stream { "text/event-stream" } else { "application/json" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(reservation) = hit.reservation {
        reservation.settle(FREE);
    }
    journey.end(unsent(200, None));
    respond(StatusCode::OK, headers, Reply::full(hit.body))
}

/// The vectors of the gateway's own encoder.
pub(crate) fn local(mut journey: Journey, embedded: Embedded) -> Response<Reply> {
    let mut headers = HeaderMap::new();
    describe(&journey, &mut headers);
    if let Ok(name) = HeaderValue::from_str(&embedded.model) {
        headers.insert(MODEL, name);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    journey.requested_model = Some(embedded.model.into());
    let tokens = Tokens { prompt: embedded.tokens, exact: true, ..Tokens::default() };
    if let Some(reservation) = journey.promised() {
        reservation.settle(journey.usage_with(tokens, 0));
    }
    journey.end(End { status: 200, fault: None, tokens, first_content: None });
    respond(StatusCode::OK, headers, Reply::full(embedded.body))
}

/// Says no, in the caller's dialect.
pub(crate) fn refuse(journey: Journey, refusal: Refusal) -> Response<Reply> {
    let status = status_of(&refusal.fault).as_u16();
    refuse_with(journey, refusal, status)
}

fn refuse_with(mut journey: Journey, refusal: Refusal, status: u16) -> Response<Reply> {
    let Refusal { fault, retry_after_s, said, extra } = refusal;
    if fault.blame == Blame::Us {
        tracing::error!(request = %journey.id, fault = journey.noted(&fault), "request failed");
    }
    journey.story.fault = journey.noted(&fault);
    // What was attempted was not refused: it failed, and its attempts are counted.
    if journey.story.attempts.is_empty() {
        journey.refused(fault.kind.word());
    }
    let mut headers = HeaderMap::new();
    describe(&journey, &mut headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let (status, body) = match said {
        Some((status, body)) => (status, body),
        None => {
            let shown = shown(&fault, &journey);
            let body = error::body(journey.dialect, &shown, retry_after_s);
            (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body.into())
        }
    };
    if let Some(seconds) = retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    headers.extend(extra);
    journey.end(unsent(status.as_u16(), Some(fault.kind)));
    respond(status, headers, Reply::full(body))
}

/// What the caller may read of a fault.
fn shown(fault: &Fault, journey: &Journey) -> Fault {
    let mut open = in_public(fault);
    // It is the reason why nothing else was tried, and says that a little later something will be.
    if journey.story.gave_up == Some(GiveUp::Budget.word()) {
        open.message = format!("{}; {}", open.message, GiveUp::Budget.word());
    }
    match fault.exposure {
        Exposure::Public => open,
        Exposure::Private => {
            let message = format!("{}; the operator finds the reason under {}", open.message, journey.id);
            Fault { message, ..open }
        }
    }
}

/// A private fault in words that give nothing away; a public one as it is.
pub(super) fn in_public(fault: &Fault) -> Fault {
    let words = match (fault.exposure, fault.kind) {
        (Exposure::Public, _) => return fault.clone(),
        (Exposure::Private, FaultKind::Timeout) => "the upstream did not answer in time",
        (Exposure::Private, _) if fault.blame == Blame::Upstream => "the upstream failed to answer",
        (Exposure::Private, _) => "the gateway failed to answer",
    };
    Fault { message: words.to_owned(), field: None, exposure: Exposure::Public, ..fault.clone() }
}

/// The headers that say where the request went and what that cost in time.
fn describe(journey: &Journey, headers: &mut HeaderMap) {
    if let Ok(overhead) = HeaderValue::try_from(journey.phases.header()) {
        headers.insert(OVERHEAD, overhead);
    }
    if let Some(told) = journey.sold.as_ref().and_then(|sold| sold.told.clone()) {
        headers.insert(SETTLED, told);
    }
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(REQUEST_ID, journey.id.as_str());
    if let Some(route) = &journey.route {
        put(DECISION, route);
    }
    if !journey.story.denials.is_empty() {
        put(DENIED, &in_short(&denied(&journey.story.denials)));
    }
    if let Some(risk) = &journey.story.risk {
        put(RISK, &risk.told());
    }
    if let Some(support) = journey.story.support.last() {
        put(SUPPORT, &support.told());
    }
    if let Some(cache) = &journey.story.cache {
        put(CACHE, &cache.told());
    }
    if let Some(ModelWhy::Budget { budget, .. }) = &journey.story.models {
        put(BUDGET, budget);
    }
    if let Some(matched) = journey.heard.as_ref().and_then(|heard| heard.matched()) {
        put(SIGNALS, &matched);
    }
    if let Some(last) = journey.story.attempts.last() {
        put(MODEL, &last.model);
        put(POOL, &last.pool);
        put(INSTANCE, &last.instance);
        if journey.story.attempts.len() > 1 {
            put(ATTEMPTS, &journey.story.attempts.len().to_string());
        }
        let edits = journey.story.edits.told();
        if !edits.is_empty() {
            put(EDITS, &in_short(&edits));
        }
        if !last.lost.is_empty() {
            put(LOST, &in_short(&last.lost));
        }
    }
}

/// What was found in the answer so far.
fn told(guard: Option<&Guard>, headers: &mut HeaderMap) {
    let names = guard.and_then(Guard::told).and_then(|names| HeaderValue::from_str(&names).ok());
    if let Some(names) = names {
        headers.insert(OUTPUT, names);
    }
}

/// The guards that denied something, each once: the last first, since it may be the one that decided.
fn denied(denials: &[tollgate_policy::Denial]) -> Vec<String> {
    let last = denials.last().map(|denial| denial.rule.clone());
    let mut rules: Vec<String> = denials.iter().map(|denial| denial.rule.clone()).collect();
    rules.sort_unstable();
    rules.dedup();
    rules.retain(|rule| last.as_ref() != Some(rule));
    last.into_iter().chain(rules).collect()
}

fn respond(status: StatusCode, headers: HeaderMap, body: Reply) -> Response<Reply> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// What was changed or lost, short enough for a header; the record has all of it.
fn in_short(lines: &[String]) -> String {
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        if text.len() + line.len() > LOST_MAX {
            text.push_str(&format!("and {} more", lines.len() - at));
            break;
        }
        text.push_str(line);
        if at + 1 < lines.len() {
            text.push_str("; ");
        }
    }
    text.replace(|c: char| !c.is_ascii_graphic() && c != ' ', "?")
}
