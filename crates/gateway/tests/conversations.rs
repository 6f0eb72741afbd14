//! Conversations through the whole gateway, in every dialect, whole and streamed.

mod common;

use common::raw::{Scripted, Step};
use common::shapes::{CLIENTS, Client};
use common::{Folder, World, settings, sims};
use http::StatusCode;
use serde_json::json;
use tollgate_gateway::serve::Options;

#[tokio::test]
async fn every_dialect_answers_whole_and_streamed() {
    let world = World::start().await;
    let user = json!([{"role": "user", "content": "What is the capital of Peru?"}]);
    let bodies = [
        ("/v1/chat/completions", json!({"model": "auto", "messages": user})),
        ("/v1/responses", json!({"model": "auto", "input": "What is the capital of Peru?"})),
        ("/v1/messages", json!({"model": "auto", "max_tokens": 100, "messages": user})),
    ];
    for (path, body) in bodies {
        let got = world.post(path, &body).await;
        assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.text());
        assert!(got.text().contains("sim-small"), "{path}: {}", got.text());
        assert_eq!(got.header("x-tollgate-decision"), "default", "{:?}", got.headers);
        assert_eq!(got.header("x-tollgate-pool"), "short");
        let phases = got.header("x-tollgate-overhead");
        assert!(["signal", "decide", "select"].iter().any(|phase| phases.contains(phase)), "{phases:?}");
        assert!(got.header("x-tollgate-cost-micro").parse::<u64>().unwrap() > 0);
        let mut streamed = body.clone();
        streamed["stream"] = json!(true);
        let got = world.post(path, &streamed).await;
        assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.text());
        assert_eq!(got.header("content-type"), "text/event-stream");
        let end = match path {
            "/v1/chat/completions" => "data: [DONE]",
            "/v1/responses" => "event: response.completed",
            _ => "event: message_stop",
        };
        assert!(got.text().contains(end), "{path}: {}", got.text());
        assert!(
            !got.text().contains("\"usage\":{\"prompt_tokens\"") || path != "/v1/chat/completions",
            "not asked for"
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn embeddings_models_and_counts() {
    let world = World::start().await;
    let got = world.post("/v1/embeddings", &json!({"model": "sim-embed", "input": ["a", "b"]})).await;
    assert_eq!(got.json()["data"].as_array().unwrap().len(), 2, "{}", got.text());
    let models = world.get("/v1/models").await.json();
    assert_eq!(models["data"].as_array().unwrap().len(), 5);
    let count = json!({"model": "auto", "messages": [{"role": "user", "content": "one two three"}]});
    let count = world.post("/v1/messages/count_tokens", &count).await.json();
    assert_eq!(count["input_tokens"], 7, "three words and the template");
    world.stop().await;
}

#[tokio::test]
async fn a_stored_response_is_continued_read_and_deleted() {
    let world = World::start().await;
    let first =
        world.post("/v1/responses", &json!({"model": "sim-small", "input": "first words"})).await.json();
    let id = first["id"].as_str().unwrap();
    let body = json!({"model": "sim-small", "input": "second words", "previous_response_id": id});
    let second = world.post("/v1/responses", &body).await;
    assert_eq!(second.status, StatusCode::OK, "{}", second.text());
    let mut seen = String::new();
    for sim in 0..world.sims.len() {
        seen.push_str(&world.journal(sim).await.to_string());
    }
    assert!(
        seen.contains("first words") && seen.contains("second words"),
        "the whole conversation is sent: {seen}"
    );
    assert!(!seen.contains("previous_response_id"), "no upstream knows our ids");
    let path = format!("/v1/responses/{id}");
    assert_eq!(world.get(&path).await.json()["id"], json!(id));
    let items = world.get(&format!("{path}/input_items")).await.json();
    assert_eq!(items["data"][0]["content"][0]["text"], "first words", "{items}");
    let gone = world.send(http::Method::DELETE, &path, &[], "").await;
    assert_eq!(gone.json()["deleted"], json!(true));
    assert_eq!(world.get(&path).await.status, StatusCode::NOT_FOUND);
    world.stop().await;
}

#[tokio::test]
async fn errors_name_the_field_and_the_fix_in_the_callers_dialect() {
    let world = World::start().await;
    let cases = [
        ("/v1/chat/completions", "{\"model\":1}", 400, "model"),
        (
            "/v1/chat/completions",
            "{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}",
            400,
            "line",
        ),
        (
            "/v1/chat/completions",
            "{\"model\":\"nope\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}",
            404,
            "nope",
        ),
        ("/v1/messages", "{\"model\":\"auto\",\"messages\":[]}", 400, "max_tokens"),
        (
            "/v1/responses",
            "{\"model\":\"auto\",\"input\":\"a\",\"previous_response_id\":\"resp_x\"}",
            404,
            "resp_x",
        ),
    ];
    for (path, body, status, word) in cases {
        let got = world.send(http::Method::POST, path, &[], body).await;
        assert_eq!(got.status.as_u16(), status, "{path} {body}: {}", got.text());
        assert!(got.text().contains(word), "{path} {body}: {}", got.text());
        let shape = got.json();
        assert!(shape["error"]["message"].is_string(), "{shape}");
        assert_eq!(shape["type"] == "error", path == "/v1/messages", "{shape}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_decision_is_recorded_explained_and_replayed() {
    let world = World::start().await;
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": "Prove step by step that this function terminates"}]});
    let got = world.post("/v1/chat/completions", &body).await;
    assert_eq!(got.header("x-tollgate-decision"), "hard_question");
    let id = got.header("x-tollgate-request-id").to_owned();
    let row = world.get(&format!("/api/v1/decisions/{id}")).await.json();
    assert_eq!((&row["route"], &row["model"]), (&json!("hard_question"), &json!("sim-large")), "{row}");
    assert!(row["phases_ns"]["decide"].as_u64().unwrap() > 0, "{row}");
    assert!(!row.to_string().contains("terminates"), "no prompt text is recorded");
    let replay =
        world.send(http::Method::POST, &format!("/api/v1/decisions/{id}/replay"), &[], "").await.json();
    assert_eq!(replay["same"], json!(true), "{replay}");
    let explained = world.post("/v1/route", &body).await.json();
    assert_eq!(
        (&explained["route"], &explained["model"]),
        (&json!("hard_question"), &json!("sim-large")),
        "{explained}"
    );
    assert!(explained["explanation"].as_str().unwrap().contains("hard"), "{explained}");
    world.stop().await;
}

const CONFIG: &str = r#"
policy: {policy}
auth: {mode: open, trusted_hops: [127.0.0.1]}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: one}]
pools: [{name: only, instances: [{name: a, provider: sim, url: "http://{0}", models: {one: one}}]}]
"#;

/// A gateway with this policy over one model, `one`.
async fn governed(policy: &str) -> World {
    let folder = Folder::new();
    let (sims, addresses) = sims(1).await;
    let settings = settings(CONFIG, &addresses, &folder.write("p.tollgate", policy));
    World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await
}

#[tokio::test]
async fn a_second_turn_is_warm_however_its_conversation_is_known() {
    let policy = r#"policy "t"
route again { when warm and cached_tokens > 40 and cached_tokens < tokens models { "one" } }
route fresh { when warm models { "one" } }
default { models { "one" } }
"#;
    let world = governed(policy).await;
    let words = "tell me of the sea and the ships ".repeat(6);
    let turns =
        [json!({"role": "user", "content": words}), json!({"role": "assistant", "content": "Gladly."})];
    let ask = |turns: &[serde_json::Value], more: &serde_json::Value| {
        let mut body = json!({"model": "auto", "messages": turns});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body.to_string()
    };
    let next = [&turns[..], &[json!({"role": "user", "content": "Go on."})]].concat();
    let other = [json!({"role": "user", "content": "Quite another question."})];
    let path = "/v1/chat/completions";
    let cases: [(&[(&str, &str)], serde_json::Value); 3] = [
        (&[("x-session-id", "s1")], json!({})),
        (&[], json!({"metadata": {"session_id": "m1"}})),
        (&[], json!({})),
    ];
    for (headers, more) in cases {
        let mut routes = Vec::new();
        for turns in [&turns[..1], &next[..]] {
            let got = world.send(http::Method::POST, path, headers, ask(turns, &more)).await;
            assert_eq!(got.status, StatusCode::OK, "{}", got.text());
            routes.push(got.header("x-tollgate-decision").to_owned());
            world.settled().await;
        }
        assert_eq!(routes, ["default", "again"], "{headers:?} {more}");
    }
    // The same name in another caller's mouth is another conversation.
    let spoofed = [("x-session-id", "s1"), ("x-tollgate-caller", "eve")];
    let got = world.send(http::Method::POST, path, &spoofed, ask(&next, &json!({}))).await;
    assert_eq!(got.header("x-tollgate-decision"), "default");
    let got = world.send(http::Method::POST, path, &[("x-session-id", "s1")], ask(&other, &json!({}))).await;
    assert_eq!(got.header("x-tollgate-decision"), "fresh", "nothing of it was there before");
    world.stop().await;
}

#[tokio::test]
async fn a_continued_response_is_warm_and_a_trusted_hop_names_the_kind() {
    let policy = r#"policy "t"
route night { when kind is "batch" models { "one" } }
route again { when warm and cached_tokens > 0 models { "one" } }
default { models { "one" } }
"#;
    let world = governed(policy).await;
    let first = world.post("/v1/responses", &json!({"model": "auto", "input": "first words"})).await;
    assert_eq!(first.header("x-tollgate-decision"), "default");
    world.settled().await;
    let id = first.json()["id"].clone();
    let body = json!({"model": "auto", "input": "second words", "previous_response_id": id});
    let second = world.post("/v1/responses", &body).await;
    assert_eq!(second.header("x-tollgate-decision"), "again", "{}", second.text());
    let body = json!({"model": "auto", "input": "words"}).to_string();
    let got = world.send(http::Method::POST, "/v1/responses", &[("x-tollgate-kind", "batch")], body).await;
    assert_eq!(got.header("x-tollgate-decision"), "night", "{}", got.text());
    world.stop().await;
}

#[tokio::test]
async fn a_fixed_answer_is_given_in_every_dialect_whole_and_streamed() {
    let policy = r#"policy "t"
route closed { when turns > 0 and tokens < 60 answer 200 "We are closed." }
default { answer 403 "Not that long." }
"#;
    let world = governed(policy).await;
    for client in CLIENTS {
        for stream in [false, true] {
            let got = world.post(client.path(), &client.ask("auto", "hello", stream)).await;
            let what = format!("{client:?} stream={stream}: {}", got.text());
            assert_eq!(got.status, StatusCode::OK, "{what}");
            assert_eq!(got.header("x-tollgate-decision"), "closed", "{what}");
            let words = if stream { client.streamed(&got.text()) } else { client.words(&got.json()) };
            assert_eq!(words, "We are closed.", "{what}");
            assert!(!stream || client.ended(&got.text()), "{what}");
            let long = "many words of no use ".repeat(40);
            let got = world.post(client.path(), &client.ask("auto", &long, stream)).await;
            let what = format!("{client:?} stream={stream}: {}", got.text());
            assert_eq!(got.status, StatusCode::FORBIDDEN, "{what}");
            assert!(client.is_error(&got.json()) && got.text().contains("Not that long."), "{what}");
        }
    }
    assert!(world.received(0).await.is_empty(), "no model is asked");
    world.stop().await;
}

#[tokio::test]
async fn what_an_error_quotes_is_kept_only_where_the_operator_asks_for_content() {
    const SECRET: &str = "my blood pressure";
    let said = format!(
        "{{\"error\":{{\"message\":\"cannot read '{SECRET}'\",\"type\":\"invalid_request_error\"}}}}"
    );
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{said}",
        said.len()
    );
    for content in [false, true] {
        let folder = Folder::new();
        let upstream = Scripted::start(vec![Step::Say(answer.clone())]).await;
        let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"one\" } }\n");
        let config = format!("{CONFIG}log: {{content: {content}}}\n");
        let settings = settings(&config, &[upstream.addr.to_string()], &policy);
        let world =
            World::launch(Vec::new(), Options { settings: Some(settings), ..Options::default() }).await;
        let mut bad = Client::Chat.ask("auto", "hello", false);
        bad["messages"][0]["role"] = json!(SECRET);
        for (body, place) in [(Client::Chat.ask("auto", SECRET, false), "answered 400"), (bad, "role")] {
            let got = world.post("/v1/chat/completions", &body).await;
            assert_eq!(got.status, StatusCode::BAD_REQUEST, "{}", got.text());
            assert!(got.text().contains(SECRET), "the caller reads it: {}", got.text());
            let row = world.decision(&got.headers).await;
            assert_eq!(row.to_string().contains(SECRET), content, "{row}");
            assert!(row["decision"]["fault"].as_str().unwrap().contains(place), "{row}");
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn what_the_route_changes_is_what_the_upstream_receives() {
    let policy = r#"policy "t"
default {
  models { "one" effort high }
  param set temperature 0.5
  param remove seed
  tools drop ["shell"]
  header remove "x-debug"
}
"#;
    let world = governed(policy).await;
    let mut ask = Client::Chat.ask("auto", "hi", false);
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {}}});
    ask["tools"] = json!([tool("shell"), tool("read")]);
    ask["seed"] = json!(3);
    let (path, headers) = ("/v1/chat/completions", [("x-debug", "1"), ("x-title", "kept")]);
    let got = world.send(http::Method::POST, path, &headers, ask.to_string()).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let (sent, headers) = world.sent(0).await;
    assert_eq!((&sent["temperature"], &sent["seed"]), (&json!(0.5), &json!(null)), "{sent}");
    assert_eq!(
        (&sent["tools"], &sent["reasoning_effort"]),
        (&json!([tool("read")]), &json!("high")),
        "{sent}"
    );
    assert!(!headers.iter().any(|h| h[0] == "x-debug"), "{headers:?}");
    assert!(headers.contains(&json!(["x-title", "kept"])), "{headers:?}");
    world.stop().await;
}

