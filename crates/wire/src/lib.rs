//! Bytes to typed messages and back: the LLM dialects, SSE framing, span edits and translation.
//!
//! Same dialect in and out: the original bytes are forwarded and edits are spliced by span. Different dialects:
//! one typed form stands between them, and what cannot cross is reported. No IO, no clock, no tokio.

pub mod anthropic;
pub mod dialect;
pub mod edit;
pub mod error;
pub mod fold;
pub mod form;
pub mod gemini;
pub mod httpsig;
pub mod json;
pub mod members;
pub mod meter;
pub mod openai_chat;
pub mod openai_responses;
pub mod peek;
pub mod sfv;
pub mod sse;
pub mod translate;
pub mod view;

pub use dialect::Dialect;
pub use error::WireError;
