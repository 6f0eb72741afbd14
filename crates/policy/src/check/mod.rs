//! Tree to table: names, types, ranges and effects are checked, and everything wrong is said at once.
//!
//! Invariant: a table is only handed out when the report has no error, so the evaluator never meets a wrong index
//! or a mismatched type.

mod bodies;
mod build;
mod derived;
mod expr;
mod govern;
mod names;
mod numbers;
mod output;
mod routes;
mod signals;
mod words;

pub(crate) use bodies::{is_own_header, is_param};
pub(crate) use build::{Checked, check};
pub(crate) use expr::one_line;
pub(crate) use names::is_reserved;
pub(crate) use words::fixed_words;

use crate::govern::Fleet;
use std::collections::BTreeSet;

/// The models and pools that the gateway has, against which a policy is checked.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Models that may be named; `None` leaves them unchecked.
    pub models: Option<BTreeSet<String>>,
    /// Pools that may be named; `None` leaves them unchecked.
    pub pools: Option<BTreeSet<String>>,
    /// Instances and prices that governance is checked against; `None` leaves it unchecked.
    pub fleet: Option<Fleet>,
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
            fleet: None,
        }
    }

    /// The same, with governance checked against `fleet`.
    #[must_use]
    pub fn with_fleet(self, fleet: Fleet) -> Self {
        Self { fleet: Some(fleet), ..self }
    }

    /// Every `models`, `pools`, `providers` or `regions` that the gateway has, where that is known.
    fn names_of(&self, what: &str) -> Option<BTreeSet<String>> {
        let places = self.fleet.as_ref().map(|fleet| fleet.places.iter());
        match what {
            "models" => {
                let own = self.fleet.as_ref().map(|fleet| fleet.own.clone()).unwrap_or_default();
                self.models.as_ref().map(|models| models | &own)
            }
            "pools" => self.pools.clone(),
            "providers" => places.map(|places| places.map(|place| place.provider.clone()).collect()),
            _ => places.map(|places| places.filter_map(|place| place.region.clone()).collect()),
        }
    }
}
