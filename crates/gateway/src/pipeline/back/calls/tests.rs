//! Streams cut at every byte, and the ways in which a call can be spelled.

use super::*;
use crate::pipeline::filter::Whole;
use serde_json::json;
use tollgate_policy::{Known, Policy};

const RIGHTS: &str =
    "role \"r\" { tool \"pay\" when \"amount\" <= 50  tool \"look\" }\ndefault { models { \"m\" } }";

fn calls(dialect: Dialect) -> Calls {
    let policy = Policy::load("p", RIGHTS, &Known::any()).unwrap();
    Calls::new(policy.clearance(&["r".into()], &[]).unwrap(), dialect)
}

fn sse(events: &[Value]) -> String {
    events.iter().map(|event| format!("event: x\ndata: {event}\n\n")).collect()
}

fn chat(delta: &Value, reason: &Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
}

/// A stream in each dialect that says `before`, calls `name` in two pieces and ends.
fn stream(dialect: Dialect, name: &str, arguments: &str) -> String {
    let (head, tail) = arguments.split_at(arguments.len() / 2);
    match dialect {
        Dialect::OpenaiChat => {
            let call = |piece: &str| json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]});
            let begin =
                json!({"tool_calls": [{"index": 0, "id": "k", "function": {"name": name, "arguments": ""}}]});
            sse(&[
                chat(&json!({"content": "before"}), &Value::Null),
                chat(&begin, &Value::Null),
                chat(&call(head), &Value::Null),
                chat(&call(tail), &Value::Null),
                chat(&json!({}), &json!("tool_calls")),
            ]) + "data: [DONE]\n\n"
        }
        Dialect::Anthropic => {
            let delta = |piece: &str| json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": piece}});
            sse(&[
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "before"}}),
                json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "k", "name": name, "input": {}}}),
                delta(head),
                delta(tail),
                json!({"type": "content_block_stop", "index": 1}),
                json!({"type": "message_stop"}),
            ])
        }
        _ => {
            let item = |arguments: &str| json!({"type": "function_call", "call_id": "k", "name": name, "arguments": arguments});
            let delta = |piece: &str| json!({"type": "response.function_call_arguments.delta", "output_index": 1, "delta": piece});
            sse(&[
                json!({"type": "response.output_text.delta", "output_index": 0, "delta": "before"}),
                json!({"type": "response.output_item.added", "output_index": 1, "item": item("")}),
                delta(head),
                delta(tail),
                json!({"type": "response.output_item.done", "output_index": 1, "item": item(arguments)}),
                json!({"type": "response.completed", "response": {"output": [item(arguments)]}}),
            ])
        }
    }
}

const DIALECTS: [Dialect; 3] = [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::Anthropic];

/// What goes on of a stream that comes in two pieces, in whole events as the relay makes them, and why it stopped.
fn pass(dialect: Dialect, text: &str, cut: usize) -> (String, Option<Stop>) {
    let (mut whole, mut calls) = (Whole::default(), calls(dialect));
    let mut out = Vec::new();
    let (first, second) = text.as_bytes().split_at(cut);
    for piece in [first, second] {
        out.extend_from_slice(&calls.feed(whole.feed(&Bytes::copy_from_slice(piece))));
    }
    out.extend_from_slice(&calls.end(whole.end()));
    (String::from_utf8(out).unwrap(), calls.stop().cloned())
}

