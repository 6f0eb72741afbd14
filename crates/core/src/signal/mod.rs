//! The catalogue of signals: what a policy may ask about a request, as data.
//!
//! The policy crate checks names, parameters and types against this catalogue; the signals crate implements it.
//! Neither knows the other. A signal answers `{matched, confidence, value, evidence}`; *facts* are signals that
//! need no parameters (`tokens`, `language`), *declared* signals have parameters and a name of their own.
//!
//! ```
//! use tollgate_core::signal::{Kind, ValueType};
//! assert_eq!(Kind::parse("tokens"), Some(Kind::Tokens));
//! assert_eq!(Kind::Tokens.info().value, ValueType::Number);
//! ```

mod catalogue;
mod kind;
mod unread;

pub use catalogue::{Family, Info, Kind, ParamInfo, ParamType};
pub use unread::{Unread, UnreadSet};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The type of a signal's value; comparisons in a policy are checked against it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// True or false.
    Flag,
    /// A number.
    Number,
    /// One word of an open set, such as a language code.
    Text,
    /// Several words, such as the caller's roles.
    Set,
}

/// A signal's value.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Flag(bool),
    /// A number, finite.
    Number(f64),
    /// One word.
    Text(String),
    /// Several words, sorted.
    Set(Vec<String>),
}

impl Value {
    /// The type of this value.
    #[must_use]
    pub const fn value_type(&self) -> ValueType {
        match self {
            Self::Flag(_) => ValueType::Flag,
            Self::Number(_) => ValueType::Number,
            Self::Text(_) => ValueType::Text,
            Self::Set(_) => ValueType::Set,
        }
    }

    /// The value as a number: flags are 0 or 1, sets their size, text 0.
    #[must_use]
    pub fn as_number(&self) -> f64 {
        match self {
            Self::Flag(flag) => f64::from(u8::from(*flag)),
            Self::Number(number) => *number,
            Self::Text(_) => 0.0,
            Self::Set(words) => words.len() as f64,
        }
    }
}

/// What a signal says of one request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Signal {
    /// Whether it holds: a keyword found, a flag set, a number above zero, a text or set not empty.
    pub matched: bool,
    /// How sure it is, in [0, 1]; 1 for exact facts.
    pub confidence: f64,
    /// The value that comparisons read.
    pub value: Value,
    /// What was found, for explanations; never more than 120 bytes, and absent when evidence is off.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<String>,
    /// Why it could not be computed; then `matched` follows the policy's failure rule.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<String>,
}

impl Signal {
    /// A numeric fact; it matches when above zero.
    #[must_use]
    pub const fn number(value: f64) -> Self {
        Self::exact(value > 0.0, Value::Number(value))
    }

    /// A yes-or-no fact.
    #[must_use]
    pub const fn flag(flag: bool) -> Self {
        Self::exact(flag, Value::Flag(flag))
    }

    /// A textual fact; it matches when not empty.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::exact(!text.is_empty(), Value::Text(text))
    }

    /// A set fact; it matches when not empty. The words are sorted and deduplicated.
    #[must_use]
    pub fn set(mut words: Vec<String>) -> Self {
        words.sort_unstable();
        words.dedup();
        Self::exact(!words.is_empty(), Value::Set(words))
    }

    /// A signal that could not be computed.
    #[must_use]
    pub fn failed(why: impl Into<String>) -> Self {
        Self {
            matched: false,
            confidence: 0.0,
            value: Value::Flag(false),
            evidence: None,
            failure: Some(why.into()),
        }
    }

    const fn exact(matched: bool, value: Value) -> Self {
        Self { matched, confidence: 1.0, value, evidence: None, failure: None }
    }
}

/// What a policy does when a signal fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Treat it as not matched.
    #[default]
    NoMatch,
    /// Treat it as matched with confidence 0.
    Match,
    /// Refuse the request; the default of safety signals.
    Reject,
}

/// A parameter's value as written in a policy.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Param {
    /// `true` or `false`.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A quoted string or a bare word.
    Text(String),
    /// A list of strings.
    List(Vec<String>),
}

/// One signal that a policy asks for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SignalSpec {
    /// The name that rules refer to; equal to the kind's word for facts.
    pub name: String,
    /// What to compute.
    pub kind: Kind,
    /// With which parameters; checked against [`Info::params`].
    pub params: BTreeMap<String, Param>,
    /// What to do when it fails.
    pub on_failure: OnFailure,
}

/// Types of personal data that have a form, as the `pii` signal and the `mask` statement name them; the last, addresses of
/// pages, counts only where it is named.
pub const PERSONAL: [&str; 7] = ["email", "phone", "credit_card", "ssn", "iban", "ip_address", "url"];

/// Types of personal data that have no form: an encoder has to read the text, and each counts only where it is named. `location` is
/// any part of an address too, `date` a day or a time, `title` what stands before a name, `group` a nationality, religion or party.
pub const NAMED: [&str; 7] = ["person", "location", "organization", "date", "age", "title", "group"];

/// Most different regular expressions that signals look for in one scope of a request.
pub const REGEXES: usize = 2048;
/// Largest compiled size of one regular expression, in bytes.
pub const REGEX_BYTES: usize = 1 << 20;
/// Largest compiled size of all regular expressions of one scope, in bytes.
pub const REGEX_SET_BYTES: usize = 32 << 20;
/// Deepest nesting of a regular expression.
pub const REGEX_NEST: u32 = 64;

impl SignalSpec {
    /// A fact: a signal without parameters, named by its kind.
    #[must_use]
    pub fn fact(kind: Kind) -> Self {
        Self { name: kind.word().into(), kind, params: BTreeMap::new(), on_failure: OnFailure::default() }
    }

    /// A parameter as text, when it is given and is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.params.get(name) {
            Some(Param::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A parameter as a number, when it is given and is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.params.get(name) {
            Some(Param::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// A parameter as a flag, when it is given and is a flag.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.params.get(name) {
            Some(Param::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// A parameter as a list; a single text counts as a list of one, a missing one as empty.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<&str> {
        match self.params.get(name) {
            Some(Param::List(items)) => items.iter().map(String::as_str).collect(),
            Some(Param::Text(text)) => vec![text],
            _ => Vec::new(),
        }
    }
}

/// Where a decision gets its signals from: index into the policy's list of [`SignalSpec`].
///
/// A source computes a signal when it is first asked for and remembers it for the request.
pub trait SignalSource {
    /// The signal at `index`.
    fn read(&mut self, index: usize) -> &Signal;

    /// Kinds of content that the request sends and that no signal reads as words.
    fn unread(&self) -> UnreadSet {
        UnreadSet::default()
    }
}
