//! Chains of records: rotation, revocation, forks, and keys of other days.

use super::{RECORD, at, control, first, jwk, key, moment, sealed_with, sign};
use serde_json::{Value, json};
use tollgate_pay::PayError;
use tollgate_pay::registry::{AgentRecord, Directory, History, Purpose, Query, Sealed};

/// The version after a history's last, with these keys.
fn next(history: &History, seconds: i64, keys: &Value) -> Value {
    let current = history.current().unwrap();
    let mut record = first();
    record["version"] = json!(current.version + 1);
    record["previous"] = json!(history.digest().unwrap().to_string());
    record["issued_at"] = json!(moment(seconds));
    record["keys"] = keys.clone();
    record
}

fn begun() -> History {
    History::begin(&sign(&first(), 1), None, at(0)).unwrap()
}

fn refused(result: Result<(), PayError>) -> String {
    match result {
        Err(error) => error.to_string(),
        Ok(()) => unreachable!("it was accepted"),
    }
}

#[test]
fn a_key_rolls_over_and_the_old_one_signs_nothing_more() {
    let mut history = begun();
    let second = sign(&next(&history, 100, &json!([control(2)])), 1);
    history.extend(&second, at(100)).unwrap();
    history.extend(&second, at(500)).unwrap();
    assert_eq!(history.versions().len(), 2, "the same version again changes nothing");
    let third = next(&history, 200, &json!([control(3)]));
    assert!(refused(history.extend(&sign(&third, 1), at(200))).contains("no control key"), "key rollback");
    assert!(refused(history.extend(&sign(&third, 3), at(200))).contains("no control key"), "by itself");
    history.extend(&sign(&third, 2), at(200)).unwrap();
    // Which key counted when.
    let did =
        |kid: &str, seconds: i64| history.key_at(kid, Purpose::Mandate, at(seconds)).map(|found| found.did());
    let keys = [1, 2, 3].map(|n| Some(key(n).public().did()));
    assert_eq!([did("k1", 0), did("k2", 100), did("k3", 200)], keys);
    assert_eq!(
        [did("k1", -1), did("k1", 100), did("k2", 99), did("k2", 200), did("k3", 199)],
        [const { None }; 5]
    );
    assert_eq!(history.key_at("k3", Purpose::Evidence, at(200)), None, "not its purpose");
}

#[test]
fn a_chain_does_not_fork_skip_or_run_back() {
    let mut history = begun();
    let good = next(&history, 100, &json!([control(1), control(2)]));
    let with = |name: &str, value: Value| {
        let mut record = good.clone();
        record[name] = value;
        record
    };
    let other = format!("{}x", first()["id"].as_str().unwrap());
    for (record, why) in [
        (with("previous", json!("00".repeat(32))), "another version"),
        (with("version", json!(3)), "comes next"),
        (with("version", json!(1)), "comes next"),
        (with("issued_at", json!(moment(0))), "before"),
        (with("issued_at", json!(moment(100_000))), "future"),
        (with("id", json!(key(2).public().did())), "comes next"),
        (with("id", json!(other)), "public key"),
        (with("surprise", json!(1)), "known members"),
        (with("keys", json!([control(1), control(1)])), "once"),
    ] {
        let error = refused(history.extend(&sign(&record, 1), at(100)));
        assert!(error.contains(why), "{why}: {error}");
    }
    history.extend(&sign(&good, 1), at(100)).unwrap();
    // A second version 2, signed as well as the first: whoever has one refuses the other.
    let fork = with("name", json!("Eve's agent"));
    assert!(refused(history.extend(&sign(&fork, 1), at(100))).contains("comes next"));
    assert_eq!(history.versions().len(), 2);
}

