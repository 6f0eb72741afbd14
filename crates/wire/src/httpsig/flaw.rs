//! What is wrong with a signature.

use crate::sfv::SfvError;

/// Why a message's signature is not accepted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Flaw {
    /// A field cannot be read.
    #[error("the field {field} is unreadable {error}")]
    Field {
        /// Its name.
        field: String,
        /// What is wrong.
        error: SfvError,
    },
    /// The message carries no signature, or not both of its fields.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// More signatures or components than are read.
    #[error("more than {most} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are read.
        most: usize,
    },
    /// A label or parameter of a signature is not what it must be.
    #[error("signature {label}: {what}")]
    Malformed {
        /// The signature's label.
        label: String,
        /// What is wrong, and what is right.
        what: &'static str,
    },
    /// A covered component is unknown, ambiguous or not of this message.
    #[error("component {component}: {what}")]
    Component {
        /// Its identifier.
        component: String,
        /// What is wrong.
        what: &'static str,
    },
    /// Something that the verifier demands is not covered.
    #[error("{0} is not signed")]
    NotCovered(String),
    /// The time of the signature is over, or not yet there.
    #[error("the signature {what}: it was made at {created}, now it is {now} (seconds since 1970)")]
    Time {
        /// How.
        what: &'static str,
        /// Its `created`.
        created: i64,
        /// Now.
        now: i64,
    },
    /// The body is not the one whose digest stands in the message.
    #[error("the content digest {0}")]
    Digest(&'static str),
}
