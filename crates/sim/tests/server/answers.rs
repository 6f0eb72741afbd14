//! What is answered when nothing goes wrong.

use crate::client::{chat, fast, get, hello, send, start};
use serde_json::{Value, json};
use tollgate_sim::engine::EngineConfig;
use tollgate_sim::{ModelRow, SimConfig};

#[tokio::test]
async fn equal_requests_get_equal_bytes() {
    let (a, b) = (fast().await, fast().await);
    for body in [hello(""), hello(r#""stream":true,"stream_options":{"include_usage":true}"#)] {
        let first = chat(a.addr(), &body).await;
        let second = chat(b.addr(), &body).await;
        assert_eq!((first.status, &first.body), (200, &second.body));
        assert!(first.complete);
    }
}

#[tokio::test]
async fn the_stream_says_what_the_whole_answer_says() {
    let config = SimConfig {
        models: vec![ModelRow { reasoning: true, ..ModelRow::named("sim-small") }],
        least_tokens: 200,
        ..SimConfig::fast(&[])
    };
    let server = start(config).await;
    let whole = chat(server.addr(), &hello("")).await.json();
    let stream =
        chat(server.addr(), &hello(r#""stream":true,"stream_options":{"include_usage":true}"#)).await;
    let message = &whole["choices"][0]["message"];
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    assert_eq!(message["content"], stream.deltas("content"));
    assert_eq!(message["reasoning_content"], stream.deltas("reasoning_content"));
    assert!(
        message["content"].as_str().unwrap().starts_with("sim-small here (sim-0). You asked: Hello there")
    );
    let events = stream.events();
    let [.., end, usage, done] = events.as_slice() else { panic!() };
    assert_eq!((end["choices"][0]["finish_reason"].as_str(), done.as_str()), (Some("stop"), Some("[DONE]")));
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["completion_tokens"], whole["usage"]["completion_tokens"]);
    // One event a token: role + tokens + end + usage + done.
    assert_eq!(events.len() as u64, whole["usage"]["completion_tokens"].as_u64().unwrap() + 4);
    assert!(whole["usage"]["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn usage_is_in_the_stream_only_when_asked_for() {
    let server = fast().await;
    let stream = chat(server.addr(), &hello(r#""stream":true"#)).await;
    assert!(stream.events().iter().all(|e| e.get("usage").is_none()));
    assert!(stream.text().ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn a_limit_ends_with_length() {
    let server = fast().await;
    let whole = chat(server.addr(), &hello(r#""max_tokens":3"#)).await.json();
    assert_eq!(whole["choices"][0]["finish_reason"], "length");
    assert_eq!(whole["usage"]["completion_tokens"], 3);
}

#[tokio::test]
async fn tools_are_called_in_parallel_and_in_pieces() {
    let server = fast().await;
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {}}});
    let mut body = json!({"model": "sim-small", "tools": [tool("look"), tool("find")], "messages":
        [{"role": "user", "content": "call look with {\"city\": \"Paris\"} and call find with {\"q\":[1,2]}"}]});
    let whole = chat(server.addr(), &body.to_string()).await.json();
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
    let calls = whole["choices"][0]["message"]["tool_calls"].as_array().unwrap();
    assert_eq!(calls[0]["function"], json!({"name": "look", "arguments": "{\"city\": \"Paris\"}"}));
    assert_eq!(calls[1]["function"], json!({"name": "find", "arguments": "{\"q\":[1,2]}"}));
    body["stream"] = true.into();
    let stream = chat(server.addr(), &body.to_string()).await;
    for (index, call) in calls.iter().enumerate() {
        let events = stream.events();
        let deltas: Vec<&Value> = events
            .iter()
            .map(|e| &e["choices"][0]["delta"]["tool_calls"][0])
            .filter(|d| d["index"] == json!(index))
            .collect();
        assert_eq!(deltas[0]["id"], call["id"]);
        let arguments: String = deltas.iter().filter_map(|d| d["function"]["arguments"].as_str()).collect();
        assert_eq!(call["function"]["arguments"], arguments);
        assert!(deltas.len() > 3);
    }
    // The tool's result is answered in words, not with another call.
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
    messages.push(json!({"role": "tool", "tool_call_id": calls[0]["id"], "content": "sunny"}));
    let told = chat(server.addr(), &body.to_string()).await;
    assert!(told.deltas("content").contains("The tool answered: sunny"));
}

#[tokio::test]
async fn the_next_turn_finds_its_prefix_cached() {
    let server = start(SimConfig { least_tokens: 100, ..SimConfig::fast(&["sim-small"]) }).await;
    let first = chat(server.addr(), &hello("")).await.json();
    let said = &first["choices"][0]["message"]["content"];
    let body = json!({"model": "sim-small", "messages": [{"role": "user", "content": "Hello there"},
        {"role": "assistant", "content": said}, {"role": "user", "content": "Go on"}]});
    let usage = &chat(server.addr(), &body.to_string()).await.json()["usage"];
    let cached = usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap();
    // Everything up to the last full block of the first answer.
    let before = first["usage"]["total_tokens"].as_u64().unwrap();
    assert!(cached % 16 == 0 && cached + 32 > before, "{cached} of {before}");
}

#[tokio::test]
async fn embeddings_and_models() {
    let server = fast().await;
    let body = r#"{"model":"sim-small","input":["one","two"]}"#;
    let answer = send(server.addr(), "POST /v1/embeddings", &[], body).await.unwrap().json();
    assert_eq!(answer["data"][1]["embedding"].as_array().unwrap().len(), 256);
    let models = get(server.addr(), "/v1/models").await.json();
    assert_eq!(models["data"][0]["id"], "sim-small");
    assert_eq!(get(server.addr(), "/v1/models/sim-small").await.json()["max_model_len"], 32_768);
    assert_eq!(get(server.addr(), "/v1/models/none").await.status, 404);
    assert_eq!(get(server.addr(), "/health").await.status, 200);
    assert_eq!(get(server.addr(), "/nowhere").await.status, 404);
    assert_eq!(get(server.addr(), "/v1/chat/completions").await.status, 405);
}

#[tokio::test]
async fn errors_have_the_dialects_shape() {
    let small = EngineConfig { max_model_len: 64, ..EngineConfig::default() };
    let config = SimConfig {
        engine: small,
        max_body: 2000,
        api_key: Some("k".into()),
        ..SimConfig::fast(&["sim-small"])
    };
    let server = start(config).await;
    let with_key = [("authorization", "Bearer k")];
    let send = |body: String| {
        let addr = server.addr();
        async move { send(addr, "POST /v1/chat/completions", &with_key, &body).await.unwrap() }
    };
    assert_eq!(chat(server.addr(), &hello("")).await.status, 401);
    let unknown = send(hello("").replace("sim-small", "gpt")).await;
    assert_eq!((unknown.status, unknown.json()["error"]["code"].as_str()), (404, Some("model_not_found")));
    let long = send(hello(r#""max_tokens":60"#)).await;
    assert_eq!((long.status, long.json()["error"]["code"].as_str()), (400, Some("context_length_exceeded")));
    assert!(
        long.json()["error"]["message"].as_str().unwrap().contains("maximum context length is 64 tokens")
    );
    let bad = send(r#"{"model":"sim-small","messages":[{"role":"x"}]}"#.into()).await;
    assert_eq!((bad.status, bad.json()["error"]["param"].as_str()), (400, Some("messages[0].role")));
    assert_eq!(send(hello(&format!("\"x\":{:?}", "y".repeat(3000)))).await.status, 413);
}
