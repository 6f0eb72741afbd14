//! What arrives: lengths, arrivals, classes, and requests drawn from them or read from a trace.
//!
//! [`Cdf`] is the distribution of total tokens that pool boundaries cut; [`JointLengths`] keeps prompt and output
//! together, because time goes with the one and memory with both. [`Arrivals`] says when. A [`Workload`] joins them
//! and draws an endless stream of [`Request`]s from a seed. Nothing here grows with the number of requests.

mod archetype;
mod arrivals;
mod cdf;
mod class;
mod lengths;
mod request;
mod sessions;
mod stream;
mod tokens;

pub use archetype::{Archetype, USUAL_BOUNDARY};
pub use arrivals::{
    ArrivalStream, Arrivals, Client, Gaps, MAX_CLIENTS, MAX_PHASES, MAX_WINDOWS, Phase, RateWindow,
};
pub use cdf::{Cdf, MAX_KNOTS};
pub use class::{Class, Slo};
pub use lengths::{Cell, JointLengths, LengthCounter, MAX_CELLS};
pub use request::{MAX_PREFIX_BLOCKS, Prefix, Request};
pub use sessions::{ConversationStream, Conversations, MAX_OPEN};
pub use stream::{Part, Requests, Workload};
pub use tokens::{MAX_EXACT_TOKENS, TokenCounts};

/// Nanoseconds in a second.
pub const NS_PER_S: f64 = 1e9;