#[test]
fn allowed_streams_pass_whole_and_denied_ones_stop_before_the_call_wherever_they_are_cut() {
    for dialect in DIALECTS {
        let good = stream(dialect, "pay", r#"{"amount":20}"#);
        let bad = stream(dialect, "pay", r#"{"amount":80}"#);
        for cut in 0..=good.len() {
            assert_eq!(pass(dialect, &good, cut), (good.clone(), None), "{dialect:?} cut at {cut}");
        }
        for cut in 0..=bad.len() {
            let (out, stop) = pass(dialect, &bad, cut);
            let denial = stop.as_ref().and_then(Stop::denial).unwrap();
            assert_eq!((denial.rule.as_str(), denial.subject.as_str()), ("role r", "pay"));
            assert!(!out.contains("amount") && !out.contains("\"pay\""), "{dialect:?} cut at {cut}: {out}");
        }
    }
}

#[test]
fn content_is_not_held_before_a_call_nor_behind_an_allowed_one() {
    for dialect in DIALECTS {
        let text = stream(dialect, "look", "{}");
        let mut calls = calls(dialect);
        let mut released = Vec::new();
        for event in text.split_inclusive("\n\n") {
            released.push(calls.feed(Bytes::copy_from_slice(event.as_bytes())).len());
        }
        assert!(released[0] > 0 && *released.last().unwrap() > 0, "{dialect:?} {released:?}");
        assert!(released[1] == 0 && calls.stop().is_none() && !calls.holds(), "{dialect:?} {released:?}");
    }
}

#[test]
fn calls_are_found_however_they_are_spelled() {
    let pay = json!({"name": "pay", "arguments": "{\"amount\":80}"});
    let spellings = [
        json!({"choices": [{"index": 1, "delta": {"tool_calls": [{"index": 0, "function": pay}]}, "finish_reason": "stop"}]}),
        json!({"choices": [{"index": 0, "delta": {"function_call": pay}, "finish_reason": "function_call"}]}),
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"type": "custom", "custom": {"name": "sh", "input": "rm"}}]}, "finish_reason": "stop"}]}),
        json!({"choices": [{"index": 0, "message": {"tool_calls": [{"function": pay}]}, "finish_reason": "stop"}]}),
    ];
    for event in spellings {
        let mut calls = calls(Dialect::OpenaiChat);
        let out = calls.feed(sse(std::slice::from_ref(&event)).into());
        assert!(out.is_empty() && calls.stop().is_some(), "{event}");
    }
    let hidden = "data: {\"choices\":[{\"index\":0,\"delta\":{\"t\\u006fol_calls\":[{\"f\\u0075nction\":{\"name\":\"sh\"}}]},\"finish_reason\":\"stop\"}]}\n\n";
    let mut calls = calls(Dialect::OpenaiChat);
    assert!(
        calls.feed(hidden.into()).is_empty() && calls.stop().is_some(),
        "letters as escapes hide nothing"
    );
}

#[test]
fn calls_in_another_dialect_are_not_handed_on() {
    let text = stream(Dialect::OpenaiChat, "look", "{}");
    for dialect in [Dialect::OpenaiResponses, Dialect::Anthropic] {
        let mut calls = calls(dialect);
        let out = calls.feed(Bytes::copy_from_slice(text.as_bytes()));
        assert!(out.is_empty() && matches!(calls.stop(), Some(Stop::Unread(_))), "{dialect:?}");
    }
}

#[test]
fn calls_that_share_a_place_are_judged_one_by_one() {
    let piece = |name: &str, arguments: &str| {
        chat(
            &json!({"tool_calls": [{"index": 0, "function": {"name": name, "arguments": arguments}}]}),
            &Value::Null,
        )
    };
    let end = chat(&json!({}), &json!("tool_calls"));
    let two = sse(&[piece("pay", "{\"amount\":80}"), piece("look", "{}"), end.clone()]);
    let mut first = calls(Dialect::OpenaiChat);
    assert!(
        first.feed(two.into()).is_empty() && first.stop().is_some(),
        "the first is not lost in the second"
    );
    let mut both = calls(Dialect::OpenaiChat);
    let good = sse(&[piece("look", "{}"), piece("pay", "{\"amount\":8}"), end]);
    assert_eq!(both.feed(good.clone().into()), good);
}

