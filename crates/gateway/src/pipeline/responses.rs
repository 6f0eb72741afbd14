//! The stored side of the Responses dialect: continuing an answer, reading it back, deleting it.
//!
//! Answers are kept here, not at an upstream, so that a conversation may go on at another one: a request with
//! `previous_response_id` is sent with all earlier items in its `input`. Only the caller that stored an answer finds
//! it again.

use super::authenticate::Caller;
use super::body_fault;
use super::settle::Keep;
use crate::snapshot::Snapshot;
use crate::state::Shared;
use crate::threads::large::LARGE;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use tollgate_core::{Fault, FaultKind, Timestamp};
use tollgate_store::{ItemQuery, StoreError, StoredResponse};
use tollgate_wire::Dialect;
use tollgate_wire::form::Json;
use tollgate_wire::openai_responses::stored::{self, Stored};
use tollgate_wire::peek::{Limits, peek};
use tollgate_wire::sse::Framer;
use tollgate_wire::view::RequestView;

/// How long an answer is kept (the API documents 30 days).
const KEPT_US: i64 = 30 * 24 * 3_600 * 1_000_000;
/// Most predecessors that one request continues.
const CHAIN_MAX: usize = 200;
/// Answers that are remembered as queued, so that who asks for one at once is not told that there is none.
const RECENT_MAX: usize = 1_024;

/// The answers that this process queued to be written, the last [`RECENT_MAX`] of them. Only for those is it worth a commit
/// to look again: an id that anybody made up costs a look.
#[derive(Default)]
pub(crate) struct Recent {
    hashes: RandomState,
    ids: Mutex<VecDeque<u64>>,
}

impl Recent {
    fn add(&self, id: &str) {
        let mut ids = self.ids.lock();
        if ids.len() >= RECENT_MAX {
            ids.pop_front();
        }
        ids.push_back(self.hashes.hash_one(id));
    }

    fn has(&self, id: &str) -> bool {
        let hash = self.hashes.hash_one(id);
        self.ids.lock().contains(&hash)
    }
}

/// Reads a request's view, what to keep of it, and the answer that it continues: then the view is of the whole
/// conversation. What is large is read beside the threads that serve, and so is a conversation, whatever its size.
pub(crate) async fn view(
    shared: &Arc<Shared>,
    snapshot: &Snapshot,
    dialect: Dialect,
    body: Bytes,
    caller: &Caller,
) -> Result<(RequestView, Option<Keep>, Option<String>), Fault> {
    let depth = u8::try_from(snapshot.settings.limits.json_depth).unwrap_or(u8::MAX);
    let limits = Limits { depth, ..Limits::default() };
    // Of answers that are bought nobody could tell whose they are.
    let owner = caller.buys.is_none().then(|| caller.id.clone());
    let (view, keep) = if body.len() < LARGE {
        first(dialect, body, &limits, owner.as_ref())?
    } else {
        let bytes = body.len();
        Box::pin(shared.large.work(bytes, move || first(dialect, body, &limits, owner.as_ref()))).await?
    };
    let id = view.previous_response_id.filter(|_| dialect == Dialect::OpenaiResponses);
    let Some(id) = id.map(|id| view.text(id).into_owned()) else { return Ok((view, keep, None)) };
    if caller.buys.is_some() {
        let message = "answers that are bought without a key are not kept";
        return Err(Fault::caller(FaultKind::BadRequest, message).at("previous_response_id"));
    }
    let room = (snapshot.settings.limits.body_bytes, snapshot.settings.limits.bodies_bytes);
    let view = continued(shared, &id, &caller.id, view.body, (limits, room)).await?;
    Ok((view, keep, Some(id)))
}

/// The request as it came, and what to keep of it for its owner.
fn first(
    dialect: Dialect,
    body: Bytes,
    limits: &Limits,
    owner: Option<&Arc<str>>,
) -> Result<(RequestView, Option<Keep>), Fault> {
    let view = peek(dialect, body, limits).map_err(|e| e.fault())?;
    let kept = dialect == Dialect::OpenaiResponses && view.store != Some(false);
    let keep = owner.filter(|_| kept).map(|owner| keep(&view, owner)).transpose()?;
    Ok((view, keep))
}

