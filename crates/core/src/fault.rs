//! What went wrong, as the four questions an operator asks: what kind, whose fault, may it be retried, is it
//! safe to show.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of fault this is; the one table at the gateway's edge maps it to a status.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The request's bytes are not what its dialect allows.
    BadRequest,
    /// No key, or one we do not know.
    Unauthenticated,
    /// A known caller asks for what it may not have.
    Forbidden,
    /// There is no such route, model, pool or stored object.
    NotFound,
    /// A body, header or queue bound was reached.
    TooLarge,
    /// A request, token or money budget is spent, or the upstream says to slow down.
    LimitReached,
    /// The prompt does not fit the model's context window.
    ContextTooLong,
    /// The upstream refused our credentials or account.
    UpstreamDenied,
    /// The upstream could not be reached, broke, or answered with a server error.
    UpstreamFailed,
    /// A deadline passed.
    Timeout,
    /// No instance can take the request now.
    Unavailable,
    /// Something in this program is wrong.
    Internal,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::TooLarge,
        Self::LimitReached,
        Self::ContextTooLong,
        Self::UpstreamDenied,
        Self::UpstreamFailed,
        Self::Timeout,
        Self::Unavailable,
        Self::Internal,
    ];

    /// Its word in records, labels and answers, as `serde` writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::TooLarge => "too_large",
            Self::LimitReached => "limit_reached",
            Self::ContextTooLong => "context_too_long",
            Self::UpstreamDenied => "upstream_denied",
            Self::UpstreamFailed => "upstream_failed",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

/// Whose fault it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The caller sent something wrong.
    Caller,
    /// The upstream failed.
    Upstream,
    /// We did.
    Us,
}

/// Whether the same request may be sent again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// It would fail the same way.
    Never,
    /// On another instance or model, not this one.
    Elsewhere,
    /// Anywhere, after a pause.
    Later,
}

/// Who may read the message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exposure {
    /// Safe to show to the caller.
    Public,
    /// For operators only; the caller gets the kind and the request id.
    Private,
}

/// A fault with the answers to the four questions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    /// Whose.
    pub blame: Blame,
    /// May it be retried.
    pub retry: Retry,
    /// May the message be shown.
    pub exposure: Exposure,
    /// One level of explanation, lower case, fits "failed to …".
    pub message: String,
    /// The request field at fault, as a path such as `messages[2].content`.
    pub field: Option<String>,
    /// What is noted instead of a message that quotes the caller's or an upstream's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unquoted: Option<String>,
}

impl Fault {
    /// A fault that the caller caused and may read.
    #[must_use]
    pub fn caller(kind: FaultKind, message: impl Into<String>) -> Self {
        Self::new(kind, Blame::Caller, Retry::Never, Exposure::Public, message.into())
    }

    /// A fault of an upstream; another instance may do better.
    #[must_use]
    pub fn upstream(kind: FaultKind, message: impl Into<String>) -> Self {
        Self::new(kind, Blame::Upstream, Retry::Elsewhere, Exposure::Public, message.into())
    }

    /// A fault of this program; the message stays inside.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Internal, Blame::Us, Retry::Later, Exposure::Private, message.into())
    }

    /// The same fault, naming the request field.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The same fault, whose message quotes words that are not ours: `unquoted` says as much without them.
    #[must_use]
    pub fn quoting(mut self, unquoted: impl Into<String>) -> Self {
        self.unquoted = Some(unquoted.into());
        self
    }

    /// The fault as it may be noted where pieces of prompts and answers may not be: place, kind and status at most.
    #[must_use]
    pub fn discreet(&self) -> String {
        match (&self.unquoted, &self.field) {
            (None, _) => self.to_string(),
            (Some(said), Some(field)) => format!("{field}: {said}"),
            (Some(said), None) => said.clone(),
        }
    }

    /// The same fault with another retry rule.
    #[must_use]
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    const fn new(kind: FaultKind, blame: Blame, retry: Retry, exposure: Exposure, message: String) -> Self {
        Self { kind, blame, retry, exposure, message, field: None, unquoted: None }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) if !self.names(field) => write!(f, "{field}: {}", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

impl Fault {
    /// Whether the message names the field itself, as a word of its own; it is not said twice then.
    fn names(&self, field: &str) -> bool {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let ends = |at: usize| {
            let (before, after) = (self.message.get(..at), self.message.get(at + field.len()..));
            !before.is_some_and(|text| text.ends_with(part))
                && !after.is_some_and(|text| text.starts_with(part))
        };
        self.message.match_indices(field).any(|(at, _)| ends(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_field_and_stays_private_when_ours() {
        let fault = Fault::caller(FaultKind::BadRequest, "must be a number").at("temperature");
        assert_eq!(fault.to_string(), "temperature: must be a number");
        let said =
            Fault::caller(FaultKind::BadRequest, "messages[0].role (byte 9): found 1").at("messages[0].role");
        assert_eq!(said.to_string(), "messages[0].role (byte 9): found 1", "the place is said once");
        let inside = Fault::caller(FaultKind::BadRequest, "a whole number").at("n");
        assert_eq!(inside.to_string(), "n: a whole number");
        assert_eq!((fault.blame, fault.retry), (Blame::Caller, Retry::Never));
        assert_eq!(Fault::internal("store closed").exposure, Exposure::Private);
    }

    #[test]
    fn the_words_are_those_of_serde_and_no_two_are_alike() {
        let mut words: Vec<_> = FaultKind::ALL.map(FaultKind::word).to_vec();
        for kind in FaultKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), FaultKind::ALL.len());
    }
}
