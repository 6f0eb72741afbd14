//! What is masked, and what is left.

use super::Masked;
use super::masks::Masks;
use crate::content::Found;
use crate::names::Names;
use serde_json::{Value, json};
use tollgate_wire::Dialect;
use tollgate_wire::edit::Edits;
use tollgate_wire::peek::{Limits, peek};

fn sent(dialect: Dialect, body: &Value) -> Value {
    sent_as(dialect, body.to_string())
}

fn sent_as(dialect: Dialect, body: String) -> Value {
    let view = peek(dialect, body.into(), &Limits::default()).unwrap();
    let mut edits = Edits::new(&view);
    Masks::new(&Names::default(), false).all(&view, &mut edits, &|kind| kind != "url").unwrap();
    serde_json::from_slice(&edits.apply().unwrap()).unwrap()
}

#[test]
fn everything_that_is_said_is_masked_and_json_stays_json() {
    let arguments = r#"{"to": "ada@example.org", "call": 14155550132, "note": "tel. +44 20 7946 0958\n"}"#;
    let body = json!({
        "model": "m", "user": "bob@example.org", "seed": 14155550132_u64,
        "metadata": {"who": "ada@example.org"},
        "tools": [{"type": "function", "function": {"name": "f", "description": "mail ada@example.org"}}],
        "messages": [
            {"role": "system", "content": "Write to ada@example.org"},
            {"role": "user", "content": [{"type": "text", "text": "I am \"ada@example.org\", ünd\nnot bob@example.org"}]},
            {"role": "assistant", "content": null, "tool_calls":
                [{"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": "c", "content": "card 4111 1111 1111 1111"},
        ],
    });
    let sent = sent(Dialect::OpenaiChat, &body);
    assert_eq!(sent["messages"][0]["content"], "Write to [EMAIL_1]");
    assert_eq!(sent["messages"][1]["content"][0]["text"], "I am \"[EMAIL_1]\", ünd\nnot [EMAIL_2]");
    assert_eq!(sent["messages"][3]["content"], "card [CREDIT_CARD_1]");
    assert_eq!((&sent["user"], &sent["metadata"]["who"]), (&json!("[EMAIL_2]"), &json!("[EMAIL_1]")));
    let call = &sent["messages"][2]["tool_calls"][0]["function"]["arguments"];
    let call: Value = serde_json::from_str(call.as_str().unwrap()).unwrap();
    assert_eq!(call, json!({"to": "[EMAIL_1]", "call": "[PHONE_1]", "note": "tel. [PHONE_2]\n"}));
    let tool = json!([{"type": "function", "function": {"name": "f", "description": "mail [EMAIL_1]"}}]);
    assert_eq!(sent["tools"], tool);
    // A number that the dialect takes as a number stays.
    assert_eq!(sent["seed"], body["seed"]);
}

/// Names are masked where they are known: which texts are not is said, and data with a form stays what it is.
#[test]
fn names_are_masked_once_somebody_has_looked_for_them() {
    let arguments = r#"{"who": "Ann Lee", "note": "mail ann@example.org"}"#;
    let body = json!({"model": "Ann", "messages": [
        {"role": "user", "content": "I am Ann Lee, ann@example.org"},
        {"role": "assistant", "content": null, "tool_calls":
            [{"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]},
    ]});
    let view = peek(Dialect::OpenaiChat, body.to_string().into(), &Limits::default()).unwrap();
    let wanted = |kind: &str| ["person", "email"].contains(&kind);
    let mut names = Names::default();
    let first = Masked::of(&view, &Limits::default(), wanted, &names).unwrap();
    assert!(
        first.unread.iter().any(|text| text == "Ann Lee"),
        "inside of JSON in a string: {:?}",
        first.unread
    );
    assert!(
        names.has_room(&first.unread) && !first.unread.iter().any(|text| text == "content" || text == "user")
    );
    for text in first.unread {
        let at = text.find("Ann Lee");
        let person = at.map(|start| Found { kind: "person", start, end: start + 7 });
        let place = Found { kind: "location", start: 0, end: 1 };
        names.know(text, Some(person.into_iter().chain([place]).collect()));
    }
    let masked = Masked::of(&view, &Limits::default(), wanted, &names).unwrap();
    assert!(masked.unread.is_empty());
    let sent: Value = serde_json::from_slice(&masked.view.body).unwrap();
    assert_eq!(sent["messages"][0]["content"], "I am [PERSON_1], [EMAIL_1]");
    let call = sent["messages"][1]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    assert_eq!(call, r#"{"who": "[PERSON_1]", "note": "mail [EMAIL_1]"}"#);
    assert_eq!(sent["model"], "Ann");
    let forms = Masked::of(&view, &Limits::default(), |kind| kind == "email", &Names::default()).unwrap();
    assert!(forms.unread.is_empty(), "nobody wants names");
    // What is not known is told once each, at the cost of a look in a set.
    let many: Vec<String> = (0..40_000).map(|at| format!("Ann {}", at % 30_000)).collect();
    let body =
        json!({"model": "Ann", "messages": [{"role": "user", "content": "I"}], "metadata": {"x": many}});
    let view = peek(Dialect::OpenaiChat, body.to_string().into(), &Limits::default()).unwrap();
    let told = Masked::of(&view, &Limits::default(), wanted, &names).unwrap().unread;
    assert!(told.len() >= 30_000 && told.len() < 30_010, "{}", told.len());
}

/// Every way in which an address gets into a body that a provider would read it from.
#[test]
fn whatever_goes_up_as_a_string_is_masked() {
    let body = json!({
        "model": "ada@example.org", "user": "u-1", "safety_identifier": "ada@example.org",
        "prompt_cache_key": "ada@example.org", "stop": ["Bye ada@example.org", "end"], "x_note": {"ada@example.org": [14155550132_u64]},
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"const": "ada@example.org"}}},
        "tool_choice": {"type": "function", "function": {"name": "call_14155550132"}},
        "tools": [{"type": "function", "function": {"name": "call_14155550132", "parameters": {
            "properties": {"ada@example.org": {"type": "string"}}, "required": ["ada@example.org"]}}}],
        "messages": [
            {"role": "user", "name": "ada@example.org", "content": [
                {"type": "text", "text": "at"},
                {"type": "image_url", "image_url": {"url": "https://example.org/i.png?of=ada@example.org"}},
                {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{}+14155550132+", "A".repeat(60))}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "ada@example.org", "type": "function",
                "function": {"name": "call_14155550132", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "ada@example.org", "content": "done"},
        ],
    });
    let sent = sent(Dialect::OpenaiChat, &body);
    let mut left = sent.clone();
    left["model"] = json!("m");
    assert!(!left.to_string().contains("ada@"), "{left:#}");
    assert_eq!(sent["model"], body["model"], "the provider's name for it is set later");
    assert_eq!((&sent["user"], &sent["stop"]), (&json!("u-1"), &json!(["Bye [EMAIL_1]", "end"])));
    assert_eq!(sent["x_note"], json!({"[EMAIL_1]": ["[PHONE_1]"]}));
    // A call and its result still name each other, a tool and its call too.
    assert_eq!(sent["messages"][1]["tool_calls"][0]["id"], sent["messages"][2]["tool_call_id"]);
    assert_eq!(sent["tool_choice"], body["tool_choice"]);
    assert_eq!(sent["tools"][0]["function"]["parameters"]["required"], json!(["[EMAIL_1]"]));
    // Encoded bytes are no words.
    let images = &sent["messages"][0]["content"];
    assert_eq!(images[1]["image_url"]["url"], "https://example.org/i.png?of=[EMAIL_1]");
    assert_eq!(images[2], body["messages"][0]["content"][2]);
}

/// JSON in a string has escapes of its own, and so has JSON in that.
#[test]
fn escapes_inside_of_strings_hide_nothing_and_json_stays_json() {
    let inner = r#"{"to":"ada\u0040example.org","note":"\nbob@example.org","n":[14155550132],"link":"https:\/\/x.test\/?m=ada%40x&b=ada@example.org","\u6211":"邮箱ada@example.org"}"#;
    let twice = json!({"body": inner, "ada@example.org": 1}).to_string();
    for arguments in [inner, &twice] {
        let body = json!({"model": "m", "messages": [
            {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": "c", "content": arguments},
            {"role": "user", "content": format!("Look: {arguments} and C:\\new tel. +44 20 7946 0958")},
        ]});
        let sent = sent(Dialect::OpenaiChat, &body);
        let call = sent["messages"][0]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
        assert_eq!(sent["messages"][1]["content"], call);
        let mut call: Value = serde_json::from_str(call).unwrap();
        if arguments == twice {
            assert_eq!(call["[EMAIL_1]"], 1);
            call = serde_json::from_str(call["body"].as_str().unwrap()).unwrap();
        }
        let wanted = json!({"to": "[EMAIL_1]", "note": "\n[EMAIL_2]", "n": ["[PHONE_1]"],
            "link": "https://x.test/?m=ada%40x&b=[EMAIL_1]", "我": "邮箱[EMAIL_1]"});
        assert_eq!(call, wanted);
        let prose = sent["messages"][2]["content"].as_str().unwrap();
        assert!(!prose.contains("example.org") && !prose.contains("14155550132"), "{prose}");
        assert!(prose.ends_with("C:\\new tel. [PHONE_2]"), "{prose}");
    }
}

/// What is not JSON to its end is read as text, with and without its escapes.
#[test]
fn arguments_that_break_off_are_masked_too() {
    let body = json!({"model": "m", "max_output_tokens": 9, "instructions": "For ada@example.org", "input": [
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": r#"{"to": "ada\u0040example.org", "cc": "bob@exam"#},
        {"type": "function_call_output", "call_id": "c", "output": r#"{"from": "ada\u0040example.org", "n": 14155550132}"#},
    ]});
    let sent = sent(Dialect::OpenaiResponses, &body);
    assert_eq!(sent["instructions"], "For [EMAIL_1]");
    assert_eq!(sent["input"][0]["arguments"], r#"{"to": "[EMAIL_1]", "cc": "bob@exam"#);
    assert_eq!(sent["input"][1]["output"], r#"{"from": "[EMAIL_1]", "n": "[PHONE_1]"}"#);
}

#[test]
fn signatures_and_sealed_reasoning_stay() {
    let sealed = format!("{}/4111111111111111/", "Ab0".repeat(40));
    let body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "assistant", "content": [
        {"type": "thinking", "thinking": "of ada@example.org", "signature": sealed},
        {"type": "redacted_thinking", "data": sealed},
    ]}, {"role": "user", "content": [{"type": "text", "text": sealed}]}]});
    let sent = sent(Dialect::Anthropic, &body);
    let blocks = &sent["messages"][0]["content"];
    assert_eq!(blocks[0]["thinking"], "of [EMAIL_1]");
    assert_eq!((&blocks[0]["signature"], &blocks[1]["data"]), (&json!(sealed), &json!(sealed)));
    let said = sent["messages"][1]["content"][0]["text"].as_str().unwrap();
    assert!(said.ends_with("/[CREDIT_CARD_1]/"), "{said}");
}

#[test]
fn decoys_links_and_letters_without_spaces_hide_nothing() {
    let decoys = "2024-01-01 ".repeat(1_500);
    let text = format!(
        "ada@example.org {decoys} were the days. In the evening call +44 20 7946 0958, https://example.org/u?mail=bob@example.org 邮箱是eve@example.org谢谢"
    );
    let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
    let sent = sent(Dialect::OpenaiChat, &body);
    let text = sent["messages"][0]["content"].as_str().unwrap();
    assert!(
        text.contains("call [PHONE_1]") && text.ends_with("u?mail=[EMAIL_2] 邮箱是[EMAIL_3]谢谢"),
        "{text}"
    );
}

#[test]
fn objects_of_arguments_and_many_pieces_are_masked_whole() {
    let many: String = (0..2_500).map(|n| format!("user{n}@example.org ")).collect();
    let body = json!({"model": "m", "max_tokens": 9, "system": "Be kind to ada@example.org", "messages": [
        {"role": "user", "content": many},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f",
            "input": {"call": 14155550132_u64, "cc": ["ada@example.org"], "n": 7}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ada@example.org"}]},
    ]});
    let sent = sent(Dialect::Anthropic, &body);
    let text = sent["messages"][0]["content"].as_str().unwrap();
    // The 2,500 come before it in the body.
    let ada = "[EMAIL_2501]";
    assert!(!text.contains('@') && text.matches("[EMAIL_").count() == 2_500, "{text}");
    assert_eq!(sent["messages"][1]["content"][0]["input"], json!({"call": "[PHONE_1]", "cc": [ada], "n": 7}));
    assert_eq!(sent["messages"][2]["content"][0]["content"], ada);
    assert_eq!(sent["system"], format!("Be kind to {ada}"));
}

/// As encoders write that keep to ASCII.
fn in_ascii(body: &Value) -> String {
    let units = |c: char| -> Vec<u16> { c.encode_utf16(&mut [0; 2]).to_vec() };
    let write = |c: char| match c {
        c if c.is_ascii() => c.to_string(),
        c => units(c).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    body.to_string().chars().map(write).collect()
}

/// Whatever their letters, strings outside of the members for bytes are read.
#[test]
fn words_in_escapes_are_no_encoded_bytes() {
    let said = "联系人王小明电话13800138000谢谢";
    let masked = "联系人王小明电话[PHONE_1]谢谢";
    let body = json!({"model": "m", "max_tokens": 9,
    "metadata": {"user_id": said}, "x_note": {"data": said}, "stop_sequences": ["data:,+49-170-1234567"],
    "tools": [{"name": "f", "description": said, "input_schema": {"type": "object", "default": said}}],
    "messages": [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"url": said}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": said}]},
    ]});
    let sent = sent_as(Dialect::Anthropic, in_ascii(&body));
    assert!(!sent.to_string().contains("13800138000"), "{sent:#}");
    assert_eq!((&sent["metadata"]["user_id"], &sent["x_note"]["data"]), (&json!(masked), &json!(masked)));
    assert_eq!(sent["messages"][0]["content"][0]["input"]["url"], masked);
    assert_eq!(sent["stop_sequences"], json!(["data:,[PHONE_2]"]));
    // Every letter in an escape, and letters and hyphens only.
    let escaped: String = "ada@example.org".bytes().map(|b| format!("\\u{b:04x}")).collect();
    let long = format!("{}-415-555-0132-{}", "a".repeat(40), "b".repeat(40));
    let body = format!(
        r#"{{"model":"m","user":"{escaped}","x_note":"{escaped}","safety_identifier":"{long}",
        "messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{escaped}"}}}}]}}]}}"#
    );
    let sent = sent_as(Dialect::OpenaiChat, body);
    assert!(!sent.to_string().contains("ada@") && !sent.to_string().contains("0132"), "{sent:#}");
    assert_eq!(sent["messages"][0]["content"][0]["image_url"]["url"], "[EMAIL_1]");
}

