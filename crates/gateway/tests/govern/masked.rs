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
    world_of(policy, "tollgate_sim").await
}

async fn world_of(policy: &str, kind: &str) -> World {
    let (sims, addresses) = sims(2).await;
    let folder = Folder::new();
    let file = folder.write("p.tollgate", policy);
    let mut settings = settings(&CONFIG.replace("tollgate_sim", kind), &addresses, &file);
    settings.timeouts.probe_ms = 600_000;
    World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
}

async fn ask(world: &World, client: Client, body: &Value) -> crate::common::Got {
    world.send(Method::POST, client.path(), &[], body.to_string()).await
}

/// What an instance was sent last.
async fn last(world: &World, at: usize) -> String {
    world.received(at).await.last().map(|received| body_of(received).to_string()).unwrap_or_default()
}

/// Names are found by an encoder: without one nothing goes up where they are to be masked.
#[tokio::test]
async fn where_names_are_to_be_masked_and_nobody_finds_them_nothing_goes_up() {
    let world = world("default { models { \"cloud\" } mask [\"email\", \"person\"] }\n").await;
    let got = ask(&world, Client::Chat, &Client::Chat.ask("auto", "I am Ann Lee", false)).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN, "{}", got.text());
    assert!(got.text().contains("no encoder"), "{}", got.text());
    assert!(last(&world, 1).await.is_empty(), "nothing went up");
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

/// What a caller says in every place of a body that a provider would read, an address in each.
fn everywhere(client: Client) -> Value {
    let arguments = r#"{"to":"ada\u0040example.org","cc":["\nada@example.org"],"tel":14155550132,"url":"https:\/\/x.test\/?m=ada@example.org","我":"邮箱ada@example.org"}"#;
    let mut body = client.ask("auto", "Mail ada@example.org", false);
    match client {
        Client::Chat => {
            body["messages"] = json!([
                {"role": "developer", "content": "You serve ada@example.org"},
                {"role": "user", "name": "ada@example.org", "content": [{"type": "text", "text": "我的邮箱是ada@example.org谢谢"}]},
                {"role": "assistant", "content": null, "tool_calls":
                    [{"id": "ada@example.org", "type": "function", "function": {"name": "f", "arguments": arguments}}]},
                {"role": "tool", "tool_call_id": "ada@example.org", "content": arguments},
            ]);
            body["stop"] = json!(["ada@example.org"]);
            body["prediction"] = json!({"type": "content", "content": "ada@example.org"});
            body["response_format"] = json!({"type": "json_schema", "json_schema":
                {"name": "s", "schema": {"type": "object", "description": "of ada@example.org"}}});
            body["tools"] = json!([{"type": "function", "function": {"name": "f", "description": "for ada@example.org"}}]);
        }
        Client::Responses => {
            body["instructions"] = json!("You serve ada@example.org");
            body["input"] = json!([
                {"role": "user", "content": [{"type": "input_text", "text": "Mail ada@example.org"}]},
                {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "ada@example.org"}]},
                {"type": "function_call", "call_id": "ada@example.org", "name": "f", "arguments": arguments},
                {"type": "function_call_output", "call_id": "ada@example.org", "output": arguments},
            ]);
            body["tools"] = json!([{"type": "function", "name": "f", "parameters": {"description": "for ada@example.org"}}]);
        }
        Client::Messages => {
            body["system"] = json!([{"type": "text", "text": "You serve ada@example.org"}]);
            body["messages"] = json!([
                {"role": "user", "content": [{"type": "document", "title": "ada@example.org",
                    "source": {"type": "text", "media_type": "text/plain", "data": "ada@example.org"}}]},
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "ada@example.org", "signature": "s"},
                    {"type": "tool_use", "id": "t", "name": "f", "input": serde_json::from_str::<Value>(arguments).unwrap()}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t",
                    "content": [{"type": "text", "text": arguments}]}]},
            ]);
            body["stop_sequences"] = json!(["ada@example.org"]);
            body["tools"] = json!([{"name": "f", "description": "for ada@example.org", "input_schema": {"type": "object"}}]);
        }
    }
    if client == Client::Messages {
        body["metadata"] = json!({"user_id": "ada@example.org"});
    } else {
        body["metadata"] = json!({"who": "ada@example.org", "ada@example.org": "x"});
        for member in ["user", "safety_identifier", "prompt_cache_key"] {
            body[member] = json!("ada@example.org");
        }
    }
    body["x_unknown"] = json!({"deep": [{"ada@example.org": 14155550132_u64}]});
    body
}

