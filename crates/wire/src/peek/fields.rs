//! The top-level fields that are read, by dialect, and the check that none of them comes twice.

use crate::Dialect;
use crate::json::{Flaw, Problem};
use crate::view::TextSpan;

/// A top-level field that is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Field {
    Model,
    Stream,
    StreamOptions,
    /// With its rank: the lowest given wins.
    MaxTokens(u8),
    GenerationConfig,
    Messages,
    System,
    Tools,
    ToolChoice,
    Metadata,
    /// With its rank: the lowest given wins.
    User(u8),
    PreviousResponse,
    Store,
    /// Stands for the input of a Responses request (`prompt`, `conversation`).
    OtherInput,
}

const CHAT: &[(&str, Field)] = &[
    ("model", Field::Model),
    ("messages", Field::Messages),
    ("stream", Field::Stream),
    ("stream_options", Field::StreamOptions),
    ("max_completion_tokens", Field::MaxTokens(0)),
    ("max_tokens", Field::MaxTokens(1)),
    ("tools", Field::Tools),
    ("tool_choice", Field::ToolChoice),
    ("metadata", Field::Metadata),
    ("user", Field::User(0)),
    ("safety_identifier", Field::User(1)),
    ("store", Field::Store),
];
const RESPONSES: &[(&str, Field)] = &[
    ("model", Field::Model),
    ("input", Field::Messages),
    ("stream", Field::Stream),
    ("instructions", Field::System),
    ("max_output_tokens", Field::MaxTokens(0)),
    ("tools", Field::Tools),
    ("tool_choice", Field::ToolChoice),
    ("metadata", Field::Metadata),
    ("user", Field::User(0)),
    ("safety_identifier", Field::User(1)),
    ("previous_response_id", Field::PreviousResponse),
    ("store", Field::Store),
    ("prompt", Field::OtherInput),
    ("conversation", Field::OtherInput),
];
const ANTHROPIC: &[(&str, Field)] = &[
    ("model", Field::Model),
    ("messages", Field::Messages),
    ("stream", Field::Stream),
    ("system", Field::System),
    ("max_tokens", Field::MaxTokens(0)),
    ("tools", Field::Tools),
    ("tool_choice", Field::ToolChoice),
    ("metadata", Field::Metadata),
];
/// Gemini reads each name in camel case and, as protobuf JSON, in snake case.
const GEMINI: &[(&str, Field)] = &[
    ("contents", Field::Messages),
    ("systemInstruction", Field::System),
    ("system_instruction", Field::System),
    ("generationConfig", Field::GenerationConfig),
    ("generation_config", Field::GenerationConfig),
    ("tools", Field::Tools),
    ("toolConfig", Field::ToolChoice),
    ("tool_config", Field::ToolChoice),
];
const EMBEDDINGS: &[(&str, Field)] =
    &[("model", Field::Model), ("input", Field::Messages), ("user", Field::User(0))];

const fn table(dialect: Dialect) -> &'static [(&'static str, Field)] {
    match dialect {
        Dialect::OpenaiChat => CHAT,
        Dialect::OpenaiResponses => RESPONSES,
        Dialect::Anthropic => ANTHROPIC,
        Dialect::Gemini => GEMINI,
        Dialect::OpenaiEmbeddings => EMBEDDINGS,
    }
}

/// Which fields of one object have been seen, by number (at most 32).
#[derive(Clone, Copy, Default)]
pub(super) struct Seen(u32);

impl Seen {
    /// Notes field `index`, whose key is `key`; refuses it the second time.
    pub(super) fn mark(&mut self, index: usize, key: TextSpan) -> Result<(), Flaw> {
        let bit = 1u32 << (index & 31);
        if self.0 & bit != 0 {
            return Err(duplicate(key));
        }
        self.0 |= bit;
        Ok(())
    }
}

pub(super) const fn duplicate(key: TextSpan) -> Flaw {
    Flaw { offset: key.span.start.saturating_sub(1), problem: Problem::Duplicate }
}

/// Whether a reader that folds case takes `name` for `word`.
pub(super) fn folds(name: &[u8], word: &str) -> bool {
    // Only ſ (two bytes) and the Kelvin sign (three) fold to a letter, so a name that is as long has to be ASCII.
    if name.len() <= word.len() {
        return name.len() == word.len() && name.eq_ignore_ascii_case(word.as_bytes());
    }
    !name.is_ascii() && tollgate_core::fold::same(name, word)
}

/// Where in a table of words `name` stands. One that differs from a word only in case is refused: some upstream readers
/// fold case. No two words of a table fold to one.
pub(super) fn place<T>(table: &[(&str, T)], name: &[u8], key: TextSpan) -> Result<Option<usize>, Flaw> {
    // Nearly every key is a word as it stands, or none whatever its case.
    if let Some(at) = table.iter().position(|(word, _)| word.as_bytes() == name) {
        return Ok(Some(at));
    }
    if table.iter().any(|(word, _)| folds(name, word)) { Err(duplicate(key)) } else { Ok(None) }
}

/// The field named `name`, checked to be new.
pub(super) fn find(
    dialect: Dialect,
    name: &[u8],
    key: TextSpan,
    seen: &mut Seen,
) -> Result<Option<Field>, Flaw> {
    let table = table(dialect);
    let Some((index, (_, field))) = place(table, name, key)?.and_then(|at| Some((at, table.get(at)?))) else {
        return Ok(None);
    };
    // Two spellings of one field are one field.
    let first = table.iter().position(|(_, f)| f == field && *f != Field::OtherInput);
    seen.mark(first.unwrap_or(index), key)?;
    Ok(Some(*field))
}

/// The first required field that was not seen, with what should stand there.
pub(super) fn required(dialect: Dialect, seen: &Seen, output: bool) -> Option<(&'static str, &'static str)> {
    let has = |want: &dyn Fn(Field) -> bool| {
        table(dialect).iter().enumerate().any(|(i, (_, f))| want(*f) && seen.0 >> i & 1 == 1)
    };
    let is = |field: Field| move |f: Field| f == field;
    if dialect != Dialect::Gemini && !has(&is(Field::Model)) {
        return Some(("model", "the name of a model"));
    }
    let stands_for_input = |f| matches!(f, Field::Messages | Field::OtherInput | Field::PreviousResponse);
    match dialect {
        Dialect::OpenaiResponses if !has(&stands_for_input) => {
            Some(("input", "a string or an array of input items"))
        }
        Dialect::OpenaiEmbeddings if !has(&is(Field::Messages)) => {
            Some(("input", "a string, an array of strings, or tokens"))
        }
        Dialect::Gemini if !has(&is(Field::Messages)) => Some(("contents", "an array of contents")),
        Dialect::OpenaiChat | Dialect::Anthropic if !has(&is(Field::Messages)) => {
            Some(("messages", "an array of messages"))
        }
        Dialect::Anthropic if output && !has(&is(Field::MaxTokens(0))) => {
            Some(("max_tokens", "the most tokens to write, a whole number"))
        }
        _ => None,
    }
}