#[test]
fn numbers_in_definitions_are_masked_and_parameters_are_not() {
    let schema = json!({"type": "object", "properties": {"n": {"default": 13800138000_u64, "enum": [4111111111111111_u64, 7]}}});
    let body = json!({"model": "m", "seed": 13800138000_u64, "messages": [],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}});
    let sent = sent(Dialect::OpenaiChat, &body);
    let masked = json!({"default": "[PHONE_1]", "enum": ["[CREDIT_CARD_1]", 7]});
    assert_eq!(sent["tools"][0]["function"]["parameters"]["properties"]["n"], masked);
    assert_eq!(sent["response_format"]["json_schema"]["schema"]["properties"]["n"], masked);
    assert_eq!(sent["seed"], body["seed"]);
}

/// A name stays where a tool of that name is offered, and not because the history calls one.
#[test]
fn a_called_name_lets_nothing_through() {
    let call = json!({"role": "assistant", "tool_calls": [{"id": "c", "type": "function",
        "function": {"name": "bob.builder@example.org", "arguments": "{}"}}]});
    let body = json!({"model": "m", "messages": [{"role": "user", "name": "bob.builder@example.org", "content": "Hi"}, call]});
    assert!(!sent(Dialect::OpenaiChat, &body).to_string().contains("bob"), "{body:#}");
}