#[tokio::test]
async fn a_prompt_that_fits_no_small_pool_goes_to_the_large_one_by_itself() {
    let world = World::start().await;
    for (words, pool) in [(2, "short"), (6_000, "long")] {
        let ask = Client::Chat.ask("sim-small", &"many words ".repeat(words), false);
        let got = world.post("/v1/chat/completions", &ask).await;
        assert_eq!((got.status, got.header("x-tollgate-pool")), (StatusCode::OK, pool), "{}", got.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn the_signals_that_matched_are_told() {
    let world = governed(
        r#"policy "t"
signal sea = keyword any ["harbour"]
route sea { when sea models { "one" } }
default { models { "one" } }
"#,
    )
    .await;
    for (words, told) in [("a harbour at night", true), ("a hill at night", false)] {
        let got = world.post("/v1/chat/completions", &Client::Chat.ask("auto", words, false)).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        assert_eq!(got.header("x-tollgate-signals").contains("sea"), told, "{words}: {:?}", got.headers);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_conversation_stays_with_the_instance_that_holds_its_beginning() {
    let config = r#"
policy: {policy}
providers: [{name: sim, kind: tollgate_sim}]
models: [{name: one}]
pools:
  - name: only
    placement: prefix_affinity
    instances:
      - {name: a, provider: sim, url: "http://{0}", models: {one: one}}
      - {name: b, provider: sim, url: "http://{1}", models: {one: one}}
      - {name: c, provider: sim, url: "http://{2}", models: {one: one}}
"#;
    let folder = Folder::new();
    let (sims, addresses) = sims(3).await;
    let policy = folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"one\" } }\n");
    let settings = settings(config, &addresses, &policy);
    let world = World::launch(sims, Options { settings: Some(settings), ..Options::default() }).await;
    let mut homes = std::collections::BTreeMap::<usize, Vec<String>>::new();
    for _ in 0..3 {
        for subject in 0..16 {
            let words = format!("subject {subject} and what there is to say of it; ").repeat(300);
            let got = world.post("/v1/chat/completions", &Client::Chat.ask("one", &words, false)).await;
            assert_eq!(got.status, StatusCode::OK, "{}", got.text());
            homes.entry(subject).or_default().push(got.header("x-tollgate-instance").to_owned());
            world.settled().await;
        }
    }
    assert!(homes.values().all(|asked| asked.iter().all(|home| *home == asked[0])), "{homes:?}");
    let used: std::collections::BTreeSet<_> = homes.values().map(|asked| &asked[0]).collect();
    assert!(used.len() > 1, "not all on one: {homes:?}");
    world.stop().await;
}
