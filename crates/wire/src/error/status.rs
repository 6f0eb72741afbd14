//! The one table from fault to HTTP status.

use tollgate_core::FaultKind;

/// Every kind with the status that answers it.
pub const STATUSES: &[(FaultKind, u16)] = &[
    (FaultKind::BadRequest, 400),
    (FaultKind::Unauthenticated, 401),
    (FaultKind::Forbidden, 403),
    (FaultKind::NotFound, 404),
    (FaultKind::TooLarge, 413),
    (FaultKind::LimitReached, 429),
    (FaultKind::ContextTooLong, 400),
    (FaultKind::UpstreamDenied, 502),
    (FaultKind::UpstreamFailed, 502),
    (FaultKind::Timeout, 504),
    (FaultKind::Unavailable, 503),
    (FaultKind::Internal, 500),
];

/// The HTTP status for a fault of this kind.
///
/// Our own credentials being refused is a bad gateway (502), not the caller's 401: their SDKs would blame the
/// caller's key. A context overflow is a 400, as every provider answers it.
#[must_use]
pub fn status(kind: FaultKind) -> u16 {
    STATUSES.iter().find(|(k, _)| *k == kind).map_or(500, |(_, status)| *status)
}

/// Whether `Retry-After` belongs on an answer of this kind.
#[must_use]
pub const fn retry_after_fits(kind: FaultKind) -> bool {
    matches!(kind, FaultKind::LimitReached | FaultKind::Unavailable)
}
