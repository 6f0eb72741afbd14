//! A first candidate that is down: the next one answers, at nobody's expense, and everything says why.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

use common::raw::{Scripted, Step};
use common::{Folder, World, all, rule, settings, sims};
use http::StatusCode;
use serde_json::{Value, json};
use tollgate_gateway::serve::Options;

/// `dead` is served by the first address only, `small` by the second.
const CONFIG: &str = r#"
policy: {policy}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: dead}, {name: small}]
pools:
  - {name: lost, instances: [{name: d, provider: sim, url: "http://{0}", models: {dead: m}}]}
  - {name: fine, instances: [{name: s, provider: sim, url: "http://{1}", models: {small: m}}]}
timeouts: {connect_ms: 60000, first_content_ms: 60000, idle_ms: 60000, total_ms: 120000, probe_ms: 60000}
"#;
const DEAD_THEN_SMALL: &str = "policy \"t\"\ndefault { models { \"dead\", \"small\" } }\n";

/// An address at which nobody listens.
fn nobody() -> String {
    let bound = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    bound.local_addr().unwrap().to_string()
}

async fn world(policy: &str) -> World {
    world_of(CONFIG, policy).await
}

async fn world_of(config: &str, policy: &str) -> World {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let addresses = [nobody(), addresses[0].clone()];
    let settings = settings(config, &addresses, &folder.write("p.tollgate", policy));
    World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
}

fn ask(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hello there"}], "max_tokens": 4})
}

#[tokio::test]
async fn a_dead_first_candidate_costs_no_request_its_answer() {
    let world = world(DEAD_THEN_SMALL).await;
    let body = ask("auto");
    // Far more than the retry budget saves up, many at once and one by one.
    for _ in 0..5 {
        for got in all((0..20).map(|_| world.post("/v1/chat/completions", &body))).await {
            assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        }
    }
    for _ in 0..40 {
        let got = world.post("/v1/chat/completions", &body).await;
        assert_eq!((got.status, got.header("x-tollgate-instance")), (StatusCode::OK, "s"), "{}", got.text());
    }
    // Known to be down, it is not even asked, and the record says so. When its circuit's pause has just ended one request
    // asks it, and the next pause is longer.
    let skipped = json!([{"model": "dead", "why": "no instance is up"}]);
    world
        .until("not even asked", async || {
            let got = world.post("/v1/chat/completions", &body).await;
            world.settled().await;
            let row = world.decision(&got.headers).await;
            row["decision"]["attempts"].as_array().unwrap().len() == 1
                && row["decision"]["skipped"] == skipped
        })
        .await;
    let mut pinned = Value::Null;
    world
        .until("explained as open", async || {
            let explained = world.post("/v1/route", &body).await.json();
            pinned = world.post("/v1/route", &ask("dead")).await.json();
            let open = pinned["place"]["instances"][0]["standing"] == "open";
            if !open {
                // Its pause is over: one request begins the next.
                world.post("/v1/chat/completions", &body).await;
            }
            open && (&explained["model"], &explained["skipped"]) == (&json!("small"), &skipped)
        })
        .await;
    // Where nothing else is left it is tried all the same, and the explanation says what it is.
    assert!(pinned["place"]["reason"].as_str().unwrap().contains("no instance is up"), "{pinned}");
    assert!(!pinned.to_string().contains("18446744073709551615"), "{pinned}");
    assert!(pinned["pools"]["reason"].as_str().unwrap().contains("no boundary"), "{pinned}");
    let refused = world.post("/v1/chat/completions", &ask("dead")).await;
    assert_eq!(refused.status, StatusCode::BAD_GATEWAY, "{}", refused.text());
    world.stop().await;
}

#[tokio::test]
async fn an_empty_retry_budget_is_named_to_the_caller_and_in_the_record() {
    // Nothing comes back with time or requests: what is saved up at the start is all there is.
    let config = format!("{CONFIG}retry: {{budget_percent: 0, floor_per_second: 0}}\n");
    let world = world_of(&config, "policy \"t\"\ndefault { models { \"small\" } }\n").await;
    world.fault(0, &rule("status=500")).await;
    let mut last = None;
    for _ in 0..8 {
        last = Some(world.post("/v1/chat/completions", &ask("auto")).await);
    }
    let got = last.unwrap();
    assert_eq!(got.status, StatusCode::BAD_GATEWAY, "{}", got.text());
    assert!(got.text().contains("the retry budget is empty"), "{}", got.text());
    world.settled().await;
    let row = world.decision(&got.headers).await;
    assert_eq!(row["decision"]["gave_up"], "the retry budget is empty", "{row}");
    world.stop().await;
}

#[tokio::test]
async fn the_rest_of_an_error_that_does_not_come_holds_nobody_up() {
    // All limits are minutes: what is waited for is no limit of a request.
    let head = "HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{";
    let dead = Scripted::start(vec![Step::Say(head.to_owned()), Step::Hold]).await;
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let addresses = [dead.addr.to_string(), addresses[0].clone()];
    let settings = settings(CONFIG, &addresses, &folder.write("p.tollgate", DEAD_THEN_SMALL));
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let got = world.post("/v1/chat/completions", &ask("auto")).await;
    assert_eq!((got.status, got.header("x-tollgate-instance")), (StatusCode::OK, "s"), "{}", got.text());
    let row = world.decision(&got.headers).await;
    let ms = row["decision"]["attempts"][0]["ms"].as_f64().unwrap();
    assert!(ms < 50_000.0, "no limit of the request ran out: {row}");
    world.stop().await;
}
