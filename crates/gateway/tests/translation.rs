//! Every caller's dialect in front of every upstream's: whole, streamed, with tools; what cannot cross is said.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

mod common;

use common::raw::{Scripted, Step};
use common::shapes::{CLIENTS, Client};
use common::{Folder, World, settings, sims};
use http::StatusCode;
use serde_json::{Value, json};
use tollgate_gateway::serve::Options;

const POLICY: &str = "policy \"t\"\ndefault { models { \"first\" } }\n";
const CONFIG: &str = r#"
policy: {policy}
providers: [{name: p, kind: KIND}]
models: [{name: first, price: {input: "1", output: "2"}}]
pools: [{name: only, instances: [{name: a, provider: p, url: "http://{0}", models: {first: upstream-name}}]}]
"#;
/// Provider kinds, the paths that they are asked at, and the dialect of the record.
const UPSTREAMS: [(&str, &str, &str); 3] = [
    ("openai_compatible", "/v1/chat/completions", "openai_chat"),
    ("anthropic", "/v1/messages", "anthropic"),
    ("gemini", "/v1beta/models/upstream-name:", "gemini"),
];

async fn world(kind: &str) -> World {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let policy = folder.write("p.tollgate", POLICY);
    let settings = settings(&CONFIG.replace("KIND", kind), &addresses, &policy);
    World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
}

/// The usage that the caller was told, as prompt and completion tokens.
fn usage(client: Client, answer: &Value) -> (u64, u64) {
    let names = match client {
        Client::Chat => ("prompt_tokens", "completion_tokens"),
        _ => ("input_tokens", "output_tokens"),
    };
    let number = |name: &str| answer["usage"][name].as_u64().unwrap_or_else(|| panic!("{name}: {answer}"));
    (number(names.0), number(names.1))
}

