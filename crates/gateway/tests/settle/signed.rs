//! Requests that are signed instead of sending a key along.

use super::common::Got;
use super::scene::{Scene, problem};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate_core::Clock as _;
use tollgate_gateway::clock::SystemClock;
use tollgate_pay::registry::{Sealed, SecretKey};
use tollgate_store::settlement::CallerBounds;
use tollgate_wire::httpsig::{Component, Draft, Fields, Message, Request, content_digest};

const COVERED: [&str; 6] = ["@method", "@authority", "@path", "@query", "content-digest", "idempotency-key"];

/// A request to be signed, and what may be wrong with it.
struct Draw<'a> {
    method: Method,
    path: &'a str,
    body: &'a str,
    idempotency: &'a str,
    keyid: &'a str,
    nonce: &'a str,
    covered: &'a [&'a str],
    alg: Option<&'a str>,
    /// Seconds from now.
    created: i64,
}

impl<'a> Draw<'a> {
    fn post(path: &'a str, body: &'a str, keyid: &'a str, nonce: &'a str) -> Self {
        let (method, covered) = (Method::POST, COVERED.as_slice());
        Self { method, path, body, idempotency: nonce, keyid, nonce, covered, alg: None, created: 0 }
    }

    /// Its headers, signed for the scene's gateway.
    fn headers(&self, scene: &Scene, key: &SecretKey) -> Vec<(&'static str, String)> {
        self.headers_for(&scene.world.gateway.addr().to_string(), key)
    }

    fn headers_for(&self, authority: &str, key: &SecretKey) -> Vec<(&'static str, String)> {
        let digest = content_digest(self.body.as_bytes());
        let fields: Fields<'_> =
            &[("content-digest", digest.as_bytes()), ("idempotency-key", self.idempotency.as_bytes())];
        let path = format!("/v1/settle/{}", self.path);
        let (path, query) =
            path.split_once('?').map_or((path.as_str(), None), |(path, query)| (path, Some(query)));
        let request =
            Request { method: self.method.as_str(), scheme: "http", authority, path, query, fields };
        let now = SystemClock::new().now().0 / 1_000_000;
        let components = self.covered.iter().map(|name| Component::named(name)).collect();
        let mut draft =
            Draft::new("sig1", components).time("created", now + self.created).text("keyid", self.keyid);
        if !self.nonce.is_empty() {
            draft = draft.text("nonce", self.nonce);
        }
        if let Some(alg) = self.alg {
            draft = draft.text("alg", alg);
        }
        let (input, value) = key.sign_http(&draft, &Message::Request(request)).unwrap();
        vec![
            ("content-digest", digest),
            ("idempotency-key", self.idempotency.to_owned()),
            ("signature-input", input),
            ("signature", value),
        ]
    }
}

async fn send(scene: &Scene, draw: &Draw<'_>, headers: &[(&'static str, String)]) -> Got {
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let path = format!("/v1/settle/{}", draw.path);
    scene.world.send(draw.method.clone(), &path, &headers, draw.body.to_owned()).await
}

