//! Operating loops over a recording: what a gateway that asks the planner every few minutes would have done and known.

mod forecast;
mod tune;

pub(super) use forecast::{ForecastArgs, run as forecast};
pub(super) use tune::{TuneArgs, run as tune};
