//! Content that nobody reads counts as personal, words in other places than a turn's text are read.

use super::common::World;
use super::{PERSONAL, example, send, sims, world};
use crate::common::shapes::Client;
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// Requests in every dialect that hold something of which nobody can say what it shows, with the kind.
fn unread(model: &str) -> Vec<(&'static str, Value, &'static str)> {
    let user = |part: Value| json!([{"role": "user", "content": [{"type": "text", "text": "Hello"}, part]}]);
    let input =
        |part: Value| json!([{"role": "user", "content": [{"type": "input_text", "text": "Hello"}, part]}]);
    let chat = |part| json!({"model": model, "messages": user(part)});
    let responses = |input: Value| json!({"model": model, "input": input});
    let messages = |part| json!({"model": model, "max_tokens": 50, "messages": user(part)});
    let embeddings = |input: Value| json!({"model": model, "input": input});
    let (c, r, m) = (Client::Chat.path(), Client::Responses.path(), Client::Messages.path());
    vec![
        (c, chat(json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}})), "image"),
        (c, chat(json!({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}})), "audio"),
        (c, chat(json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "AA=="}})), "file"),
        (
            r,
            responses(input(json!({"type": "input_image", "image_url": "data:image/png;base64,AA=="}))),
            "image",
        ),
        (r, responses(input(json!({"type": "input_file", "file_id": "file-1"}))), "file"),
        (
            r,
            responses(
                json!([{"role": "user", "content": "Hello"}, {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "AA"}]),
            ),
            "sealed",
        ),
        (
            r,
            responses(
                json!([{"role": "user", "content": "Hello"}, {"type": "item_reference", "id": "msg_1"}]),
            ),
            "reference",
        ),
        (
            r,
            responses(json!([{"role": "user", "content": "Hello"}, {"type": "brand_new", "x": 1}])),
            "unknown",
        ),
        (
            m,
            messages(
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}),
            ),
            "image",
        ),
        (
            m,
            messages(
                json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="}}),
            ),
            "file",
        ),
        ("/v1/embeddings", embeddings(json!([1, 2, 3])), "tokens"),
        ("/v1/embeddings", embeddings(json!([[1, 2], [3]])), "tokens"),
    ]
}

#[tokio::test]
async fn what_is_not_read_is_not_sent_off_the_premises_and_the_denial_says_why() {
    let world = world().await;
    for (path, body, kind) in unread("cloud-small") {
        let got = send(&world, "operator", path, &body).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{body}: {}", got.text());
        let told = format!("content that is not read ({kind}");
        assert!(got.text().contains(&told) && got.text().contains("data personal"), "{body}: {}", got.text());
    }
    assert_eq!((world.received(1).await.len(), world.received(2).await.len()), (0, 0));
    for (path, body, _) in unread("auto").into_iter().filter(|(path, ..)| *path != "/v1/embeddings") {
        let got = send(&world, "operator", path, &body).await;
        // Whether the rack's server understands such a part is its own affair.
        assert_ne!(got.status, StatusCode::FORBIDDEN, "{body}: {}", got.text());
        assert_eq!(got.header("x-tollgate-instance"), "rack-1", "{body}: {}", got.text());
    }
    assert_eq!((world.received(1).await.len(), world.received(2).await.len()), (0, 0));
    let text =
        send(&world, "operator", "/v1/embeddings", &json!({"model": "cloud-small", "input": "Hello"})).await;
    assert_eq!(
        (text.status, text.header("x-tollgate-model")),
        (StatusCode::OK, "cloud-small"),
        "{}",
        text.text()
    );
    let explained = send(&world, "operator", "/v1/route", &unread("auto")[0].1).await.json();
    assert!(
        explained["explanation"].as_str().unwrap().contains("data personal (not read: image)"),
        "{explained}"
    );
    world.stop().await;
}

