//! Who may call: keys over the admin API, what they allow, and identity headers of strangers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

mod common;

use common::raw::exchange;
use common::shapes::{CLIENTS, Client};
use common::{Folder, Got, World, settings, sims};
use http::{Method, StatusCode};
use serde_json::json;
use tollgate_core::{Clock as _, Timestamp};
use tollgate_gateway::serve::Options;

const POLICY: &str = r#"policy "t"
route vip { when role has "gold" models { "dear" } }
default { models { "cheap" } }
"#;
const CONFIG: &str = r#"
policy: {policy}
auth: {AUTH}
providers: [{name: sim, kind: tollgate_sim, headers: {x-team: core}}]
models: [{name: dear}, {name: cheap}]
pools:
  - name: only
    instances: [{name: a, provider: sim, url: "http://{0}", models: {dear: dear, cheap: cheap}}]
"#;

async fn world(auth: &str) -> World {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let settings = settings(&CONFIG.replace("AUTH", auth), &addresses, &folder.write("p.tollgate", POLICY));
    World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
}

async fn ask(world: &World, headers: &[(&str, &str)], model: &str) -> Got {
    let body = Client::Chat.ask(model, "hello", false).to_string();
    world.send(Method::POST, "/v1/chat/completions", headers, body).await
}

async fn with_key(world: &World, secret: &str, model: &str) -> Got {
    ask(world, &[("authorization", &format!("Bearer {secret}"))], model).await
}