/// Posts [`SWEEP`] to the ledger with a host of the test's own, which a client would not say; the whole answer.
async fn as_host(scene: &Scene, host: &str, headers: &[(&'static str, String)]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!(
        "POST /v1/settle/commands HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n{lines}\r\n{SWEEP}",
        SWEEP.len()
    );
    let mut stream = tokio::net::TcpStream::connect(scene.world.gateway.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn unauthenticated(got: &Got) {
    problem(got, StatusCode::UNAUTHORIZED, "unauthenticated");
}

const SWEEP: &str = r#"{"ops":["sweep"]}"#;

#[tokio::test]
async fn a_configured_key_signs_writes_and_reads_within_its_roles() {
    let (operates, writes) = (SecretKey::from_seed(&[21; 32]), SecretKey::from_seed(&[22; 32]));
    let (did, thumbprint) = (operates.public().did(), operates.public().thumbprint());
    let settle = format!(
        ", authorities: ['127.0.0.1:*'], signers: [{{key: '{did}', roles: [settle.operate]}}, {{key: '{}', roles: [settle.write]}}]",
        writes.public().did()
    );
    let scene = Scene::with(&settle).await;
    let draw = Draw::post("commands", SWEEP, &did, "n-1");
    let headers = draw.headers(&scene, &operates);
    let done = send(&scene, &draw, &headers).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    // The very same request again is a replay; signed anew it is the same request, whichever name its key has.
    unauthenticated(&send(&scene, &draw, &headers).await);
    let anew = Draw { idempotency: "n-1", keyid: &thumbprint, ..Draw::post("commands", SWEEP, &did, "n-2") };
    let again = send(&scene, &anew, &anew.headers(&scene, &operates)).await;
    assert_eq!((again.status, &again.json()["entry"]), (StatusCode::OK, &done.json()["entry"]));
    let read = Draw {
        method: Method::GET,
        covered: &COVERED[..4],
        nonce: "",
        body: "",
        ..Draw::post("accounts?limit=2", "", &did, "")
    };
    let got = send(&scene, &read, &read.headers(&scene, &operates)).await;
    assert_eq!(got.json()["accounts"].as_array().map(Vec::len), Some(2), "{}", got.text());
    let name = writes.public().did();
    let beyond = Draw::post("commands", SWEEP, &name, "n-3");
    problem(
        &send(&scene, &beyond, &beyond.headers(&scene, &writes)).await,
        StatusCode::FORBIDDEN,
        "forbidden",
    );
    scene.stop().await;
}

#[tokio::test]
async fn what_is_not_signed_as_it_must_be_is_refused_and_changes_nothing() {
    let key = SecretKey::from_seed(&[21; 32]);
    let did = key.public().did();
    let scene = Scene::with(&format!(
        ", authorities: ['127.0.0.1:*'], signers: [{{key: '{did}', roles: [settle.operate]}}]"
    ))
    .await;
    let size = scene.get("log/entries?from=0&limit=1").await.json()["size"].clone();
    let good = || Draw::post("commands", SWEEP, &did, "n");
    let uncovered: Vec<Vec<&str>> = (0..COVERED.len())
        .map(|left_out| [&COVERED[..left_out], &COVERED[left_out + 1..]].concat())
        .collect();
    let mut bad: Vec<Draw<'_>> = uncovered.iter().map(|covered| Draw { covered, ..good() }).collect();
    bad.push(Draw { nonce: "", ..good() });
    bad.push(Draw { created: -301, ..good() });
    bad.push(Draw { created: 3_600, ..good() });
    bad.push(Draw { alg: Some("ecdsa-p256-sha256"), ..good() });
    bad.push(Draw { keyid: "did:key:zNone", ..good() });
    bad.push(Draw { keyid: "", ..good() });
    for draw in &bad {
        unauthenticated(&send(&scene, draw, &draw.headers(&scene, &key)).await);
    }
    // What was signed for another server, and is passed on as it was meant there.
    let elsewhere = good().headers_for("staging.example.com", &key);
    let refused = as_host(&scene, "staging.example.com", &elsewhere).await;
    assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("another server"), "{refused}");
    let stranger = SecretKey::from_seed(&[23; 32]);
    unauthenticated(&send(&scene, &good(), &good().headers(&scene, &stranger)).await);
    // What was signed for another body, path, query or idempotency key.
    let headers = good().headers(&scene, &key);
    let other = Draw { body: r#"{"ops":["sweep","sweep"]}"#, ..good() };
    unauthenticated(&send(&scene, &other, &headers).await);
    for path in ["commands?x=1", "agents", "escrows"] {
        unauthenticated(&send(&scene, &Draw { path, ..good() }, &headers).await);
    }
    let mut changed = headers.clone();
    changed[1].1 = "another".into();
    unauthenticated(&send(&scene, &good(), &changed).await);
    for (at, value) in
        [(2, "sig1=("), (2, "sig2=()"), (3, "sig1=:AA==:"), (3, "sig1=1"), (0, "sha-256=:AA==:")]
    {
        let mut changed = headers.clone();
        changed[at].1 = value.into();
        unauthenticated(&send(&scene, &good(), &changed).await);
    }
    assert_eq!(scene.get("log/entries?from=0&limit=1").await.json()["size"], size);
    // None of these has used the nonce up, or the request.
    assert_eq!(send(&scene, &good(), &headers).await.status, StatusCode::OK);
    scene.stop().await;
}

#[tokio::test]
async fn an_agents_own_key_signs_until_it_is_revoked() {
    let (control, http) = (SecretKey::from_seed(&[5; 32]), SecretKey::from_seed(&[6; 32]));
    let scene = Scene::with(", authorities: ['127.0.0.1:*'], agents: settle.write").await;
    let did = control.public().did();
    let jwk = |key: &SecretKey| -> Value {
        serde_json::from_str(&key.public().jwk().canonical().unwrap()).unwrap()
    };
    let record = |version: u64, previous: Option<String>, revoked: Option<&str>| {
        let mut httpsig = json!({"kid": "h", "jwk": jwk(&http), "purposes": ["httpsig"]});
        if let Some(at) = revoked {
            httpsig["revoked_at"] = json!(at);
        }
        let mut record = json!({
            "id": did, "name": "Ada", "version": version, "issued_at": format!("2026-01-0{version}T00:00:00Z"),
            "keys": [{"kid": "main", "jwk": jwk(&control), "purposes": ["control"]}, httpsig],
        });
        if let Some(previous) = previous {
            record["previous"] = json!(previous);
        }
        let payload = tollgate_pay::json::Json::parse(record.to_string().as_bytes()).unwrap();
        let sealed = Sealed::sign(&payload, "tollgate-agent-record+jws", "main", &control).unwrap();
        json!({"record": serde_json::from_str::<Value>(sealed.text()).unwrap()})
    };
    let first = scene.post(1, "agents", "a-1", record(1, None, None)).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    let keyid = format!("{did}#h");
    let terms = serde_json::to_string(&tollgate_pay::escrow::Event::Propose(Box::new(
        scene.cast.signed(scene.contract("signed")),
    )))
    .unwrap();
    let draw = Draw { alg: Some("ed25519"), ..Draw::post("escrows", &terms, &keyid, "n-1") };
    let done = send(&scene, &draw, &draw.headers(&scene, &http)).await;
    assert_eq!((done.status, &done.json()["phase"]), (StatusCode::OK, &json!("proposed")), "{}", done.text());
    // A key of another purpose, and one that does not exist.
    for (kid, key) in [("main", &control), ("none", &http)] {
        let keyid = format!("{did}#{kid}");
        let draw = Draw::post("escrows", &terms, &keyid, "n-2");
        unauthenticated(&send(&scene, &draw, &draw.headers(&scene, key)).await);
    }
    let digest = first.json()["digest"].as_str().unwrap().to_owned();
    let second = scene.post(1, "agents", "a-2", record(2, Some(digest), Some("2026-01-02T00:00:00Z"))).await;
    assert_eq!(second.status, StatusCode::OK, "{}", second.text());
    let draw = Draw { idempotency: "n-1", ..Draw::post("escrows", &terms, &keyid, "n-3") };
    unauthenticated(&send(&scene, &draw, &draw.headers(&scene, &http)).await);
    scene.stop().await;
}

/// Without a name of its own a server would take what was signed for any other.
#[test]
fn a_server_that_takes_signatures_says_who_it_is() {
    let folder = super::common::Folder::new();
    let read = |settle: &str| {
        let text = format!(
            "policy: '{}'\nsettle: {{data: pay{settle}}}\nproviders: [{{name: sim, kind: tollgate_sim, base_url: 'http://127.0.0.1:1'}}]\nmodels: [{{name: a, provider: sim}}]\n",
            folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"a\" } }\n").display(),
        );
        tollgate_gateway::config::read(&text, "tollgate.yaml".as_ref()).map_err(|error| error.to_string())
    };
    let signers = format!(
        "signers: [{{key: '{}', roles: [settle.read]}}]",
        SecretKey::from_seed(&[1; 32]).public().did()
    );
    for may_sign in [signers.as_str(), "agents: settle.read"] {
        let bare = read(&format!(", {may_sign}")).unwrap_err();
        assert!(bare.contains("settle.authorities"), "{bare}");
        assert!(read(&format!(", authorities: [pay.example.com], {may_sign}")).is_ok());
        assert!(read(&format!(", authorities: ['https://pay.example.com'], {may_sign}")).is_err());
    }
    let text =
        ", escrows_max: 5, keys_max: 7, caller_escrows_max: 2, caller_agents_max: 3, caller_writes_max: 4";
    let bounded = read(text).unwrap().settle.unwrap().bounds;
    assert_eq!((bounded.escrows, bounded.ledger.keys_max), (5, 7));
    assert_eq!(bounded.caller, CallerBounds { escrows: 2, agents: 3, writes: 4 });
    assert!(read(", agents_max: 0").unwrap_err().contains("settle.agents_max"));
}
