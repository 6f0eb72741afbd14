use super::*;
use crate::view::MessageView;
use Dialect::{Anthropic, Gemini, OpenaiChat as Chat, OpenaiEmbeddings as Emb, OpenaiResponses as Resp};
use proptest::prelude::*;

fn view(dialect: Dialect, body: &str) -> RequestView {
    peek(dialect, Bytes::copy_from_slice(body.as_bytes()), &Limits::default()).unwrap()
}

fn refused(dialect: Dialect, body: &str) -> String {
    peek(dialect, Bytes::copy_from_slice(body.as_bytes()), &Limits::default()).unwrap_err().to_string()
}

/// One line per message: role, texts, images, calls, error mark.
fn shown(view: &RequestView) -> Vec<String> {
    let line = |m: &MessageView| {
        let texts: Vec<_> = m.text.iter().map(|t| view.text(*t)).collect();
        let calls: Vec<_> = m.tool_calls.iter().map(|t| view.text(*t)).collect();
        let images = if m.images > 0 { format!(" images={}", m.images) } else { String::new() };
        let calls = if calls.is_empty() { String::new() } else { format!(" calls={}", calls.join("+")) };
        let error = if m.tool_error { " error" } else { "" };
        format!("{:?}: {}{images}{calls}{error}", m.role, texts.join("|"))
    };
    view.messages.iter().map(line).collect()
}

fn tools(view: &RequestView) -> Vec<String> {
    view.tools.iter().map(|t| view.text(t.name).into_owned()).collect()
}

