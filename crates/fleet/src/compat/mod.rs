//! The public reference simulator's rules, digit for digit, with their faults: so that ours can be set beside them.
//!
//! The reference is `vllm-sr-sim` 0.1.0 (Apache-2.0). Nothing else in this crate uses this module, and nothing here
//! is advice: [`crate::plan`] is. Every number that the reference prints from a formula, and every percentile of its
//! simulation of slots, is reproduced as printed; `docs/reports/fleet-parity.md` says where the corrected mode
//! differs and why.
//!
//! ```
//! use tollgate_fleet::compat::{Case, Knots, Profile, optimize};
//!
//! let knots = Knots(vec![(1024, 0.6), (4096, 0.9), (16_384, 1.0)]);
//! let gpu = Profile::named("a100")?;
//! let case = Case::new(50.0, 500.0, 4096, gpu.clone(), gpu);
//! let report = optimize(&knots, &case, 1, 2_000)?;
//! assert_eq!(report.analytical.len(), 11);
//! assert!(report.best_simulated().is_some_and(|row| row.slo_met));
//! # Ok::<(), tollgate_fleet::Error>(())
//! ```

mod corrected;
pub mod disagg;
mod erlang;
pub mod grid;
mod knots;
mod mersenne;
mod optimize;
mod profile;
mod sizing;
mod slots;
mod threshold;
pub mod watts;

pub use corrected::{Billing, corrected};
pub use knots::{Knots, rounded};
pub use mersenne::Mersenne;
pub use optimize::{
    Case, Report, Row, Source, by_rate, compare_gpus, gammas_up_to, optimize, simulate, sweep, what_if,
};
pub use profile::{Power, Prefill, Profile, a10g, a100, h100};
pub use sizing::Calibration;
pub use threshold::{Threshold, recommended, thresholds};
