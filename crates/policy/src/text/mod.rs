//! Text side of the compiler: spans, diagnostics with their printer, and "did you mean".
//!
//! Invariant: nothing here knows the grammar.

pub(crate) mod diagnostic;
mod sarif;
pub(crate) mod span;
pub(crate) mod suggest;
