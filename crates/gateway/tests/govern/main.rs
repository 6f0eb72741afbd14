//! Governance end to end, with the guide's own example: nothing is sent where it must not go, nothing reaches a caller
//! that must not, and every denial is told with its rule.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::large_futures,
    reason = "a test says what went wrong by panicking"
)]

mod attacks;
#[path = "../common/mod.rs"]
mod common;
mod cost;
mod floors;
mod masked;
mod reroute;
mod told;
mod unread;

use common::raw::{LAST_CHUNK, STREAM_HEAD, Scripted, Step, chunk};
use common::shapes::{CLIENTS, Client, events};
use common::{Got, World, rule, settings, sims};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::Path;
use tollgate_gateway::serve::Options;

const EXAMPLE: &str = include_str!("../../../../docs/examples/governance.yaml");
const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/governance.tollgate");
const PERSONAL: &str = "What is the date of birth of this person?";

/// The example in front of instances `{0}` (rack), `{1}` (eu) and `{2}` (us).
fn example(addresses: &[String], kind: &str) -> Options {
    example_of(EXAMPLE, addresses, kind)
}

fn example_of(text: &str, addresses: &[String], kind: &str) -> Options {
    let text = text
        .replace("tollgate_sim", kind)
        .replace("policy: governance.tollgate", "policy: {policy}")
        .replace("127.0.0.1:8101", "{0}")
        .replace("127.0.0.1:8102", "{1}")
        .replace("127.0.0.1:8103", "{2}");
    let mut settings = settings(&text, addresses, Path::new(POLICY));
    // A script that waits for a word must not be run by a probe.
    settings.timeouts.probe_ms = 600_000;
    Options { settings: Some(settings), ..Options::default() }
}

async fn world() -> World {
    let (sims, addresses) = sims(3).await;
    World::launch(sims, example(&addresses, "tollgate_sim")).await
}

/// The body of a request that an instance was sent.
fn body_of(received: &Value) -> Value {
    serde_json::from_str(received["body"].as_str().unwrap()).unwrap()
}

async fn send(world: &World, role: &str, path: &str, body: &Value) -> Got {
    let headers = [("x-tollgate-caller", "someone"), ("x-tollgate-roles", role)];
    world.send(Method::POST, path, &headers, body.to_string()).await
}

async fn say(world: &World, role: &str, model: &str, words: &str) -> Got {
    send(world, role, Client::Chat.path(), &Client::Chat.ask(model, words, false)).await
}

/// A request that offers three tools, in each client's dialect.
fn with_tools(client: Client, words: &str, stream: bool) -> Value {
    let schema =
        json!({"type": "object", "properties": {"amount": {"type": "number"}, "to": {"type": "string"}}});
    let tool = |name: &str| match client {
        Client::Chat => json!({"type": "function", "function": {"name": name, "parameters": schema}}),
        Client::Responses => json!({"type": "function", "name": name, "parameters": schema}),
        Client::Messages => json!({"name": name, "input_schema": schema}),
    };
    let mut body = client.ask("auto", words, stream);
    body["tools"] = json!([tool("search"), tool("transfer"), tool("shell")]);
    body
}

/// The arguments of a stream's calls, joined.
fn called_with(client: Client, text: &str) -> String {
    let piece = |event: &common::shapes::Event| {
        if event.data == "[DONE]" {
            return String::new();
        }
        let data = event.json();
        let piece = match client {
            Client::Chat => &data["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"],
            Client::Responses if data["type"] == "response.function_call_arguments.delta" => &data["delta"],
            Client::Messages => &data["delta"]["partial_json"],
            Client::Responses => &Value::Null,
        };
        piece.as_str().unwrap_or_default().to_owned()
    };
    events(text).iter().map(piece).collect()
}

