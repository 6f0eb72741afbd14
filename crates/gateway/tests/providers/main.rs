//! Every provider of the table in the shapes that it documents: where it is asked and with which key, under which name it
//! reads the limit of the output, an answer, a stream and errors of its own, through the gateway.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
mod samples;

use common::raw::{LAST_CHUNK, STREAM_HEAD, Scripted, Step, chunk};
use common::shapes::{Client, events};
use common::{Folder, Got, World, settings};
use samples::{ROWS, Row};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tollgate_gateway::config::PROVIDERS;
use tollgate_gateway::serve::Options;

/// The limit of the output that the policy sets.
const LIMIT: u64 = 64;
const KEY: &str = "the-key";

fn whole(status: u16, body: &str) -> Vec<Step> {
    let length = body.len();
    vec![Step::Say(format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    ))]
}

fn stream(text: &str) -> Vec<Step> {
    vec![Step::Say(STREAM_HEAD.into()), Step::Say(chunk(text)), Step::Say(LAST_CHUNK.into())]
}

/// A gateway in front of one provider of a kind.
async fn world(kind: &str, upstream: &Scripted) -> World {
    let folder = Folder::new();
    let policy = format!("policy \"t\"\ndefault {{ param cap max_tokens {LIMIT}  models {{ \"m\" }} }}\n");
    let policy = folder.write("p.tollgate", &policy);
    let key = folder.write("key", KEY);
    let text = format!(
        "policy: {{policy}}\nproviders: [{{name: p, kind: {kind}, base_url: \"http://{{0}}\", key: \"file:{}\"}}]\n\
         models: [{{name: m, provider: p, upstream: their-model}}]\nretry: {{attempts: 1}}\n\
         timeouts: {{connect_ms: 60000, first_content_ms: 60000, idle_ms: 60000, total_ms: 120000, probe_ms: 60000}}\n",
        key.display()
    );
    let settings = settings(&text, &[upstream.addr.to_string()], &policy);
    World::launch(Vec::new(), Options { settings: Some(settings), ..Options::default() }).await
}

async fn ask(world: &World, streamed: bool) -> Got {
    world.post("/v1/chat/completions", &Client::Chat.ask("auto", "Say hello.", streamed)).await
}

/// The head of a request, in lower case, and its body.
async fn heard(upstream: &mut Scripted) -> (String, Value) {
    let request = upstream.heard.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), serde_json::from_str(body).unwrap())
}

/// What a request says: path, key, model and limit.
fn check_request(row: &Row, streamed: bool, head: &str, body: &Value) {
    let (kind, path) = (row.kind, if streamed { row.stream_path } else { row.path });
    assert!(head.starts_with(&format!("post {} http/1.1\r\n", path.to_lowercase())), "{kind}: {head}");
    let keys: Vec<_> = head.lines().filter(|line| line.contains(KEY)).collect();
    assert_eq!(keys, row.key.map(|key| key.replace("KEY", KEY)).as_slice(), "{kind}: {head}");
    for (name, value) in row.headers {
        assert!(head.lines().any(|line| line == format!("{name}: {value}")), "{kind}: {name} in {head}");
    }
    assert_eq!(body.pointer(row.limit), Some(&json!(LIMIT)), "{kind}: {body}");
    let in_path = path.contains("their-model");
    assert_eq!(body.get("model"), (!in_path).then(|| json!("their-model")).as_ref(), "{kind}: {body}");
    let usage = body.pointer("/stream_options/include_usage");
    assert_eq!(usage.is_some(), streamed && row.asks_for_usage, "{kind}: {body}");
}

/// What was recorded of the last request, by its tokens.
async fn check_usage(row: &Row, world: &World, got: &Got) {
    world.settled().await;
    world.gateway.shared().store.flush().unwrap();
    let record = world.decision(&got.headers).await;
    let count = |name: &str| record[name].as_u64().unwrap();
    let found = (count("prompt_tokens"), count("cached_tokens"), count("completion_tokens"));
    assert_eq!(found, row.usage, "{}: {record}", row.kind);
    assert_eq!(record["decision"]["exact_usage"], true, "{}: {record}", row.kind);
}

#[test]
fn every_provider_has_samples_and_is_asked_at_the_address_that_it_documents() {
    let sampled: BTreeSet<_> = ROWS.iter().map(|row| row.kind).collect();
    // Rows for any server of a dialect, and the simulator's own.
    let general = ["openai_compatible", "litellm", "openai_responses", "tollgate_sim"];
    for row in PROVIDERS.iter().filter(|row| !general.contains(&row.kind)) {
        assert!(sampled.contains(row.kind), "{} has no samples", row.kind);
    }
    for row in ROWS {
        let known = PROVIDERS.iter().find(|known| known.kind == row.kind).unwrap();
        assert_eq!(known.base_url, row.base_url, "{}", row.kind);
    }
}

#[tokio::test]
async fn each_provider_is_asked_and_understood_as_it_documents() {
    for row in ROWS {
        let mut upstream = Scripted::in_turn(vec![whole(200, row.answer), stream(row.stream)]).await;
        let world = world(row.kind, &upstream).await;
        let got = ask(&world, false).await;
        assert_eq!(got.status.as_u16(), 200, "{}: {}", row.kind, got.text());
        let (head, body) = heard(&mut upstream).await;
        check_request(row, false, &head, &body);
        let answer = got.json();
        assert_eq!(answer["choices"][0]["message"]["content"], "Hello", "{}: {answer}", row.kind);
        assert_eq!(answer["choices"][0]["finish_reason"], "stop", "{}: {answer}", row.kind);
        check_usage(row, &world, &got).await;

        let got = ask(&world, true).await;
        assert_eq!(got.status.as_u16(), 200, "{}: {}", row.kind, got.text());
        let (head, body) = heard(&mut upstream).await;
        check_request(row, true, &head, &body);
        let text = got.text();
        let said = events(&text);
        let words = said.iter().filter_map(|event| {
            let delta = event.json()["choices"][0]["delta"]["content"].as_str()?.to_owned();
            Some(delta)
        });
        assert_eq!(words.collect::<String>(), "Hello", "{}: {text}", row.kind);
        assert_eq!(said.last().map(|event| &*event.data), Some("[DONE]"), "{}: {text}", row.kind);
        let finish = said.iter().any(|event| event.json()["choices"][0]["finish_reason"] == "stop");
        assert!(finish && !text.contains("\"error\""), "{}: {text}", row.kind);
        check_usage(row, &world, &got).await;
        world.stop().await;
    }
}

#[tokio::test]
async fn each_provider_s_errors_are_what_they_mean() {
    for (row, error) in ROWS.iter().flat_map(|row| row.errors.iter().map(move |error| (row, error))) {
        let (status, body, kind, standing) = *error;
        let upstream = Scripted::start(whole(status, body)).await;
        let world = world(row.kind, &upstream).await;
        let got = ask(&world, false).await;
        assert!(!got.status.is_success(), "{}: {}", row.kind, got.text());
        world.settled().await;
        world.gateway.shared().store.flush().unwrap();
        let record = world.decision(&got.headers).await;
        assert_eq!(record["fault"], kind, "{} {status} {body}: {record}", row.kind);
        // A fault of ours, or a hint to wait, keeps an instance out at once; one of the request never does.
        let instance = world.instance("p").await;
        assert_eq!(instance["standing"] == "ready", standing == "ready", "{} {body}: {instance}", row.kind);
        world.stop().await;
    }
}
