//! Answers that are long are answers, and nobody's failure.

use crate::common::raw::{LAST_CHUNK, STREAM_HEAD, Scripted, Step, chunk};
use crate::common::shapes::Client;
use crate::common::{Folder, World, settings};
use http::{Method, StatusCode};
use serde_json::json;
use tollgate_gateway::serve::Options;

const CONFIG: &str = r#"
policy: {policy}
auth: {mode: keys}
budgets: [{name: each, scope: "key:*", window: total, requests: 1000, tokens: 100000000}]
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: m, price: {input: "1", output: "1"}}]
pools:
  - name: only
    instances:
      - {name: a, provider: sim, url: "http://{0}", models: {m: m}}
      - {name: b, provider: sim, url: "http://{0}", models: {m: m}}
timeouts: {connect_ms: 60000, first_content_ms: 60000, idle_ms: 60000, total_ms: 120000, probe_ms: 60000}
"#;

async fn before(said: String, more: &str) -> (World, Scripted) {
    let upstream = Scripted::start(vec![Step::Say(said)]).await;
    let folder = Folder::new();
    let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"m\" } }\n");
    let settings = settings(&format!("{CONFIG}{more}"), &[upstream.addr.to_string()], &policy);
    (World::launch(Vec::new(), Options { settings: Some(settings), ..Options::default() }).await, upstream)
}

/// An answer of so many bytes of words, whole.
fn whole(bytes: usize) -> String {
    let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "y".repeat(bytes)}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}})
    .to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn an_answer_within_its_bound_passes_whole_and_is_counted() {
    let (world, _upstream) = before(whole(17 << 20), "").await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    let bearer = format!("Bearer {secret}");
    let body = Client::Chat.ask("m", "hello", false).to_string();
    let headers = [("authorization", bearer.as_str())];
    let url = format!("http://{}{}", world.gateway.addr(), Client::Chat.path());
    let client =
        tollgate_net::client::Client { max_answer: 64 << 20, ..tollgate_net::client::Client::default() };
    let request =
        tollgate_net::upstream::Outgoing::new(Method::POST, Client::Chat.path()).unwrap().body(body.into());
    let request = request.header(http::header::AUTHORIZATION, headers[0].1.parse().unwrap());
    let got = client.send(&url, request).await.unwrap();
    assert_eq!((got.status, got.body.len() > 17 << 20), (StatusCode::OK, true));
    let row = world.decision(&got.headers).await;
    assert_eq!((&row["completion_tokens"], &row["status"]), (&json!(9), &json!(200)), "{row}");
    world.stop().await;
}

#[tokio::test]
async fn an_answer_beyond_its_bound_blames_no_instance_and_is_paid_for_once() {
    let (world, _upstream) = before(whole(3 << 20), "limits: {answer_bytes: 1048576}\n").await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    let bearer = format!("Bearer {secret}");
    let body = Client::Chat.ask("m", "hello", false).to_string();
    for _ in 0..12 {
        let headers = [("authorization", bearer.as_str())];
        let got = world.send(Method::POST, Client::Chat.path(), &headers, body.clone()).await;
        assert_eq!(got.status, StatusCode::BAD_GATEWAY, "{}", got.text());
        assert!(
            got.text().contains("limits.answer_bytes") && got.text().contains("1048576"),
            "{}",
            got.text()
        );
        let row = world.decision(&got.headers).await;
        assert_eq!(row["decision"]["attempts"].as_array().unwrap().len(), 1, "tried nowhere else: {row}");
        assert!(row["completion_tokens"].as_u64().unwrap() > 0, "{row}");
        for name in ["a", "b"] {
            assert_eq!(world.instance(name).await["standing"], "ready");
        }
    }
    let budgets = world.get("/api/v1/budgets").await.json();
    let settled = |meter: &str| {
        let row = budgets["accounts"].as_array().unwrap().iter().find(|row| row["meter"] == meter).unwrap();
        row["settled"].as_u64().unwrap()
    };
    assert!(settled("requests") == 12 && settled("tokens") > 12, "{budgets}");
    world.stop().await;
}

#[tokio::test]
async fn a_stream_whose_end_is_a_long_event_ends_well() {
    let image = "iVBORw0KGgo".repeat(300_000);
    let event = |kind: &str, more: &str| {
        format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":1{more}}}\n\n")
    };
    let response = |status: &str, output: &str, usage: &str| {
        format!(
            ",\"response\":{{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1,\"status\":\"{status}\",\"model\":\"m\",\"output\":[{output}]{usage}}}"
        )
    };
    let item = format!(
        "{{\"type\":\"image_generation_call\",\"id\":\"ig_1\",\"status\":\"completed\",\"result\":\"{image}\"}}"
    );
    let usage = ",\"usage\":{\"input_tokens\":11,\"output_tokens\":22,\"total_tokens\":33}";
    let events = [
        event("response.created", &response("in_progress", "", "")),
        event("response.output_item.done", &format!(",\"output_index\":0,\"item\":{item}")),
        event("response.completed", &response("completed", &item, usage)),
    ];
    let said =
        format!("{STREAM_HEAD}{}{LAST_CHUNK}", events.iter().map(|event| chunk(event)).collect::<String>());
    let (world, _upstream) = before(said, "").await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    let bearer = format!("Bearer {secret}");
    let body = Client::Responses.ask("m", "draw", true);
    let (status, headers, mut flow) =
        world.open(Client::Responses.path(), &[("authorization", &bearer)], &body).await;
    let (text, whole) = flow.rest().await;
    assert_eq!((status, whole), (StatusCode::OK, true));
    assert!(text.contains("event: response.completed") && !text.contains("event: error"), "{}", text.len());
    assert_eq!(text.matches(&image).count(), 2, "all of it passes");
    world.settled().await;
    let row = world.decision(&headers).await;
    let told = (&row["prompt_tokens"], &row["completion_tokens"], &row["fault"]);
    assert_eq!(told, (&json!(11), &json!(22), &json!(null)), "{row}");
    world.stop().await;
}
