//! Streams that break: an explicit error event in the caller's dialect, never silence, never a second answer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

mod common;

use common::raw::{LAST_CHUNK, Raw, STREAM_HEAD, Scripted, Step, chunk, delta};
use common::shapes::{CLIENTS, Client, events};
use common::{Folder, World, all, rule, settings, sims};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tollgate_gateway::serve::Options;

const POLICY: &str = "policy \"t\"\ndefault { models { \"first\" } }\n";

/// One model on one instance of some provider. Nothing here expires while something healthy has to beat it.
const ALONE: &str = r#"
policy: {policy}
providers: [{name: p, kind: KIND}]
models: [{name: first, price: {input: "1", output: "2"}}]
pools:
  - name: only
    instances: [{name: a, provider: p, url: "http://{0}", models: {first: m}}]
timeouts: {connect_ms: 10000, first_content_ms: 60000, idle_ms: 60000, total_ms: 120000, probe_ms: 60000}
"#;

/// [`ALONE`], which waits no longer than this inside a stream.
fn hasty() -> String {
    ALONE.replace("idle_ms: 60000", "idle_ms: 400")
}

/// Provider kinds by the dialect that they make of every request.
const KINDS: [&str; 4] = ["tollgate_sim", "openai_compatible", "anthropic", "gemini"];

async fn sim_behind(kind: &str, config: &str) -> World {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let policy = folder.write("p.tollgate", POLICY);
    let settings = settings(&config.replace("KIND", kind), &addresses, &policy);
    World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
}

async fn script_behind(kind: &str, config: &str, script: Vec<Step>) -> (World, Scripted) {
    let folder = Folder::new();
    let upstream = Scripted::start(script).await;
    let policy = folder.write("p.tollgate", POLICY);
    let settings = settings(&config.replace("KIND", kind), &[upstream.addr.to_string()], &policy);
    let world = World::launch(Vec::new(), Options { settings: Some(settings), ..Options::default() }).await;
    (world, upstream)
}

/// Asks for one stream that breaks after some content; gives its record.
async fn broken(world: &World, client: Client, fault: &str) -> Value {
    let ask = client.ask("auto", "tell me more", true);
    let (status, head, mut flow) = world.open(client.path(), &[("x-sim-fault", fault)], &ask).await;
    let (text, whole) = flow.rest().await;
    let what = format!("{client:?} {fault}: {text}");
    assert_eq!(status, StatusCode::OK, "{what}");
    assert!(whole, "the answer ends as HTTP wants it: {what}");
    assert!(!client.streamed(&text).is_empty(), "{what}");
    assert!(client.broke(&text).is_some(), "{what}");
    assert!(!client.ended(&text), "{what}");
    world.settled().await;
    let row = world.decision(&head).await;
    assert!(row["fault"].is_string(), "{what}: {row}");
    assert!(row["completion_tokens"].as_u64().unwrap() > 0, "what passed is settled: {row}");
    assert_eq!(row["decision"]["attempts"].as_array().unwrap().len(), 1, "never restarted");
    row
}

#[tokio::test]
async fn a_stream_that_breaks_after_content_ends_with_an_error_event() {
    // The pauses let what came before a cut reach the gateway: a reset discards what nobody has read yet.
    let faults = ["stall=5:2000,cut=5", "stall=4:20,error_event=5", "stall=3:2000,cut=9"];
    all(KINDS.map(|kind| {
        Box::pin(async move {
            let world = sim_behind(kind, ALONE).await;
            for (at, fault) in faults.into_iter().enumerate() {
                for client in CLIENTS {
                    broken(&world, client, fault).await;
                }
                // Good answers between the bad ones keep the circuit closed.
                for _ in 0..3 {
                    let got =
                        world.post(CLIENTS[at % 3].path(), &CLIENTS[at % 3].ask("auto", "ok", true)).await;
                    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
                }
            }
            world.stop().await;
        })
    }))
    .await;
}

