//! Beyond `log.decisions_per_second` good answers are sampled: what is left out is counted, what failed never is, and
//! budgets count every request all the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

mod common;

use common::{Folder, World, all, settings, sims};
use http::StatusCode;
use serde_json::json;
use tollgate_gateway::serve::Options;

const CONFIG: &str = r#"
policy: {policy}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: m, price: {input: "1", output: "1"}}]
pools:
  - name: only
    instances: [{name: a, provider: sim, url: "http://{0}", models: {m: m}}]
budgets: [{name: everything, scope: global, window: total, requests: 1000000}]
log: {decisions_per_second: 1}
"#;
const POLICY: &str = "policy \"t\"\ndefault { models { \"m\" } }\n";
/// Good and bad requests; the good ones arrive faster than one a second on any machine.
const GOOD: usize = 200;
const BAD: usize = 10;

fn metric(text: &str, name: &str) -> usize {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

#[tokio::test]
async fn beyond_the_bound_good_answers_are_counted_as_skipped_and_failures_are_kept() {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let policy = folder.write("p.tollgate", POLICY);
    let settings = settings(CONFIG, &addresses, &policy);
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;

    let body = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "Hi"}]});
    let models = (0..GOOD + BAD).map(|n| if n % 21 == 20 { "unknown" } else { "auto" });
    let asked = models.map(|model| {
        let (world, body) = (&world, body(model));
        async move { world.post("/v1/chat/completions", &body).await.status }
    });
    let answers = all(asked).await;
    assert_eq!(answers.iter().filter(|s| **s == StatusCode::OK).count(), GOOD);
    assert_eq!(answers.iter().filter(|s| **s == StatusCode::NOT_FOUND).count(), BAD);

    let text = world.get("/metrics").await.text();
    let skipped = metric(&text, "tollgate_records_skipped");
    assert_eq!(metric(&text, "tollgate_records_dropped"), 0, "{text}");
    assert!(skipped > 0, "{GOOD} good answers in far less than {GOOD} seconds: the bound was reached");
    let rows = world.decisions().await;
    let kept = |status: u16| rows.iter().filter(|row| row["status"] == status).count();
    assert_eq!(
        (kept(404), kept(200)),
        (BAD, GOOD - skipped),
        "failures all, good answers but for the skipped"
    );

    let budgets = world.get("/api/v1/budgets").await.json();
    let mut accounts = budgets["accounts"].as_array().unwrap().iter();
    let settled = accounts.find(|r| r["meter"] == "requests").unwrap();
    assert_eq!(settled["settled"], json!(GOOD), "sampling the log never samples a budget: {budgets}");
    world.stop().await;
}
