//! What others need to know before they settle anything here; it says nothing that is not public.

use super::super::{Answered, json as answer};
use crate::api::routes::{Access, ROUTES};
use crate::worker::Worker;
use http::StatusCode;
use serde_json::json;
use tollgate_core::{Fault, FaultKind};
use tollgate_pay::rail::LEDGER_RAIL;

/// The document of `/.well-known/tollgate-settlement`.
pub(in crate::api) fn discovery(worker: &Worker) -> Answered {
    let shared = worker.shared();
    let settlement = shared.settlement.as_ref();
    let settlement = settlement.ok_or_else(|| {
        Fault::caller(
            FaultKind::NotFound,
            "settlement is not served here: name its folder by `settle: {data: …}`",
        )
    })?;
    let snapshot = shared.snapshot.load();
    let beside = snapshot.settings.settle.iter().flat_map(|settle| settle.rails.iter().map(String::as_str));
    let rails: Vec<&str> = std::iter::once(LEDGER_RAIL).chain(beside).collect();
    let endpoints: Vec<_> = ROUTES
        .iter()
        .filter_map(|row| match row.access {
            Access::Settle(right) => {
                Some(json!({"method": row.method, "path": row.path, "role": right.role()}))
            }
            _ => None,
        })
        .collect();
    let document = json!({
        "type": "tollgate/settlement/v1",
        "log": {
            "origin": settlement.origin(),
            "key": settlement.log_key().to_string(),
            "witness_policy": settlement.policy().map(ToString::to_string),
        },
        "rails": rails,
        "forms": ["tollgate/task-contract/v1", "tollgate/escrow/v2", "tollgate/agent-record/v1"],
        "mandates": ["ap2/v0.2 sd-jwt chain", "jws mandate+jwt"],
        "authentication": ["bearer key", "rfc9421 ed25519", "rfc9421 ecdsa-p256-sha256"],
        "agents": "/v1/settle/agents{?text,skill,rail,after,limit}",
        "challenges": "/v1/settle/agents/{id}/challenge{?rail,account}",
        "openapi": "/openapi.json",
        "endpoints": endpoints,
    });
    answer(StatusCode::OK, &document)
}
