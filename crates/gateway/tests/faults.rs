//! Upstream faults before the caller has seen anything: who is blamed, who takes over, what the caller reads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

mod common;

use common::raw::{Scripted, Step};
use common::shapes::{CLIENTS, Client};
use common::{Folder, World, all, rule, settings, sims};
use http::StatusCode;
use serde_json::{Value, json};
use tollgate_gateway::serve::Options;

/// `first` is served by the first instance only, `second` by the second; the policy prefers `first`.
const TWO_MODELS: &str = r#"
policy: {policy}
providers: [{name: sim, kind: tollgate_sim}]
models:
  - {name: first, price: {input: "1", output: "2"}}
  - {name: second, price: {input: "1", output: "2"}}
pools:
  - name: only
    instances:
      - {name: a, provider: sim, url: "http://{0}", models: {first: m}}
      - {name: b, provider: sim, url: "http://{1}", models: {second: m}}
timeouts: {connect_ms: 60000, first_content_ms: 60000, idle_ms: 60000, total_ms: 120000, probe_ms: 60000}
"#;
const FIRST_THEN_SECOND: &str = "policy \"t\"\ndefault { models { \"first\", \"second\" } }\n";

/// One model on one instance.
const ALONE: &str = r#"
policy: {policy}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: first, price: {input: "1", output: "2"}}]
pools:
  - name: only
    instances: [{name: a, provider: sim, url: "http://{0}", models: {first: m}}]
timeouts: {connect_ms: 60000, first_content_ms: 60000, idle_ms: 60000, total_ms: 120000, probe_ms: 60000}
"#;
const ONLY_FIRST: &str = "policy \"t\"\ndefault { models { \"first\" } }\n";

async fn world(count: usize, config: &str, policy: &str) -> World {
    let folder = Folder::new();
    let (sims, addresses) = sims(count).await;
    let settings = settings(config, &addresses, &folder.write("p.tollgate", policy));
    World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
}

/// Whether a circuit has opened; on a machine that is slow its pause may be over already.
fn shut(standing: &Value) -> bool {
    standing == "open" || standing == "probing"
}

#[tokio::test]
async fn another_instance_takes_over_and_the_caller_sees_nothing_of_it() {
    // Directive, and the kind under which the attempt is counted. Where one limit expires another instance has as long
    // to answer: seconds, and those tries are made side by side.
    let faults = [
        ("status=500", "upstream_failed"),
        ("status=503", "unavailable"),
        ("status=429:1", "limit_reached"),
        ("status=401", "upstream_denied"),
        ("status=404", "not_found"),
        ("hang", "timeout"),
        ("close", "upstream_failed"),
        ("bad_json", "upstream_failed"),
        ("context", "context_too_long"),
        ("cut=0", "upstream_failed"),
        ("error_event=0", "upstream_failed"),
        ("cut=1", "upstream_failed"),
        ("error_event=1", "upstream_failed"),
        ("stall=1:60000", "timeout"),
    ];
    let mut tries = Vec::new();
    for (fault, kind) in faults {
        for (client, stream) in [(Client::Chat, false), (Client::Messages, true), (Client::Responses, true)] {
            // Inside a stream the first event is good; a whole answer may take all the time there is.
            let elsewhere =
                if stream { fault == "bad_json" } else { ["hang", "stall=1:60000"].contains(&fault) };
            if !elsewhere {
                tries.push(taken_over(fault, kind, client, stream));
            }
        }
    }
    all(tries).await;
}

async fn taken_over(fault: &str, kind: &str, client: Client, stream: bool) {
    let config = match kind {
        "timeout" => TWO_MODELS.replace("first_content_ms: 60000", "first_content_ms: 4000"),
        _ => TWO_MODELS.to_owned(),
    };
    let world = world(2, &config, FIRST_THEN_SECOND).await;
    world.fault(0, &rule(fault)).await;
    let got = world.post(client.path(), &client.ask("auto", "hello there", stream)).await;
    let what = format!("{fault} {client:?} stream={stream}: {}", got.text());
    assert_eq!(got.status, StatusCode::OK, "{what}");
    assert_eq!((got.header("x-tollgate-instance"), got.header("x-tollgate-attempts")), ("b", "2"), "{what}");
    let words = if stream { client.streamed(&got.text()) } else { client.words(&got.json()) };
    assert!(words.contains("sim-1"), "{what}");
    assert!(!stream || client.ended(&got.text()), "{what}");
    world.settled().await;
    let row = world.decision(&got.headers).await;
    assert_eq!(row["decision"]["attempts"].as_array().unwrap().len(), 2, "{row}");
    assert_eq!((&row["instance"], &row["model"]), (&json!("b"), &json!("second")), "{row}");
    let metrics = world.get("/metrics").await.text();
    let counted = format!("tollgate_upstream_attempts_total{{instance=\"a\",outcome=\"{kind}\"}} 1");
    assert!(metrics.contains(&counted), "{what}\n{metrics}");
    world.stop().await;
}

