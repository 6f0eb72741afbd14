//! Traces arrive at a collector: a real HTTP server that keeps what it is sent.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

#[path = "../common/mod.rs"]
mod common;

use common::World;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tollgate_net::server::{Handler, Limits, Peer, RequestBody, Server};

#[derive(Clone)]
struct Collector(Arc<Mutex<Vec<(String, Value)>>>);

impl Handler for Collector {
    type Body = Full<bytes::Bytes>;

    async fn handle(&self, request: Request<RequestBody>, _: Peer) -> Response<Self::Body> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        self.0.lock().unwrap().push((path, serde_json::from_slice(&body).unwrap()));
        Response::new(Full::from("{}"))
    }
}

#[tokio::test]
async fn a_request_leaves_a_span_that_continues_the_callers_trace() {
    let got = Arc::new(Mutex::new(Vec::new()));
    let kept = got.clone();
    let server = Server::bind(([127, 0, 0, 1], 0).into(), 1, Limits::default()).unwrap();
    let collector = server.start(move |_| Collector(kept.clone())).unwrap();
    let text = format!(
        "providers: [{{name: p, kind: tollgate_sim, base_url: 'http://{{0}}'}}]\n\
         models: [{{name: sim-small, provider: p}}, {{name: sim-medium, provider: p}}, {{name: sim-large, provider: p}}]\n\
         policy: POLICY\notlp: {{endpoint: 'http://{}'}}\n",
        collector.addr()
    );
    let policy = std::env::temp_dir().join(format!("tollgate-traces-{}.tollgate", std::process::id()));
    std::fs::write(&policy, "policy \"one\"\ndefault { models { \"sim-small\" } }\n").unwrap();
    let world = World::configured(1, &text.replace("POLICY", &policy.display().to_string())).await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let answer =
        world.send(http::Method::POST, "/v1/chat/completions", &[("traceparent", parent)], body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let journal = world.journal(0).await.to_string();
    assert!(
        journal.contains("4bf92f3577b34da6a3ce929d0e0e4736"),
        "the upstream continues the trace: {journal}"
    );
    // Stopping sends what still waits.
    world.stop().await;
    std::fs::remove_file(&policy).unwrap();
    let sent = got.lock().unwrap().clone();
    let (path, batch) = sent.first().expect("a batch");
    assert_eq!(path, "/v1/traces");
    let span = &batch["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736", "{span}");
    assert_eq!(span["parentSpanId"], "00f067aa0ba902b7");
    assert!(span.to_string().contains("gen_ai.usage.input_tokens"));
    collector.shutdown(std::time::Duration::from_millis(100)).await;
}

#[tokio::test]
async fn spans_that_no_collector_takes_are_counted() {
    let folder = common::Folder::new();
    let policy = folder.write("p.tollgate", "policy \"one\"\ndefault { models { \"sim-small\" } }\n");
    // Nobody listens there.
    let text = format!(
        "providers: [{{name: p, kind: tollgate_sim, base_url: 'http://{{0}}'}}]\nmodels: [{{name: sim-small, provider: p}}]\n\
         policy: {}\notlp: {{endpoint: 'http://127.0.0.1:1'}}\n",
        policy.display()
    );
    let world = World::configured(1, &text).await;
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": "hi"}]});
    for _ in 0..3 {
        assert_eq!(world.post("/v1/chat/completions", &body).await.status, 200);
    }
    let counted = async || world.get("/metrics").await.text().contains("tollgate_spans_dropped 3\n");
    world.until("three spans are dropped", counted).await;
    world.stop().await;
}
