//! The vectors of RFC 9421 (appendix B, sections 2.1 to 2.5 and 4), and attacks on verifiers.

mod hostile;

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::ecdsa::signature::Verifier as _;

const BODY: &[u8] = br#"{"hello": "world"}"#;
const DIGEST: &[u8] =
    b"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
/// Of the test keys of appendix B.1.
const ED25519: &str = "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs";
const ED25519_SECRET: &str = "n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU";
const P256: [&str; 2] =
    ["qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA", "Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0"];
const RSA: &str = "r4tmm3r20Wd_PbqvP1s2-QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct-Lh1GH45x28Rw3Ry53mm-oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHqgDsznjPFmTOtCEcN2Z1FpWgchwuYLPL-Wokqltd11nqqzi-bJ9cvSKADYdUAAN5WUtzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4aOT9v6d-nb4bnNkQVklLQ3fVAvJm-xdDOp9LCNCN48V2pnDOkFV6-U9nV5oyc6XI2w";
const SHARED: &str =
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Whether the test key of this name signed the base.
fn holds(key: &str, base: &str, value: &[u8]) -> bool {
    match key {
        "test-key-ed25519" | "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U" => {
            let key = VerifyingKey::from_bytes(&decoded(ED25519).try_into().unwrap()).unwrap();
            ed25519_dalek::Signature::from_slice(value)
                .is_ok_and(|value| key.verify_strict(base.as_bytes(), &value).is_ok())
        }
        "test-key-ecc-p256" => {
            let point = [vec![4], decoded(P256[0]), decoded(P256[1])].concat();
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
            p256::ecdsa::Signature::from_slice(value)
                .is_ok_and(|value| key.verify(base.as_bytes(), &value).is_ok())
        }
        "test-key-rsa-pss" | "oD0HwocPBSfpNy5W3bpJeyFGY_IQ_YpqxSjQ3Yd-CLA" => {
            let key = ring::signature::RsaPublicKeyComponents { n: decoded(RSA), e: vec![1, 0, 1] };
            key.verify(&ring::signature::RSA_PSS_2048_8192_SHA512, base.as_bytes(), value).is_ok()
        }
        "test-shared-secret" => {
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&STANDARD.decode(SHARED).unwrap()).unwrap();
            mac.update(base.as_bytes());
            mac.verify_slice(value).is_ok()
        }
        other => panic!("no test key {other}"),
    }
}

type Field<'a> = (&'a str, &'a [u8]);

fn request<'a>(fields: Fields<'a>) -> Request<'a> {
    Request {
        method: "POST",
        scheme: "https",
        authority: "example.com",
        path: "/foo",
        query: Some("param=Value&Pet=dog"),
        fields,
    }
}

const REQUEST: [Field<'_>; 4] = [
    ("Date", b"Tue, 20 Apr 2021 02:07:55 GMT"),
    ("Content-Type", b"application/json"),
    ("Content-Digest", DIGEST),
    ("Content-Length", b"18"),
];

fn signed<'a>(fields: &[Field<'a>], input: &'a str, value: &'a str) -> Vec<Field<'a>> {
    [fields, &[("Signature-Input", input.as_bytes()), ("Signature", value.as_bytes())]].concat()
}

/// Whether the one signature of a message is its key's.
fn verified(message: &Message<'_>) -> Result<bool, Flaw> {
    let all = Signature::all(message)?;
    assert_eq!(all.len(), 1);
    Ok(holds(all[0].keyid().unwrap(), &all[0].base(message)?, &all[0].value))
}

/// B.2.1 to B.2.3, B.2.5 and B.2.6.
#[test]
fn the_rfcs_signed_requests_verify_and_changed_ones_do_not() {
    let vectors = [
        (
            r#"sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#,
            "sig-b21=:d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==:",
        ),
        (
            r#"sig-b22=("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example""#,
            "sig-b22=:LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==:",
        ),
        (
            r#"sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#,
            "sig-b23=:bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==:",
        ),
        (
            r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
            "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
        ),
        (
            r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
            "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
        ),
    ];
    for (input, value) in vectors {
        let fields = signed(&REQUEST, input, value);
        let message = Message::Request(request(&fields));
        assert_eq!(verified(&message), Ok(true), "{input}");
        check_digest(&message, BODY).unwrap();
        assert_eq!(check_digest(&message, b"{}"), Err(Flaw::Digest("is not that of the body")));
        let later = input.replace("created=1618884473", "created=1618884474");
        assert_eq!(verified(&Message::Request(request(&signed(&REQUEST, &later, value)))), Ok(false));
        if input.contains("@authority") {
            let other = Request { authority: "example.org", ..request(&fields) };
            assert_eq!(verified(&Message::Request(other)), Ok(false));
            // The same authority, spelled otherwise.
            let same = Request { authority: "EXAMPLE.com:443", ..request(&fields) };
            assert_eq!(verified(&Message::Request(same)), Ok(true));
        }
    }
}

