//! Seeing what happens: metrics, phase times and trace context.

mod fair;
pub mod genai;
pub mod metrics;
pub mod otlp;
pub mod phases;
pub mod times;
pub mod trace;

pub(crate) use fair::Fair;
pub use metrics::Metrics;
pub use phases::{PHASES, Phases};
pub use trace::TraceContext;