#[test]
fn a_revocation_is_for_ever() {
    let mut history = begun();
    let mut revoked = control(1);
    revoked["revoked_at"] = json!(moment(50));
    history.extend(&sign(&next(&history, 100, &json!([revoked, control(2)])), 1), at(100)).unwrap();
    let counted =
        |history: &History, seconds: i64| history.key_at("k1", Purpose::Mandate, at(seconds)).is_some();
    assert!(counted(&history, 49) && !counted(&history, 50), "from its moment on, which may lie back");
    let third = |keys: Value| sign(&next(&history, 200, &keys), 2);
    let mut later = control(1);
    later["revoked_at"] = json!(moment(150));
    let mut renamed = control(1);
    renamed["kid"] = json!("new");
    for keys in [
        json!([control(1), control(2)]),
        json!([control(2)]),
        json!([later, control(2)]),
        json!([renamed, control(2)]),
    ] {
        let error = refused(history.clone().extend(&third(keys.clone()), at(200)));
        assert!(error.contains("must stay"), "{keys}: {error}");
    }
    let mut by_revoked = history.clone();
    assert!(
        by_revoked.extend(&sign(&next(&history, 200, &json!([revoked, control(2)])), 1), at(200)).is_err()
    );
    history.extend(&third(json!([revoked, control(2)])), at(200)).unwrap();
}

#[test]
fn the_id_vouches_for_the_first_version() {
    assert!(History::begin(&sign(&first(), 2), None, at(0)).is_err(), "another key");
    let mut foreign = first();
    foreign["keys"] = json!([control(2)]);
    assert!(History::begin(&sign(&foreign, 1), None, at(0)).is_err(), "no control key of its own has signed");
    let mut chained = first();
    chained["id"] = json!("eip155:1:0x8004a169fb4a3325136eb29fa0ceb6d2e539a432:7");
    assert!(AgentRecord::read(sign(&chained, 1).payload()).is_ok());
    assert!(History::begin(&sign(&chained, 1), None, at(0)).is_err(), "nobody vouches for it here");
}

#[test]
fn a_signature_serves_for_what_it_was_made_and_by_its_key_s_algorithm() {
    let begin =
        |text: &str| Sealed::read(text).and_then(|sealed| History::begin(&sealed, None, at(0))).is_ok();
    let header = |alg: &str, typ: &str| json!({"alg": alg, "kid": "k1", "typ": typ});
    assert!(begin(&sealed_with(&header("EdDSA", RECORD), &first(), 1)));
    for (alg, typ) in [
        ("ES256", RECORD),
        ("none", RECORD),
        ("HS256", RECORD),
        ("eddsa", RECORD),
        ("EdDSA", "JWT"),
        ("EdDSA", "tollgate-account-control+jws"),
    ] {
        assert!(!begin(&sealed_with(&header(alg, typ), &first(), 1)), "{alg} {typ}");
    }
    for extra in ["crit", "b64"] {
        let mut header = header("EdDSA", RECORD);
        header[extra] = json!([]);
        assert!(!begin(&sealed_with(&header, &first(), 1)), "{extra}");
    }
    // A key in the header is nobody's key.
    let mut carried = header("EdDSA", RECORD);
    carried["jwk"] = jwk(2);
    assert!(!begin(&sealed_with(&carried, &first(), 2)));
}

