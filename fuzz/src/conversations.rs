//! Requests and whole answers of every dialect, and their translations.

use bytes::Bytes;
use serde_json::Value;
use tollgate_wire::edit::Edits;
use tollgate_wire::form::Options;
use tollgate_wire::peek::{self, Limits};
use tollgate_wire::{Dialect, translate};

/// The dialects of conversations.
const CONVERSATIONS: [Dialect; 4] =
    [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::Anthropic, Dialect::Gemini];

/// Two dialects, by one byte.
pub(crate) fn pair(choice: u8) -> (Dialect, Dialect) {
    let at = |n: u8| CONVERSATIONS[usize::from(n) % CONVERSATIONS.len()];
    (at(choice), at(choice / 4))
}

/// Circumstances that depend on nothing.
pub(crate) fn options() -> Options {
    Options { created: Some(1), ..Options::default() }
}

/// What is peeked is JSON, its spans lie inside it, and edits land where they should.
pub fn peek(data: &[u8]) -> bool {
    let Some((&choice, body)) = data.split_first() else { return false };
    let dialect = Dialect::ALL[usize::from(choice) % Dialect::ALL.len()];
    let Ok(view) = peek::peek(dialect, Bytes::copy_from_slice(body), &Limits::default()) else {
        return false;
    };
    let read: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let spans = [view.messages_span, view.system_span];
    assert!(spans.iter().flatten().all(|s| body.get(s.start as usize..s.end as usize).is_some()));
    for message in &view.messages {
        for text in &message.text {
            let _ = view.text(*text);
        }
    }
    // serde_json refuses what we pass on: half surrogates and numbers that no double holds.
    if read.is_null() || dialect == Dialect::Gemini {
        return true;
    }
    assert_eq!(view.model().as_deref(), read["model"].as_str(), "one reader, one model");
    let mut edits = Edits::new(&view);
    if edits.model("another \"model\"").is_err() {
        return true;
    }
    let Ok(edited) = edits.apply() else { return true };
    let mut expected = read;
    expected["model"] = "another \"model\"".into();
    let edited: Value = serde_json::from_slice(&edited).expect("an edited body is JSON");
    assert_eq!(edited, expected, "an edit changes what it names and nothing else");
    true
}

/// A translated request is JSON that its own dialect reads.
pub fn translate_request(data: &[u8]) -> bool {
    let Some((&choice, body)) = data.split_first() else { return false };
    let (from, to) = pair(choice);
    let Ok(sent) = translate::request(from, to, body, &options()) else { return false };
    let text = String::from_utf8_lossy(&sent.body).into_owned();
    assert!(serde_json::from_slice::<Value>(&sent.body).is_ok(), "{from:?} to {to:?}: {text}");
    let again = translate::read_request(to, &sent.body);
    assert!(again.is_ok(), "{from:?} to {to:?}: {again:?} about {text}");
    true
}

/// A translated answer is JSON that its own dialect reads, as a whole and as a stream.
pub fn translate_response(data: &[u8]) -> bool {
    let Some((&choice, body)) = data.split_first() else { return false };
    let (from, to) = pair(choice);
    let translated = translate::response(from, to, body, &options());
    if let Ok((whole, _)) = &translated {
        let text = String::from_utf8_lossy(whole).into_owned();
        assert!(serde_json::from_slice::<Value>(whole).is_ok(), "{from:?} to {to:?}: {text}");
        let again = translate::read_response(to, whole);
        assert!(again.is_ok(), "{from:?} to {to:?}: {again:?} about {text}");
    }
    if let Ok((stream, _)) = translate::unfolded(from, to, body, &options()) {
        super::streams::assert_readable(to, &stream);
    }
    translated.is_ok()
}