/// Headers in which a caller may say anything.
const SAYING: [(&str, &str); 10] = [
    ("accept", "ada@example.org"),
    ("x-title", "ada@example.org"),
    ("x-session-id", "ada@example.org"),
    ("http-referer", "https://example.org/ada@example.org"),
    ("idempotency-key", "ada@example.org"),
    ("user-agent", "ada@example.org"),
    ("x-stainless-os", "ada@example.org"),
    ("anthropic-beta", "ada@example.org"),
    ("tracestate", "v=ada@example.org"),
    ("x-anything", "ada@example.org"),
];

/// By a route's mask and by a class that lets go masked; for providers of three dialects.
#[tokio::test]
async fn nothing_that_a_caller_writes_goes_round_a_mask() {
    let route = "default { models { \"cloud\" } mask }\n";
    for (policy, kind) in [
        (route, "tollgate_sim"),
        (route, "gemini"),
        (route, "anthropic"),
        (CLASS, "tollgate_sim"),
        (CLASS, "gemini"),
    ] {
        let world = world_of(policy, kind).await;
        for client in CLIENTS {
            let body = everywhere(client).to_string();
            let got = world.send(Method::POST, client.path(), &SAYING, body).await;
            assert_eq!(got.status, StatusCode::OK, "{kind} {client:?} {}", got.text());
            let sent = world.received(1).await.pop().unwrap().to_string();
            assert!(sent.contains("[EMAIL_1]") && sent.contains("[PHONE_1]"), "{kind} {client:?} {sent}");
            for leak in ["ada@", "ada\\", "u0040", "14155550132"] {
                assert!(!sent.contains(leak), "{leak}: {kind} {client:?} {sent}");
            }
            assert!(got.header("x-tollgate-lost").contains("header x-title withheld"), "{:?}", got.headers);
        }
        assert_eq!(world.received(0).await.len(), 0);
        world.stop().await;
    }
}

/// A class reads no headers: where a policy has one, nothing is said in them, whether or not the class binds.
#[tokio::test]
async fn headers_say_nothing_where_data_has_classes() {
    let world = world(CLASS).await;
    let got = world
        .send(
            Method::POST,
            Client::Chat.path(),
            &SAYING,
            Client::Chat.ask("auto", "Hello", false).to_string(),
        )
        .await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let sent = world.received(1).await.pop().unwrap().to_string();
    assert!(!sent.contains("ada@"), "{sent}");
    world.stop().await;
}

/// A class finds what is written in escapes of escapes, where no mask helps.
#[tokio::test]
async fn a_class_reads_json_in_strings_of_json() {
    let world = world(
        &CLASS
            .replace("on_premise mask", "on_premise")
            .replace("tests { { text \"Mail ada@example.org\" } -> default models [\"cloud\"] }", ""),
    )
    .await;
    let inner = r#"{"to":"ada\u0040example.org"}"#;
    let twice = json!({"body": inner}).to_string();
    for text in [inner, &twice] {
        let result = json!([{"role": "user", "content": "Hello"},
            {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": text}]);
        let mut body = Client::Chat.ask("auto", "Hello", false);
        body["messages"] = result;
        let got = ask(&world, Client::Chat, &body).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{}", got.text());
    }
    world.stop().await;
}

/// Where no mask reaches, or nobody reads, the class holds as if there were none.
#[tokio::test]
async fn what_cannot_be_masked_does_not_leave() {
    let world = world(CLASS).await;
    let mut tool = Client::Chat.ask("auto", "Hello", false);
    tool["tools"] =
        json!([{"type": "function", "function": {"name": "ada@example.org", "description": "mails"}}]);
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
        tool["tools"] = json!([{"type": "function", "function": {"name": "ada@example.org"}}]);
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