#[test]
fn what_is_signed_is_the_canonical_form() {
    let sealed = sign(&first(), 1);
    let spaced =
        serde_json::to_string_pretty(&serde_json::from_str::<Value>(sealed.text()).unwrap()).unwrap();
    assert_eq!(Sealed::read(&spaced).unwrap(), sealed, "spaces and order do not matter");
    let text = sealed.text();
    let twice = text.replacen(r#""version":1"#, r#""version":1,"version":1"#, 1);
    let float = text.replacen(r#""version":1"#, r#""version":1.0"#, 1);
    let escaped = text.replacen(r#""version":1"#, r#""\u0076ersion":1"#, 1);
    assert!(Sealed::read(&twice).is_err() && Sealed::read(&float).is_err());
    assert_eq!(Sealed::read(&escaped).unwrap(), sealed, "one name has one canonical spelling");
    for at in 0..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        let accepted = Sealed::read(&changed).and_then(|s| History::begin(&s, None, super::at(0)));
        assert!(accepted.is_err(), "byte {at} of {text}");
    }
}

/// Who steals a key after its end cannot date a version back to when it counted; and what a later version says of a key gives it
/// nothing for the past.
#[test]
fn a_key_that_has_ended_signs_nothing_new() {
    let mut agents = Directory::default();
    let mut record = first();
    record["keys"][0]["not_after"] = json!(moment(1_000));
    agents.take(&sign(&record, 1), None, at(0)).unwrap();
    let history = agents.get(&key(1).public().did()).unwrap().clone();
    let stolen = sign(&next(&history, 500, &json!([control(9)])), 1);
    assert!(agents.check_new(&stolen, at(999)).is_ok());
    let error = refused(agents.check_new(&stolen, at(1_000)));
    assert!(error.contains("counts now"), "{error}");
    // A first version that its own key no longer vouches for.
    let mut other = first();
    other["id"] = json!(key(2).public().did());
    other["keys"] = json!([control(2)]);
    other["keys"][0]["revoked_at"] = json!(moment(10));
    assert!(agents.check_new(&sign(&other, 2), at(9)).is_ok());
    assert!(agents.check_new(&sign(&other, 2), at(10)).is_err());
    // Widened later: longer, and for more.
    let mut wide = control(1);
    wide["purposes"] = json!(["control", "mandate", "evidence"]);
    let mut history = history;
    history.extend(&sign(&next(&history, 500, &json!([wide])), 1), at(500)).unwrap();
    let counts = |purpose, seconds| history.key_at("k1", purpose, at(seconds)).is_some();
    assert!(counts(Purpose::Mandate, 499) && !counts(Purpose::Evidence, 499), "it was not for evidence then");
    assert!(counts(Purpose::Evidence, 500) && counts(Purpose::Evidence, 1_000));
}

/// A bound is asked of what is new: a directory that follows from a log takes all that the log has.
#[test]
fn a_full_directory_takes_what_was_kept() {
    let mut agents = Directory::new(1);
    for n in 1..=2u8 {
        let mut record = first();
        record["id"] = json!(key(n).public().did());
        record["keys"] = json!([control(n)]);
        assert_eq!(agents.check_new(&sign(&record, n), at(0)).is_ok(), n == 1);
        assert!(agents.take(&sign(&record, n), None, at(0)).unwrap());
    }
    let history = agents.get(&key(1).public().did()).unwrap();
    let second = sign(&next(history, 100, &json!([control(1)])), 1);
    assert!(agents.check_new(&second, at(100)).is_ok(), "the next version of one that is there");
}

#[test]
fn agents_are_found_page_by_page() {
    let mut agents = Directory::default();
    let mut ids = Vec::new();
    for n in 1..=9u8 {
        let mut record = first();
        record["id"] = json!(key(n).public().did());
        record["keys"] = json!([control(n)]);
        record["name"] = json!(format!("Agent {n}"));
        record["skills"] = json!([if n % 2 == 0 { "Translate" } else { "paint" }]);
        assert!(agents.take(&sign(&record, n), None, at(0)).unwrap());
        assert!(!agents.take(&sign(&record, n), None, at(0)).unwrap(), "known");
        if n % 2 == 0 {
            ids.push(key(n).public().did());
        }
    }
    ids.sort_unstable();
    for limit in 1..=5 {
        let (mut query, mut seen) =
            (Query { skill: Some("translate".into()), limit, ..Query::default() }, Vec::new());
        loop {
            let (page, next) = agents.find(&query);
            assert!(page.len() <= limit);
            seen.extend(page.iter().map(|record| record.id.clone()));
            let Some(next) = next else { break };
            query.after = Some(next);
        }
        assert_eq!(seen, ids, "pages of {limit}");
    }
    let (named, _) = agents.find(&Query { text: Some("AGENT 3".into()), limit: 9, ..Query::default() });
    assert_eq!(named.len(), 1);
}
