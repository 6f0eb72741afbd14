//! Placement by energy: what it needs, and where requests go.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

mod common;

use common::{Folder, World, settings};
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
