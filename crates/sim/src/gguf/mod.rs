//! Real text from a GGUF file of the llama family, on the CPU.
//!
//! Idea: one thread owns the model and its KV cache and answers one request after the other; waiting requests
//! stand in a bounded queue. The vocabulary comes from the file itself; the conversation is laid out as ChatML.
//! Tool calls and structured output stay simulated: small models cannot be relied on for them.
//!
//! ```no_run
//! # fn example() -> Result<(), tollgate_sim::SimError> {
//! let model = tollgate_sim::gguf::Model::load(std::path::Path::new("model.gguf"))?;
//! # Ok(()) }
//! ```

mod model;
mod stops;
mod worker;

pub(crate) use model::Choice;
pub use model::{CONTEXT_MAX, Model};
pub(crate) use worker::{Item, Runner, Work};
