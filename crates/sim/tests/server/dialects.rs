//! The same answer in every conversation dialect.

use crate::client::{Answer, fast, send};
use serde_json::{Value, json};

async fn post(path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let server = fast().await;
    send(server.addr(), &format!("POST {path}"), headers, &body.to_string()).await.unwrap()
}

fn anthropic(stream: bool) -> Value {
    json!({"model": "sim-small", "max_tokens": 500, "stream": stream,
        "messages": [{"role": "user", "content": "Hello there"}]})
}

#[tokio::test]
async fn anthropic_messages() {
    let whole = post("/v1/messages", &[], &anthropic(false)).await.json();
    assert_eq!((whole["type"].as_str(), whole["stop_reason"].as_str()), (Some("message"), Some("end_turn")));
    let text = whole["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("sim-small here (sim-0). You asked: Hello there"));
    let stream = post("/v1/messages", &[], &anthropic(true)).await;
    let told: String = data(&stream).iter().filter_map(|e| e["delta"]["text"].as_str()).collect();
    assert_eq!(told, text);
    assert!(
        stream.text().starts_with("event: message_start\n")
            && stream.text().contains("event: message_stop\n")
    );
    let last = data(&stream).into_iter().find(|e| e["type"] == "message_delta").unwrap();
    assert_eq!(last["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
    let counted = post("/v1/messages/count_tokens", &[], &anthropic(false)).await.json();
    assert_eq!(counted["input_tokens"], whole["usage"]["input_tokens"]);
}

#[tokio::test]
async fn openai_responses() {
    let body = json!({"model": "sim-small", "input": "Hello there"});
    let whole = post("/v1/responses", &[], &body).await.json();
    assert_eq!((whole["object"].as_str(), whole["status"].as_str()), (Some("response"), Some("completed")));
    let text = whole["output"][0]["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("sim-small here"));
    let body = json!({"model": "sim-small", "input": "Hello there", "stream": true});
    let stream = post("/v1/responses", &[], &body).await;
    let events = data(&stream);
    let deltas = events.iter().filter(|e| e["type"] == "response.output_text.delta");
    assert_eq!(deltas.filter_map(|e| e["delta"].as_str()).collect::<String>(), text);
    assert_eq!(events.last().unwrap()["type"], "response.completed");
}

#[tokio::test]
async fn gemini() {
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "Hello there"}]}]});
    let whole = post("/v1beta/models/sim-small:generateContent", &[], &body).await.json();
    let text = whole["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("sim-small here"));
    let stream = post("/v1beta/models/sim-small:streamGenerateContent?alt=sse", &[], &body).await;
    let parts = data(&stream);
    let told = parts.iter().filter_map(|e| e["candidates"][0]["content"]["parts"][0]["text"].as_str());
    assert_eq!(told.collect::<String>(), text);
    assert_eq!(parts.last().unwrap()["candidates"][0]["finishReason"], "STOP");
}

#[tokio::test]
async fn errors_and_faults_speak_the_dialect() {
    let fault = [("x-sim-fault", "status=503")];
    let refused = post("/v1/messages", &fault, &anthropic(false)).await;
    assert_eq!((refused.status, refused.json()["error"]["type"].as_str()), (503, Some("overloaded_error")));
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    let limited =
        post("/v1beta/models/sim-small:generateContent", &[("x-sim-fault", "status=429:3")], &body).await;
    assert_eq!(limited.header("retry-after"), Some("3"));
    assert_eq!(limited.json()["error"]["status"], "RESOURCE_EXHAUSTED");
    let event = post("/v1/messages", &[("x-sim-fault", "error_event=4")], &anthropic(true)).await;
    assert!(event.complete && event.text().contains("event: error\n"));
    let cut = post("/v1/messages", &[("x-sim-fault", "cut=4")], &anthropic(true)).await;
    assert!(!cut.complete && !cut.text().contains("message_stop"));
    let bad = post("/v1/messages", &[], &json!({"model": "sim-small", "messages": 3})).await;
    assert_eq!((bad.status, bad.json()["type"].as_str()), (400, Some("error")));
}

/// The data of each event that is JSON.
fn data(answer: &Answer) -> Vec<Value> {
    let lines = answer.text().lines().filter_map(|line| line.strip_prefix("data: "));
    lines.filter_map(|data| serde_json::from_str(data).ok()).collect()
}
