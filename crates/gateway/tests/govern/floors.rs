//! Floors of energy and rules over the budget that is left hold at dispatch, for the route and for who names a model.

use super::common::{Folder, World, settings, sims};
use crate::common::shapes::Client;
use http::{Method, StatusCode};
use serde_json::json;
use tollgate_gateway::serve::Options;

/// Two pools serve `m`; only the second gives enough tokens per joule, and the third does not say.
const CONFIG: &str = r#"
policy: {policy}
auth: {mode: keys}
providers: [{name: p, kind: tollgate_sim}]
models:
  - {name: m, price: {input: 1, output: 1}}
  - {name: dirty}
  - {name: unknown}
budgets: [{name: all, scope: global, window: total, requests: 4}]
pools:
  - name: low
    tokens_per_joule: 1.5
    instances: [{name: low-1, provider: p, url: "http://{0}", models: {m: m, dirty: dirty}}]
  - name: high
    tokens_per_joule: 2.5
    instances: [{name: high-1, provider: p, url: "http://{1}", models: {m: m}}]
  - name: silent
    instances: [{name: silent-1, provider: p, url: "http://{2}", models: {m: m, unknown: unknown}}]
"#;

async fn world(policy: &str) -> (World, String) {
    let (sims, addresses) = sims(3).await;
    let folder = Folder::new();
    let policy = folder.write("p.tollgate", policy);
    let settings = settings(CONFIG, &addresses, &policy);
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let secret = world.key(&json!({"name": "k"})).await.1;
    (world, secret)
}

async fn ask(world: &World, secret: &str, model: &str) -> crate::common::Got {
    let bearer = format!("Bearer {secret}");
    let body = Client::Chat.ask(model, "Hello", false).to_string();
    world.send(Method::POST, Client::Chat.path(), &[("authorization", &bearer)], body).await
}

#[tokio::test]
async fn an_instance_below_the_floor_of_energy_gets_nothing() {
    let policy = "rule green { energy >= 2 }\ndefault { models { \"dirty\", \"unknown\", \"m\" } }\n";
    let (world, secret) = world(policy).await;
    for model in ["auto", "m"] {
        let got = ask(&world, &secret, model).await;
        assert_eq!(
            (got.status, got.header("x-tollgate-instance")),
            (StatusCode::OK, "high-1"),
            "{}",
            got.text()
        );
    }
    for model in ["dirty", "unknown"] {
        let got = ask(&world, &secret, model).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{model}: {}", got.text());
        assert!(got.text().contains("rule green"), "{}", got.text());
    }
    assert!(world.received(0).await.is_empty() && world.received(2).await.is_empty());
}

#[tokio::test]
async fn a_rule_over_the_budget_binds_when_that_much_is_used() {
    let policy =
        "rule thrift { when budget_left < 0.6 models [\"m\"] }\ndefault { models { \"dirty\", \"m\" } }\n";
    let (world, secret) = world(policy).await;
    let mut models = Vec::new();
    for _ in 0..4 {
        let got = ask(&world, &secret, "auto").await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        models.push(got.header("x-tollgate-model").to_owned());
    }
    // Of four requests, two leave half of the budget.
    assert_eq!(models, ["dirty", "dirty", "m", "m"]);
}
