//! What an upstream is made to do is paid for, also by who does not wait for it.

use crate::common::raw::{LAST_CHUNK, Raw, STREAM_HEAD, Scripted, Step, chunk};
use crate::common::shapes::Client;
use crate::common::{Folder, World, rule, settings, sims};
use serde_json::{Value, json};
use tollgate_gateway::serve::Options;

const CONFIG: &str = r#"
policy: {policy}
auth: {mode: keys}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: m, context_window: 200000, price: {input: "10", output: "40"}}]
pools: [{name: only, instances: [{name: a, provider: sim, url: "http://{0}", models: {m: m}}]}]
timeouts: {connect_ms: 60000, first_content_ms: 60000, idle_ms: 60000, total_ms: 120000, probe_ms: 60000}
retry: {attempts: 1}
"#;
const BUDGET: &str =
    "budgets: [{name: each, scope: 'key:*', window: total, requests: 3, tokens: 100000000, usd: '1000'}]\n";

async fn before(addresses: &[String], text: &str) -> World {
    let folder = Folder::new();
    let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"m\" } }\n");
    let settings = settings(text, addresses, &policy);
    World::launch(Vec::new(), Options { settings: Some(settings), ..Options::default() }).await
}

/// What a key's budgets say: settled and reserved of a meter.
async fn account(world: &World, meter: &str) -> (u64, u64) {
    let budgets = world.get("/api/v1/budgets").await.json();
    let rows = budgets["accounts"].as_array().unwrap();
    let row = rows.iter().find(|row| row["kind"] == "key" && row["meter"] == meter);
    row.map_or((0, 0), |row| (row["settled"].as_u64().unwrap(), row["reserved"].as_u64().unwrap()))
}

/// Sends a request on a connection of its own and does not read.
async fn sent(world: &World, secret: &str, path: &str, body: &Value) -> Raw {
    let body = body.to_string();
    let mut raw = Raw::connect(world.gateway.addr()).await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {secret}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    raw.say(format!("{head}{body}")).await;
    raw
}

async fn working(world: &World) {
    world.until("the upstream works", async || world.instance("a").await["in_flight"] == 1).await;
}

