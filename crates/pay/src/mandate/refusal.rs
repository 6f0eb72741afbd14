//! Why a mandate does not allow a payment.

/// See the module. `hop` counts from 0, the principal's own token.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The token is not what such a token is.
    #[error("hop {hop} cannot be read: {what}")]
    Unreadable {
        /// Which hop.
        hop: usize,
        /// What is wrong.
        what: String,
    },
    /// The signature is not that of the key that must have made it.
    #[error("hop {hop} is not signed by {by}")]
    Signature {
        /// Which hop.
        hop: usize,
        /// Whose signature was wanted.
        by: String,
    },
    /// The hop is bound to another token than the one before it.
    #[error("hop {hop} does not continue the hop before it: it was made for another token")]
    Spliced {
        /// Which hop.
        hop: usize,
    },
    /// The hop is addressed to somebody else, or answers another challenge.
    #[error("hop {hop} has {claim} {found:?}, expected {wanted:?}")]
    Addressed {
        /// Which hop.
        hop: usize,
        /// `aud` or `nonce`.
        claim: &'static str,
        /// What it has.
        found: String,
        /// What it must have.
        wanted: String,
    },
    /// The token is not valid now.
    #[error("hop {hop} is not valid at {now}: its {claim} is {at}")]
    Time {
        /// Which hop.
        hop: usize,
        /// `iat` or `exp`.
        claim: &'static str,
        /// Seconds since 1970.
        at: i64,
        /// The time of the check, in seconds since 1970.
        now: i64,
    },
    /// A part that decides is not shown.
    #[error("hop {hop} hides a part of {place}: all constraints must be shown")]
    Hidden {
        /// Which hop.
        hop: usize,
        /// Where.
        place: String,
    },
    /// A constraint of a kind that is not known cannot be checked.
    #[error("constraint {kind:?} is not known: an unknown constraint is never met")]
    Unresolved {
        /// Its type as written.
        kind: String,
    },
    /// A constraint is not met.
    #[error("{constraint} is not met: {why}")]
    Unmet {
        /// Type of the constraint.
        constraint: &'static str,
        /// Why.
        why: String,
    },
}

impl Refusal {
    /// AP2's error code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unresolved { .. } => "unresolved_constraint",
            Self::Unmet { .. } | Self::Hidden { .. } => "invalid_mandate",
            _ => "invalid_credential",
        }
    }
}
