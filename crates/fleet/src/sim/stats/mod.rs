//! Statistics that do not grow with the run: quantiles from buckets, means with intervals from replications.

mod estimate;
mod sketch;

pub use estimate::{Estimate, student_95, wilson_low};
pub use sketch::{RELATIVE_ERROR, Sketch};