fn keep(view: &RequestView, owner: &Arc<str>) -> Result<Keep, Fault> {
    let items = stored::input_items(&view.body).map_err(|e| e.fault())?;
    let metadata = view
        .metadata
        .map_or_else(|| "{}".to_owned(), |s| String::from_utf8_lossy(view.bytes(s)).into_owned());
    let previous_id = view.previous_response_id.map(|id| view.text(id).into_owned());
    Ok(Keep { owner: owner.to_string(), previous_id, metadata, input: Json::Array(items).to_text() })
}

/// The whole conversation that a request continues. Many megabytes may have to be read and written: not on a thread that
/// serves.
async fn continued(
    shared: &Arc<Shared>,
    id: &str,
    owner: &str,
    body: Bytes,
    (limits, (body_bytes, bodies_bytes)): (Limits, (usize, usize)),
) -> Result<RequestView, Fault> {
    let (id_owned, owner) = (id.to_owned(), owner.to_owned());
    let now = shared.clock.now();
    let view = blocking(shared, move |shared| {
        let read = || match shared.store.response_chain(&id_owned, &owner, now, CHAIN_MAX) {
            Err(StoreError::NotFound { .. }) => Ok(Vec::new()),
            other => other,
        };
        let mut chain = read()?;
        if chain.is_empty() && shared.recent.has(&id_owned) {
            // It still waits to be written.
            shared.store.flush()?;
            chain = read()?;
        }
        let whole = || {
            let whole = stored::expanded_request(&unfolded(&chain)?, &body).map_err(|e| e.fault())?;
            let whole = shared.bodies.keep(whole.to_bytes(), bodies_bytes).map_err(|e| body_fault(&e))?;
            if whole.len() > body_bytes {
                let message = format!(
                    "the conversation has grown to {} bytes, more than a request may have",
                    whole.len()
                );
                return Err(Fault::caller(FaultKind::TooLarge, message).at("previous_response_id"));
            }
            peek(Dialect::OpenaiResponses, whole, &limits).map_err(|e| e.fault())
        };
        Ok((!chain.is_empty()).then(whole))
    })
    .await?;
    let Some(view) = view else {
        let message =
            format!("previous response with id {:?} not found", id.chars().take(80).collect::<String>());
        let fault = Fault::caller(FaultKind::NotFound, message).at("previous_response_id");
        return Err(fault.quoting("no such response"));
    };
    view
}

/// The items of a chain, oldest first.
fn unfolded(chain: &[StoredResponse]) -> Result<Stored, Fault> {
    let mut prior = Stored::default();
    for answer in chain {
        let parsed = |text: &str| Json::parse(text.as_bytes()).map_err(|e| Fault::internal(e.to_string()));
        prior.input.append(&mut prior.output);
        prior.input.extend(parsed(&answer.input)?.items().iter().cloned());
        let output = parsed(&answer.output)?;
        prior.output = output.get("output").map(|o| o.items().to_vec()).unwrap_or_default();
    }
    Ok(prior)
}

/// Runs a store call where it may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    call: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Fault> {
    let shared = shared.clone();
    // The threads for waiting are few and their queue has no bound of its own.
    let busy =
        || Fault::caller(FaultKind::Unavailable, "too many requests wait for the store; try again soon");
    let reading = shared.reading.clone().try_acquire_owned().map_err(|_| busy())?;
    let work = move || {
        let done = call(&shared);
        drop(reading);
        done
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(store_fault(&error)),
        Err(error) => Err(Fault::internal(error.to_string())),
    }
}

/// Whose fault a refusal of the store is.
fn store_fault(error: &StoreError) -> Fault {
    let kind = match error {
        StoreError::NotFound { .. } => FaultKind::NotFound,
        StoreError::Bad { .. } | StoreError::TooLarge { .. } | StoreError::Duplicate { .. } => {
            FaultKind::BadRequest
        }
        _ => return Fault::internal(error.to_string()),
    };
    Fault::caller(kind, error.to_string())
}