#[tokio::test]
async fn words_in_calls_reasoning_titles_and_definitions_are_personal_too() {
    let (sims, addresses) = sims(3).await;
    // Gemini behind: what is judged is what the caller sends, before it is translated.
    let world = World::launch(sims, example(&addresses, "gemini")).await;
    let arguments = json!({"question": PERSONAL}).to_string();
    let escaped = arguments.replace("date of birth", "d\\u0061te of birth");
    let call = |arguments: &str| {
        json!([{"role": "user", "content": "Hello"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "k", "type": "function", "function": {"name": "search", "arguments": arguments}}]},
        {"role": "tool", "tool_call_id": "k", "content": "nothing"}])
    };
    let hello = json!([{"role": "user", "content": "Hello"}]);
    let tool = json!([{"type": "function", "function": {"name": "search", "description": PERSONAL, "parameters": {}}}]);
    let thought = json!([{"role": "user", "content": "Hello"}, {"role": "assistant", "content": [
        {"type": "thinking", "thinking": PERSONAL, "signature": "x"}, {"type": "text", "text": "Yes?"}]},
        {"role": "user", "content": "Go on"}]);
    let titled = json!([{"role": "user", "content": [{"type": "document", "title": PERSONAL, "source": {"type": "text", "media_type": "text/plain", "data": "a"}},
        {"type": "text", "text": "Hello"}]}]);
    let called = json!([{"role": "user", "content": "Hello"},
        {"type": "function_call", "call_id": "k", "name": "search", "arguments": arguments},
        {"type": "function_call_output", "call_id": "k", "output": "nothing"}]);
    let requests = [
        (Client::Chat.path(), json!({"model": "cloud-small", "messages": call(&arguments)})),
        (Client::Chat.path(), json!({"model": "cloud-small", "messages": call(&escaped)})),
        (Client::Chat.path(), json!({"model": "cloud-small", "messages": hello, "tools": tool})),
        (
            Client::Chat.path(),
            json!({"model": "cloud-small", "messages": hello, "metadata": {"who": PERSONAL}}),
        ),
        (
            Client::Chat.path(),
            json!({"model": "cloud-small", "messages": hello, "prediction": {"type": "content", "content": PERSONAL}}),
        ),
        (Client::Messages.path(), json!({"model": "cloud-small", "max_tokens": 9, "messages": thought})),
        (Client::Messages.path(), json!({"model": "cloud-small", "max_tokens": 9, "messages": titled})),
        (Client::Responses.path(), json!({"model": "cloud-small", "input": called})),
    ];
    for (path, body) in requests {
        let got = send(&world, "operator", path, &body).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{body}: {}", got.text());
        assert!(got.text().contains("data personal"), "{}", got.text());
        let mut plain = body.to_string().replace("date of birth", "favourite colour");
        plain = plain.replace("d\\\\u0061te of birth", "favourite colour");
        let headers = [("x-tollgate-caller", "someone"), ("x-tollgate-roles", "operator")];
        let got = world.send(Method::POST, path, &headers, plain.clone()).await;
        assert_eq!(
            (got.status, got.header("x-tollgate-model")),
            (StatusCode::OK, "cloud-small"),
            "{plain} {}",
            got.text()
        );
    }
    assert_eq!(world.received(0).await.len(), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_conversation_stays_personal_when_it_goes_on_by_reference() {
    let world = world().await;
    let path = Client::Responses.path();
    let first = send(&world, "operator", path, &json!({"model": "auto", "input": PERSONAL})).await;
    assert_eq!(first.header("x-tollgate-instance"), "rack-1", "{}", first.text());
    let id = first.json()["id"].clone();
    let second = json!({"model": "auto", "input": "Go on", "previous_response_id": id});
    let second = send(&world, "operator", path, &second).await;
    assert_eq!(second.header("x-tollgate-instance"), "rack-1", "{}", second.text());
    let third =
        json!({"model": "cloud-small", "input": "And now?", "previous_response_id": second.json()["id"]});
    let third = send(&world, "operator", path, &third).await;
    assert_eq!(third.status, StatusCode::FORBIDDEN, "{}", third.text());
    // What the provider keeps under a name of its own is not read.
    for member in ["conversation", "prompt"] {
        let mut body = json!({"model": "cloud-small", "input": "Go on"});
        body[member] = json!({"id": "stored_1"});
        let got = send(&world, "operator", path, &body).await;
        assert!(got.status == StatusCode::FORBIDDEN && got.text().contains("reference"), "{}", got.text());
    }
    let explained = json!({"model": "auto", "input": "Go on", "previous_response_id": id});
    let explained = send(&world, "operator", "/v1/route", &explained).await;
    assert!(
        explained.status != StatusCode::OK || explained.text().contains("reference"),
        "{}",
        explained.text()
    );
    assert_eq!((world.received(1).await.len(), world.received(2).await.len()), (0, 0));
    world.stop().await;
}
