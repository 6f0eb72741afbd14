//! What the router needs to know of a request, as spans into its original bytes.
//!
//! A view is made by one strict pass over the body ([`crate::peek`]). It owns no text: a [`TextSpan`] is decoded
//! when somebody reads it, so a policy that never looks at the prompt never pays for it, and edits splice the
//! original bytes by span ([`crate::edit`]).

use crate::Dialect;
use bytes::Bytes;
use smallvec::SmallVec;
use std::borrow::Cow;
use tollgate_core::signal::UnreadSet;

/// A half-open range of byte offsets in the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// Number of bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether it is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }
}

/// The inside of a JSON string: the bytes between its quotes, still escaped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TextSpan {
    /// Where, quotes excluded.
    pub span: Span,
    /// Whether it holds a backslash and so must be decoded.
    pub escaped: bool,
}

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// `system` or `developer`, or a dialect's separate system field.
    System,
    /// `user`.
    User,
    /// `assistant` or `model`.
    Assistant,
    /// A tool's result, however the dialect spells it.
    Tool,
}

/// One message of the conversation.
#[derive(Clone, PartialEq, Debug)]
pub struct MessageView {
    /// Who speaks.
    pub role: Role,
    /// The whole message object or input item. A tool result that stands as a block in a message is a message of
    /// its own here and spans its block; a string input spans its value, quotes included.
    pub span: Span,
    /// Its text parts, in order; reasoning and binary parts are not text.
    pub text: SmallVec<[TextSpan; 1]>,
    /// Images in it.
    pub images: u16,
    /// Names of the tools that this (assistant) message calls.
    pub tool_calls: SmallVec<[TextSpan; 0]>,
    /// Whether a tool result in it is marked as an error by the dialect.
    pub tool_error: bool,
}

/// One offered tool.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ToolView {
    /// The whole tool object in its array.
    pub span: Span,
    /// Its name; for a built-in tool without a name, its type.
    pub name: TextSpan,
    /// The type of a built-in tool, whatever its name says; absent for a function of the caller's.
    pub built_in: Option<TextSpan>,
    /// Whether it may bring further tools that are not listed here: a namespace, a set of tools, a server.
    pub nested: bool,
}

/// Texts of fewer bytes are checked sooner without vectors.
const SHORT: usize = 64;

/// What a request asks for.
#[derive(Clone, Debug)]
pub struct RequestView {
    /// The dialect it is in.
    pub dialect: Dialect,
    /// The original bytes.
    pub body: Bytes,
    /// Where the top-level object stands: `{` to `}`.
    pub object: Span,
    /// `model`, absent where the dialect puts it in the path.
    pub model: Option<TextSpan>,
    /// `stream`.
    pub stream: bool,
    /// The value of `stream`, for edits.
    pub stream_span: Option<Span>,
    /// `stream_options.include_usage` of the chat dialect.
    pub include_usage: bool,
    /// The value of `stream_options`, for edits.
    pub stream_options: Option<Span>,
    /// The output limit, however the dialect spells it (`max_completion_tokens` before `max_tokens`).
    pub max_tokens: Option<u64>,
    /// The conversation in order, system messages included.
    pub messages: Vec<MessageView>,
    /// The array (or string) that holds the conversation.
    pub messages_span: Option<Span>,
    /// The dialect's separate system or instructions field: its whole value.
    pub system_span: Option<Span>,
    /// Text of the separate system field.
    pub system: SmallVec<[TextSpan; 1]>,
    /// The offered tools.
    pub tools: Vec<ToolView>,
    /// The array that holds them.
    pub tools_span: Option<Span>,
    /// `metadata`, an object.
    pub metadata: Option<Span>,
    /// Who is served: the first given of `user`, `safety_identifier`, Anthropic's `metadata.user_id`.
    pub user: Option<TextSpan>,
    /// `previous_response_id` of the responses dialect.
    pub previous_response_id: Option<TextSpan>,
    /// `store` of the responses dialect (its default there is true).
    pub store: Option<bool>,
    /// What else goes to the model as words and is no turn's text: reasoning, titles, citations, members that the
    /// dialect does not name. Strings, or JSON as it stands.
    pub aside: Vec<TextSpan>,
    /// Arguments of calls in the history: JSON, or a string that holds JSON.
    pub arguments: Vec<TextSpan>,
    /// Kinds of content that are sent and stand in no text of this view.
    pub unread: UnreadSet,
    /// Where such content stands inside the body, as far as it does.
    pub opaque: Vec<Span>,
    /// Every top-level member: key and value, for edits and parameters that have no field here.
    pub members: Vec<(TextSpan, Span)>,
}

impl RequestView {
    /// The bytes at `span`; empty when it does not lie in the body.
    #[must_use]
    pub fn bytes(&self, span: Span) -> &[u8] {
        self.body.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// The text at `text`, decoded when it holds escapes. Lone surrogates become U+FFFD.
    #[must_use]
    pub fn text(&self, text: TextSpan) -> Cow<'_, str> {
        let raw = self.bytes(text.span);
        if text.escaped {
            return Cow::Owned(crate::json::unescape(raw));
        }
        // The whole body was checked; the strict check is much faster than the lossy reader, most of all on long texts.
        let strict = if raw.len() < SHORT {
            std::str::from_utf8(raw).ok()
        } else {
            simdutf8::basic::from_utf8(raw).ok()
        };
        strict.map_or_else(|| String::from_utf8_lossy(raw), Cow::Borrowed)
    }

    /// The model that was asked for.
    #[must_use]
    pub fn model(&self) -> Option<Cow<'_, str>> {
        self.model.map(|m| self.text(m))
    }

    /// The last user message.
    #[must_use]
    pub fn last_user(&self) -> Option<&MessageView> {
        self.messages.iter().rev().find(|m| m.role == Role::User)
    }

    /// The whole body as one text: every key, string and number that is sent, escapes decoded.
    #[must_use]
    pub const fn sent(&self) -> TextSpan {
        TextSpan { span: self.object, escaped: true }
    }

    /// The value of a top-level member.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<Span> {
        self.members.iter().find(|(k, _)| self.text(*k) == key).map(|(_, v)| *v)
    }
}
