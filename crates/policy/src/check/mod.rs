//! Tree to table: names, types, ranges and effects are checked, and everything wrong is said at once.
//!
//! Invariant: a table is only handed out when the report has no error, so the evaluator never meets a wrong index
//! or a mismatched type.

mod bodies;
mod build;
mod derived;
mod expr;
mod names;
mod numbers;
mod routes;
mod signals;
mod words;

pub(crate) use build::{Checked, check};

use std::collections::BTreeSet;

/// The models and pools that the gateway has, against which a policy is checked.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Models that may be named; `None` leaves them unchecked.
    pub models: Option<BTreeSet<String>>,
    /// Pools that may be named; `None` leaves them unchecked.
    pub pools: Option<BTreeSet<String>>,
}

impl Known {
    /// Checks no model and no pool.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Checks against exactly these.
    #[must_use]
    pub fn new<M: Into<String>, P: Into<String>>(
        models: impl IntoIterator<Item = M>,
        pools: impl IntoIterator<Item = P>,
    ) -> Self {
        Self {
            models: Some(models.into_iter().map(Into::into).collect()),
            pools: Some(pools.into_iter().map(Into::into).collect()),
        }
    }
}
