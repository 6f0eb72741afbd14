//! Table and signals to a decision.
//!
//! Routes are ordered by tier (ascending; routes without one last), priority (descending), confidence (descending)
//! and name. Evaluation is three-valued: a leaf whose signal was not read is unknown, with a confidence anywhere in
//! [0, 1]. A rank is settled when one route is certain to win whatever the unread signals say; signals are read
//! cheapest first and only where they can still change the outcome.
//!
//! Invariant: the outcome equals that of reading every signal first.

mod bind;
pub(crate) mod explain;
pub(crate) mod facts;
pub(crate) mod label;
pub(crate) mod leaf;
pub(crate) mod number;
mod outcome;
pub(crate) mod rank;
pub(crate) mod record;
pub(crate) mod run;
pub(crate) mod truth;

pub use explain::{LeafReport, NodeReport, RouteReport, SignalReport, Trace};
pub(crate) use leaf::holds;
pub use outcome::{Confidence, Decision, LabelReport, Outcome, Rejection, SignalSet, Suspected, Verdict};
pub use record::{Recorded, Replay};
