//! What callers may ask besides answers: models, stored responses, token counts, explanations, feedback.

use super::{Answered, decode_path, json, query, query_number, typed};
use crate::pipeline::{self, Caller, authenticate};
use crate::snapshot::Snapshot;
use crate::worker::Worker;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::json;
use std::net::IpAddr;
use std::sync::Arc;
use tollgate_core::{Fault, FaultKind};
use tollgate_store::{Feedback, ItemQuery};
use tollgate_wire::peek::{Limits, peek, peek_count_tokens};
use tollgate_wire::{Dialect, WireError};

pub(super) fn who(worker: &Worker, parts: &Parts, peer: IpAddr) -> Result<(Caller, Arc<Snapshot>), Fault> {
    let shared = worker.shared();
    let snapshot = shared.snapshot.load_full();
    let now = shared.clock.now();
    let caller = authenticate(&parts.headers, peer, &snapshot.settings.auth, &shared.store.keys(), now)?;
    Ok((caller, snapshot))
}

fn wire(error: &WireError) -> Fault {
    error.fault()
}

/// `POST /v1/messages/count_tokens`.
pub(super) async fn count_tokens(worker: &Worker, parts: &Parts, body: Bytes, peer: IpAddr) -> Answered {
    who(worker, parts, peer)?;
    let (shared, bytes) = (worker.shared().clone(), body.len());
    let count = move || {
        let view = peek_count_tokens(body, &Limits::default()).map_err(|e| wire(&e))?;
        let exact = tollgate_signals::Workload::exact_prompt_tokens(&view);
        let ratio = shared.estimates.lock().ratio.bytes_per_token(view.dialect.word());
        Ok(exact.unwrap_or_else(|| tollgate_signals::prompt_tokens(&view, ratio)))
    };
    let tokens = worker.shared().large.work(bytes, count).await?;
    json(StatusCode::OK, &json!({"input_tokens": tokens as u64}))
}

/// `GET /v1/models`, in Anthropic's shape for its clients.
pub(super) fn models(worker: &Worker, parts: &Parts, peer: IpAddr) -> Answered {
    let (caller, snapshot) = who(worker, parts, peer)?;
    let usable = snapshot.models.iter().filter(|m| pipeline::may_use(&snapshot, &caller, m));
    let encoder = worker.shared().encoder.as_ref().map(|pool| pool.model());
    let local = encoder.filter(|m| pipeline::may_use_here(&snapshot, &caller, m));
    let names = usable.map(|m| &*m.name).chain(local);
    let created = snapshot_time(worker);
    if parts.headers.contains_key("anthropic-version") {
        let when = tollgate_core::Timestamp(created.saturating_mul(1_000_000)).to_string();
        let virtuals = snapshot.policy.virtual_names().iter().map(String::as_str);
        let data: Vec<_> =
            ["auto"].into_iter().chain(virtuals).chain(names).map(|n| anthropic_model(n, &when)).collect();
        let ids: Vec<_> = data.iter().map(|d| d["id"].clone()).collect();
        let page = json!({"data": data, "has_more": false, "first_id": ids.first(), "last_id": ids.last()});
        return json(StatusCode::OK, &page);
    }
    let virtuals = snapshot.policy.virtual_names().iter().map(String::as_str);
    let chosen = ["auto"].into_iter().chain(virtuals);
    let data: Vec<_> = chosen.chain(names).map(|n| model_object(n, created)).collect();
    json(StatusCode::OK, &json!({"object": "list", "data": data}))
}

/// `GET /v1/models/{id}`.
pub(super) fn model(worker: &Worker, parts: &Parts, id: &str, peer: IpAddr) -> Answered {
    let (caller, snapshot) = who(worker, parts, peer)?;
    // Clients write a slash in a name as it is, or encoded.
    let id = &*decode_path(id);
    let known = snapshot.model(id).is_some_and(|m| pipeline::may_use(&snapshot, &caller, m))
        || snapshot.chooses(id)
        || worker.shared().encoder.as_ref().is_some_and(|e| e.model() == id)
            && pipeline::may_use_here(&snapshot, &caller, id);
    if !known {
        let shown: String = id.chars().take(80).collect();
        return Err(
            Fault::caller(FaultKind::NotFound, format!("the model {shown:?} does not exist")).at("model")
        );
    }
    let created = snapshot_time(worker);
    if parts.headers.contains_key("anthropic-version") {
        let when = tollgate_core::Timestamp(created.saturating_mul(1_000_000)).to_string();
        return json(StatusCode::OK, &anthropic_model(id, &when));
    }
    json(StatusCode::OK, &model_object(id, created))
}

fn anthropic_model(id: &str, created: &str) -> serde_json::Value {
    json!({"type": "model", "id": id, "display_name": id, "created_at": created})
}

fn model_object(id: &str, created: i64) -> serde_json::Value {
    json!({"id": id, "object": "model", "created": created, "owned_by": "tollgate"})
}

