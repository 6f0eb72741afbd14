//! What a chat request asks for, typed, with errors that name the field.
//!
//! Only what changes the simulator's behaviour is kept; unknown fields are ignored, as inference engines do.

mod read;

use crate::text::TokenCount;
use serde_json::Value;
use tollgate_core::Digest;

/// Most messages in one request.
pub const MESSAGES_MAX: usize = 10_000;
/// Tokens that one image counts as.
pub const IMAGE_TOKENS: u32 = 85;

/// One message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Message {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    /// Its text parts, joined by line breaks.
    pub text: String,
    /// The JSON text of its tool calls, empty when it has none.
    pub calls: String,
    /// Addresses of its images.
    pub images: Vec<String>,
}

/// One offered tool.
#[derive(Clone, PartialEq, Debug)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// The schema of its arguments.
    pub parameters: Value,
}

/// Whether tools may or must be called.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum ToolChoice {
    /// When the user asks for one.
    #[default]
    Auto,
    /// Never.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// The form of the visible text.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Format {
    /// Free text.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// An instance of this schema.
    JsonSchema(Value),
}

/// A chat request.
#[derive(Clone, PartialEq, Debug)]
pub struct Ask {
    /// `model`, with any directives behind `+` still in it.
    pub model: String,
    /// The conversation, never empty.
    pub messages: Vec<Message>,
    /// The offered tools.
    pub tools: Vec<Tool>,
    /// Whether they may or must be called.
    pub tool_choice: ToolChoice,
    /// Whether several may be called at once.
    pub parallel_calls: bool,
    /// Most tokens of the answer.
    pub max_tokens: Option<u32>,
    /// Least tokens of an ordinary answer.
    pub min_tokens: Option<u32>,
    /// Whether the answer goes on to `max_tokens`.
    pub ignore_eos: bool,
    /// Stop sequences.
    pub stop: Vec<String>,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether the stream ends with a usage chunk.
    pub include_usage: bool,
    /// The form of the text.
    pub format: Format,
    /// `temperature`, used by real models only.
    pub temperature: Option<f64>,
    /// `top_p`, used by real models only.
    pub top_p: Option<f64>,
    /// `seed`, 0 when absent.
    pub seed: u64,
    /// `reasoning_effort`.
    pub effort: Option<String>,
    /// Digest of everything that shapes the answer, however it is transported.
    pub digest: Digest,
}

/// What is wrong with a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AskError {
    /// The field, such as `messages[2].role`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Ask {
    /// A digest that `stream` does not change, so that a stream says what a whole answer says.
    fn shape(&self) -> Digest {
        let params = format!("{:?} {:?} {:?} {}", self.max_tokens, self.stop, self.tool_choice, self.seed);
        let texts: Vec<String> = self.template().into_iter().map(|(_, text)| text).collect();
        let parts = [self.model.as_bytes(), params.as_bytes()].into_iter();
        Digest::of_parts(parts.chain(texts.iter().map(String::as_bytes)))
    }

    /// Text of the last user message, or of the last message when no user speaks.
    #[must_use]
    pub fn question(&self) -> &str {
        let user = self.messages.iter().rev().find(|m| m.role == "user");
        user.or(self.messages.last()).map(|m| m.text.trim()).unwrap_or_default()
    }

    /// Text of the last user message, if nobody has answered it yet.
    #[must_use]
    pub fn pending_user_text(&self) -> Option<&str> {
        self.messages.last().filter(|m| m.role == "user").map(|m| m.text.as_str())
    }

    /// Text of the last message, if it is a tool's result.
    #[must_use]
    pub fn last_tool_result(&self) -> Option<&str> {
        self.messages.last().filter(|m| m.role == "tool").map(|m| m.text.trim())
    }

    /// Whether a reasoning model should think aloud: unless the effort is `none`.
    #[must_use]
    pub fn thinks(&self) -> bool {
        self.effort.as_deref() != Some("none")
    }

    /// The prompt as the model's template lays it out: a list of texts, each a token or to be cut in tokens.
    fn template(&self) -> Vec<(bool, String)> {
        let mut parts = Vec::new();
        for tool in &self.tools {
            parts.push((true, "<|tool|>".to_owned()));
            parts.push((false, format!("{} {}", tool.name, tool.parameters)));
        }
        for message in &self.messages {
            parts.push((true, format!("<|{}|>", message.role)));
            parts.push((false, message.text.clone()));
            parts.push((false, message.calls.clone()));
            for image in &message.images {
                let name = Digest::of(image.as_bytes()).to_string();
                parts.extend((0..IMAGE_TOKENS).map(|i| (true, format!("<|image {name} {i}|>"))));
            }
            parts.push((true, "<|end|>".to_owned()));
        }
        parts.push((true, "<|assistant|>".to_owned()));
        parts
    }

    /// The tokens of the prompt, for block hashes, and their number as `by` counts.
    #[must_use]
    pub fn prompt(&self, by: TokenCount) -> (Vec<String>, u32) {
        let (mut tokens, mut counted) = (Vec::new(), 0_u32);
        for (whole, text) in self.template() {
            if whole {
                tokens.push(text);
                counted = counted.saturating_add(1);
            } else {
                if by != TokenCount::Pieces {
                    counted = counted.saturating_add(crate::text::count(&text, by));
                }
                tokens.extend(crate::text::pieces(&text).into_iter().map(str::to_owned));
            }
        }
        let pieces = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
        let counted = if by == TokenCount::Pieces { pieces } else { counted };
        (tokens, counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_longer_conversation_keeps_its_prefix() {
        let turn = |n: usize| {
            let list: Vec<_> = (0..n)
                .map(|i| json!({"role": if i % 2 == 0 { "user" } else { "assistant" }, "content": format!("turn {i}")}))
                .collect();
            let body = json!({"model": "m", "messages": list});
            Ask::parse(body.to_string().as_bytes()).unwrap().prompt(TokenCount::Pieces).0
        };
        let (short, long) = (turn(3), turn(5));
        assert!(long.starts_with(&short));
    }
}
