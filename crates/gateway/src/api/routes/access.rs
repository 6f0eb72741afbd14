//! Who may what.

/// Who may use a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Anyone who reaches the port.
    Public,
    /// Callers: with a key where keys are required.
    Caller,
    /// The operator: with the admin secret, or from a loopback address when none is set.
    Admin,
    /// The operator, and callers whose key has a role that gives this right.
    Settle(Right),
}

/// What may be done with settlement, each including the ones before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Right {
    /// Look at everything.
    Read,
    /// Record what others signed, and what needs no signature.
    Write,
    /// Accounts, their owners, and revocations.
    Operate,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Operate];

    /// The role of a key that gives it.
    #[must_use]
    pub const fn role(self) -> &'static str {
        match self {
            Self::Read => "settle.read",
            Self::Write => "settle.write",
            Self::Operate => "settle.operate",
        }
    }

    /// Whether a role gives it.
    #[must_use]
    pub fn given_by(self, role: &str) -> bool {
        Self::ALL.iter().any(|right| *right >= self && right.role() == role)
    }
}
