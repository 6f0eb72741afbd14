use super::*;
use proptest::prelude::*;
use serde_json::json;
use tollgate_core::FaultKind;

fn read(dialect: Dialect, framing: Framing, chunks: &[&[u8]]) -> Reading {
    let mut meter = Meter::new(dialect, framing);
    for chunk in chunks {
        meter.push(&Bytes::copy_from_slice(chunk));
    }
    meter.finish().clone()
}

/// Reads events one by one: after how many content was first seen, and the final reading.
fn stream(dialect: Dialect, events: &[&str]) -> (Option<usize>, Reading) {
    let mut meter = Meter::new(dialect, Framing::Sse);
    let mut first = None;
    for (i, event) in events.iter().enumerate() {
        let named = if dialect == Dialect::OpenaiChat { "" } else { "event: e\n" };
        meter.push(&format!("{named}data: {event}\n\n").into());
        if meter.reading().content && first.is_none() {
            first = Some(i);
        }
    }
    (first, meter.finish().clone())
}

fn usage(prompt: u64, cached: u64, cache_write: u64, completion: u64, reasoning: u64) -> Option<Usage> {
    Some(Usage { prompt, cached, cache_write, cache_write_1h: 0, completion, reasoning })
}

#[test]
fn reads_chat_streams() {
    let (first, got) = stream(
        Dialect::OpenaiChat,
        &[
            r#"{"id":"c1","model":"m","choices":[{"delta":{"role":"assistant","content":""}}],"usage":null}"#,
            r#"{"id":"c1","choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
            r#"{"id":"c1","choices":[{"delta":{"content":"a\u00e9"}}]}"#,
            r#"{"id":"c1","choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}}]}"#,
            r#"{"id":"c1","choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
            r#"{"id":"c1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
            "[DONE]",
        ],
    );
    assert_eq!(first, Some(1));
    assert_eq!((got.usage, got.finish), (usage(9, 4, 0, 5, 2), Some(Finish::ToolCalls)));
    assert_eq!((got.id.as_deref(), got.model.as_deref()), (Some("c1"), Some("m")));
    assert_eq!((got.output_bytes, got.complete, got.events, got.unread), (2 + 3 + 2, true, 7, 0));
    let (_, broken) = stream(
        Dialect::OpenaiChat,
        &[
            r#"{"choices":[{"delta":{"content":"x"}}]}"#,
            r#"{"error":{"message":"The server is overloaded","code":503}}"#,
        ],
    );
    assert!(!broken.complete);
    assert_eq!(broken.error.unwrap().fault.kind, FaultKind::Unavailable);
}

#[test]
fn an_event_may_span_lines() {
    let got = read(
        Dialect::OpenaiChat,
        Framing::Sse,
        &[b"data: {\"choices\":[\ndata: {\"delta\":{\"content\":\"x\"}}]}\n\n"],
    );
    assert_eq!((got.output_bytes, got.events, got.unread), (1, 1, 0));
}

#[test]
fn reads_anthropic_streams() {
    let (first, got) = stream(
        Dialect::Anthropic,
        &[
            r#"{"type":"message_start","message":{"id":"msg_1","model":"claude","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_read_input_tokens":5,"cache_creation_input_tokens":3,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":2},"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" you"}}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":7}}"#,
            r#"{"type":"message_stop"}"#,
        ],
    );
    assert_eq!(first, Some(3));
    let written = usage(18, 5, 3, 7, 0).map(|usage| Usage { cache_write_1h: 2, ..usage });
    assert_eq!((got.usage, got.finish), (written, Some(Finish::ToolCalls)));
    assert_eq!((got.id.as_deref(), got.complete, got.output_bytes), (Some("msg_1"), true, 8));
    let (_, broken) = stream(
        Dialect::Anthropic,
        &[r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#],
    );
    assert_eq!(broken.error.unwrap().fault.kind, FaultKind::Unavailable);
}

#[test]
fn reads_responses_streams() {
    let done = r#"{"type":"response.completed","sequence_number":9,"response":{"id":"resp_1","status":"completed","model":"m","error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"Hi you"}]}],"usage":{"input_tokens":3,"input_tokens_details":{"cached_tokens":1},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":1}}}}"#;
    let (first, got) = stream(
        Dialect::OpenaiResponses,
        &[
            r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","status":"in_progress","model":"m","output":[],"error":null}}"#,
            r#"{"type":"response.output_item.added","item":{"type":"message","id":"msg_1","content":[]}}"#,
            r#"{"type":"response.output_text.delta","sequence_number":2,"delta":"Hi"}"#,
            r#"{"type":"response.output_text.delta","sequence_number":3,"delta":" you"}"#,
            r#"{"type":"response.output_text.done","sequence_number":4,"text":"Hi you"}"#,
            done,
        ],
    );
    assert_eq!(first, Some(2));
    assert_eq!((got.usage, got.finish, got.complete), (usage(3, 1, 0, 2, 1), Some(Finish::Stop), true));
    assert_eq!((got.id.as_deref(), got.output_bytes), (Some("resp_1"), 6));
    let (first, got) = stream(
        Dialect::OpenaiResponses,
        &[
            r#"{"type":"response.output_item.added","item":{"type":"function_call","id":"fc","name":"f"}}"#,
            r#"{"type":"response.failed","response":{"id":"r","status":"failed","error":{"code":"rate_limit_exceeded","message":"slow down"}}}"#,
        ],
    );
    assert_eq!((first, got.complete), (Some(0), true));
    assert_eq!(got.error.unwrap().fault.kind, FaultKind::LimitReached);
    let (_, cut) = stream(
        Dialect::OpenaiResponses,
        &[
            r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}}"#,
        ],
    );
    assert_eq!((cut.finish, cut.complete), (Some(Finish::Length), true));
}

