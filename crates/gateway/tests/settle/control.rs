//! Proofs that an agent controls an account: whose it is, and the challenge that they answer.

use super::scene::{Scene, problem};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate_core::{Clock as _, Digest, Timestamp};
use tollgate_gateway::clock::SystemClock;
use tollgate_pay::registry::{Challenge, Sealed, SecretKey, prove};

/// An agent that proves accounts: its record with these proofs, each an account, its rail, who signs and the challenge.
fn proving(
    by: &SecretKey,
    version: u64,
    before: Option<Digest>,
    proofs: &[(&str, &str, &SecretKey, &str)],
) -> Sealed {
    let now = Timestamp(SystemClock::new().now().0 / 1_000_000 * 1_000_000);
    let agent = by.public().did();
    let proof = |(account, rail, key, nonce): &(&str, &str, &SecretKey, &str)| -> Value {
        let said = Challenge {
            agent: agent.clone(),
            rail: (*rail).into(),
            account: (*account).into(),
            nonce: (*nonce).into(),
            signed_at: now,
        };
        serde_json::from_str(prove(&said, key).unwrap().text()).unwrap()
    };
    let jwk: Value = serde_json::from_str(&by.public().jwk().canonical().unwrap()).unwrap();
    let mut record = json!({
        "id": agent, "name": "A", "version": version,
        // A version is later than the one before, and clocks may differ by minutes.
        "issued_at": Timestamp(now.0 + i64::try_from(version).unwrap() * 1_000_000).to_string(),
        "keys": [{"kid": "main", "jwk": jwk, "purposes": ["control"]}],
        "rails": proofs.iter().map(proof).collect::<Vec<_>>(),
    });
    if let Some(before) = before {
        record["previous"] = json!(before);
    }
    let payload = tollgate_pay::json::Json::parse(record.to_string().as_bytes()).unwrap();
    Sealed::sign(&payload, "tollgate-agent-record+jws", "main", by).unwrap()
}

fn offer(sealed: &Sealed) -> Value {
    json!({"record": serde_json::from_str::<Value>(sealed.text()).unwrap()})
}

/// A challenge that the server gives out.
async fn challenge(scene: &Scene, agent: &SecretKey, rail: &str, account: &str) -> String {
    let path = format!("agents/{}/challenge?rail={rail}&account={account}", agent.public().did());
    let given = scene.ask(1, Method::GET, &path, None, String::new()).await;
    assert_eq!(given.status, StatusCode::OK, "{}", given.text());
    given.json()["nonce"].as_str().unwrap().to_owned()
}

/// A signature for an account is a claim; that the log knows the key as the account's owner proves it.
#[tokio::test]
async fn an_account_is_proven_by_who_the_log_says_owns_it() {
    let scene = Scene::new().await;
    let (key, owner) = (SecretKey::from_seed(&[5; 32]), SecretKey::from_seed(&[1; 32]));
    let mut nonces = Vec::new();
    for rail in ["ledger", "ledger", "evm"] {
        nonces.push(challenge(&scene, &key, rail, "acct_payer").await);
    }
    let proofs = [
        ("acct_payer", "ledger", &key, &*nonces[0]),
        ("acct_payer", "ledger", &owner, &*nonces[1]),
        ("acct_payer", "evm", &owner, &*nonces[2]),
    ];
    let done = scene.post(1, "agents", "a-1", offer(&proving(&key, 1, None, &proofs))).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    let shown = scene.get("agents?rail=ledger").await.json();
    let control: Vec<_> =
        shown["agents"][0]["rails"].as_array().unwrap().iter().map(|rail| rail["control"].clone()).collect();
    assert_eq!(control, ["claimed", "proven", "claimed"], "{shown}");
    scene.stop().await;
}

/// A proof answers a challenge that the server gave out for this agent and account, once.
#[tokio::test]
async fn a_proof_of_control_answers_a_challenge_of_the_server_once() {
    let scene = Scene::new().await;
    let (key, other) = (SecretKey::from_seed(&[5; 32]), SecretKey::from_seed(&[6; 32]));
    let mine = challenge(&scene, &key, "ledger", "acct_payer").await;
    let elsewhere = challenge(&scene, &key, "ledger", "acct_payee").await;
    let foreign = challenge(&scene, &other, "ledger", "acct_payer").await;
    let by_rail = challenge(&scene, &key, "evm", "acct_payer").await;
    let mut forged = mine.clone();
    let last = if forged.ends_with('0') { "1" } else { "0" };
    forged.replace_range(forged.len() - 1.., last);
    let proof = |nonce: &str, version, before| {
        proving(&key, version, before, &[("acct_payer", "ledger", &key, nonce)])
    };
    // The same numbers in another spelling.
    let spelled = format!("+{}", &mine[1..]);
    for (n, nonce) in ["n-1", &elsewhere, &foreign, &by_rail, &forged, &spelled].into_iter().enumerate() {
        let done = scene.post(1, "agents", &format!("no-{n}"), offer(&proof(nonce, 1, None))).await;
        problem(&done, StatusCode::FORBIDDEN, "not-proven");
        assert!(done.text().contains("given out"), "{nonce}: {}", done.text());
    }
    // Not even the operator's word stands for one.
    let done = scene.post(2, "agents", "no-o", offer(&proof("n-1", 1, None))).await;
    problem(&done, StatusCode::FORBIDDEN, "not-proven");
    let first = proof(&mine, 1, None);
    let done = scene.post(1, "agents", "yes", offer(&first)).await;
    assert_eq!((done.status, &done.json()["new"]), (StatusCode::OK, &json!(true)), "{}", done.text());
    let again = scene.post(1, "agents", "yes", offer(&first)).await;
    assert_eq!((again.status, &again.json()["new"]), (StatusCode::OK, &json!(false)), "{}", again.text());
    // Signed anew under the same challenge it is another proof; what stands in the version before needs no other one.
    let next = proving(&key, 2, Some(first.digest()), &[("acct_payer", "ledger", &other, &mine)]);
    let done = scene.post(1, "agents", "next", offer(&next)).await;
    problem(&done, StatusCode::FORBIDDEN, "not-proven");
    assert!(done.text().contains("was used"), "{}", done.text());
    let kept = proof(&mine, 2, Some(first.digest()));
    let done = scene.post(1, "agents", "kept", offer(&kept)).await;
    assert_eq!((done.status, &done.json()["new"]), (StatusCode::OK, &json!(true)), "{}", done.text());
    // It must be said what it is for.
    let path = format!("agents/{}/challenge?rail=ledger", key.public().did());
    let vague = scene.ask(1, Method::GET, &path, None, String::new()).await;
    problem(&vague, StatusCode::UNPROCESSABLE_ENTITY, "bad-value");
    scene.stop().await;
}