/// Keeps a finished answer; it is written without anybody waiting for it.
pub(crate) fn store(shared: &Shared, keep: Keep, answer: &[u8], now: Timestamp) {
    let Ok(output) = std::str::from_utf8(answer) else { return };
    let Some(id) = Json::parse(answer).ok().and_then(|j| j.get("id")?.as_str().map(str::to_owned)) else {
        return;
    };
    let items = Json::parse(keep.input.as_bytes()).map(|j| j.items().to_vec()).unwrap_or_default();
    let response = StoredResponse {
        input: Json::Array(stored::with_ids(&items, &id)).to_text(),
        id,
        owner: keep.owner,
        created: now,
        expires: Timestamp(now.0.saturating_add(KEPT_US)),
        previous_id: keep.previous_id,
        metadata: keep.metadata,
        output: output.to_owned(),
    };
    let queued = response.id.clone();
    match shared.store.offer_response(response) {
        Ok(true) => shared.recent.add(&queued),
        Ok(false) => tracing::warn!("a response was not kept: the store's queue is full"),
        Err(error) => tracing::warn!(%error, "a response was not kept"),
    }
}

/// `GET /v1/responses/{id}`.
pub(crate) async fn get(shared: &Arc<Shared>, caller: &Caller, id: &str) -> Result<String, Fault> {
    Ok(find(shared, caller, id).await?.output)
}

/// `DELETE /v1/responses/{id}`.
pub(crate) async fn delete(shared: &Arc<Shared>, caller: &Caller, id: &str) -> Result<String, Fault> {
    find(shared, caller, id).await?;
    let (owner, wanted) = (caller.id.to_string(), id.to_owned());
    let gone = blocking(shared, move |s| s.store.delete_response(&wanted, &owner)).await?;
    if gone { Ok(stored::deleted(id).to_text()) } else { Err(unknown(id)) }
}

/// `GET /v1/responses/{id}/input_items`.
pub(crate) async fn items(
    shared: &Arc<Shared>,
    caller: &Caller,
    id: &str,
    query: ItemQuery,
) -> Result<Value, Fault> {
    find(shared, caller, id).await?;
    let (owner, wanted, now) = (caller.id.to_string(), id.to_owned(), shared.clock.now());
    let page = blocking(shared, move |s| s.store.input_items(&wanted, &owner, now, &query)).await?;
    let mut out = json!(page);
    out["object"] = json!("list");
    Ok(out)
}

async fn find(shared: &Arc<Shared>, caller: &Caller, id: &str) -> Result<StoredResponse, Fault> {
    let (owner, wanted, now) = (caller.id.to_string(), id.to_owned(), shared.clock.now());
    let found = blocking(shared, move |s| {
        let found = s.store.response(&wanted, &owner, now)?;
        if found.is_some() || !s.recent.has(&wanted) {
            return Ok(found);
        }
        s.store.flush()?;
        s.store.response(&wanted, &owner, now)
    });
    found.await?.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Fault {
    let shown: String = id.chars().take(80).collect();
    Fault::caller(FaultKind::NotFound, format!("response with id {shown:?} not found"))
        .quoting("no such response")
}

/// Finds the whole answer in a stream: the last event that carries it.
#[derive(Default)]
pub(crate) struct Capture {
    framer: Framer,
    last: Option<Bytes>,
    broken: bool,
}

impl Capture {
    /// Sees a piece of the caller's stream.
    pub(crate) fn see(&mut self, bytes: &Bytes) {
        if self.broken {
            return;
        }
        self.framer.push(bytes.clone());
        loop {
            match self.framer.next_event() {
                Ok(Some(event)) => {
                    let named = event.name.as_deref();
                    if matches!(named, Some(b"response.completed" | b"response.incomplete")) {
                        self.last = Some(event.data);
                    }
                }
                Ok(None) => return,
                // What cannot be read is not kept.
                Err(_) => self.broken = true,
            }
            if self.broken {
                return;
            }
        }
    }

    /// The answer's object.
    pub(crate) fn answer(self) -> Option<Vec<u8>> {
        let event = Json::parse(&self.last?).ok()?;
        event.get("response").map(Json::to_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_answer_is_found_in_a_stream() {
        let mut capture = Capture::default();
        let stream = "event: response.created\ndata: {\"response\":{\"id\":\"resp_0\"}}\n\n\
                      event: response.completed\ndata: {\"response\":{\"id\":\"resp_1\",\"output\":[]}}\n\n";
        for byte in stream.as_bytes() {
            capture.see(&Bytes::copy_from_slice(&[*byte]));
        }
        assert_eq!(capture.answer().unwrap(), br#"{"id":"resp_1","output":[]}"#);
        assert_eq!(Capture::default().answer(), None);
    }
}
