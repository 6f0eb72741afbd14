//! One strict pass over a request: what the router needs to know, as spans.
//!
//! The whole body is checked to be JSON. Fields that are read here must have the type that their dialect gives
//! them and must not come twice (two readers could disagree about which one counts); every other field is kept
//! and only spanned. Nothing is copied but what is listed in a [`RequestView`].
//!
//! ```
//! use tollgate_wire::{Dialect, peek::{peek, Limits}};
//! let body = r#"{"model":"m","messages":[{"role":"user","content":"caf\u00e9?"}],"seed":7}"#;
//! let view = peek(Dialect::OpenaiChat, body.into(), &Limits::default()).unwrap();
//! assert_eq!(view.text(view.last_user().unwrap().text[0]), "café?");
//! assert!(view.member("seed").is_some());
//! ```

mod beside;
mod fields;
mod gemini;
mod input;
mod message;
mod part;
mod tools;

use crate::json::{Flaw, Kind, Problem, Scanner};
use crate::view::{RequestView, Span};
use crate::{Dialect, WireError, json};
use bytes::Bytes;
use fields::{Field, Seen};
use smallvec::SmallVec;
use tollgate_core::signal::{Unread, UnreadSet};

/// Bounds on what one request may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Nested JSON levels (128 at most).
    pub depth: u8,
    /// Messages or input items.
    pub messages: u32,
    /// Content parts of all messages together.
    pub parts: u32,
    /// Offered tools, and tool calls of all messages together.
    pub tools: u32,
    /// Top-level members.
    pub members: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: json::DEPTH_MAX, messages: 16_384, parts: 65_536, tools: 4_096, members: 512 }
    }
}

/// Reads a request body of `dialect`.
///
/// # Errors
/// [`WireError`] with path, place, what was found and what is allowed: bad JSON, a wrong type, a missing required
/// field, a key given twice, or a bound of `limits` reached.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the view keeps the body; a caller that is done with it hands it over"
)]
pub fn peek(dialect: Dialect, body: Bytes, limits: &Limits) -> Result<RequestView, WireError> {
    read(dialect, &body, limits, true)
}

/// Reads an Anthropic `count_tokens` body: a message request without an output limit.
///
/// # Errors
/// As for [`peek`].
#[expect(clippy::needless_pass_by_value, reason = "as for `peek`")]
pub fn peek_count_tokens(body: Bytes, limits: &Limits) -> Result<RequestView, WireError> {
    read(Dialect::Anthropic, &body, limits, false)
}

fn read(dialect: Dialect, body: &Bytes, limits: &Limits, output: bool) -> Result<RequestView, WireError> {
    let scan = Scanner::new(body, limits.depth)?;
    let view = empty(dialect, body.clone());
    let mut reader =
        Reader { scan, view, limits, parts: 0, calls: 0, user_rank: u8::MAX, output_rank: u8::MAX };
    match reader.request(output) {
        Ok(()) => Ok(reader.view),
        Err(flaw) => Err(flaw.explain(body)),
    }
}

/// A request of which nothing is known but its bytes.
#[must_use]
pub fn empty(dialect: Dialect, body: Bytes) -> RequestView {
    RequestView {
        dialect,
        body,
        object: Span::default(),
        model: None,
        stream: false,
        stream_span: None,
        include_usage: false,
        stream_options: None,
        max_tokens: None,
        messages: Vec::new(),
        messages_span: None,
        system_span: None,
        system: SmallVec::new(),
        tools: Vec::new(),
        tools_span: None,
        metadata: None,
        user: None,
        previous_response_id: None,
        store: None,
        aside: Vec::new(),
        arguments: Vec::new(),
        unread: UnreadSet::default(),
        opaque: Vec::new(),
        members: Vec::with_capacity(8),
    }
}

/// The scanner and what it has found so far.
struct Reader<'a> {
    scan: Scanner<'a>,
    view: RequestView,
    limits: &'a Limits,
    /// Content parts seen.
    parts: u32,
    /// Tool calls seen.
    calls: u32,
    /// Rank of the field that gave `view.user`; lower wins.
    user_rank: u8,
    /// Rank of the field that gave `view.max_tokens`; lower wins.
    output_rank: u8,
}

type Read<T> = Result<T, Flaw>;

