//! What others publish: did:key and did:web, A2A cards, ERC-8004 files; and proofs that an account is the agent's.

use super::{at, first, jwk, key, sealed_with, sign, to_json};
use serde_json::{Value, json};
use tollgate_pay::registry::{
    AgentRecord, Challenge, Document, History, PublicKey, check_card, prove, prove_by_wallet, registration,
    web_url,
};

#[test]
fn the_published_examples_of_did_key_hold() {
    // The did:key method, its test vectors for Ed25519 and P-256.
    for (did, jwk) in [
        (
            "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
            json!({"kty": "OKP", "crv": "Ed25519", "x": "Lm_M42cB3HkUiODQsXRcweM6TByfzEHGO9ND274JcOY"}),
        ),
        (
            "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
            json!({"kty": "EC", "crv": "P-256", "x": "fyNYMN0976ci7xqiSdag3buk-ZCwgXU4kz9XNkBlNUI",
                "y": "hW2ojTNfH7Jbi8--CJUo3OCbH3y5n91g-IMA9MLMbTU"}),
        ),
    ] {
        let found = PublicKey::from_did(did).unwrap();
        assert_eq!(found, PublicKey::from_jwk(&to_json(&jwk)).unwrap());
        assert_eq!(found.did(), did);
        let fragment = did.strip_prefix("did:key:").unwrap();
        assert!(PublicKey::from_did(&format!("{did}#{fragment}")).is_ok());
        assert!(PublicKey::from_did(&format!("{did}#other")).is_err());
    }
    let secret = json!({"kty": "OKP", "crv": "Ed25519", "x": jwk(1)["x"], "d": "AA"});
    let confused = json!({"kty": "OKP", "crv": "Ed25519", "x": jwk(1)["x"], "alg": "ES256"});
    // The neutral element: everybody can sign for it.
    let weak = json!({"kty": "OKP", "crv": "Ed25519", "x": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"});
    for jwk in [secret, confused, weak, json!({"kty": "oct", "k": "AA"})] {
        assert!(PublicKey::from_jwk(&to_json(&jwk)).is_err(), "{jwk}");
    }
}

#[test]
fn a_did_web_id_names_one_place() {
    for (id, url) in [
        ("did:web:w3c-ccg.github.io", "https://w3c-ccg.github.io/.well-known/did.json"),
        ("did:web:w3c-ccg.github.io:user:alice", "https://w3c-ccg.github.io/user/alice/did.json"),
        ("did:web:example.com%3A3000:user:alice", "https://example.com:3000/user/alice/did.json"),
    ] {
        assert_eq!(web_url(id, "https").unwrap(), url);
    }
    for id in [
        "did:web:",
        "did:web:example.com:",
        "did:web:example.com::a",
        "did:web:example.com:..:a",
        "did:web:example.com/a",
        "did:web:user@example.com",
        "did:web:example.com%3A0",
        "did:web:example.com%3A99999",
        "did:web:example.com%3A080",
        "did:web:example.com%2Fa",
        "did:web:EXAMPLE.com",
        "did:web:example.com?x",
        "did:web:a..b",
        "did:web:ex\u{e4}mple.com",
        "did:web:example.com:a%2e%2e",
        "did:key:x",
        "did:web:-a.com",
    ] {
        assert!(web_url(id, "https").is_err(), "{id}");
    }
}

fn document() -> Value {
    json!({
        "id": "did:web:shop.example",
        "verificationMethod": [
            {"id": "did:web:shop.example#k1", "type": "JsonWebKey2020", "controller": "did:web:shop.example", "publicKeyJwk": jwk(1)},
            {"id": "#k2", "type": "Multikey", "controller": "did:web:shop.example",
                "publicKeyMultibase": key(2).public().did().strip_prefix("did:key:").unwrap()},
            {"id": "#k3", "type": "JsonWebKey2020", "controller": "did:web:other.example", "publicKeyJwk": jwk(3)},
            {"id": "#k4", "type": "JsonWebKey2020", "controller": "did:web:shop.example", "publicKeyJwk": jwk(4)},
        ],
        "assertionMethod": ["#k1", "did:web:shop.example#k2", "#k3"],
    })
}

#[test]
fn a_did_document_vouches_for_the_keys_that_it_lets_assert() {
    let id = "did:web:shop.example";
    let read = |json: &Value| Document::read(json.to_string().as_bytes(), id);
    let found = read(&document()).unwrap();
    assert_eq!(found.key("#k1"), Some(key(1).public()));
    assert_eq!(found.key("did:web:shop.example#k2"), Some(key(2).public()));
    assert_eq!(
        (found.key("#k3"), found.key("#k4")),
        (None, None),
        "of another controller, and not for assertions"
    );
    let mut other = document();
    other["id"] = json!("did:web:other.example");
    assert!(read(&other).is_err(), "about another subject");
    let mut twice = document();
    twice["verificationMethod"][1]["id"] = json!("#k1");
    assert_eq!(read(&twice).unwrap().key("#k1"), None, "an id that stands twice is nobody's");
    // The first version of a did:web agent.
    let mut record = first();
    record["id"] = json!(id);
    record["keys"] = json!([{"kid": "#k1", "jwk": jwk(1), "purposes": ["control"]}]);
    let sealed =
        tollgate_pay::registry::Sealed::sign(&to_json(&record), super::RECORD, "#k1", &key(1)).unwrap();
    assert!(History::begin(&sealed, Some(&found), at(0)).is_ok());
    assert!(History::begin(&sealed, None, at(0)).is_err());
}

#[test]
fn cards_are_signed_over_their_canonical_form() {
    let card = json!({"name": "Planner", "url": "https://a.example/a2a", "version": "1.0", "price": 1.50, "skills": []});
    let signed = |header: &Value, n: u8| {
        let sealed: Value = serde_json::from_str(&sealed_with(header, &card, n)).unwrap();
        let mut whole = card.clone();
        whole["signatures"] = sealed["signatures"].clone();
        whole
    };
    let known = |kid: &str| (kid == "k1").then(|| key(1).public());
    let check = |card: &Value| check_card(card.to_string().as_bytes(), known);
    let header = json!({"alg": "EdDSA", "kid": "k1", "typ": "JOSE", "jku": "https://evil.example/keys"});
    let good = signed(&header, 1);
    assert_eq!(check(&good).unwrap().1, ["k1"]);
    let mut changed = good.clone();
    changed["url"] = json!("https://evil.example");
    assert!(check(&changed).is_err());
    assert!(check(&card).is_err(), "unsigned");
    assert!(check(&signed(&header, 2)).is_err(), "by another key");
    assert!(check(&signed(&json!({"alg": "ES256", "kid": "k1"}), 1)).is_err(), "by another algorithm");
    assert!(check(&signed(&json!({"alg": "EdDSA", "kid": "k2"}), 1)).is_err(), "by a key that is not known");
}

#[test]
fn registration_files_of_erc_8004_are_read() {
    let file = json!({
        "type": "https://eips.ethereum.org/EIPS/eip-8004#registration-v1", "name": "Planner", "description": "plans",
        "image": "https://a.example/i.png",
        "services": [{"name": "A2A", "endpoint": "https://a.example/.well-known/agent-card.json", "version": "0.3.0"}],
        "registrations": [{"agentId": 22, "agentRegistry": "eip155:8453:0x8004A169FB4a3325136EB29fA0ceB6D2e539a432"}],
        "supportedTrust": ["reputation"], "x402Support": true, "active": true,
    });
    let read = |json: &Value| registration(json.to_string().as_bytes());
    let found = read(&file).unwrap();
    assert_eq!(found.agents, ["eip155:8453:0x8004a169fb4a3325136eb29fa0ceb6d2e539a432:22"]);
    assert_eq!(found.services[0].name, "A2A");
    for (place, value) in [
        ("/type", json!("other")),
        ("/services/0/endpoint", json!(7)),
        ("/registrations/0/agentId", json!(1.5)),
        ("/registrations/0/agentRegistry", json!("eip155:8453:0x12")),
        ("/registrations/0/agentRegistry", json!("eip155:08453:0x8004A169FB4a3325136EB29fA0ceB6D2e539a432")),
    ] {
        let mut bad = file.clone();
        *bad.pointer_mut(place).unwrap() = value;
        assert!(read(&bad).is_err(), "{place}");
    }
}

#[test]
fn an_account_is_the_agent_s_when_its_key_says_so() {
    let challenge = |agent: &str, seconds: i64| Challenge {
        agent: agent.into(),
        rail: "ledger".into(),
        account: "acct_ada".into(),
        nonce: "n-1".into(),
        signed_at: at(seconds),
    };
    let id = key(1).public().did();
    let with = |proof: &str| {
        let mut record = first();
        record["rails"] = json!([serde_json::from_str::<Value>(proof).unwrap()]);
        AgentRecord::read(sign(&record, 1).payload())
    };
    let good = prove(&challenge(&id, -10), &key(7)).unwrap();
    let record = with(good.text()).unwrap();
    assert_eq!(
        (record.rails[0].account.as_str(), &record.rails[0].key),
        ("acct_ada", &Some(key(7).public()))
    );
    let another = prove(&challenge(&key(2).public().did(), -10), &key(7)).unwrap();
    assert!(with(another.text()).is_err(), "signed for another agent");
    assert!(with(prove(&challenge(&id, -90_000), &key(7)).unwrap().text()).is_err(), "too old");
    assert!(with(prove(&challenge(&id, 10), &key(7)).unwrap().text()).is_err(), "of the future");
    let taken = good.text().replace("acct_ada", "acct_eve");
    assert!(with(&taken).is_err(), "another account than was signed");
    let swapped = good.text().replace(jwk(7)["x"].as_str().unwrap(), jwk(8)["x"].as_str().unwrap());
    assert!(with(&swapped).is_err(), "another key");
    // A record's own signature is no proof of an account.
    let payload: Value = serde_json::from_str(&good.payload().canonical().unwrap()).unwrap();
    let typ = json!({"alg": "EdDSA", "kid": "k7", "typ": super::RECORD});
    assert!(with(&sealed_with(&typ, &payload, 7)).is_err());
}

/// What a wallet answers for a text (EIP-191).
fn wallet(text: &str) -> String {
    use k256::ecdsa::SigningKey;
    use sha3::{Digest as _, Keccak256};
    let key = SigningKey::from_slice(&[7; 32]).unwrap();
    let whole = format!("\x19Ethereum Signed Message:\n{}{text}", text.len());
    let (signature, parity) = key.sign_prehash_recoverable(&Keccak256::digest(whole));
    let hex: String = signature.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{hex}{:02x}", parity.to_byte() + 27)
}

#[test]
fn an_account_on_a_chain_is_the_agent_s_when_its_wallet_says_so() {
    let id = key(1).public().did();
    let challenge = |account: &str, agent: &str, seconds: i64| Challenge {
        agent: agent.into(),
        rail: "evm".into(),
        account: account.into(),
        nonce: "n-1".into(),
        signed_at: at(seconds),
    };
    let with = |proof: Value| {
        let mut record = first();
        record["rails"] = json!([proof]);
        AgentRecord::read(sign(&record, 1).payload())
    };
    let proof = |text: &str| json!({"message": text, "signature": wallet(text)});
    let account = own_address("eip155:8453:");
    let text = challenge(&account, &id, -10).text().unwrap();
    assert!(prove_by_wallet(&text, &wallet(&text)).is_ok());
    let record = with(proof(&text)).unwrap();
    assert_eq!((record.rails[0].account.as_str(), &record.rails[0].key), (account.as_str(), &None));
    let other = account.replace("eip155:8453:0x", "eip155:8453:0x0");
    let other = &other[..account.len()];
    for (what, proof) in [
        ("another's account", proof(&challenge(other, &id, -10).text().unwrap())),
        ("for another agent", proof(&challenge(&account, "did:web:eve.example", -10).text().unwrap())),
        ("too old", proof(&challenge(&account, &id, -90_000).text().unwrap())),
        ("of the future", proof(&challenge(&account, &id, 10).text().unwrap())),
        ("another text", proof(text.strip_prefix("tollgate ").unwrap())),
        ("another spelling", proof(&text.replace("\":\"", "\": \""))),
        (
            "another message than was signed",
            json!({"message": text.replace("n-1", "n-2"), "signature": wallet(&text)}),
        ),
        ("more than is understood", json!({"message": text, "signature": wallet(&text), "key": jwk(7)})),
    ] {
        assert!(with(proof).is_err(), "{what}");
    }
    // A key of our own says nothing of an account on a chain.
    let sealed = prove(&challenge(&account, &id, -10), &key(7)).unwrap();
    assert!(with(serde_json::from_str(sealed.text()).unwrap()).is_err());
    let capital = account.to_uppercase().replace("EIP155", "eip155").replace("0X", "0x");
    assert!(challenge(&capital, &id, -10).text().is_err(), "an account has one name");
}

/// The account with the address of the wallet's key.
fn own_address(chain: &str) -> String {
    use sha3::{Digest as _, Keccak256};
    let key = k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let point = key.verifying_key().to_sec1_point(false);
    let hash = Keccak256::digest(&point.as_bytes()[1..]);
    let digits: String = hash[12..].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{chain}0x{digits}")
}
