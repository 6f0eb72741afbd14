//! One user at a time: a history that grows payment by payment, and its score at any moment.
//!
//! Adding a payment costs the same however long the history is; only its own merchant's list changes. A score is bit for
//! bit that of the same payments in a file: merchants come in the order of their keys in both, payments of one moment in
//! the order in which they came, and the same code computes.

mod history;
mod scorer;

#[cfg(test)]
mod tests;

pub use history::{HISTORY_MAX, History, Payment};
pub use scorer::{Scored, Scorer};
