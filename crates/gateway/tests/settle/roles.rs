//! Who may what: every path of settlement, with the least role that it wants, and what each key gets.

use super::scene::{Scene, operator, problem};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tollgate_pay::escrow::{Event, Phase};
use tollgate_pay::registry::{Sealed, SecretKey};

/// Written out, so that nobody changes who may what by the way. 0 reads, 1 writes, 2 operates.
const LEAST: [(&str, &str, usize); 27] = [
    ("GET", "accounts", 0),
    ("GET", "accounts/acct_payee", 0),
    ("POST", "accounts/acct_payee/owner", 2),
    ("POST", "commands", 2),
    ("GET", "mandates", 0),
    ("GET", "mandates/ID", 0),
    ("POST", "mandates/ID/revoke", 2),
    ("GET", "agents", 0),
    ("POST", "agents", 1),
    ("GET", "agents/ID", 0),
    ("GET", "agents/ID/challenge", 1),
    ("GET", "escrows", 0),
    ("POST", "escrows", 1),
    ("GET", "escrows/ID", 0),
    ("POST", "escrows/ID/events", 1),
    ("GET", "escrows/ID/order", 0),
    ("POST", "locks", 1),
    ("GET", "escrows/ID/bundle", 0),
    ("POST", "escrows/ID/evidence", 1),
    ("GET", "escrows/ID/evidence", 0),
    ("POST", "escrows/ID/papers", 1),
    ("GET", "log/checkpoint", 0),
    ("GET", "log/entries", 0),
    ("GET", "log/entries/0/receipt", 0),
    ("GET", "webhooks", 0),
    ("POST", "webhooks/ID/again", 2),
    ("GET", "escrows?phase=locked", 0),
];

