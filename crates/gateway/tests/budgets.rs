//! Budgets over the wire: reserved before, settled after, exact under concurrency, kept over a restart.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

mod common;

use common::shapes::{CLIENTS, Client};
use common::{Folder, Got, World, all, settings, sims};
use http::StatusCode;
use serde_json::{Value, json};
use tollgate_gateway::serve::Options;

const POLICY: &str = "policy \"t\"\ndefault { models { \"dear\" } }\n";
const CONFIG: &str = r#"
policy: {policy}
auth: {mode: keys}
providers: [{name: sim, kind: tollgate_sim}]
models:
  - {name: dear, price: {input: "10", cached_input: "1", output: "40"}}
  - {name: cheap, price: {input: "0.1", output: "0.4"}}
pools:
  - name: only
    instances: [{name: a, provider: sim, url: "http://{0}", models: {dear: dear, cheap: cheap}}]
"#;

async fn world(budgets: &str) -> World {
    world_at(budgets, None).await
}

async fn world_at(budgets: &str, data: Option<&Folder>) -> World {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let policy = folder.write("p.tollgate", POLICY);
    let settings = settings(&format!("{CONFIG}{budgets}"), &addresses, &policy);
    let data = data.map(|f| f.path().to_path_buf());
    World::launch(sims, Options { settings: Some(settings), data, ..Options::default() }).await
}

async fn ask(world: &World, secret: &str, client: Client, words: &str, stream: bool) -> Got {
    let bearer = format!("Bearer {secret}");
    let body = client.ask("auto", words, stream).to_string();
    world.send(http::Method::POST, client.path(), &[("authorization", &bearer)], body).await
}

/// What is settled under `kind`, `id` and `meter`.
fn account<'a>(budgets: &'a Value, kind: &str, id: &str, meter: &str) -> &'a Value {
    let mut rows = budgets["accounts"].as_array().unwrap().iter();
    let found = rows.find(|r| r["kind"] == kind && (id.is_empty() || r["id"] == id) && r["meter"] == meter);
    found.unwrap_or_else(|| panic!("no account {kind} {id} {meter}: {budgets}"))
}

