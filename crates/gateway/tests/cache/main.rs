//! The cache of answers: what hits, what never may, and what is kept.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "../common/mod.rs"]
mod common;
mod isolation;
mod similar;

use common::shapes::{CLIENTS, Client};
use common::{Folder, Got, World, all, rule, settings, sims};
use http::Method;
use serde_json::{Value, json};
use tollgate_gateway::serve::Options;
use tollgate_sim::Running;

pub(crate) const POLICY: &str = "policy \"t\"\ndefault { models { \"m\" } }\n";

/// A gateway with two models and this `cache:`.
pub(crate) async fn world(cache: &str) -> World {
    let (sims, addresses) = sims(1).await;
    launch(sims, &addresses, &format!("cache: {cache}"), &Folder::new(), None).await
}

pub(crate) async fn launch(
    sims: Vec<Running>,
    addresses: &[String],
    more: &str,
    folder: &Folder,
    data: Option<std::path::PathBuf>,
) -> World {
    let text = format!(
        "policy: {{policy}}\nproviders: [{{name: sim, kind: tollgate_sim}}]\nmodels: [{{name: m}}, {{name: other}}]\npools:\n  \
         - name: only\n    instances: [{{name: a, provider: sim, url: \"http://{{0}}\", models: {{m: m, other: other}}}}]\n{more}\n"
    );
    let policy = folder.write("p.tollgate", POLICY);
    let settings = settings(&text, addresses, &policy);
    World::launch(sims, Options { settings: Some(settings), data, ..Options::default() }).await
}

/// Sends a request with a key.
pub(crate) async fn send(world: &World, key: &str, client: Client, body: &Value) -> Got {
    let bearer = format!("Bearer {key}");
    world.send(Method::POST, client.path(), &[("authorization", &bearer)], body.to_string()).await
}

/// The secret of a new key.
pub(crate) async fn key(world: &World, name: &str) -> String {
    world.key(&json!({"name": name})).await.1
}

async fn count(world: &World) -> usize {
    world.received(0).await.len()
}

fn cache(got: &Got) -> &str {
    assert_eq!(got.status.as_u16(), 200, "{}", got.text());
    got.header("x-tollgate-cache")
}

#[tokio::test]
async fn nothing_is_kept_unless_asked_for() {
    let (sims, addresses) = sims(1).await;
    let world = launch(sims, &addresses, "", &Folder::new(), None).await;
    let ada = key(&world, "ada").await;
    for sent in 1..=2 {
        let got = send(&world, &ada, Client::Chat, &Client::Chat.ask("m", "hello", false)).await;
        assert_eq!((cache(&got), count(&world).await), ("", sent));
    }
    assert_eq!(world.get("/v1/cache").await.status.as_u16(), 404);
}

#[tokio::test]
async fn an_equal_request_gets_the_kept_answer_under_an_id_of_its_own() {
    let world = world("{}").await;
    let ada = key(&world, "ada").await;
    for client in CLIENTS {
        let before = count(&world).await;
        let ask = client.ask("m", "Why is the sky blue?", false);
        let first = send(&world, &ada, client, &ask).await;
        assert_eq!(cache(&first), "miss");
        let second = send(&world, &ada, client, &ask).await;
        assert!(cache(&second).starts_with("hit; "), "{}", cache(&second));
        assert_eq!(count(&world).await, before + 1);
        assert_eq!(client.words(&second.json()), client.words(&first.json()));
        let (a, b) = (first.json()["id"].clone(), second.json()["id"].clone());
        assert!(a != b && b.is_string(), "{a} {b}");
        assert_eq!(second.header("x-tollgate-cost-micro"), "0");
        assert_eq!(second.header("x-tollgate-model"), "m");
        assert!(second.header("age").parse::<u64>().is_ok());
        let record = world.decision(&second.headers).await;
        let told = &record["decision"]["cache"];
        assert_eq!(told["outcome"], "hit", "{record}");
        assert_eq!(told["request"], first.header("x-tollgate-request-id"));
        if client == Client::Responses {
            // What is given again is stored like any other answer.
            let bearer = format!("Bearer {ada}");
            let path = format!("/v1/responses/{}", b.as_str().unwrap());
            let got = world.send(Method::GET, &path, &[("authorization", &bearer)], "").await;
            assert_eq!(got.json()["id"], b);
        }
    }
    let metrics = world.get("/metrics").await.text();
    assert!(metrics.contains("tollgate_cache_lookups_total{outcome=\"miss\"} 3"), "{metrics}");
    assert!(metrics.contains("tollgate_cache_answers 3"), "{metrics}");
}

