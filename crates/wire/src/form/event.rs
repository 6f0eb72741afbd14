//! The events of a streamed answer, in the form's words.
//!
//! Invariant, kept by every reader: one `Start` comes first; a part is opened before its deltas and closed after
//! them; part numbers count up from 0; `End` or `Failed` comes last. Parts may overlap only where the dialect lets
//! them (chat tool calls); [`crate::fold`] and every writer cope with that.

use super::json::Json;
use super::part::Citation;
use super::response::{Failure, Stop, Usage};
use crate::Dialect;

/// One event.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The upstream's id.
        id: Option<String>,
        /// The model that answers.
        model: Option<String>,
        /// When, in seconds since 1970.
        created: Option<u64>,
        /// The tier that serves it.
        service_tier: Option<String>,
    },
    /// A part begins.
    Open {
        /// Which part.
        part: usize,
        /// What it is.
        open: Open,
    },
    /// A part grows.
    Delta {
        /// Which part.
        part: usize,
        /// By what.
        delta: Delta,
    },
    /// A part is whole.
    Close {
        /// Which part.
        part: usize,
    },
    /// What was used so far; later ones replace earlier ones field by field.
    Usage(Usage),
    /// Why the answer ends.
    Stop(Stop),
    /// The answer is whole.
    End,
    /// The answer failed.
    Failed(Failure),
}

/// What a part is when it begins.
#[derive(Clone, PartialEq, Debug)]
pub enum Open {
    /// Text.
    Text,
    /// Words of refusal.
    Refusal,
    /// Reasoning.
    Reasoning {
        /// The item's id in the Responses dialect.
        item: Option<String>,
    },
    /// A tool call.
    ToolCall {
        /// The id that the result repeats.
        id: String,
        /// The tool.
        name: String,
        /// Gemini's signature of the thought behind the call.
        signature: Option<String>,
    },
    /// A whole part that only one dialect knows.
    Other {
        /// Whose.
        dialect: Dialect,
        /// The part.
        value: Json,
    },
}

/// What a part grows by.
#[derive(Clone, PartialEq, Debug)]
pub enum Delta {
    /// Text, refusal or reasoning.
    Text(String),
    /// A summary of the reasoning: which one, and more of it.
    Summary(usize, String),
    /// The reasoning's signature, and whose it is.
    Signature(Option<Dialect>, String),
    /// The reasoning as ciphertext, and whose it is.
    Encrypted(Option<Dialect>, String),
    /// More of the arguments' JSON text.
    Arguments(String),
    /// The text cites something.
    Citation(Citation),
    /// Log probabilities of the tokens of the text.
    Logprobs(Vec<Json>),
}
