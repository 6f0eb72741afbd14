//! Words and numbers chosen to hurt: names, headers, lists, encodings, ten thousand connections. What they can cost is
//! bounded, and what they say never becomes a metric, a header or a log line of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

mod common;

use common::raw::{Raw, exchange};
use common::shapes::{CLIENTS, Client};
use common::{Folder, World, settings, sims};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate_gateway::serve::Options;

const POLICY: &str = "policy \"t\"\ndefault { models { \"cheap\" } }\n";
const CONFIG: &str = r#"
policy: {policy}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: cheap}]
pools:
  - name: only
    instances: [{name: a, provider: sim, url: "http://{0}", models: {cheap: cheap}}]
"#;

async fn world() -> World {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let settings = settings(CONFIG, &addresses, &folder.write("p.tollgate", POLICY));
    World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
}

async fn well(world: &World) {
    let got = world.post("/v1/chat/completions", &Client::Chat.ask("auto", "still there?", true)).await;
    assert!(got.status == StatusCode::OK && Client::Chat.ended(&got.text()), "{} {}", got.status, got.text());
    world.settled().await;
}

#[tokio::test]
async fn hostile_model_names_make_no_series_and_no_headers() {
    let world = world().await;
    well(&world).await;
    world.post("/v1/chat/completions", &Client::Chat.ask("warm-up", "a", false)).await;
    let before = world.get("/metrics").await.text().lines().count();
    let nasty = [
        "evil\"} 1\ntollgate_fake 1",
        "a\r\nx-injected: 1",
        "../../etc/passwd",
        "{model}",
        "\u{0}",
        "",
        "\u{202e}x",
        "'; drop table decisions; --",
    ];
    let long = "m".repeat(100_000);
    let many: Vec<String> = (0..200).map(|i| format!("evil-{i}")).collect();
    let names = nasty.iter().copied().chain([long.as_str()]).chain(many.iter().map(String::as_str));
    for (i, name) in names.enumerate() {
        let client = CLIENTS[i % 3];
        let got = world.post(client.path(), &client.ask(name, "hello", false)).await;
        // The empty name means "you choose", where the dialect allows it.
        let refused = [StatusCode::NOT_FOUND, StatusCode::BAD_REQUEST].contains(&got.status);
        assert!(refused || (name.is_empty() && got.status == StatusCode::OK), "{name:.80}: {}", got.text());
        assert!(!got.headers.contains_key("x-injected") && got.body.len() < 2_000, "{:?}", got.headers);
        let row = world.decision(&got.headers).await;
        let kept = row["requested_model"].as_str().unwrap_or_default();
        assert!(kept.chars().count() <= 128, "{kept}");
    }
    let text = world.get("/metrics").await.text();
    assert!(!text.contains("evil") && !text.contains("mmmm"), "{text}");
    let after = text.lines().count();
    assert!(after <= before + 60, "{before} lines became {after}");
    let found = world.get("/api/v1/decisions?model=%27%20or%201%3D1%20--&limit=5").await.json();
    assert_eq!(found["rows"], json!([]), "nothing is spliced into SQL");
    well(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn hostile_headers_are_values_and_nothing_else() {
    let world = world().await;
    let ask = Client::Chat.ask("auto", "hello", false).to_string();
    let long = "s".repeat(8_000);
    for (name, value) in [
        ("traceparent", "00-zz-zz-zz"),
        ("traceparent", "00-00000000000000000000000000000000-0000000000000000-00"),
        ("traceparent", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra"),
        ("tracestate", "a=b,,,=,"),
        ("x-session-id", &long),
        ("x-session-id", "'; drop table sessions; --"),
        ("authorization", "Bearer"),
        ("authorization", "Basic AAAA"),
        ("authorization", "Bearer \u{e9}\u{e9}"),
        ("anthropic-version", "1999-99-99"),
        ("accept", "application/xml;q=0.0001,*/*;q=x"),
        ("content-type", "text/plain; charset=utf-16"),
        ("expect", "202-nothing"),
        ("range", "bytes=0-0"),
        ("x-http-method-override", "DELETE"),
        ("upgrade", "websocket"),
        ("x-tollgate-overhead", "1"),
        ("x-very-odd", "\t!#$%&'*+-.^_`|~(),/:;<=>?@[]{}"),
    ] {
        let head = format!("content-length: {}\r\nconnection: close\r\n{name}: {value}\r\n", ask.len());
        let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{head}\r\n{ask}");
        let got = exchange(world.gateway.addr(), head).await;
        assert!(
            got.starts_with("HTTP/1.1 200 ") || got.contains("HTTP/1.1 417 "),
            "{name}: {value:.60}: {got}"
        );
    }
    well(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn encodings_that_are_not_read_are_named() {
    let world = world().await;
    for encoding in ["gzip", "br", "zstd", "deflate", "gzip, identity"] {
        for client in CLIENTS {
            let headers = [("content-encoding", encoding)];
            let got = world.send(Method::POST, client.path(), &headers, &b"\x1f\x8b\x08\x00"[..]).await;
            assert_eq!(got.status, StatusCode::BAD_REQUEST, "{}", got.text());
            assert!(
                client.is_error(&got.json()) && got.text().contains("content-encoding"),
                "{}",
                got.text()
            );
        }
    }
    let ask = Client::Chat.ask("auto", "hello", false).to_string();
    let plain =
        world.send(Method::POST, "/v1/chat/completions", &[("content-encoding", "identity")], ask).await;
    assert_eq!(plain.status, StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn requests_beyond_the_most_in_flight_are_told_to_come_again() {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let config = format!("{CONFIG}limits: {{in_flight: 2}}\n");
    let settings = settings(&config, &addresses, &folder.write("p.tollgate", POLICY));
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let ask = Client::Chat.ask("auto", "hello", true);
    let mut held = Vec::new();
    for _ in 0..2 {
        let (status, _, mut flow) =
            world.open("/v1/chat/completions", &[("x-sim-fault", "stall=3:60000")], &ask).await;
        assert_eq!(status, StatusCode::OK);
        flow.read_until("content").await;
        held.push(flow);
    }
    for client in CLIENTS {
        let got = world.post(client.path(), &client.ask("auto", "hello", false)).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE, "{client:?}: {}", got.text());
        assert!(client.is_error(&got.json()), "{}", got.text());
        assert_eq!(got.header("retry-after"), "1");
    }
    assert_eq!(world.received(0).await.len(), 2, "no upstream was asked");
    held.clear();
    world.settled().await;
    well(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn large_bodies_share_a_room_and_one_that_finds_none_is_told_to_come_again() {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let config = format!(
        "{CONFIG}limits: {{body_bytes: 600000, bodies_bytes: 1000000, body_ms: 60000, header_ms: 60000}}\n"
    );
    let settings = settings(&config, &addresses, &folder.write("p.tollgate", POLICY));
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let room = async || {
        let text = world.get("/metrics").await.text();
        let line = text.lines().find_map(|l| l.strip_prefix("tollgate_bodies_bytes ")?.parse::<usize>().ok());
        line.unwrap_or_else(|| panic!("{text}"))
    };
    // One caller announces most of the room and stops halfway: what it is gathered in counts.
    let mut slow = Raw::connect(world.gateway.addr()).await;
    slow.say("POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 600000\r\n\r\n").await;
    slow.say("x".repeat(400_000)).await;
    world.until("it takes room", async || room().await >= 600_000).await;
    let large = "x ".repeat(250_000);
    let refused = async |path: &str, body: Value| {
        for _ in 0..50 {
            match world.try_send(Method::POST, path, &[], body.to_string()).await {
                Err(tollgate_net::Error::Reset { safe: true, .. }) => {}
                sent => return sent.unwrap(),
            }
        }
        panic!("the answer was lost each time")
    };
    for client in CLIENTS {
        let got = refused(client.path(), client.ask("auto", &large, false)).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE, "{client:?}: {}", got.text());
        assert_eq!(got.header("retry-after"), "1");
        assert!(client.is_error(&got.json()) && got.text().contains("1000000 bytes"), "{}", got.text());
        let counted = refused("/v1/messages/count_tokens", Client::Messages.ask("auto", &large, false)).await;
        assert_eq!(counted.status, StatusCode::SERVICE_UNAVAILABLE, "{}", counted.text());
    }
    assert!(world.received(0).await.is_empty(), "no upstream was asked");
    let small = world.post("/v1/chat/completions", &Client::Chat.ask("auto", "hello", false)).await;
    assert_eq!(small.status, StatusCode::OK, "{}", small.text());
    drop(slow);
    world.until("it gives its room back", async || room().await == 0).await;
    for client in CLIENTS {
        // The simulated model's context is smaller, which it says itself.
        let got = world.post(client.path(), &client.ask("auto", &large, false)).await;
        assert!(got.text().contains("maximum context length"), "{client:?}: {}", got.text());
    }
    world.settled().await;
    assert_eq!(room().await, 0, "what was answered holds nothing");
    world.stop().await;
}

#[tokio::test]
async fn huge_lists_are_answered_or_refused_in_time() {
    let world = world().await;
    for client in CLIENTS {
        let mut tools = client.ask_tool("auto", "hello", false);
        let tool = tools["tools"][0].clone();
        let named = |i: usize| {
            let mut tool = tool.clone();
            let at = if client == Client::Chat { "/function/name" } else { "/name" };
            *tool.pointer_mut(at).unwrap() = json!(format!("tool_{i}"));
            tool
        };
        tools["tools"] = (0..5_000).map(named).collect();
        let got = world.post(client.path(), &tools).await;
        assert!(!got.status.is_server_error(), "{client:?}: {} {:.300}", got.status, got.text());

        let list = if client == Client::Responses { "input" } else { "messages" };
        let mut turns = client.ask("auto", "hello", false);
        turns[list] = (0..20_001)
            .map(|i| json!({"role": (if i % 2 == 0 { "user" } else { "assistant" }), "content": "a"}))
            .collect();
        let got = world.post(client.path(), &turns).await;
        assert!(!got.status.is_server_error(), "{client:?}: {} {:.300}", got.status, got.text());

        // One string of megabytes, and one that is all escapes.
        for words in ["x".repeat(4 << 20), "\u{1}".repeat(1 << 20)] {
            let got = world.post(client.path(), &client.ask("auto", &words, false)).await;
            assert!(!got.status.is_server_error(), "{client:?}: {} {:.300}", got.status, got.text());
        }
        let mut fields: Value = client.ask("auto", "hello", false);
        for i in 0..20_000 {
            fields[format!("unknown_{i}")] = json!(i);
        }
        let got = world.post(client.path(), &fields).await;
        assert!(!got.status.is_server_error(), "{client:?}: {} {:.300}", got.status, got.text());
    }
    well(&world).await;
    world.stop().await;
}

/// Set in the child process of [`ten_thousand_idle_connections`].
const CHILD: &str = "TOLLGATE_IDLE_CHILD";
/// Connections that are wanted, and what each may cost here: both its ends live in this process.
const WANTED: usize = 10_000;
const BYTES_EACH: usize = 16 << 10;

/// Both ends are in one process, so the test runs itself again under the highest limit of files that is allowed.
#[test]
#[cfg(target_os = "linux")]
fn ten_thousand_idle_connections() {
    let itself = std::env::current_exe().unwrap();
    let done = std::process::Command::new("sh")
        .args(["-c", "ulimit -n $(ulimit -Hn); exec \"$0\" \"$@\""])
        .arg(itself)
        .args(["--ignored", "--exact", "idle_connections_in_a_process_of_its_own", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    println!("{}", said.lines().find(|l| l.contains("idle connections")).unwrap());
}

#[tokio::test]
#[ignore = "run by `ten_thousand_idle_connections` with more files"]
#[cfg(target_os = "linux")]
async fn idle_connections_in_a_process_of_its_own() {
    let world = world().await;
    well(&world).await;
    let files = std::fs::read_to_string("/proc/self/limits").unwrap();
    let files =
        files.lines().find_map(|l| l.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok());
    let count = WANTED.min(files.unwrap_or(1024usize).saturating_sub(300) / 2);
    if count < WANTED {
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: {count} of {WANTED} idle connections: raise `ulimit -n`\n"),
        );
    }
    let before = resident();
    let mut idle = Vec::with_capacity(count);
    for i in 0..count {
        let mut raw = Raw::connect(world.gateway.addr()).await;
        // Some are fresh, some have asked, some are in the middle of a head.
        match i % 50 {
            1 => {
                raw.say("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
                assert!(raw.head().await.contains(" 200 "));
            }
            2 => drop(raw.say("POST /v1/chat/completions HTTP/1.1\r\nhost: ").await),
            _ => {}
        }
        idle.push(raw);
    }
    for _ in 0..20 {
        well(&world).await;
    }
    let each = resident().saturating_sub(before) / count;
    println!("{count} idle connections, {each} bytes each with both ends");
    assert!(each < BYTES_EACH, "{each} bytes for each connection");
    drop(idle);
    well(&world).await;
    world.stop().await;
}

/// Resident bytes of this process.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kib = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<usize>().ok());
    kib.unwrap() << 10
}
