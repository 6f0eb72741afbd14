//! What must be shown before money moves: a small language over claims, total and without negation.
//!
//! A predicate is JSON with one canonical spelling, and its SHA-256 stands in the contract. [`Predicate::check`] holds it to
//! the facts that each kind of evidence has ([`Kind::facts`]); [`Predicate::judge`] answers for given claims, always, in time
//! linear in predicate and claims, and says why not. As nothing is negated, further evidence never turns a yes into a no.
//!
//! ```
//! use tollgate_evidence::predicate::Predicate;
//! let predicate = Predicate::parse(br#"{
//!     "require": {"evidence": {"kind": "aws-nitro", "where": [
//!         {"equals": {"fact": "pcr0", "value": "f4d48b81"}}, {"age": {"most_s": 600}}
//!     ]}},
//!     "type": "tollgate/predicate/v1"
//! }"#)?;
//! predicate.check().map_err(|fault| fault.to_string())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod judge;
mod library;

pub use check::Fault;
pub use judge::{Given, Judged, Reason};
pub use library::{READY, Ready};

use crate::{Kind, Value};
use serde::{Deserialize, Serialize};
use tollgate_core::Digest;
use tollgate_pay::PayError;
use tollgate_pay::escrow::digest;
use tollgate_pay::json::plain;

/// Longest predicate, in bytes of its canonical form.
pub const PREDICATE_BYTES_MAX: usize = 16 << 10;

/// The version of the form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Form {
    /// The first.
    #[serde(rename = "tollgate/predicate/v1")]
    V1,
}

/// See the module. Fields of all of it stand in alphabetical order, so that the plain serialisation is the canonical one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// What must hold.
    pub require: Expr,
    /// The form's version.
    pub r#type: Form,
}

/// What must hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expr {
    /// Each of these.
    All(Vec<Self>),
    /// One of these.
    Any(Vec<Self>),
    /// So many of these.
    AtLeast {
        /// How many.
        count: usize,
        /// Of which.
        of: Vec<Self>,
    },
    /// There is accepted evidence of a kind that passes all tests.
    Evidence {
        /// The kind.
        kind: Kind,
        /// The tests.
        r#where: Vec<Test>,
    },
}

/// A test of one piece of evidence. `at` is a JSON pointer (RFC 6901) into a fact that is JSON.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Test {
    /// It says when it was made, at most so long ago.
    Age {
        /// How long, in seconds.
        most_s: i64,
    },
    /// The one who stands behind it is one of these: names of the verifier's policy.
    Anchor {
        /// Their names.
        one_of: Vec<String>,
    },
    /// A list has this text.
    Contains {
        /// Where in the fact.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
        /// The fact.
        fact: String,
        /// The text.
        value: String,
    },
    /// A list has so many texts.
    Count {
        /// The fact.
        fact: String,
        /// How many, at least.
        least: usize,
    },
    /// A fact is this.
    Equals {
        /// Where in the fact.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
        /// The fact.
        fact: String,
        /// The value.
        value: Value,
    },
    /// A fact is one of these.
    OneOf {
        /// Where in the fact.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
        /// The fact.
        fact: String,
        /// The values.
        values: Vec<Value>,
    },
    /// A text is the SHA-256 of the output that was handed in, or a list has it, in hexadecimal digits.
    Output {
        /// Where in the fact.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
        /// The fact.
        fact: String,
    },
    /// A whole number lies between these, both included.
    Range {
        /// Where in the fact.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
        /// The fact.
        fact: String,
        /// The least.
        from: i64,
        /// The most.
        to: i64,
    },
}

impl Predicate {
    /// What must hold, in the form of today.
    #[must_use]
    pub const fn new(require: Expr) -> Self {
        Self { require, r#type: Form::V1 }
    }

    /// Reads a predicate; white space and the order of names do not matter, anything else does.
    ///
    /// # Errors
    /// [`PayError::Bad`] for another text, and for one that is too long.
    pub fn parse(text: &[u8]) -> Result<Self, PayError> {
        let wanted = "a predicate of at most 16 KiB";
        if text.len() > PREDICATE_BYTES_MAX.saturating_mul(4) {
            return Err(PayError::Bad { field: "predicate", value: format!("{} bytes", text.len()), wanted });
        }
        let predicate: Self = tollgate_pay::escrow::read("predicate", text)?;
        match predicate.canonical().len() {
            0..=PREDICATE_BYTES_MAX => Ok(predicate),
            long => Err(PayError::Bad { field: "predicate", value: format!("{long} bytes"), wanted }),
        }
    }

    /// The canonical form (RFC 8785).
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        plain(self)
    }

    /// SHA-256 of the canonical form, which contracts name it by.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(&self.canonical())
    }
}