#[tokio::test]
async fn a_stream_fills_for_both_and_is_given_again_as_a_stream() {
    let world = world("{}").await;
    let ada = key(&world, "ada").await;
    for client in CLIENTS {
        let before = count(&world).await;
        let [stream, whole] = [true, false].map(|stream| client.ask("m", "Tell me of the sea.", stream));
        let first = send(&world, &ada, client, &stream).await;
        assert_eq!(cache(&first), "miss");
        let words = client.streamed(&first.text());
        assert!(!words.is_empty() && client.ended(&first.text()));
        let again = send(&world, &ada, client, &stream).await;
        assert!(cache(&again).starts_with("hit; "), "{client:?} {}", cache(&again));
        assert_eq!(client.streamed(&again.text()), words, "{client:?}");
        assert!(client.ended(&again.text()), "{}", again.text());
        let folded = send(&world, &ada, client, &whole).await;
        assert!(cache(&folded).starts_with("hit; "));
        assert_eq!(client.words(&folded.json()), words);
        assert_eq!(count(&world).await, before + 1);
        // And a whole answer is given as a stream.
        let ask = |stream| client.ask("m", "Tell me of the hills.", stream);
        let first = send(&world, &ada, client, &ask(false)).await;
        let again = send(&world, &ada, client, &ask(true)).await;
        assert!(cache(&again).starts_with("hit; ") && client.ended(&again.text()), "{}", again.text());
        assert_eq!(client.streamed(&again.text()), client.words(&first.json()));
    }
}

#[tokio::test]
async fn equal_requests_that_come_together_go_upstream_once() {
    let world = world("{wait_ms: 600000}").await;
    let ada = key(&world, "ada").await;
    for stream in [false, true] {
        let before = count(&world).await;
        let ask = Client::Chat.ask("m", &format!("All at once, stream {stream}."), stream);
        let answers = all((0..12).map(|_| send(&world, &ada, Client::Chat, &ask))).await;
        assert_eq!(answers.iter().filter(|got| cache(got) == "miss").count(), 1);
        assert!(answers.iter().filter(|got| cache(got) != "miss").all(|got| cache(got).starts_with("hit; ")));
        assert_eq!(count(&world).await, before + 1);
    }
}

#[tokio::test]
async fn a_failed_leader_leaves_nothing_and_holds_nobody() {
    let world = world("{wait_ms: 600000}").await;
    let ada = key(&world, "ada").await;
    world.fault(0, &rule("status=500")).await;
    let ask = Client::Chat.ask("m", "This fails.", false);
    let bearer = format!("Bearer {ada}");
    let head = [("authorization", &*bearer)];
    let path = Client::Chat.path();
    let answers = all((0..4).map(|_| world.send(Method::POST, path, &head, ask.to_string()))).await;
    assert!(answers.iter().all(|got| got.status.as_u16() >= 500));
    world.mend(0).await;
    world
        .until("the instance is back", async || {
            let got = world.send(Method::POST, path, &head, ask.to_string()).await;
            got.status.as_u16() == 200
        })
        .await;
    assert!(cache(&send(&world, &ada, Client::Chat, &ask).await).starts_with("hit; "));
}

#[tokio::test]
async fn a_restart_keeps_answers_and_a_command_forgets_them() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let (first_sims, addresses) = sims(1).await;
    let world = launch(first_sims, &addresses, "cache: {}", &folder, Some(data.clone())).await;
    let ada = key(&world, "ada").await;
    let asks = ["one", "two"].map(|words| Client::Chat.ask("m", words, false));
    for ask in &asks {
        assert_eq!(cache(&send(&world, &ada, Client::Chat, ask).await), "miss");
        assert!(cache(&send(&world, &ada, Client::Chat, ask).await).starts_with("hit; "));
    }
    let World { gateway, sims, .. } = world;
    gateway.shutdown().await.unwrap();
    let world = launch(sims, &addresses, "cache: {}", &folder, Some(data.clone())).await;
    assert_eq!(world.get("/v1/cache").await.json()["answers"], 2);
    for ask in &asks {
        assert_eq!(cache(&send(&world, &ada, Client::Chat, ask).await), "hit; exact");
    }
    let delete = async |query: &str| {
        let got = world.send(Method::DELETE, &format!("/v1/cache{query}"), &[], "").await;
        assert_eq!(got.status.as_u16(), 200, "{}", got.text());
        got.json()["forgotten"].as_u64().unwrap()
    };
    assert_eq!(delete("?model=other").await, 0);
    assert_eq!(delete("?before=1999-01-01T00:00:00Z").await, 0);
    assert_eq!(delete("?model=m&route=default").await, 2);
    assert_eq!(world.send(Method::DELETE, "/v1/cache?before=soon", &[], "").await.status.as_u16(), 400);
    assert_eq!(cache(&send(&world, &ada, Client::Chat, &asks[0]).await), "miss");
    assert!(cache(&send(&world, &ada, Client::Chat, &asks[0]).await).starts_with("hit; "));
    assert_eq!(delete("").await, 1);
    let World { gateway, sims, .. } = world;
    gateway.shutdown().await.unwrap();
    let world = launch(sims, &addresses, "cache: {}", &folder, Some(data)).await;
    assert_eq!(world.get("/v1/cache").await.json()["answers"], 0, "forgotten on disk too");
}
