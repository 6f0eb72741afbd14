//! The gateway: what answers a request.
//!
//! [`serve::Serving`] starts it. A request enters at a [`worker::Worker`], goes through the phases of the pipeline, and
//! leaves as a [`reply::Reply`]. What a reload changes is one immutable [`snapshot::Snapshot`], swapped whole; what lives
//! as long as the process is [`state::Shared`].

pub mod api;
pub mod cashier;
mod chores;
mod claim;
pub mod clock;
pub mod config;
pub mod control;
pub mod encoder;
pub mod fleet;
pub mod judge;
pub mod kept;
pub mod observe;
pub mod offered;
mod pipeline;
pub mod rails;
pub mod reply;
pub mod safety;
pub mod serve;
pub mod snapshot;
pub mod sources;
mod started;
pub mod state;
pub mod support;
pub mod threads;
pub mod webhooks;
pub mod witness;
pub mod worker;
