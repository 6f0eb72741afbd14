//! The wire dialects that are spoken here.

use serde::{Deserialize, Serialize};

/// A wire dialect: the shape of a request, its answer and its stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI `POST /v1/chat/completions`.
    OpenaiChat,
    /// OpenAI `POST /v1/responses`.
    OpenaiResponses,
    /// Anthropic `POST /v1/messages`.
    Anthropic,
    /// Gemini `POST /v1beta/models/M:generateContent` and `:streamGenerateContent`; upstream only.
    Gemini,
    /// OpenAI `POST /v1/embeddings`.
    OpenaiEmbeddings,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: &'static [Self] =
        &[Self::OpenaiChat, Self::OpenaiResponses, Self::Anthropic, Self::Gemini, Self::OpenaiEmbeddings];

    /// The dialects of conversations: each translates into each.
    pub const CONVERSATIONS: &'static [Self] =
        &[Self::OpenaiChat, Self::OpenaiResponses, Self::Anthropic, Self::Gemini];

    /// The word that names it in configuration, policies, logs and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai_chat",
            Self::OpenaiResponses => "openai_responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::OpenaiEmbeddings => "openai_embeddings",
        }
    }

    /// The dialect that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|d| d.word() == word)
    }
}
