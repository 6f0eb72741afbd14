//! `/x402/verify`, `/x402/settle` and `/x402/supported`: a facilitator, for sellers with a key.
//!
//! What is wrong with a payment is said in the answer, with status 200, as x402's clients expect; faults have a status.

use super::caller::who;
use super::routes::Route;
use super::{Answered, Call, json, read};
use crate::cashier::{cashier, settled, verified};
use crate::worker::Worker;
use http::StatusCode;
use http::request::Parts;
use tollgate_core::{Fault, FaultKind};
use tollgate_evm::x402::BODY_MAX;
use tollgate_net::server::RequestBody;

/// Answers.
pub(super) async fn serve(worker: &Worker, call: &Call, parts: &Parts, body: RequestBody) -> Answered {
    let shared = worker.shared();
    if call.route == Route::X402Supported {
        return json(StatusCode::OK, cashier(shared)?.supported());
    }
    who(worker, parts, call.peer)?;
    let body = read(worker, body).await?;
    if body.len() > BODY_MAX {
        let message = format!("{} bytes are more than {BODY_MAX}", body.len());
        return Err(Fault::caller(FaultKind::TooLarge, message));
    }
    match call.route {
        Route::X402Verify => json(StatusCode::OK, &verified(shared, body.to_vec()).await?),
        _ => json(StatusCode::OK, &settled(shared, body.to_vec()).await?),
    }
}