#[tokio::test]
async fn a_stream_that_stalls_after_content_ends_with_an_error_event_and_its_waiting_is_not_our_own_time() {
    for kind in KINDS {
        let world = sim_behind(kind, &hasty()).await;
        for client in CLIENTS {
            let row = broken(&world, client, "stall=5:600000").await;
            // The stall is measured by the gateway's own timer, so it waits for it whole.
            let own_us = row["overhead_us"].as_u64().unwrap();
            assert!(own_us + 400_000 <= row["total_us"].as_u64().unwrap(), "{kind}: {row}");
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn slow_first_tokens_are_waited_for_and_bad_events_are_no_end() {
    let world = sim_behind("tollgate_sim", ALONE).await;
    for client in CLIENTS {
        let got = world.send(
            http::Method::POST,
            client.path(),
            &[("x-sim-fault", "slow=100")],
            client.ask("auto", "hello", true).to_string(),
        );
        let got = got.await;
        assert!(got.status == StatusCode::OK && client.ended(&got.text()), "{}", got.text());
    }
    for fault in ["bad_json", "bad_sse", "content_type"] {
        for client in CLIENTS {
            let ask = client.ask("auto", "hello", true).to_string();
            let got = world.send(http::Method::POST, client.path(), &[("x-sim-fault", fault)], ask).await;
            let what = format!("{fault} {client:?}: {} {}", got.status, got.text());
            // Either it was seen in time and refused, or the stream says how it went: never an end that looks good
            // with half an answer in front of it.
            let refused = got.status.is_server_error() && client.is_error(&got.json());
            let whole = got.status == StatusCode::OK
                && (client.ended(&got.text()) || client.broke(&got.text()).is_some());
            assert!(refused || whole, "{what}");
        }
    }
    world.settled().await;
    world.stop().await;
}

#[tokio::test]
async fn half_an_event_does_not_swallow_the_error() {
    let half = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo";
    for kind in ["tollgate_sim", "openai_compatible"] {
        for end in [vec![Step::Rest(30)], vec![Step::Hold]] {
            let mut script =
                vec![Step::Say(STREAM_HEAD.into()), Step::Say(chunk(&delta("hel"))), Step::Say(chunk(half))];
            script.extend(end);
            let (world, _upstream) = script_behind(kind, &hasty(), script).await;
            for usage in [true, false] {
                let mut ask = Client::Chat.ask("auto", "hello", true);
                ask["stream_options"] = json!({"include_usage": usage});
                let got = world.post("/v1/chat/completions", &ask).await;
                let all = events(&got.text());
                assert!(all.iter().all(|e| e.json().is_object()), "{kind} usage={usage}: {}", got.text());
                assert!(Client::Chat.broke(&got.text()).is_some(), "{kind} usage={usage}: {}", got.text());
            }
            world.settled().await;
            world.stop().await;
        }
    }
}

#[tokio::test]
async fn a_finish_without_an_end_marker_is_an_answer_and_an_end_without_a_finish_is_not() {
    let finish =
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    for (last, good) in [(finish, true), ("", false)] {
        let script = vec![
            Step::Say(STREAM_HEAD.into()),
            Step::Say(chunk(&delta("all"))),
            Step::Say(chunk(last).replace("0\r\n\r\n", "")),
            Step::Say(LAST_CHUNK.into()),
        ];
        let (world, _upstream) = script_behind("openai_compatible", ALONE, script).await;
        for client in CLIENTS {
            let got = world.post(client.path(), &client.ask("auto", "hello", true)).await;
            let broke = client.broke(&got.text()).is_some();
            assert_eq!(broke, !good, "{client:?} {good}: {}", got.text());
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn a_caller_that_leaves_closes_the_upstream_and_pays_for_what_passed() {
    let script =
        vec![Step::Say(STREAM_HEAD.into()), Step::Say(chunk(&delta(&"words ".repeat(100)))), Step::Hold];
    let (world, mut upstream) = script_behind("openai_compatible", ALONE, script).await;
    for client in CLIENTS {
        let ask = client.ask("auto", "hello", true);
        let (_, head, mut flow) = world.open(client.path(), &[], &ask).await;
        flow.read_until("words").await;
        assert_eq!(world.instance("a").await["in_flight"], 1);
        drop(flow);
        upstream.left.recv().await.unwrap();
        world.settled().await;
        let row = world.decision(&head).await;
        assert_eq!((&row["status"], &row["fault"]), (&json!(499), &json!(null)), "{client:?} {row}");
        assert_eq!(row["completion_tokens"], 150, "600 characters passed: {row}");
        assert!(row["cost_micro"].as_u64().unwrap() >= 300, "{row}");
        assert_eq!(world.instance("a").await["standing"], "ready", "not the instance's fault");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_answer_closes_the_upstream_too() {
    let (world, mut upstream) = script_behind("openai_compatible", ALONE, vec![Step::Hold]).await;
    for stream in [true, false] {
        let ask = Client::Chat.ask("auto", "hello", stream);
        {
            let mut asking = Box::pin(world.open("/v1/chat/completions", &[], &ask));
            let arrived = async {
                world.until("in flight", async || world.instance("a").await["in_flight"] == 1).await;
            };
            tokio::select! {
                _ = &mut asking => panic!("there is no answer"),
                () = arrived => {}
            }
        }
        upstream.left.recv().await.unwrap();
        world.settled().await;
    }
    let left = world.decisions().await.iter().filter(|r| r["status"] == 499).count();
    assert_eq!(left, 2);
    world.stop().await;
}

#[tokio::test]
async fn answers_that_break_in_their_middle_are_not_half_answers() {
    let world = sim_behind("tollgate_sim", ALONE).await;
    for client in CLIENTS {
        for fault in ["cut=0", "bad_json"] {
            world.fault(0, &rule(fault)).await;
            let got = world.post(client.path(), &client.ask("auto", "hello", false)).await;
            assert!(got.status.is_server_error(), "{client:?} {fault}: {} {}", got.status, got.text());
            assert!(client.is_error(&got.json()), "{client:?} {fault}: {}", got.text());
            world.mend(0).await;
            let well = world.post(client.path(), &client.ask("auto", "hello", false)).await;
            assert_eq!(well.status, StatusCode::OK, "{}", well.text());
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn a_whole_answer_beyond_its_bound_is_an_error_and_its_upstream_is_closed() {
    let count = Arc::new(AtomicUsize::new(0));
    let head = STREAM_HEAD.replace("text/event-stream", "application/json");
    let script = vec![Step::Say(head), Step::Flood(chunk(&"{\"x\": [".repeat(500)), count.clone())];
    let folder = Folder::new();
    let mut upstream = Scripted::start(script).await;
    let policy = folder.write("p.tollgate", POLICY);
    let config = format!("{}limits: {{answer_bytes: 65536}}\n", ALONE.replace("KIND", "openai_compatible"));
    let settings = settings(&config, &[upstream.addr.to_string()], &policy);
    let world = World::launch(Vec::new(), Options { settings: Some(settings), ..Options::default() }).await;
    for client in CLIENTS {
        let got = world.post(client.path(), &client.ask("auto", "hello", false)).await;
        assert_eq!(got.status, StatusCode::BAD_GATEWAY, "{client:?} {}", got.text());
        assert!(client.is_error(&got.json()), "{}", got.text());
        upstream.left.recv().await.unwrap();
        world.settled().await;
    }
    world.stop().await;
}

#[tokio::test]
async fn a_proxys_page_becomes_an_error_of_the_callers_dialect() {
    let page = "<html><body>413 Request Entity Too Large</body></html>";
    let head = "HTTP/1.1 413 Too Large\r\ncontent-type: text/html\r\nconnection: close\r\n";
    let script = vec![Step::Say(format!("{head}content-length: {}\r\n\r\n{page}", page.len()))];
    let (world, _upstream) = script_behind("tollgate_sim", ALONE, script).await;
    for client in CLIENTS {
        let got = world.post(client.path(), &client.ask("auto", "hello", true)).await;
        assert_eq!(got.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", got.text());
        assert!(client.is_error(&got.json()), "{}", got.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn a_caller_that_does_not_read_holds_the_upstream_back() {
    /// Kernels buffer some megabytes on each of the two connections; an endless stream has no such end.
    const MOST: usize = 48 << 20;
    let count = Arc::new(AtomicUsize::new(0));
    let flood = chunk(&delta(&"words ".repeat(2000)));
    let script = vec![Step::Say(STREAM_HEAD.into()), Step::Flood(flood, count.clone())];
    let (world, mut upstream) = script_behind("openai_compatible", ALONE, script).await;
    for client in CLIENTS {
        count.store(0, Ordering::Relaxed);
        let mut raw = Raw::connect(world.gateway.addr()).await;
        let ask = client.ask("auto", "hello", true).to_string();
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
            client.path(),
            ask.len()
        );
        raw.say(head + &ask).await;
        let mut seen = 0;
        let mut still = 0;
        world
            .until("nothing moves", async || {
                let now = count.load(Ordering::Relaxed);
                still = if now == seen && now > 0 { still + 1 } else { 0 };
                seen = now;
                assert!(now < MOST, "{client:?}: {now} bytes were taken for a caller that reads none");
                still > 40
            })
            .await;
        let well = world.get("/healthz").await;
        assert_eq!(well.status, StatusCode::OK, "others are served meanwhile");
        drop(raw);
        upstream.left.recv().await.unwrap();
        world.settled().await;
    }
    world.stop().await;
}

#[tokio::test]
async fn the_head_and_the_first_content_share_one_span() {
    // The head takes three of the five seconds that both have. Were they counted apart, the end would come after eight:
    // between the two a machine has seconds to be late, and of some tries one is enough.
    const HEAD_MS: u64 = 3_000;
    const BOTH_MS: u64 = 5_000;
    let script = vec![Step::Rest(HEAD_MS), Step::Say(STREAM_HEAD.into()), Step::Hold];
    let config = ALONE.replace("first_content_ms: 60000", &format!("first_content_ms: {BOTH_MS}"));
    let (world, _upstream) = script_behind("tollgate_sim", &config, script).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let got = world.post("/v1/chat/completions", &Client::Chat.ask("auto", "hello", true)).await;
        assert_eq!(got.status, StatusCode::GATEWAY_TIMEOUT, "{}", got.text());
        let row = world.decision(&got.headers).await;
        let took = row["decision"]["attempts"][0]["ms"].as_f64().unwrap();
        if got.text().contains("no content within 5000 ms") && took < (HEAD_MS + BOTH_MS) as f64 {
            world.stop().await;
            return;
        }
        seen.push((took, got.text()));
    }
    panic!("the first content was waited for beyond its span: {seen:?}");
}
