//! The parts that a message is made of.

use super::fields::Extra;
use super::json::Json;
use crate::Dialect;
use serde::Serialize;

/// One part of a message, with what may hang on any part.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Part {
    /// What it is.
    pub body: Body,
    /// `cache_control`: the prompt up to here may be cached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Json>,
    /// Members without a word in the form.
    pub extra: Extra,
}

/// What a part is.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Text.
    Text {
        /// The text.
        text: String,
        /// What it cites.
        citations: Vec<Citation>,
        /// Token log probabilities, as the OpenAI dialects write them.
        logprobs: Vec<Json>,
    },
    /// The model's words of refusal.
    Refusal(String),
    /// An image.
    Image(Media),
    /// A document or file.
    Document(Media),
    /// Sound.
    Audio(Media),
    /// The model calls a tool.
    ToolCall {
        /// The id that the result repeats.
        id: String,
        /// The tool.
        name: String,
        /// Its arguments: JSON text as the model wrote it, which may be broken or empty.
        arguments: String,
        /// Gemini's signature of the thought behind the call.
        signature: Option<String>,
    },
    /// What a tool answered.
    ToolResult {
        /// The id of the call.
        id: String,
        /// The tool's name, where the dialect says it.
        name: Option<String>,
        /// The answer.
        parts: Vec<Part>,
        /// Whether the tool failed.
        error: bool,
    },
    /// The model's reasoning.
    Reasoning(Thought),
    /// Something that only one dialect knows, such as the item of a built-in tool.
    Other {
        /// Whose.
        dialect: Dialect,
        /// The whole part.
        value: Json,
    },
}

/// A piece of reasoning.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Thought {
    /// The reasoning itself.
    pub text: String,
    /// Summaries of it.
    pub summary: Vec<String>,
    /// A signature that proves where the text comes from.
    pub signature: Option<String>,
    /// The reasoning as ciphertext (redacted thinking, encrypted content).
    pub encrypted: Option<String>,
    /// Whose signature and ciphertext these are: they mean something to that provider only.
    pub origin: Option<Dialect>,
    /// The item's id in the Responses dialect.
    pub item: Option<String>,
}

impl Thought {
    /// Whether it says nothing and proves nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let silent = self.text.is_empty() && self.summary.iter().all(String::is_empty);
        silent && self.signature.is_none() && self.encrypted.is_none()
    }

    /// The text to show: the reasoning, or else its summaries.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.text.is_empty() { self.summary.join("\n\n") } else { self.text.clone() }
    }

    /// The signature, when it is `dialect`'s.
    #[must_use]
    pub fn signature_of(&self, dialect: Dialect) -> Option<&str> {
        self.signature.as_deref().filter(|_| self.origin == Some(dialect))
    }

    /// The ciphertext, when it is `dialect`'s.
    #[must_use]
    pub fn encrypted_of(&self, dialect: Dialect) -> Option<&str> {
        self.encrypted.as_deref().filter(|_| self.origin == Some(dialect))
    }
}

/// An image, file or sound.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Media {
    /// Where its bytes are.
    pub source: Source,
    /// How closely an image is looked at (`low`, `high`, `auto`).
    pub detail: Option<String>,
    /// A file's name or a document's title.
    pub name: Option<String>,
}

impl Media {
    /// Media that only has a source.
    #[must_use]
    pub const fn of(source: Source) -> Self {
        Self { source, detail: None, name: None }
    }
}

/// Where the bytes of an image, file or sound are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// At an address that the provider fetches.
    Url(String),
    /// Here, in base64.
    Base64 {
        /// The media type; empty when unknown.
        mime: String,
        /// The bytes.
        data: String,
    },
    /// In the provider's own file store.
    File {
        /// Whose store.
        dialect: Dialect,
        /// Which file.
        id: String,
    },
    /// Here, as plain text.
    Text(String),
}

impl Source {
    /// Reads an address, which may be a data URI.
    #[must_use]
    pub fn from_url(url: String) -> Self {
        let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
        match inline {
            Some((mime, data)) => Self::Base64 { mime: mime.to_owned(), data: data.to_owned() },
            None => Self::Url(url),
        }
    }
}

/// The data URI of base64 bytes.
#[must_use]
pub fn data_uri(mime: &str, data: &str) -> String {
    format!("data:{mime};base64,{data}")
}

/// What a piece of text cites.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Citation {
    /// A page.
    Url {
        /// Its address.
        url: String,
        /// Its title.
        title: String,
        /// Characters of this text part that cite it: from, to.
        range: Option<(u64, u64)>,
        /// The words on it that are cited, where the dialect says them.
        cited: Option<String>,
        /// Anthropic's ciphertext of the place.
        encrypted: Option<String>,
    },
    /// Something that only one dialect knows.
    Other {
        /// Whose.
        dialect: Dialect,
        /// The whole citation.
        value: Json,
    },
}

/// The key under which arguments that are no JSON object are kept where a dialect demands one.
pub const UNPARSED: &str = "unparsed_arguments";

/// Arguments as the JSON object that a dialect demands, and whether they are one.
#[must_use]
pub fn arguments_object(text: &str) -> (Json, bool) {
    match Json::parse(text.as_bytes()) {
        Ok(object @ Json::Object(_)) => (object, true),
        _ if text.trim().is_empty() => (Json::object(), true),
        _ => (Json::object().with(UNPARSED, text), false),
    }
}

/// The arguments' text of such an object.
#[must_use]
pub fn arguments_text(object: &Json) -> String {
    if let Json::Object(members) = object
        && let [(key, Json::String(text))] = members.as_slice()
        && key == UNPARSED
        && !arguments_object(text).1
    {
        return text.clone();
    }
    object.to_text()
}

impl Part {
    /// A part without anything hanging on it.
    #[must_use]
    pub fn of(body: Body) -> Self {
        Self { body, cache: None, extra: Extra::default() }
    }

    /// Plain text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::of(Body::Text { text: text.into(), citations: Vec::new(), logprobs: Vec::new() })
    }

    /// Reasoning; an origin without signature or ciphertext says nothing and is left out.
    #[must_use]
    pub fn thought(thought: Thought) -> Self {
        let proof = thought.signature.is_some() || thought.encrypted.is_some();
        Self::of(Body::Reasoning(Thought { origin: thought.origin.filter(|_| proof), ..thought }))
    }

    /// Its text, when it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.body {
            Body::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// What it is, in one word, for reports.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.body {
            Body::Text { .. } => "text",
            Body::Refusal(_) => "refusal",
            Body::Image(_) => "image",
            Body::Document(_) => "document",
            Body::Audio(_) => "audio",
            Body::ToolCall { .. } => "tool call",
            Body::ToolResult { .. } => "tool result",
            Body::Reasoning(_) => "reasoning",
            Body::Other { .. } => "provider part",
        }
    }
}
