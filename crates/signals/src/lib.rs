//! A request to facts: workload identity and heuristic signals.
//!
//! A policy's list of [`SignalSpec`](tollgate_core::signal::SignalSpec)s is compiled once into a [`SignalSet`]; for
//! each request a [`Reading`] answers for the signals that the decision asks for, and for no others. A signal is a
//! pure function of the request and of numbers handed in ([`Input`]): no IO, no clock of its own, no randomness.
//!
//! Invariants: every signal is computed at most once per request; work that several signals share (a scope's text,
//! its folded form, its words, the hits of the one automaton) is done at most once and only when a read signal needs
//! it; every algorithm is linear in the bytes of the prompt.
//!
//! ```
//! use tollgate_core::signal::{Kind, SignalSpec};
//! let set = tollgate_signals::SignalSet::compile(&[SignalSpec::fact(Kind::Tokens)]).unwrap();
//! assert_eq!(set.len(), 1);
//! ```

pub mod content;
pub mod error;
pub mod head;
pub mod identity;
pub mod input;
pub mod learn;
mod lexical;
pub mod mask;
mod measure;
pub mod names;
mod reading;
pub mod reduce;
pub mod safety;
mod said;
mod set;
pub mod support;
mod text;

pub use error::{Problem, SpecError};
pub use identity::{
    Ceiling, OutputLength, Session, SessionSource, Shape, TokenRatio, Workload, WorkloadKind, prompt_bytes,
    prompt_tokens, prompt_tokens_of, repeated_tokens, text_tokens_max,
};
pub use input::{Caller, Forecast, Input};
pub use reading::{Answers, Labels, Reading, Wanted};
pub use said::TextSignals;
pub use set::SignalSet;
