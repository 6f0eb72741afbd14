//! Problem details (RFC 9457): the one table that says which refusal has which status.

use super::super::typed;
use crate::reply::{Reply, status_of};
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;
use tollgate_core::{Exposure, Fault};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{OfficeError, Refusal};
use tollgate_store::settlement::SettlementError;

/// See the module.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// The last part of its type.
    word: &'static str,
    detail: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, word: &'static str, detail: impl Into<String>) -> Self {
        Self { status, word, detail: detail.into() }
    }

    pub(super) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// A value of the request that is not what it must be.
    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-value", detail)
    }

    /// Our own fault; what went wrong is for the log alone.
    pub(super) fn internal(why: &str) -> Self {
        tracing::error!(why, "settlement failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed to answer")
    }

    pub(super) fn response(&self) -> Response<Reply> {
        let body = json!({
            "type": format!("urn:tollgate:problem:{}", self.word),
            "title": self.status.canonical_reason().unwrap_or("refused"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = typed(self.status, "application/problem+json", body.to_string().into());
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        if fault.exposure == Exposure::Private {
            return Self::internal(&fault.to_string());
        }
        Self::new(status_of(&fault), fault.kind.word(), fault.message)
    }
}

impl From<PayError> for Problem {
    fn from(error: PayError) -> Self {
        let detail = error.to_string();
        match error {
            PayError::Bad { .. } => Self::bad(detail),
            PayError::KeyConflict { .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail)
            }
            PayError::Full { .. } => Self::new(StatusCode::SERVICE_UNAVAILABLE, "full", detail),
            PayError::NotProven { .. } => Self::new(StatusCode::FORBIDDEN, "not-proven", detail),
            PayError::NotConserved { .. } | PayError::Diverged { .. } => Self::internal(&detail),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let (status, word) = match refusal {
            Refusal::Bad(error) => return error.into(),
            Refusal::Illegal { .. } => (StatusCode::CONFLICT, "illegal"),
            Refusal::Blocked { .. } => (StatusCode::CONFLICT, "rail-unknown"),
            Refusal::TooEarly { .. } => (StatusCode::CONFLICT, "too-early"),
            Refusal::TooLate { .. } => (StatusCode::CONFLICT, "too-late"),
            Refusal::Exists(_) => (StatusCode::CONFLICT, "exists"),
            Refusal::Ledger(_) => (StatusCode::CONFLICT, "ledger-refused"),
            Refusal::NotSigned { .. } | Refusal::Quorum { .. } => (StatusCode::FORBIDDEN, "not-signed"),
            Refusal::Unowned(_) | Refusal::NotOwner => (StatusCode::FORBIDDEN, "not-owner"),
            Refusal::Mandate(_) => (StatusCode::FORBIDDEN, "mandate-refused"),
            Refusal::Unproven(_) => (StatusCode::FORBIDDEN, "not-proven"),
            Refusal::Mismatch { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "mismatch"),
            Refusal::OtherRequest { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused"),
            Refusal::Missing(_) => (StatusCode::NOT_FOUND, "not-found"),
            Refusal::Full { .. } => (StatusCode::SERVICE_UNAVAILABLE, "full"),
        };
        Self::new(status, word, detail)
    }
}

impl From<SettlementError> for Problem {
    fn from(error: SettlementError) -> Self {
        match error {
            SettlementError::Office(OfficeError::Refused(refusal)) => refusal.into(),
            SettlementError::Office(OfficeError::Ledger(error)) => error.into(),
            // Neither done nor not done: the same key sent again finds out.
            SettlementError::Office(OfficeError::Unknown | OfficeError::Stale(_) | OfficeError::Behind) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unknown", error.to_string())
            }
            // The receipt is not there yet: witnesses may be by the next time.
            SettlementError::Unwitnessed(error) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unwitnessed", error.to_string())
            }
            SettlementError::Journal(_) | SettlementError::Key { .. } => Self::internal(&error.to_string()),
        }
    }
}