#[tokio::test]
async fn what_is_settled_is_what_the_log_says_under_64_requests_at_once() {
    let budgets = r#"
budgets:
  - {name: all, scope: global, window: total, requests: 100000, tokens: 100000000, usd: "1000"}
  - {name: team, scope: "tenant:*", window: total, tokens: 100000000}
  - {name: each, scope: "key:*", window: total, requests: 100000, usd: "500"}
"#;
    let world = world(budgets).await;
    let mut keys = Vec::new();
    for i in 0..4 {
        let tenant = ["red", "blue"][i % 2];
        keys.push(world.key(&json!({"name": format!("k{i}"), "tenant": tenant})).await);
    }
    let faults = ["", "", "cut=6", "status=500", "", "error_event=4", "", "status=400"];
    let asks = (0..64).map(|i| {
        let client = CLIENTS[i % 3];
        let (world, bearer) = (&world, format!("Bearer {}", keys[i % 4].1));
        let fault = faults[i % faults.len()];
        let words = format!("question {i} {}", "more words ".repeat(i));
        async move {
            let headers = [("authorization", bearer.as_str()), ("x-sim-fault", fault)];
            let body = client.ask("auto", &words, i % 2 == 0);
            let headers = if fault.is_empty() { &headers[..1] } else { &headers[..] };
            let (_, _, mut flow) = world.open(client.path(), headers, &body).await;
            if i % 16 == 15 {
                drop(flow); // Some leave.
            } else {
                flow.rest().await;
            }
        }
    });
    all(asks).await;
    world.settled().await;
    let rows = world.decisions().await;
    assert_eq!(rows.len(), 64);
    let budgets = world.get("/api/v1/budgets").await.json();
    let sum = |of: &dyn Fn(&Value) -> u64, whose: &dyn Fn(&Value) -> bool| -> u64 {
        rows.iter().filter(|r| whose(r)).map(of).sum()
    };
    let tokens = |r: &Value| r["prompt_tokens"].as_u64().unwrap() + r["completion_tokens"].as_u64().unwrap();
    let micro = |r: &Value| r["cost_micro"].as_u64().unwrap();
    let everyone = |_: &Value| true;
    // How many are answered depends on the order in which they fail: five failures in a row open the circuit.
    assert!(sum(&tokens, &everyone) > 0 && sum(&micro, &everyone) > 0);
    let settled = |kind: &str, id: &str, meter: &str| account(&budgets, kind, id, meter)["settled"].clone();
    assert_eq!(settled("global", "", "tokens"), sum(&tokens, &everyone));
    assert_eq!(settled("global", "", "micro"), sum(&micro, &everyone));
    for (i, (id, _)) in keys.iter().enumerate() {
        assert_eq!(settled("key", id, "micro"), sum(&micro, &|r| r["key"] == **id), "key {i}");
    }
    for (tenant, [a, b]) in [("red", [0, 2]), ("blue", [1, 3])] {
        let own = |r: &Value| r["key"] == *keys[a].0 || r["key"] == *keys[b].0;
        assert_eq!(settled("tenant", tenant, "tokens"), sum(&tokens, &own), "{tenant}");
    }
    for row in budgets["accounts"].as_array().unwrap() {
        assert_eq!(row["reserved"], 0, "every promise is back: {row}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_budget_of_requests_lets_exactly_so_many_through_at_once() {
    let world = world("budgets: [{name: ten, scope: global, window: day, requests: 10}]").await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    let got = all((0..64).map(|i| ask(&world, &secret, CLIENTS[i % 3], "hello", i % 2 == 0))).await;
    assert_eq!(got.iter().filter(|g| g.status == StatusCode::OK).count(), 10);
    assert_eq!(got.iter().filter(|g| g.status == StatusCode::TOO_MANY_REQUESTS).count(), 54);
    for client in CLIENTS {
        let got = ask(&world, &secret, client, "hello", true).await;
        assert_eq!(got.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(client.is_error(&got.json()), "{client:?}: {}", got.text());
        let wait: u64 = got.header("retry-after").parse().unwrap();
        assert!((1..=86_400).contains(&wait), "until the day is over: {wait}");
        assert!(got.text().contains("10"), "the limit is named: {}", got.text());
    }
    assert_eq!(world.received(0).await.len(), 10, "nobody is asked when there is no budget");
    world.stop().await;
}

#[tokio::test]
async fn tokens_and_dollars_are_bounded_by_key_tenant_and_all() {
    let cases = [
        "{name: b, scope: 'key:k', window: total, tokens: 2000}",
        "{name: b, scope: 'key:*', window: total, usd: '0.05'}",
        "{name: b, scope: 'tenant:t', window: total, usd: '0.05'}",
        "{name: b, scope: global, window: month, tokens: 2000}",
    ];
    for budget in cases {
        let world = world(&format!("budgets: [{budget}]")).await;
        let (_, secret) = world.key(&json!({"name": "k", "tenant": "t"})).await;
        let mut answered = 0;
        loop {
            let got = ask(&world, &secret, Client::Chat, "hello", false).await;
            if got.status == StatusCode::TOO_MANY_REQUESTS {
                break;
            }
            assert_eq!(got.status, StatusCode::OK, "{budget}: {}", got.text());
            answered += 1;
            assert!(answered < 200, "{budget} is never spent");
        }
        assert!(answered > 1, "{budget}: {answered}");
        let budgets = world.get("/api/v1/budgets").await.json();
        for row in budgets["accounts"].as_array().unwrap() {
            let (settled, limit) = (row["settled"].as_u64().unwrap(), row["limit"].as_u64());
            assert!(limit.is_none_or(|l| settled <= l + row["overrun"].as_u64().unwrap()), "{row}");
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn a_spent_budget_can_mean_a_cheaper_model() {
    let budget = "budgets: [{name: month, scope: global, window: month, usd: '0.02', when_spent: cheap}]";
    let world = world(budget).await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    let mut models = Vec::new();
    for i in 0..30 {
        let got = ask(&world, &secret, Client::Messages, "hello", i % 2 == 0).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        models.push(got.header("x-tollgate-model").to_owned());
        if i == 29 {
            let row = world.decision(&got.headers).await;
            assert!(row["decision"]["models"].as_str().unwrap().contains("budget month is spent"), "{row}");
        }
    }
    assert!(models[0] == "dear" && models[29] == "cheap", "{models:?}");
    let budgets = world.get("/api/v1/budgets").await.json();
    let cost: u64 = world.decisions().await.iter().map(|r| r["cost_micro"].as_u64().unwrap()).sum();
    assert_eq!(account(&budgets, "global", "", "micro")["settled"], cost, "what is cheaper is counted too");
    world.stop().await;
}

#[tokio::test]
async fn counters_keys_and_limits_outlive_a_restart() {
    let folder = Folder::new();
    let budget = "budgets: [{name: five, scope: 'key:*', window: total, requests: 5, tokens: 1000000}]";
    let world = world_at(budget, Some(&folder)).await;
    let (id, secret) = world.key(&json!({"name": "k"})).await;
    for _ in 0..3 {
        assert_eq!(ask(&world, &secret, Client::Chat, "hello", true).await.status, StatusCode::OK);
    }
    let before = world.get("/api/v1/budgets").await.json();
    world.stop().await;
    let world = world_at(budget, Some(&folder)).await;
    let after = world.get("/api/v1/budgets").await.json();
    for meter in ["requests", "tokens"] {
        let (old, new) = (account(&before, "key", &id, meter), account(&after, "key", &id, meter));
        assert_eq!(old["settled"], new["settled"], "{meter}");
        assert!(new["settled"].as_u64().unwrap() > 0);
    }
    let status = |got: Got| got.status.as_u16();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(status(ask(&world, &secret, Client::Chat, "hello", false).await));
    }
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(world.decisions().await.len(), 6);
    world.stop().await;
}

/// Asks for a model with at most `most` tokens of answer.
async fn ask_for(world: &World, secret: &str, model: &str, most: u64) -> Got {
    let mut body = Client::Chat.ask(model, "hello", false);
    body["max_tokens"] = json!(most);
    let bearer = format!("Bearer {secret}");
    world.send(http::Method::POST, Client::Chat.path(), &[("authorization", &bearer)], body.to_string()).await
}

#[tokio::test]
async fn a_spent_budget_that_names_a_model_leaves_every_other_budget_in_force() {
    let budgets = r#"
budgets:
  - {name: hard, scope: global, window: day, tokens: 700}
  - {name: soft, scope: global, window: day, usd: "0.01", when_spent: cheap}
"#;
    for model in ["dear", "cheap", "auto"] {
        let world = world(budgets).await;
        let (_, secret) = world.key(&json!({"name": "k"})).await;
        let got = all((0..40).map(|_| ask_for(&world, &secret, model, 300))).await;
        let (passed, refused): (Vec<_>, Vec<_>) = got.into_iter().partition(|g| g.status == StatusCode::OK);
        assert!(!passed.is_empty() && !refused.is_empty(), "{model}: {} passed", passed.len());
        for got in &passed {
            assert_eq!(got.header("x-tollgate-model"), "cheap", "{model}");
            let told = got.headers.get("x-tollgate-budget").map(|b| b.to_str().unwrap());
            assert_eq!(told, (model != "cheap").then_some("soft"), "{model}");
        }
        for got in &refused {
            assert_eq!(got.status, StatusCode::TOO_MANY_REQUESTS, "{}", got.text());
            assert!(got.text().contains("700 tokens per day"), "{}", got.text());
        }
        world.settled().await;
        let budgets = world.get("/api/v1/budgets").await.json();
        let tokens = account(&budgets, "global", "", "tokens");
        let (settled, overrun) = (tokens["settled"].as_u64().unwrap(), tokens["overrun"].as_u64().unwrap());
        assert!(settled <= 700 && overrun == 0 && tokens["reserved"] == 0, "{model}: {tokens}");
        world.stop().await;
    }
}

#[tokio::test]
async fn an_overspent_budget_goes_on_with_the_model_that_it_names() {
    let budgets =
        "budgets: [{name: acme, scope: 'tenant:acme', window: day, usd: '0.0001', when_spent: cheap}]";
    let world = world(budgets).await;
    let (_, secret) = world.key(&json!({"name": "k", "tenant": "acme"})).await;
    for round in 0u32.. {
        let budgets = world.get("/api/v1/budgets").await.json();
        if round > 0 && account(&budgets, "tenant", "acme", "micro")["settled"].as_u64().unwrap() > 100 {
            break;
        }
        assert!(round < 100, "never overspent: {budgets}");
        let got = ask_for(&world, &secret, "auto", 300).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    }
    for model in ["dear", "cheap", "auto"] {
        let got = ask_for(&world, &secret, model, 300).await;
        assert_eq!(got.status, StatusCode::OK, "{model}: {}", got.text());
        assert_eq!((got.header("x-tollgate-model"), got.header("x-tollgate-budget")), ("cheap", "acme"));
    }
    world.stop().await;
}

#[tokio::test]
async fn the_budget_that_is_spent_says_what_happens_and_no_other() {
    let soft = "{name: soft, scope: 'key:*', window: day, usd: '0.01', when_spent: cheap}";
    let cases = [
        // A global limit is spent whose own rule is to refuse.
        ("{name: hard, scope: global, window: day, usd: '0.005'}", "all callers"),
        // A limit that names the key replaces the one for each.
        ("{name: hard, scope: 'key:k', window: day, usd: '0.001'}", "key "),
    ];
    for (hard, whose) in cases {
        let world = world(&format!("budgets: [{hard}, {soft}]")).await;
        let (_, secret) = world.key(&json!({"name": "k"})).await;
        let mut last = ask_for(&world, &secret, "dear", 20).await;
        for _ in 0..200 {
            if last.status != StatusCode::OK {
                break;
            }
            assert_eq!(last.header("x-tollgate-model"), "dear", "{hard}");
            last = ask_for(&world, &secret, "dear", 20).await;
        }
        assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS, "{hard}: {}", last.text());
        assert!(last.text().contains(whose), "{}", last.text());
        world.stop().await;
    }
}

#[tokio::test]
async fn a_request_that_no_window_ever_holds_is_told_so() {
    let world = world("budgets: [{name: b, scope: global, window: day, tokens: 300}]").await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    let got = ask_for(&world, &secret, "cheap", 400).await;
    // Clients wait and try again on 429, without end.
    assert_eq!(got.status, StatusCode::PAYLOAD_TOO_LARGE);
    let text = got.text();
    assert!(text.contains("larger than the whole limit of 300 per day"), "{text}");
    assert!(text.contains("lower max_tokens") && !text.contains("starts again"), "{text}");
    assert!(got.headers.get("retry-after").is_none(), "waiting does not help");
    assert_eq!(ask_for(&world, &secret, "cheap", 100).await.status, StatusCode::OK);
    world.stop().await;
}
