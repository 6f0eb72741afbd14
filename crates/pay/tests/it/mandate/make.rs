//! Chains made here, with keys of our own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tollgate_pay::json::Json;
use tollgate_pay::mandate::Es256Key;

/// Somebody with a key.
pub(super) struct Person(SigningKey);

impl Person {
    pub(super) fn new(seed: u8) -> Self {
        Self(SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub(super) fn jwk(&self) -> Value {
        let point = self.0.verifying_key().to_sec1_point(false);
        let coordinate = |bytes: Option<&[u8]>| URL_SAFE_NO_PAD.encode(bytes.unwrap());
        let (x, y) = (point.x().map(|x| x.as_slice()), point.y().map(|y| y.as_slice()));
        json!({"kty": "EC", "crv": "P-256", "x": coordinate(x), "y": coordinate(y)})
    }

    pub(super) fn public(&self) -> Es256Key {
        Es256Key::from_jwk(&Json::parse(self.jwk().to_string().as_bytes()).unwrap()).unwrap()
    }

    /// A signed token with its shown parts, `~` at the end.
    pub(super) fn sign(&self, header: &Value, payload: &Value, shown: &[String]) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(header), part(payload));
        let signature: Signature = self.0.sign(signed.as_bytes());
        let parts = shown.iter().map(|part| format!("~{part}")).collect::<String>();
        format!("{signed}.{}{parts}~", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

pub(super) fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

/// An array element that may be hidden: what stands in its place, and the part that shows it.
pub(super) fn element(value: &Value) -> (Value, String) {
    let part = URL_SAFE_NO_PAD.encode(json!(["salt", value]).to_string());
    (json!({"...": digest(&part)}), part)
}

/// A chain of two hops; tests change one thing of it.
pub(super) struct Story {
    pub(super) user: Person,
    pub(super) agent: Person,
    pub(super) open: Value,
    pub(super) closed: Value,
    /// Members added to, or put in place of, those of the second hop's payload.
    pub(super) claims: Value,
    pub(super) typ: &'static str,
}

impl Story {
    /// The user allows the agent to pay 1 to 50 dollars; the agent pays 10.
    pub(super) fn new(constraints: &Value) -> Self {
        let (user, agent) = (Person::new(7), Person::new(9));
        let open =
            json!({"vct": "mandate.payment.open.1", "constraints": constraints, "cnf": {"jwk": agent.jwk()}});
        let closed = json!({
            "vct": "mandate.payment.1",
            "transaction_id": "tx-1",
            "payee": {"id": "s-1", "name": "Shop", "website": "https://shop.example"},
            "payment_amount": {"amount": 1000, "currency": "USD"},
            "payment_instrument": {"id": "pi-1", "type": "credit"},
        });
        Self { user, agent, open, closed, claims: json!({}), typ: "kb+sd-jwt" }
    }

    pub(super) fn first(&self) -> String {
        let (slot, part) = element(&self.open);
        let header = json!({"alg": "ES256", "typ": "example+sd-jwt", "kid": "user-key-1"});
        self.user.sign(&header, &json!({"delegate_payload": [slot], "_sd_alg": "sha-256"}), &[part])
    }

    pub(super) fn second(&self, before: &str) -> String {
        hop(&self.agent, &self.closed, before, self.typ, &self.claims)
    }

    pub(super) fn token(&self) -> String {
        let first = self.first();
        let second = self.second(&first);
        format!("{first}~{second}")
    }
}

/// A later hop over the one before.
pub(super) fn hop(by: &Person, mandate: &Value, before: &str, typ: &str, claims: &Value) -> String {
    let (slot, part) = element(mandate);
    let mut payload = json!({
        "delegate_payload": [slot],
        "iat": super::NOW,
        "aud": "psp.example",
        "nonce": "n-1",
        "sd_hash": digest(before),
    });
    for (name, value) in claims.as_object().unwrap() {
        match value {
            Value::Null => payload.as_object_mut().unwrap().remove(name),
            value => payload.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    by.sign(&json!({"alg": "ES256", "typ": typ}), &payload, &[part])
}
