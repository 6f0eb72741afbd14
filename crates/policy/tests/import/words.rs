//! What imported signals make of real requests: words of every script, and how long a request is taken to be.

use crate::common::policy;
use crate::semantics::vsr;
use serde_json::{Value, json};
use tollgate_core::{ManualClock, Timestamp};
use tollgate_signals::{Input, Reading, SignalSet};
use tollgate_wire::Dialect;
use tollgate_wire::peek::{Limits, peek};

/// The route of a request under an imported policy.
fn route(routing: &str, body: &Value) -> String {
    let policy = policy(&vsr(routing).policy);
    let set = SignalSet::compile(policy.specs()).unwrap();
    let view = peek(Dialect::OpenaiChat, body.to_string().into(), &Limits::default()).unwrap();
    let (input, clock) = (Input::new(&view), ManualClock::new(Timestamp(0)));
    policy.decide(&mut Reading::new(&set, &input, &clock), false).route_name().to_owned()
}

fn says(text: &str) -> Value {
    json!({"model": "auto", "messages": [{"role": "user", "content": text}]})
}

#[test]
fn keywords_stand_on_word_boundaries_and_han_needs_none() {
    for (rule, text, holds) in [
        // Letters and digits that go on make another word.
        ("keywords: [cat]", "a cat sat", true),
        ("keywords: [cat]", "a CAT sat", true),
        ("keywords: [cat], case_sensitive: true", "a CAT sat", false),
        ("keywords: [cat]", "concat cats cat5 cat_x", false),
        ("keywords: [cat]", "(cat), cat-like", true),
        ("keywords: [c++]", "write c++ code", true),
        ("keywords: [over]", "über overé", false),
        ("keywords: [step by step]", "go step by step", true),
        ("keywords: [step by step]", "go step by stepping", false),
        // Scripts without spaces: anywhere, and they bound the words beside them.
        ("keywords: [代码]", "这段代码有问题", true),
        ("keywords: [python]", "用python写", true),
        ("keywords: [python]", "用pythonic写", false),
        ("keywords: [AI模型]", "我用AI模型写作", true),
        ("keywords: [こんにちは]", "やあこんにちは世界", true),
        ("keywords: [한국]", "대한국민", true),
        // All, any, none.
        ("operator: AND, keywords: [代码, rust]", "rust代码", true),
        ("operator: AND, keywords: [代码, rust]", "rusty代码", false),
        ("operator: NOR, keywords: [代码, rust]", "rusty", true),
        ("operator: NOR, keywords: [代码, rust]", "代码", false),
        // A regular expression is taken as it stands.
        ("method: regex, keywords: ['cat']", "concat", true),
        ("method: regex, keywords: ['代.']", "这段代码", true),
    ] {
        let routing = format!(
            "  signals: {{keywords: [{{name: k, {rule}}}]}}\n  decisions: [{{name: x, rules: {{type: keyword, name: k}}, modelRefs: [{{model: m}}]}}]\n"
        );
        assert_eq!(route(&routing, &says(text)) == "x", holds, "{rule} in {text:?}");
    }
}

/// A quarter of the bytes of text, 4 for each message and 765 for each image, and bounds that are inclusive.
#[test]
fn a_request_is_as_long_as_its_bytes_messages_and_images() {
    let with = |least: u64, body: &Value| {
        let routing = format!(
            "  signals: {{context: [{{name: c, min_tokens: {least}, max_tokens: {least}}}]}}\n  decisions: [{{name: x, rules: {{type: context, name: c}}, modelRefs: [{{model: m}}]}}]\n"
        );
        route(&routing, body) == "x"
    };
    let user = |content: Value| json!({"role": "user", "content": content});
    let image = json!({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}});
    let ask = |messages: Vec<Value>| json!({"model": "auto", "messages": messages});
    for (body, tokens) in [
        (ask(vec![user(json!("x".repeat(400)))]), 104),
        // A Chinese character has three bytes.
        (ask(vec![user(json!("中".repeat(400)))]), 304),
        (
            ask(vec![user(json!("x".repeat(40))), user(json!("x".repeat(40))), user(json!("x".repeat(40)))]),
            42,
        ),
        (ask(vec![user(json!([{"type": "text", "text": "x".repeat(40)}, image]))]), 14 + 765),
        (ask(vec![user(json!([{"type": "text", "text": "x".repeat(40)}, image, image]))]), 14 + 2 * 765),
    ] {
        for (least, holds) in [(tokens - 1, false), (tokens, true), (tokens + 1, false)] {
            assert_eq!(with(least, &body), holds, "{tokens}: {least}");
        }
    }
}
