//! What a verifier must not be talked into.

use super::*;

#[test]
fn fields_that_two_readers_may_read_differently_are_refused() {
    let read = |fields: &[Field<'_>]| Signature::all(&Message::Request(request(fields)));
    let two = |input: &str, value: &str| {
        read(&[("signature-input", input.as_bytes()), ("signature", value.as_bytes())])
    };
    assert_eq!(two("a=(\"@method\");created=1", "a=:AA==:").unwrap()[0].created(), Some(1));
    for (input, value) in [
        ("a=(\"@method\")", ""),
        ("", "a=:AA==:"),
        ("a=(\"@method\")", "b=:AA==:"),
        ("a=(\"@method\"), b=()", "a=:AA==:"),
        ("a=(\"@method\")", "a=:AA==:, b=:AA==:"),
        ("a=(\"@method\"), a=()", "a=:AA==:"),
        ("a=(\"@method\")", "a=:AA==:, a=:AQ==:"),
        ("a=(\"@method\" \"@method\")", "a=:AA==:"),
        ("a=(\"@query-param\";name=\"a\";req \"@query-param\";req;name=\"a\")", "a=:AA==:"),
        ("a=(\"@signature-params\")", "a=:AA==:"),
        ("a=(\"Date\")", "a=:AA==:"),
        ("a=(date)", "a=:AA==:"),
        ("a=(\"\")", "a=:AA==:"),
        ("a=\"@method\"", "a=:AA==:"),
        ("a=(\"@method\")", "a=\"AA==\""),
        ("a=(\"@method\");created=\"1\"", "a=:AA==:"),
        ("a=(\"@method\");created=-1", "a=:AA==:"),
        ("a=(\"@method\");created=1.5", "a=:AA==:"),
        ("a=(\"@method\");keyid=k", "a=:AA==:"),
        ("a=(\"@method\");created=1;created=2", "a=:AA==:"),
    ] {
        assert!(two(input, value).is_err(), "{input} {value}");
    }
    // A second line of a field goes on with the first.
    let more = read(&[
        ("signature-input", b"a=()"),
        ("Signature-Input", b"b=()"),
        ("signature", b"b=:AQ==:, a=:AA==:"),
    ]);
    assert_eq!(more.unwrap()[1].value, [1]);
    let labels = |n: usize| {
        let each = |what: &str| (0..n).map(|n| format!("l{n}={what}")).collect::<Vec<_>>().join(",");
        two(&each("()"), &each(":AA==:")).is_ok()
    };
    assert!(labels(SIGNATURES_MAX) && !labels(SIGNATURES_MAX + 1));
    let covers = |n: usize| {
        let names: Vec<_> = (0..n).map(|n| format!("\"x{n}\"")).collect();
        two(&format!("a=({})", names.join(" ")), "a=:AA==:").is_ok()
    };
    assert!(covers(COMPONENTS_MAX) && !covers(COMPONENTS_MAX + 1));
}

#[test]
fn what_is_demanded_is_checked_at_its_very_moment() {
    let read = |input: &str| {
        let fields: [Field<'_>; 2] = [("signature-input", input.as_bytes()), ("signature", b"a=:AA==:")];
        Signature::all(&Message::Request(request(&fields))).unwrap().remove(0)
    };
    let signature =
        read("a=(\"@method\" \"content-digest\";req);created=1000;expires=1100;nonce=\"n\";tag=\"t\"");
    let plain = Demand::default();
    for (now, taken) in [(939, false), (940, true), (1_099, true), (1_100, false)] {
        assert_eq!(signature.check(&plain, now).is_ok(), taken, "{now}");
    }
    let open = read("a=();created=1000");
    for (now, taken) in [(1_299, true), (1_300, false)] {
        assert_eq!(open.check(&plain, now).is_ok(), taken, "{now}");
    }
    assert!(read("a=();created=1000;expires=1000").check(&plain, 999).is_err());
    assert!(read("a=();expires=1100").check(&plain, 1_000).is_err());
    assert!(
        read("a=();created=999999999999999").check(&Demand { max_age_s: i64::MAX, ..plain }, 1_000).is_err()
    );
    let covered = |components: &[&str]| signature.check(&Demand { components, ..plain }, 1_000);
    assert_eq!(covered(&["@method", "content-digest;req"]), Ok(()));
    assert_eq!(covered(&["content-digest"]), Err(Flaw::NotCovered("content-digest".into())));
    for (demand, open_too) in [
        (Demand { nonce: true, ..plain }, false),
        (Demand { expires: true, ..plain }, false),
        (Demand { tag: Some("t"), ..plain }, false),
        (plain, true),
    ] {
        assert_eq!(
            (signature.check(&demand, 1_000).is_ok(), open.check(&demand, 1_000).is_ok()),
            (true, open_too)
        );
    }
    assert!(signature.check(&Demand { tag: Some("u"), ..plain }, 1_000).is_err());
    assert!(read("a=();created=1000;nonce=\"\"").check(&Demand { nonce: true, ..plain }, 1_000).is_err());
}

#[test]
fn a_digest_counts_only_when_it_is_known_and_all_known_ones_hold() {
    let of = |field: &str, body: &[u8]| {
        check_digest(&Message::Request(request(&[("content-digest", field.as_bytes())])), body)
    };
    let right = content_digest(BODY);
    assert_eq!(right, "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
    let sha512 = std::str::from_utf8(DIGEST).unwrap();
    assert_eq!(of(&format!("{right}, {sha512}, md5=:AA==:"), BODY), Ok(()));
    for bad in [
        "md5=:AA==:",
        "sha-256=:AA==:",
        "sha-256=\"x\"",
        "sha-256=()",
        &format!("{right}, sha-512=:AA==:"),
        &format!("{right}, {right}"),
    ] {
        assert!(of(bad, BODY).is_err(), "{bad}");
    }
    assert_eq!(check_digest(&Message::Request(request(&[])), BODY), Err(Flaw::Missing("content-digest")));
}
