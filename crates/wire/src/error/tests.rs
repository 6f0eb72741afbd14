use super::*;
use proptest::prelude::*;
use serde_json::Value;
use tollgate_core::{Blame, Exposure, Retry};

fn kind(status: u16, body: &str) -> FaultKind {
    classify(Some(status), body.as_bytes()).fault.kind
}

#[test]
fn context_overflows_are_known_in_every_spelling() {
    let cases = [
        (
            400,
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
        ),
        (
            400,
            r#"{"error":{"message":"Your input exceeds the context window of this model.","code":"context_length_exceeded"}}"#,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"}}"#,
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#,
        ),
        (400, r#"{"message":"Input is too long for requested model."}"#),
        (
            400,
            r#"{"object":"error","message":"The decoder prompt (length 9000) is longer than the maximum model length of 4096."}"#,
        ),
        (
            400,
            r#"{"error":{"message":"The input (9000 tokens) is longer than the model's context length (4096 tokens)."}}"#,
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
        ),
        (
            400,
            r#"{"object":"error","message":"Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length"}"#,
        ),
        (422, r#"{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097"}"#),
        (413, r#"{"error":{"message":"Please reduce the length of the messages or completion."}}"#),
        (500, r#"{"error":"the input length exceeds the context length"}"#),
    ];
    for (status, body) in cases {
        let fault = classify(Some(status), body.as_bytes()).fault;
        assert_eq!((fault.kind, fault.retry), (FaultKind::ContextTooLong, Retry::Elsewhere), "{body}");
    }
}

#[test]
fn overloaded_statuses_are_told_apart() {
    let cases = [
        (401, r#"{"error":{"message":"Incorrect API key provided: sk-abc"}}"#, FaultKind::UpstreamDenied),
        (
            400,
            r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}"#,
            FaultKind::UpstreamDenied,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#,
            FaultKind::UpstreamDenied,
        ),
        (402, r#"{"error":{"message":"Insufficient Balance"}}"#, FaultKind::UpstreamDenied),
        (403, "{}", FaultKind::UpstreamDenied),
        (
            429,
            r#"{"error":{"code":"insufficient_quota","message":"You exceeded your current quota, please check your plan and billing details."}}"#,
            FaultKind::UpstreamDenied,
        ),
        (
            429,
            r#"{"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED"}}"#,
            FaultKind::LimitReached,
        ),
        (
            413,
            r#"{"error":{"message":"Request too large for model: tokens per minute (TPM)","code":"rate_limit_exceeded"}}"#,
            FaultKind::LimitReached,
        ),
        (413, "", FaultKind::TooLarge),
        (400, r#"{"error":{"message":"temperature must be a number"}}"#, FaultKind::BadRequest),
        (422, "", FaultKind::BadRequest),
        (404, r#"{"error":{"message":"The model `x` does not exist"}}"#, FaultKind::NotFound),
        (408, "", FaultKind::Timeout),
        (504, "<html>gateway</html>", FaultKind::Timeout),
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            FaultKind::Unavailable,
        ),
        (503, "no healthy upstream", FaultKind::Unavailable),
        (500, "oops", FaultKind::UpstreamFailed),
        (502, "", FaultKind::UpstreamFailed),
    ];
    for (status, body, expected) in cases {
        assert_eq!(kind(status, body), expected, "{status} {body}");
    }
    let denied = classify(Some(401), b"{}").fault;
    assert_eq!((denied.blame, denied.exposure), (Blame::Us, Exposure::Private));
    let bad = classify(Some(400), br#"{"error":{"message":"no\nsuch field"}}"#).fault;
    assert_eq!((bad.blame, bad.retry), (Blame::Caller, Retry::Never));
    assert_eq!(bad.message, "upstream answered 400: no such field");
}

/// Where each provider quotes the caller in a 400: `{}` stands for the caller's words.
const QUOTES: &[&str] = &[
    r#"{"error":{"message":"An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}","type":"invalid_request_error","param":"messages","code":null}}"#,
    r#"{"error":{"message":"Invalid value: '{}'. Supported values are: 'none', 'auto', and 'required'.","type":"invalid_request_error","param":"tool_choice","code":"invalid_value"}}"#,
    r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."},"request_id":"req_1"}"#,
    r#"{"error":{"code":400,"message":"Invalid value at 'tool_config.function_calling_config.mode' (type.googleapis.com/google.ai.generativelanguage.v1beta.FunctionCallingConfig.Mode), \"{}\"","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"tool_config","description":"{}"}]}]}}"#,
    r#"{"object":"error","message":"[{'type': 'float_parsing', 'loc': ('body', 'temperature'), 'msg': 'Input should be a valid number', 'input': '{}'}]","type":"BadRequestError","param":null,"code":400}"#,
    r#"{"detail":[{"type":"float_parsing","loc":["body","temperature"],"msg":"Input should be a valid number","input":"{}"}]}"#,
    r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{}","provider_name":"x"}}}"#,
    r#"{"__type":"ValidationException","message":"The tool name {} is not in the conversation"}"#,
    r#"{"object":"error","message":{"detail":[{"type":"literal_error","loc":["body","tool_choice"],"msg":"bad","input":"{}","ctx":{"code":"{}","type":"{}"}}]},"type":"invalid_request_error"}"#,
    r#"{"error":"invalid options: {}"}"#,
];

#[test]
fn what_an_upstream_quotes_of_the_caller_blames_nobody_else() {
    let phrases = classify::PHRASES.iter().copied().flatten();
    for (phrase, body) in phrases.flat_map(|phrase| QUOTES.iter().map(move |body| (phrase, body))) {
        let quoted = body.replace("{}", &phrase.replace('"', ""));
        for said in [quoted.clone(), quoted.to_uppercase(), quoted.replace(": {", ": x {")] {
            let Classified { fault, of_request, .. } = classify(Some(400), said.as_bytes());
            assert_eq!(fault.blame, Blame::Caller, "{said}");
            assert!(matches!(fault.kind, FaultKind::BadRequest | FaultKind::ContextTooLong), "{said}");
            assert!(of_request, "{said}");
        }
        // Whatever else a refusal of 403, 413 or 422 is taken for, it is of the request.
        assert!([403, 413, 422].iter().all(|status| classify(Some(*status), quoted.as_bytes()).of_request));
        // Inside a stream no words of a caller shut the upstream out.
        assert_ne!(classify(None, quoted.as_bytes()).fault.kind, FaultKind::UpstreamDenied, "{quoted}");
    }
}

#[test]
fn only_some_statuses_speak_of_the_key_by_themselves() {
    let of_request = |status, body: &str| classify(Some(status), body.as_bytes()).of_request;
    assert!([400, 403, 404, 409, 413, 415, 422].iter().all(|status| of_request(*status, "{}")));
    assert!(![401, 402, 408, 429, 500, 502, 503, 529].iter().any(|status| of_request(*status, "{}")));
    let afford = r#"{"error":{"message":"This request requires more credits, or fewer max_tokens. You requested up to 65535 tokens, but can only afford 1200.","code":402}}"#;
    assert!(of_request(402, afford), "who asks for less is served");
    assert!(!of_request(402, r#"{"error":{"message":"Insufficient credits","code":402}}"#));
    assert!(!classify(None, b"{}").of_request);
}

#[test]
fn pauses_are_read_from_bodies() {
    let cases: &[(&str, Option<u64>)] = &[
        (r#"{"error":{"message":"Rate limit reached. Please try again in 1.2s. Visit"}}"#, Some(1200)),
        (r#"{"error":{"message":"Please try again in 120ms."}}"#, Some(120)),
        (r#"{"error":{"message":"Please try again in 2m0s."}}"#, Some(120_000)),
        (r#"{"error":{"details":[{"@type":"RetryInfo","retryDelay":"34s"}]}}"#, Some(34_000)),
        (r#"{"error":{"message":"Please try again in 99999999999999999999s"}}"#, None),
        (r#"{"error":{"message":"Please try again in 999999999s"}}"#, Some(3_600_000)),
        (r#"{"error":{"message":"slow down"}}"#, None),
    ];
    for (body, expected) in cases {
        assert_eq!(classify(Some(429), body.as_bytes()).retry_after_ms, *expected, "{body}");
    }
}

#[test]
fn every_kind_has_its_status_and_shape() {
    assert_eq!(STATUSES.len(), 12);
    for (kind, status) in STATUSES {
        let fault = Fault::caller(*kind, "bad \"thing\"").at("messages[0]");
        for dialect in Dialect::ALL {
            let body: Value = serde_json::from_slice(&body(*dialect, &fault, Some(3))).unwrap();
            let message = body["error"]["message"].as_str().unwrap();
            assert_eq!(message, "messages[0]: bad \"thing\"");
            match dialect {
                Dialect::Anthropic => {
                    assert_eq!(body["type"], "error");
                    assert!(body["error"]["type"].is_string());
                }
                Dialect::Gemini => {
                    assert_eq!(body["error"]["code"], *status);
                    let paused = body["error"]["details"][0]["retryDelay"] == "3s";
                    assert_eq!(paused, retry_after_fits(*kind));
                }
                _ => assert_eq!(body["error"]["param"], "messages[0]"),
            }
        }
    }
}

#[test]
fn what_is_written_is_read_back() {
    let same =
        [FaultKind::LimitReached, FaultKind::Unavailable, FaultKind::ContextTooLong, FaultKind::Timeout];
    for kind in same {
        for dialect in [Dialect::OpenaiChat, Dialect::Gemini] {
            if kind == FaultKind::ContextTooLong && dialect == Dialect::Gemini {
                continue; // Gemini has no word of its own for it: the message tells.
            }
            let fault = Fault::upstream(kind, "x");
            let read = classify(Some(status(kind)), &body(dialect, &fault, None)).fault.kind;
            assert_eq!(read, kind, "{dialect:?}");
        }
    }
}

#[test]
fn private_messages_stay_inside_and_events_are_named() {
    let fault = Fault::internal("password is hunter2");
    for dialect in Dialect::ALL {
        assert!(!String::from_utf8_lossy(&body(*dialect, &fault, None)).contains("hunter2"));
        let event = String::from_utf8(sse(*dialect, &fault, 7)).unwrap();
        assert!(!event.contains("hunter2") && event.ends_with("\n\n"));
        let named = matches!(dialect, Dialect::Anthropic | Dialect::OpenaiResponses);
        assert_eq!(event.starts_with("event: error\n"), named);
    }
    let event = String::from_utf8(sse(Dialect::OpenaiResponses, &fault, 7)).unwrap();
    assert!(event.contains(r#""sequence_number":7"#));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), status in prop::option::of(any::<u16>())) {
        let _ = classify(status, &bytes);
        let _ = classify(status, &[b"{\"error\":{\"message\":\"try again in ", bytes.as_slice()].concat());
    }
}