/// Models have no time of their own here; the process's start is stable and true.
fn snapshot_time(worker: &Worker) -> i64 {
    worker.shared().started.seconds()
}

/// `POST /v1/route`: the body is a request of any dialect, named by `?dialect=`, else told by its fields.
pub(super) async fn explain(worker: &Worker, parts: &Parts, body: Bytes, peer: IpAddr) -> Answered {
    let (caller, snapshot) = who(worker, parts, peer)?;
    let dialect = match query(parts, "dialect") {
        Some(word) => Dialect::parse(&word).ok_or_else(|| {
            let known: Vec<_> = Dialect::ALL.iter().map(|d| d.word()).collect();
            Fault::caller(FaultKind::BadRequest, format!("use one of {}", known.join(", "))).at("dialect")
        })?,
        None => guess(&body),
    };
    let (shared, headers, bytes) = (worker.shared().clone(), parts.headers.clone(), body.len());
    let work = async move || {
        let view = peek(dialect, body, &Limits::default()).map_err(|e| wire(&e))?;
        pipeline::explain_request(&shared, &snapshot, &view, &headers, &caller).await
    };
    let explained = worker.shared().large.work_that_waits(bytes, work).await?;
    json(StatusCode::OK, &explained)
}

fn guess(body: &[u8]) -> Dialect {
    let has = |needle: &[u8]| memchr::memmem::find(body, needle).is_some();
    match (has(b"\"messages\""), has(b"\"input\"")) {
        (false, true) => Dialect::OpenaiResponses,
        _ => Dialect::OpenaiChat,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeedbackBody {
    request_id: String,
    score: f64,
    comment: Option<String>,
}

/// `POST /v1/feedback`.
pub(super) async fn feedback(worker: &Worker, parts: &Parts, body: Bytes, peer: IpAddr) -> Answered {
    let (caller, _) = who(worker, parts, peer)?;
    let said: FeedbackBody = serde_json::from_slice(&body).map_err(|e| {
        Fault::caller(
            FaultKind::BadRequest,
            format!("{e}; send {{\"request_id\", \"score\": 0 to 1, \"comment\"?}}"),
        )
    })?;
    if !(0.0..=1.0).contains(&said.score) {
        let message = format!("{} is not from 0 (useless) to 1 (right)", said.score);
        return Err(Fault::caller(FaultKind::BadRequest, message).at("score"));
    }
    let shared = worker.shared().clone();
    let now = shared.clock.now();
    let (id, owner) = (said.request_id.clone(), caller.id.clone());
    let known = pipeline::blocking(&shared, move |s| {
        if let Some(row) = s.store.decision(&id)? {
            return Ok(Some(row));
        }
        s.store.flush()?;
        s.store.decision(&id)
    })
    .await?;
    // Only the caller whose request it was may judge the answer; and what no record connects to a decision teaches nothing.
    let own = known.is_some_and(|row| row.key.as_deref().unwrap_or_default() == &*owner);
    if !own {
        let message = "there is no record of such a request of yours; under high load only a sample of requests has one";
        return Err(Fault::caller(FaultKind::NotFound, message).at("request_id"));
    }
    let feedback = Feedback {
        request_id: said.request_id,
        score: Some(said.score),
        label: None,
        preferred_model: None,
        comment: said.comment,
    };
    let key = (!caller.id.is_empty()).then(|| caller.id.to_string());
    let seq =
        pipeline::blocking(&shared, move |s| s.store.add_feedback(feedback, key.as_deref(), now)).await?;
    json(StatusCode::OK, &json!({"recorded": seq}))
}

/// `GET /v1/responses/{id}`.
pub(super) async fn response(worker: &Worker, parts: &Parts, id: &str, peer: IpAddr) -> Answered {
    let (caller, _) = who(worker, parts, peer)?;
    let text = pipeline::get_response(worker.shared(), &caller, id).await?;
    Ok(typed(StatusCode::OK, "application/json", text.into()))
}

/// `DELETE /v1/responses/{id}`.
pub(super) async fn delete_response(worker: &Worker, parts: &Parts, id: &str, peer: IpAddr) -> Answered {
    let (caller, _) = who(worker, parts, peer)?;
    let text = pipeline::delete_response(worker.shared(), &caller, id).await?;
    Ok(typed(StatusCode::OK, "application/json", text.into()))
}

/// `GET /v1/responses/{id}/input_items`.
pub(super) async fn response_items(worker: &Worker, parts: &Parts, id: &str, peer: IpAddr) -> Answered {
    let (caller, _) = who(worker, parts, peer)?;
    let items = ItemQuery {
        after: query(parts, "after"),
        limit: query_number(parts, "limit", (1, 100), 20)?,
        ascending: query(parts, "order").as_deref() == Some("asc"),
    };
    let page = pipeline::response_items(worker.shared(), &caller, id, items).await?;
    json(StatusCode::OK, &page)
}
