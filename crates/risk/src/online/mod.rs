//! One user at a time: a history that grows payment by payment, and its score at any moment.
//!
//! Adding a payment costs the same however long the history is; only its own merchant's list changes. A score is bit for
//! bit that of the same payments in a file: merchants come in the order of their keys in both, payments of one moment in
//! the order in which they came, and the same code computes. Where payments come in no order, from many places, they are
//! [`Gathered`] and folded to a [`Single`], which another machine can score.

mod gathered;
mod history;
mod scorer;
mod single;

#[cfg(test)]
mod tests;

pub use gathered::Gathered;
pub use history::{HISTORY_MAX, History, Payment};
pub use scorer::{Scored, Scorer};
pub use single::{Single, singles};