#[tokio::test]
async fn without_a_good_key_nobody_is_answered_and_no_upstream_asked() {
    let world = world("mode: keys").await;
    for client in CLIENTS {
        for headers in [&[][..], &[("authorization", "Bearer tg-nope")], &[("x-api-key", "tg-nope")]] {
            let body = client.ask("auto", "hello", true).to_string();
            let got = world.send(Method::POST, client.path(), headers, body).await;
            assert_eq!(got.status, StatusCode::UNAUTHORIZED, "{}", got.text());
            assert!(client.is_error(&got.json()), "{}", got.text());
        }
    }
    for path in ["/v1/models", "/v1/models/dear", "/v1/responses/resp_1"] {
        assert_eq!(world.get(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    for path in ["/v1/route", "/v1/feedback", "/v1/messages/count_tokens"] {
        let body = Client::Chat.ask("auto", "hello", false);
        assert_eq!(world.post(path, &body).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert!(world.received(0).await.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_key_is_made_used_rotated_and_revoked() {
    let world = world("mode: keys").await;
    let (id, first) = world.key(&json!({"name": "k"})).await;
    assert_eq!(with_key(&world, &first, "auto").await.status, StatusCode::OK);
    let turned = world.send(Method::POST, &format!("/api/v1/keys/{id}/rotate"), &[], "").await.json();
    let second = turned["secret"].as_str().unwrap();
    assert_ne!(first, second);
    assert_eq!(with_key(&world, second, "auto").await.status, StatusCode::OK);
    assert_eq!(with_key(&world, &first, "auto").await.status, StatusCode::OK, "both are good for a while");
    let gone = world.send(Method::DELETE, &format!("/api/v1/keys/{id}"), &[], "").await;
    assert_eq!(gone.status, StatusCode::OK);
    for secret in [&first, second] {
        assert_eq!(with_key(&world, secret, "auto").await.status, StatusCode::UNAUTHORIZED);
    }
    let list = world.get("/api/v1/keys").await.text();
    assert!(list.contains(&id) && !list.contains(&first) && !list.contains(second), "no secrets: {list}");
    for bad in
        ["{}", "{\"name\":1}", "{\"name\":\"x\",\"expires\":\"tomorrow\"}", "{\"name\":\"x\",\"no\":1}", "["]
    {
        let got = world.send(Method::POST, "/api/v1/keys", &[], bad).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{bad}: {}", got.text());
    }
    assert_eq!(world.send(Method::DELETE, "/api/v1/keys/key_x", &[], "").await.status, StatusCode::NOT_FOUND);
    world.stop().await;
}

#[tokio::test]
async fn a_key_ends_when_it_says() {
    let world = world("mode: keys").await;
    let expiring = |after_s: i64| {
        let end = tollgate_gateway::clock::SystemClock::new().now().0 + after_s * 1_000_000;
        json!({"name": "k", "expires": Timestamp(end).to_string()})
    };
    // One that no test outlasts, and one that ends soon.
    let (_, long) = world.key(&expiring(3_600)).await;
    let (_, short) = world.key(&expiring(1)).await;
    world
        .until("expired", async || with_key(&world, &short, "auto").await.status == StatusCode::UNAUTHORIZED)
        .await;
    assert_eq!(with_key(&world, &long, "auto").await.status, StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn a_key_may_ask_for_its_models_only_and_its_roles_reach_the_policy() {
    let world = world("mode: keys").await;
    let (_, narrow) = world.key(&json!({"name": "narrow", "models": ["che*"]})).await;
    assert_eq!(with_key(&world, &narrow, "cheap").await.status, StatusCode::OK);
    let got = with_key(&world, &narrow, "dear").await;
    assert_eq!(got.status, StatusCode::FORBIDDEN, "{}", got.text());
    let bearer = format!("Bearer {narrow}");
    let models = world.send(Method::GET, "/v1/models", &[("authorization", &bearer)], "").await.json();
    let names: Vec<_> = models["data"].as_array().unwrap().iter().map(|m| m["id"].clone()).collect();
    assert_eq!(names, ["auto", "cheap"]);
    let (_, gold) = world.key(&json!({"name": "gold", "roles": ["gold"]})).await;
    assert_eq!(with_key(&world, &gold, "auto").await.header("x-tollgate-decision"), "vip");
    let (_, both) = world.key(&json!({"name": "both", "roles": ["gold"], "models": ["cheap"]})).await;
    let got = with_key(&world, &both, "auto").await;
    assert_eq!(
        got.status,
        StatusCode::FORBIDDEN,
        "the route has only a model that is not allowed: {}",
        got.text()
    );
    world.stop().await;
}

#[tokio::test]
async fn identity_headers_count_only_from_a_trusted_hop_and_never_go_upstream() {
    let spoof = [
        ("x-tollgate-caller", "boss"),
        ("x-tollgate-roles", "gold"),
        ("x-tollgate-tenant", "rich"),
        ("x-tollgate-anything", "1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("forwarded", "for=10.0.0.1"),
        ("x-real-ip", "10.0.0.1"),
        ("cookie", "session=secret"),
        ("authorization", "Bearer their-secret"),
        ("api-key", "their-secret"),
        ("connection", "x-hop"),
        ("x-hop", "hop"),
        ("te", "trailers"),
        ("x-custom", "kept"),
    ];
    for (auth, route) in [("mode: open", "default"), ("mode: open, trusted_hops: [127.0.0.0/8]", "vip")] {
        let world = world(auth).await;
        let got = ask(&world, &spoof, "auto").await;
        assert_eq!(
            (got.status, got.header("x-tollgate-decision")),
            (StatusCode::OK, route),
            "{}",
            got.text()
        );
        let sent = world.received(0).await.pop().unwrap();
        let headers = sent["headers"].to_string();
        for gone in
            ["x-tollgate", "boss", "10.0.0.1", "session=", "authorization", "api-key", "x-hop", "\"te\""]
        {
            assert!(!headers.contains(gone), "{gone} went up: {headers}");
        }
        assert!(
            headers.contains("[\"x-custom\",\"kept\"]") && headers.contains("[\"x-team\",\"core\"]"),
            "{headers}"
        );
        let row = world.decision(&got.headers).await;
        assert_eq!(row["key"] == "boss", route == "vip", "{row}");
        world.stop().await;
    }
    let world = world("mode: keys").await;
    assert_eq!(ask(&world, &spoof[..3], "auto").await.status, StatusCode::UNAUTHORIZED);
    world.stop().await;
}

#[tokio::test]
async fn one_callers_responses_and_feedback_are_not_anothers() {
    let world = world("mode: keys").await;
    let (_, mine) = world.key(&json!({"name": "mine"})).await;
    let (_, other) = world.key(&json!({"name": "other"})).await;
    let (mine, other) = (format!("Bearer {mine}"), format!("Bearer {other}"));
    let body = Client::Responses.ask("auto", "a secret", false).to_string();
    let got = world.send(Method::POST, "/v1/responses", &[("authorization", &mine)], body).await;
    let id = got.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/responses/{id}");
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::GET, format!("{path}/input_items")),
        (Method::DELETE, path.clone()),
    ] {
        let got = world.send(method, &path, &[("authorization", &other)], "").await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{path}: {}", got.text());
    }
    let next = json!({"model": "auto", "input": "go on", "previous_response_id": id}).to_string();
    let stolen = world.send(Method::POST, "/v1/responses", &[("authorization", &other)], next).await;
    assert_eq!(stolen.status, StatusCode::NOT_FOUND, "{}", stolen.text());
    let judge = json!({"request_id": got.header("x-tollgate-request-id"), "score": 1.0}).to_string();
    let theirs = world.send(Method::POST, "/v1/feedback", &[("authorization", &other)], judge.clone()).await;
    assert_eq!(theirs.status, StatusCode::NOT_FOUND, "{}", theirs.text());
    let own = world.send(Method::POST, "/v1/feedback", &[("authorization", &mine)], judge).await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.text());
    assert_eq!(world.send(Method::GET, &path, &[("authorization", &mine)], "").await.status, StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn feedback_is_for_requests_that_have_a_record() {
    let world = world("mode: open}\nlog: {decisions_per_second: 1").await;
    let mut answered = Vec::new();
    for _ in 0..40 {
        answered.push(ask(&world, &[], "auto").await.header("x-tollgate-request-id").to_owned());
    }
    let kept: Vec<_> = world.decisions().await.iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect();
    assert!(!kept.is_empty() && kept.len() < answered.len(), "{} of {}", kept.len(), answered.len());
    for id in &answered {
        let judge = json!({"request_id": id, "score": 0.5}).to_string();
        let got = world.send(Method::POST, "/v1/feedback", &[], judge).await;
        let wanted = if kept.contains(id) { StatusCode::OK } else { StatusCode::NOT_FOUND };
        assert_eq!(got.status, wanted, "{}", got.text());
        assert!(wanted == StatusCode::OK || got.text().contains("sample"), "{}", got.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn the_operators_paths_want_the_secret_or_this_machine_and_no_foreign_page() {
    let folder = Folder::new();
    let secret = folder.write("secret", "open-sesame");
    let world = world(&format!("mode: keys, admin: 'file:{}'", secret.display())).await;
    let paths =
        ["/metrics", "/api/v1/keys", "/api/v1/pools", "/api/v1/decisions", "/api/v1/policy", "/console"];
    for path in paths {
        assert_eq!(world.get(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
        let wrong = world.send(Method::GET, path, &[("authorization", "Bearer open-sesam")], "").await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED, "{path}");
        let good = world.send(Method::GET, path, &[("authorization", "Bearer open-sesame")], "").await;
        assert_eq!(good.status, StatusCode::OK, "{path}: {}", good.text());
    }
    world.stop().await;
    let world = self::world("mode: open").await;
    for path in paths {
        assert_eq!(world.get(path).await.status, StatusCode::OK, "{path}");
        let origin = world.send(Method::GET, path, &[("origin", "https://evil.example")], "").await;
        assert_eq!(origin.status, StatusCode::FORBIDDEN, "{path}");
        let asked = format!("GET {path} HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n");
        let rebound = exchange(world.gateway.addr(), asked).await;
        assert!(rebound.starts_with("HTTP/1.1 403 "), "{path}: {rebound}");
    }
    world.stop().await;
}