#[tokio::test]
async fn a_fault_everywhere_reaches_the_caller_in_its_dialect() {
    let cases = [
        ("status=500", 502, "upstream answered 500"),
        ("status=503", 503, "upstream answered 503"),
        ("status=429:7", 429, "upstream answered 429"),
        ("status=401", 502, "the operator"),
        ("hang", 504, "in time"),
        ("close", 502, "failed to answer; the operator"),
        ("context", 400, "context"),
    ];
    for (fault, status, words) in cases {
        for client in CLIENTS {
            // Nothing healthy has to beat the one limit that must expire.
            let config = match fault {
                "hang" => ALONE.replace("total_ms: 120000", "total_ms: 1000"),
                _ => ALONE.to_owned(),
            };
            let world = world(1, &config, ONLY_FIRST).await;
            world.fault(0, &rule(fault)).await;
            let got = world.post(client.path(), &client.ask("auto", "hello there", false)).await;
            let what = format!("{fault} {client:?}: {} {}", got.status, got.text());
            assert_eq!(got.status.as_u16(), status, "{what}");
            assert!(got.text().contains(words), "{what}");
            assert!(client.is_error(&got.json()), "{what}");
            assert_eq!(got.header("retry-after"), if fault == "status=429:7" { "7" } else { "" }, "{what}");
            world.settled().await;
            let row = world.decision(&got.headers).await;
            assert_eq!((&row["status"], row["fault"].is_string()), (&json!(status), true), "{row}");
            // It was attempted: nothing was refused before dispatch.
            let metrics = world.get("/metrics").await.text();
            assert!(!metrics.contains("tollgate_refused_total{"), "{what}\n{metrics}");
            world.stop().await;
        }
    }
}

#[tokio::test]
async fn a_prompt_that_is_too_long_goes_to_the_larger_pool_and_blames_nobody() {
    let config = r#"
policy: {policy}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: first}]
pools:
  - {name: small, max_total_tokens: 4000, instances: [{name: a, provider: sim, url: "http://{0}", models: {first: m}}]}
  - {name: large, instances: [{name: b, provider: sim, url: "http://{1}", models: {first: m}}]}
"#;
    let world = world(2, config, ONLY_FIRST).await;
    world.fault(0, &rule("context")).await;
    for _ in 0..12 {
        let got = world.post("/v1/chat/completions", &Client::Chat.ask("auto", "hello", false)).await;
        assert_eq!((got.status, got.header("x-tollgate-pool")), (StatusCode::OK, "large"), "{}", got.text());
    }
    assert_eq!(world.received(0).await.len(), 12, "the small pool stays the first choice");
    assert_eq!(world.instance("a").await["standing"], "ready");
    world.stop().await;
}

#[tokio::test]
async fn the_callers_own_fault_is_passed_on_as_it_was_said_and_blames_nobody() {
    let world = world(2, TWO_MODELS, FIRST_THEN_SECOND).await;
    for (status, client) in [(400, Client::Chat), (422, Client::Responses), (413, Client::Messages)] {
        world.fault(0, &rule(&format!("status={status}"))).await;
        let direct = format!("http://{}{}", world.sims[0].addr(), client.path());
        let body = client.ask("m", "hello", false);
        let said = world.client.post_json(&direct, body.to_string()).await.unwrap();
        for _ in 0..7 {
            let got = world.post(client.path(), &client.ask("auto", "hello", false)).await;
            assert_eq!(got.status.as_u16(), status, "{client:?} {}", got.text());
            assert_eq!(got.body, said.body, "the upstream's own words");
        }
        assert_eq!(world.instance("a").await["standing"], "ready", "{status}");
        world.mend(0).await;
    }
    assert!(world.received(1).await.is_empty(), "nobody else is bothered with it");
    world.stop().await;
}