#[tokio::test]
async fn personal_data_stays_on_premise_whatever_is_asked_for_and_whatever_fails() {
    let world = world().await;
    let plain = say(&world, "operator", "auto", "Hello").await;
    assert_eq!((plain.status, plain.header("x-tollgate-model")), (StatusCode::OK, "cloud-small"));
    let personal = say(&world, "operator", "auto", PERSONAL).await;
    assert_eq!((personal.status, personal.header("x-tollgate-instance")), (StatusCode::OK, "rack-1"));
    assert_eq!(personal.header("x-tollgate-denied"), "data personal");
    world.gateway.shared().store.flush().unwrap();
    let record = world.decision(&personal.headers).await;
    let story = &record["decision"];
    assert_eq!(story["governed"], json!(["role operator", "data personal"]), "{record}");
    assert_eq!(story["denials"][0]["rule"], "data personal");
    assert_eq!(story["denials"][0]["topic"], "premise");

    let before = (world.received(1).await.len(), world.received(2).await.len());
    for client in CLIENTS {
        for stream in [false, true] {
            let got =
                send(&world, "operator", client.path(), &client.ask("cloud-small", PERSONAL, stream)).await;
            assert_eq!(got.status, StatusCode::FORBIDDEN, "{}", got.text());
            assert!(client.is_error(&got.json()) && got.text().contains("data personal"), "{}", got.text());
        }
    }
    world.fault(0, &rule("status=503")).await;
    let down = say(&world, "operator", "auto", PERSONAL).await;
    assert!(down.status.is_server_error(), "{}", down.text());
    assert_eq!(
        (world.received(1).await.len(), world.received(2).await.len()),
        before,
        "nothing left the premises"
    );
    let metrics = world.get("/metrics").await.text();
    assert!(metrics.contains(r#"tollgate_denials_total{rule="data personal",topic="premise"}"#), "{metrics}");
    world.stop().await;
}

#[tokio::test]
async fn roles_bound_regions_models_and_cost() {
    let world = world().await;
    for _ in 0..8 {
        let got = say(&world, "analyst", "cloud-small", "Hello").await;
        assert_eq!(got.header("x-tollgate-pool"), "cloud-eu", "{}", got.text());
    }
    assert_eq!(world.received(2).await.len(), 0);
    // The first candidate is over two cents for such a prompt: the next one that is not is taken.
    let long = format!("Find the root cause. {}", "word ".repeat(12_000));
    let got = say(&world, "analyst", "auto", &long).await;
    assert_eq!(
        (got.header("x-tollgate-decision"), got.header("x-tollgate-model")),
        ("hard_question", "cloud-small")
    );
    assert_eq!(got.header("x-tollgate-denied"), "role analyst");
    let dear = say(&world, "analyst", "cloud-large", &long).await;
    assert_eq!(dear.status, StatusCode::FORBIDDEN);
    assert!(dear.text().contains("micro-dollars") && dear.text().contains("role analyst"), "{}", dear.text());
    assert_eq!(say(&world, "operator", "cloud-large", &long).await.status, StatusCode::OK);

    // Nobody's role: the house model, and nothing else.
    let stranger = say(&world, "visitor", "auto", "Hello").await;
    assert_eq!((stranger.status, stranger.header("x-tollgate-model")), (StatusCode::OK, "house"));
    let pinned = say(&world, "visitor", "cloud-small", "Hello").await;
    assert_eq!(pinned.status, StatusCode::FORBIDDEN);
    assert!(pinned.text().contains("others"), "{}", pinned.text());
    world.stop().await;
}

#[tokio::test]
async fn a_denied_tool_leaves_the_request_or_ends_it() {
    let world = world().await;
    for client in CLIENTS {
        let got = send(&world, "analyst", client.path(), &with_tools(client, "Hello", false)).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        assert_eq!(got.header("x-tollgate-denied"), "role analyst");
        let sent = world.received(1).await.into_iter().chain(world.received(2).await).next_back().unwrap();
        let body = sent["body"].to_string();
        assert!(body.contains("transfer") && body.contains("search") && !body.contains("shell"), "{body}");
        let refused = send(&world, "visitor", client.path(), &with_tools(client, "Hello", true)).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(client.is_error(&refused.json()) && refused.text().contains("search"), "{}", refused.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn tools_that_are_offered_elsewhere_or_in_disguise_do_not_pass() {
    let world = world().await;
    let fields = [
        (Client::Chat, "functions", json!([{"name": "shell"}])),
        (Client::Chat, "web_search_options", json!({})),
        (Client::Chat, "plugins", json!([{"id": "web"}])),
        (Client::Messages, "mcp_servers", json!([{"type": "url", "url": "https://x.test", "name": "x"}])),
        (Client::Responses, "prompt", json!({"id": "pmpt_1"})),
    ];
    let before = (world.received(1).await.len(), world.received(2).await.len());
    for (client, field, value) in fields {
        let mut body = client.ask("auto", "Hello", false);
        body[field] = value;
        let got = send(&world, "analyst", client.path(), &body).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{field}: {}", got.text());
        assert!(got.text().contains(field) && got.text().contains("role analyst"), "{}", got.text());
        body[field] = Value::Null;
        assert_eq!(send(&world, "analyst", client.path(), &body).await.status, StatusCode::OK);
    }
    assert_eq!((world.received(0).await.len(), before), (0, (0, 0)));
    for (client, tool) in [
        (Client::Messages, json!({"type": "code_execution_20250522", "name": "search"})),
        (
            Client::Responses,
            json!({"type": "code_interpreter", "name": "search", "container": {"type": "auto"}}),
        ),
        // Allowed under a condition on its arguments, which nobody sees before it runs.
        (Client::Messages, json!({"type": "transfer", "name": "transfer"})),
    ] {
        let mut body = client.ask("auto", "Hello", false);
        body["tools"] = json!([tool]);
        let got = send(&world, "analyst", client.path(), &body).await;
        assert_eq!(
            (got.status, got.header("x-tollgate-denied")),
            (StatusCode::OK, "role analyst"),
            "{}",
            got.text()
        );
        for at in [1, 2] {
            let sent = world.received(at).await;
            assert!(sent.iter().all(|sent| sent["body"].get("tools").is_none()), "{sent:?}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn personal_data_anywhere_in_the_conversation_stays_on_premise() {
    let world = world().await;
    let call = json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "k", "type": "function", "function": {"name": "search", "arguments": "{}"}}]});
    let user = |words: &str| json!({"role": "user", "content": words});
    for messages in [
        json!([user(PERSONAL), {"role": "assistant", "content": "I see."}, user("Go on")]),
        json!([{"role": "system", "content": PERSONAL}, user("Hello")]),
        json!([user("Hello"), call, {"role": "tool", "tool_call_id": "k", "content": PERSONAL}]),
    ] {
        let got =
            send(&world, "operator", "/v1/chat/completions", &json!({"model": "auto", "messages": messages}))
                .await;
        assert_eq!((got.status, got.header("x-tollgate-instance")), (StatusCode::OK, "rack-1"), "{messages}");
    }
    assert_eq!((world.received(1).await.len(), world.received(2).await.len()), (0, 0));
    world.stop().await;
}

#[tokio::test]
async fn a_call_with_forbidden_arguments_never_reaches_the_caller() {
    let world = world().await;
    let words = |amount: u32| format!(r#"call transfer with {{"amount": {amount}, "to": "acct-7"}}"#);
    for client in CLIENTS {
        let good = send(&world, "analyst", client.path(), &with_tools(client, &words(400), false)).await;
        let (name, arguments) = client.call(&good.json()).unwrap_or_else(|| panic!("{}", good.text()));
        assert_eq!((name.as_str(), &arguments["amount"]), ("transfer", &json!(400)));
        let streamed = send(&world, "analyst", client.path(), &with_tools(client, &words(400), true)).await;
        assert!(
            client.ended(&streamed.text()) && called_with(client, &streamed.text()).contains("acct-7"),
            "{}",
            streamed.text()
        );
        for stream in [false, true] {
            let got = send(&world, "analyst", client.path(), &with_tools(client, &words(900), stream)).await;
            assert_eq!(got.status, StatusCode::FORBIDDEN, "{client:?} {stream}: {}", got.text());
            assert!(client.is_error(&got.json()) && got.text().contains("role analyst"), "{}", got.text());
            assert!(!got.text().contains("acct-7") && !got.text().contains("900"), "{}", got.text());
            assert_eq!(got.header("x-tollgate-denied"), "role analyst");
            world.gateway.shared().store.flush().unwrap();
            let record = world.decision(&got.headers).await;
            assert!(record["cost_micro"].as_u64() > Some(0), "it was paid for all the same: {record}");
            let free =
                send(&world, "operator", client.path(), &with_tools(client, &words(900), stream)).await;
            let said = if stream { called_with(client, &free.text()) } else { free.text() };
            assert!(free.status == StatusCode::OK && said.contains("900"), "{}", free.text());
        }
    }
    world.stop().await;
}

/// A chat stream that says something first and then calls.
fn late_call(name: &str, arguments: &[&str]) -> Vec<Step> {
    let delta = |delta: Value, reason: Value| {
        let event = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
        Step::Say(chunk(&format!("data: {event}\n\n")))
    };
    let mut steps = vec![
        Step::Say(STREAM_HEAD.into()),
        delta(json!({"role": "assistant", "content": "Let me see. "}), Value::Null),
        // What comes before the call is passed on before the call is seen, on a slow machine too.
        Step::Rest(2000),
        delta(
            json!({"tool_calls": [{"index": 0, "id": "k", "type": "function", "function": {"name": name, "arguments": ""}}]}),
            Value::Null,
        ),
    ];
    steps.extend(arguments.iter().map(|piece| {
        delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}), Value::Null)
    }));
    steps.push(delta(json!({}), json!("tool_calls")));
    steps.push(Step::Say(chunk("data: [DONE]\n\n") + LAST_CHUNK));
    steps
}

#[tokio::test]
async fn a_denied_call_behind_content_ends_the_stream_with_an_error_and_without_the_call() {
    for (name, arguments, denied) in [
        ("transfer", &["{\"amount\": 9", "00, \"to\": \"acct-secret\"}"][..], true),
        ("transfer", &["{\"amount\": 90, \"to\":", " \"acct-secret\"}"][..], false),
        // Not offered, called all the same.
        ("shell", &["{\"command\": \"rm acct-secret\"}"][..], true),
    ] {
        let upstream = Scripted::start(late_call(name, arguments)).await;
        let address = upstream.addr.to_string();
        let world =
            World::launch(Vec::new(), example(&[address.clone(), address.clone(), address], "openrouter"))
                .await;
        for client in CLIENTS {
            let got = send(&world, "analyst", client.path(), &with_tools(client, "Hello", true)).await;
            let text = got.text();
            assert_eq!(got.status, StatusCode::OK);
            assert_eq!(client.streamed(&text), "Let me see. ", "{client:?} {text}");
            if denied {
                let words =
                    client.broke(&text).unwrap_or_else(|| panic!("{client:?} does not break: {text}"));
                assert!(words.contains("role analyst"), "{words}");
                assert!(!text.contains("acct-secret") && !text.contains("\"k\""), "{text}");
            } else {
                assert!(client.ended(&text) && text.contains("acct-secret"), "{text}");
            }
            world.gateway.shared().store.flush().unwrap();
            let record = world.decision(&got.headers).await;
            let last = record["decision"]["denials"].as_array().and_then(|all| all.last().cloned());
            assert_eq!(denied, last.is_some_and(|last| last["subject"] == name && last["topic"] != "tool" || name == "shell"), "{record}");
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn a_policy_that_no_place_satisfies_is_refused_and_the_editor_says_why() {
    let world = world().await;
    let text = std::fs::read_to_string(POLICY).unwrap();
    let lost = text.replace("  on_premise\n", "  on_premise\n  regions [\"us-*\"]\n");
    let checked = world.send(Method::POST, "/api/v1/policy/check", &[], lost.clone()).await.json();
    assert_eq!(checked["ok"], false);
    assert!(
        checked["diagnostics"].to_string().contains("no instance satisfies data `personal`"),
        "{checked}"
    );
    let put = world.send(Method::PUT, "/api/v1/policy", &[], lost).await;
    assert_eq!(put.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", put.text());
    assert_eq!(say(&world, "operator", "auto", PERSONAL).await.header("x-tollgate-pool"), "rack");
    world.stop().await;
}
