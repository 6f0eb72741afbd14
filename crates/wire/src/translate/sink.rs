//! Events into a stream's bytes, whatever its dialect.

use super::no_conversation;
use crate::error::WireError;
use crate::form::{Event, Options, Report};
use crate::{Dialect, anthropic, gemini, openai_chat, openai_responses};

/// Writes the bytes of a stream. Parts must not overlap ([`super::Order`]).
#[derive(Debug)]
pub enum Sink {
    /// In the chat dialect.
    Chat(Box<openai_chat::StreamWriter>),
    /// In the Responses dialect.
    Responses(Box<openai_responses::StreamWriter>),
    /// In the messages dialect.
    Anthropic(Box<anthropic::StreamWriter>),
    /// In the Gemini dialect.
    Gemini(Box<gemini::StreamWriter>),
}

impl Sink {
    /// A writer of one stream.
    ///
    /// # Errors
    /// When the dialect holds no conversations.
    pub fn new(dialect: Dialect, options: Options) -> Result<Self, WireError> {
        Ok(match dialect {
            Dialect::OpenaiChat => Self::Chat(Box::new(openai_chat::StreamWriter::new(options))),
            Dialect::OpenaiResponses => {
                Self::Responses(Box::new(openai_responses::StreamWriter::new(options)))
            }
            Dialect::Anthropic => Self::Anthropic(Box::new(anthropic::StreamWriter::new(options))),
            Dialect::Gemini => Self::Gemini(Box::new(gemini::StreamWriter::new(options))),
            Dialect::OpenaiEmbeddings => return Err(no_conversation(dialect)),
        })
    }

    /// Appends the bytes that say `event`.
    pub fn write(&mut self, event: &Event, report: &mut Report, out: &mut Vec<u8>) {
        match self {
            Self::Chat(writer) => writer.write(event, report, out),
            Self::Responses(writer) => writer.write(event, report, out),
            Self::Anthropic(writer) => writer.write(event, report, out),
            Self::Gemini(writer) => writer.write(event, report, out),
        }
    }
}