#[tokio::test]
async fn a_refused_connection_costs_the_caller_nothing() {
    let world = world(2, TWO_MODELS, FIRST_THEN_SECOND).await;
    let mut world = world;
    world.sims.remove(0).stop().await;
    for _ in 0..4 {
        let got = world.post("/v1/chat/completions", &Client::Chat.ask("auto", "hello", true)).await;
        assert_eq!((got.status, got.header("x-tollgate-instance")), (StatusCode::OK, "b"), "{}", got.text());
    }
    let standing = world.instance("a").await["standing"].clone();
    assert!(shut(&standing), "two refusals in a row are enough: {standing}");
    world.settled().await;
    world.stop().await;
}

#[tokio::test]
async fn a_circuit_opens_and_closes_again_when_the_instance_is_well() {
    let world = world(1, ALONE, ONLY_FIRST).await;
    world.fault(0, &rule("status=500")).await;
    let ask = Client::Chat.ask("auto", "hello", false);
    for _ in 0..3 {
        assert_eq!(world.post("/v1/chat/completions", &ask).await.status, StatusCode::BAD_GATEWAY);
    }
    let standing = world.instance("a").await["standing"].clone();
    assert!(shut(&standing), "{standing}");
    world.mend(0).await;
    world.until("probing", async || world.instance("a").await["standing"] == "probing").await;
    for standing in ["probing", "ready"] {
        assert_eq!(world.post("/v1/chat/completions", &ask).await.status, StatusCode::OK);
        assert_eq!(world.instance("a").await["standing"], standing);
    }
    world.stop().await;
}

#[tokio::test]
async fn an_instance_that_fails_its_probes_is_down_and_comes_back() {
    let config = ALONE.replace("probe_ms: 60000", "probe_ms: 10");
    let mut world = world(1, &config, ONLY_FIRST).await;
    let addr = world.sims[0].addr();
    world.sims.remove(0).stop().await;
    world.until("down", async || world.instance("a").await["standing"] == "down").await;
    assert_eq!(world.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let again = tollgate_sim::SimConfig {
        listen: addr,
        any_model: true,
        speed: 0.0,
        ..tollgate_sim::SimConfig::default()
    };
    world.sims.push(tollgate_sim::Sim::start(again).await.unwrap());
    world.until("ready", async || world.instance("a").await["standing"] == "ready").await;
    assert_eq!(world.get("/readyz").await.status, StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn an_outlier_is_ejected_and_the_others_carry_on() {
    let config = r#"
policy: {policy}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: first}]
pools:
  - name: only
    placement: weighted
    instances:
      - {name: a, provider: sim, url: "http://{0}", models: {first: m}}
      - {name: b, provider: sim, url: "http://{1}", models: {first: m}}
      - {name: c, provider: sim, url: "http://{2}", models: {first: m}}
retry: {attempts: 3, budget_percent: 100, floor_per_second: 100}
timeouts: {probe_ms: 60000}
"#;
    let world = world(3, config, ONLY_FIRST).await;
    world.fault(0, &rule("status=500")).await;
    let ask = Client::Chat.ask("auto", "hello", false);
    for _ in 0..60 {
        assert_eq!(world.post("/v1/chat/completions", &ask).await.status, StatusCode::OK);
    }
    let standing = world.instance("a").await["standing"].clone();
    assert!(standing == "open" || standing == "ejected", "{standing}");
    assert_eq!(world.received(0).await.len(), 5, "five failures in a row, then no more");
    // The circuit's pause is shorter than the ejection: what is left then is the ejection.
    world.until("ejected", async || world.instance("a").await["standing"] == "ejected").await;
    world.stop().await;
}

#[tokio::test]
async fn retries_are_paid_from_a_budget() {
    let config = r#"
policy: {policy}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: first}]
pools:
  - name: only
    instances:
      - {name: a, provider: sim, url: "http://{0}", models: {first: m}}
      - {name: b, provider: sim, url: "http://{1}", models: {first: m}}
