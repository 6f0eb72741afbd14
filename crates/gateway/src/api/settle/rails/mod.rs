//! What comes in for rails that wait for others: papers for the chain, and webhooks of the API for cards.

use super::problem::Problem;
use super::{Answer, Asked, Shown, blocking};
use crate::api::{Answered, json as answer, read};
use crate::state::Shared;
use crate::worker::Worker;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::json;
use tollgate_core::{Digest, Fault, FaultKind};
use tollgate_evm::{EvmError, Signature};
use tollgate_net::server::RequestBody;
use tollgate_store::settlement::Settlement;

/// What payer or verifiers signed; without a signature, what they are to sign is answered.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Paper {
    Payment(PaymentPaper),
    Order(OrderPaper),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentPaper {
    signature: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderPaper {
    /// Seconds since the epoch from which on the order is void.
    expires: u64,
    /// Digest of the proof of task execution.
    pote: Option<Digest>,
    signature: Option<String>,
}

fn bad(error: EvmError) -> Problem {
    match error {
        EvmError::Bad { .. } | EvmError::Pay(_) => Problem::bad(error.to_string()),
        other => Problem::internal(&other.to_string()),
    }
}

fn signature(text: Option<&String>) -> Result<Option<Signature>, Problem> {
    text.map(|text| text.parse().map_err(bad)).transpose()
}

/// Files a paper, and goes on with the call that waited for it. Doing it twice does no more than doing it once.
pub(super) fn papers(shared: &Shared, settlement: &Settlement, asked: &Asked) -> Answer {
    asked.request()?;
    let folder = shared.rails.evm.as_ref();
    let folder = folder.ok_or_else(|| Problem::not_found("settle.rails does not name evm"))?;
    let id = asked.digest("escrow")?;
    let missing = || Problem::not_found(&format!("there is no escrow {id}"));
    let (escrow, _) = settlement.escrow(&id).ok_or_else(missing)?;
    let paper: Paper =
        serde_json::from_slice(&asked.body).map_err(|error| Problem::bad(error.to_string()))?;
    let mut shown = match paper {
        Paper::Payment(paper) => {
            let draft = folder.draft(&escrow.contract).map_err(bad)?;
            let signature = signature(paper.signature.as_ref())?;
            if let Some(signature) = &signature {
                folder.file_payment(&id, &draft, signature).map_err(bad)?;
            }
            let (to_sign, info) = (&draft.authorization, &draft.info);
            let message = json!({
                "from": to_sign.from, "to": to_sign.to, "value": info.max_amount.to_string(), "validAfter": "0",
                "validBefore": info.pre_approval_expiry.to_string(), "nonce": to_sign.nonce,
            });
            json!({"payment": draft.payment, "digest": draft.digest, "primaryType": "ReceiveWithAuthorization",
                "message": message, "filed": usize::from(signature.is_some())})
        }
        Paper::Order(paper) => {
            let waiting = escrow.rail.open();
            let call = waiting
                .ok_or_else(|| Problem::bad("the escrow waits for no rail: nothing is to be signed"))?;
            let draft = folder
                .order(call, &escrow.contract, paper.pote.unwrap_or(Digest([0; 32])), paper.expires)
                .map_err(bad)?;
            let filed = match signature(paper.signature.as_ref())? {
                Some(signature) => folder.file_order(&id, &draft, &signature).map_err(bad)?,
                None => 0,
            };
            json!({"payment": draft.order.payment, "digest": draft.digest, "primaryType": "Order",
                "message": draft.order, "filed": filed, "needed": draft.quorum.needed})
        }
    };
    let filed = shown.get("filed").and_then(serde_json::Value::as_u64);
    if filed > Some(0) {
        let told = settlement.call_out(id)?;
        shown["phase"] = json!(told.map_or(escrow.phase, |told| told.phase));
    }
    shown["escrow"] = json!(id);
    Ok(Shown::Json(StatusCode::OK, shown))
}

/// A webhook: whoever signed it is believed only as far as to look at the escrow that it names.
pub(in crate::api) async fn card_event(worker: &Worker, parts: &Parts, body: RequestBody) -> Answered {
    let shared = worker.shared();
    let absent =
        || Fault::caller(FaultKind::NotFound, "no webhooks of cards are expected: see `settle.rails`");
    let hook = shared.rails.hook.as_ref().ok_or_else(absent)?;
    let body = read(worker, body).await?;
    let header = parts.headers.get("stripe-signature").and_then(|header| header.to_str().ok());
    let event = hook.read(header.unwrap_or_default(), &body, shared.clock.now());
    let event = event.map_err(|error| Fault::caller(FaultKind::BadRequest, error.to_string()))?;
    if let Some(escrow) = event.escrow {
        // What goes wrong here is found out by the next look, which comes without a webhook too.
        let looked = blocking(shared, move |settlement| Ok(settlement.call_out(escrow)?)).await;
        if looked.is_err() {
            tracing::debug!(event = event.kind, "a webhook's escrow could not be looked at yet");
        }
    }
    answer(StatusCode::OK, &json!({"received": true}))
}