#[tokio::test]
async fn every_path_wants_its_role_and_no_less() {
    let scene = Scene::new().await;
    let id = "0".repeat(64);
    for (method, path, least) in LEAST {
        let (method, path) = (method.parse::<Method>().unwrap(), path.replace("ID", &id));
        // The keys of the scene: one that reads, one that writes, one that operates, and one without a role.
        for key in 0..4 {
            let may = key < 3 && key >= least;
            let got = scene.ask(key, method.clone(), &path, Some("roles"), "{}".into()).await;
            let refused = got.status == StatusCode::FORBIDDEN
                && got.json()["detail"].as_str().unwrap().contains("role");
            assert_eq!(!refused, may, "{method} {path} with key {key}: {} {}", got.status, got.text());
            assert_ne!(got.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_ne!(got.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        }
        // What changes something must be known again when it comes again, whatever else is wrong with it.
        for key in [None, Some(""), Some("a b")].into_iter().filter(|_| method != Method::GET) {
            let keyless = scene.ask(2, method.clone(), &path, key, "{}".into()).await;
            problem(&keyless, StatusCode::BAD_REQUEST, "idempotency-key-missing");
        }
        let nobody = scene.world.send(method.clone(), &format!("/v1/settle/{path}"), &[], "{}").await;
        problem(&nobody, StatusCode::UNAUTHORIZED, "unauthenticated");
    }
    // The table has every path that there is: the discovery document lists them, without a key.
    let known = scene.world.send(Method::GET, "/.well-known/tollgate-settlement", &[], "").await;
    assert_eq!(known.status, StatusCode::OK, "{}", known.text());
    let known: Value = known.json();
    let roles = ["settle.read", "settle.write", "settle.operate"];
    let served: BTreeSet<_> = known["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| [&one["method"], &one["path"], &one["role"]].map(|word| word.as_str().unwrap().to_owned()))
        .collect();
    let in_table = |path: &str| {
        let path = path.replace("acct_payee", "{id}").replace("/0/", "/{id}/").replace("ID", "{id}");
        format!("/v1/settle/{path}")
    };
    let wanted = LEAST.iter().filter(|(_, path, _)| !path.contains('?'));
    let wanted: BTreeSet<_> = wanted
        .map(|(method, path, least)| [(*method).to_owned(), in_table(path), roles[*least].to_owned()])
        .collect();
    assert_eq!(served, wanted);
    assert_eq!(known["log"]["key"], scene.cast.log.public().to_string());
    assert_eq!(known["log"]["witness_policy"], Value::Null);
    assert_eq!(known["rails"], serde_json::json!(["ledger"]));
    scene.stop().await;
}

#[tokio::test]
async fn several_escrows_are_locked_all_or_none() {
    let scene = Scene::new().await;
    let mut ids = Vec::new();
    for nonce in ["one", "two", "three"] {
        let mut contract = scene.contract(nonce);
        contract.mandate = None;
        let id = contract.digest();
        let terms = Event::Propose(Box::new(scene.cast.signed(contract.clone())));
        assert_eq!(scene.post(1, "escrows", &format!("terms-{nonce}"), &terms).await.status, StatusCode::OK);
        let authorize = scene.cast.authorize(&contract).unwrap();
        scene.event(id, &format!("auth-{nonce}"), &authorize).await;
        ids.push(id);
    }
    let phases = |shown: Value| {
        let escrows = shown["escrows"].as_array().unwrap().clone();
        escrows.iter().map(|escrow| escrow["phase"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // The accounts have money for two of them.
    let got = scene.post(1, "locks", "all", json!({"escrows": ids})).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    assert_eq!(phases(scene.get("escrows").await.json()), ["authorized"; 3]);
    let two = json!({"escrows": &ids[..2]});
    let first = scene.post(1, "locks", "two", &two).await.json();
    assert_eq!(first["recorded"].as_array().unwrap().len(), 4, "each is asked for, and each is held");
    let again = scene.post(1, "locks", "two", &two).await.json();
    assert_eq!((&first["again"], &again["again"]), (&json!(false), &json!(true)));
    for (n, id) in ids.iter().enumerate() {
        let shown = scene.get(&format!("escrows/{id}")).await.json();
        let phase = if n < 2 { Phase::Locked } else { Phase::Authorized };
        assert_eq!(shown["phase"], phase.word());
        let what: Vec<_> =
            shown["timeline"].as_array().unwrap().iter().map(|row| row["what"].as_str().unwrap()).collect();
        let all = ["propose", "authorize", "lock", "rail failed", "lock", "rail done"];
        assert_eq!(what, if n < 2 { &all[..] } else { &all[..4] });
    }
    problem(
        &scene.post(1, "locks", "one", json!({"escrows": &ids[2..]})).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "bad-value",
    );
    let (name, secret) = operator();
    let listed = scene.world.send(Method::GET, "/openapi.json", &[(name, &secret)], "").await.json();
    assert!(listed["paths"]["/v1/settle/locks"]["post"].is_object());
    scene.stop().await;
}

/// What each caller may add is bounded, and the operator's bound is that of all.
#[tokio::test]
async fn one_caller_does_not_use_up_what_is_for_all() {
    let scene = Scene::with(", caller_agents_max: 1, caller_writes_max: 4").await;
    let record = |n: u8| {
        let key = SecretKey::from_seed(&[n; 32]);
        let jwk: Value = serde_json::from_str(&key.public().jwk().canonical().unwrap()).unwrap();
        let record = json!({"id": key.public().did(), "name": "A", "version": 1, "issued_at": "2026-01-01T00:00:00Z",
            "keys": [{"kid": "main", "jwk": jwk, "purposes": ["control"]}]});
        let payload = tollgate_pay::json::Json::parse(record.to_string().as_bytes()).unwrap();
        let sealed = Sealed::sign(&payload, "tollgate-agent-record+jws", "main", &key).unwrap();
        json!({"record": serde_json::from_str::<Value>(sealed.text()).unwrap()})
    };
    assert_eq!(scene.post(1, "agents", "a-1", record(1)).await.status, StatusCode::OK);
    problem(&scene.post(1, "agents", "a-2", record(2)).await, StatusCode::TOO_MANY_REQUESTS, "caller-full");
    let again = scene.post(1, "agents", "a-1", record(1)).await;
    assert_eq!((again.status, &again.json()["new"]), (StatusCode::OK, &json!(false)));
    // The operator's key has no bound of its own.
    assert_eq!(scene.post(2, "agents", "a-2", record(2)).await.status, StatusCode::OK);
    assert_eq!(scene.post(1, "escrows", "a-3", json!({})).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let fifth = scene.post(1, "escrows", "a-4", json!({})).await;
    problem(&fifth, StatusCode::TOO_MANY_REQUESTS, "caller-full");
    assert_eq!(scene.get("escrows").await.status, StatusCode::OK, "reading goes on");
    scene.stop().await;
}
