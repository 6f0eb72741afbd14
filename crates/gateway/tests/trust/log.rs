//! Nobody pushes other people's records out of the log.

use crate::common::shapes::Client;
use crate::common::{Folder, World, all, settings, sims};
use http::{Method, StatusCode};
use serde_json::json;
use tollgate_gateway::serve::Options;

const CONFIG: &str = r#"
policy: {policy}
auth: {mode: keys}
log: {decisions: 1000}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: m}]
pools: [{name: only, instances: [{name: a, provider: sim, url: "http://{0}", models: {m: m}}]}]
"#;

#[tokio::test]
async fn refusals_leave_the_records_of_others_where_they_are() {
    const MANY: usize = 1_500;
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"m\" } }\n");
    let settings = settings(CONFIG, &addresses, &policy);
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let (_, secret) = world.key(&json!({"name": "good"})).await;
    let (_, other) = world.key(&json!({"name": "other"})).await;
    let body = Client::Chat.ask("m", "hello", false).to_string();
    let send = async |secret: &str, body: &str| {
        let bearer = format!("Bearer {secret}");
        world.send(Method::POST, Client::Chat.path(), &[("authorization", &bearer)], body.to_owned()).await
    };
    let good = send(&secret, &body).await;
    assert_eq!(good.status, StatusCode::OK);
    for (secret, body, status) in [("nobody", body.as_str(), 401), (&other, "{", 400)] {
        for _ in 0..MANY / 50 {
            for got in all((0..50).map(|_| send(secret, body))).await {
                assert_eq!(got.status.as_u16(), status);
            }
        }
    }
    let rows = world.decisions().await;
    let count = |status: u16| rows.iter().filter(|row| row["status"] == status).count();
    // Some more than the first are recorded as time passes: one a minute, one in ten seconds.
    assert!((20..=MANY / 5).contains(&count(401)), "{}", count(401));
    assert!((500..=MANY / 2).contains(&count(400)), "{}", count(400));
    assert_eq!(world.decision(&good.headers).await["status"], 200);
    // All of them are counted.
    let metrics = world.get("/metrics").await.text();
    let counted =
        metrics.lines().find(|line| line.starts_with("tollgate_requests_total") && line.contains("\"401\""));
    assert!(counted.is_some_and(|line| line.ends_with(&format!(" {MANY}"))), "{counted:?}");
    world.stop().await;
}

#[tokio::test]
async fn ids_that_somebody_makes_up_write_nothing() {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"m\" } }\n");
    let settings = settings(CONFIG, &addresses, &policy);
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let (_, secret) = world.key(&json!({"name": "k"})).await;
    let bearer = format!("Bearer {secret}");
    let headers = [("authorization", bearer.as_str())];
    let store = &world.gateway.shared().store;
    store.flush().unwrap();
    let before = store.stats().groups;
    for n in 0..300 {
        let got = world.send(Method::GET, &format!("/v1/responses/resp_{n:024x}"), &headers, "").await;
        assert_eq!(got.status, StatusCode::NOT_FOUND);
    }
    // Chores may write meanwhile, now and then.
    assert!(store.stats().groups < before + 100, "{} {before}", store.stats().groups);
    // One that was just made is found at once, whether it is written or not.
    for _ in 0..20 {
        let body = Client::Responses.ask("m", "hello", false).to_string();
        let made = world.send(Method::POST, Client::Responses.path(), &headers, body).await.json();
        let path = format!("/v1/responses/{}", made["id"].as_str().unwrap());
        assert_eq!(world.send(Method::GET, &path, &headers, "").await.status, StatusCode::OK);
        let next = json!({"model": "m", "input": "go on", "previous_response_id": made["id"]}).to_string();
        assert_eq!(
            world.send(Method::POST, Client::Responses.path(), &headers, next).await.status,
            StatusCode::OK
        );
    }
    world.stop().await;
}
