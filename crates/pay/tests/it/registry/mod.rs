//! Agents: records in chains, keys with a history, cards, documents, accounts; and each way to cheat with them.

mod foreign;
mod history;
mod search;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use tollgate_core::Timestamp;
use tollgate_pay::json::Json;
use tollgate_pay::registry::{Sealed, SecretKey};

const RECORD: &str = "tollgate-agent-record+jws";
/// 2026-11-27T12:00:00Z.
const NOW: i64 = 1_795_780_800;

fn at(seconds: i64) -> Timestamp {
    Timestamp((NOW + seconds) * 1_000_000)
}

fn moment(seconds: i64) -> String {
    at(seconds).to_string()
}

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn jwk(n: u8) -> Value {
    serde_json::from_str(&key(n).public().jwk().canonical().unwrap()).unwrap()
}

fn to_json(value: &Value) -> Json {
    Json::parse(value.to_string().as_bytes()).unwrap()
}

/// A control key of a record.
fn control(n: u8) -> Value {
    json!({"kid": format!("k{n}"), "jwk": jwk(n), "purposes": ["control", "mandate"]})
}

/// A first version of the agent whose id is key 1.
fn first() -> Value {
    json!({
        "id": key(1).public().did(), "name": "Ada's agent", "version": 1, "issued_at": moment(0),
        "keys": [control(1)], "skills": ["translate", "summarise"],
    })
}

fn sign(record: &Value, n: u8) -> Sealed {
    Sealed::sign(&to_json(record), RECORD, &format!("k{n}"), &key(n)).unwrap()
}

/// A signature with a header of the test's own making.
fn sealed_with(header: &Value, payload: &Value, n: u8) -> String {
    let protected = URL_SAFE_NO_PAD.encode(header.to_string());
    let canonical = to_json(payload).canonical_foreign().unwrap();
    let message = format!("{protected}.{}", URL_SAFE_NO_PAD.encode(&canonical));
    let signature =
        URL_SAFE_NO_PAD.encode(SigningKey::from_bytes(&[n; 32]).sign(message.as_bytes()).to_bytes());
    json!({"payload": payload, "signatures": [{"protected": protected, "signature": signature}]}).to_string()
}
