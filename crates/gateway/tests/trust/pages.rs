//! Pages that a browser shows use no open gateway but their own, and nobody is taken for the operator by where he seems to be.

use crate::common::raw::exchange;
use crate::common::shapes::Client;
use crate::common::{Folder, World, settings, sims};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate_gateway::config;
use tollgate_gateway::serve::Options;

const CONFIG: &str = r#"
policy: {policy}
auth: {AUTH}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: m}]
pools: [{name: only, instances: [{name: a, provider: sim, url: "http://{0}", models: {m: m}}]}]
"#;

async fn world(auth: &str) -> World {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"m\" } }\n");
    let settings = settings(&CONFIG.replace("{AUTH}", auth), &addresses, &policy);
    World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
}

/// Everything that callers may ask for.
fn asks() -> Vec<(Method, &'static str, Value)> {
    let embed = json!({"model": "m", "input": "hello"});
    vec![
        (Method::POST, Client::Chat.path(), Client::Chat.ask("m", "hello", false)),
        (Method::POST, Client::Responses.path(), Client::Responses.ask("m", "hello", true)),
        (Method::POST, Client::Messages.path(), Client::Messages.ask("m", "hello", false)),
        (Method::POST, "/v1/embeddings", embed),
        (Method::POST, "/v1/messages/count_tokens", Client::Messages.ask("m", "hello", false)),
        (Method::POST, "/v1/route", Client::Chat.ask("m", "hello", false)),
        (Method::POST, "/api/v1/eval", json!({"text": "hello"})),
        (Method::GET, "/v1/models", Value::Null),
        (Method::GET, "/v1/responses/resp_1", Value::Null),
        (Method::DELETE, "/v1/responses/resp_1", Value::Null),
    ]
}

#[tokio::test]
async fn a_page_of_another_site_uses_no_open_gateway() {
    let world = world("{mode: open, origins: [\"http://localhost:3000\"]}").await;
    let here = world.gateway.addr().to_string();
    let own = format!("http://{here}");
    let foreign = [
        vec![("origin", "http://evil.example")],
        vec![("origin", "http://localhost:3001"), ("sec-fetch-site", "same-site")],
        vec![("origin", "null")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
    ];
    let welcome = [
        vec![],
        vec![("sec-fetch-site", "none")],
        vec![("origin", own.as_str()), ("sec-fetch-site", "same-origin")],
        vec![("origin", "http://localhost:3000"), ("sec-fetch-site", "same-site")],
        // What SDKs send.
        vec![("authorization", "Bearer sk-none"), ("user-agent", "OpenAI/Python 1.0")],
    ];
    for (method, path, body) in asks() {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        for headers in &foreign {
            let got = world.send(method.clone(), path, headers, body.clone()).await;
            assert_eq!(got.status, StatusCode::FORBIDDEN, "{path} {headers:?}: {}", got.text());
            assert!(got.text().contains("auth.origins"), "{}", got.text());
        }
        for headers in &welcome {
            let got = world.send(method.clone(), path, headers, body.clone()).await;
            assert_ne!(got.status, StatusCode::FORBIDDEN, "{path} {headers:?}: {}", got.text());
        }
    }
    // A name that its owner lets point here: to the browser the page is of the same site.
    for (method, path, body) in asks() {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        for (host, refused) in [
            ("evil.example:8080", true),
            ("localhost.evil.example", true),
            ("127.0.0.1.evil.example", true),
            ("localhost:8080", false),
            ("[::1]:8080", false),
            ("192.168.1.7:8080", false),
            ("localhost:3000", false),
        ] {
            let asked = format!(
                "{method} {path} HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\nsec-fetch-site: same-origin\r\n\
                 connection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let got = exchange(world.gateway.addr(), asked).await;
            assert_eq!(got.starts_with("HTTP/1.1 403 "), refused, "{path} {host}: {got}");
        }
    }
    // Where a key is needed, a page has none.
    world.stop().await;
    let world = self::world("{mode: keys}").await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    let bearer = format!("Bearer {secret}");
    let headers = [("authorization", bearer.as_str()), ("origin", "http://evil.example")];
    let body = Client::Chat.ask("m", "hello", false).to_string();
    assert_eq!(world.send(Method::POST, Client::Chat.path(), &headers, body).await.status, StatusCode::OK);
    world.stop().await;
}

#[test]
fn an_origin_is_written_as_browsers_write_it() {
    for wrong in ["localhost:3000", "https://", "https://a.example/x", "HTTPS://A.example", "ftp://a"] {
        let text = format!("auth: {{origins: [{wrong:?}]}}\n");
        let said = config::read(&text, "t.yaml".as_ref()).unwrap_err().to_string();
        assert!(
            said.contains("t.yaml:1") && said.contains("auth.origins[0]") && said.contains("https://host"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn where_callers_are_told_apart_this_machine_is_not_the_operator() {
    for auth in ["{mode: keys}", "{mode: open, trusted_hops: [10.0.0.0/8]}"] {
        let world = World { admin: None, ..Box::pin(world_without_secret(auth)).await };
        for (method, path) in [
            (Method::GET, "/api/v1/keys"),
            (Method::POST, "/api/v1/keys"),
            (Method::PUT, "/api/v1/policy"),
            (Method::GET, "/console"),
            (Method::GET, "/api/v1/decisions"),
        ] {
            let got = world.send(method, path, &[], "{\"name\":\"k\"}").await;
            assert_eq!(got.status, StatusCode::FORBIDDEN, "{auth} {path}: {}", got.text());
            assert!(got.text().contains("auth.admin"), "{}", got.text());
        }
        world.stop().await;
    }
}

async fn world_without_secret(auth: &str) -> World {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"m\" } }\n");
    let settings = settings(&CONFIG.replace("{AUTH}", auth), &addresses, &policy);
    World::launch_as_it_is(sims, Options { settings: Some(settings), ..Options::default() }).await
}
