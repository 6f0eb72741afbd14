//! What accepted evidence says, in the few types that a predicate can ask about.

use crate::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A fact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A whole number of at most 2^53 - 1.
    Integer(i64),
    /// Text; bytes are lower-case hexadecimal digits.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

/// What a verifier found. All of it was signed by somebody whom the policy trusts, or follows from that.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The trust anchor's name: a root, a signer, an attestor.
    pub anchor: String,
    /// Whether the binding of a task was looked for, and found.
    pub bound: bool,
    /// Facts by name: those of [`Kind::facts`], or fewer.
    pub facts: BTreeMap<String, Value>,
    /// Of which kind it is.
    pub kind: Kind,
    /// When it was made, in seconds since 1970, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub produced_at: Option<i64>,
    /// Last second that all keys and lists count that it rests on, if they end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<i64>,
}

impl Claims {
    /// Claims without facts.
    pub(crate) fn new(kind: Kind, anchor: String) -> Self {
        Self { anchor, bound: false, facts: BTreeMap::new(), kind, produced_at: None, valid_until: None }
    }

    /// Adds a fact.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        debug_assert!(self.kind.facts().iter().any(|fact| fact.name == name), "{name} is in the table");
        self.facts.insert(name.to_owned(), value.into());
        self
    }

    /// The fact of this name.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&Value> {
        self.facts.get(name)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Vec<String>> for Value {
    fn from(value: Vec<String>) -> Self {
        Self::List(value)
    }
}
