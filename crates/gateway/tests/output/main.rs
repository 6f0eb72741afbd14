//! Rules on what models say, end to end: whole answers, streams, translated ones, calls of tools.

#[path = "../common/mod.rs"]
mod common;

use common::raw::{LAST_CHUNK, STREAM_HEAD, Scripted, Step, chunk, delta};
use common::shapes::{CLIENTS, Client, events};
use common::{Folder, Got, World, settings, sims};
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Notify;
use tollgate_gateway::serve::Options;

const RULES: &str = "signal secret = keyword any [\"open sesame\"]\nsignal contact = pii types [\"email\"]\n\
    signal odd = keyword any [\"oddly\"]\n";
const FOUND: &str = "x-tollgate-output";

/// A gateway in front of a simulator, model `safe`, and of whatever stands at `upstream`, model `m`.
async fn world(kind: &str, upstream: Option<&Scripted>, rules: &str) -> World {
    let (sims, mut addresses) = sims(2).await;
    if let Some(scripted) = upstream {
        addresses[0] = scripted.addr.to_string();
    }
    let text = format!(
        "policy: {{policy}}\nproviders: [{{name: up, kind: {kind}}}]\nmodels: [{{name: m}}, {{name: safe}}]\n\
         timeouts: {{probe_ms: 600000}}\npools:\n  - name: only\n    instances:\n      \
         - {{name: a, provider: up, url: \"http://{{0}}\", models: {{m: m}}}}\n      \
         - {{name: b, provider: up, url: \"http://{{1}}\", models: {{safe: safe}}}}\n\
         output: {{hold_bytes: 64, hold_ms: 20, safer_model: safe}}\n"
    );
    let folder = Folder::new();
    let policy = format!("policy \"t\"\n{RULES}default {{ models {{ \"m\" }} {rules} }}\n");
    let policy = folder.write("p.tollgate", &policy);
    let settings = settings(&text, &addresses, &policy);
    World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
}

async fn ask(world: &World, client: Client, words: &str, stream: bool) -> Got {
    world.post(client.path(), &client.ask("m", words, stream)).await
}

