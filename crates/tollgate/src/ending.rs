//! How a command ends. 0: done. 1: refused, or a check that did not pass. 2: wrong usage, or unreadable input.

use std::process::ExitCode;

/// How a command went that ran to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// Done.
    Good,
    /// A check did not pass; what was found has been printed.
    Refused,
}

impl Ending {
    /// The exit code.
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(u8::from(self == Self::Refused))
    }

    /// Good when `passed`.
    pub(crate) const fn of(passed: bool) -> Self {
        if passed { Self::Good } else { Self::Refused }
    }
}

/// An error that means "no" and not "I could not read that".
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refusal(pub(crate) String);

/// Whether an error means "no".
pub(crate) fn is_refusal(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<Refusal>())
}

/// The exit code of an error.
pub(crate) fn code_of(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(if is_refusal(error) { 1 } else { 2 })
}
