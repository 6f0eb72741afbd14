//! A simulated inference server with continuous batching.
//!
//! Idea: the [`engine`] is a pure state machine in virtual time; [`text`] makes deterministic answers that name the
//! model and the instance; [`server`] puts both behind the OpenAI wire format, with [`fault`]s on demand and a
//! journal of what was received. It stands in for every upstream in the default configuration and in the tests.
//!
//! Invariants: equal requests to equal configurations get equal bytes; usage, stream and whole answer agree; without
//! a server nothing here reads a clock.
//!
//! ```no_run
//! # async fn example() -> Result<(), tollgate_sim::SimError> {
//! use tollgate_sim::{Sim, SimConfig};
//! let running = Sim::start(SimConfig::fast(&["sim-small", "sim-large"])).await?;
//! println!("POST http://{}/v1/chat/completions", running.addr());
//! running.stop().await;
//! # Ok(()) }
//! ```

mod api;
pub mod ask;
mod cli;
mod config;
pub mod engine;
mod error;
pub mod fault;
#[cfg(feature = "gguf")]
pub mod gguf;
pub mod server;
pub mod text;

pub use cli::{SimArgs, run};
pub use config::{ModelRow, SimConfig};
pub use error::SimError;
pub use server::{MachineClock, Running, Sim};
