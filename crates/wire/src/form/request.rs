//! A request, in the form's words.

use super::fields::Extra;
use super::json::Json;
use super::part::{Body, Part};
use crate::Dialect;
use crate::view::Role;
use serde::Serialize;
use serde_json::Number;
use std::collections::BTreeMap;

/// What a caller asks for.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Request {
    /// The model; absent where the dialect puts it in the path.
    pub model: Option<String>,
    /// The system prompt: a separate field, or the system messages that open the conversation.
    pub system: Vec<Part>,
    /// The conversation. A system message inside it stays where it is.
    pub messages: Vec<Message>,
    /// The tools on offer.
    pub tools: Vec<Tool>,
    /// Which of them may or must be called.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once.
    pub parallel_tool_calls: Option<bool>,
    /// How tokens are drawn and when the model stops.
    pub sampling: Sampling,
    /// The shape of the answer's text.
    pub format: Option<Format>,
    /// How much the model reasons.
    pub thinking: Option<Thinking>,
    /// The caller's own notes: an object of strings.
    pub metadata: Option<Json>,
    /// The end user, as the caller names them.
    pub user: Option<String>,
    /// `service_tier`.
    pub service_tier: Option<String>,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether the answer is stored (Responses; its default there is true).
    pub store: Option<bool>,
    /// The stored answer that this request continues (Responses).
    pub previous_response_id: Option<String>,
    /// Members without a word in the form.
    pub extra: Extra,
}

impl Request {
    /// Whether reasoning is asked for.
    #[must_use]
    pub fn thinks(&self) -> bool {
        self.thinking.as_ref().is_some_and(|t| !t.off())
    }

    /// The names of the tools by the ids of their calls, for dialects whose results repeat the name.
    #[must_use]
    pub fn call_names(&self) -> BTreeMap<&str, &str> {
        let parts = self.messages.iter().flat_map(|message| &message.parts);
        let calls = parts.filter_map(|part| match &part.body {
            Body::ToolCall { id, name, .. } => Some((id.as_str(), name.as_str())),
            _ => None,
        });
        calls.collect()
    }
}

/// One message.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What it is made of, in order.
    pub parts: Vec<Part>,
    /// The speaker's name.
    pub name: Option<String>,
    /// Members without a word in the form.
    pub extra: Extra,
}

impl Message {
    /// A message without a name.
    #[must_use]
    pub fn of(role: Role, parts: Vec<Part>) -> Self {
        Self { role, parts, name: None, extra: Extra::default() }
    }
}

/// Ends a turn of the user's that was gathered from several messages, if anything was; `key` is where the dialect keeps its
/// parts.
pub(crate) fn end_turn(key: &str, gathered: &mut Vec<Json>, out: &mut Vec<Json>) {
    if !gathered.is_empty() {
        out.push(Json::object().with("role", "user").with(key, std::mem::take(gathered)));
    }
}

/// A tool on offer.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// A function of the caller's.
    Function {
        /// Its name.
        name: String,
        /// What it does.
        description: Option<String>,
        /// The JSON schema of its arguments.
        schema: Option<Json>,
        /// Whether arguments are held to the schema while they are generated.
        strict: Option<bool>,
        /// `cache_control`.
        cache: Option<Json>,
        /// Members without a word in the form.
        extra: Extra,
    },
    /// A tool that the provider runs or defines.
    BuiltIn {
        /// Whose.
        dialect: Dialect,
        /// The whole tool.
        value: Json,
    },
}

/// Which tools may or must be called.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// None may be called.
    None,
    /// At least one must be called.
    Required,
    /// This one must be called.
    Named(String),
    /// A choice that only one dialect knows.
    Other {
        /// Whose.
        dialect: Dialect,
        /// The whole value.
        value: Json,
    },
}

/// How tokens are drawn and when the model stops.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Sampling {
    /// Temperature.
    pub temperature: Option<Number>,
    /// Nucleus mass.
    pub top_p: Option<Number>,
    /// Candidates kept.
    pub top_k: Option<Number>,
    /// Stop sequences.
    pub stop: Vec<String>,
    /// Seed.
    pub seed: Option<Number>,
    /// Presence penalty.
    pub presence_penalty: Option<Number>,
    /// Frequency penalty.
    pub frequency_penalty: Option<Number>,
    /// The most tokens to generate, reasoning included.
    pub max_tokens: Option<u64>,
    /// How many answers, when not one.
    pub n: Option<u64>,
    /// Whether log probabilities are wanted.
    pub logprobs: Option<bool>,
    /// How many alternatives per token.
    pub top_logprobs: Option<u64>,
}

/// The shape of the answer's text.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Any text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON of this schema.
    JsonSchema {
        /// The schema's name.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The schema.
        schema: Json,
        /// Whether the text is held to it while it is generated.
        strict: Option<bool>,
    },
}

/// How much the model reasons.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Thinking {
    /// In words.
    pub effort: Option<Effort>,
    /// In tokens.
    pub budget: Option<u64>,
    /// As much as the model finds fit.
    pub adaptive: bool,
    /// Whether the reasoning or its summary is shown (`auto`, `concise`, `detailed`; `none` hides it).
    pub summary: Option<String>,
}

impl Thinking {
    /// Whether it asks for no reasoning at all.
    #[must_use]
    pub fn off(&self) -> bool {
        self.effort == Some(Effort::None) || self.budget == Some(0)
    }

    /// The effort in words: as given, or near the budget.
    #[must_use]
    pub fn effort_or_near(&self) -> Option<Effort> {
        self.effort.or_else(|| self.budget.map(Effort::near))
    }

    /// The effort in tokens: as given, or near the word.
    #[must_use]
    pub fn budget_or_near(&self) -> Option<u64> {
        self.budget.or_else(|| self.effort.map(Effort::tokens))
    }
}

/// Reasoning effort in words, least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// None at all.
    None,
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// More.
    Xhigh,
    /// All there is.
    Max,
}

impl Effort {
    const ALL: [(Self, &'static str, u64); 7] = [
        (Self::None, "none", 0),
        (Self::Minimal, "minimal", 1024),
        (Self::Low, "low", 2048),
        (Self::Medium, "medium", 8192),
        (Self::High, "high", 16_384),
        (Self::Xhigh, "xhigh", 32_768),
        (Self::Max, "max", 65_536),
    ];

    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(e, ..)| *e == self).map_or("medium", |(_, word, _)| word)
    }

    /// The effort that `word` names, in either case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w, _)| w.eq_ignore_ascii_case(word)).map(|(e, ..)| *e)
    }

    /// A token budget near the word.
    #[must_use]
    pub fn tokens(self) -> u64 {
        Self::ALL.iter().find(|(e, ..)| *e == self).map_or(8192, |(.., tokens)| *tokens)
    }

    /// The largest word whose budget fits into `tokens`.
    #[must_use]
    pub fn near(tokens: u64) -> Self {
        Self::ALL.iter().rev().find(|(.., t)| *t <= tokens).map_or(Self::None, |(e, ..)| *e)
    }
}
