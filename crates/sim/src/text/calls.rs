//! Which tools the simulator calls.
//!
//! A user asks in words: `call get_weather with {"city": "Paris"}`, several times for parallel calls; without
//! `with {…}` the arguments are the smallest that the tool's schema allows. `tool_choice` can force a call.

use super::schema::instance;
use crate::ask::{Ask, ToolChoice};
use serde_json::Value;

/// Most calls in one answer.
const CALLS_MAX: usize = 16;

/// Name and arguments (JSON text) of each call that `ask` requests, in order; empty when it requests none.
#[must_use]
pub fn requested_calls(ask: &Ask) -> Vec<(String, String)> {
    if ask.tools.is_empty() || ask.tool_choice == ToolChoice::None {
        return Vec::new();
    }
    let text = ask.pending_user_text().unwrap_or_default();
    let mut calls = in_words(ask, text);
    match &ask.tool_choice {
        ToolChoice::Named(name) => {
            calls.retain(|(called, _)| called == name);
            if calls.is_empty() {
                calls.extend(smallest(ask, name));
            }
        }
        ToolChoice::Required if calls.is_empty() => {
            let first = ask.tools.first().map(|tool| tool.name.as_str()).unwrap_or_default();
            calls.extend(smallest(ask, first));
        }
        ToolChoice::Required | ToolChoice::Auto | ToolChoice::None => {}
    }
    calls.truncate(if ask.parallel_calls { CALLS_MAX } else { 1 });
    calls
}

fn smallest(ask: &Ask, name: &str) -> Option<(String, String)> {
    let tool = ask.tools.iter().find(|tool| tool.name == name)?;
    Some((tool.name.clone(), instance(&tool.parameters).to_string()))
}

/// The calls that `text` asks for in words, each for an offered tool.
fn in_words(ask: &Ask, text: &str) -> Vec<(String, String)> {
    let mut calls = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = split_at_call(rest) {
        rest = after;
        let name_end = after.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c)));
        let (name, tail) = after.split_at(name_end.unwrap_or(after.len()));
        let name = name.trim_end_matches('.');
        let word_starts = before.chars().next_back().is_none_or(|c| !c.is_alphanumeric());
        if !word_starts || !ask.tools.iter().any(|tool| tool.name == name) {
            continue;
        }
        match arguments(tail) {
            Some((json, after_json)) => {
                calls.push((name.to_owned(), json));
                rest = after_json;
            }
            None => calls.extend(smallest(ask, name)),
        }
        if calls.len() == CALLS_MAX {
            break;
        }
    }
    calls
}

fn split_at_call(text: &str) -> Option<(&str, &str)> {
    let lower = text.find("call ");
    let upper = text.find("Call ");
    let at = lower.into_iter().chain(upper).min()?;
    Some((text.get(..at)?, text.get(at + 5..)?))
}

/// The JSON object after ` with `, as written, and what follows it.
fn arguments(tail: &str) -> Option<(String, &str)> {
    let body = tail.strip_prefix(" with ")?.trim_start();
    if !body.starts_with('{') {
        return None;
    }
    let mut values = serde_json::Deserializer::from_str(body).into_iter::<Value>();
    values.next()?.ok()?;
    let (json, rest) = body.split_at(values.byte_offset());
    Some((json.to_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn calls(text: &str, choice: &Value) -> Vec<(String, String)> {
        let tool = |name: &str| {
            json!({"type": "function", "function": {"name": name, "parameters":
                {"type": "object", "required": ["q"], "properties": {"q": {"type": "integer"}}}}})
        };
        let body = json!({"model": "m", "messages": [{"role": "user", "content": text}],
            "tools": [tool("find"), tool("get_weather")], "tool_choice": choice});
        requested_calls(&Ask::parse(body.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn reads_the_calls_in_words() {
        let cases: [(&str, &[(&str, &str)]); 7] = [
            ("call find with {\"q\": 1}", &[("find", "{\"q\": 1}")]),
            ("Call find with {} and call get_weather.", &[("find", "{}"), ("get_weather", "{\"q\":0}")]),
            ("call nothing with {}", &[]),
            ("recall find", &[]),
            ("call find with {broken", &[("find", "{\"q\":0}")]),
            ("call find with {\"q\": \"} call find\"}", &[("find", "{\"q\": \"} call find\"}")]),
            ("please call", &[]),
        ];
        for (text, expected) in cases {
            let got = calls(text, &json!("auto"));
            let got: Vec<_> = got.iter().map(|(n, a)| (n.as_str(), a.as_str())).collect();
            assert_eq!(got, expected, "{text}");
        }
    }

    #[test]
    fn a_choice_forces_or_forbids() {
        let named = json!({"type": "function", "function": {"name": "get_weather"}});
        assert_eq!(calls("hello", &json!("required"))[0].0, "find");
        assert_eq!(calls("call find", &named), [("get_weather".to_owned(), "{\"q\":0}".to_owned())]);
        assert!(calls("call find", &json!("none")).is_empty());
        assert_eq!(calls(&"call find ".repeat(40), &json!("auto")).len(), CALLS_MAX);
    }
}
