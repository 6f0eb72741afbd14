//! Every kind of the catalogue is computed, with the type that the catalogue promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::{Value as Json, json};
use support::{chat, read_input, spec, view};
use tollgate_core::signal::{Kind, SignalSpec, Value};
use tollgate_signals::{Caller, Forecast, Input};
use tollgate_wire::Dialect;
use tollgate_wire::view::RequestView;

fn agent() -> RequestView {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {}}});
    let call = json!([{"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}]);
    let picture = json!([{"type": "text", "text": "Please find the URGENT refund for order 4711, ERR-42 in the picture"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]);
    view(
        Dialect::OpenaiChat,
        &json!({
            "model": "tollgate/auto", "stream": true, "max_tokens": 300,
            "metadata": {"team": "billing", "session_id": "s-9"},
            "tools": [tool("find"), tool("answer")],
            "messages": [
                {"role": "system", "content": "You are terse."},
                {"role": "user", "content": "Please find the urgent refund for order 4711, ERR-42 in this picture"},
                {"role": "assistant", "content": "Which one?"},
                {"role": "user", "content": picture},
                {"role": "assistant", "content": null, "tool_calls": call},
                {"role": "tool", "tool_call_id": "c1", "content": "Error: no such order"},
            ],
        }),
    )
}

fn params(kind: Kind) -> Json {
    match kind {
        Kind::Keyword => json!({"any": ["refund", "invoice"]}),
        Kind::Feature => json!({"measure": "count", "words": ["order", "refund"]}),
        Kind::Ratio => json!({"of": "digits"}),
        Kind::Event => json!({"codes": ["ERR-42"], "temporal": true, "severities": ["critical"]}),
        Kind::Metadata => json!({"key": "team", "is": ["billing", "sales"]}),
        Kind::Messages => json!({"role": "non_user"}),
        Kind::Similar => {
            json!({"to": ["Find the urgent refund for this order", "Cancel my account"], "threshold": 0.3})
        }
        Kind::Domain => json!({"is": ["other"]}),
        Kind::Feedback => json!({"is": "wrong_answer"}),
        _ => json!({}),
    }
}

/// What each kind says of [`agent`]; `None` where the value is only checked for its type.
fn wanted(kind: Kind) -> Option<Value> {
    let text = |t: &str| Some(Value::Text(t.into()));
    let set = |words: &[&str]| Some(Value::Set(words.iter().map(|w| (*w).into()).collect()));
    let number = |n: f64| Some(Value::Number(n));
    match kind {
        Kind::Dialect => text("openai_chat"),
        Kind::Model => text("tollgate/auto"),
        Kind::RequestKind => text("agent"),
        Kind::Stream | Kind::ToolLoop | Kind::HasSystem | Kind::Warm => Some(Value::Flag(true)),
        Kind::Keyword | Kind::Event | Kind::Metadata | Kind::Reask => Some(Value::Flag(true)),
        Kind::Similar | Kind::Domain => Some(Value::Flag(true)),
        Kind::FactSeeking | Kind::Feedback | Kind::Jailbreak | Kind::Pii => Some(Value::Flag(false)),
        Kind::Hazard | Kind::FactCheck | Kind::NeedsReasoning => Some(Value::Flag(false)),
        Kind::Messages => number(4.0),
        Kind::TextBytes => number(67.0),
        Kind::ToolCalls | Kind::ToolCycles => number(1.0),
        Kind::Turns => number(2.0),
        Kind::Depth => number(6.0),
        Kind::Tools => number(2.0),
        Kind::ToolNames => set(&["answer", "find"]),
        Kind::ToolFailures | Kind::Images => number(1.0),
        Kind::MaxTokens => number(300.0),
        Kind::OutputTokens => number(120.0),
        Kind::CachedTokens => number(40.0),
        Kind::BudgetLeft => number(0.25),
        Kind::SessionRisk => number(0.5),
        Kind::CallerRisk => number(0.75),
        Kind::Feature => number(2.0),
        Kind::Session => text("s-9"),
        Kind::Language => text("en"),
        Kind::Caller => text("key_1"),
        Kind::Tenant => text("acme"),
        Kind::Role => set(&["admin", "dev"]),
        Kind::Group => set(&["eu"]),
        Kind::Scope => set(&["chat"]),
        Kind::Shape => text("decode_heavy"),
        _ => None,
    }
}

#[test]
fn every_kind_is_computed() {
    let view = agent();
    let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let (roles, groups, scopes) = (words(&["dev", "admin", "dev"]), words(&["eu"]), words(&["chat"]));
    let input = Input {
        caller: Caller { key_id: "key_1", roles: &roles, groups: &groups, tenant: "acme", scopes: &scopes },
        budget_left: 0.25,
        risk: [0.5, 0.75],
        forecast: Forecast { bytes_per_token: 4.0, output_tokens: 120.0, cached_tokens: 40.0, warm: true },
        ..Input::new(&view)
    };
    // What a source says is asked of whoever holds it: `asked.rs`.
    for kind in Kind::ALL.iter().copied().filter(|kind| *kind != Kind::Classifier) {
        let signal = read_input(spec(kind.word(), kind, params(kind)), &input);
        assert_eq!(signal.failure, None, "{kind:?}");
        assert_eq!(signal.value.value_type(), kind.info().value, "{kind:?}");
        assert!((0.0..=1.0).contains(&signal.confidence), "{kind:?}");
        // Everything is there to be found, but for what `wanted` says is not.
        let there = wanted(kind) != Some(Value::Flag(false));
        assert_eq!(signal.matched, there, "{kind:?}: {signal:?}");
        if let Some(wanted) = wanted(kind) {
            assert_eq!(signal.value, wanted, "{kind:?}");
        }
    }
}

#[test]
fn an_empty_request_matches_nothing_that_is_not_there() {
    let view = chat(&[("user", "")]);
    let always =
        [Kind::Dialect, Kind::Model, Kind::RequestKind, Kind::Bytes, Kind::Turns, Kind::Depth, Kind::Session];
    let numbers = [
        Kind::Tokens,
        Kind::ContextTokens,
        Kind::ExactTokens,
        Kind::TotalTokens,
        Kind::Shape,
        Kind::BudgetLeft,
    ];
    for kind in Kind::ALL.iter().copied().filter(|kind| *kind != Kind::Classifier) {
        let signal = read_input(spec(kind.word(), kind, params(kind)), &Input::new(&view));
        let there = always.contains(&kind) || numbers.contains(&kind);
        assert_eq!((signal.matched, signal.failure.clone()), (there, None), "{kind:?}: {signal:?}");
    }
}

#[test]
fn sessions_come_from_the_strongest_source() {
    let view = agent();
    let hinted = |session| Input { session, ..Input::new(&view) };
    let id = |input: &Input<'_>| match read_input(SignalSpec::fact(Kind::Session), input).value {
        Value::Text(id) => id,
        other => panic!("{other:?}"),
    };
    assert_eq!(id(&hinted(Some("h1"))), "h1");
    assert_eq!(id(&hinted(Some("  "))), "s-9");
    assert_eq!(id(&hinted(None)), "s-9");
    let long = "x".repeat(500);
    assert_eq!(id(&hinted(Some(&long))).len(), 32);
    let packed = json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}],
        "metadata": {"user_id": "user_1_account__session_77-a"}});
    assert_eq!(id(&Input::new(&support::view(Dialect::Anthropic, &packed))), "77-a");
}

#[test]
fn the_digest_of_last_resort_follows_the_conversation() {
    let (first, later) =
        (chat(&[("user", "hi")]), chat(&[("user", "hi"), ("assistant", "yes?"), ("user", "so")]));
    let other = chat(&[("user", "hello")]);
    let session = |view: &RequestView, key_id| {
        let caller = Caller { key_id, ..Caller::default() };
        tollgate_signals::Workload::of(&Input { caller, ..Input::new(view) }).session
    };
    assert_eq!(session(&first, "a"), session(&later, "a"));
    assert_ne!(session(&first, "a").id, session(&other, "a").id);
    assert_ne!(session(&first, "a").key, session(&first, "b").key);
}
