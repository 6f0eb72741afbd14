//! Receipts of usage: signed for each answer that ended well, bound to the task that the caller names.

use super::common::{Folder, Got};
use super::scene::{operator, world};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate_core::Digest;
use tollgate_produce::{IN_TOTO, Key, Task, output};

/// What a receipt says; its signature is that of the key.
fn said(got: &Got, key: &Key) -> Value {
    read(got.header("tollgate-receipt"), key)
}

fn read(envelope: &str, key: &Key) -> Value {
    let envelope = STANDARD.decode(envelope).unwrap();
    let envelope: Value = serde_json::from_slice(&envelope).unwrap();
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let again: Value = serde_json::from_str(&key.envelope(IN_TOTO, &payload)).unwrap();
    assert_eq!(envelope, again, "the signature is the key's");
    serde_json::from_slice(&payload).unwrap()
}

#[tokio::test]
async fn answers_have_a_signed_receipt_of_their_task() {
    let (folder, key) = (Folder::new(), Key::from_seed(&[7; 32]));
    let file = folder.write("provider.key", &key.reveal());
    let world = world(&folder, &format!("receipts: {{key: 'file:{}'}}", file.display())).await;
    let (name, secret) = operator();
    let made = world.send(Method::POST, "/api/v1/keys", &[(name, &secret)], r#"{"name":"k"}"#).await;
    let bearer = format!("Bearer {}", made.json()["secret"].as_str().unwrap());
    let ask = async |body: Value, task: &str| {
        let headers = [("authorization", bearer.as_str()), ("tollgate-task", task)];
        world.send(Method::POST, "/v1/chat/completions", &headers, body.to_string()).await
    };
    let body = json!({"model": "a", "messages": [{"role": "user", "content": "two words"}], "max_tokens": 8});
    let task = Task { contract: Digest([3; 32]), nonce: Digest([5; 32]) };
    let got = ask(body.clone(), &task.to_string()).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    let receipt = said(&got, &key);
    let (of, told) = (output(&got.body), &receipt["predicate"]);
    assert_eq!(receipt["subject"][0]["digest"]["sha256"], of.to_string());
    assert_eq!(told["bind"], task.bind(&of));
    assert_eq!(told["model"], "a");
    assert_eq!(told["request_sha256"], output(body.to_string().as_bytes()).to_string());
    let usage = &got.json()["usage"];
    assert_eq!(told["output_tokens"], usage["completion_tokens"]);
    assert_eq!(told["input_tokens"], usage["prompt_tokens"]);
    assert_eq!(told["request"], got.header("x-tollgate-request-id"));
    // A task that is none is said to be none.
    assert_eq!(ask(body.clone(), "ab:cd").await.status, StatusCode::BAD_REQUEST);
    let mut streamed = body;
    streamed["stream"] = json!(true);
    // A stream's stands behind its end, and is about all that came before.
    let got = ask(streamed.clone(), &task.to_string()).await;
    assert_eq!((got.status, got.header("tollgate-receipt")), (StatusCode::OK, ""));
    let text = got.text();
    let (stream, comment) = text.split_once(": tollgate-receipt: ").unwrap();
    assert!(stream.ends_with("data: [DONE]\n\n"), "{text}");
    let receipt = read(comment.trim(), &key);
    let of = output(stream.as_bytes());
    assert_eq!(receipt["subject"][0]["digest"]["sha256"], of.to_string());
    assert_eq!(receipt["predicate"]["bind"], task.bind(&of));
    assert!(receipt["predicate"]["output_tokens"].as_u64().unwrap() > 0, "{receipt}");
    // One that breaks off has none.
    let task = task.to_string();
    let headers =
        [("authorization", bearer.as_str()), ("tollgate-task", &task), ("x-sim-fault", "stall=3:20,cut=3")];
    let cut = world.send(Method::POST, "/v1/chat/completions", &headers, streamed.to_string()).await;
    assert!(!cut.text().contains("tollgate-receipt"), "{}", cut.text());
}