#[tokio::test]
async fn who_leaves_before_the_head_pays_for_what_was_asked_and_is_counted() {
    for (client, stream) in
        [(Client::Chat, false), (Client::Chat, true), (Client::Messages, true), (Client::Responses, false)]
    {
        let mut upstream = Scripted::start(vec![Step::Hold]).await;
        let world = before(&[upstream.addr.to_string()], &format!("{CONFIG}{BUDGET}")).await;
        let (id, secret) = world.key(&json!({"name": "k"})).await;
        let body = client.ask("m", &"so many words ".repeat(100), stream);
        for round in 1..=3 {
            let raw = sent(&world, &secret, client.path(), &body).await;
            working(&world).await;
            drop(raw);
            upstream.left.recv().await.unwrap();
            world.settled().await;
            assert_eq!(account(&world, "requests").await, (round, 0), "{client:?} {stream}");
        }
        let rows = world.decisions().await;
        let sum = |of: &dyn Fn(&Value) -> u64| rows.iter().map(of).sum::<u64>();
        let number = |row: &Value, name: &str| row[name].as_u64().unwrap();
        assert!(rows.iter().all(|row| row["status"] == 499 && row["key"] == *id && row["model"] == "m"));
        assert!(
            rows.iter()
                .all(|row| number(row, "prompt_tokens") >= 300 && number(row, "completion_tokens") > 0)
        );
        let tokens = sum(&|row| number(row, "prompt_tokens") + number(row, "completion_tokens"));
        assert_eq!(account(&world, "tokens").await, (tokens, 0), "settled is what the log says");
        assert_eq!(account(&world, "micro").await, (sum(&|row| number(row, "cost_micro")), 0));
        let got = sent(&world, &secret, client.path(), &body).await.head().await;
        assert!(got.starts_with("HTTP/1.1 429 "), "the budget of three is used up: {got}");
        world.stop().await;
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_paid_for_and_one_that_is_refused_only_counted() {
    let timeouts = CONFIG.replace("first_content_ms: 60000", "first_content_ms: 100");
    let broken = vec![Step::Say(format!("{STREAM_HEAD}{}{LAST_CHUNK}", chunk(": wait\n\n")))];
    let refusal = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    let cases = [
        (vec![Step::Hold], timeouts.as_str(), 504, true),
        (broken, CONFIG, 502, true),
        (Vec::new(), CONFIG, 502, true),
        (vec![Step::Say(refusal.to_owned())], CONFIG, 400, false),
    ];
    for (script, config, status, paid) in cases {
        let upstream = Scripted::start(script).await;
        let world = before(&[upstream.addr.to_string()], &format!("{config}{BUDGET}")).await;
        let (_, secret) = world.key(&json!({"name": "k"})).await;
        let body = Client::Chat.ask("m", "hello", true);
        let got = sent(&world, &secret, Client::Chat.path(), &body).await.head().await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{got}");
        world.settled().await;
        assert_eq!(account(&world, "requests").await, (1, 0), "{status}");
        let (tokens, reserved) = account(&world, "tokens").await;
        assert_eq!((tokens > 0, reserved), (paid, 0), "{status}");
        let row = world.decisions().await.remove(0);
        let told = row["prompt_tokens"].as_u64().unwrap() + row["completion_tokens"].as_u64().unwrap();
        assert_eq!(told, tokens, "{row}");
        world.stop().await;
    }
    let world = before(&["127.0.0.1:1".to_owned()], &format!("{CONFIG}{BUDGET}")).await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    let body = Client::Chat.ask("m", "hello", true);
    let got = sent(&world, &secret, Client::Chat.path(), &body).await.head().await;
    assert!(got.starts_with("HTTP/1.1 502 ") || got.starts_with("HTTP/1.1 503 "), "{got}");
    assert_eq!(account(&world, "requests").await, (0, 0), "nothing was sent");
    world.stop().await;
}

/// The greatest limit that a body states.
fn limit(body: &Value) -> u64 {
    let names = ["max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict"];
    names.iter().filter_map(|name| body[name].as_u64()).max().unwrap()
}

#[tokio::test]
async fn what_is_promised_is_the_most_that_what_is_sent_can_use() {
    let (mut sims, addresses) = sims(1).await;
    let budget = BUDGET.replace("requests: 3", "requests: 1000");
    let mut world = before(&addresses, &format!("{CONFIG}{budget}")).await;
    world.sims.append(&mut sims);
    world.fault(0, &rule("hang")).await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    let chat = |members: Value| {
        let mut body = Client::Chat.ask("m", "hello", false);
        body.as_object_mut().unwrap().remove("max_tokens");
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        (Client::Chat.path(), body)
    };
    let cases = [
        (chat(json!({"max_tokens": 900})), 900),
        (chat(json!({"max_completion_tokens": 1, "max_tokens": 32000})), 32_000),
        (chat(json!({"max_completion_tokens": 32000, "max_tokens": 1})), 32_000),
        (chat(json!({"max_tokens": 5, "n_predict": 3000})), 3_000),
        (chat(json!({"max_tokens": 500, "best_of": 4})), 2_000),
        (chat(json!({"max_tokens": 400_000})), 199_000),
        (chat(json!({})), 4_096),
        (chat(json!({"max_tokens": null, "best_of": 2})), 8_192),
        ((Client::Responses.path(), json!({"model": "m", "input": "hello"})), 4_096),
    ];
    for ((path, body), least) in cases {
        let raw = sent(&world, &secret, path, &body).await;
        working(&world).await;
        let (_, reserved) = account(&world, "tokens").await;
        let (up, _) = world.sent(0).await;
        let answers = up["best_of"].as_u64().unwrap_or(1);
        assert!(reserved >= least && reserved >= (limit(&up).min(199_000)) * answers, "{reserved}: {up}");
        drop(raw);
        world.settled().await;
        assert_eq!(account(&world, "tokens").await.1, 0);
    }
    for members in [json!({"max_tokens": "4096"}), json!({"max_tokens": -1}), json!({"n": "4"})] {
        let (path, body) = chat(members);
        let got = sent(&world, &secret, path, &body).await.head().await;
        assert!(got.starts_with("HTTP/1.1 400 "), "{body}: {got}");
    }
    world.stop().await;
}

#[tokio::test]
async fn however_many_come_at_once_a_budget_is_not_overrun() {
    let (sims, addresses) = sims(1).await;
    let budget = "budgets: [{name: all, scope: global, window: total, tokens: 6000}]\n";
    let folder = Folder::new();
    let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"m\" } }\n");
    let settings = settings(&format!("{CONFIG}{budget}"), &addresses, &policy);
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    let bearer = format!("Bearer {secret}");
    let mut body = Client::Chat.ask("m", "hello", false);
    let limits =
        [json!({}), json!({"max_completion_tokens": 1, "max_tokens": 2000}), json!({"max_tokens": 700})];
    let asks = (0..48).map(|i| {
        let members = body.as_object_mut().unwrap();
        members.remove("max_tokens");
        members.remove("max_completion_tokens");
        members.extend(limits[i % 3].as_object().unwrap().clone());
        // It goes on for as long as it may.
        members.insert("ignore_eos".into(), json!(true));
        let (body, headers) = (body.to_string(), [("authorization", bearer.as_str())]);
        let world = &world;
        async move { world.send(http::Method::POST, Client::Chat.path(), &headers, body).await }
    });
    let got = crate::common::all(asks.collect::<Vec<_>>()).await;
    assert!(got.iter().any(|got| got.status == 200) && got.iter().any(|got| got.status == 429));
    world.settled().await;
    let budgets = world.get("/api/v1/budgets").await.json();
    let row = &budgets["accounts"][0];
    assert!(row["settled"].as_u64().unwrap() <= 6_000 && row["overrun"] == 0, "{budgets}");
    world.stop().await;
}

#[tokio::test]
async fn a_budget_of_a_name_binds_every_key_that_has_it() {
    let (sims, addresses) = sims(1).await;
    let folder = Folder::new();
    let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"m\" } }\n");
    let budget = "budgets: [{name: ci, scope: 'key:ci', window: total, requests: 1}]\n";
    let settings = settings(&format!("{CONFIG}{budget}"), &addresses, &policy);
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let (old, first) = world.key(&json!({"name": "ci"})).await;
    let (_, second) = world.key(&json!({"name": "ci"})).await;
    let body = Client::Chat.ask("m", "hello", false);
    let status = async |secret: &str| {
        let head = sent(&world, secret, Client::Chat.path(), &body).await.head().await;
        head.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!((status(&first).await, status(&first).await), ("200".to_owned(), "429".to_owned()));
    assert_eq!(status(&second).await, "200");
    let gone = world.send(http::Method::DELETE, &format!("/api/v1/keys/{old}"), &[], "").await;
    assert_eq!(gone.status, 200, "{}", gone.text());
    assert_eq!((status(&first).await, status(&second).await), ("401".to_owned(), "429".to_owned()));
    let (_, third) = world.key(&json!({"name": "ci"})).await;
    assert_eq!((status(&third).await, status(&third).await), ("200".to_owned(), "429".to_owned()));
    world.stop().await;
}
