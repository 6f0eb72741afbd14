//! Settlement over HTTP: a whole task, roles, idempotency across a restart, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod control;
mod rails;
mod receipts;
mod resolved;
mod roles;
mod scene;
mod signed;
mod webhooks;

use common::Folder;
use http::{Method, StatusCode};
use scene::{Scene, operator, problem, world};
use serde_json::{Value, json};
use tollgate_core::Digest;
use tollgate_pay::escrow::{Bundle, ControlPlane, Event, Phase, Signed, Submission, read};
use tollgate_pay::log::Receipt;
use tollgate_pay::registry::{Sealed, SecretKey};
use tollgate_pay::simulate::Cast;

#[tokio::test]
async fn a_whole_task_is_paid_and_proven() {
    let scene = Scene::new().await;
    let (id, contract) = scene.locked("one").await;
    let said = Submission {
        contract: id,
        evidence: Digest::of(b"evidence"),
        kind: "test_result".into(),
        output: Digest::of(b"output"),
        stage: 0,
        version: scene.version(id).await,
    };
    let mark = scene.cast.payee.sign(&said);
    assert_eq!(scene.event(id, "submit", &Event::Submit(Signed::new(said, vec![mark]))).await, "submitted");
    assert_eq!(scene.event(id, "take", &Event::Take).await, "verifying");
    let said = tollgate_pay::escrow::Verdict {
        contract: id,
        granted: contract.amount(8_000),
        pote: Digest::of(b"pote"),
        version: scene.version(id).await,
    };
    let marks = scene.cast.verifiers[..2].iter().map(|v: &ControlPlane| v.sign(&said)).collect();
    assert_eq!(scene.event(id, "verdict", &Event::Verdict(Signed::new(said, marks))).await, "releasable");
    let drafted = scene.get(&format!("escrows/{id}/order?expires_s=600")).await;
    let Event::Order { mut order, proof } = read("order", &drafted.body).unwrap() else { panic!("no order") };
    let unsigned = Event::Order { order: order.clone(), proof: proof.clone() };
    let refused = scene.post(1, &format!("escrows/{id}/events"), "unsigned", &unsigned).await;
    problem(&refused, StatusCode::FORBIDDEN, "not-signed");
    order.signatures = scene.cast.verifiers[1..].iter().map(|v| v.sign(&order.statement)).collect();
    assert_eq!(scene.event(id, "order", &Event::Order { order, proof }).await, "released");
    // 80 dollars, less 2.5 % and 0.33 %.
    let account = scene.get("accounts/acct_payee").await.json();
    assert_eq!(account["balance"], "7774");
    assert_eq!(scene.get("accounts/acct_payer").await.json()["balance"], "12000");
    let mandate = contract.mandate.unwrap();
    let counted = scene.get(&format!("mandates/{mandate}")).await.json();
    assert_eq!((&counted["payments"], &counted["spent"]["minor"]), (&json!(1), &json!("10000")));
    let listed = scene.get("mandates").await.json();
    let used = &listed["mandates"][0];
    assert_eq!((&used["mandate"], &used["escrows"]), (&json!(mandate), &json!([id])), "{listed}");
    assert_eq!((&used["payments"], &listed["next"]), (&json!(1), &Value::Null), "{listed}");
    assert_eq!(scene.get(&format!("mandates?after={mandate}")).await.json()["mandates"], json!([]));
    proven(&scene, id).await;
    seen(&scene, id).await;
    scene.stop().await;
}

/// The timeline's entries are in the log, and all of it replays for whoever has the log's key.
async fn proven(scene: &Scene, id: Digest) {
    let shown = scene.get(&format!("escrows/{id}")).await.json();
    let timeline = shown["timeline"].as_array().unwrap().clone();
    let what: Vec<_> = timeline.iter().map(|event| event["what"].as_str().unwrap()).collect();
    assert_eq!(what.first(), Some(&"propose"), "{what:?}");
    assert_eq!(timeline.last().unwrap()["phase"], "released");
    for event in &timeline {
        let text = scene.get(&format!("log/entries/{}/receipt", event["entry"])).await.text();
        let receipt = Receipt::parse(&text).unwrap();
        let entry = receipt.extra.clone().unwrap();
        receipt.verify(&entry, scene.cast.log.public(), Cast::origin()).unwrap();
    }
    let bundle = scene.get(&format!("escrows/{id}/bundle")).await;
    let replayed = Bundle::parse(&bundle.body).unwrap().replay(&scene.cast.plane()).unwrap();
    assert_eq!(replayed.escrow.phase, Phase::Released);
    let entries = scene.get("log/entries?from=0&limit=3").await.json();
    assert_eq!(entries["entries"].as_array().unwrap().len(), 3);
    assert!(scene.get("log/checkpoint").await.text().starts_with(Cast::origin()));
    let listed = scene.get("escrows?phase=released").await.json();
    assert_eq!(listed["escrows"][0]["escrow"], id.to_string());
    assert_eq!(scene.get("escrows?phase=disputed").await.json()["escrows"], json!([]));
}