impl Reader<'_> {
    fn request(&mut self, output: bool) -> Read<()> {
        let start = self.scan.start();
        self.scan.enter_object()?;
        let mut seen = Seen::default();
        while let Some(key) = self.scan.next_key()? {
            let count = self.view.members.len();
            self.bound(count, self.limits.members, "top-level members")?;
            let field = fields::find(self.view.dialect, &self.scan.name(key), key, &mut seen)?;
            let at = self.scan.start();
            match field {
                Some(field) => self.field(field)?,
                None => drop(self.scan.skip()?),
            }
            let span = self.scan.since(at);
            self.view.members.push((key, span));
            match field {
                Some(field) => self.note(field, span),
                None => self.beyond(key, span),
            }
        }
        self.view.object = self.scan.since(start);
        self.scan.finish()?;
        let missing = fields::required(self.view.dialect, &seen, output);
        let offset = self.view.object.start;
        missing.map_or(Ok(()), |(name, want)| Err(Flaw { offset, problem: Problem::Missing(name, want) }))
    }

    /// Reads the value of a known field.
    fn field(&mut self, field: Field) -> Read<()> {
        // A null stands for an absent optional field in every dialect.
        if !matches!(field, Field::Model | Field::Messages) && self.scan.null()? {
            return Ok(());
        }
        match field {
            Field::Model => self.view.model = Some(self.nonempty("a model name")?),
            Field::Stream => self.view.stream = self.scan.boolean()?,
            Field::StreamOptions => self.stream_options()?,
            Field::MaxTokens(rank) => self.output_limit(rank)?,
            Field::GenerationConfig => self.generation_config()?,
            Field::Messages => self.conversation()?,
            Field::System => self.system()?,
            Field::Tools => self.tools()?,
            Field::ToolChoice => drop(self.scan.skip()?),
            Field::Metadata => self.metadata()?,
            Field::User(rank) => {
                let text = self.scan.string()?;
                self.user(rank, text);
            }
            Field::PreviousResponse => {
                self.view.unread.insert(Unread::Reference);
                self.view.previous_response_id = Some(self.scan.string()?);
            }
            Field::Store => self.view.store = Some(self.scan.boolean()?),
            Field::OtherInput => {
                self.view.unread.insert(Unread::Reference);
                let words = self.words()?;
                self.view.aside.extend(words);
            }
        }
        Ok(())
    }

    /// Notes where the value of a field stands.
    fn note(&mut self, field: Field, span: Span) {
        let value = self.view.bytes(span);
        if value == b"null" {
            return;
        }
        let slot = match field {
            Field::Stream => &mut self.view.stream_span,
            Field::StreamOptions => &mut self.view.stream_options,
            Field::Messages => &mut self.view.messages_span,
            Field::System => &mut self.view.system_span,
            Field::Tools => &mut self.view.tools_span,
            Field::Metadata => &mut self.view.metadata,
            _ => return,
        };
        *slot = Some(span);
    }

    fn bound(&self, count: usize, limit: u32, what: &'static str) -> Read<()> {
        if count >= limit as usize { Err(self.scan.flaw(Problem::TooMany(what, limit))) } else { Ok(()) }
    }

    fn nonempty(&mut self, what: &'static str) -> Read<crate::view::TextSpan> {
        self.scan.start();
        let flaw = self.scan.flaw(Problem::Want(what));
        let text = self.scan.string()?;
        if text.span.is_empty() { Err(flaw) } else { Ok(text) }
    }

    fn conversation(&mut self) -> Read<()> {
        match self.view.dialect {
            Dialect::OpenaiChat | Dialect::Anthropic => self.messages(),
            Dialect::OpenaiResponses => self.input(),
            Dialect::OpenaiEmbeddings => self.embedded(),
            Dialect::Gemini => self.contents(),
        }
    }

    fn stream_options(&mut self) -> Read<()> {
        self.scan.enter_object()?;
        let mut seen = Seen::default();
        while let Some(key) = self.scan.next_key()? {
            if self.scan.name(key).as_ref() == b"include_usage" {
                seen.mark(0, key)?;
                self.view.include_usage = !self.scan.null()? && self.scan.boolean()?;
            } else {
                self.scan.skip()?;
            }
        }
        Ok(())
    }

    fn output_limit(&mut self, rank: u8) -> Read<()> {
        const WANT: &str = "a whole number of at least 1";
        self.scan.start();
        let flaw = self.scan.flaw(Problem::Want(WANT));
        let limit = self.scan.unsigned(WANT)?;
        // A Responses or count request may not ask for nothing; Anthropic allows 0 to warm its cache.
        if limit == 0 && self.view.dialect != Dialect::Anthropic {
            return Err(flaw);
        }
        if rank < self.output_rank {
            self.output_rank = rank;
            self.view.max_tokens = Some(limit);
        }
        Ok(())
    }

    fn generation_config(&mut self) -> Read<()> {
        self.scan.enter_object()?;
        let mut seen = Seen::default();
        while let Some(key) = self.scan.next_key()? {
            if matches!(self.scan.name(key).as_ref(), b"maxOutputTokens" | b"max_output_tokens") {
                seen.mark(0, key)?;
                if !self.scan.null()? {
                    self.output_limit(0)?;
                }
            } else {
                self.scan.skip()?;
            }
        }
        Ok(())
    }

    fn metadata(&mut self) -> Read<()> {
        self.scan.enter_object()?;
        let mut seen = Seen::default();
        while let Some(key) = self.scan.next_key()? {
            let user = self.view.dialect == Dialect::Anthropic && self.scan.name(key).as_ref() == b"user_id";
            if user {
                seen.mark(0, key)?;
            }
            if user && self.scan.kind()? == Kind::String {
                let text = self.scan.string()?;
                self.user(2, text);
            } else {
                self.scan.skip()?;
            }
        }
        Ok(())
    }

    fn user(&mut self, rank: u8, text: crate::view::TextSpan) {
        if rank < self.user_rank && !text.span.is_empty() {
            self.user_rank = rank;
            self.view.user = Some(text);
        }
    }
}

#[cfg(test)]
mod tests;
