//! Words of a caller in an upstream's answer take the instance from nobody.

use crate::common::raw::{Scripted, Step};
use crate::common::shapes::Client;
use crate::common::{Folder, World, settings};
use serde_json::json;
use tollgate_gateway::serve::Options;

const ONE: &str = r#"
policy: {policy}
auth: {mode: keys}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: m}]
pools: [{name: only, instances: [{name: a, provider: sim, url: "http://{0}", models: {m: m}}]}]
timeouts: {connect_ms: 60000, first_content_ms: 60000, idle_ms: 60000, total_ms: 120000, probe_ms: 60000}
"#;

/// A gateway before an instance that answers everything with this status and body.
async fn refusing(status: &str, body: &str) -> (World, Scripted) {
    let said = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let upstream = Scripted::start(vec![Step::Say(said)]).await;
    let folder = Folder::new();
    let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"m\" } }\n");
    let settings = settings(ONE, &[upstream.addr.to_string()], &policy);
    (World::launch(Vec::new(), Options { settings: Some(settings), ..Options::default() }).await, upstream)
}

async fn asked(world: &World, secret: &str) -> u16 {
    let bearer = format!("Bearer {secret}");
    let body = Client::Chat.ask("m", "hello", false).to_string();
    let headers = [("authorization", bearer.as_str())];
    world.send(http::Method::POST, Client::Chat.path(), &headers, body).await.status.as_u16()
}

#[tokio::test]
async fn what_a_caller_is_quoted_with_or_refused_for_takes_the_instance_from_nobody() {
    let quoted = r#"{"error":{"message":"The following tool_call_ids did not have response messages: authentication_error","type":"invalid_request_error","param":"messages","code":null}}"#;
    let flagged = r#"{"error":{"message":"Your chosen model requires moderation and your input was flagged","code":403}}"#;
    let large = r#"{"error":{"message":"Request too large: tokens per minute (TPM): Limit 6000","type":"tokens","code":"rate_limit_exceeded"}}"#;
    let foreign = r#"{"error":{"code":403,"message":"You do not have permission to access the File","status":"PERMISSION_DENIED"}}"#;
    let cases = [
        ("400 Bad Request", quoted, 400),
        ("403 Forbidden", flagged, 502),
        ("413 Too Large", large, 429),
        ("403 Forbidden", foreign, 502),
    ];
    for (status, body, told) in cases {
        let (world, _upstream) = refusing(status, body).await;
        let (_, secret) = world.key(&json!({"name": "k"})).await;
        for _ in 0..12 {
            assert_eq!(asked(&world, &secret).await, told, "{body}");
            assert_eq!(world.instance("a").await["standing"], "ready", "{body}");
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn a_refusal_of_every_caller_is_believed_and_one_that_names_the_key_is_at_once() {
    let denied = r#"{"error":{"code":403,"message":"The API is not enabled","status":"PERMISSION_DENIED"}}"#;
    let (world, _upstream) = refusing("403 Forbidden", denied).await;
    for n in 0..5 {
        assert_eq!(world.instance("a").await["standing"], "ready", "after {n} callers");
        let (_, secret) = world.key(&json!({"name": format!("k{n}")})).await;
        assert_eq!(asked(&world, &secret).await, 502);
    }
    let standing = world.instance("a").await["standing"].clone();
    assert!(standing == "open" || standing == "probing", "{standing}");
    world.stop().await;
    let (world, _upstream) = refusing("401 Unauthorized", "{}").await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    assert_eq!(asked(&world, &secret).await, 502);
    assert_eq!(world.instance("a").await["standing"], "refusing");
    world.stop().await;
}