/// The console's pages say the same.
async fn seen(scene: &Scene, id: Digest) {
    let (name, secret) = operator();
    for (page, has) in [
        ("escrows".to_owned(), "task-1"),
        ("escrows?phase=released".to_owned(), "task-1"),
        ("escrows?phase=disputed".to_owned(), "No escrows"),
        (format!("escrows/{id}"), "verdict to pay"),
        ("agents".to_owned(), "No agents"),
        ("mandates".to_owned(), "100.00 USD"),
        ("log".to_owned(), "release order"),
        ("log?from=0".to_owned(), "open acct_bank"),
    ] {
        let got = scene.world.send(Method::GET, &format!("/console/{page}"), &[(name, &secret)], "").await;
        assert_eq!(got.status, StatusCode::OK, "{page}: {}", got.text());
        assert!(got.text().contains(has), "{page}: {}", got.text());
    }
    let none = Digest::of(b"none");
    let got =
        scene.world.send(Method::GET, &format!("/console/escrows/{none}"), &[(name, &secret)], "").await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    assert_eq!(scene.world.send(Method::GET, "/console/log", &[], "").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_request_is_done_once_also_after_a_restart() {
    let scene = Scene::new().await;
    let (id, _) = scene.locked("one").await;
    let path = format!("escrows/{id}/events");
    let size = scene.get("log/entries?from=0&limit=1").await.json()["size"].clone();
    let again = |scene: &Scene, key: &'static str, event: Event| {
        let body = serde_json::to_string(&event).unwrap();
        let path = path.clone();
        let bearer = format!("Bearer {}", scene.keys[1]);
        (body, path, bearer, key)
    };
    let (body, path_, bearer, key) = again(&scene, "lock-one", Event::Lock);
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
    let url = format!("/v1/settle/{path_}");
    let first = scene.world.send(Method::POST, &url, &headers, body.clone()).await;
    assert_eq!((first.status, &first.json()["again"]), (StatusCode::OK, &json!(true)), "{}", first.text());
    assert_eq!(scene.get("log/entries?from=0&limit=1").await.json()["size"], size, "nothing was written");
    // Another event under the key, and the same key from somebody else.
    problem(
        &scene.post(1, &path, "lock-one", &Event::Take).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
    );
    problem(&scene.post(2, &path, "lock-one", &Event::Lock).await, StatusCode::CONFLICT, "illegal");
    // Without a key, with an empty one, with two.
    for key in [None, Some("a b")] {
        let got = scene.ask(1, Method::POST, &path, key, "\"lock\"".into()).await;
        problem(&got, StatusCode::BAD_REQUEST, "idempotency-key-missing");
    }
    let ops = json!({"ops": [{"record": {"body": {"note": "hello"}}}]});
    let entry = scene.post(2, "commands", "note", &ops).await.json()["entry"].clone();
    let (keys, cast) = (scene.keys.clone(), Cast::new().unwrap());
    let folder = scene.stop().await;
    let scene = Scene { cast, world: Scene::launch(&folder, "").await, folder, keys };
    let later = scene.world.send(Method::POST, &url, &headers, body).await;
    assert_eq!(later.json()["recorded"][0], first.json()["recorded"][0], "{}", later.text());
    assert_eq!(scene.post(2, "commands", "note", &ops).await.json()["entry"], entry);
    let other = json!({"ops": [{"record": {"body": {"note": "other"}}}]});
    let reused = scene.post(2, "commands", "note", &other).await;
    problem(&reused, StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused");
    scene.stop().await;
}

#[tokio::test]
async fn a_role_gives_its_right_and_no_other() {
    let scene = Scene::new().await;
    let sweep = json!({"ops": ["sweep"]});
    for (key, reads, operates) in [(0, true, false), (1, true, false), (2, true, true), (3, false, false)] {
        let got = scene.ask(key, Method::GET, "accounts", None, String::new()).await;
        assert_eq!(got.status == StatusCode::OK, reads, "{key}: {}", got.text());
        let got = scene.post(key, "commands", &format!("sweep-{key}"), &sweep).await;
        assert_eq!(got.status == StatusCode::OK, operates, "{key}: {}", got.text());
        if !operates {
            problem(&got, StatusCode::FORBIDDEN, "forbidden");
        }
    }
    let nobody = scene.world.send(Method::GET, "/v1/settle/accounts", &[], "").await;
    problem(&nobody, StatusCode::UNAUTHORIZED, "unauthenticated");
    let (name, secret) = operator();
    let got = scene.world.send(Method::GET, "/v1/settle/accounts", &[(name, &secret)], "").await;
    assert_eq!(got.status, StatusCode::OK);
    scene.stop().await;
}

#[tokio::test]
async fn what_cannot_happen_is_a_problem_and_changes_nothing() {
    let scene = Scene::new().await;
    let (id, contract) = scene.locked("one").await;
    let size = scene.get("log/entries?from=0&limit=1").await.json()["size"].clone();
    let path = format!("escrows/{id}/events");
    let rail =
        Event::Rail { call: "x".into(), outcome: tollgate_pay::rail::Outcome::Done { proof: "1".into() } };
    problem(&scene.post(1, &path, "k1", &rail).await, StatusCode::FORBIDDEN, "not-yours");
    problem(&scene.post(1, &path, "k2", &Event::Reclaim).await, StatusCode::CONFLICT, "too-early");
    let terms = Event::Propose(Box::new(scene.cast.signed(contract)));
    problem(&scene.post(1, "escrows", "k3", &terms).await, StatusCode::CONFLICT, "exists");
    problem(
        &scene.post(1, "escrows", "k4", &Event::Lock).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "bad-value",
    );
    let none = Digest::of(b"none");
    let got = scene.post(1, &format!("escrows/{none}/events"), "k5", &Event::Lock).await;
    problem(&got, StatusCode::NOT_FOUND, "not-found");
    for body in ["", "{", "\"lock\" x", "{\"lock\": 1}", "[]"] {
        let got = scene.ask(1, Method::POST, &path, Some("k6"), body.into()).await;
        problem(&got, StatusCode::UNPROCESSABLE_ENTITY, "bad-value");
    }
    // The names of escrows and agents, and records of theirs, are not for ledger commands.
    let forged = json!({"ops": [{"record": {"body": {"type": "tollgate/escrow/v1"}}}]});
    let got = scene.post(2, "commands", "k7", &forged).await;
    problem(&got, StatusCode::UNPROCESSABLE_ENTITY, "bad-value");
    let forged =
        json!({"ops": [{"record": {"body": {"type": "tollgate/account-owner/v1", "account": "x"}}}]});
    problem(&scene.post(2, "commands", "k8", &forged).await, StatusCode::UNPROCESSABLE_ENTITY, "bad-value");
    for path in [
        "accounts/acct_none",
        "accounts/%00",
        "agents/did:key:zNone",
        "escrows/xyz",
        "log/entries/999/receipt",
    ] {
        problem(&scene.get(path).await, StatusCode::NOT_FOUND, "not-found");
    }
    assert_eq!(scene.get("log/entries?from=0&limit=1").await.json()["size"], size);
    scene.stop().await;
}

#[tokio::test]
async fn agents_are_kept_in_the_log() {
    let scene = Scene::new().await;
    let key = SecretKey::from_seed(&[5; 32]);
    let did = key.public().did();
    let jwk: Value = serde_json::from_str(&key.public().jwk().canonical().unwrap()).unwrap();
    let record = json!({
        "id": did, "name": "Ada's agent", "version": 1, "issued_at": "2026-01-01T00:00:00Z", "skills": ["translate"],
        "keys": [{"kid": "main", "jwk": jwk, "purposes": ["control", "httpsig"]}],
    });
    let payload = tollgate_pay::json::Json::parse(record.to_string().as_bytes()).unwrap();
    let sealed = Sealed::sign(&payload, "tollgate-agent-record+jws", "main", &key).unwrap();
    let offer: Value = json!({"record": serde_json::from_str::<Value>(sealed.text()).unwrap()});
    let done = scene.post(1, "agents", "a-1", &offer).await;
    assert_eq!((done.status, &done.json()["new"]), (StatusCode::OK, &json!(true)), "{}", done.text());
    assert_eq!(scene.post(1, "agents", "a-2", &offer).await.json()["new"], false);
    let forged =
        Sealed::sign(&payload, "tollgate-agent-record+jws", "main", &SecretKey::from_seed(&[6; 32])).unwrap();
    let mut other: Value = serde_json::from_str(forged.text()).unwrap();
    other["payload"]["version"] = json!(2);
    assert_eq!(scene.post(1, "agents", "a-3", &json!({"record": other})).await.status, StatusCode::FORBIDDEN);
    let (keys, cast) = (scene.keys.clone(), Cast::new().unwrap());
    let folder = scene.stop().await;
    let scene = Scene { cast, world: Scene::launch(&folder, "").await, folder, keys };
    let found = scene.get("agents?skill=translate").await.json();
    assert_eq!(found["agents"][0]["id"], did);
    let one = scene.get(&format!("agents/{did}")).await.json();
    assert_eq!((one["version"].as_u64(), one["versions"].as_array().unwrap().len()), (Some(1), 1));
    scene.stop().await;
}

/// Whoever hands in the document of a did:web id decides whose keys vouch for it: that is not for those who may only write.
#[tokio::test]
async fn a_document_is_taken_from_the_operator_alone() {
    let scene = Scene::new().await;
    let key = SecretKey::from_seed(&[5; 32]);
    // No document is fetched from there: it is not of the internet at large.
    let id = "did:web:127.0.0.1";
    let jwk: Value = serde_json::from_str(&key.public().jwk().canonical().unwrap()).unwrap();
    let record = json!({
        "id": id, "name": "The bank", "version": 1, "issued_at": "2026-01-01T00:00:00Z",
        "keys": [{"kid": "#main", "jwk": jwk, "purposes": ["control"]}],
    });
    let payload = tollgate_pay::json::Json::parse(record.to_string().as_bytes()).unwrap();
    let sealed = Sealed::sign(&payload, "tollgate-agent-record+jws", "#main", &key).unwrap();
    let document = json!({
        "id": id, "assertionMethod": ["#main"],
        "verificationMethod": [{"id": "#main", "controller": id, "type": "JsonWebKey", "publicKeyJwk": jwk}],
    });
    let record = serde_json::from_str::<Value>(sealed.text()).unwrap();
    let offer = json!({"record": record, "document": document.to_string()});
    problem(&scene.post(1, "agents", "d-1", &offer).await, StatusCode::FORBIDDEN, "forbidden");
    problem(
        &scene.post(1, "agents", "d-2", json!({"record": record})).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "unresolved",
    );
    let done = scene.post(2, "agents", "d-3", &offer).await;
    assert_eq!((done.status, &done.json()["new"]), (StatusCode::OK, &json!(true)), "{}", done.text());
    scene.stop().await;
}

/// A proxy on the operator's machine is not the operator.
#[tokio::test]
async fn what_a_proxy_passes_on_is_not_local() {
    let folder = Folder::new();
    let (sims, addresses) = common::sims(1).await;
    let text = format!(
        "policy: '{}'\nproviders: [{{name: sim, kind: tollgate_sim, base_url: 'http://{}'}}]\nmodels: [{{name: a, provider: sim}}]\n",
        folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"a\" } }\n").display(),
        addresses[0],
    );
    let settings = tollgate_gateway::config::read(&text, "tollgate.yaml".as_ref()).unwrap();
    let data = Some(folder.path().join("gateway"));
    let options = tollgate_gateway::serve::Options { settings: Some(settings), data, ..Default::default() };
    let world = common::World::launch(sims, options).await;
    let local = world.send(Method::GET, "/api/v1/budgets", &[], "").await;
    assert_eq!(local.status, StatusCode::OK, "{}", local.text());
    for (name, value) in [
        ("forwarded", "for=192.0.2.1"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-real-ip", "192.0.2.1"),
        ("via", "1.1 proxy"),
    ] {
        let passed = world.send(Method::GET, "/api/v1/budgets", &[(name, value)], "").await;
        assert_eq!(passed.status, StatusCode::FORBIDDEN, "{name}: {}", passed.text());
    }
    world.stop().await;
}

#[tokio::test]
async fn without_a_folder_nothing_is_served() {
    let folder = Folder::new();
    let world = world(&folder, "").await;
    let (name, secret) = operator();
    let got = world.send(Method::GET, "/v1/settle/escrows", &[(name, &secret)], "").await;
    problem(&got, StatusCode::NOT_FOUND, "not-found");
    world.stop().await;
}
