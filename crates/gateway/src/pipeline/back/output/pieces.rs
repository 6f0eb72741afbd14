//! What an answer says, wherever its dialect puts it.
//!
//! Not a list of the places where dialects have text: every text in an event or answer counts, but for members that only
//! steer (ids, kinds, reasons, counts) and sealed bytes. So a field that is new tomorrow is read today. Below `delta`
//! stands a piece of a text that goes on in later events; any other text is whole.

use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Members that say nothing: they name, count or steer, echo the request, or hold bytes that are no words.
const SILENT: &[&str] = &[
    "annotations",
    "b64_json",
    "call_id",
    "created",
    "created_at",
    "data",
    "encrypted_content",
    "finish_reason",
    "format",
    "id",
    "item_id",
    "logprobs",
    "metadata",
    "model",
    "obfuscation",
    "object",
    "partial_image_b64",
    "previous_response_id",
    "result",
    "role",
    "service_tier",
    "signature",
    "status",
    "stop_reason",
    "system_fingerprint",
    "tool_call_id",
    "type",
    "usage",
];
/// Objects that are the arguments of a call: their numbers and names are said too.
const ARGUMENTS: &[&str] = &["input", "args", "arguments", "action"];
/// Members of a whole answer that were produced; the rest of a response repeats the request.
const PRODUCED: &[&str] = &["choices", "content", "output", "output_text"];
/// Members that say which of several parts an event belongs to, in the order in which they stand in a path.
const PLACES: &[&str] = &["index", "output_index", "content_index", "summary_index"];

/// One thing that an event says.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    /// More of a text.
    More { of: String, part: u64, text: String },
    /// A whole text.
    Whole(String),
    /// The texts of a part are at their end; of all parts without one.
    End(Option<u64>),
}

/// What an event of a stream says.
pub(super) fn of_event(event: &Value) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let Some(members) = event.as_object() else { return pieces };
    let kind = members.get("type").and_then(Value::as_str).unwrap_or_default();
    let mut place = kind.to_owned();
    let part = PLACES.iter().take(2).find_map(|name| number(members, name)).unwrap_or(0);
    for name in PLACES {
        if let Some(at) = number(members, name) {
            // Writing to a string does not fail.
            let _ = write!(place, "/{at}");
        }
    }
    for (name, value) in members {
        match (name.as_str(), value) {
            ("response" | "message", Value::Object(answer)) => produced(answer, &mut pieces),
            ("choices", Value::Array(choices)) => {
                choices.iter().enumerate().for_each(|(at, choice)| of_choice(at, choice, &mut pieces));
            }
            _ => walk(name, value, (&place, part), &mut pieces),
        }
    }
    match kind {
        "content_block_stop" => pieces.push(Piece::End(Some(part))),
        "message_delta" | "message_stop" => pieces.push(Piece::End(None)),
        "response.completed" | "response.incomplete" | "response.failed" | "error" => {
            pieces.push(Piece::End(None));
        }
        done if done.ends_with(".done") => pieces.push(Piece::End(Some(part))),
        _ => {}
    }
    pieces
}

/// What a whole answer says.
pub(super) fn of_answer(answer: &Value) -> Vec<Piece> {
    let mut pieces = Vec::new();
    answer.as_object().into_iter().for_each(|answer| produced(answer, &mut pieces));
    pieces
}

fn produced(answer: &Map<String, Value>, pieces: &mut Vec<Piece>) {
    for (name, value) in answer.iter().filter(|(name, _)| PRODUCED.contains(&name.as_str())) {
        walk(name, value, ("", 0), pieces);
    }
}

fn of_choice(at: usize, choice: &Value, pieces: &mut Vec<Piece>) {
    let Some(members) = choice.as_object() else { return };
    let part = number(members, "index").unwrap_or(at as u64);
    let place = format!("/{part}");
    members.iter().for_each(|(name, value)| walk(name, value, (&place, part), pieces));
    if members.get("finish_reason").is_some_and(|reason| !reason.is_null()) {
        pieces.push(Piece::End(Some(part)));
    }
}

fn number(members: &Map<String, Value>, name: &str) -> Option<u64> {
    members.get(name).and_then(Value::as_u64)
}

/// Texts at and below a member; `place` is where it stands, with the part that it belongs to.
fn walk(name: &str, value: &Value, (place, part): (&str, u64), pieces: &mut Vec<Piece>) {
    if SILENT.contains(&name) {
        return;
    }
    if ARGUMENTS.contains(&name) && (value.is_object() || value.is_array()) {
        return pieces.push(Piece::Whole(value.to_string()));
    }
    match value {
        Value::String(text) if text.is_empty() => {}
        Value::String(text) if name == "delta" || place.contains("/delta") => {
            pieces.push(Piece::More { of: format!("{place}/{name}"), part, text: text.clone() });
        }
        Value::String(text) => pieces.push(Piece::Whole(text.clone())),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let at = item.as_object().and_then(|item| number(item, "index")).unwrap_or(at as u64);
                walk("", item, (&format!("{place}/{name}/{at}"), part), pieces);
            }
        }
        Value::Object(members) => {
            let here = if name.is_empty() { place.to_owned() } else { format!("{place}/{name}") };
            members.iter().for_each(|(name, value)| walk(name, value, (&here, part), pieces));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn more(of: &str, part: u64, text: &str) -> Piece {
        Piece::More { of: of.into(), part, text: text.into() }
    }

    #[test]
    fn texts_of_every_dialect_by_hand() {
        let chat = json!({"id": "chatcmpl-5550100", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
            {"index": 1, "delta": {"role": "assistant", "content": "a", "tool_calls": [
                {"index": 2, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"b"}}]},
             "finish_reason": "stop"}]});
        assert_eq!(
            of_event(&chat),
            [
                more("/1/delta/content", 1, "a"),
                more("/1/delta/tool_calls/2/function/arguments", 1, "{\"b"),
                more("/1/delta/tool_calls/2/function/name", 1, "f"),
                Piece::End(Some(1)),
            ]
        );
        let anthropic = json!({"type": "content_block_delta", "index": 3, "delta": {"type": "input_json_delta", "partial_json": "x"}});
        assert_eq!(of_event(&anthropic), [more("content_block_delta/3/delta/partial_json", 3, "x")]);
        let responses = json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 1, "content_index": 0,
            "delta": "y", "logprobs": []});
        assert_eq!(of_event(&responses), [more("response.output_text.delta/1/0/delta", 1, "y")]);
        let done = json!({"type": "response.completed", "response": {"instructions": "not said", "output": [
            {"type": "function_call", "name": "g", "arguments": "{}"}], "tools": [{"name": "neither"}]}});
        let whole = |text: &str| Piece::Whole(text.into());
        assert_eq!(of_event(&done), [whole("{}"), whole("g"), Piece::End(None)]);
    }

    #[test]
    fn arguments_that_are_no_text_are_read_with_their_names_and_numbers() {
        let answer = json!({"type": "message", "content": [{"type": "text", "text": "t"},
            {"type": "tool_use", "id": "toolu_1", "name": "pay", "input": {"card": 4_111_111_111_111_111_u64}}]});
        let texts = [
            Piece::Whole("t".into()),
            Piece::Whole("{\"card\":4111111111111111}".into()),
            Piece::Whole("pay".into()),
        ];
        assert_eq!(of_answer(&answer), texts);
    }
}
