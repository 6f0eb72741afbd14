//! The operator's side of the cache of answers: what is kept, and forgetting it.

use super::{Answered, json, query};
use crate::kept::Kept;
use crate::pipeline::blocking;
use crate::worker::Worker;
use http::StatusCode;
use http::request::Parts;
use serde_json::json;
use std::sync::Arc;
use tollgate_cache::{Chosen, Counts};
use tollgate_core::{Fault, FaultKind, Timestamp};

fn kept(worker: &Worker) -> Result<&Arc<Kept>, Fault> {
    let none = || Fault::caller(FaultKind::NotFound, "no cache is configured; set `cache:` and restart");
    worker.shared().kept.as_ref().ok_or_else(none)
}

/// Both, by the method.
pub(super) async fn serve(worker: &Worker, parts: &Parts) -> Answered {
    if parts.method == http::Method::DELETE { forget(worker, parts).await } else { show(worker) }
}

/// `GET /v1/cache`.
fn show(worker: &Worker) -> Answered {
    let kept = kept(worker)?;
    let Counts { entries, bytes, groups, evicted } = kept.cache.counts();
    let on = worker.shared().snapshot.load().settings.cache.is_some();
    json(
        StatusCode::OK,
        &json!({"on": on, "answers": entries, "bytes": bytes, "groups": groups, "evicted": evicted}),
    )
}

/// `DELETE /v1/cache`: when it is answered, the chosen answers are neither in memory nor on disk.
async fn forget(worker: &Worker, parts: &Parts) -> Answered {
    let kept = kept(worker)?.clone();
    let before = match query(parts, "before") {
        None => None,
        Some(text) => {
            let bad = |_| {
                let message = format!("{text:?} is not an RFC 3339 time");
                Fault::caller(FaultKind::BadRequest, message).at("before")
            };
            let time: jiff::Timestamp = text.parse().map_err(bad)?;
            Some(Timestamp(time.as_microsecond()))
        }
    };
    let chosen = Chosen {
        owner: query(parts, "owner"),
        tenant: query(parts, "tenant"),
        route: query(parts, "route"),
        model: query(parts, "model"),
        category: query(parts, "category"),
        before,
    };
    let forgotten = blocking(worker.shared(), move |_| kept.forget(&chosen)).await?;
    json(StatusCode::OK, &json!({"forgotten": forgotten}))
}
