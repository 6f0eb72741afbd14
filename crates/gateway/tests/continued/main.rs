//! A stored conversation that is continued and finds no room: the caller reads why, nothing is sent, kept or charged,
//! and what was stored goes on as soon as there is room.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

use common::{Folder, World, sims};
use http::StatusCode;
use serde_json::{Value, json};
use tollgate_gateway::serve::Options;

const POLICY: &str = "policy \"t\"\ndefault { models { \"one\" } }\n";
const CONFIG: &str = r#"policy: p.tollgate
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: one, price: {input: "1", output: "2"}}]
pools: [{name: only, max_total_tokens: TOKENS, instances: [{name: a, provider: sim, url: "http://{0}", models: {one: m}}]}]
"#;
/// Tokens that the pool takes where it is not what is short of room.
const AMPLE: &str = "100000";

/// What there is too little of, and how the refusal says so.
struct Shortage {
    /// The configuration with too little.
    short: String,
    /// The same with room.
    ample: String,
    status: StatusCode,
    code: &'static str,
    says: &'static str,
}

fn shortages(config: &str) -> [Shortage; 3] {
    let ample = config.replace("TOKENS", AMPLE);
    let budget = |requests: u32| {
        format!("{ample}budgets: [{{name: b, scope: global, window: total, requests: {requests}}}]\n")
    };
    [
        Shortage {
            short: budget(1),
            ample: budget(9),
            status: StatusCode::TOO_MANY_REQUESTS,
            code: "rate_limit_exceeded",
            says: "requests",
        },
        Shortage {
            short: config.replace("TOKENS", "4000"),
            ample: ample.clone(),
            status: StatusCode::BAD_REQUEST,
            code: "context_length_exceeded",
            says: "4000",
        },
        Shortage {
            short: format!("{ample}limits: {{body_bytes: 20000}}\n"),
            ample,
            status: StatusCode::PAYLOAD_TOO_LARGE,
            code: "request_too_large",
            says: "the conversation has grown",
        },
    ]
}

/// What of the world must not change when a request is refused.
async fn standing(world: &World, previous: &str) -> (Value, Value, Value, usize) {
    world.gateway.shared().store.flush().unwrap();
    let path = format!("/v1/responses/{previous}");
    let items = world.get(&format!("{path}/input_items")).await.json();
    let budgets = world.get("/api/v1/budgets").await.json();
    (world.get(&path).await.json(), items, budgets, world.received(0).await.len())
}

async fn goes_on_when_there_is_room(
    shortage: Shortage,
    stream: bool,
    folder: &Folder,
    running: Vec<tollgate_sim::Running>,
) {
    folder.write("p.tollgate", POLICY);
    let config = folder.write("c.yaml", &shortage.short);
    let world = World::launch(running, Options { config: Some(config), ..Options::default() }).await;
    let first = world.post("/v1/responses", &json!({"model": "auto", "input": "a".repeat(9_000)})).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    let id = first.json()["id"].as_str().unwrap().to_owned();
    world.settled().await;
    let before = standing(&world, &id).await;

    // Neither turn is too large by itself.
    let words = "b".repeat(11_000);
    let next = json!({"model": "auto", "input": words, "previous_response_id": id, "stream": stream});
    let refused = world.post("/v1/responses", &next).await;
    let text = refused.text();
    assert_eq!(refused.status, shortage.status, "{text}");
    assert_eq!(refused.json()["error"]["code"], shortage.code, "{text}");
    assert!(text.contains(shortage.says), "{text}");
    let row = world.decision(&refused.headers).await;
    assert_eq!(row["status"], shortage.status.as_u16(), "{row}");
    assert_eq!((&row["cost_micro"], &row["model"]), (&json!(0), &json!(null)), "{row}");
    world.settled().await;
    assert_eq!(standing(&world, &id).await, before, "nothing is lost, kept or charged");

    folder.write("c.yaml", &shortage.ample);
    world.gateway.reload().unwrap();
    let got = world.post("/v1/responses", &next).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let sent = world.sent(0).await.0.to_string();
    assert!(sent.contains(&"a".repeat(9_000)) && sent.contains(&words), "the whole conversation is sent");
    world.stop().await;
}

#[tokio::test]
async fn a_conversation_that_finds_no_room_is_told_and_loses_nothing() {
    for stream in [false, true] {
        for at in 0..3 {
            let folder = Folder::new();
            let (running, addresses) = sims(1).await;
            let [a, b, c] = shortages(&CONFIG.replace("{0}", &addresses[0]));
            let shortage = [a, b, c].into_iter().nth(at).unwrap();
            Box::pin(goes_on_when_there_is_room(shortage, stream, &folder, running)).await;
        }
    }
}

/// An answer that was to be made later comes at once, so that a client that asks for it again finds it done.
#[tokio::test]
async fn an_answer_in_the_background_comes_at_once_and_is_kept() {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    folder.write("p.tollgate", POLICY);
    let config = folder.write("c.yaml", &CONFIG.replace("TOKENS", AMPLE).replace("{0}", &addresses[0]));
    let world = World::launch(sims, Options { config: Some(config), ..Options::default() }).await;
    for (background, told) in [(json!(true), true), (json!(false), false), (Value::Null, false)] {
        let ask = json!({"model": "one", "input": "Take your time.", "background": background});
        let got = world.post("/v1/responses", &ask).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        let (sent, _) = world.sent(0).await;
        assert_eq!(sent.get("background"), (!told).then_some(&background), "{sent}");
        assert_eq!(got.header("x-tollgate-lost").contains("background"), told, "{:?}", got.headers);
        let answer = got.json();
        assert_eq!(answer["status"], "completed", "{answer}");
        let path = format!("/v1/responses/{}", answer["id"].as_str().unwrap());
        let again = world.get(&path).await.json();
        assert_eq!((&again["status"], &again["output"]), (&answer["status"], &answer["output"]), "{again}");
    }
    world.stop().await;
}
