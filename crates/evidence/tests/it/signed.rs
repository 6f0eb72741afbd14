//! Claims, tokens and envelopes signed by keys of our own.

use crate::forge::{NOW, bound_only, ed25519, hex, judge, signer};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use k256::ecdsa::{SigningKey, VerifyingKey};
use serde_json::{Value, json};
use sha3::{Digest as _, Keccak256};
use tollgate_core::{Digest, Timestamp};
use tollgate_evidence::{Appraisal, Appraisals, Kind, Policy, Value as Fact};
use tollgate_pay::escrow::{Signed, Signer as EscrowSigner};
use tollgate_pay::json::plain;

fn address(key: &VerifyingKey) -> String {
    let point = key.to_sec1_point(false);
    format!("0x{}", hex(&Keccak256::digest(&point.as_bytes()[1..])[12..]))
}

fn attestor(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

/// A claim in the SDK's form, signed by these attestors.
fn claim(message: &str, url: &str, seeds: &[u8]) -> Value {
    let matches = json!([{"type": "contains", "value": "done"}]);
    claim_of("http", &json!({"method": "GET", "url": url, "responseMatches": matches}), message, seeds)
}

/// A claim of these parameters.
fn claim_of(provider: &str, parameters: &Value, message: &str, seeds: &[u8]) -> Value {
    let (parameters, context) = (parameters.to_string(), json!({"contextMessage": message}).to_string());
    let identifier = format!("0x{}", hex(&Keccak256::digest(format!("{provider}\n{parameters}\n{context}"))));
    let owner = format!("0x{}", "ab".repeat(20));
    let signed = format!("{identifier}\n{owner}\n{NOW}\n1");
    let hash = Keccak256::digest(format!("\x19Ethereum Signed Message:\n{}{signed}", signed.len()));
    let signatures: Vec<_> = seeds
        .iter()
        .map(|seed| {
            let (signature, parity) = attestor(*seed).sign_prehash_recoverable(&hash);
            format!("0x{}{:02x}", hex(&signature.to_bytes()), parity.to_byte() + 27)
        })
        .collect();
    let data = json!({"provider": provider, "parameters": parameters, "context": context, "owner": owner,
        "timestampS": NOW, "epoch": 1, "identifier": identifier});
    json!({"identifier": identifier, "claimData": data, "signatures": signatures})
}

/// A policy that trusts two attestors of these seeds, and wants so many.
fn attested(threshold: usize) -> Policy {
    let mut policy = Policy::default();
    policy.attestors.addresses = [1, 2].map(|seed| address(attestor(seed).verifying_key())).to_vec();
    policy.attestors.threshold = threshold;
    policy
}

const URL: &str = "https://api.example/jobs/7";

#[test]
fn claims_of_attestors_are_of_one_task() {
    bound_only(Kind::Reclaim, &attested(1), &[], &|bind| {
        claim(&bind.to_string(), URL, &[1]).to_string().into_bytes()
    });
}

#[test]
fn claims_of_attestors_are_refused_by_name() {
    let code = |claim: &Value, threshold| {
        let verdict = judge(Kind::Reclaim, claim.to_string().as_bytes(), &attested(threshold), &[], None);
        verdict.map_or_else(|refusal| refusal.code(), |_| "accepted")
    };
    let good = claim("m", URL, &[1, 2]);
    assert_eq!([code(&good, 1), code(&good, 2), code(&good, 3)], ["accepted", "accepted", "status"]);
    assert_eq!(code(&claim("m", URL, &[1, 1]), 2), "status", "an attestor counts once");
    assert_eq!(code(&claim("m", URL, &[1, 3]), 1), "untrusted");
    assert_eq!(code(&claim("m", URL, &[]), 1), "status");
    assert_eq!(code(&claim("m", "https://api.example@evil.example/", &[1]), 1), "unsupported");
    assert_eq!(code(&claim("m", "http://api.example/", &[1]), 1), "unsupported");
    let mut other = good.clone();
    other["claimData"]["parameters"] = json!("{}");
    assert_eq!(code(&other, 1), "mismatch");
    let mut later = good;
    later["claimData"]["timestampS"] = json!(NOW + 1);
    assert_eq!(code(&later, 1), "untrusted", "another message recovers another signer");
}

/// An honest attestor signs that a text was *not* there, too, and that it may or may not have been.
#[test]
fn a_match_that_does_not_say_that_the_text_was_there_is_refused() {
    let told = |provider: &str, url: &str, one: &Value| {
        let parameters = json!({"method": "GET", "url": url, "responseMatches": [one]});
        let claim = claim_of(provider, &parameters, "m", &[1]).to_string();
        let verdict = judge(Kind::Reclaim, claim.as_bytes(), &attested(1), &[], None);
        verdict.map_or_else(
            |refusal| refusal.code(),
            |claims| {
                let told = claims.facts["matches"] == Fact::List(vec!["done".into()]);
                if told { "there" } else { "not told" }
            },
        )
    };
    let with = |more: Value| {
        let mut one = json!({"type": "contains", "value": "done"});
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one
    };
    for (more, wanted) in [
        (json!({}), "there"),
        (json!({"invert": false}), "there"),
        (json!({"description": "the job"}), "there"),
        (json!({"invert": true}), "unsupported"),
        (json!({"invert": "true"}), "unsupported"),
        (json!({"invert": 1}), "unsupported"),
        (json!({"invert": null}), "unsupported"),
        (json!({"isOptional": false}), "unsupported"),
        (json!({"order": 1}), "unsupported"),
        (json!({"value": "{{status}}"}), "unsupported"),
        (json!({"value": ["done"]}), "unsupported"),
        (json!({"type": "regex"}), "not told"),
        (json!({"type": "absent"}), "unsupported"),
    ] {
        assert_eq!(told("http", URL, &with(more.clone())), wanted, "{more}");
    }
    let good = with(json!({}));
    assert_eq!(told("http2", URL, &good), "unsupported", "what another provider means by it is not known");
    assert_eq!(told("http", "https://api.example/{{job}}", &good), "unsupported");
}

/// The twin of an ECDSA signature is refused: one claim has one spelling.
#[test]
fn the_twin_of_a_signature_is_refused() {
    let mut twin = claim("m", URL, &[1]);
    let text = twin["signatures"][0].as_str().unwrap().to_owned();
    let bytes: Vec<u8> =
        (2..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect();
    let signature = k256::ecdsa::Signature::from_slice(&bytes[..64]).unwrap();
    let high = k256::ecdsa::Signature::from_scalars(signature.r(), -signature.s()).unwrap();
    twin["signatures"][0] = json!(format!("0x{}{:02x}", hex(&high.to_bytes()), 55 - bytes[64]));
    let refusal = judge(Kind::Reclaim, twin.to_string().as_bytes(), &attested(1), &[], None).unwrap_err();
    assert_eq!(refusal.code(), "signature", "{refusal}");
}

const ISSUER: &str = "https://attest.example";

fn token(header: &Value, claims: &Value, seed: u8) -> Vec<u8> {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = ed25519(seed).sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)).into_bytes()
}

