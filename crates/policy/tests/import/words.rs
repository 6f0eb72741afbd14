//! What imported signals make of real requests: words of every script, and how long a request is taken to be.

use crate::common::policy;
use crate::semantics::vsr;
use serde_json::{Value, json};
use tollgate_core::{ManualClock, Timestamp};
use tollgate_policy::import::{Source, import};
use tollgate_policy::{Decision, Policy};
use tollgate_signals::{Input, Reading, SignalSet};
use tollgate_wire::Dialect;
use tollgate_wire::peek::{Limits, peek};

/// The decision on a request under a policy.
fn decide(policy: &Policy, body: &Value, groups: &[String]) -> Decision {
    let set = SignalSet::compile(policy.specs()).unwrap();
    let view = peek(Dialect::OpenaiChat, body.to_string().into(), &Limits::default()).unwrap();
    let mut input = Input::new(&view);
    input.caller.groups = groups;
    policy.decide(&mut Reading::new(&set, &input, &ManualClock::new(Timestamp(0))), false)
}

/// The route of a request under an imported policy.
fn route(routing: &str, body: &Value) -> String {
    decide(&policy(&vsr(routing).policy), body, &[]).route_name().to_owned()
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
        // A Han character anywhere: no boundary at all.
        ("keywords: [AI助手]", "问myAI助手吧", true),
        ("keywords: [助手2]", "助手20", true),
        ("keywords: [AI助手, cat]", "a cat", true),
        ("keywords: [AI助手, cat]", "concat", false),
        ("operator: AND, keywords: [AI助手, rust]", "myAI助手 rust", true),
        ("operator: AND, keywords: [AI助手, rust]", "myAI助手", false),
        ("operator: NOR, keywords: [AI助手, rust]", "myAI助手", false),
        ("operator: NOR, keywords: [AI助手, rust]", "AI", true),
        // All, any, none.
        ("operator: AND, keywords: [代码, rust]", "rust代码", true),
        ("operator: AND, keywords: [代码, rust]", "rusty代码", false),
        ("operator: NOR, keywords: [代码, rust]", "rusty", true),
        ("operator: NOR, keywords: [代码, rust]", "代码", false),
        // A regular expression is taken as it stands.
        ("method: regex, keywords: ['cat']", "concat", true),
        ("method: regex, keywords: ['代.']", "这段代码", true),
        // Its classes and boundaries are those of ASCII.
        (r"method: regex, keywords: ['\btranslate\b']", "请translate这句", true),
        (r"method: regex, keywords: ['\btranslate\b']", "请translated这句", false),
        (r"method: regex, keywords: ['^\w+$']", "naïve", false),
        (r"method: regex, keywords: ['[\w-]+\d']", "用gpt-4写", true),
        (r"method: regex, keywords: ['\d']", "第٣章", false),
        (r"method: regex, keywords: ['a\Bb']", "ab", true),
        // An edit distance belongs to plain words alone.
        ("method: bm25, fuzzy_match: true, keywords: [elephants]", "elephamts", false),
        ("fuzzy_match: true, keywords: [elephants]", "elephamts", true),
    ] {
        let routing = format!(
            "  signals: {{keywords: [{{name: k, {rule}}}]}}\n  decisions: [{{name: x, rules: {{type: keyword, name: k}}, modelRefs: [{{model: m}}]}}]\n"
        );
        assert_eq!(route(&routing, &says(text)) == "x", holds, "{rule} in {text:?}");
    }
}