#[test]
fn what_breaks_off_within_a_call_or_exceeds_the_bound_is_not_handed_on() {
    let text = stream(Dialect::OpenaiChat, "look", r#"{"q":"x"}"#);
    let cut = text.find("finish_reason\":\"tool_calls").unwrap();
    let cut = text[..cut].rfind("\n\n").unwrap() + 2;
    let mut half = calls(Dialect::OpenaiChat);
    let out = half.feed(Bytes::copy_from_slice(&text.as_bytes()[..cut]));
    assert!(!String::from_utf8_lossy(&out).contains("look") && half.holds());
    let mut torn = calls(Dialect::OpenaiChat);
    assert!(torn.feed(Bytes::from_static(b"data: {\"choices\"")).is_empty());
    assert!(matches!(torn.stop(), Some(Stop::Unread(_))), "half an event");
    let begin = json!({"tool_calls": [{"index": 0, "function": {"name": "look", "arguments": "{\"q\":\""}}]});
    let more = json!({"tool_calls": [{"index": 0, "function": {"arguments": "x".repeat(1 << 20)}}]});
    let mut long = calls(Dialect::OpenaiChat);
    long.feed(sse(&[chat(&begin, &Value::Null)]).into());
    for _ in 0..9 {
        assert!(long.feed(sse(&[chat(&more, &Value::Null)]).into()).is_empty());
    }
    assert!(matches!(long.stop(), Some(Stop::Unread(_))), "{:?}", long.stop());
}

#[test]
fn whole_answers_are_judged_in_every_dialect() {
    let answer = |dialect: Dialect, amount: u32| match dialect {
        Dialect::OpenaiChat => json!({"choices": [{"message": {"tool_calls": [
            {"function": {"name": "look", "arguments": "{}"}},
            {"function": {"name": "pay", "arguments": format!("{{\"amount\":{amount}}}")}}]}}]}),
        Dialect::Anthropic => json!({"content": [{"type": "text", "text": "a"},
            {"type": "tool_use", "name": "pay", "input": {"amount": amount}}]}),
        _ => json!({"output": [{"type": "message"}, {"type": "function_call", "name": "pay",
            "arguments": format!("{{\"amount\":{amount}}}")}]}),
    };
    for dialect in DIALECTS {
        assert_eq!(calls(dialect).whole(answer(dialect, 50).to_string().as_bytes()), Ok(()));
        let stop = calls(dialect).whole(answer(dialect, 51).to_string().as_bytes()).unwrap_err();
        assert_eq!(stop.fault().kind, FaultKind::Forbidden, "{stop:?}");
        assert!(calls(dialect).whole(b"{").is_err());
    }
    let screen = json!({"output": [{"type": "computer_call", "action": {"type": "click"}}]});
    assert!(calls(Dialect::OpenaiResponses).whole(screen.to_string().as_bytes()).is_err(), "no right to it");
}

/// A policy in which the calls of an answer are judged by the whole of one role.
#[test]
fn one_role_allows_all_calls_of_an_answer() {
    let text = "role \"r\" { tool \"look\" tool \"read\" }\nrole \"s\" { tool \"pay\" tool \"read\" }\ndefault { models { \"m\" } }";
    let policy = Policy::load("p", text, &Known::any()).unwrap();
    let judged = |names: &[&str]| {
        let clearance = policy.clearance(&["r".into(), "s".into()], &[]).unwrap();
        let list: Vec<Value> =
            names.iter().map(|name| json!({"function": {"name": name, "arguments": "{}"}})).collect();
        let body = json!({"choices": [{"message": {"tool_calls": list}}]}).to_string();
        Calls::new(clearance, Dialect::OpenaiChat).whole(body.as_bytes()).is_ok()
    };
    assert!(judged(&["read", "look"]) && judged(&["pay", "read"]));
    assert!(!judged(&["look", "pay"]) && !judged(&["pay", "read", "look"]));
}

#[test]
fn a_call_that_is_never_closed_or_is_overwritten_is_judged_all_the_same() {
    let added = json!({"type": "response.output_item.added", "output_index": 1,
        "item": {"type": "function_call", "name": "pay", "arguments": ""}});
    let delta = json!({"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{\"amount\":80}"});
    let ends = ["completed", "incomplete", "failed"];
    let end = |word: &str| json!({"type": format!("response.{word}"), "response": {"output": []}});
    let done = json!({"type": "response.output_item.done", "output_index": 1,
        "item": {"type": "function_call", "name": "pay", "arguments": "{\"amount\":1}"}});
    let other = json!({"type": "response.output_item.done", "output_index": 1, "item": {"type": "message"}});
    let again = json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "message"}});
    let mut streams: Vec<Vec<Value>> =
        ends.iter().map(|word| vec![added.clone(), delta.clone(), end(word)]).collect();
    streams
        .extend([done, other, again].map(|last| vec![added.clone(), delta.clone(), last, end("completed")]));
    for events in streams {
        let mut calls = calls(Dialect::OpenaiResponses);
        let out = calls.feed(sse(&events).into());
        assert!(out.is_empty() && calls.stop().is_some_and(|stop| stop.denial().is_some()), "{events:?}");
    }
    let begin = |name: &str| json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "name": name, "input": {}}});
    let text =
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}});
    let stop = json!({"type": "content_block_stop", "index": 1});
    for second in [begin("look"), text] {
        let mut calls = calls(Dialect::Anthropic);
        let out = calls.feed(sse(&[begin("pay"), second, stop.clone()]).into());
        assert!(out.is_empty() && calls.stop().is_some_and(|stop| stop.denial().is_some()));
    }
}