/// What a scripted upstream says whole, in the chat dialect.
fn whole(message: &Value) -> String {
    let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices":
        [{"index": 0, "finish_reason": "stop", "message": message}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    .to_string();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn streamed(texts: &[&str]) -> Vec<Step> {
    let events: String = texts.iter().map(|text| chunk(&delta(text))).collect();
    let end = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    vec![Step::Say(format!("{STREAM_HEAD}{events}{}{LAST_CHUNK}", chunk(end)))]
}

#[tokio::test]
async fn what_is_stopped_at_its_beginning_is_refused_in_every_dialect_native_or_translated() {
    for kind in ["tollgate_sim", "litellm"] {
        let world = world(kind, None, "output block secret").await;
        for client in CLIENTS {
            for stream in [false, true] {
                let clean = ask(&world, client, "Good morning", stream).await;
                assert_eq!(clean.status.as_u16(), 200, "{kind} {client:?} {}", clean.text());
                let got = ask(&world, client, "Please say: open sesame", stream).await;
                assert_eq!(got.status.as_u16(), 403, "{kind} {client:?} {stream} {}", got.text());
                assert!(got.text().contains("`secret`") && !got.text().contains("sesame"), "{}", got.text());
                let record = world.decision(&got.headers).await;
                assert_eq!(
                    record["decision"]["output"][0],
                    json!({"act": "block", "signal": "secret"}),
                    "{record}"
                );
                assert!(record["completion_tokens"].as_u64().unwrap() > 0, "it was paid for: {record}");
            }
        }
        let metrics = world.get("/metrics").await.text();
        assert!(metrics.contains("tollgate_output_total{act=\"block\",signal=\"secret\"} 6"), "{metrics}");
    }
}

#[tokio::test]
async fn a_stream_that_turns_ends_with_its_reason_and_an_error() {
    let texts =
        ["These are words enough to begin the answer with. ", "And there are a few more of them here. "];
    let rest = [" Now it goes on: op", "en sesa", "me and more that nobody gets. "];
    for client in CLIENTS {
        let go = Arc::new(Notify::new());
        let begin: String = texts.iter().map(|text| chunk(&delta(text))).collect();
        let mut script = vec![Step::Say(format!("{STREAM_HEAD}{begin}")), Step::Await(go.clone())];
        script.push(Step::Say(rest.iter().map(|text| chunk(&delta(text))).collect()));
        script.push(Step::Hold);
        let upstream = Scripted::start(script).await;
        let world = world("litellm", Some(&upstream), "output block secret").await;
        let (status, _, mut flow) = world.open(client.path(), &[], &client.ask("m", "Go on", true)).await;
        assert_eq!(status.as_u16(), 200, "{client:?}");
        let mut text = flow.read_until("These are words").await;
        go.notify_one();
        text.push_str(&flow.rest().await.0);
        assert!(
            text.contains("These are words") && !text.contains("sesa") && !text.contains("nobody"),
            "{text}"
        );
        let events = events(&text);
        let (reason, error) = (events[events.len() - 2].json(), &events[events.len() - 1]);
        match client {
            Client::Chat => assert_eq!(reason["choices"][0]["finish_reason"], "content_filter"),
            Client::Messages => assert_eq!(reason["delta"]["stop_reason"], "refusal"),
            Client::Responses => {
                assert_eq!(reason["type"], "response.incomplete");
                assert_eq!(reason["response"]["incomplete_details"]["reason"], "content_filter");
            }
        }
        assert!(error.data.contains("the answer is withheld") && error.data.contains("secret"), "{text}");
        world.settled().await;
        let record = world.decisions().await.remove(0);
        assert_eq!(
            (record["status"].as_u64(), &record["fault"]),
            (Some(200), &json!("forbidden")),
            "{record}"
        );
        world.stop().await;
    }
}

#[tokio::test]
async fn a_safer_model_answers_instead_while_nothing_was_said_yet() {
    let said = json!({"role": "assistant", "content": "open sesame"});
    for (script, stream) in [(vec![Step::Say(whole(&said))], false), (streamed(&["open ", "sesame"]), true)] {
        let upstream = Scripted::start(script).await;
        let world = world("litellm", Some(&upstream), "output safer secret").await;
        let got = ask(&world, Client::Chat, "Good morning", stream).await;
        assert_eq!((got.status.as_u16(), got.header("x-tollgate-model")), (200, "safe"), "{}", got.text());
        assert!(got.text().contains("Good morning") || got.text().contains("Good"), "{}", got.text());
        world.settled().await;
        let record = world.decision(&got.headers).await;
        assert_eq!(record["decision"]["models"], "safer, for what another one said", "{record}");
        assert_eq!(record["decision"]["attempts"].as_array().unwrap().len(), 2);
        // Where the safer one says it too, nobody answers.
        let got = ask(&world, Client::Chat, "open sesame", stream).await;
        assert_eq!(got.status.as_u16(), 403, "{}", got.text());
        world.stop().await;
    }
}

#[tokio::test]
async fn notes_go_beside_the_answer_and_audits_to_the_record() {
    let world = world("tollgate_sim", None, "output annotate contact output audit odd").await;
    for stream in [false, true] {
        let got = ask(&world, Client::Chat, "Write to ada@example.org, oddly enough", stream).await;
        assert_eq!(got.status.as_u16(), 200);
        let noted = got.header(FOUND) == "contact" || got.text().contains(": x-tollgate-output: contact\n\n");
        assert!(noted && got.text().contains("oddly"), "{:?} {}", got.headers, got.text());
        world.settled().await;
        let record = world.decision(&got.headers).await;
        let found = record["decision"]["output"].as_array().unwrap().clone();
        let acts: Vec<&str> = found.iter().map(|found| found["act"].as_str().unwrap()).collect();
        assert_eq!(acts, ["annotate", "audit"], "{record}");
    }
    let clean = ask(&world, Client::Chat, "Good morning", false).await;
    assert_eq!(clean.header(FOUND), "");
}

#[tokio::test]
async fn arguments_of_calls_are_said_too() {
    let call = json!({"id": "c", "type": "function", "function": {"name": "send", "arguments": "{\"to\":\"op\\u0065n sesame\"}"}});
    let said = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    let upstream = Scripted::start(vec![Step::Say(whole(&said))]).await;
    let world = world("litellm", Some(&upstream), "output block secret").await;
    for client in CLIENTS {
        for stream in [false, true] {
            let got = world.post(client.path(), &client.ask_tool("m", "Send it", stream)).await;
            assert_eq!(got.status.as_u16(), 403, "{client:?} {}", got.text());
        }
    }
}

#[tokio::test]
async fn words_do_not_wait_for_a_model_that_pauses() {
    let go = Arc::new(Notify::new());
    let begin = format!("{STREAM_HEAD}{}", chunk(&delta("Hello")));
    let end = format!("{}{}{LAST_CHUNK}", chunk(&delta(" there")), chunk("data: [DONE]\n\n"));
    let upstream = Scripted::start(vec![Step::Say(begin), Step::Await(go.clone()), Step::Say(end)]).await;
    let world = world("litellm", Some(&upstream), "output block secret").await;
    let (status, _, mut flow) =
        world.open(Client::Chat.path(), &[], &Client::Chat.ask("m", "Hi", true)).await;
    assert_eq!(status.as_u16(), 200);
    flow.read_until("Hello").await;
    go.notify_one();
    let (rest, _) = flow.rest().await;
    assert!(rest.contains(" there"), "{rest}");
}

#[tokio::test]
async fn a_safer_model_must_be_named() {
    let world = world("tollgate_sim", None, "").await;
    let policy = format!("{RULES}global output safer secret\ndefault {{ models {{ \"m\" }} }}");
    let got = world.send(Method::PUT, "/api/v1/policy", &[], policy.clone()).await;
    assert_eq!(got.status.as_u16(), 200, "{}", got.text());
    let mut settings = world.gateway.shared().snapshot.load().settings.clone();
    settings.output.safer_model = None;
    let clock = tollgate_core::ManualClock::default();
    let built =
        tollgate_gateway::snapshot::Snapshot::build(settings, policy, None, tollgate_core::Seed(1), &clock);
    assert!(built.is_err_and(|error| error.to_string().contains("output.safer_model")));
}
