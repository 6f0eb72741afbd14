//! What a request sends beside the text of its turns: words in other places, and content that is no words.
//!
//! Invariant: a member that no reader here knows is never passed over. It is kept as JSON among the words, or its kind
//! is noted in [`crate::view::RequestView::unread`].

use super::fields::{Seen, folds, place};
use super::message::Content;
use super::{Read, Reader};
use crate::json::Kind;
use crate::view::{Span, TextSpan};
use tollgate_core::signal::Unread;

/// Members that hold content which is no words, wherever they stand in a message, item or part.
const OPAQUE: &[(&str, Unread)] = &[
    ("image_url", Unread::Image),
    ("image", Unread::Image),
    ("image_embeds", Unread::Image),
    ("b64_json", Unread::Image),
    ("input_audio", Unread::Audio),
    ("audio", Unread::Audio),
    ("audio_url", Unread::Audio),
    ("video", Unread::Video),
    ("video_url", Unread::Video),
    ("file", Unread::File),
    ("file_data", Unread::File),
    ("file_id", Unread::File),
    ("file_url", Unread::File),
    ("encrypted_content", Unread::Sealed),
    ("data", Unread::Sealed),
    ("prompt_embeds", Unread::Tokens),
    ("input_embeds", Unread::Tokens),
];

/// Members that say how parts hang together, and nothing else.
const PLUMBING: &[&[u8]] = &[
    b"type",
    b"id",
    b"index",
    b"call_id",
    b"tool_call_id",
    b"tool_use_id",
    b"cache_control",
    b"detail",
    b"status",
    b"signature",
    b"thoughtSignature",
    b"thought_signature",
];

/// Top-level members whose words the model reads although they are no part of the conversation.
const SPOKEN: &[&str] = &["prediction", "documents", "chat_template", "chat_template_kwargs"];

/// Members that hold the arguments of a call.
const ARGUMENTS: &[&[u8]] = &[b"arguments", b"input", b"args", b"action"];

impl Reader<'_> {
    /// Which of `names` a key is, by its slot. The second of one slot is refused, and so is a key that a reader which
    /// folds case would take for one of them.
    pub(super) fn which(
        &self,
        key: TextSpan,
        names: &[(&str, usize)],
        seen: &mut Seen,
    ) -> Read<Option<usize>> {
        let found = place(names, &self.scan.name(key), key)?;
        let slot = found.and_then(|at| names.get(at)).map(|(_, slot)| *slot);
        if let Some(slot) = slot {
            seen.mark(slot, key)?;
        }
        Ok(slot)
    }

    /// Takes the value of a member that nothing else reads.
    pub(super) fn beside(&mut self, key: TextSpan) -> Read<()> {
        let name = self.scan.name(key);
        if PLUMBING.contains(&name.as_ref()) || self.scan.kind()? == Kind::Null {
            return self.scan.skip().map(drop);
        }
        if ARGUMENTS.contains(&name.as_ref()) {
            let words = self.words()?;
            self.view.arguments.extend(words);
            return Ok(());
        }
        if let Some((_, kind)) = OPAQUE.iter().find(|(word, _)| folds(&name, word)) {
            self.view.unread.insert(*kind);
            let span = self.scan.skip()?;
            // What is sealed was written by a model: its bytes say enough of its size.
            self.view.opaque.extend((*kind != Unread::Sealed).then_some(span));
            return Ok(());
        }
        let words = self.words()?;
        self.view.aside.extend(words);
        Ok(())
    }

    /// A value as words: a string, or a number, list or object as it stands. Flags and nulls say none.
    pub(super) fn words(&mut self) -> Read<Option<TextSpan>> {
        match self.scan.kind()? {
            Kind::String => self.scan.string().map(Some),
            Kind::Bool | Kind::Null => self.scan.skip().map(|_| None),
            Kind::Number | Kind::Array | Kind::Object => {
                let span = self.scan.skip()?;
                Ok(Some(TextSpan { span, escaped: true }))
            }
        }
    }

    /// Text that belongs to no turn.
    pub(super) fn leave(&mut self, content: Content) {
        self.view.aside.extend(content.text);
        self.view.aside.extend(content.results.into_iter().flat_map(|result| result.text));
    }

    /// Notes what a top-level member without a field of its own holds beside words.
    pub(super) fn beyond(&mut self, key: TextSpan, span: Span) {
        let name = self.scan.name(key);
        let value = self.view.bytes(span);
        if value == b"null" {
            return;
        }
        let opaque = OPAQUE.iter().find(|(word, kind)| *kind == Unread::Tokens && folds(&name, word));
        if opaque.is_some() || numbers(value) {
            self.view.unread.insert(Unread::Tokens);
        } else if SPOKEN.iter().any(|word| folds(&name, word)) {
            self.view.aside.push(TextSpan { span, escaped: true });
        }
    }
}

/// Whether a JSON value is a list of numbers, or a list of such lists.
fn numbers(value: &[u8]) -> bool {
    let inside = value.iter().position(|byte| !matches!(byte, b'[' | b' ' | b'\n' | b'\r' | b'\t'));
    value.starts_with(b"[")
        && inside.is_some_and(|at| value.get(at).is_some_and(|b| b.is_ascii_digit() || *b == b'-'))
}
