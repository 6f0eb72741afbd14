//! Receipts of usage: signed for each whole answer, bound to the task that the caller names.

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
    let envelope = STANDARD.decode(got.header("tollgate-receipt")).unwrap();
    let envelope: Value = serde_json::from_slice(&envelope).unwrap();
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let again: Value = serde_json::from_str(&key.envelope(IN_TOTO, &payload)).unwrap();
    assert_eq!(envelope, again, "the signature is the key's");
    serde_json::from_slice(&payload).unwrap()
}

#[tokio::test]
async fn whole_answers_have_a_signed_receipt_of_their_task() {
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
    // A task that is none is said to be none; a stream has no receipt.
    assert_eq!(ask(body.clone(), "ab:cd").await.status, StatusCode::BAD_REQUEST);
    let mut streamed = body;
    streamed["stream"] = json!(true);
    let got = ask(streamed, &task.to_string()).await;
    assert_eq!((got.status, got.header("tollgate-receipt")), (StatusCode::OK, ""));
}
