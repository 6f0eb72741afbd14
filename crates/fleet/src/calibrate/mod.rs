//! Calibration: models of time and power fitted to measurements, each with its error on what it did not see.
//!
//! - [`engine`] fits the token-step engine's iteration to recorded runs of a real engine.
//! - [`silicon`] learns time to first token and per token from published serving points, over a roofline.
//! - [`machines()`] turns what was learned of a machine into the coefficients of an iteration.
//! - [`power`] judges power curves by leaving one batch out.
//!
//! A fit without a held-out error is a guess, so every fit here comes with a function that gives one.

pub mod engine;
mod linalg;
mod machines;
mod minimise;
pub mod power;
pub mod silicon;

pub use machines::{Machine, POINTS_MIN, machines};
pub use minimise::{MAX_EVALUATIONS, Minimum, minimise};
