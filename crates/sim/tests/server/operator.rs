//! What an operator sees: metrics, the journal, the engine's state, stopping.

use crate::client::{chat, fast, get, hello, send, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_sim::SimConfig;
use tollgate_sim::engine::EngineConfig;
use tollgate_sim::server::digest_of;

#[tokio::test]
async fn metrics_have_the_engines_names() {
    let server = fast().await;
    chat(server.addr(), &hello("")).await;
    let text = String::from_utf8(get(server.addr(), "/metrics").await.body).unwrap();
    for line in [
        "vllm:num_requests_running{engine=\"0\",model_name=\"sim-small\"} 0",
        "vllm:num_requests_waiting{engine=\"0\",model_name=\"sim-small\"} 0",
        "vllm:kv_cache_usage_perc{engine=\"0\",model_name=\"sim-small\"} 0",
        "vllm:time_to_first_token_seconds_count{engine=\"0\",model_name=\"sim-small\"} 1",
        "vllm:request_success_total{engine=\"0\",model_name=\"sim-small\",finished_reason=\"stop\"} 1",
    ] {
        assert!(text.contains(line), "{line} not in\n{text}");
    }
}

#[tokio::test]
async fn the_journal_shows_what_was_received() {
    let server =
        start(SimConfig { journal: 2, journal_bodies: true, ..SimConfig::fast(&["sim-small"]) }).await;
    for i in 0..3 {
        let headers = [("authorization", "Bearer secret"), ("x-request-id", "r-1")];
        let body = hello(&format!("\"seed\":{i}"));
        send(server.addr(), "POST /v1/chat/completions", &headers, &body).await.unwrap();
    }
    let shown = get(server.addr(), "/sim/requests?last=1").await;
    assert!(!shown.text().contains("secret"));
    let journal = shown.json();
    assert_eq!((journal["total"].as_u64(), journal["requests"].as_array().unwrap().len()), (Some(3), 1));
    let entry = &journal["requests"][0];
    assert_eq!((entry["seq"].as_u64(), entry["status"].as_u64()), (Some(3), Some(200)));
    assert_eq!(entry["body"], hello("\"seed\":2"));
    assert_eq!(entry["headers"][2], serde_json::json!(["authorization", digest_of("Bearer secret")]));
    assert!(entry["tokens"].as_u64().unwrap() > 0);
    assert_eq!(get(server.addr(), "/sim/requests").await.json()["requests"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_full_queue_refuses_with_retry_after() {
    // Real time and endless steps: the first request runs, the second waits, the third is refused.
    let engine = EngineConfig {
        max_num_seqs: 1,
        max_waiting: 1,
        step_ns: 3_600_000_000_000,
        ..EngineConfig::default()
    };
    let config = SimConfig { engine, speed: 1.0, drain_ms: 0, ..SimConfig::fast(&["sim-small"]) };
    let server = start(config).await;
    let mut open = Vec::new();
    for want in [(1, 0), (1, 1)] {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        let body = hello("\"stream\":true");
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: s\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        // The headers come at once, the tokens after an hour.
        stream.read_exact(&mut [0; 64]).await.unwrap();
        open.push(stream);
        until(server.addr(), want).await;
    }
    let refused = chat(server.addr(), &hello("")).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    // A client that goes away gives its job up; the next one is admitted when the step ends.
    open.remove(0);
    until(server.addr(), (0, 1)).await;
    server.stop().await;
}

/// Asks until the engine runs and waits with so many requests.
async fn until(addr: std::net::SocketAddr, (running, waiting): (u64, u64)) {
    for _ in 0..10_000 {
        let state = get(addr, "/sim/state").await.json();
        if (state["running"].as_u64(), state["waiting"].as_u64()) == (Some(running), Some(waiting)) {
            return;
        }
    }
    panic!("never {running} running and {waiting} waiting");
}

#[tokio::test]
async fn a_stop_lets_an_open_stream_end() {
    let server = fast().await;
    let addr = server.addr();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let body = hello("\"stream\":true,\"max_tokens\":2000,\"ignore_eos\":true");
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: s\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    stream.read_exact(&mut [0; 64]).await.unwrap();
    let rest = async {
        let mut all = String::new();
        stream.read_to_string(&mut all).await.unwrap();
        all
    };
    let (all, ()) = tokio::join!(rest, server.stop());
    assert!(all.contains("[DONE]") && all.ends_with("0\r\n\r\n"));
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn many_at_once_all_get_whole_answers() {
    let server = fast().await;
    let addr = server.addr();
    let mut all = tokio::task::JoinSet::new();
    for i in 0..64 {
        all.spawn(async move { chat(addr, &hello(&format!("\"stream\":true,\"seed\":{i}"))).await });
    }
    while let Some(answer) = all.join_next().await {
        assert!(answer.unwrap().text().ends_with("data: [DONE]\n\n"));
    }
    let state = get(addr, "/sim/state").await.json();
    assert_eq!((state["finished"].as_u64(), state["blocks_held"].as_u64()), (Some(64), Some(0)));
}
