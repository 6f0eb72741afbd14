//! Masks end to end: what reaches a provider on a route that masks, and under a class of data that lets go masked what must
//! else stay.

use super::body_of;
use super::common::{Folder, World, settings, sims};
use crate::common::shapes::CLIENTS;
use crate::common::shapes::Client;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate_gateway::serve::Options;

/// A rack on premise and a cloud.
const CONFIG: &str = r#"
policy: {policy}
providers: [{name: p, kind: tollgate_sim}]
models: [{name: house}, {name: cloud}]
pools:
  - name: rack
    on_premise: true
    instances: [{name: rack-1, provider: p, url: "http://{0}", models: {house: house}}]
  - name: cloud
    instances: [{name: cloud-1, provider: p, url: "http://{1}", models: {cloud: cloud}}]
"#;

/// Personal data stays, or leaves masked.
const CLASS: &str = "signal numbers = pii scope sent
data personal { when numbers on_premise mask }
route own { when model is \"mine\" models { \"house\" } }
default { models { \"cloud\" } }
virtual [\"mine\"]
tests { { text \"Mail ada@example.org\" } -> default models [\"cloud\"] }
";

const SAID: &str = "Mail ada@example.org and bob@example.org, ada@example.org first";
const MASKED: &str = "Mail [EMAIL_1] and [EMAIL_2], [EMAIL_1] first";

async fn world(policy: &str) -> World {
    let (sims, addresses) = sims(2).await;
    let folder = Folder::new();
    let file = folder.write("p.tollgate", policy);
    let settings = settings(CONFIG, &addresses, &file);
    World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
}

async fn ask(world: &World, client: Client, body: &Value) -> crate::common::Got {
    world.send(Method::POST, client.path(), &[], body.to_string()).await
}

/// What an instance was sent last.
async fn last(world: &World, at: usize) -> String {
    world.received(at).await.last().map(|received| body_of(received).to_string()).unwrap_or_default()
}

#[tokio::test]
async fn a_route_masks_in_every_dialect_streamed_or_not() {
    let world = world("default { models { \"cloud\" } mask [\"email\"] }\n").await;
    for client in CLIENTS {
        for stream in [false, true] {
            let said = format!("{SAID}, card 4111 1111 1111 1111");
            let got = ask(&world, client, &client.ask("auto", &said, stream)).await;
            assert_eq!(got.status, StatusCode::OK, "{}", got.text());
            let sent = last(&world, 1).await;
            assert!(sent.contains(MASKED) && !sent.contains('@'), "{sent}");
            assert!(sent.contains("4111 1111 1111 1111"), "only addresses were to be masked: {sent}");
            assert!(
                got.header("x-tollgate-lost").contains("personal data masked: 3 email"),
                "{:?}",
                got.headers
            );
        }
    }
    let got = ask(&world, Client::Chat, &Client::Chat.ask("auto", SAID, false)).await;
    world.gateway.shared().store.flush().unwrap();
    let record = world.decision(&got.headers).await;
    assert!(!record.to_string().contains("example.org"), "{record}");
    world.stop().await;
}

#[tokio::test]
async fn a_class_of_data_leaves_masked_and_stays_as_it_is() {
    let world = world(CLASS).await;
    let body = Client::Chat.ask("auto", SAID, false);
    let got = ask(&world, Client::Chat, &body).await;
    assert_eq!((got.status, got.header("x-tollgate-model")), (StatusCode::OK, "cloud"), "{}", got.text());
    let sent = last(&world, 1).await;
    assert!(sent.contains(MASKED) && !sent.contains('@'), "{sent}");
    // At home nothing is taken away.
    let mine = ask(&world, Client::Chat, &Client::Chat.ask("mine", SAID, false)).await;
    assert_eq!((mine.status, mine.header("x-tollgate-model")), (StatusCode::OK, "house"));
    assert!(last(&world, 0).await.contains(SAID));
    assert!(!mine.header("x-tollgate-lost").contains("masked"));
    let told = world.post("/v1/route", &body).await.json();
    assert_eq!(
        (&told["masked"], &told["model"]),
        (&json!("personal data masked: 3 email"), &json!("cloud")),
        "{told}"
    );
    world.stop().await;
}

/// Where no mask reaches, or nobody reads, the class holds as if there were none.
#[tokio::test]
async fn what_cannot_be_masked_does_not_leave() {
    let world = world(CLASS).await;
    let mut tool = Client::Chat.ask("auto", "Hello", false);
    tool["tools"] =
        json!([{"type": "function", "function": {"name": "f", "description": "mails ada@example.org"}}]);
    let mut image = Client::Chat.ask("auto", SAID, false);
    image["messages"][0]["content"] = json!([{"type": "text", "text": SAID}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]);
    for body in [tool, image] {
        let got = ask(&world, Client::Chat, &body).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{}", got.text());
        assert!(
            got.text().contains("data personal") && !got.text().contains("example.org"),
            "{}",
            got.text()
        );
        let eval = world.post("/api/v1/eval", &body).await.json();
        assert_eq!(eval["selection_status"], "failed", "{eval}");
    }
    assert_eq!(world.received(1).await.len(), 0);
    world.stop().await;
}

/// A class without bounds is masked everywhere, and what it cannot mask goes nowhere.
#[tokio::test]
async fn a_class_that_only_masks_masks_everywhere() {
    let world = world(&CLASS.replace("on_premise mask", "mask")).await;
    for (model, at) in [("mine", 0), ("auto", 1)] {
        let got = ask(&world, Client::Chat, &Client::Chat.ask(model, SAID, false)).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        let sent = last(&world, at).await;
        assert!(sent.contains(MASKED) && !sent.contains('@'), "{sent}");
        let mut tool = Client::Chat.ask(model, "Hello", false);
        tool["tools"] =
            json!([{"type": "function", "function": {"name": "f", "description": "ada@example.org"}}]);
        assert_eq!(ask(&world, Client::Chat, &tool).await.status, StatusCode::FORBIDDEN);
    }
    world.stop().await;
}

/// However much has the form of data without being any, and whatever letters stand beside it.
#[tokio::test]
async fn neither_decoys_nor_letters_without_spaces_hide_data_from_a_class() {
    let policy = CLASS.replace("on_premise mask", "on_premise");
    let world = world(policy.split("tests").next().unwrap()).await;
    let dates = "2024-01-01\n".repeat(1_500);
    for said in [format!("{dates} call +44 20 7946 0958"), "我的邮箱是ada@example.org谢谢".to_owned()]
    {
        let got = ask(&world, Client::Chat, &Client::Chat.ask("auto", &said, false)).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{}", got.text());
    }
    let got = ask(&world, Client::Chat, &Client::Chat.ask("auto", &dates, false)).await;
    assert_eq!(got.status, StatusCode::OK, "dates are nobody's number: {}", got.text());
    world.stop().await;
}
