//! What a request sends beside the text of its turns is read as words or noted as not read, in every dialect; and no
//! spelling hides a member from this reader that another reader would find.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

use bytes::Bytes;
use tollgate_wire::Dialect;
use tollgate_wire::peek::{Limits, peek};
use tollgate_wire::view::RequestView;

const SECRET: &str = "date of birth";

fn view(dialect: Dialect, body: &str) -> RequestView {
    peek(dialect, Bytes::copy_from_slice(body.as_bytes()), &Limits::default())
        .unwrap_or_else(|error| panic!("{body}: {error}"))
}

/// The body of a request whose conversation is `turns`.
fn body(dialect: Dialect, turns: &str) -> String {
    match dialect {
        Dialect::OpenaiChat => format!(r#"{{"model":"m","messages":[{turns}]}}"#),
        Dialect::OpenaiResponses | Dialect::OpenaiEmbeddings => {
            format!(r#"{{"model":"m","input":[{turns}]}}"#)
        }
        Dialect::Anthropic => format!(r#"{{"model":"m","max_tokens":9,"messages":[{turns}]}}"#),
        Dialect::Gemini => format!(r#"{{"contents":[{turns}]}}"#),
    }
}

/// All words of a view.
fn words(view: &RequestView) -> String {
    let said = view.system.iter().chain(view.messages.iter().flat_map(|m| m.text.iter()));
    said.chain(&view.aside).chain(&view.arguments).map(|text| view.text(*text) + "\n").collect()
}

/// Turns with SECRET where no turn's text stands.
const ELSEWHERE: &[(Dialect, &str)] = &[
    (
        Dialect::OpenaiChat,
        r#"{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"q\":\"SECRET\"}"}}]}"#,
    ),
    (
        Dialect::OpenaiChat,
        r#"{"role":"assistant","tool_calls":[{"type":"custom","custom":{"name":"f","input":"SECRET"}}]}"#,
    ),
    (Dialect::OpenaiChat, r#"{"role":"assistant","function_call":{"name":"f","arguments":"SECRET"}}"#),
    (Dialect::OpenaiChat, r#"{"role":"assistant","content":"a","reasoning_content":"SECRET"}"#),
    (
        Dialect::OpenaiChat,
        r#"{"role":"assistant","content":"a","reasoning_details":[{"type":"reasoning.text","text":"SECRET"}]}"#,
    ),
    (Dialect::OpenaiChat, r#"{"role":"assistant","content":null,"refusal":"SECRET"}"#),
    (Dialect::OpenaiChat, r#"{"role":"assistant","content":[{"type":"refusal","refusal":"SECRET"}]}"#),
    (Dialect::OpenaiChat, r#"{"role":"user","name":"SECRET","content":"a"}"#),
    (
        Dialect::OpenaiChat,
        r#"{"role":"tool","tool_call_id":"1","content":[{"type":"text","text":"SECRET"}]}"#,
    ),
    (
        Dialect::OpenaiChat,
        r#"{"role":"user","content":[{"type":"text","text":"a","extra":{"b":["SECRET"]}}]}"#,
    ),
    (
        Dialect::OpenaiResponses,
        r#"{"type":"function_call","call_id":"1","name":"f","arguments":"{\"q\":\"SECRET\"}"}"#,
    ),
    (Dialect::OpenaiResponses, r#"{"type":"custom_tool_call","call_id":"1","name":"f","input":"SECRET"}"#),
    (
        Dialect::OpenaiResponses,
        r#"{"type":"local_shell_call","call_id":"1","action":{"command":["echo","SECRET"]}}"#,
    ),
    (Dialect::OpenaiResponses, r#"{"type":"web_search_call","id":"1","action":{"query":"SECRET"}}"#),
    (Dialect::OpenaiResponses, r#"{"type":"file_search_call","id":"1","queries":["SECRET"],"results":null}"#),
    (Dialect::OpenaiResponses, r#"{"type":"code_interpreter_call","id":"1","code":"SECRET","outputs":[]}"#),
    (
        Dialect::OpenaiResponses,
        r#"{"type":"mcp_call","id":"1","name":"f","arguments":"{}","output":"SECRET"}"#,
    ),
    (
        Dialect::OpenaiResponses,
        r#"{"type":"mcp_list_tools","server_label":"s","tools":[{"name":"f","description":"SECRET"}]}"#,
    ),
    (
        Dialect::OpenaiResponses,
        r#"{"type":"reasoning","id":"1","summary":[{"type":"summary_text","text":"SECRET"}]}"#,
    ),
    (
        Dialect::OpenaiResponses,
        r#"{"type":"reasoning","id":"1","summary":[],"content":[{"type":"reasoning_text","text":"SECRET"}]}"#,
    ),
    (Dialect::OpenaiResponses, r#"{"type":"function_call_output","call_id":"1","output":"SECRET"}"#),
    (
        Dialect::OpenaiResponses,
        r#"{"type":"function_call_output","call_id":"1","output":[{"type":"input_text","text":"SECRET"}]}"#,
    ),
    (
        Dialect::OpenaiResponses,
        r#"{"type":"shell_call_output","call_id":"1","output":[{"stdout":"SECRET","outcome":{"type":"exit"}}]}"#,
    ),
    (
        Dialect::OpenaiResponses,
        r#"{"role":"assistant","content":[{"type":"output_text","text":"a","annotations":[{"title":"SECRET"}]}]}"#,
    ),
    (Dialect::OpenaiResponses, r#"{"type":"something_new","payload":{"deep":["SECRET"]}}"#),
    (
        Dialect::Anthropic,
        r#"{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{"q":{"r":"SECRET"}}}]}"#,
    ),
    (
        Dialect::Anthropic,
        r#"{"role":"assistant","content":[{"type":"server_tool_use","id":"1","name":"web_search","input":{"query":"SECRET"}}]}"#,
    ),
    (
        Dialect::Anthropic,
        r#"{"role":"assistant","content":[{"type":"thinking","thinking":"SECRET","signature":"x"}]}"#,
    ),
    (
        Dialect::Anthropic,
        r#"{"role":"user","content":[{"type":"document","title":"SECRET","source":{"type":"text","data":"a"}}]}"#,
    ),
    (
        Dialect::Anthropic,
        r#"{"role":"user","content":[{"type":"document","context":"SECRET","source":{"type":"text","data":"a"}}]}"#,
    ),
    (
        Dialect::Anthropic,
        r#"{"role":"user","content":[{"type":"document","source":{"type":"text","data":"SECRET"}}]}"#,
    ),
    (
        Dialect::Anthropic,
        r#"{"role":"user","content":[{"type":"document","source":{"type":"content","content":[{"type":"text","text":"SECRET"}]}}]}"#,
    ),
    (
        Dialect::Anthropic,
        r#"{"role":"user","content":[{"type":"search_result","source":"u","title":"SECRET","content":[{"type":"text","text":"a"}]}]}"#,
    ),
    (
        Dialect::Anthropic,
        r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[{"type":"search_result","source":"u","title":"t","content":[{"type":"text","text":"SECRET"}]}]}]}"#,
    ),
    (
        Dialect::Anthropic,
        r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":{"type":"text","text":"SECRET"}}]}"#,
    ),
    (
        Dialect::Anthropic,
        r#"{"role":"assistant","content":[{"type":"bash_code_execution_tool_result","content":{"type":"bash_code_execution_result","stdout":"SECRET"}}]}"#,
    ),
    (
        Dialect::Anthropic,
        r#"{"role":"assistant","content":[{"type":"text","text":"a","citations":[{"cited_text":"SECRET"}]}]}"#,
    ),
    (Dialect::Gemini, r#"{"role":"model","parts":[{"functionCall":{"name":"f","args":{"q":"SECRET"}}}]}"#),
    (Dialect::Gemini, r#"{"role":"model","parts":[{"text":"SECRET","thought":true}]}"#),
    (Dialect::Gemini, r#"{"role":"model","parts":[{"executableCode":{"code":"SECRET"}}]}"#),
    (
        Dialect::Gemini,
        r#"{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"rows":[{"a":"SECRET"}]}}}]}"#,
    ),
];

#[test]
fn words_in_other_places_than_a_turns_text_are_read() {
    for (dialect, turn) in ELSEWHERE {
        let text = body(*dialect, &turn.replace("SECRET", SECRET));
        let found = view(*dialect, &text);
        assert!(words(&found).contains(SECRET), "{dialect:?} {turn}");
        assert!(found.text(found.sent()).contains(SECRET), "{dialect:?} {turn}");
        assert_eq!(found.unread.is_empty(), !turn.contains("something_new"), "{turn}: {}", found.unread);
    }
}

#[test]
fn content_that_is_no_words_is_noted() {
    use Dialect::{Anthropic, Gemini, OpenaiChat as Chat, OpenaiEmbeddings, OpenaiResponses as Responses};
    let part = |part: &str| format!(r#"{{"role":"user","content":[{part}]}}"#);
    let cases = [
        (Chat, part(r#"{"type":"image_url","image_url":{"url":"https://x.test/a.png"}}"#), "image"),
        (Chat, part(r#"{"type":"text","text":"a","image_url":{"url":"data:,x"}}"#), "image"),
        (Chat, part(r#"{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}"#), "audio"),
        (Chat, part(r#"{"type":"file","file":{"file_id":"f"}}"#), "file"),
        (Chat, part(r#"{"type":"video_url","video_url":{"url":"u"}}"#), "video"),
        (Chat, part(r#"{"type":"hologram","text":"a"}"#), "unknown"),
        (Chat, r#"{"role":"assistant","content":null,"audio":{"id":"a"}}"#.to_owned(), "audio"),
        (Responses, part(r#"{"type":"input_image","file_id":"f"}"#), "image, file"),
        (Responses, part(r#"{"type":"input_file","filename":"a.pdf","file_data":"AA"}"#), "file"),
        (Responses, r#"{"type":"item_reference","id":"msg_1"}"#.to_owned(), "reference"),
        (Responses, r#"{"type":"reasoning","summary":[],"encrypted_content":"AA"}"#.to_owned(), "sealed"),
        (Responses, r#"{"type":"compaction","encrypted_content":"AA"}"#.to_owned(), "sealed"),
        (Responses, r#"{"type":"image_generation_call","id":"i","result":"AA"}"#.to_owned(), "image"),
        (Responses, r#"{"type":"computer_call_output","call_id":"1","output":{"type":"computer_screenshot","image_url":"x"}}"#.to_owned(), "image"),
        (Responses, r#"{"type":"anything","x":1}"#.to_owned(), "unknown"),
        (Anthropic, part(r#"{"type":"image","source":{"type":"base64","data":"AA"}}"#), "image"),
        (Anthropic, part(r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA"}}"#), "file"),
        (Anthropic, part(r#"{"type":"document","source":{"type":"url","url":"https://x.test/a.pdf"}}"#), "file"),
        (Anthropic, part(r#"{"type":"document","source":{"type":"file","file_id":"f"}}"#), "file"),
        (Anthropic, part(r#"{"type":"redacted_thinking","data":"AA"}"#), "sealed"),
        (Anthropic, part(r#"{"type":"container_upload","file_id":"f"}"#), "file"),
        (Anthropic, part(r#"{"type":"tool_result","tool_use_id":"1","content":[{"type":"image","source":{}}]}"#), "image"),
        (Anthropic, part(r#"{"type":"web_search_tool_result","content":[{"type":"web_search_result","title":"t","encrypted_content":"AA"}]}"#), "sealed"),
        (OpenaiEmbeddings, "1,2,3".to_owned(), "tokens"),
        (OpenaiEmbeddings, "[1,2],[3]".to_owned(), "tokens"),
        (Gemini, r#"{"parts":[{"inlineData":{"mimeType":"image/png","data":"A"}}]}"#.to_owned(), "image"),
        (Gemini, r#"{"parts":[{"inlineData":{"mimeType":"audio/wav","data":"A"}}]}"#.to_owned(), "audio"),
        (Gemini, r#"{"parts":[{"fileData":{"fileUri":"gs://a"}}]}"#.to_owned(), "file"),
        (Gemini, r#"{"parts":[{"hologram":{"a":1}}]}"#.to_owned(), "unknown"),
    ];
    for (dialect, turn, kinds) in cases {
        let found = view(dialect, &body(dialect, &turn));
        assert_eq!(found.unread.to_string(), kinds, "{dialect:?} {turn}");
    }
    for (member, kinds) in [
        (r#""prompt":{"id":"p","variables":{"who":"date of birth"}}"#, "reference"),
        (r#""conversation":"conv_1""#, "reference"),
        (r#""previous_response_id":"resp_1""#, "reference"),
        (r#""prompt_token_ids":[[1,2]]"#, "tokens"),
        (r#""prompt_embeds":"AA""#, "tokens"),
        (r#""conversation":null"#, ""),
        (r#""include":["a"]"#, ""),
    ] {
        let text = format!(r#"{{"model":"m","input":"a",{member}}}"#);
        assert_eq!(view(Responses, &text).unread.to_string(), kinds, "{member}");
    }
    let plain = view(Chat, &body(Chat, r#"{"role":"user","content":[{"type":"text","text":"a"}]}"#));
    assert!(plain.unread.is_empty() && plain.aside.is_empty());
}

#[test]
fn no_member_hides_behind_another_spelling() {
    use Dialect::{Anthropic, OpenaiChat as Chat, OpenaiResponses as Responses};
    let tool = |tool: &str| format!(r#"{{"model":"m","messages":[],"tools":[{tool}]}}"#);
    let refused = [
        (Chat, body(Chat, r#"{"role":"user","content":"a","Content":"b"}"#)),
        (Chat, body(Chat, r#"{"role":"user","content":[{"type":"text","text":"a","TEXT":"b"}]}"#)),
        (Chat, body(Chat, r#"{"role":"assistant","tool_calls":[{"function":{"name":"a","Name":"b"}}]}"#)),
        (Chat, r#"{"model":"m","messages":[],"meſſages":[]}"#.to_owned()),
        (Chat, r#"{"model":"m","messages":[],"\u017ftream":true}"#.to_owned()),
        (Chat, tool(r#"{"type":"function","function":{"name":"a","name":"b"}}"#)),
        (Chat, tool(r#"{"type":"function","function":{"name":"a","n\u0061me":"b"}}"#)),
        (Chat, tool(r#"{"type":"function","function":{"name":"a","NAME":"b"}}"#)),
        (Chat, tool(r#"{"type":"function","function":{"name":"a"},"Function":{"name":"b"}}"#)),
        (Chat, tool(r#"{"type":"function","function":{"name":"a"},"name":"b"}"#)),
        (Chat, tool(r#"{"type":"function","function":{"name":"a"},"custom":{"name":"b"}}"#)),
        (Chat, tool(r#"{"type":"function","Type":"web_search","function":{"name":"a"}}"#)),
        (
            Responses,
            r#"{"model":"m","input":[{"type":"message","role":"user","content":"a","Type":"x"}]}"#.to_owned(),
        ),
        (
            Responses,
            r#"{"model":"m","input":"a","tools":[{"type":"function","name":"a","Name":"b"}]}"#.to_owned(),
        ),
        (
            Anthropic,
            r#"{"model":"m","max_tokens":1,"messages":[],"tools":[{"name":"a","type":"x","type":"y"}]}"#
                .to_owned(),
        ),
    ];
    for (dialect, text) in refused {
        let shown = peek(dialect, Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).unwrap_err();
        assert!(shown.to_string().contains("given twice"), "{text}: {shown}");
    }
    let nested = [
        (Chat, tool(r#"{"type":"function","function":{"name":"a","tools":[{"name":"b"}]}}"#)),
        (Chat, tool(r#"{"type":"group","name":"a","functions":[{"name":"b"}]}"#)),
        (Responses, r#"{"model":"m","input":"a","tools":[{"type":"namespace","name":"a","tools":[{"type":"function","name":"b"}]}]}"#.to_owned()),
        (Responses, r#"{"model":"m","input":"a","tools":[{"type":"function","name":"a","function":{"name":"b"}}]}"#.to_owned()),
        (Anthropic, r#"{"model":"m","max_tokens":1,"messages":[],"tools":[{"name":"a","Toolset":[{"name":"b"}]}]}"#.to_owned()),
    ];
    for (dialect, text) in nested {
        assert!(view(dialect, &text).tools[0].nested, "{text}");
    }
    assert!(
        !view(Chat, &tool(r#"{"type":"function","function":{"name":"a","parameters":{"tools":[]}}}"#)).tools
            [0]
        .nested
    );
}
