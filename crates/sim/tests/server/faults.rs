//! What goes wrong on demand, seen from the client's side of the socket.

use crate::client::{chat, fast, faulty, get, hello, send};

const STREAM: &str = r#""stream":true"#;

#[tokio::test]
async fn statuses_come_with_their_headers() {
    let server = fast().await;
    for status in [400, 401, 404, 413, 429, 500, 503] {
        let answer = faulty(server.addr(), &format!("status={status}"), &hello("")).await.unwrap();
        assert_eq!(answer.status, status);
        assert!(answer.json()["error"]["message"].is_string());
    }
    let limited = faulty(server.addr(), "status=429:7", &hello("")).await.unwrap();
    assert_eq!(limited.header("retry-after"), Some("7"));
    let context = faulty(server.addr(), "context", &hello("")).await.unwrap();
    assert_eq!(context.json()["error"]["code"], "context_length_exceeded");
}

#[tokio::test]
async fn the_models_name_can_ask_for_them() {
    let server = fast().await;
    let body = hello("").replace("sim-small", "sim-small+status=503");
    assert_eq!(chat(server.addr(), &body).await.status, 503);
    let exact = chat(server.addr(), &hello("").replace("sim-small", "sim-small+tokens=77")).await.json();
    assert_eq!(exact["usage"]["completion_tokens"], 77);
    assert_eq!(exact["model"], "sim-small");
    let unknown = chat(server.addr(), &hello("").replace("sim-small", "sim-small+explode")).await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn standing_rules_apply_and_end() {
    let server = fast().await;
    let rule = r#"{"fault":"status=500","count":1}"#;
    assert_eq!(send(server.addr(), "POST /sim/faults", &[], rule).await.unwrap().status, 200);
    assert_eq!(get(server.addr(), "/sim/faults").await.json()["faults"][0]["count"], 1);
    assert_eq!(chat(server.addr(), &hello("")).await.status, 500);
    assert_eq!(chat(server.addr(), &hello("")).await.status, 200);
    let bad = send(server.addr(), "POST /sim/faults", &[], r#"{"fault":"x"}"#).await.unwrap();
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn a_cut_stream_has_exactly_the_wanted_events() {
    let server = fast().await;
    for events in [0, 1, 5] {
        let cut = faulty(server.addr(), &format!("cut={events}"), &hello(STREAM)).await.unwrap();
        assert_eq!((cut.events().len(), cut.complete), (events, false));
    }
    let whole = faulty(server.addr(), "cut=0", &hello("")).await.unwrap();
    assert!(!whole.complete && !whole.body.is_empty());
}

#[tokio::test]
async fn an_error_event_ends_the_stream() {
    let server = fast().await;
    let answer = faulty(server.addr(), "error_event=3", &hello(STREAM)).await.unwrap();
    let events = answer.events();
    assert_eq!((events.len(), answer.complete), (4, true));
    assert!(events[3]["error"]["message"].is_string());
    assert_eq!(faulty(server.addr(), "error_event=3", &hello("")).await.unwrap().status, 500);
}

#[tokio::test]
async fn delays_change_no_byte() {
    let server = fast().await;
    let plain = chat(server.addr(), &hello(STREAM)).await;
    let slow = faulty(server.addr(), "hang=1,slow=1,stall=3:1", &hello(STREAM)).await.unwrap();
    assert_eq!(plain.text(), slow.text());
}

#[tokio::test]
async fn malformed_answers_are_malformed() {
    let server = fast().await;
    let json = faulty(server.addr(), "bad_json", &hello("")).await.unwrap();
    assert!(json.complete && serde_json::from_slice::<serde_json::Value>(&json.body).is_err());
    let stream = faulty(server.addr(), "bad_json", &hello(STREAM)).await.unwrap();
    assert!(stream.events()[1].is_string());
    let sse = faulty(server.addr(), "bad_sse", &hello(STREAM)).await.unwrap();
    assert!(std::str::from_utf8(&sse.body).is_err());
    let html = faulty(server.addr(), "content_type", &hello("")).await.unwrap();
    assert_eq!(html.header("content-type"), Some("text/html"));
    assert!(faulty(server.addr(), "close", &hello("")).await.is_none());
}
