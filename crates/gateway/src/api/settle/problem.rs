//! Problem details (RFC 9457): the one table that says which refusal has which status.

use super::super::typed;
use crate::reply::{Reply, status_of};
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;
use tollgate_core::{Exposure, Fault, FaultKind};
use tollgate_pay::PayError;
use tollgate_pay::escrow::{OfficeError, Refusal};
use tollgate_store::settlement::SettlementError;

/// The last parts of our own types; those of [`FaultKind`] are others. The OpenAPI document lists all.
pub(super) const WORDS: [&str; 23] = [
    "bad-value",
    "busy",
    "caller-full",
    "exists",
    "full",
    "idempotency-key-missing",
    "idempotency-key-reused",
    "illegal",
    "internal",
    "ledger-refused",
    "mandate-refused",
    "mismatch",
    "not-found",
    "not-owner",
    "not-proven",
    "not-signed",
    "not-yours",
    "rail-unknown",
    "too-early",
    "too-late",
    "unknown",
    "unresolved",
    "unwitnessed",
];

/// Every type that a problem may have.
pub(super) fn types() -> impl Iterator<Item = String> {
    let ours = WORDS.into_iter().filter(|word| FaultKind::ALL.iter().all(|kind| kind.word() != *word));
    FaultKind::ALL.into_iter().map(FaultKind::word).chain(ours).map(urn)
}

fn urn(word: &str) -> String {
    format!("urn:tollgate:problem:{word}")
}

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
        debug_assert!(types().any(|known| known == urn(word)), "the document must list {word}");
        Self { status, word, detail: detail.into() }
    }

    pub(super) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// A request that changes something and has no key by which it is known again.
    pub(super) fn keyless() -> Self {
        let detail = "send an Idempotency-Key of 1 to 255 visible characters, a new one for each new request";
        Self::new(StatusCode::BAD_REQUEST, "idempotency-key-missing", detail)
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
            "type": urn(self.word),
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
            SettlementError::Caller { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "caller-full", error.to_string())
            }
            // The receipt is not there yet: witnesses may be by the next time.
            SettlementError::Unwitnessed(error) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unwitnessed", error.to_string())
            }
            SettlementError::Journal(_) | SettlementError::Key { .. } => Self::internal(&error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::openapi::document;
    use http_body_util::BodyExt as _;
    use serde_json::Value;
    use std::path::PathBuf;
    use tollgate_core::Timestamp;
    use tollgate_pay::escrow::{EventKind, Phase};
    use tollgate_pay::ledger;
    use tollgate_store::journal::JournalError;

    /// One refusal of every kind.
    fn refusals() -> Vec<Refusal> {
        let (id, at) = (tollgate_core::Digest::of(b"id"), Timestamp(0));
        let proof = || PayError::NotProven { what: "proof", reason: "no".into() };
        vec![
            Refusal::Illegal { phase: Phase::Locked, event: EventKind::Lock },
            Refusal::Blocked { key: "k".into() },
            Refusal::TooEarly { what: "it", from: at, now: at },
            Refusal::TooLate { what: "it", until: at, now: at },
            Refusal::NotSigned { who: "payer" },
            Refusal::Quorum { wanted: 2, counted: 1, unknown: 0, wrong: 0 },
            Refusal::Mismatch { field: "f", said: "a".into(), is: "b".into() },
            Refusal::Unproven(proof()),
            Refusal::Unowned("acct_a".parse().unwrap()),
            Refusal::NotOwner,
            Refusal::Mandate(tollgate_pay::mandate::Refusal::Spliced { hop: 1 }),
            Refusal::Ledger(ledger::Refusal::SameAccount { account: "acct_a".parse().unwrap() }),
            Refusal::OtherRequest { seq: 1 },
            Refusal::Exists(id),
            Refusal::Missing(id),
            Refusal::Full { limit: 1 },
            Refusal::Bad(proof()),
        ]
    }

    /// One error of every kind.
    fn errors() -> Vec<SettlementError> {
        let proof = || PayError::NotProven { what: "proof", reason: "no".into() };
        let mut all: Vec<_> =
            refusals().into_iter().map(|refusal| SettlementError::from(OfficeError::from(refusal))).collect();
        for error in [
            PayError::Bad { field: "f", value: "v".into(), wanted: "w" },
            PayError::KeyConflict { key: "k".into(), seq: 1 },
            PayError::Full { what: "things", limit: 1 },
            PayError::NotConserved { asset: "USD".into() },
            PayError::Diverged { seq: 1, what: "w" },
            proof(),
        ] {
            all.push(error.into());
        }
        let id = tollgate_core::Digest::of(b"id");
        for error in [OfficeError::Unknown, OfficeError::Stale(id), OfficeError::Behind] {
            all.push(error.into());
        }
        all.push(SettlementError::Caller { what: "made many escrows", limit: 1 });
        all.push(SettlementError::Unwitnessed(proof()));
        all.push(SettlementError::Journal(JournalError::Unknown));
        all.push(SettlementError::Key { path: PathBuf::from("secret-place"), why: "gone".into() });
        all
    }

    /// Whatever goes wrong is said as a problem that the document describes, and says nothing of the server's insides.
    #[tokio::test]
    async fn every_error_is_a_problem_of_the_document() {
        let document = document();
        let listed = &document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"];
        let listed = listed.as_array().unwrap();
        let faults = FaultKind::ALL.map(|kind| Problem::from(Fault::caller(kind, "said")));
        let others = [
            Problem::not_found("nothing"),
            Problem::bad("bad"),
            Problem::internal("a secret reason"),
            Problem::keyless(),
        ];
        for problem in errors().into_iter().map(Problem::from).chain(faults).chain(others) {
            let (status, shown) = (problem.status, format!("{problem:?}"));
            let response = problem.response();
            assert_eq!(response.headers()["content-type"], "application/problem+json", "{shown}");
            assert_eq!(response.status(), status);
            assert!(status.is_client_error() || status.is_server_error(), "{shown}");
            assert_eq!(
                response.headers().contains_key(RETRY_AFTER),
                status == StatusCode::SERVICE_UNAVAILABLE
            );
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert!(listed.contains(&body["type"]), "{shown}");
            assert_eq!(body["status"], status.as_u16(), "{shown}");
            for member in ["title", "detail"] {
                assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {shown}");
            }
            // What a fault that may be shown says is said.
            if status == StatusCode::INTERNAL_SERVER_ERROR && body["detail"] != "said" {
                assert_eq!(body["detail"], "the server failed to answer", "{shown}");
            }
        }
    }
}
