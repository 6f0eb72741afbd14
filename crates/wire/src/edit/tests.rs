use super::*;
use crate::peek::{Limits, peek};
use proptest::prelude::*;
use serde_json::{Value, json};

fn edited(dialect: Dialect, body: &str, edit: impl FnOnce(&mut Edits<'_>)) -> String {
    let view = peek(dialect, Bytes::copy_from_slice(body.as_bytes()), &Limits::default()).unwrap();
    let mut edits = Edits::new(&view);
    edit(&mut edits);
    let bytes = edits.apply().unwrap();
    validate(&bytes, DEPTH_MAX).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

use Dialect::{Anthropic, Gemini, OpenaiChat as Chat, OpenaiResponses as Resp};

#[test]
fn system_messages_change_in_their_own_form() {
    use SystemEdit::{Append, Prepend, Replace};
    let cases = [
        (
            Chat,
            Append,
            r#"{"model":"m","messages":[]}"#,
            r#"{"model":"m","messages":[{"role":"system","content":"N"}]}"#,
        ),
        (
            Chat,
            Append,
            r#"{"model":"m","messages":[ {"role":"developer","content":"a\"b"}, {"role":"user","content":"u"}]}"#,
            r#"{"model":"m","messages":[ {"role":"developer","content":"a\"b\n\nN"}, {"role":"user","content":"u"}]}"#,
        ),
        (
            Chat,
            Prepend,
            r#"{"model":"m","messages":[{"content":[{"type":"text","text":"a"}],"role":"system"}]}"#,
            r#"{"model":"m","messages":[{"content":[{"type":"text","text":"N"},{"type":"text","text":"a"}],"role":"system"}]}"#,
        ),
        (
            Chat,
            Replace,
            r#"{"model":"m","messages":[{"role":"developer","content":"a"},{"role":"user","content":"u"},{"role":"system","content":"b"}]}"#,
            r#"{"model":"m","messages":[{"role":"developer","content":"N"},{"role":"user","content":"u"}]}"#,
        ),
    ];
    for (dialect, how, before, after) in cases {
        assert_eq!(edited(dialect, before, |e| e.system(how, "N").unwrap()), after);
    }
}

#[test]
fn separate_system_fields_change_in_their_own_form() {
    use SystemEdit::{Append, Prepend, Replace};
    let cases = [
        (
            Anthropic,
            Append,
            r#"{"model":"m","max_tokens":1,"messages":[]}"#,
            r#"{"model":"m","max_tokens":1,"messages":[],"system":"N"}"#,
        ),
        (
            Anthropic,
            Append,
            r#"{"model":"m","max_tokens":1,"messages":[],"system":[{"type":"text","text":"a","cache_control":{}}]}"#,
            r#"{"model":"m","max_tokens":1,"messages":[],"system":[{"type":"text","text":"a","cache_control":{}},{"type":"text","text":"N"}]}"#,
        ),
        (
            Anthropic,
            Replace,
            r#"{"model":"m","max_tokens":1,"messages":[],"system":[]}"#,
            r#"{"model":"m","max_tokens":1,"messages":[],"system":"N"}"#,
        ),
        (
            Resp,
            Prepend,
            r#"{"model":"m","input":"i","instructions":"a"}"#,
            r#"{"model":"m","input":"i","instructions":"N\n\na"}"#,
        ),
        (
            Resp,
            Append,
            r#"{"model":"m","input":"i","instructions":null}"#,
            r#"{"model":"m","input":"i","instructions":"N"}"#,
        ),
        (
            Gemini,
            Append,
            r#"{"contents":[]}"#,
            r#"{"contents":[],"systemInstruction":{"parts":[{"text":"N"}]}}"#,
        ),
        (
            Gemini,
            Prepend,
            r#"{"contents":[],"system_instruction":{"parts":[{"text":"a"}]}}"#,
            r#"{"contents":[],"system_instruction":{"parts":[{"text":"N"},{"text":"a"}]}}"#,
        ),
    ];
    for (dialect, how, before, after) in cases {
        assert_eq!(edited(dialect, before, |e| e.system(how, "N").unwrap()), after);
    }
    let several = edited(Chat, r#"{"model":"m","messages":[]}"#, |e| {
        e.system(Replace, "b").unwrap();
        e.system(Prepend, "a").unwrap();
        e.system(Append, "c").unwrap();
    });
    assert_eq!(several, r#"{"model":"m","messages":[{"role":"system","content":"a\n\nb\n\nc"}]}"#);
}

#[test]
fn tools_go_with_every_mention() {
    let chat = |choice: &str| {
        format!(
            r#"{{"model":"m","messages":[],"tools":[{{"type":"function","function":{{"name":"a"}}}}, {{"type":"function","function":{{"name":"b"}}}}],{choice}"parallel_tool_calls":true}}"#
        )
    };
    let one = r#""tools":[{"type":"function","function":{"name":"a"}}]"#;
    let drop_b = |body: &str| edited(Chat, body, |e| assert_eq!(e.keep_tools(|n| n != "b").unwrap(), 1));
    let named = chat(r#""tool_choice":{"type":"function","function":{"name":"b"}},"#);
    assert_eq!(drop_b(&named), format!(r#"{{"model":"m","messages":[],{one},"parallel_tool_calls":true}}"#));
    let listed = chat(
        r#""tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"b"}},{"type":"function","function":{"name":"a"}}]}},"#,
    );
    assert!(
        drop_b(&listed).contains(r#""mode":"auto","tools":[{"type":"function","function":{"name":"a"}}]}"#)
    );
    let kept = chat(r#""tool_choice":{"type":"function","function":{"name":"a"}},"#);
    assert!(drop_b(&kept).contains("tool_choice"));
    assert_eq!(edited(Chat, &named, |e| drop(e.keep_tools(|_| false))), r#"{"model":"m","messages":[]}"#);
    let anthropic = r#"{"tools":[{"name":"a"},{"type":"bash_1","name":"bash"}],"tool_choice":{"type":"tool","name":"bash"},"model":"m","max_tokens":1,"messages":[]}"#;
    assert_eq!(
        edited(Anthropic, anthropic, |e| drop(e.keep_tools(|n| n == "a"))),
        r#"{"tools":[{"name":"a"}],"model":"m","max_tokens":1,"messages":[]}"#
    );
    let gemini = r#"{"contents":[],"tools":[{"functionDeclarations":[{"name":"a"},{"name":"b"}]},{"googleSearch":{}}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["b","a"]}}}"#;
    assert_eq!(
        edited(Gemini, gemini, |e| drop(e.keep_tools(|n| n == "a"))),
        r#"{"contents":[],"tools":[{"functionDeclarations":[{"name":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["a"]}}}"#
    );
}

#[test]
fn usage_model_masks_and_conflicts() {
    let with = |options: &str| format!(r#"{{"model":"m","messages":[]{options}}}"#);
    for (before, after) in [
        ("", r#","stream_options":{"include_usage":true}"#),
        (r#","stream_options":{}"#, r#","stream_options":{"include_usage":true}"#),
        (r#","stream_options":{"x":1}"#, r#","stream_options":{"x":1,"include_usage":true}"#),
        (r#","stream_options":{"include_usage":false}"#, r#","stream_options":{"include_usage":true}"#),
        (r#","stream_options":{"include_usage": true}"#, r#","stream_options":{"include_usage": true}"#),
        (r#","stream_options":null"#, r#","stream_options":{"include_usage":true}"#),
    ] {
        assert_eq!(edited(Chat, &with(before), |e| e.include_usage().unwrap()), with(after));
    }
    let body = r#"{"model":"m","messages":[{"role":"user","content":"call\n caf\u00e9 555-1234 now"}]}"#;
    let view = peek(Chat, body.into(), &Limits::default()).unwrap();
    let text = view.messages[0].text[0];
    let mut edits = Edits::new(&view);
    edits.mask(text, 12..20, "[\"phone\"]").unwrap();
    assert!(edits.mask(text, 10..11, "x").is_err(), "inside a character");
    assert!(edits.mask(text, 0..99, "x").is_err());
    let out = edits.apply().unwrap();
    assert_eq!(
        out,
        r#"{"model":"m","messages":[{"role":"user","content":"call\n caf\u00e9 [\"phone\"] now"}]}"#
    );
    let mut edits = Edits::new(&view);
    edits.mask(text, 0..4, "x").unwrap();
    edits.mask(text, 3..6, "y").unwrap();
    assert!(matches!(edits.apply(), Err(WireError::Edit { .. })));
    let mut edits = Edits::new(&view);
    edits.mask(text, 0..4, "x").unwrap();
    edits.set("messages", *b"[]").unwrap();
    assert!(edits.apply().is_err());
    assert!(Edits::new(&view).set("seed", *b"1,").is_err());
    assert_eq!(Edits::new(&view).apply().unwrap().as_ptr(), view.body.as_ptr(), "no edit, no copy");
}

#[derive(Clone, Debug)]
enum Step {
    Set(u8, i8),
    Remove(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![(0u8..9, any::<i8>()).prop_map(|(k, v)| Step::Set(k, v)), (0u8..9).prop_map(Step::Remove)]
}

proptest! {
    #[test]
    fn agrees_with_an_edit_of_the_tree(
        keys in prop::collection::btree_set(0u8..9, 0..7), steps in prop::collection::vec(step(), 0..8),
        spaces in prop::sample::select(vec!["", " ", "\n  "]),
    ) {
        let members: Vec<String> = keys.iter().map(|k| format!("{spaces}\"k{k}\"{spaces}:{spaces}{{\"v\":1.0e{k}}}")).collect();
        let comma = if members.is_empty() { "" } else { "," };
        let body = format!("{spaces}{{\"model\":\"m\",\"messages\":[]{comma}{}{spaces}}}{spaces}", members.join(&format!("{spaces},")));
        let mut tree: Value = serde_json::from_str(&body).unwrap();
        let mut touched = BTreeSet::new();
        let out = edited(Chat, &body, |edits| {
            for step in &steps {
                match step {
                    Step::Set(k, v) => {
                        touched.insert(*k);
                        tree[format!("k{k}")] = json!(v);
                        edits.set(&format!("k{k}"), v.to_string()).unwrap();
                    }
                    Step::Remove(k) => {
                        touched.insert(*k);
                        tree.as_object_mut().unwrap().remove(&format!("k{k}"));
                        edits.remove(&format!("k{k}"));
                    }
                }
            }
        });
        prop_assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), tree);
        // What was not touched keeps its bytes, spelling and order.
        let mut from = 0;
        for k in keys.difference(&touched) {
            let bytes = format!("\"k{k}\"{spaces}:{spaces}{{\"v\":1.0e{k}}}");
            let at = out[from..].find(&bytes);
            prop_assert!(at.is_some(), "{} lost in {}", bytes, out);
            from += at.unwrap() + bytes.len();
        }
    }

    #[test]
    fn masks_only_the_range(text in "[a-zé😀\"\\\\\n]{0,30}", a in 0usize..60, b in 0usize..60, with in "[x\"\n]{0,4}") {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]}).to_string();
        let view = peek(Chat, body.into(), &Limits::default()).unwrap();
        let mut edits = Edits::new(&view);
        let range = a.min(b)..a.max(b);
        let done = edits.mask(view.messages[0].text[0], range.clone(), &with);
        prop_assert_eq!(done.is_ok(), text.get(range.clone()).is_some());
        if done.is_ok() {
            let again = peek(Chat, edits.apply().unwrap(), &Limits::default()).unwrap();
            let expected = [&text[..range.start], &with, &text[range.end..]].concat();
            prop_assert_eq!(again.text(again.messages[0].text[0]), expected);
        }
    }
}
