//! A risk model behind HTTP: the same score as from a file, and what is not whole is refused and counted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "../common/mod.rs"]
mod common;

use common::World;
use serde_json::{Value, json};
use std::path::PathBuf;
use tollgate_gateway::config::{self, DEFAULT_INSTANCES};
use tollgate_gateway::serve;
use tollgate_risk::Dataset;
use tollgate_risk::generate::{Generated, Plan, dataset, generate};
use tollgate_risk::model::Model;
use tollgate_risk::train::{TrainConfig, train};

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Made histories and a model of them in a folder.
fn made(name: &str) -> (Generated, Dataset, Model, Folder) {
    let made = generate(&Plan { users: 120, events: 40.0, ..Plan::default() });
    let data = dataset(&made);
    let config = TrainConfig { network: None, ..TrainConfig::default() };
    let model = train(&data, &config, &mut |_| {}).unwrap();
    let folder = Folder(std::env::temp_dir().join(format!("tollgate-risk-{name}-{}", std::process::id())));
    model.save(&folder.0).unwrap();
    (made, data, model, folder)
}

/// The embedded default, with a risk model where one is given.
async fn world(folder: Option<&Folder>) -> World {
    let mut sims = Vec::new();
    for name in DEFAULT_INSTANCES {
        sims.push(common::sim(name).await);
    }
    let addresses: Vec<_> = sims.iter().map(tollgate_sim::Running::addr).collect();
    let mut settings = config::default_settings(&addresses, "tollgate.yaml".as_ref()).unwrap();
    settings.risk = folder.map(|folder| folder.0.clone());
    World::launch(sims, serve::Options { settings: Some(settings), ..serve::Options::default() }).await
}

fn payments(made: &Generated, user: u32) -> Vec<Value> {
    let of = |e: &(u32, i64, u32, i64)| {
        let (name, category) = &made.merchants[e.2 as usize];
        json!({"time": e.1, "merchant": e.2.to_string(), "amount": e.3, "name": name, "category": category.to_string()})
    };
    made.events.iter().filter(|e| e.0 == user).map(of).collect()
}

#[tokio::test]
async fn a_request_scores_as_a_file_does() {
    let (made, data, model, folder) = made("same");
    let world = world(Some(&folder)).await;
    let wanted = model.score(&data, None).unwrap();
    for user in [0usize, 7, 33] {
        let ask = json!({"user": "u", "at": data.ends[user], "payments": payments(&made, user as u32), "reasons": true});
        let got = world.post("/v1/risk/score", &ask).await;
        assert_eq!(got.status.as_u16(), 200, "{}", got.text());
        let answer = got.json();
        let found = answer["probability"].as_f64().unwrap();
        assert_eq!(found.to_bits(), wanted[user].probability.to_bits(), "user {user}");
        assert_eq!(
            (answer["user"].as_str(), answer["refused"].as_array().map(Vec::len)),
            (Some("u"), Some(0))
        );
        assert!(answer["reasons"].as_array().unwrap().len() <= 4);
    }
    assert!(world.get("/metrics").await.text().contains("tollgate_risk_scores_total 3"));
}

#[tokio::test]
async fn bad_payments_are_refused_and_counted() {
    let (made, data, _, folder) = made("refused");
    let world = world(Some(&folder)).await;
    let at = data.ends[0];
    let good = payments(&made, 0);
    let ask = |payments: &[Value]| json!({"at": at, "payments": payments});
    let clean = world.post("/v1/risk/score", &ask(&good)).await.json();
    let mut bad = good.clone();
    bad.push(json!({"time": at, "merchant": "1", "amount": 99_999_999}));
    bad.push(json!({"time": at - 10, "merchant": "1"}));
    bad.push(json!({"time": at - 10, "amount": 5}));
    let got = world.post("/v1/risk/score", &ask(&bad)).await.json();
    assert_eq!(got["probability"], clean["probability"]);
    let words: Vec<&str> =
        got["refused"].as_array().unwrap().iter().filter_map(|r| r["reason"].as_str()).collect();
    assert_eq!(words, ["after_cutoff", "no_amount", "no_merchant"]);
    assert!(got["refused"][0]["samples"][0]["found"].as_str().unwrap().contains("99999999"));
    let metrics = world.get("/metrics").await.text();
    assert!(metrics.contains("tollgate_risk_refused_total{reason=\"after_cutoff\"} 1"), "{metrics}");
    for (ask, said) in [
        (json!({"payments": []}), "at"),
        (json!({"at": at, "payments": [], "profile": {"age": 4}}), "age"),
        (json!({"at": at, "payments": [{"sum": 4}]}), "sum"),
    ] {
        let got = world.post("/v1/risk/score", &ask).await;
        assert_eq!(got.status.as_u16(), 400, "{}", got.text());
        assert!(got.text().contains(said), "{}", got.text());
    }
}

#[tokio::test]
async fn without_a_model_nothing_is_served() {
    let world = world(None).await;
    let got = world.post("/v1/risk/score", &json!({"at": 1, "payments": []})).await;
    assert_eq!(got.status.as_u16(), 404);
    assert!(got.text().contains("set `risk`"), "{}", got.text());
}
