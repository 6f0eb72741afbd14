//! Why evidence is not accepted: one name for each reason, the place and the value.

/// A named refusal. [`Refusal::unreadable`] tells bytes that are no evidence of their kind from evidence that says no.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The bytes are not of the form.
    #[error("the {what} cannot be read at byte {at}: {reason}")]
    Malformed {
        /// Which part.
        what: &'static str,
        /// Where in that part.
        at: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A bound is passed; nothing was looked at.
    #[error("the {what} has {is} {unit}, at most {most} are read")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// How much.
        is: usize,
        /// Of what.
        unit: &'static str,
        /// The bound.
        most: usize,
    },
    /// What the check needs is not there.
    #[error("{what} is missing")]
    Missing {
        /// What.
        what: &'static str,
    },
    /// A version, an algorithm or a variant that this verifier does not know.
    #[error("{what} {is} is not supported")]
    Unsupported {
        /// Of what.
        what: &'static str,
        /// As found.
        is: String,
    },
    /// A signature does not hold.
    #[error("the signature of the {what} does not hold")]
    Signature {
        /// Of what.
        what: &'static str,
    },
    /// Two things that must be equal differ.
    #[error("the {what} is {is}, not {wanted}")]
    Mismatch {
        /// What.
        what: &'static str,
        /// As found.
        is: String,
        /// As it must be.
        wanted: String,
    },
    /// Nobody that the policy trusts stands behind it.
    #[error("the {what} {is} is not trusted: the policy does not name it")]
    Untrusted {
        /// What.
        what: &'static str,
        /// As found.
        is: String,
    },
    /// The time of the check is before or after what it may be.
    #[error("the {what} counts from {from} to {until}, it was checked at {at} (seconds since 1970)")]
    Time {
        /// What.
        what: &'static str,
        /// First second.
        from: i64,
        /// Last second.
        until: i64,
        /// When it was checked.
        at: i64,
    },
    /// It was taken back.
    #[error("the {what} {is} is revoked")]
    Revoked {
        /// What.
        what: &'static str,
        /// Which.
        is: String,
    },
    /// Whoever runs the enclave can look into it and change it.
    #[error("it ran in debug mode ({place}): its operator can change what it does")]
    Debug {
        /// Where it says so.
        place: &'static str,
    },
    /// The platform has a state that the policy does not accept.
    #[error("the {what} is {is}; the policy accepts {accepted}")]
    Status {
        /// Of what.
        what: &'static str,
        /// As found.
        is: String,
        /// What would do.
        accepted: String,
    },
    /// It is evidence of something else: another escrow, task, output or nonce.
    #[error("it is not bound to this task: {place} {found}")]
    Unbound {
        /// Where the binding stands in evidence of this kind.
        place: &'static str,
        /// What stands there instead.
        found: &'static str,
    },
}

impl Refusal {
    /// The reason's name, which does not change.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::TooLarge { .. } => "too-large",
            Self::Missing { .. } => "missing",
            Self::Unsupported { .. } => "unsupported",
            Self::Signature { .. } => "signature",
            Self::Mismatch { .. } => "mismatch",
            Self::Untrusted { .. } => "untrusted",
            Self::Time { .. } => "time",
            Self::Revoked { .. } => "revoked",
            Self::Debug { .. } => "debug",
            Self::Status { .. } => "status",
            Self::Unbound { .. } => "unbound",
        }
    }

    /// Whether the bytes are no evidence of the kind at all.
    #[must_use]
    pub const fn unreadable(&self) -> bool {
        matches!(self, Self::Malformed { .. } | Self::TooLarge { .. })
    }

    /// Text of others, cut and without control characters.
    pub(crate) fn shown(text: &str) -> String {
        let quoted: String = text.chars().take(80).flat_map(char::escape_default).collect();
        format!("\"{quoted}\"")
    }
}
