//! What a hostile or broken caller sends: clear answers, bounded memory, and the next caller never notices.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

mod common;

use common::raw::{Raw, exchange};
use common::shapes::{CLIENTS, Client};
use common::{Folder, World, all, settings, sims};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate_gateway::serve::Options;

const POLICY: &str = "policy \"t\"\ndefault { models { \"cheap\" } }\n";
const CONFIG: &str = r#"
policy: {policy}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: cheap}, {name: dear}]
pools:
  - name: only
    instances: [{name: a, provider: sim, url: "http://{0}", models: {cheap: cheap, dear: dear}}]
limits: {body_bytes: 65536, header_bytes: 16384, headers: 50, header_ms: 60000, body_ms: 60000, idle_ms: 5000}
"#;

async fn world() -> World {
    world_of(CONFIG).await
}

/// One that waits two seconds for a head and for a body: enough for what comes at once.
async fn hasty() -> World {
    world_of(&CONFIG.replace("header_ms: 60000, body_ms: 60000", "header_ms: 2000, body_ms: 2000")).await
}

async fn world_of(config: &str) -> World {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let policy = folder.write("p.tollgate", POLICY);
    let settings = settings(config, &addresses, &policy);
    World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
}

/// After every abuse: the next request is answered, and nothing is left in flight.
async fn well(world: &World) {
    let got = world.post("/v1/chat/completions", &Client::Chat.ask("auto", "still there?", true)).await;
    assert!(got.status == StatusCode::OK && Client::Chat.ended(&got.text()), "{} {}", got.status, got.text());
    world.settled().await;
}

fn status(answer: &str) -> u16 {
    answer.strip_prefix("HTTP/1.1 ").and_then(|a| a.get(..3)?.parse().ok()).unwrap_or(0)
}

fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}\r\n{body}"
    )
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_announced_or_not() {
    let world = world().await;
    let addr = world.gateway.addr();
    for client in CLIENTS {
        // Only announced: refused before a byte of it comes.
        let announced = exchange(addr, post(client.path(), "content-length: 99999999999\r\n", "")).await;
        assert_eq!(status(&announced), 413, "{announced}");
        let body = announced.split_once("\r\n\r\n").unwrap().1;
        assert!(client.is_error(&serde_json::from_str(body).unwrap()), "{announced}");
        // Never announced: refused when it has become too large.
        let mut raw = Raw::connect(addr).await;
        raw.say(post(client.path(), "transfer-encoding: chunked\r\n", "")).await;
        let chunk = format!("2000\r\n{}\r\n", "x".repeat(0x2000));
        for _ in 0..64 {
            if !raw.say(&chunk).await {
                break;
            }
        }
        assert_eq!(status(&raw.rest().await), 413);
        let exact = "x".repeat(65_536);
        let got = world.send(Method::POST, client.path(), &[], exact).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "of the right size, and not JSON: {}", got.text());
    }
    let admin = "x".repeat(5 << 20);
    assert_eq!(
        world.send(Method::PUT, "/api/v1/policy", &[], admin).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert!(world.received(0).await.is_empty());
    well(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn heads_over_the_limits_are_refused() {
    let world = world().await;
    let addr = world.gateway.addr();
    let long = format!("x-long: {}\r\n", "x".repeat(20_000));
    let many: String = (0..60).map(|i| format!("x-{i}: 1\r\n")).collect();
    let path = format!("/{}", "a".repeat(20_000));
    for asked in [
        post("/v1/chat/completions", &long, ""),
        post("/v1/chat/completions", &many, ""),
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
    ] {
        let got = exchange(addr, asked).await;
        assert!([431, 414].contains(&status(&got)), "{got}");
    }
    well(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn slow_callers_are_told_or_dropped_in_time() {
    let world = hasty().await;
    let addr = world.gateway.addr();
    // No word, half a head, half a body: each connection is closed by us, or `rest` would not return.
    let half = exchange(addr, "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-half: ").await;
    assert!([0, 408].contains(&status(&half)), "{half}");
    let framings = ["content-length: 1000\r\n", "transfer-encoding: chunked\r\n"];
    let halves = CLIENTS.into_iter().flat_map(|client| framings.map(|framing| (client, framing)));
    all(halves.map(|(client, framing)| async move {
        let body = if framing.starts_with('c') { "{\"model\":" } else { "9\r\n{\"model\":\r\n" };
        let got = exchange(addr, post(client.path(), framing, body)).await;
        assert_eq!(status(&got), 408, "{client:?} {got}");
        let body = got.split_once("\r\n\r\n").unwrap().1;
        assert!(client.is_error(&serde_json::from_str(body).unwrap()), "{got}");
    }))
    .await;
    // One that leaves in the middle of its body is nobody's fault.
    let mut raw = Raw::connect(addr).await;
    raw.say(post("/v1/messages", "content-length: 1000\r\n", "{")).await;
    drop(raw);
    well(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn json_broken_anywhere_is_a_clear_400() {
    let world = world().await;
    for client in CLIENTS {
        let good = client.ask_tool("auto", "a \"quoted\" é word", false).to_string();
        for end in (0..good.len()).filter(|i| good.is_char_boundary(*i)) {
            let got = world.send(Method::POST, client.path(), &[], good[..end].to_owned()).await;
            assert_eq!(got.status, StatusCode::BAD_REQUEST, "{client:?} {}: {}", &good[..end], got.text());
            assert!(client.is_error(&got.json()), "{}", got.text());
        }
        // Any byte replaced by one that means something: refused or understood, never our failure.
        for at in (0..good.len()).step_by(3) {
            for byte in [b'"', b'{', b']', b',', 0, 0xff, b'\\', b'9'] {
                let mut bad = good.clone().into_bytes();
                bad[at] = byte;
                let got = world.send(Method::POST, client.path(), &[], bad.clone()).await;
                let what = String::from_utf8_lossy(&bad).into_owned();
                assert!(!got.status.is_server_error(), "{client:?} {what}: {} {}", got.status, got.text());
                assert!(
                    got.status == StatusCode::OK || client.is_error(&got.json()),
                    "{what}: {}",
                    got.text()
                );
            }
        }
    }
    well(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn depth_and_utf8_are_checked_everywhere() {
    let world = world().await;
    for client in CLIENTS {
        let deep = ["[", "{\"a\":"].map(|open| open.repeat(20_000 / open.len()));
        for nest in &deep {
            for body in [
                nest.clone(),
                client.ask("auto", "HERE", false).to_string().replace("\"HERE\"", nest),
                format!("{{\"unknown\":{nest},{}", &client.ask("auto", "a", false).to_string()[1..]),
                format!("{{\"metadata\":{nest},{}", &client.ask("auto", "a", false).to_string()[1..]),
            ] {
                let got = world.send(Method::POST, client.path(), &[], body).await;
                assert!([400, 413].contains(&got.status.as_u16()), "{client:?}: {}", got.text());
            }
        }
        for bad in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf"] {
            let mut body = client.ask("auto", "HERE", false).to_string().into_bytes();
            let at = body.windows(4).position(|w| w == b"HERE").unwrap();
            body.splice(at..at + 4, bad.iter().copied());
            let got = world.send(Method::POST, client.path(), &[], body).await;
            assert_eq!(got.status, StatusCode::BAD_REQUEST, "{client:?} {bad:x?}: {}", got.text());
        }
        // Half a surrogate is legal JSON and no text: refused or replaced, but no failure.
        let lone = client.ask("auto", "HERE", false).to_string().replace("HERE", "\\ud800 x");
        let got = world.send(Method::POST, client.path(), &[], lone).await;
        assert!(!got.status.is_server_error(), "{}", got.text());
    }
    well(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn a_key_written_twice_cannot_say_two_things() {
    let world = world_of(&format!("{CONFIG}auth: {{mode: keys}}\n")).await;
    let (_, secret) = world.key(&json!({"name": "narrow", "models": ["cheap"]})).await;
    let bearer = format!("Bearer {secret}");
    for client in CLIENTS {
        let once = client.ask("cheap", "hello", false).to_string();
        let twice = format!("{{\"model\":\"dear\",{}", &once[1..]);
        let last = format!("{},\"model\":\"dear\"}}", &once[..once.len() - 1]);
        let escaped = format!("{},\"mod\\u0065l\":\"dear\"}}", &once[..once.len() - 1]);
        for body in [twice, last, escaped] {
            let got =
                world.send(Method::POST, client.path(), &[("authorization", &bearer)], body.clone()).await;
            for sent in world.received(0).await {
                let read: Value = serde_json::from_str(sent["body"].as_str().unwrap()).unwrap();
                assert_eq!(read["model"], "cheap", "{body} went up as {sent}");
            }
            assert!(got.status.is_client_error() || got.status == StatusCode::OK, "{body}: {}", got.text());
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn smuggled_requests_are_not_served() {
    let world = hasty().await;
    let addr = world.gateway.addr();
    let hidden = "GET /hidden HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let ask = Client::Chat.ask("auto", "hello", false).to_string();
    let n = ask.len();
    let chunked = format!("{n:x}\r\n{ask}\r\n0\r\n\r\n");
    let shapes = [
        (
            "both, the length shorter",
            format!("content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n{chunked}{hidden}"),
        ),
        (
            "both, the length longer",
            format!("transfer-encoding: chunked\r\ncontent-length: 9999\r\n\r\n{chunked}{hidden}"),
        ),
        ("two lengths", format!("content-length: {n}\r\ncontent-length: 0\r\n\r\n{ask}{hidden}")),
        ("two lengths in one", format!("content-length: {n}, 0\r\n\r\n{ask}{hidden}")),
        ("a signed length", format!("content-length: +{n}\r\n\r\n{ask}{hidden}")),
        ("a negative length", format!("content-length: -1\r\n\r\n{ask}{hidden}")),
        ("a length in hex", format!("content-length: 0x{n:x}\r\n\r\n{ask}{hidden}")),
        ("an unknown coding", format!("transfer-encoding: xchunked\r\n\r\n{chunked}{hidden}")),
        ("chunked not last", format!("transfer-encoding: chunked, identity\r\n\r\n{chunked}{hidden}")),
        (
            "chunked twice",
            format!("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n{chunked}{hidden}"),
        ),
        ("a space before the colon", format!("content-length : {n}\r\n\r\n{ask}{hidden}")),
        (
            "a folded line",
            format!("content-length: {n}\r\nx-a: b\r\n transfer-encoding: chunked\r\n\r\n{ask}{hidden}"),
        ),
        (
            "a line end inside a value",
            format!("content-length: {n}\r\nx-a: b\rtransfer-encoding: chunked\r\n\r\n{ask}{hidden}"),
        ),
        ("a zero byte", format!("content-length: {n}\r\nx-a: b\0c\r\n\r\n{ask}{hidden}")),
        (
            "a chunk of more than everything",
            format!("transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{ask}{hidden}"),
        ),
        (
            "a chunk without a number",
            format!("transfer-encoding: chunked\r\n\r\nxyz\r\n{ask}\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "a chunk with endless words",
            format!(
                "transfer-encoding: chunked\r\n\r\n{n:x};{}\r\n{ask}\r\n0\r\n\r\n{hidden}",
                "a=b;".repeat(20_000)
            ),
        ),
        (
            "endless trailers",
            format!(
                "transfer-encoding: chunked\r\n\r\n{n:x}\r\n{ask}\r\n0\r\n{}\r\n{hidden}",
                "x-t: 1\r\n".repeat(20_000)
            ),
        ),
    ];
    for (what, rest) in shapes {
        let before = world.received(0).await.len();
        let head =
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
        let got = exchange(addr, format!("{head}{rest}")).await;
        assert!(!got.contains("hidden"), "{what}: {got}");
        assert!(got.matches("HTTP/1.1 ").count() <= 1, "{what}: {got}");
        assert!([0, 200, 400, 408, 411, 413, 431, 501].contains(&status(&got)), "{what}: {got}");
        assert!(world.received(0).await.len() - before <= 1, "{what}");
    }
    well(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn strange_methods_targets_and_versions_get_an_answer() {
    let world = world().await;
    let addr = world.gateway.addr();
    let close = "host: localhost\r\nconnection: close\r\n\r\n";
    for (line, allowed) in [
        ("CONNECT evil.example:443 HTTP/1.1", &[400, 404, 405][..]),
        ("GET http://evil.example/healthz HTTP/1.1", &[200, 400, 404, 421]),
        ("GET http://evil.example/nothing HTTP/1.1", &[400, 404, 421]),
        ("OPTIONS * HTTP/1.1", &[400, 404, 405]),
        ("TRACE / HTTP/1.1", &[400, 404, 405]),
        ("BREW /v1/chat/completions HTTP/1.1", &[405]),
        ("GET /v1/chat/completions HTTP/1.1", &[405]),
        ("PUT /v1/messages HTTP/1.1", &[405]),
        ("GET /../../etc/passwd HTTP/1.1", &[404]),
        ("GET /console/assets/../../Cargo.toml HTTP/1.1", &[404]),
        ("GET /console/assets/..%2f..%2fCargo.toml HTTP/1.1", &[404]),
        ("GET //v1/models HTTP/1.1", &[404]),
        ("GET /v1/models/%00%ff%zz HTTP/1.1", &[404]),
        ("GET /v1/responses/%27%20or%201=1 HTTP/1.1", &[404]),
        ("GET /api/v1/decisions?limit=0&before=x HTTP/1.1", &[400]),
        ("GET /api/v1/decisions?limit=99999999999999999999 HTTP/1.1", &[400]),
        ("GET /api/v1/decisions/x HTTP/1.1", &[404]),
        ("GET /v1/models HTTP/9.9", &[0, 400, 505]),
        ("GET  /v1/models HTTP/1.1", &[0, 400]),
        ("\u{16}\u{3}\u{1}\u{2}", &[0, 400]),
        ("PRI * HTTP/2.0", &[0, 400, 404, 505]),
    ] {
        let got = exchange(
            addr,
            format!("{line}\r\n{}", close.replace("host: localhost", &format!("host: {addr}"))),
        )
        .await;
        assert!(allowed.contains(&status(&got)), "{line:?}: {got}");
        assert!(!got.contains("[package]") && !got.contains("root:"), "{line:?}: {got}");
    }
    let old = exchange(addr, "GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(old.contains(" 200 "), "{old}");
    well(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn requests_in_one_packet_are_answered_in_turn() {
    let world = world().await;
    let ask = |words: &str| Client::Chat.ask("auto", words, false).to_string();
    let both: String = ["first", "second"]
        .map(|w| post("/v1/chat/completions", &format!("content-length: {}\r\n", ask(w).len()), &ask(w)))
        .concat();
    let close = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let got = exchange(world.gateway.addr(), format!("{both}{close}")).await;
    assert_eq!(got.matches("HTTP/1.1 200 OK").count(), 3, "{got}");
    let bodies: Vec<_> = world.received(0).await.iter().map(|r| r["body"].to_string()).collect();
    assert!(bodies[0].contains("first") && bodies[1].contains("second"), "{bodies:?}");
    world.stop().await;
}