/// The incumbent's admission estimate: texts with the names of roles / 4, 4 for each message, 8,192 for each image, every
/// byte of definitions, arguments and results of tools with 8 around each, and the output limit; bounds are inclusive.
#[test]
fn a_request_is_as_long_as_its_bytes_tools_images_and_answer() {
    let with = |least: usize, body: &Value| {
        let routing = format!(
            "  signals: {{context: [{{name: c, min_tokens: {least}, max_tokens: {least}}}]}}\n  decisions: [{{name: x, rules: {{type: context, name: c}}, modelRefs: [{{model: m}}]}}]\n"
        );
        route(&routing, body) == "x"
    };
    let user = |content: Value| json!({"role": "user", "content": content});
    let image = json!({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}});
    let ask = |messages: Vec<Value>| json!({"model": "auto", "messages": messages});
    let long = ask(vec![user(json!("x".repeat(400)))]);
    let and = |mut body: Value, key: &str, value: Value| {
        body[key] = value;
        body
    };
    let tool = json!({"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}});
    let call = json!({"role": "assistant", "content": null, "tool_calls":
        [{"id": "1", "type": "function", "function": {"name": "look_up", "arguments": "{\"a\":1}"}}]});
    let result = json!({"role": "tool", "tool_call_id": "1", "content": "y".repeat(90)});
    for (body, tokens) in [
        (long.clone(), 101 + 4),
        // A Chinese character has three bytes.
        (ask(vec![user(json!("中".repeat(400)))]), 301 + 4),
        (
            ask(vec![user(json!("x".repeat(40))), user(json!("x".repeat(40))), user(json!("x".repeat(40)))]),
            33 + 12,
        ),
        (ask(vec![user(json!([{"type": "text", "text": "x".repeat(40)}, image]))]), 11 + 4 + 8_192),
        (ask(vec![user(json!([{"type": "text", "text": "x".repeat(40)}, image, image]))]), 15 + 2 * 8_192),
        (and(long.clone(), "max_tokens", json!(500)), 105 + 500),
        (and(and(long.clone(), "max_tokens", json!(9)), "max_completion_tokens", json!(70)), 105 + 70),
        (and(long.clone(), "tools", json!([tool, tool])), 105 + 2 * (tool.to_string().len() + 8)),
        (
            and(long, "response_format", json!({"type": "json_object"})),
            105 + r#"{"type":"json_object"}"#.len(),
        ),
        // Roles of 4, 9 and 4 bytes beside the 3 of the question, 7 of the name and 8 of the kind of the call; three frames;
        // with quotes and escapes 11 bytes of arguments and 92 of a result.
        (ask(vec![user(json!("how")), call, result]), 9 + 12 + (11 + 8) + (92 + 8)),
    ] {
        for (least, holds) in [(tokens - 1, false), (tokens, true), (tokens + 1, false)] {
            assert_eq!(with(least, &body), holds, "{tokens}: {least} of {body}");
        }
    }
}

/// A whole recipe file, every expectation worked out by hand: the incumbent's order is tier, confidence, priority, name
/// where there are tiers, with a matched signal 1.0 sure and a band sigmoid(12 · distance).
#[test]
fn a_desk_of_recipes_decides_as_worked_out_by_hand() {
    let found = import(Source::VllmSr, include_str!("desk.yaml")).unwrap();
    assert!(found.gaps.is_empty(), "{:#?}", found.gaps);
    let policy = policy(&found.policy);
    let ask =
        |model: &str, text: &str| json!({"model": model, "messages": [{"role": "user", "content": text}]});
    let gold = |text: &str| {
        let mut body = ask("desk", text);
        body["metadata"] = json!({"plan": "gold"});
        body
    };
    let looping = json!({"model": "desk-eu", "messages": [
        {"role": "user", "content": "refund!!"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    ]});
    let ops = ["ops".to_owned()];
    for (body, groups, decision, recipe) in [
        // The default recipe: priority before confidence.
        (ask("auto", "urgent please"), &[][..], "hot", "default"),
        (ask("auto", &format!("urgent {}", "x ".repeat(2_000))), &[], "long", "default"),
        (ask("auto", "refund!!"), &[], "default", ""),
        // 0.5 is warm, English: the keyword alone is 1.0 sure.
        (ask("desk", "I want a refund"), &[], "refund_only", "desk"),
        (ask("desk-eu", "I want my money back"), &[], "refund_only", "desk"),
        // 0.6 + 0.3 = 0.9 boils, sure by sigmoid(1.2) = 0.769; nothing else of tier 3 holds.
        (ask("desk", "Where is it!! Really? Why?"), &[], "boiling", "desk"),
        // 0.5 + 0.6 boils, sure by sigmoid(3.6) = 0.973, less than the keyword's 1.0.
        (ask("desk", "a refund!! please"), &[], "refund_only", "desk"),
        // 0.6 is warm, sure by sigmoid(2.4), and German: (0.917 + 1) / 2; nothing else of the tier holds.
        (
            ask("desk", "Das ist eine Unverschämtheit!! Wo bleibt meine Bestellung, ich warte seit Wochen"),
            &[],
            "warm_german",
            "desk",
        ),
        // Warm but English: what always holds, in the last tier.
        (ask("desk", "Where is my parcel!! I have been waiting for weeks"), &[], "rest", "desk"),
        // Gold and refund are both 1.0 sure: priority decides.
        (gold("a refund"), &[], "vip", "desk"),
        // 0.5 + 0.6 + 0.3 - 0.2 = 1.2 boils, but is never quite 1.0 sure.
        (gold("a refund!! now? why?"), &[], "vip", "desk"),
        // In order, and not free of `now`: mean(sure of the sequence, 1).
        (ask("desk", "first open it, then close it now"), &[], "incident", "desk"),
        (ask("desk", "first open it, then close it"), &[], "rest", "desk"),
        // One of two criteria: 0.75 sure, and enough.
        (ask("desk", "there is an outage"), &[], "incident", "desk"),
        // Tiers come before how sure anything is.
        (looping.clone(), &[], "loop", "desk"),
        (looping, &ops[..], "ops", "desk"),
        (gold("a refund"), &ops, "ops", "desk"),
        (ask("desk", "hello"), &[], "rest", "desk"),
        // A recipe of its own strategy: confidence first, then priority; what always holds is not sure at all.
        (ask("draft", "a poem and an essay"), &[], "one", "draft"),
        (ask("draft", "a poem"), &[], "one", "draft"),
        (ask("draft", "a list"), &[], "none", "draft"),
    ] {
        let decided = decide(&policy, &body, groups);
        let notes = decided.route().map(|route| &route.notes);
        let note = |name: &str| notes.and_then(|notes| notes.get(name)).map(String::as_str);
        let got = note("decision").unwrap_or(decided.route_name());
        assert_eq!((got, note("recipe").unwrap_or_default()), (decision, recipe), "{body}\n{}", found.policy);
    }
}
