//! Seeing what happens: metrics, phase times and trace context.

pub mod metrics;
pub mod phases;
pub mod trace;

pub use metrics::Metrics;
pub use phases::{PHASES, Phases};
pub use trace::TraceContext;
