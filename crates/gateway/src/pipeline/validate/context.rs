//! What a request gives its answer to be answered from.

use tollgate_signals::support::sentences;
use tollgate_wire::view::{MessageView, RequestView, Role, TextSpan};

/// From this length on what a caller or a system prompt says is something to answer from, in bytes.
const MATTER_LEAST: usize = 400;

/// The context of a request: results of tools, documents, and what is long enough in prompts to be more than a question or
/// a task. None where there is nothing to answer from.
pub(super) fn of(view: &RequestView) -> Option<String> {
    let asked = view.messages.iter().rposition(|message| message.role == Role::User);
    let mut matter: Vec<String> = Vec::new();
    let system: usize = view.system.iter().map(|text| text.span.len()).sum();
    if system >= MATTER_LEAST {
        matter.extend(view.system.iter().map(|text| view.text(*text).into_owned()));
    }
    for (at, message) in view.messages.iter().enumerate() {
        let length: usize = message.text.iter().map(|text| text.span.len()).sum();
        let gives = message.role == Role::Tool || (message.role != Role::Assistant && length >= MATTER_LEAST);
        if !gives {
            continue;
        }
        let text = text(view, message);
        // A question is no ground for its own answer.
        matter.push(if Some(at) == asked { stated(&text) } else { text });
    }
    let beside = view.aside.iter().filter(|text| !answered(view, text));
    matter.extend(beside.map(|text| view.text(*text).into_owned()));
    let matter = matter.join("\n");
    (!matter.trim().is_empty()).then_some(matter)
}

fn text(view: &RequestView, message: &MessageView) -> String {
    message.text.iter().map(|text| view.text(*text)).collect::<Vec<_>>().join("\n")
}

/// Whether a text is part of what the model said before.
fn answered(view: &RequestView, text: &TextSpan) -> bool {
    let inside =
        |message: &MessageView| message.span.start <= text.span.start && text.span.end <= message.span.end;
    view.messages.iter().any(|message| message.role == Role::Assistant && inside(message))
}

/// A text without its questions.
fn stated(text: &str) -> String {
    let all = sentences(text).into_iter().filter_map(|range| text.get(range));
    all.filter(|sentence| !sentence.ends_with(['?', '？'])).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use tollgate_wire::Dialect;
    use tollgate_wire::peek::{Limits, peek};

    fn context(messages: &Value) -> Option<String> {
        let body = json!({"model": "m", "messages": messages}).to_string();
        of(&peek(Dialect::OpenaiChat, body.into(), &Limits::default()).unwrap())
    }

    #[test]
    fn results_and_long_texts_are_context_and_questions_and_answers_are_not() {
        let user = |text: &str| json!({"role": "user", "content": text});
        assert_eq!(context(&json!([user("When did the bridge open?")])), None);
        let call = json!({"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}});
        let told =
            context(&json!([user("When?"), {"role": "assistant", "content": "I look", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "It opened in 1932."}]));
        assert_eq!(told.as_deref(), Some("It opened in 1932."));
        let long = "The bridge opened in 1932 and carries two tracks. ".repeat(10);
        let told = context(&json!([user(&format!("{long} How long is it?"))])).unwrap();
        assert!(told.contains("opened in 1932") && !told.contains("How long"), "{told}");
        let told = context(&json!([user("Hi"), {"role": "assistant", "content": long}, user("And?")]));
        assert_eq!(told, None, "what the model said proves nothing");
    }
}
