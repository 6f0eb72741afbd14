//! Signed HTTP messages: the published vectors of Web Bot Auth, and responses signed here.

use crate::data::file;
use crate::forge::{NOW, bound_only, ed25519, judge, signer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tollgate_core::Timestamp;
use tollgate_evidence::{Bind, Check, Collateral, Kind, Policy, PublicKey, Refusal, Signer, verify};
use tollgate_pay::json::Json;
use tollgate_wire::httpsig::{Component, Draft, Message, Request, content_digest};

const BODY: &[u8] = br#"{"price":{"usd":3804}}"#;

/// A response to a request, signed with a seed over these components. `bind` stands in both messages' fields.
fn response(bind: &str, covered: &[&str], seed: u8, body: &[u8]) -> Vec<u8> {
    let asked: Vec<(&str, &[u8])> = vec![("tollgate-bind", bind.as_bytes())];
    let digest = content_digest(BODY);
    let mut fields: Vec<(&str, &[u8])> =
        vec![("content-digest", digest.as_bytes()), ("tollgate-bind", bind.as_bytes())];
    let request = Request {
        method: "GET",
        scheme: "https",
        authority: "api.example",
        path: "/p",
        query: None,
        fields: &asked,
    };
    let message = Message::Response { status: 200, fields: &fields, request: Some(request) };
    let component = |id: &&str| match id.strip_suffix(";req") {
        Some(name) => Component::named(name).with("req"),
        None => Component::named(id),
    };
    let draft =
        Draft::new("sig", covered.iter().map(component).collect()).time("created", NOW).text("keyid", "k");
    let signature = ed25519(seed).sign(draft.base(&message).unwrap().as_bytes());
    let (input, value) = draft.fields(signature.as_ref());
    fields.extend([("signature-input", input.as_bytes()), ("signature", value.as_bytes())]);
    let pairs = |fields: &[(&str, &[u8])]| -> Vec<Value> {
        fields.iter().map(|(name, value)| json!([name, String::from_utf8_lossy(value)])).collect()
    };
    json!({"request": {"method": "GET", "scheme": "https", "authority": "api.example", "path": "/p", "fields": pairs(&asked)},
        "response": {"status": 200, "fields": pairs(&fields), "body": STANDARD.encode(body)}})
    .to_string()
    .into_bytes()
}

fn policy() -> Policy {
    Policy { signers: vec![signer(20, Kind::HttpSignature, "shop", None)], ..Policy::default() }
}

#[test]
fn responses_are_of_one_task() {
    for covered in
        [&["@status", "content-digest", "tollgate-bind"], &["@status", "content-digest", "tollgate-bind;req"]]
    {
        bound_only(Kind::HttpSignature, &policy(), &[], &|bind| {
            response(&bind.to_string(), covered, 20, BODY)
        });
    }
    let bind = Bind([7; 64]);
    let loose = response(&bind.to_string(), &["@status", "content-digest"], 20, BODY);
    let refusal = judge(Kind::HttpSignature, &loose, &policy(), &[], Some(&bind)).unwrap_err();
    assert_eq!(refusal.code(), "unbound", "a field that is not covered binds nothing");
}

/// A signature over the whole URI is over one text; where authority and path begin in it is not whoever hands it in's to say.
#[test]
fn a_uri_is_taken_apart_in_one_way() {
    let signed = response("b", &["@status", "content-digest", "@target-uri;req"], 20, BODY);
    let good: Value = serde_json::from_slice(&signed).unwrap();
    let code = |parts: [&str; 3], query: Option<&str>| {
        let mut changed = good.clone();
        for (name, part) in ["scheme", "authority", "path"].into_iter().zip(parts) {
            changed["request"][name] = json!(part);
        }
        if let Some(query) = query {
            changed["request"]["query"] = json!(query);
        }
        let verdict = judge(Kind::HttpSignature, changed.to_string().as_bytes(), &policy(), &[], None);
        verdict.map_or_else(|refusal| refusal.code(), |_| "accepted")
    };
    assert_eq!(code(["https", "api.example", "/p"], None), "accepted");
    // Each of these is the same text, or would be of a longer one.
    assert_eq!(code(["https", "api.example/p", ""], None), "malformed");
    assert_eq!(code(["https", "api.example/", "p"], None), "malformed");
    for authority in
        ["api.example/users", "user@api.example", "api.example?", "api.example#", "api example", ""]
    {
        assert_eq!(code(["https", authority, "/p"], None), "malformed", "{authority}");
    }
    for path in ["/p?x=1", "/p#x", "p", "", "/p\n"] {
        assert_eq!(code(["https", "api.example", path], None), "malformed", "{path}");
    }
    assert_eq!(code(["https", "api.example", "/p"], Some("x#y")), "malformed");
    assert_eq!(code(["https://api.example/?to=https", "bank.example", "/p"], None), "malformed");
    assert_eq!(code(["https", "api.example", "/q"], None), "signature");
}

#[test]
fn responses_are_refused_by_name() {
    let code = |evidence: &[u8]| {
        let verdict = judge(Kind::HttpSignature, evidence, &policy(), &[], None);
        verdict.map_or_else(|refusal| refusal.code(), |_| "accepted")
    };
    let all = ["@status", "content-digest", "@method;req", "@authority;req", "@path;req"];
    let good = response("b", &all, 20, BODY);
    assert_eq!(code(&good), "accepted");
    let claims = judge(Kind::HttpSignature, &good, &policy(), &[], None).unwrap();
    assert_eq!(claims.fact("authority"), Some(&"api.example".into()));
    assert_eq!(claims.fact("status"), Some(&200.into()));
    assert_eq!(claims.fact("body"), Some(&String::from_utf8_lossy(BODY).into_owned().into()));
    assert_eq!(code(&response("b", &all, 21, BODY)), "signature");
    assert_eq!(code(&response("b", &all, 20, b"{}")), "mismatch", "another body");
    assert_eq!(code(&response("b", &all[1..], 20, BODY)), "mismatch", "the status is not covered");
    assert_eq!(code(&response("b", &["@status"], 20, BODY)), "mismatch", "the body is not covered");
    // What is not covered is no fact.
    let fewer =
        judge(Kind::HttpSignature, &response("b", &all[..2], 20, BODY), &policy(), &[], None).unwrap();
    assert_eq!(fewer.fact("authority"), None);
    for (from, to) in [("\"status\":200", "\"status\":201"), ("api.example", "api.evil"), ("/p", "/q")] {
        let text = String::from_utf8(good.clone()).unwrap().replace(from, to);
        assert_eq!(code(text.as_bytes()), "signature", "{from} to {to}");
    }
    let at = |seconds: i64| {
        let (policy, collateral) = (policy(), Collateral::default());
        let check = Check {
            at: Timestamp(seconds * 1_000_000),
            policy: &policy,
            collateral: &collateral,
            bind: None,
        };
        verify(Kind::HttpSignature, &good, &check).map_or_else(|refusal| refusal.code(), |_| "accepted")
    };
    assert_eq!([at(NOW + 86_400), at(NOW + 86_401), at(NOW - 301)], ["accepted", "time", "time"]);
}

/// A published vector as evidence, with its key, and when it was made.
fn vector(case: &Value) -> (Vec<u8>, Policy, i64) {
    let text = |name: &str| case[name].as_str().map(str::to_owned);
    let target = text("target_url").unwrap();
    let (authority, path) = target.strip_prefix("https://").unwrap().split_once('/').unwrap();
    let input = text("signature_input").unwrap();
    let mut fields =
        vec![json!(["signature", text("signature").unwrap()]), json!(["signature-input", input])];
    fields.extend(text("signature_agent").map(|agent| json!(["signature-agent", agent])));
    let mut jwk = case["key"].clone();
    for secret in ["d", "p", "q", "dp", "dq", "qi"] {
        jwk.as_object_mut().unwrap().remove(secret);
    }
    let key = PublicKey::from_jwk(&Json::parse(jwk.to_string().as_bytes()).unwrap()).unwrap();
    let signer = Signer {
        issuer: None,
        key,
        kinds: vec![Kind::HttpSignature],
        name: "bot".into(),
        role: "agent".into(),
    };
    let evidence = json!({"request": {"method": "GET", "scheme": "https", "authority": authority,
        "path": format!("/{path}"), "fields": fields}});
    let made = case["created_ms"].as_i64().unwrap() / 1000;
    (evidence.to_string().into_bytes(), Policy { signers: vec![signer], ..Policy::default() }, made)
}

#[test]
fn published_vectors_of_web_bot_auth_verify_in_their_time() {
    for name in ["web_bot_auth_architecture_v1.json", "web_bot_auth_architecture_v2.json"] {
        let Some(text) = file(&format!("web-bot-auth/{name}")) else { return };
        let cases: Vec<Value> = serde_json::from_slice(&text).unwrap();
        assert_eq!(cases.len(), 4);
        for case in &cases {
            let (evidence, policy, made) = vector(case);
            let collateral = Collateral::default();
            let at = |seconds: i64, evidence: &[u8]| {
                let check = Check {
                    at: Timestamp(seconds * 1_000_000),
                    policy: &policy,
                    collateral: &collateral,
                    bind: None,
                };
                verify(Kind::HttpSignature, evidence, &check)
            };
            let claims = at(made, &evidence).unwrap_or_else(|refusal: Refusal| panic!("{name}: {refusal}"));
            assert_eq!(claims.fact("tag"), Some(&"web-bot-auth".into()));
            assert_eq!(claims.fact("authority"), Some(&"example.com".into()));
            assert_eq!(claims.fact("path"), None, "it is not covered");
            let late = if name.contains("v1") { 3_600 } else { 86_401 };
            assert_eq!(at(made + late, &evidence).unwrap_err().code(), "time", "{name}");
            for byte in (0..evidence.len()).step_by(7) {
                let mut changed = evidence.clone();
                changed[byte] ^= 1;
                if let Ok(after) = at(made, &changed) {
                    assert_eq!(after, claims, "{name}: byte {byte}");
                }
            }
        }
    }
}