/// Good claims, with these in their place or, where `null`, none.
fn said(changes: &Value) -> Value {
    let mut claims = json!({"iss": ISSUER, "iat": NOW, "exp": NOW + 600, "dbgstat": "disabled-since-boot", "hwmodel": "GCP_AMD_SEV",
        "submods": {"container": {"image_digest": "sha256:11"}}});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn trusting(kind: Kind) -> Policy {
    Policy {
        signers: vec![signer(9, kind, "attest", Some(ISSUER)), signer(8, Kind::Dsse, "runner", None)],
        ..Policy::default()
    }
}

#[test]
fn tokens_are_of_one_task() {
    let header = json!({"alg": "EdDSA", "kid": "1"});
    bound_only(Kind::Eat, &trusting(Kind::Eat), &[], &|bind| {
        token(&header, &said(&json!({"eat_nonce": URL_SAFE_NO_PAD.encode(bind.0)})), 9)
    });
    bound_only(Kind::Eat, &trusting(Kind::Eat), &[], &|bind| {
        token(&header, &said(&json!({"eat_nonce": ["another", hex(&bind.0[..32])]})), 9)
    });
}

#[test]
fn tokens_are_refused_by_name() {
    let code = |token: &[u8]| {
        let verdict = judge(Kind::Eat, token, &trusting(Kind::Eat), &[], None);
        verdict.map_or_else(|refusal| refusal.code(), |_| "accepted")
    };
    let header = json!({"alg": "EdDSA"});
    let changed = |changes: Value| code(&token(&header, &said(&changes), 9));
    assert_eq!(changed(json!({})), "accepted");
    assert_eq!(changed(json!({"dbgstat": "enabled"})), "debug");
    assert_eq!(changed(json!({"dbgstat": null})), "debug", "what is not told is not off");
    assert_eq!(changed(json!({"dbgstat": 0})), "debug");
    assert_eq!(changed(json!({"dbgstat": 3})), "accepted");
    assert_eq!(changed(json!({"dbgstat": null, "x-ms-sevsnpvm-is-debuggable": false})), "accepted");
    assert_eq!(changed(json!({"x-ms-sevsnpvm-is-debuggable": true})), "debug");
    assert_eq!(changed(json!({"exp": null})), "missing");
    assert_eq!(changed(json!({"exp": NOW})), "time");
    assert_eq!(changed(json!({"nbf": NOW + 301})), "time");
    assert_eq!(changed(json!({"iat": NOW - 86_401, "exp": NOW + 1})), "time");
    assert_eq!(changed(json!({"iss": "https://other.example"})), "untrusted");
    assert_eq!(changed(json!({"iss": null})), "missing");
    assert_eq!(code(&token(&json!({"alg": "none"}), &said(&json!({})), 9)), "unsupported");
    assert_eq!(code(&token(&json!({"alg": "ES256"}), &said(&json!({})), 9)), "signature");
    assert_eq!(code(&token(&json!({"alg": "HS256"}), &said(&json!({})), 9)), "unsupported");
    assert_eq!(code(&token(&json!({"alg": "EdDSA", "crit": ["x"]}), &said(&json!({})), 9)), "unsupported");
    assert_eq!(code(&token(&header, &said(&json!({})), 8)), "signature", "a key for other evidence");
    assert_eq!(code(b"a.b"), "malformed");
}

/// An envelope over a payload, signed by these seeds.
fn envelope(kind: &str, payload: &str, seeds: &[u8]) -> Vec<u8> {
    let message = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
    let marks: Vec<_> = seeds
        .iter()
        .map(|seed| json!({"keyid": "", "sig": STANDARD.encode(ed25519(*seed).sign(message.as_bytes()))}))
        .collect();
    json!({"payloadType": kind, "payload": STANDARD.encode(payload), "signatures": marks})
        .to_string()
        .into_bytes()
}

const IN_TOTO: &str = "application/vnd.in-toto+json";

fn statement(bind: &str) -> String {
    json!({"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "out", "digest": {"sha256": "11"}}],
        "predicateType": "https://example/tests/v1", "predicate": {"bind": bind, "passed": 7, "failed": 0}})
    .to_string()
}

#[test]
fn envelopes_are_of_one_task() {
    let policy = trusting(Kind::Dsse);
    bound_only(Kind::Dsse, &policy, &[], &|bind| envelope(IN_TOTO, &statement(&bind.to_string()), &[8]));
    bound_only(Kind::Dsse, &policy, &[], &|bind| {
        envelope("application/json", &json!({"bind": bind.to_string(), "tokens": 5}).to_string(), &[8])
    });
}

#[test]
fn envelopes_are_refused_by_name() {
    let code = |envelope: &[u8]| {
        let verdict = judge(Kind::Dsse, envelope, &trusting(Kind::Dsse), &[], None);
        verdict.map_or_else(|refusal| refusal.code(), |_| "accepted")
    };
    let good = envelope(IN_TOTO, &statement(""), &[8]);
    assert_eq!(code(&good), "accepted");
    assert_eq!(code(&envelope(IN_TOTO, &statement(""), &[8, 9])), "accepted");
    assert_eq!(code(&envelope(IN_TOTO, &statement(""), &[8, 7])), "signature");
    assert_eq!(code(&envelope(IN_TOTO, &statement(""), &[])), "missing");
    assert_eq!(code(&envelope(IN_TOTO, &statement(""), &[8; 17])), "too-large");
    assert_eq!(code(&envelope(IN_TOTO, "not json", &[8])), "malformed");
    // The same payload under another type is another message.
    let text = String::from_utf8(good.clone()).unwrap().replace(IN_TOTO, "application/json");
    assert_eq!(code(text.as_bytes()), "signature");
    let claims =
        judge(Kind::Dsse, &envelope(IN_TOTO, &statement(""), &[8, 9]), &trusting(Kind::Dsse), &[], None)
            .unwrap();
    assert_eq!(claims.fact("signers"), Some(&vec!["attest".to_owned(), "runner".to_owned()].into()));
    assert_eq!(claims.fact("subjects"), Some(&vec!["11".to_owned()].into()));
}

/// What evaluators of these seeds found.
fn appraisals(bind: &str, output: Digest, found: &[(u8, bool)], at: i64) -> Appraisals {
    let signed = |(seed, passed): &(u8, bool)| {
        let appraisal = Appraisal {
            at: Timestamp(at * 1_000_000),
            bind: bind.into(),
            output,
            passed: *passed,
            reasons: None,
        };
        let mut signed = Signed::new(appraisal, Vec::new());
        signed.add(&EscrowSigner::from_seed(&[*seed; 32]));
        signed
    };
    Appraisals { appraisals: found.iter().map(signed).collect() }
}

fn evaluated() -> Policy {
    let signers =
        [6, 7, 8].map(|seed| signer(seed, Kind::Evaluators, &format!("evaluator-{seed}"), None)).to_vec();
    Policy { signers, ..Policy::default() }
}

#[test]
fn appraisals_are_of_one_task() {
    bound_only(Kind::Evaluators, &evaluated(), &[], &|bind| {
        plain(&appraisals(&bind.to_string(), Digest([3; 32]), &[(6, true), (7, true)], NOW))
    });
}

#[test]
fn appraisals_are_refused_by_name() {
    let output = Digest([3; 32]);
    let judge =
        |appraisals: &Appraisals| judge(Kind::Evaluators, &plain(appraisals), &evaluated(), &[], None);
    let code =
        |appraisals: &Appraisals| judge(appraisals).map_or_else(|refusal| refusal.code(), |_| "accepted");
    let found = |found: &[(u8, bool)]| appraisals("b", output, found, NOW);
    let split = judge(&found(&[(8, false), (6, true), (7, true)])).unwrap();
    assert_eq!(
        split.fact("passed_by"),
        Some(&vec!["evaluator-6".to_owned(), "evaluator-7".to_owned()].into())
    );
    assert_eq!(split.fact("failed_by"), Some(&vec!["evaluator-8".to_owned()].into()));
    assert_eq!(code(&found(&[(6, true), (6, false)])), "mismatch", "yes and no of one evaluator");
    assert_eq!(code(&found(&[(6, true), (6, true)])), "mismatch", "one evaluator counts once");
    assert_eq!(code(&found(&[(6, true), (5, true)])), "untrusted");
    assert_eq!(code(&found(&[])), "missing");
    assert_eq!(code(&found(&[(6, true); 17])), "too-large");
    assert_eq!(code(&appraisals("b", output, &[(6, true)], NOW + 1)), "time", "made after the check");
    assert_eq!(code(&appraisals("b", output, &[(6, true)], NOW - 86_401)), "time");
    let mut other = found(&[(6, true), (7, true)]);
    other.appraisals[1] = appraisals("b", Digest([4; 32]), &[(7, true)], NOW).appraisals.remove(0);
    assert_eq!(code(&other), "mismatch", "of another output");
    let mut changed = found(&[(6, false)]);
    changed.appraisals[0].statement.passed = true;
    assert_eq!(code(&changed), "signature");
}