/// B.2.4, and the response of section 2.4 that is bound to its request.
#[test]
fn the_rfcs_signed_responses_verify_and_only_for_their_request() {
    let digest =
        b"sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:";
    let fields: [Field<'_>; 3] =
        [("Content-Type", b"application/json"), ("Content-Digest", digest), ("Content-Length", b"23")];
    let fields = signed(
        &fields,
        r#"sig-b24=("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256""#,
        "sig-b24=:wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:",
    );
    let answered = |status| Message::Response { status, fields: &fields, request: None };
    assert_eq!((verified(&answered(200)), verified(&answered(201))), (Ok(true), Ok(false)));
    check_digest(&answered(200), br#"{"message": "good dog"}"#).unwrap();

    let digest =
        b"sha-512=:0Y6iCBzGg5rZtoXS95Ijz03mslf6KAMCloESHObfwnHJDbkkWWQz6PhhU9kxsTbARtY2PTBOzq24uJFpHsMuAg==:";
    let fields: [Field<'_>; 3] =
        [("Content-Type", b"application/json"), ("Content-Length", b"62"), ("Content-Digest", digest)];
    let fields = signed(
        &fields,
        r#"reqres=("@status" "content-digest" "content-type" "@authority";req "@method";req "@path";req "content-digest";req);created=1618884479;keyid="test-key-ecc-p256""#,
        "reqres=:dMT/A/76ehrdBTD/2Xx8QuKV6FoyzEP/I9hdzKN8LQJLNgzU4W767HK05rx1i8meNQQgQPgQp8wq2ive3tV5Ag==:",
    );
    let answers = |request| Message::Response { status: 503, fields: &fields, request };
    assert_eq!(verified(&answers(Some(request(&REQUEST)))), Ok(true));
    assert_eq!(verified(&answers(Some(Request { path: "/bar", ..request(&REQUEST) }))), Ok(false));
    assert!(matches!(verified(&answers(None)), Err(Flaw::Component { .. })));
    assert!(matches!(verified(&Message::Request(request(&fields))), Err(Flaw::Component { .. })));
}

/// Signing B.2.6 again gives the RFC's signature, as Ed25519 is deterministic.
#[test]
fn what_is_drafted_is_what_the_rfc_signed() {
    let names = ["date", "@method", "@path", "@authority", "content-type", "content-length"];
    let draft = Draft::new("sig-b26", names.map(Component::named).to_vec())
        .time("created", 1_618_884_473)
        .text("keyid", "test-key-ed25519");
    let key = SigningKey::from_bytes(&decoded(ED25519_SECRET).try_into().unwrap());
    let base = draft.base(&Message::Request(request(&REQUEST))).unwrap();
    let (input, value) = draft.fields(&key.sign(base.as_bytes()).to_bytes());
    assert_eq!(
        value,
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:"
    );
    assert_eq!(verified(&Message::Request(request(&signed(&REQUEST, &input, &value)))), Ok(true));
    let odd = draft.text("nonce", "\u{e9}");
    assert!(matches!(odd.base(&Message::Request(request(&REQUEST))), Err(Flaw::Malformed { .. })));
}

fn value(component: &Component, message: &Message<'_>) -> Result<String, Flaw> {
    let line = component.line(message)?;
    Ok(line.strip_suffix('\n').unwrap().split_once(": ").unwrap().1.to_owned())
}

/// The examples of sections 2.1 and 2.2.
#[test]
fn components_have_the_rfcs_values() {
    let fields: [Field<'_>; 12] = [
        ("Host", b"www.example.com"),
        ("Date", b"Tue, 20 Apr 2021 02:07:56 GMT"),
        ("X-OWS-Header", b"  Leading and trailing whitespace.   "),
        ("X-Obs-Fold-Header", b"Obsolete\r\n    line folding."),
        ("Cache-Control", b"max-age=60"),
        ("Cache-Control", b"   must-revalidate"),
        ("Example-Dict", b"  a=1,    b=2;x=1;y=2,   c=(a   b   c), d "),
        ("X-Empty-Header", b""),
        ("Example-Header", b"value, with, lots"),
        ("Example-Header", b"of, commas"),
        ("Priority", b"i,  u=1"),
        ("X-Bytes", b"\xff\x00"),
    ];
    let message = Message::Request(Request {
        method: "GET",
        authority: "www.Example.com:443",
        path: "",
        query: Some(
            "var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something&qux=&two=1&two=1",
        ),
        ..request(&fields)
    });
    let named = |name| value(&Component::named(name), &message);
    let of = |component: Component| value(&component, &message);
    let dict = |key| of(Component::named("example-dict").with_text("key", key));
    let query = |name| of(Component::named("@query-param").with_text("name", name));
    for (found, wanted) in [
        (named("x-ows-header"), "Leading and trailing whitespace."),
        (named("x-obs-fold-header"), "Obsolete line folding."),
        (named("cache-control"), "max-age=60, must-revalidate"),
        (named("example-dict"), "a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
        (named("x-empty-header"), ""),
        (dict("a"), "1"),
        (dict("b"), "2;x=1;y=2"),
        (dict("c"), "(a b c)"),
        (dict("d"), "?1"),
        (of(Component::named("priority").with("sf")), "i, u=1"),
        (of(Component::named("example-header").with("bs")), ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:"),
        (of(Component::named("x-bytes").with("bs")), ":/wA=:"),
        (named("@method"), "GET"),
        (named("@authority"), "www.example.com"),
        (named("@scheme"), "https"),
        (named("@path"), "/"),
        (query("var"), "this%20is%20a%20big%0Amultiline%20value"),
        (query("bar"), "with%20plus%20whitespace"),
        (query("fa%C3%A7ade%22%3A%20"), "something"),
        (query("qux"), ""),
    ] {
        assert_eq!(found.as_deref(), Ok(wanted));
    }
    let bare = Message::Request(Request { query: None, path: "/path", ..request(&[]) });
    assert_eq!(value(&Component::named("@query"), &bare).as_deref(), Ok("?"));
    assert_eq!(value(&Component::named("@request-target"), &bare).as_deref(), Ok("/path"));
    assert_eq!(value(&Component::named("@target-uri"), &bare).as_deref(), Ok("https://example.com/path"));
    for refused in [
        query("two"),
        query("none"),
        dict("e"),
        named("absent"),
        named("x-bytes"),
        named("@status"),
        named("@unknown"),
        named("@query-param"),
        of(Component::named("example-dict").with("sf")),
        of(Component::named("date").with("tr")),
        of(Component::named("date").with("novel")),
        of(Component::named("date").with("req")),
        of(Component::named("priority").with("sf").with("bs")),
        of(Component::named("@method").with("sf")),
        of(Component::named("date").with_text("name", "x")),
    ] {
        assert!(matches!(refused, Err(Flaw::Component { .. })), "{refused:?}");
    }
}

/// The vectors of Web Bot Auth, where they are at hand.
#[test]
fn web_bot_auth_vectors_verify() {
    use std::io::Write as _;
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/evidence/web-bot-auth");
    let mut seen = 0;
    for (version, end) in [("v1", 1_735_693_200), ("v2", 4_889_289_600)] {
        let Ok(text) = std::fs::read(folder.join(format!("web_bot_auth_architecture_{version}.json"))) else {
            continue;
        };
        let vectors: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
        for vector in &vectors {
            let text = |name: &str| vector[name].as_str().unwrap_or_default();
            let agent = text("signature_agent");
            let mut fields = signed(&[], text("signature_input"), text("signature"));
            if !agent.is_empty() {
                fields.push(("signature-agent", agent.as_bytes()));
            }
            let rest = text("target_url").strip_prefix("https://example.com").unwrap();
            let get = Request { method: "GET", path: rest, query: None, ..request(&fields) };
            let message = Message::Request(get);
            assert_eq!(verified(&message), Ok(true), "{version} {vector}");
            let signature = Signature::all(&message).unwrap().remove(0);
            let demand = Demand {
                components: &["@authority"],
                tag: Some("web-bot-auth"),
                max_age_s: i64::MAX,
                expires: true,
                nonce: true,
                ..Demand::default()
            };
            assert_eq!(
                (signature.check(&demand, end - 1).is_ok(), signature.check(&demand, end).is_ok()),
                (true, false)
            );
            assert_eq!(verified(&Message::Request(Request { authority: "example.net", ..get })), Ok(false));
            if !agent.is_empty() {
                let fields = &fields[..fields.len() - 1];
                let without = Message::Request(Request { fields, ..get });
                assert!(matches!(verified(&without), Err(Flaw::Component { .. })));
            }
            seen += 1;
        }
    }
    if seen == 0 {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is not there", folder.display());
    } else {
        assert_eq!(seen, 8);
    }
}
