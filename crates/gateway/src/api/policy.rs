//! The policy in force: reading, checking and replacing it while requests run.

use super::console::report;
use super::{Answered, json, typed};
use crate::control;
use crate::worker::Worker;
use http::StatusCode;
use serde_json::json;
use tollgate_core::{Fault, FaultKind};

/// `GET /api/v1/policy`.
pub(super) fn get(worker: &Worker) -> Answered {
    let text = worker.shared().snapshot.load().policy_text.clone();
    Ok(typed(StatusCode::OK, "text/plain; charset=utf-8", text.into()))
}

/// `POST /api/v1/policy/check`.
pub(super) fn check(worker: &Worker, body: &[u8]) -> Answered {
    let snapshot = worker.shared().snapshot.load_full();
    json(StatusCode::OK, &report(worker.shared(), &snapshot, utf8(body)?))
}

/// `PUT /api/v1/policy`: in force only when it compiles and its tests pass; the file on disk is not changed.
pub(super) fn put(worker: &Worker, body: &[u8]) -> Answered {
    let text = utf8(body)?.to_owned();
    let snapshot = worker.shared().snapshot.load_full();
    let report = report(worker.shared(), &snapshot, &text);
    if !report.ok {
        worker.shared().metrics.reloads_refused.inc();
        return json(StatusCode::UNPROCESSABLE_ENTITY, &report);
    }
    control::replace_policy(worker.shared(), text)
        .map_err(|e| Fault::caller(FaultKind::BadRequest, e.to_string()))?;
    json(StatusCode::OK, &report)
}

/// `POST /api/v1/reload`.
pub(super) fn reload(worker: &Worker) -> Answered {
    match control::reload(worker.shared()) {
        Ok(generation) => {
            let snapshot = worker.shared().snapshot.load_full();
            let found = report(worker.shared(), &snapshot, &snapshot.policy_text).diagnostics;
            json(StatusCode::OK, &json!({"reloaded": true, "generation": generation, "diagnostics": found}))
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
