//! What is sent and what the upstream answers: a short chat, a 60 KB conversation, a stream of 68 events.

use serde_json::json;
use std::fmt::Write as _;

/// Content events of a stream; a role, a finish reason, usage and the end marker come on top.
const TOKENS: usize = 64;
/// Turns of the long conversation, each of about 1.8 KB.
const TURNS: usize = 33;

/// A short chat request.
pub(super) fn short(stream: bool) -> Vec<u8> {
    let system = json!({"role": "system", "content": "You are a helpful assistant."});
    let text = "Write a short greeting for a person who measures proxies. Keep it to one sentence.";
    request(&[system, json!({"role": "user", "content": text})], stream)
}

/// A conversation of 60 KB.
pub(super) fn long() -> Vec<u8> {
    let sentence = "the quick brown fox jumps over the lazy dog. ".repeat(40);
    let turn = |i: usize| {
        let role = if i.is_multiple_of(2) { "user" } else { "assistant" };
        json!({"role": role, "content": format!("turn {i}: {sentence}")})
    };
    request(&(0..TURNS).map(turn).collect::<Vec<_>>(), false)
}

fn request(messages: &[serde_json::Value], stream: bool) -> Vec<u8> {
    let mut body = json!({"model": "mock-model", "messages": messages, "max_tokens": 64, "temperature": 0.2});
    if stream {
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
    }
    body.to_string().into_bytes()
}

/// A whole answer.
pub(super) fn answer() -> String {
    json!({
        "id": "chatcmpl-mock", "object": "chat.completion", "created": 1_700_000_000, "model": "mock-model",
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null, "message": {"role": "assistant",
            "content": " token".repeat(TOKENS), "refusal": null, "annotations": []}}],
        "usage": {"prompt_tokens": 12, "completion_tokens": TOKENS, "total_tokens": TOKENS + 12},
    })
    .to_string()
}

/// A streamed answer, event by event.
pub(super) fn events() -> Vec<String> {
    let chunk = |choices: serde_json::Value, usage: serde_json::Value| {
        let mut out = String::from("data: ");
        let event = json!({"id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": "mock-model", "choices": choices, "usage": usage});
        // Writing to a string does not fail.
        let _ = write!(out, "{event}\n\n");
        out
    };
    let delta = |delta: serde_json::Value, finish: Option<&str>| {
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}]), json!(null))
    };
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}), None)];
    events.extend((0..TOKENS).map(|_| delta(json!({"content": " token"}), None)));
    events.push(delta(json!({}), Some("stop")));
    let usage = json!({"prompt_tokens": 12, "completion_tokens": TOKENS, "total_tokens": TOKENS + 12});
    events.push(chunk(json!([]), usage));
    events.push("data: [DONE]\n\n".into());
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payloads_have_the_sizes_that_the_targets_name() {
        assert!((55_000..65_000).contains(&long().len()), "{}", long().len());
        assert_eq!(events().len(), 68);
        let stream: serde_json::Value = serde_json::from_slice(&short(true)).unwrap();
        assert_eq!((&stream["stream"], &stream["model"]), (&json!(true), &json!("mock-model")));
    }
}
