//! What is counted. The metrics say what the traffic was. Beyond `log.decisions_per_second` good answers are sampled: what is
//! left out is counted, what failed never is, and budgets count every request all the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

mod common;

use common::shapes::{CLIENTS, Client, events};
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

/// Tokens of prompt and answer, as the upstream's own words put them.
fn usage(answer: &serde_json::Value) -> (usize, usize) {
    let number = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| answer["usage"][*name].as_u64());
        usize::try_from(found.unwrap_or_else(|| panic!("{answer}"))).unwrap()
    };
    (number(["prompt_tokens", "input_tokens"]), number(["completion_tokens", "output_tokens"]))
}

#[tokio::test]
async fn the_metrics_say_what_the_traffic_was() {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    // A micro-dollar for each token of a prompt, cached or not, and two for each of an answer.
    let config = CONFIG
        .replace("{input: \"1\", output: \"1\"}", "{input: \"1\", cached_input: \"1\", output: \"2\"}")
        .replace("log: {decisions_per_second: 1}", "retry: {attempts: 1}");
    let policy = "policy \"t\"\nsignal code = keyword any [\"rust\"]\n\
        route coding { when code models { \"m\" } }\ndefault { models { \"m\" } }\n";
    let settings = settings(&config, &addresses, &folder.write("p.tollgate", policy));
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let (mut prompt, mut completion) = (0, 0);
    for client in CLIENTS {
        let got = world.post(client.path(), &client.ask("auto", "hello there", false)).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        let (asked, answered) = usage(&got.json());
        (prompt, completion) = (prompt + asked, completion + answered);
    }
    let mut streamed = Client::Chat.ask("auto", "tell me more", true);
    streamed["stream_options"] = json!({"include_usage": true});
    let got = world.post("/v1/chat/completions", &streamed).await;
    let last =
        events(&got.text()).iter().map(common::shapes::Event::json).find(|e| e["usage"].is_object()).unwrap();
    let (asked, answered) = usage(&last);
    (prompt, completion) = (prompt + asked, completion + answered);
    let lost = world.post("/v1/chat/completions", &Client::Chat.ask("no-such-model", "hi", false)).await;
    assert_eq!(lost.status, StatusCode::NOT_FOUND);
    world.fault(0, &json!({"fault": "status=500", "count": 1})).await;
    let failed = world.post("/v1/messages", &Client::Messages.ask("auto", "hi", false)).await;
    assert_eq!(failed.status, StatusCode::BAD_GATEWAY);
    world.settled().await;

    let text = world.get("/metrics").await.text();
    let requests = |dialect: &str, model: &str, status: u16| {
        let labels = format!("dialect=\"{dialect}\",route=\"default\",model=\"{model}\",status=\"{status}\"");
        metric(&text, &format!("tollgate_requests_total{{{labels}}}"))
    };
    assert_eq!(requests("openai_chat", "m", 200), 2);
    assert_eq!((requests("anthropic", "m", 200), requests("openai_responses", "m", 200)), (1, 1));
    assert_eq!((requests("openai_chat", "none", 404), requests("anthropic", "none", 502)), (1, 1));
    for (kind, tokens) in [("prompt", prompt), ("completion", completion)] {
        assert!(tokens > 0);
        assert_eq!(
            metric(&text, &format!("tollgate_tokens_total{{model=\"m\",kind=\"{kind}\"}}")),
            tokens,
            "{kind}"
        );
    }
    assert_eq!(metric(&text, "tollgate_cost_micro_usd_total{model=\"m\"}"), prompt + 2 * completion);
    for histogram in ["duration", "first_content"] {
        for count in ["count{", "bucket{le=\"+Inf\","] {
            let name = format!("tollgate_{histogram}_seconds_{count}model=\"m\"}}");
            assert_eq!(metric(&text, &name), 4, "answers, whole and streamed: {name}");
        }
        let sum = format!("tollgate_{histogram}_seconds_sum{{model=\"m\"}} ");
        let sum = text.lines().find_map(|line| line.strip_prefix(&sum)?.parse::<f64>().ok());
        assert!(sum.unwrap() > 0.0, "{histogram}");
    }
    // By phase: those of every request, those that stop where no model is found, those of attempts and of answers.
    for (phases, count) in [
        (&["authenticate", "characterise", "signal", "decide", "record"][..], 6),
        (&["select", "shape", "place", "dispatch"], 5),
        (&["settle"], 4),
        (&["validate"], 3),
    ] {
        for phase in phases {
            let name = format!("tollgate_phase_seconds_count{{phase=\"{phase}\"}}");
            assert_eq!(metric(&text, &name), count, "{phase}");
        }
    }
    assert_eq!(metric(&text, "tollgate_overhead_seconds_count"), 6);
    assert_eq!(metric(&text, "tollgate_in_flight"), 0);
    for (outcome, count) in [("ok", 4), ("upstream_failed", 1)] {
        let name = format!("tollgate_upstream_attempts_total{{instance=\"a\",outcome=\"{outcome}\"}}");
        assert_eq!(metric(&text, &name), count, "{outcome}");
    }
    assert_eq!(metric(&text, "tollgate_refused_total{reason=\"not_found\"}"), 1);

    // The record of one request has the same phases, and its time of our own is their sum.
    let rows = world.decisions().await;
    let row = rows.iter().find(|row| row["status"] == 200 && row["stream"] == false).unwrap();
    let phases = world.get(&format!("/api/v1/decisions/{}", row["id"].as_str().unwrap())).await.json();
    let phases = phases["phases_ns"].as_object().unwrap().clone();
    for phase in [
        "authenticate",
        "characterise",
        "decide",
        "shape",
        "select",
        "place",
        "dispatch",
        "validate",
        "settle",
    ] {
        assert!(phases[phase].as_u64().unwrap() > 0, "{phase}: {phases:?}");
    }
    let sum: u64 = phases.values().map(|ns| ns.as_u64().unwrap()).sum();
    assert_eq!(row["overhead_us"], sum / 1000, "{row}");
    world.stop().await;
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

/// What no decision needs is not read: it is neither in the record nor in the time of signals.
#[tokio::test]
async fn a_signal_that_no_decision_needs_costs_a_request_nothing() {
    let folder = Folder::new();
    let policy = r#"policy "t"
signal plain = keyword any ["plain"]
signal urgent = keyword any ["urgent"]
signal personal = pii types ["email"]
route first priority 20 { when plain and (language is "de" or personal) models { "m" } }
route second priority 10 { when urgent or personal models { "m" } }
default { models { "m" } }
"#;
    let policy = folder.write("p.tollgate", policy);
    let (sims, addresses) = sims(1).await;
    let text = "policy: {policy}\nproviders: [{name: sim, kind: tollgate_sim, base_url: \"http://{0}\"}]\nmodels: [{name: m, provider: sim}]\n";
    let settings = settings(text, &addresses, &policy);
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    // `and` ends at the first that is false, `or` at the first that is true, and the first route that holds ends the search.
    for (words, route, read) in [
        ("an urgent question", "second", vec!["plain", "urgent"]),
        ("a plain word to ada@example.org", "first", vec!["personal", "plain"]),
        ("nothing of the kind", "default", vec!["personal", "plain", "urgent"]),
    ] {
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": words}]});
        let got = world.post("/v1/chat/completions", &body).await;
        assert_eq!(got.header("x-tollgate-decision"), route, "{words}: {}", got.text());
        let record = world.decision(&got.headers).await;
        let signals = record["signals"].as_array().unwrap();
        let mut names: Vec<_> = signals.iter().map(|signal| signal["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, read, "{words}: {record}");
        let spent: u64 = signals.iter().map(|signal| signal["ns"].as_u64().unwrap()).sum();
        let phase = record["phases_ns"]["signal"].as_u64().unwrap();
        assert!(spent > 0 && spent <= phase, "{spent} ns of signals in a phase of {phase}: {record}");
    }
    world.stop().await;
}