#[test]
fn reads_gemini_streams_and_json_bodies() {
    let (first, got) = stream(
        Dialect::Gemini,
        &[
            r#"{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"}}],"modelVersion":"g","responseId":"r"}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"thoughtsTokenCount":3,"cachedContentTokenCount":1}}"#,
        ],
    );
    assert_eq!((first, got.complete, got.usage), (Some(1), true, usage(4, 1, 0, 5, 3)));
    let (_, called) = stream(
        Dialect::Gemini,
        &[
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}]}"#,
        ],
    );
    assert_eq!(called.finish, Some(Finish::ToolCalls));
    let bodies = [
        (
            Dialect::OpenaiChat,
            r#"{"id":"c","model":"m","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
        ),
        (
            Dialect::Anthropic,
            r#"{"type":"message","id":"c","model":"m","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#,
        ),
        (
            Dialect::OpenaiResponses,
            r#"{"id":"c","object":"response","model":"m","status":"completed","error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":1,"output_tokens":2}}"#,
        ),
        (
            Dialect::Gemini,
            r#"[{"responseId":"c","modelVersion":"m","candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}]"#,
        ),
    ];
    for (dialect, body) in bodies {
        for cut in [0, 1, body.len() / 2] {
            let (head, tail) = body.as_bytes().split_at(cut);
            let got = read(dialect, Framing::Json, &[head, tail]);
            let expected = Reading {
                content: true,
                output_bytes: 2,
                usage: usage(1, 0, 0, 2, 0),
                finish: Some(Finish::Stop),
                id: Some("c".into()),
                model: Some("m".into()),
                complete: true,
                ..Reading::default()
            };
            assert_eq!(got, expected, "{dialect:?} cut at {cut}");
        }
    }
    let embedded = read(
        Dialect::OpenaiEmbeddings,
        Framing::Json,
        &[br#"{"data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":3}}"#],
    );
    assert_eq!((embedded.usage, embedded.complete), (usage(3, 0, 0, 0, 0), true));
    assert!(!read(Dialect::OpenaiChat, Framing::Json, &[b"{\"id\":"]).complete);
}

#[test]
fn bounds_hold_and_reading_goes_on_after_them() {
    let mut meter = Meter::bounded(Dialect::OpenaiChat, Framing::Sse, 64, 64);
    for chunk in [
        "data: {\"x\":\"",
        &"y".repeat(100),
        "\"}\n",
        "\ndata: {\"choices\":[{\"delta\":{\"content\":\"z\"}}]}\n\n",
    ] {
        meter.push(&Bytes::copy_from_slice(chunk.as_bytes()));
        assert!(meter.carry.capacity() <= 128);
    }
    assert_eq!((meter.reading().unread, meter.reading().output_bytes), (1, 1));
    let mut meter = Meter::bounded(Dialect::OpenaiChat, Framing::Json, 64, 64);
    for _ in 0..9 {
        meter.push(&Bytes::from_static(b"0123456789"));
    }
    assert_eq!((meter.finish().unread, meter.reading().complete), (1, false));
}