retry: {attempts: 3, budget_percent: 0, floor_per_second: 0}
"#;
    let world = world(2, config, ONLY_FIRST).await;
    for sim in 0..2 {
        world.fault(sim, &rule("status=503")).await;
    }
    let ask = Client::Chat.ask("auto", "hello", false);
    for _ in 0..20 {
        assert_eq!(world.post("/v1/chat/completions", &ask).await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    let sent = world.received(0).await.len() + world.received(1).await.len();
    // An instance that is out when its turn comes may save a retry.
    assert!(
        (25..=30).contains(&sent),
        "twenty first attempts, and at most the ten retries that were saved up: {sent}"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_pause_before_the_next_attempt_is_not_our_own_time() {
    let world = world(1, ALONE, ONLY_FIRST).await;
    world.fault(0, &json!({"fault": "status=500", "count": 2})).await;
    let got = world.post("/v1/chat/completions", &Client::Chat.ask("auto", "hello", false)).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let row = world.decision(&got.headers).await;
    let attempts = row["decision"]["attempts"].as_array().unwrap();
    let end = |a: &Value| a["start_us"].as_f64().unwrap() + a["ms"].as_f64().unwrap() * 1000.0;
    let pauses: f64 = attempts.windows(2).map(|w| w[1]["start_us"].as_f64().unwrap() - end(&w[0])).sum();
    assert!(attempts.len() == 3 && pauses > 10_000.0, "{row}");
    let own = row["overhead_us"].as_f64().unwrap();
    assert!(own + pauses <= row["total_us"].as_f64().unwrap(), "{row}");
    world.stop().await;
}

#[tokio::test]
async fn a_rate_limit_is_a_pause_and_no_failure() {
    let ask = Client::Chat.ask("auto", "hello", false);
    // A pause that no test outlasts, and one that ends by itself.
    for (pause, ends) in [("status=429:100", false), ("status=429:1", true)] {
        let world = world(2, TWO_MODELS, FIRST_THEN_SECOND).await;
        world.fault(0, &json!({"fault": pause, "count": 1})).await;
        assert_eq!(world.post("/v1/chat/completions", &ask).await.header("x-tollgate-instance"), "b");
        if ends {
            world.until("rested", async || world.instance("a").await["standing"] == "ready").await;
            assert_eq!(world.post("/v1/chat/completions", &ask).await.header("x-tollgate-instance"), "a");
        } else {
            for _ in 0..3 {
                assert_eq!(world.post("/v1/chat/completions", &ask).await.header("x-tollgate-instance"), "b");
            }
            assert_eq!(world.received(0).await.len(), 1, "not asked again while it rests");
            assert_eq!(world.instance("a").await["standing"], "cooling");
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn a_pause_until_a_date_is_kept_and_told() {
    // Nobody's clock needs to be right: the answer's own date says how long.
    let head = "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 2\r\nconnection: close\r\n\
                date: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: Sun, 06 Nov 1994 08:50:07 GMT\r\n\r\n{}";
    let upstream = Scripted::start(vec![Step::Say(head.into())]).await;
    let folder = Folder::new();
    let policy = folder.write("p.tollgate", ONLY_FIRST);
    let settings = settings(ALONE, &[upstream.addr.to_string()], &policy);
    let world = World::launch(Vec::new(), Options { settings: Some(settings), ..Options::default() }).await;
    for _ in 0..2 {
        let got = world.post("/v1/chat/completions", &Client::Chat.ask("auto", "hello", false)).await;
        assert_eq!(got.status, StatusCode::TOO_MANY_REQUESTS, "{}", got.text());
        let pause: u64 = got.header("retry-after").parse().unwrap();
        assert!((2..=30).contains(&pause), "{pause}");
        assert_eq!(world.instance("a").await["standing"], "cooling");
    }
    world.stop().await;
}

#[tokio::test]
async fn faults_of_all_kinds_at_once_leave_no_load_behind() {
    let world = world(2, TWO_MODELS, FIRST_THEN_SECOND).await;
    let faults = ["", "status=500", "cut=3", "bad_json", "close", "slow=50", "error_event=2", "status=400"];
    let asks = (0..64).map(|i| {
        let client = CLIENTS[i % 3];
        let body = client.ask("auto", &format!("question {i}"), i % 2 == 0);
        let fault = faults[i % faults.len()];
        let world = &world;
        async move {
            let headers: &[_] = if fault.is_empty() { &[] } else { &[("x-sim-fault", fault)] };
            let (status, _, mut flow) = world.open(client.path(), headers, &body).await;
            let (text, whole) = flow.rest().await;
            assert!(whole, "{fault} {client:?}: {text}");
            (status, text)
        }
    });
    let answers = all(asks).await;
    assert!(answers.iter().any(|(s, _)| *s == StatusCode::OK));
    world.settled().await;
    let metrics = world.get("/metrics").await.text();
    assert!(metrics.contains("tollgate_in_flight 0"), "{metrics}");
    let rows = world.decisions().await.len();
    assert_eq!(rows, 64, "one record for each request, whatever came of it");
    world.stop().await;
}
