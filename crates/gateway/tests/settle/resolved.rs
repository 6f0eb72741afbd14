//! Agents whose id is a host's: the document comes from that host, and from no address that only the server reaches.

use super::scene::{Scene, problem};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tollgate_pay::json::Json;
use tollgate_pay::registry::{Sealed, SecretKey};

/// A host that gives these answers, one after the other, and counts who asks.
struct Host {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Host {
    /// `answers` are status lines with their bodies; `{id}` in them is the id that the host has.
    #[expect(
        clippy::disallowed_methods,
        reason = "the task ends with its last answer, or with the test's runtime"
    )]
    async fn new(answers: Vec<(&'static str, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                assert!(head.starts_with(b"GET /.well-known/did.json "), "{head:?}");
                let body = body.replace("{id}", &format!("did:web:localhost%3A{port}"));
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { port, asked }
    }

    fn id(&self, name: &str) -> String {
        format!("did:web:{name}%3A{}", self.port)
    }
}

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn jwk(n: u8) -> Value {
    serde_json::from_str(&key(n).public().jwk().canonical().unwrap()).unwrap()
}

/// The document in which key 1 speaks for the id.
fn document(id: &str) -> String {
    let method =
        json!({"id": format!("{id}#k"), "type": "JsonWebKey2020", "controller": id, "publicKeyJwk": jwk(1)});
    json!({"id": id, "verificationMethod": [method], "assertionMethod": [format!("{id}#k")]}).to_string()
}

/// The first record of an id, signed by key `n`.
fn offer(id: &str, n: u8) -> Value {
    let record = json!({
        "id": id, "name": "a shop", "version": 1, "issued_at": "2026-01-01T00:00:00Z",
        "keys": [{"kid": "#k", "jwk": jwk(n), "purposes": ["control"]}],
    });
    let payload = Json::parse(record.to_string().as_bytes()).unwrap();
    let sealed = Sealed::sign(&payload, "tollgate-agent-record+jws", "#k", &key(n)).unwrap();
    json!({"record": serde_json::from_str::<Value>(sealed.text()).unwrap()})
}

#[tokio::test]
async fn the_document_is_fetched_from_the_host_that_the_id_names() {
    let answers = vec![
        ("302 Found", document("{id}")),
        ("200 OK", document("did:web:bank.example")),
        ("200 OK", "x".repeat(17 << 10)),
        ("200 OK", document("{id}")),
        ("200 OK", document("{id}")),
    ];
    let (host, scene) = (Host::new(answers).await, Scene::with(", private_hosts: true").await);
    let id = host.id("localhost");
    for (n, word) in [(1, "unresolved"), (1, "bad-value"), (1, "unresolved")] {
        let got = scene.post(1, "agents", "k", &offer(&id, n)).await;
        problem(&got, StatusCode::UNPROCESSABLE_ENTITY, word);
    }
    // The host does not vouch for this key.
    problem(&scene.post(1, "agents", "k", &offer(&id, 2)).await, StatusCode::FORBIDDEN, "not-proven");
    let done = scene.post(1, "agents", "k", &offer(&id, 1)).await;
    assert_eq!((done.status, &done.json()["new"]), (StatusCode::OK, &json!(true)), "{}", done.text());
    // What is known is not fetched again, and nobody may bring a document of their own.
    assert_eq!(scene.post(1, "agents", "k", &offer(&id, 1)).await.json()["new"], false);
    assert_eq!(host.asked.load(Ordering::SeqCst), 5);
    let mut brought = offer("did:web:bank.example", 1);
    brought["document"] = json!(document("did:web:bank.example"));
    problem(&scene.post(1, "agents", "k", &brought).await, StatusCode::FORBIDDEN, "forbidden");
    scene.stop().await;
}

#[tokio::test]
async fn a_name_does_not_lead_to_what_only_the_server_reaches() {
    let (host, scene) = (Host::new(vec![("200 OK", document("{id}")); 4]).await, Scene::new().await);
    for name in ["localhost", "127.0.0.1"] {
        let got = scene.post(1, "agents", "k", &offer(&host.id(name), 1)).await;
        problem(&got, StatusCode::UNPROCESSABLE_ENTITY, "unresolved");
        assert!(got.text().contains("not public"), "{}", got.text());
    }
    assert_eq!(host.asked.load(Ordering::SeqCst), 0, "nobody was asked");
    scene.stop().await;
}
