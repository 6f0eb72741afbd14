//! Bytes of the chat dialect: answers, stream events, errors, embeddings, model lists.
//!
//! Pure functions from an answer to bytes. Invariant: the concatenated deltas of a stream equal the whole answer.

pub(crate) mod chat;
pub(crate) mod embeddings;
pub(crate) mod error;
