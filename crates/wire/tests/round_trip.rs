//! A request that goes to another dialect and comes back has lost nothing that no report mentions.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test that cannot go on fails")]

mod common;

use common::corpus;
use serde_json::Value;
use tollgate_wire::form::{Body, Message, Options, Part, Report, Request, Role};
use tollgate_wire::{Dialect, translate};

/// The form without what no dialect promises: blanks in arguments, how runs of the model's messages are cut, the
/// tool's name repeated in its result.
fn normal(mut request: Request) -> Request {
    let mut messages: Vec<Message> = Vec::new();
    for mut message in std::mem::take(&mut request.messages) {
        message.parts.iter_mut().for_each(settle);
        match messages.last_mut() {
            Some(last) if last.role == Role::Assistant && message.role == Role::Assistant => {
                last.parts.extend(message.parts);
            }
            _ => messages.push(message),
        }
    }
    Request { messages, model: None, stream: false, ..request }
}

fn settle(part: &mut Part) {
    match &mut part.body {
        Body::ToolCall { arguments, .. } => {
            if let Ok(json) = tollgate_wire::form::Json::parse(arguments.as_bytes()) {
                *arguments = json.to_text();
            }
        }
        Body::ToolResult { name, .. } => *name = None,
        _ => {}
    }
}

/// Paths at which two values differ. What the report says is gone from a list is taken out first, so that the rest
/// still stands side by side; paths count as in `before`.
fn differences(path: &str, before: &Value, after: &Value, report: &Report, out: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(b), Value::Object(a)) => {
            for key in b.keys().chain(a.keys().filter(|key| !b.contains_key(*key))) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let null = Value::Null;
                differences(&path, b.get(key).unwrap_or(&null), a.get(key).unwrap_or(&null), report, out);
            }
        }
        (Value::Array(b), Value::Array(a)) => {
            let gone = |n: &usize| report.losses.iter().any(|loss| loss.path == format!("{path}[{n}]"));
            let kept: Vec<usize> = (0..b.len()).filter(|n| b.len() == a.len() || !gone(n)).collect();
            if kept.len() != a.len() {
                out.push(path.to_owned());
                return;
            }
            for (n, after) in kept.into_iter().zip(a) {
                differences(&format!("{path}[{n}]"), &b[n], after, report, out);
            }
        }
        _ if before == after => {}
        // Whether an answer is stored has another default in each dialect; the gateway stores, not the upstream.
        _ if path == "store" && before.is_null() => {}
        _ => out.push(path.to_owned()),
    }
}

#[test]
fn what_no_report_mentions_comes_back() {
    let mut wrong = Vec::new();
    for entry in corpus("requests") {
        let first = translate::read_request(entry.dialect, &entry.bytes).unwrap();
        for there in Dialect::CONVERSATIONS.iter().filter(|there| **there != entry.dialect) {
            let options = Options::default();
            let out = translate::request(entry.dialect, *there, &entry.bytes, &options).unwrap();
            let back = translate::request(*there, entry.dialect, &out.body, &options).unwrap();
            let last = translate::read_request(entry.dialect, &back.body).unwrap();
            let value = |form: Request| serde_json::to_value(normal(form)).unwrap();
            let mut paths = Vec::new();
            differences("", &value(first.clone()), &value(last), &out.report, &mut paths);
            paths.retain(|path| !out.report.mentions(path) && !back.report.mentions(path));
            wrong.extend(
                paths.iter().map(|path| {
                    format!("{} {} by {}: {path}", entry.dialect.word(), entry.name, there.word())
                }),
            );
        }
    }
    assert!(wrong.is_empty(), "lost in silence:\n{}", wrong.join("\n"));
}

#[test]
fn the_same_dialect_keeps_every_field_it_knows_or_not() {
    for entry in corpus("requests") {
        let form = translate::read_request(entry.dialect, &entry.bytes).unwrap();
        let mut report = Report::new();
        let json = translate::write_request(entry.dialect, &form, &Options::default(), &mut report).unwrap();
        let again = translate::read_request(entry.dialect, &json.to_bytes()).unwrap();
        let value = |form: &Request| serde_json::to_value(normal(form.clone())).unwrap();
        let mut paths = Vec::new();
        differences("", &value(&form), &value(&again), &report, &mut paths);
        paths.retain(|path| !report.mentions(path));
        assert!(paths.is_empty(), "{} {}: {paths:?}", entry.dialect.word(), entry.name);
    }
}

#[test]
fn wrong_bodies_name_the_field_the_value_and_the_fix() {
    let cases: [(Dialect, &str, &str); 8] = [
        (Dialect::OpenaiChat, r#"{"messages":7}"#, "messages: found 7, allowed is an array"),
        (
            Dialect::OpenaiChat,
            r#"{"messages":[{"role":"robot"}]}"#,
            "messages[0].role: found \"robot\", allowed is system, developer, user, assistant or tool",
        ),
        (
            Dialect::OpenaiChat,
            r#"{"messages":[{"role":"tool","content":"x"}]}"#,
            "messages[0].tool_call_id is missing: give a string",
        ),
        (
            Dialect::OpenaiChat,
            r#"{"max_tokens":-1}"#,
            "max_tokens: found -1, allowed is a whole number from 0 up",
        ),
        (
            Dialect::Anthropic,
            r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"odd"}}]}]}"#,
            "messages[0].content[0].source.type: found \"odd\", allowed is base64, url, text, file or content",
        ),
        (
            Dialect::OpenaiResponses,
            r#"{"input":true}"#,
            "input: found true, allowed is a string or an array of items",
        ),
        (
            Dialect::Gemini,
            r#"{"contents":[{"role":"assistant"}]}"#,
            "contents[0].role: found \"assistant\", allowed is user or model",
        ),
        (
            Dialect::OpenaiEmbeddings,
            "{}",
            "body cannot cross from openai_embeddings to openai_embeddings: it holds no conversation; send it to an upstream of its own dialect",
        ),
    ];
    for (dialect, body, message) in cases {
        assert_eq!(translate::read_request(dialect, body.as_bytes()).unwrap_err().to_string(), message);
    }
}