proptest! {
    #[test]
    fn any_split_and_any_text_give_the_same_reading(
        texts in prop::collection::vec("[a-z]{0,9}|\\PC{0,9}|[\"\\\\\n]{1,2}", 0..12),
        ends in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        cuts in prop::collection::vec(1usize..70, 0..40),
    ) {
        let mut bytes = Vec::new();
        for text in &texts {
            let event = json!({"id": "c", "choices": [{"delta": {"content": text}, "finish_reason": null}]});
            bytes.extend_from_slice(format!("data: {event}{ends}{ends}").as_bytes());
        }
        let mut chunks = Vec::new();
        let mut rest = bytes.as_slice();
        for cut in cuts {
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            chunks.push(head);
            rest = tail;
        }
        chunks.push(rest);
        let got = read(Dialect::OpenaiChat, Framing::Sse, &chunks);
        prop_assert_eq!(got.output_bytes, texts.iter().map(|t| t.len() as u64).sum::<u64>());
        prop_assert_eq!(got.events, texts.len() as u64);
        prop_assert_eq!(got.content, texts.iter().any(|t| !t.is_empty()));
        prop_assert_eq!(got.unread, 0);
    }

    #[test]
    fn counters_and_padding_change_nothing(
        texts in prop::collection::vec(("[a-z]{0,9}|[\"\\\\\n]{1,2}|\"sequence_number\":7", "[a-z0-9]{0,9}"), 0..12), start in 0u64..12,
    ) {
        let mut bytes = Vec::new();
        for (i, (text, padding)) in (start..).zip(&texts) {
            let event = json!({"type": "response.output_text.delta", "sequence_number": i, "delta": text, "obfuscation": padding});
            bytes.extend_from_slice(format!("event: response.output_text.delta\ndata: {event}\n\n").as_bytes());
        }
        let got = read(Dialect::OpenaiResponses, Framing::Sse, &[&bytes]);
        prop_assert_eq!(got.output_bytes, texts.iter().map(|(t, _)| t.len() as u64).sum::<u64>());
        prop_assert_eq!((got.events, got.unread), (texts.len() as u64, 0));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), which in 0usize..5, sse in any::<bool>()) {
        let framing = if sse { Framing::Sse } else { Framing::Json };
        let with_field = [b"data: ", bytes.as_slice(), b"\n\n"].concat();
        let _ = read(Dialect::ALL[which], framing, &[&bytes, &with_field]);
    }
}

/// The same stream in pieces of every kind of size.
fn metered(dialect: Dialect, stream: &str) -> Vec<Reading> {
    let sizes = [1 << 10, 7_777, 1 << 16, usize::MAX];
    let read = |size: usize| {
        let mut meter = Meter::bounded(dialect, Framing::Sse, 10_000, 10_000);
        stream
            .as_bytes()
            .chunks(size.min(stream.len()))
            .for_each(|piece| meter.push(&Bytes::copy_from_slice(piece)));
        meter.finish().clone()
    };
    sizes.into_iter().map(read).collect()
}

#[test]
fn an_event_too_long_to_hold_says_how_the_answer_ended_and_what_it_used() {
    let image = "iVBORw0KGgo".repeat(20_000);
    let said = r#"{\"type\":\"response.failed\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}"#;
    let whole = |kind: &str, status: &str, more: &str| {
        format!(
            "event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":9,\"response\":{{\"id\":\"resp_1\",\"object\":\"response\",\
             \"status\":\"{status}\",\"tools\":[{{\"type\":\"image_generation\"}}],\"output\":[{{\"type\":\"image_generation_call\",\
             \"result\":\"{image}\"}},{{\"type\":\"message\",\"content\":[{{\"type\":\"output_text\",\"text\":\"{said}\"}}]}}],{more}\
             \"usage\":{{\"input_tokens\":11,\"input_tokens_details\":{{\"cached_tokens\":5}},\"output_tokens\":22}},\"user\":null}}}}\n\n"
        )
    };
    let cases = [
        (whole("response.completed", "completed", ""), Some(Finish::Stop)),
        (
            whole(
                "response.incomplete",
                "incomplete",
                r#""incomplete_details":{"reason":"max_output_tokens"},"#,
            ),
            Some(Finish::Length),
        ),
    ];
    for (stream, finish) in cases {
        for read in metered(Dialect::OpenaiResponses, &stream) {
            let usage = read.usage.unwrap();
            assert_eq!((usage.prompt, usage.cached, usage.completion), (11, 5, 22));
            assert_eq!((read.complete, read.finish, read.error.is_none()), (true, finish, true));
        }
    }
    let gemini = format!(
        "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"inlineData\":{{\"mimeType\":\"image/png\",\"data\":\"{image}\"}}}}]}},\
         \"finishReason\":\"STOP\"}}],\"usageMetadata\":{{\"promptTokenCount\":11,\"candidatesTokenCount\":22}}}}\n\n"
    );
    for read in metered(Dialect::Gemini, &gemini) {
        let usage = read.usage.unwrap();
        assert_eq!((usage.prompt, usage.completion, read.complete, read.content), (11, 22, true, true));
    }
    let chat = format!(
        "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"images\":[\"{image}\"]}},\"finish_reason\":\"stop\"}}],\
         \"usage\":{{\"prompt_tokens\":11,\"completion_tokens\":22}}}}\n\n"
    );
    for read in metered(Dialect::OpenaiChat, &chat) {
        let usage = read.usage.unwrap();
        assert_eq!((usage.prompt, usage.completion, read.finish), (11, 22, Some(Finish::Stop)));
        assert!(!read.complete, "its end is told by another event");
    }
    // A long event that tells of no end leaves everything as it was.
    let partial = format!(
        "data: {{\"type\":\"response.image_generation_call.partial_image\",\"partial_image_b64\":\"{image}\",\"said\":\"{said}\"}}\n\n"
    );
    for read in metered(Dialect::OpenaiResponses, &partial) {
        assert_eq!((read.complete, read.finish, read.usage.is_none(), read.unread), (false, None, true, 1));
    }
}
