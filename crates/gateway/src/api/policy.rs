//! The policy in force: reading, checking and replacing it while requests run.

use super::console::report;
use super::{Answered, json, typed};
use crate::control;
use crate::snapshot::SnapshotError;
use crate::state::Shared;
use crate::worker::Worker;
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use tollgate_console::view::CheckReport;
use tollgate_core::{Fault, FaultKind};

/// `GET /api/v1/policy`.
pub(super) fn get(worker: &Worker) -> Answered {
    let text = worker.shared().snapshot.load().policy_text.clone();
    Ok(typed(StatusCode::OK, "text/plain; charset=utf-8", text.into()))
}

/// `POST /api/v1/policy/check`.
pub(super) async fn check(worker: &Worker, body: &[u8]) -> Answered {
    let text = utf8(body)?.to_owned();
    json(StatusCode::OK, &aside(worker, move |_, report| report(&text)).await?)
}

/// What a text comes to, by [`report`].
pub(crate) type Check<'c> = &'c dyn Fn(&str) -> CheckReport;

/// Does work that analyses policies, which may take a second or two, beside the workers: one at a time, and of those
/// that wait only a few. The analysis ends when the caller goes away, as the console does when its text changes.
pub(crate) async fn aside<T: Send + 'static>(
    worker: &Worker,
    work: impl FnOnce(&Shared, Check<'_>) -> T + Send + 'static,
) -> Result<T, Fault> {
    let shared = worker.shared().clone();
    let busy = || {
        Fault::caller(FaultKind::LimitReached, "other policies are being checked; try again in a few seconds")
    };
    let _place = shared.checks.places.try_acquire().map_err(|_| busy())?;
    let _turn = shared.checks.turn.acquire().await.map_err(|_| busy())?;
    let wanted = Arc::new(());
    let still = Arc::downgrade(&wanted);
    let held = shared.clone();
    let done = tokio::task::spawn_blocking(move || {
        let check =
            |text: &str| report(&held, &held.snapshot.load_full(), text, &|| still.strong_count() > 0);
        work(&held, &check)
    });
    let done = done.await.map_err(|error| Fault::internal(error.to_string()));
    drop(wanted);
    done
}

/// The answer of `PUT /api/v1/policy`.
#[derive(Serialize)]
struct Put {
    #[serde(flatten)]
    report: CheckReport,
    /// Whether the policy's file has the text, too.
    written: bool,
    /// What follows from that.
    note: String,
}

/// `PUT /api/v1/policy`: in force only when it compiles and its tests pass; the file on disk is not changed, and the
/// answer says so.
pub(super) async fn put(worker: &Worker, body: &[u8]) -> Answered {
    let text = utf8(body)?.to_owned();
    let done = aside(worker, move |shared, check| {
        let report = check(&text);
        if !report.ok {
            shared.metrics.reloads_refused.inc();
            return Ok(report);
        }
        control::replace_policy(shared, text).map(|_| report)
    });
    let report = done.await?.map_err(|e| Fault::caller(FaultKind::BadRequest, e.to_string()))?;
    if !report.ok {
        return json(StatusCode::UNPROCESSABLE_ENTITY, &report);
    }
    let file = control::policy_name(&worker.shared().snapshot.load().settings);
    let note = format!(
        "in force until the next reload or restart; to keep it, write it to the file as well: the next reload takes {file}"
    );
    json(StatusCode::OK, &Put { report, written: false, note })
}

/// `POST /api/v1/reload`.
pub(super) async fn reload(worker: &Worker) -> Answered {
    let done = aside(worker, |shared, check| {
        let reloaded = control::reload(shared)?;
        let text = shared.snapshot.load().policy_text.clone();
        Ok::<_, SnapshotError>((reloaded, check(&text).diagnostics))
    });
    match done.await? {
        Ok((reloaded, found)) => {
            let control::Reloaded { generation, warnings } = reloaded;
            let body = json!({"reloaded": true, "generation": generation, "warnings": warnings, "diagnostics": found});
            json(StatusCode::OK, &body)
        }
        Err(error) => {
            let body = json!({"reloaded": false, "kept": "the last good configuration", "problems": error.to_string()});
            json(StatusCode::UNPROCESSABLE_ENTITY, &body)
        }
    }
}

fn utf8(body: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(body)
        .map_err(|e| Fault::caller(FaultKind::BadRequest, format!("the policy is not UTF-8: {e}")))
}
