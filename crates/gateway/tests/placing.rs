//! Where requests go: by energy and what that needs, and over a pool's boundary when it keeps them waiting.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

mod common;

use common::raw::Raw;
use common::shapes::Client;
use common::{Folder, World, settings};
use http::StatusCode;
use serde_json::json;
use tollgate_gateway::config;
use tollgate_gateway::serve::Options;

const ENERGY: &str = r#"
providers: [{name: own, kind: vllm, base_url: "http://127.0.0.1:9"}]
models: [{name: chat}]
pools:
  - name: only
    placement: least_energy
    energy_ttft_ms: 60000
    {power}
    instances:
      - {name: flat, provider: own, url: "http://127.0.0.1:9", models: {chat: m}, power: {idle_w: 300, peak_w: 310, half: 8}}
      - {name: steep, provider: own, url: "http://127.0.0.1:9", models: {chat: m}}
policy: p.tollgate
"#;

#[test]
fn least_energy_needs_power() {
    let read = |text: &str| config::read(text, "t.yaml".as_ref());
    let good = ENERGY.replace("{power}", "power: {idle_w: 100, peak_w: 700, half: 8}");
    let settings = read(&good).unwrap_or_else(|e| panic!("{e}"));
    let watts: Vec<f64> = settings.pools[0].instances.iter().map(|i| i.power.unwrap().peak_w).collect();
    assert_eq!(watts, [310.0, 700.0], "an instance's own power goes before its pool's");
    let without = read(&ENERGY.replace("{power}", "")).unwrap_err().to_string();
    assert!(
        without.contains("\"steep\" says nothing of its power") && without.contains("least_energy"),
        "{without}"
    );
    let wrong = read(&good.replace("idle_w: 100", "idle_w: 900")).unwrap_err().to_string();
    assert!(wrong.contains("900 W to 700 W"), "{wrong}");
}

/// Where one more request adds the least power it goes, and not where the wait is shorter.
#[tokio::test]
async fn requests_go_where_they_add_the_least_power() {
    let text = r#"
policy: {policy}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: chat}]
pools:
  - name: only
    placement: least_energy
    energy_ttft_ms: 60000
    instances:
      - {name: steep, provider: sim, url: "http://{0}", models: {chat: m}, power: {idle_w: 100, peak_w: 700, half: 8}}
      - {name: flat, provider: sim, url: "http://{1}", models: {chat: m}, power: {idle_w: 300, peak_w: 310, half: 8}}
"#;
    let folder = Folder::new();
    let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"chat\" } }\n");
    let (sims, addresses) = common::sims(2).await;
    let settings = settings(text, &addresses, &policy);
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    for _ in 0..8 {
        let got = world
            .post(
                "/v1/chat/completions",
                &json!({"model": "auto", "messages": [{"role": "user", "content": "hi"}]}),
            )
            .await;
        assert_eq!(got.header("x-tollgate-instance"), "flat");
    }
}

/// Requests that hang before their first token are a backlog that does not shrink; the rule says what it may cost others.
#[tokio::test]
async fn a_request_spills_to_the_larger_pool_when_the_smaller_one_keeps_it_waiting() {
    const HUNG: usize = 4;
    let text = r#"
policy: {policy}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: chat}]
pools:
  - {name: short, max_total_tokens: 8000, RULE, instances: [{name: a, provider: sim, url: "http://{0}", models: {chat: m}}]}
  - {name: long, instances: [{name: b, provider: sim, url: "http://{1}", models: {chat: m}}]}
timeouts: {first_content_ms: 600000, idle_ms: 600000, total_ms: 600000, probe_ms: 60000}
"#;
    let hold = "policy \"t\"\nsignal held = keyword any [\"hold\"]\n\
        route held { when held models { \"chat\" } pool \"short\" }\ndefault { models { \"chat\" } }\n";
    for (rule, spills) in [("spill_over_ms: 100", true), ("gamma: 1.0", false)] {
        let folder = Folder::new();
        let policy = folder.write("p.tollgate", hold);
        let (sims, addresses) = common::sims(2).await;
        let settings = settings(&text.replace("RULE", rule), &addresses, &policy);
        let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
        let pool = async || {
            let got = world.post("/v1/chat/completions", &Client::Chat.ask("auto", "hello", false)).await;
            assert_eq!(got.status, StatusCode::OK, "{}", got.text());
            let row = world.decision(&got.headers).await;
            let attempt = row["decision"]["attempts"][0].clone();
            (got.header("x-tollgate-pool").to_owned(), attempt["reason"].as_str().unwrap().to_owned())
        };
        assert_eq!(pool().await.0, "short", "nothing waits there");
        let mut hung = Vec::new();
        for _ in 0..HUNG {
            let words = format!("hold {}", "many words ".repeat(2_000));
            let ask = Client::Chat.ask("auto", &words, true).to_string();
            let mut raw = Raw::connect(world.gateway.addr()).await;
            let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-sim-fault: hang\r\n";
            raw.say(format!("{head}content-length: {}\r\n\r\n{ask}", ask.len())).await;
            hung.push(raw);
        }
        world.until("all hang", async || world.instance("a").await["in_flight"] == HUNG).await;
        let (name, reason) = pool().await;
        assert_eq!(name, if spills { "long" } else { "short" }, "{rule}: {reason}");
        assert_eq!(reason.contains("spilled: the smaller pool waits"), spills, "{rule}: {reason}");
        let explained =
            world.post("/v1/route", &Client::Chat.ask("auto", "hello", false)).await.json()["pools"]
                .to_string();
        assert_eq!(explained.contains("spilled"), spills, "{explained}");
        drop(hung);
        world.settled().await;
        assert_eq!(pool().await.0, "short", "{rule}: nothing waits there any more");
        world.stop().await;
    }
}
