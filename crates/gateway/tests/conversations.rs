//! Conversations through the whole gateway, in every dialect, whole and streamed.

mod common;

use common::World;
use http::StatusCode;
use serde_json::json;

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