#[test]
fn an_approval_that_is_asked_for_is_a_call() {
    let item =
        |name: &str| json!({"type": "mcp_approval_request", "id": "m", "name": name, "arguments": "{}"});
    let stream = |name: &str| {
        sse(&[
            json!({"type": "response.output_item.added", "output_index": 0, "item": item(name)}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": item(name)}),
        ])
    };
    let mut denied = calls(Dialect::OpenaiResponses);
    assert!(denied.feed(stream("wipe").into()).is_empty() && denied.stop().is_some());
    let mut allowed = calls(Dialect::OpenaiResponses);
    assert_eq!(allowed.feed(stream("look").into()), stream("look"));
}

/// Pieces at one place, cut at every byte: `look` is allowed with anything, `pay` up to 50, everything else is denied.
#[test]
fn a_second_call_at_the_same_place_is_never_joined_to_the_first() {
    let piece = |id: Option<&str>, name: &str, arguments: &str| {
        let mut call = json!({"index": 0, "function": {"name": name, "arguments": arguments}});
        if let Some(id) = id {
            call["id"] = json!(id);
        }
        chat(&json!({"tool_calls": [call]}), &Value::Null)
    };
    let end = chat(&json!({}), &json!("tool_calls"));
    let cases = [
        // The first has no arguments yet: it is a call all the same.
        (vec![piece(Some("a"), "sh", ""), piece(Some("b"), "look", "{}")], Some("sh")),
        (vec![piece(Some("a"), "look", ""), piece(Some("b"), "sh", "")], Some("sh")),
        (vec![piece(Some("a"), "look", ""), piece(Some("b"), "pay", "{\"amount\":80}")], Some("pay")),
        (vec![piece(Some("a"), "look", ""), piece(Some("b"), "pay", "{\"amount\":8}")], None),
        (vec![piece(Some("a"), "look", "{}"), piece(None, "pay", "{\"amount\":8}")], None),
        (
            vec![
                piece(Some("a"), "pay", "{\"amount\":8}"),
                piece(Some("b"), "look", ""),
                piece(None, "", "{}"),
            ],
            None,
        ),
        // Without a new id it may be read as one name.
        (vec![piece(Some("a"), "look", ""), piece(None, "out", "{}")], Some("lookout")),
        (vec![piece(Some("a"), "lo", ""), piece(None, "ok", "{}")], Some("lo")),
        (vec![piece(Some("a"), "look", ""), piece(Some("a"), "pay", "{\"amount\":8}")], Some("lookpay")),
    ];
    for (mut events, denied) in cases {
        events.push(end.clone());
        let text = sse(&events);
        for cut in 0..=text.len() {
            let (out, stop) = pass(Dialect::OpenaiChat, &text, cut);
            let subject = stop.as_ref().and_then(Stop::denial).map(|denial| denial.subject.as_str());
            assert_eq!(subject, denied, "{text} cut at {cut}");
            assert_eq!(out.is_empty(), denied.is_some(), "{text} cut at {cut}");
        }
    }
    let mut whole = calls(Dialect::OpenaiChat);
    let call = |name: &str| json!({"index": 0, "id": name, "function": {"name": name, "arguments": ""}});
    let body = json!({"choices": [{"message": {"tool_calls": [call("look"), call("sh")]}}]}).to_string();
    assert!(whole.whole(body.as_bytes()).is_err());
}

#[test]
fn the_whole_arguments_that_follow_the_pieces_are_judged_too() {
    let item = json!({"type": "function_call", "name": "pay", "arguments": "{\"amount\":8}"});
    let begin = json!({"type": "function_call", "name": "pay", "arguments": ""});
    let stream = |done: &str| {
        sse(&[
            json!({"type": "response.output_item.added", "output_index": 1, "item": begin}),
            json!({"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{\"amount\":8}"}),
            json!({"type": "response.function_call_arguments.done", "output_index": 1, "arguments": done}),
            json!({"type": "response.output_item.done", "output_index": 1, "item": item}),
        ])
    };
    let mut denied = calls(Dialect::OpenaiResponses);
    assert!(denied.feed(stream("{\"amount\":80}").into()).is_empty() && denied.stop().is_some());
    let mut allowed = calls(Dialect::OpenaiResponses);
    assert_eq!(allowed.feed(stream("{\"amount\":8}").into()), stream("{\"amount\":8}"));
    let mut odd = calls(Dialect::OpenaiChat);
    let calls = json!({"tool_calls": {"0": {"function": {"name": "sh"}}}});
    assert!(odd.feed(sse(&[chat(&calls, &Value::Null)]).into()).is_empty());
    assert!(matches!(odd.stop(), Some(Stop::Unread(_))));
}

#[test]
fn a_call_of_an_unknown_type_is_judged_by_that_type() {
    let stream = |kind: &str| {
        let item = json!({"type": kind, "call_id": "k", "action": {"command": ["rm"]}});
        sse(&[
            json!({"type": "response.output_item.added", "output_index": 0, "item": item}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        ])
    };
    for kind in ["local_shell_call", "shell_call", "apply_patch_call", "robot_arm_call", "computer_call"] {
        let mut denied = calls(Dialect::OpenaiResponses);
        assert!(denied.feed(stream(kind).into()).is_empty() && denied.stop().is_some(), "{kind}");
    }
    for kind in ["look_call", "web_search_call"] {
        let mut allowed = calls(Dialect::OpenaiResponses);
        assert_eq!(allowed.feed(stream(kind).into()), stream(kind));
    }
}