#[test]
fn reads_chat() {
    let body = r#" {"model":"gpt\u002dx","stream":true,"stream_options":{"include_usage":true},"max_tokens":5,
      "max_completion_tokens":9,"user":"u1","safety_identifier":"s","metadata":{"k":"v"},"unknown":{"deep":[1]},
      "messages":[
       {"role":"developer","content":"Be brief."},
       {"role":"user","content":[{"text":"look","type":"text"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},
       {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},
         {"id":"c2","type":"custom","custom":{"name":"g","input":"x"}}]},
       {"role":"tool","tool_call_id":"c1","content":"42"},
       {"role":"assistant","content":[{"type":"refusal","refusal":"no"}]},
       {"role":"assistant","content":null,"refusal":"never"},
       {"role":"user","content":"a\nb"}],
      "tools":[{"type":"function","function":{"name":"f","parameters":{"name":"decoy"}}},{"type":"custom","custom":{"name":"g"}},
        {"type":"web_search"}]} "#;
    let body = body.replace("a\nb", "a\\nb");
    let view = view(Dialect::OpenaiChat, &body);
    assert_eq!(
        shown(&view),
        [
            "System: Be brief.",
            "User: look images=1",
            "Assistant:  calls=f+g",
            "Tool: 42",
            "Assistant: no",
            "Assistant: never",
            "User: a\nb"
        ]
    );
    assert_eq!(tools(&view), ["f", "g", "web_search"]);
    assert_eq!(view.model().unwrap(), "gpt-x");
    assert!(view.stream && view.include_usage);
    assert_eq!((view.max_tokens, view.user.map(|u| view.text(u).into_owned())), (Some(9), Some("u1".into())));
    assert_eq!(view.bytes(view.member("unknown").unwrap()), br#"{"deep":[1]}"#);
    assert_eq!(view.bytes(view.metadata.unwrap()), br#"{"k":"v"}"#);
    assert_eq!(view.bytes(view.messages[3].span), br#"{"role":"tool","tool_call_id":"c1","content":"42"}"#);
    assert_eq!((view.object.start, view.object.end as usize), (1, body.len() - 1));
}

#[test]
fn reads_anthropic() {
    let body = r#"{"model":"claude","max_tokens":10,"metadata":{"user_id":"u2"},
      "system":[{"type":"text","text":"S1","cache_control":{"type":"ephemeral"}},{"type":"text","text":"S2"}],
      "messages":[
       {"role":"user","content":[{"type":"image","source":{"type":"base64","data":"AAAA"}},
         {"type":"document","source":{"type":"text","media_type":"text/plain","data":"doc"}},{"type":"text","text":"q"}]},
       {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"x"},{"type":"text","text":"let me"},
         {"type":"tool_use","id":"t1","name":"f","input":{"text":"not said"}},{"type":"tool_use","id":"t2","name":"g","input":{}}]},
       {"role":"user","content":[
         {"type":"tool_result","tool_use_id":"t1","content":"r1"},
         {"type":"tool_result","tool_use_id":"t2","is_error":true,"content":[{"type":"text","text":"r2"},{"type":"image","source":{}}]},
         {"type":"text","text":"go on"}]},
       {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1"}]}],
      "tools":[{"name":"f","input_schema":{}},{"type":"bash_20250124","name":"bash"}]}"#;
    let view = view(Anthropic, body);
    assert_eq!(
        shown(&view),
        [
            "User: doc|q images=1",
            "Assistant: let me calls=f+g",
            "Tool: r1",
            "Tool: r2 images=1 error",
            "User: go on",
            "Tool: "
        ]
    );
    assert_eq!(view.system.iter().map(|t| view.text(*t)).collect::<Vec<_>>(), ["S1", "S2"]);
    assert!(view.bytes(view.system_span.unwrap()).starts_with(b"[{"));
    assert_eq!(tools(&view), ["f", "bash"]);
    assert_eq!(view.user.map(|u| view.text(u).into_owned()), Some("u2".into()));
    assert_eq!(view.max_tokens, Some(10));
    let count = r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#;
    assert!(refused(Anthropic, count).contains("max_tokens is missing"));
    assert!(peek_count_tokens(count.into(), &Limits::default()).is_ok());
}

#[test]
fn reads_responses() {
    let body = r#"{"model":"m","instructions":"I","max_output_tokens":7,"previous_response_id":"resp_1","store":false,
      "input":[
       {"role":"user","content":"hi"},
       {"type":"message","role":"assistant","content":[{"type":"output_text","text":"yo","annotations":[]}]},
       {"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"secret"}]},
       {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
       {"type":"function_call_output","call_id":"c","output":"done"},
       {"type":"function_call_output","call_id":"c","status":"incomplete","output":[{"type":"input_text","text":"part"},{"type":"input_image"}]},
       {"type":"web_search_call","id":"w"},
       {"type":"computer_call_output","output":{"type":"computer_screenshot","image_url":"x"}},
       {"type":"item_reference","id":"z"}],
      "tools":[{"type":"function","name":"f"},{"type":"file_search"}]}"#;
    let view = view(Dialect::OpenaiResponses, body);
    assert_eq!(
        shown(&view),
        [
            "User: hi",
            "Assistant: yo",
            "Assistant:  calls=f",
            "Tool: done",
            "Tool: part images=1 error",
            "Assistant:  calls=web_search_call",
            "Tool:  images=1"
        ]
    );
    assert_eq!(tools(&view), ["f", "file_search"]);
    assert_eq!((view.max_tokens, view.store), (Some(7), Some(false)));
    assert_eq!(view.text(view.system[0]), "I");
    assert_eq!(view.text(view.previous_response_id.unwrap()), "resp_1");
    assert_eq!(shown(&self::view(Dialect::OpenaiResponses, r#"{"model":"m","input":"hey"}"#)), ["User: hey"]);
}

#[test]
fn reads_gemini_and_embeddings() {
    let body = r#"{"systemInstruction":{"parts":[{"text":"S"}]},"generation_config":{"maxOutputTokens":3},
      "contents":[{"role":"user","parts":[{"text":"q"},{"inlineData":{"mimeType":"image/png","data":"A"}}]},
       {"role":"model","parts":[{"text":"thinking","thought":true},{"functionCall":{"name":"f","args":{}}}]},
       {"parts":[{"functionResponse":{"name":"f","response":{"error":"bad"}}}]}],
      "tools":[{"functionDeclarations":[{"name":"f"},{"name":"g"}]},{"googleSearch":{}}]}"#;
    let gemini = view(Gemini, body);
    assert_eq!(shown(&gemini), ["User: q images=1", "Assistant:  calls=f", "Tool: bad error"]);
    assert_eq!(tools(&gemini), ["f", "g", "googleSearch"]);
    assert_eq!((gemini.max_tokens, gemini.model), (Some(3), None));
    for (input, expected) in [
        (r#""one""#, vec!["User: one"]),
        (r#"["a","b"]"#, vec!["User: a", "User: b"]),
        ("[1,2,3]", vec!["User: "]),
        ("[[1],[2,3]]", vec!["User: ", "User: "]),
    ] {
        let body = format!(r#"{{"model":"e","input":{input}}}"#);
        assert_eq!(shown(&view(Dialect::OpenaiEmbeddings, &body)), expected, "{input}");
    }
}

#[test]
fn errors_name_path_found_and_allowed() {
    let cases = [
        (Chat, r#"[]"#, "the top level (line 1, column 1, byte 0): found [], allowed is an object"),
        (Chat, r#"{"messages":[]}"#, "model is missing: give the name of a model"),
        (Chat, r#"{"model":"m"}"#, "messages is missing: give an array of messages"),
        (
            Chat,
            r#"{"model":7,"messages":[]}"#,
            "model (line 1, column 10, byte 9): found 7, allowed is a string",
        ),
        (Chat, r#"{"model":"","messages":[]}"#, "allowed is a model name"),
        (Chat, r#"{"model":null,"messages":[]}"#, "model (line 1"),
        (Chat, r#"{"model":"m","messages":[{"role":"user","content":7}]}"#, "messages[0].content (line 1"),
        (Chat, r#"{"model":"m","messages":[{"role":"user"}]}"#, "messages[0].content is missing"),
        (Chat, r#"{"model":"m","messages":[{"content":"x"}]}"#, "messages[0].role is missing"),
        (
            Chat,
            r#"{"model":"m","messages":[{"role":"king","content":""}]}"#,
            "found \"king\", allowed is system, ",
        ),
        (
            Chat,
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}"#,
            "content[0].text is missing",
        ),
        (Chat, r#"{"model":"m","messages":[{"role":"user","content":["x"]}]}"#, "content[0] (line 1"),
        (Chat, r#"{"model":"m","messages":[],"stream":"yes"}"#, r#"found "yes", allowed is true or false"#),
        (
            Chat,
            r#"{"model":"m","messages":[],"max_tokens":-1}"#,
            "found -1, allowed is a whole number of at least 1",
        ),
        (Chat, r#"{"model":"m","messages":[],"max_tokens":0}"#, "found 0,"),
        (
            Chat,
            r#"{"model":"m","messages":[],"tools":[{"type":"function"}]}"#,
            "tools[0].function.name is missing",
        ),
        (Chat, r#"{"model":"m","messages":[],"model":"n"}"#, "\"model\" is given twice"),
        (Chat, r#"{"model":"m","messages":[],"mod\u0065l":"n"}"#, "given twice"),
        (Chat, r#"{"model":"m","messages":[],"Messages":[]}"#, "another case"),
        (Chat, r#"{"model":"m","messages":[{"role":"user","content":"a","content":"b"}]}"#, "messages[0]"),
        (Anthropic, r#"{"model":"m","max_tokens":1,"messages":[],"tools":[{}]}"#, "tools[0].name is missing"),
        (
            Anthropic,
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"tool","content":""}]}"#,
            "found \"tool\"",
        ),
        (Resp, r#"{"model":"m"}"#, "input is missing"),
        (Resp, r#"{"model":"m","input":[{"type":"function_call"}]}"#, "input[0].name is missing"),
        (Emb, r#"{"model":"m","input":["a",1]}"#, "input[1]"),
        (Emb, r#"{"model":"m","input":{}}"#, "an array of strings"),
        (Gemini, r#"{"contents":[{}]}"#, "contents[0].parts is missing"),
        (Gemini, r#"{"contents":[],"generationConfig":{},"generation_config":{}}"#, "given twice"),
    ];
    for (dialect, body, expected) in cases {
        let shown = refused(dialect, body);
        assert!(shown.contains(expected), "{body}\n  {shown}\n  should have: {expected}");
    }
}

#[test]
fn bounds_are_reached() {
    let small = Limits { depth: 9, messages: 2, parts: 2, tools: 1, members: 4 };
    let check = |body: &str| peek(Dialect::OpenaiChat, Bytes::copy_from_slice(body.as_bytes()), &small);
    let messages = |list: &str| format!(r#"{{"model":"m","messages":[{list}]}}"#);
    let m = r#"{"role":"user","content":"x"}"#;
    assert!(check(&messages(&[m, m].join(","))).is_ok());
    let parts = r#"{"role":"user","content":[{"type":"text","text":""},{"type":"text","text":""},{"type":"text","text":""}]}"#;
    let calls = r#"{"role":"assistant","tool_calls":[{"function":{"name":"f"}},{"function":{"name":"f"}}]}"#;
    let tools = r#"{"model":"m","messages":[],"tools":[{"type":"a"},{"type":"b"}]}"#;
    let members = r#"{"model":"m","messages":[],"a":1,"b":2,"c":3}"#;
    let deep = r#"{"model":"m","messages":[],"a":[[[[[[[[[]]]]]]]]]}"#;
    for body in [&messages(&[m, m, m].join(",")), &messages(parts), &messages(calls), tools, members, deep] {
        assert!(matches!(check(body), Err(WireError::TooLarge { .. })), "{body}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(at in 0usize..900, byte in any::<u8>(), cut in 0usize..900, which in 0usize..5) {
        let body = r#"{"model":"m","input":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"a"}]}]}],
          "messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","data":"d"}}],"tool_calls":[{"function":{"name":"f"}}]}],
          "contents":[{"role":"model","parts":[{"text":"q","thought":false},{"functionCall":{"name":"f"}},{"functionResponse":{"response":{"error":"e"}}}]}],
          "system":"s","max_tokens":3,"tools":[{"functionDeclarations":[{"name":"f"}],"name":"n","type":"t"}],"stream_options":{"include_usage":true}}"#;
        let mut bytes = body.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(cut.max(at + 1));
        let dialect = Dialect::ALL[which];
        if let Ok(view) = peek(dialect, Bytes::from(bytes), &Limits::default()) {
            for message in &view.messages {
                prop_assert!(json::validate(view.bytes(message.span), 128).is_ok());
            }
        }
    }

    #[test]
    fn texts_come_back_as_written(texts in prop::collection::vec("\\PC{0,40}|[\\x00-\\x7f]{0,20}", 1..6)) {
        let messages: Vec<_> = texts.iter().map(|t| serde_json::json!({"role": "user", "content": t})).collect();
        let body = serde_json::json!({"model": "m", "messages": messages}).to_string();
        let view = view(Dialect::OpenaiChat, &body);
        let read: Vec<_> = view.messages.iter().map(|m| view.text(m.text[0]).into_owned()).collect();
        prop_assert_eq!(read, texts);
    }
}
