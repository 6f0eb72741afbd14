//! A real model answers. Needs a model file that is not in the repository:
//! `TOLLGATE_GGUF=FILE cargo test --release -p tollgate-sim --features gguf --test gguf -- --ignored`.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail a test")]

use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tollgate_sim::{Sim, SimConfig};

async fn chat(addr: SocketAddr, body: &Value) -> String {
    let body = body.to_string();
    let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n";
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
#[ignore = "needs a model file in TOLLGATE_GGUF"]
async fn a_real_model_knows_the_capital_of_france() {
    let path = std::env::var_os("TOLLGATE_GGUF").unwrap();
    let config = SimConfig { gguf: Some(path.into()), ..SimConfig::fast(&["smollm2"]) };
    let server = Sim::start(config).await.unwrap();
    let mut body = json!({"model": "smollm2", "max_tokens": 40, "temperature": 0,
        "messages": [{"role": "user", "content": "What is the capital of France?"}]});
    let answer = chat(server.addr(), &body).await;
    let whole: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let text = whole["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.contains("Paris"), "{text}");
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    // Greedy text is repeatable, and the stream says the same.
    body["stream"] = true.into();
    let stream = chat(server.addr(), &body).await;
    let data = stream.lines().filter_map(|l| l.strip_prefix("data: "));
    let events = data.filter_map(|d| serde_json::from_str::<Value>(d).ok());
    let told: String =
        events.filter_map(|e| e["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect();
    assert_eq!(told, text);
    body["max_tokens"] = 2.into();
    assert!(chat(server.addr(), &body).await.contains("\"finish_reason\":\"length\""));
}