#[tokio::test]
async fn every_pair_answers_in_the_callers_shape_and_is_metered() {
    for (kind, path, dialect) in UPSTREAMS {
        let world = world(kind).await;
        for client in CLIENTS {
            let whole = world.post(client.path(), &client.ask("first", "What is a toll gate?", false)).await;
            let what = format!("{client:?} at {kind}: {}", whole.text());
            assert_eq!(whole.status, StatusCode::OK, "{what}");
            let words = client.words(&whole.json());
            assert!(words.contains("upstream-name") && words.contains("sim-0"), "{what}");
            let row = world.decision(&whole.headers).await;
            let told = usage(client, &whole.json());
            let kept = (row["prompt_tokens"].as_u64().unwrap(), row["completion_tokens"].as_u64().unwrap());
            assert_eq!(kept, told, "{what} {row}");
            assert_eq!(row["cost_micro"], told.0 + 2 * told.1, "{row}");
            assert_eq!(
                (&row["dialect_out"], &row["decision"]["exact_usage"]),
                (&json!(dialect), &json!(true))
            );

            let stream = world.post(client.path(), &client.ask("first", "What is a toll gate?", true)).await;
            assert!(client.ended(&stream.text()), "{client:?} at {kind}: {}", stream.text());
            assert_eq!(
                client.streamed(&stream.text()),
                words,
                "{client:?} at {kind}: folding gives the same"
            );
            let row = world.decision(&stream.headers).await;
            assert_eq!(row["completion_tokens"], told.1, "{row}");
            assert_eq!(row["decision"]["exact_usage"], true, "{client:?} at {kind}: {row}");
            let sent = world.received(0).await;
            assert!(
                sent.iter().rev().take(2).all(|r| r["path"].as_str().unwrap().starts_with(path)),
                "{sent:?}"
            );
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn every_pair_carries_tool_calls_and_their_results() {
    for (kind, ..) in UPSTREAMS {
        let world = world(kind).await;
        for client in CLIENTS {
            let whole = world.post(client.path(), &client.ask_tool("first", "weather in Lima?", false)).await;
            let (name, arguments) =
                client.call(&whole.json()).unwrap_or_else(|| panic!("{client:?} {kind}: {}", whole.text()));
            assert!(name == "weather" && arguments["city"].is_string(), "{}", whole.text());
            let stream = world.post(client.path(), &client.ask_tool("first", "weather in Lima?", true)).await;
            assert!(client.ended(&stream.text()), "{}", stream.text());
            assert!(stream.text().contains("weather"), "{}", stream.text());
            let back = world.post(client.path(), &with_result(client, &whole.json())).await;
            assert_eq!(back.status, StatusCode::OK, "{client:?} {kind}: {}", back.text());
            let sent = world.received(0).await;
            let body = sent.last().unwrap()["body"].as_str().unwrap();
            assert!(body.contains("weather") && body.contains("sunny"), "{client:?} {kind}: {body}");
        }
        world.stop().await;
    }
}

/// The next request of the same conversation: the call, and what it gave.
fn with_result(client: Client, answer: &Value) -> Value {
    let mut body = client.ask_tool("first", "weather in Lima?", false);
    body.as_object_mut().unwrap().remove("tool_choice");
    match client {
        Client::Chat => {
            let message = &answer["choices"][0]["message"];
            let id = &message["tool_calls"][0]["id"];
            let more = [message.clone(), json!({"role": "tool", "tool_call_id": id, "content": "sunny"})];
            body["messages"].as_array_mut().unwrap().extend(more);
        }
        Client::Responses => {
            let mut input = vec![json!({"role": "user", "content": "weather in Lima?"})];
            let items = answer["output"].as_array().unwrap();
            input.extend(items.iter().cloned());
            let id = items.iter().find_map(|i| i["call_id"].as_str()).unwrap();
            input.push(json!({"type": "function_call_output", "call_id": id, "output": "sunny"}));
            body["input"] = json!(input);
        }
        Client::Messages => {
            let id = answer["content"].as_array().unwrap().iter().find_map(|b| b["id"].as_str()).unwrap();
            let result = json!([{"type": "tool_result", "tool_use_id": id, "content": "sunny"}]);
            let more = [
                json!({"role": "assistant", "content": answer["content"]}),
                json!({"role": "user", "content": result}),
            ];
            body["messages"].as_array_mut().unwrap().extend(more);
        }
    }
    body
}

#[tokio::test]
async fn what_cannot_cross_is_said_in_a_header_and_in_the_record() {
    let cases = [
        ("anthropic", Client::Chat, "frequency_penalty", json!(0.5)),
        ("anthropic", Client::Chat, "logit_bias", json!({"50256": -100})),
        ("gemini", Client::Chat, "logit_bias", json!({"50256": -100})),
        ("openai_compatible", Client::Messages, "top_k", json!(5)),
        ("anthropic", Client::Responses, "truncation", json!("auto")),
    ];
    for (kind, client, field, value) in cases {
        let world = world(kind).await;
        let mut body = client.ask("first", "hello", false);
        body[field] = value;
        let got = world.post(client.path(), &body).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        assert!(got.header("x-tollgate-lost").contains(field), "{kind} {field}: {:?}", got.headers);
        let row = world.decision(&got.headers).await;
        assert!(row["decision"]["attempts"][0]["lost"].to_string().contains(field), "{row}");
        world.stop().await;
    }
    let world = world("openai_compatible").await;
    let plain = world.post("/v1/messages", &Client::Messages.ask("first", "hello", false)).await;
    assert_eq!(plain.header("x-tollgate-lost"), "", "nothing was lost");
    world.stop().await;
}

#[tokio::test]
async fn upstream_errors_come_back_in_the_callers_dialect_from_every_upstream() {
    for (kind, ..) in UPSTREAMS {
        let world = world(kind).await;
        for client in CLIENTS {
            let body = client.ask("first", "hello", false).to_string();
            let headers = [("x-sim-fault", "status=400")];
            let got = world.send(http::Method::POST, client.path(), &headers, body).await;
            assert_eq!(got.status, StatusCode::BAD_REQUEST, "{client:?} {kind}: {}", got.text());
            assert!(client.is_error(&got.json()), "{client:?} {kind}: {}", got.text());
        }
        assert_eq!(world.instance("a").await["standing"], "ready");
        world.stop().await;
    }
}

#[tokio::test]
async fn embeddings_do_not_translate_and_say_so() {
    let world = world("anthropic").await;
    let got = world.post("/v1/embeddings", &json!({"model": "first", "input": "a"})).await;
    assert!(got.status.is_client_error() || got.status.is_server_error(), "{}", got.text());
    assert!(got.text().contains("embeddings"), "{}", got.text());
    assert!(world.received(0).await.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_long_list_of_losses_is_cut_for_the_header() {
    let world = world("anthropic").await;
    let mut body = Client::Chat.ask_tool("first", "hello", false);
    let tool = |i: usize| json!({"type": "function", "function": {"name": format!("t{i}"), "strict": true, "x-odd": i, "parameters": {"type": "object"}}});
    body["tools"] = (0..300).map(tool).collect();
    body["logit_bias"] = json!({"1": 1});
    let got = world.post("/v1/chat/completions", &body).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let lost = got.header("x-tollgate-lost");
    assert!(lost.len() < 1100 && lost.ends_with(" more"), "{lost}");
    let row = world.decision(&got.headers).await;
    assert!(
        row["decision"]["attempts"][0]["lost"].as_array().unwrap().len() > 100,
        "the record has them all"
    );
    world.stop().await;
}

/// A gateway before an upstream of OpenAI's dialect that says this.
async fn saying(said: String) -> (World, Scripted) {
    let upstream = Scripted::start(vec![Step::Say(said)]).await;
    let folder = Folder::new();
    let policy = folder.write("p.tollgate", POLICY);
    let config = CONFIG.replace("KIND", "openai_compatible");
    let settings = settings(&config, &[upstream.addr.to_string()], &policy);
    (World::launch(Vec::new(), Options { settings: Some(settings), ..Options::default() }).await, upstream)
}

#[tokio::test]
async fn what_an_answer_loses_on_its_way_is_said_too() {
    let choice = |index: u8| json!({"index": index, "finish_reason": "stop", "message": {"role": "assistant", "content": "words"}});
    let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice(0), choice(1)],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})
    .to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let (world, _upstream) = saying(format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await;
    // To a caller that wants a stream a whole answer comes as one, with its first choice, in its own dialect too.
    for (client, stream) in [(Client::Messages, false), (Client::Messages, true), (Client::Chat, true)] {
        let mut ask = client.ask("first", "hello", stream);
        if client == Client::Chat {
            ask["n"] = json!(2);
        }
        let got = world.post(client.path(), &ask).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        assert_eq!(got.header("content-type").starts_with("text/event-stream"), stream, "{:?}", got.headers);
        assert_eq!(got.text().matches("words").count(), 1, "{}", got.text());
        assert!(got.header("x-tollgate-lost").contains("choices"), "{client:?} {stream}: {:?}", got.headers);
        let row = world.decision(&got.headers).await;
        assert!(row["decision"]["attempts"][0]["lost"].to_string().contains("choices"), "{row}");
    }
    let got = world.post(Client::Chat.path(), &Client::Chat.ask("first", "hello", false)).await;
    assert_eq!((got.text().matches("words").count(), got.header("x-tollgate-lost")), (2, ""));
    world.stop().await;
}

#[tokio::test]
async fn a_model_is_told_in_the_shape_of_who_asks_whatever_its_name() {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let policy = folder.write("p.tollgate", &POLICY.replace("first", "meta/llama+3"));
    let config = CONFIG.replace("KIND", "openai_compatible").replace("name: first", "name: meta/llama+3");
    let config = config.replace("{first: upstream-name}", "{meta/llama+3: upstream-name}");
    let settings = settings(&config, &addresses, &policy);
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let anthropic = [("anthropic-version", "2023-06-01")];
    let get = async |path: &str, headers: &[(&str, &str)]| {
        let got = world.send(http::Method::GET, path, headers, "").await;
        assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.text());
        got.json()
    };
    for path in ["/v1/models/meta/llama+3", "/v1/models/meta%2Fllama+3", "/v1/models/meta%2fllama%2B3"] {
        let model = get(path, &[]).await;
        assert_eq!((&model["id"], &model["object"]), (&json!("meta/llama+3"), &json!("model")), "{path}");
        let model = get(path, &anthropic).await;
        let told = (&model["id"], &model["type"], &model["display_name"]);
        assert_eq!(told, (&json!("meta/llama+3"), &json!("model"), &json!("meta/llama+3")), "{path}");
        assert!(model["created_at"].is_string());
    }
    let list = get("/v1/models", &anthropic).await;
    let ids: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!((ids, &list["first_id"]), (vec!["auto", "meta/llama+3"], &json!("auto")));
    world.stop().await;
}
