//! What may be wrong with a policy's signals; every error names the signal, the parameter, the value and the fix.
//!
//! ```
//! use tollgate_signals::{Problem, SpecError};
//! let error = SpecError::new("urgent", "distance", "9", Problem::OutOfRange { low: 1.0, high: 3.0 });
//! assert_eq!(error.to_string(), r#"signal "urgent", parameter "distance" = 9: it must be between 1 and 3"#);
//! ```

/// Longest value that is quoted in an error, in bytes.
const QUOTE_MAX: usize = 80;

/// One thing that is wrong with one signal of a policy.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("signal {signal:?}, parameter {param:?} = {value}: {problem}")]
pub struct SpecError {
    /// The signal's name.
    pub signal: String,
    /// The parameter.
    pub param: String,
    /// The value as given, cut at 80 bytes; `(missing)` when there is none.
    pub value: String,
    /// What is wrong and what to do about it.
    pub problem: Problem,
}

impl SpecError {
    /// An error; the value is cut at 80 bytes.
    #[must_use]
    pub fn new(signal: &str, param: &str, value: &str, problem: Problem) -> Self {
        let value = crate::text::cut(value, QUOTE_MAX).to_owned();
        Self { signal: signal.into(), param: param.into(), value, problem }
    }
}

/// What is wrong with a parameter.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Problem {
    /// The kind has no parameter of that name.
    #[error("{kind} has no such parameter; remove it, or use one of: {known}")]
    Unknown {
        /// The kind's word.
        kind: &'static str,
        /// The parameters it has.
        known: String,
    },
    /// The value has the wrong type.
    #[error("it must be {wanted}")]
    WrongType {
        /// The wanted type.
        wanted: &'static str,
    },
    /// A required parameter is not given.
    #[error("it is required; {fix}")]
    Missing {
        /// What to write.
        fix: &'static str,
    },
    /// A number outside its range, or not finite.
    #[error("it must be between {low} and {high}")]
    OutOfRange {
        /// Smallest legal value.
        low: f64,
        /// Largest legal value.
        high: f64,
    },
    /// A word outside a fixed list.
    #[error("it must be one of: {allowed}")]
    NotAWord {
        /// The list.
        allowed: String,
    },
    /// A pattern without content.
    #[error("an empty text would match everywhere; remove it")]
    Empty,
    /// A pattern above the bound.
    #[error("it is {bytes} bytes long; shorten it to at most {limit}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// A regular expression that does not compile within the size bound.
    #[error("the regular expression does not compile: {why}")]
    Regex {
        /// The first line of the compiler's complaint.
        why: String,
    },
    /// More patterns than a policy may hold.
    #[error("the policy's {what} now number {count}; merge or remove some, the limit is {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many.
        count: usize,
        /// The bound.
        limit: usize,
    },
    /// Parameters that do not go together.
    #[error("{why}; {fix}")]
    Conflict {
        /// Why not.
        why: &'static str,
        /// What to write.
        fix: &'static str,
    },
}
