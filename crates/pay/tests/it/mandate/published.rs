//! The 26 chains that AP2's reference SDK made, with what a correct verifier must do with each.

use super::{accept_hops, addressed, at};
use std::io::Write as _;
use std::path::Path;
use tollgate_pay::json::Json;
use tollgate_pay::mandate::{Chain, Es256Key, Usage};

fn vectors() -> Option<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/evidence/ap2-mandates/payment_mandate_chains.json");
    let Ok(bytes) = std::fs::read(&path) else {
        // Past the capture of a test that passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is absent", path.display());
        return None;
    };
    Some(Json::parse(&bytes).unwrap())
}

fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json.get(name).and_then(Json::text).unwrap()
}

fn usage(json: &Json) -> Usage {
    let context = json.get("mandate_context").unwrap();
    let number = |name: &str| context.get(name).and_then(Json::integer);
    let last = match context.get("last_used_date") {
        Some(Json::Number(digits)) => {
            digits.split('.').next().and_then(|seconds| seconds.parse().ok()).map(at)
        }
        _ => None,
    };
    let payments = u64::try_from(number("total_uses").unwrap_or(0)).unwrap();
    Usage { spent: number("total_amount").unwrap_or(0), payments, last }
}

fn public(keys: &Json, name: &str) -> Es256Key {
    let Some(Json::Map(mut members)) = keys.get(name).cloned() else { panic!("{name}") };
    let whole = Json::Map(members.clone());
    assert!(Es256Key::from_jwk(&whole).is_none(), "a private key is no public key");
    members.remove("d");
    Es256Key::from_jwk(&Json::Map(members)).unwrap()
}

#[test]
fn every_published_chain_gets_the_verdict_that_it_should() {
    let Some(vectors) = vectors() else { return };
    let now = i64::try_from(vectors.get("generated_at").and_then(Json::integer).unwrap()).unwrap();
    let user = public(vectors.get("keys").unwrap(), "user");
    let list = vectors.get("vectors").and_then(Json::list).unwrap();
    assert_eq!(list.len(), 26);
    let (mut accepted, mut wrong) = (Vec::<(&str, Chain)>::new(), Vec::new());
    for vector in list {
        let (name, should) = (text(vector, "name"), text(vector, "should"));
        let hops = [addressed(text(vector, "expected_aud"), text(vector, "expected_nonce"))];
        let verdict = accept_hops(text(vector, "token"), &user, &usage(vector), now, &hops);
        if verdict.is_ok() != should.starts_with("accept") {
            wrong.push(format!("{name}: should {should}, got {:?}", verdict.as_ref().err()));
        }
        accepted.extend(verdict.ok().map(|chain| (name, chain)));
    }
    assert_eq!(wrong, Vec::<String>::new());
    // The second spelling of a signature is the same authorisation, so it cannot be consumed a second time.
    let named = |name: &str| &accepted.iter().find(|(n, _)| *n == name).unwrap().1;
    assert_eq!(named("valid").id, named("ecdsa_high_low_s_malleated_terminal").id);
    assert_ne!(named("valid").id, named("amount_at_max").id);
    assert_eq!(named("valid").names, named("ecdsa_high_low_s_malleated_terminal").names);
}

#[test]
fn no_flipped_byte_of_a_published_chain_is_another_payment() {
    let Some(vectors) = vectors() else { return };
    let now = i64::try_from(vectors.get("generated_at").and_then(Json::integer).unwrap()).unwrap();
    let user = public(vectors.get("keys").unwrap(), "user");
    let valid = &vectors.get("vectors").and_then(Json::list).unwrap()[0];
    let token = text(valid, "token");
    let hops = [addressed(text(valid, "expected_aud"), text(valid, "expected_nonce"))];
    let whole = accept_hops(token, &user, &Usage::default(), now, &hops).unwrap();
    // Every third byte with one of its bits: all of them take minutes without optimisation.
    for at in (0..token.len()).step_by(3) {
        let mut bytes = token.as_bytes().to_vec();
        bytes[at] ^= 1 << (at % 7);
        let Ok(text) = String::from_utf8(bytes) else { continue };
        if let Ok(chain) = accept_hops(&text, &user, &Usage::default(), now, &hops) {
            assert_eq!(chain.id, whole.id, "byte {at}");
        }
    }
}
