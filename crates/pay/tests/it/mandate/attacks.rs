//! Ways to cheat with a chain, each refused with its reason.

use super::make::{Person, Story, digest, element, hop};
use super::{NOW, accept, accept_hops, addressed};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_pay::mandate::{HOPS_MAX, Refusal, Usage};

fn story() -> Story {
    Story::new(&json!([{"type": "payment.amount_range", "currency": "USD", "min": 100, "max": 5000}]))
}

fn refused(story: &Story) -> Refusal {
    refused_token(story, &story.token())
}

fn refused_token(story: &Story, token: &str) -> Refusal {
    accept(token, &story.user.public(), &Usage::default(), NOW).unwrap_err()
}

#[test]
fn the_honest_chain_is_accepted_once_by_name() {
    let story = story();
    let chain = accept(&story.token(), &story.user.public(), &Usage::default(), NOW).unwrap();
    assert_eq!((chain.principal.as_str(), chain.closed.amount.minor()), ("user-key-1", 1000));
    let again = accept(&story.token(), &story.user.public(), &Usage::default(), NOW).unwrap();
    assert_eq!(chain.id, again.id);
}

#[test]
fn another_signer_is_refused() {
    let mut story = story();
    let user = story.user.public();
    story.user = Person::new(66);
    let forged = accept(&story.token(), &user, &Usage::default(), NOW).unwrap_err();
    assert!(matches!(forged, Refusal::Signature { hop: 0, .. }));
    let mut story = self::story();
    story.agent = Person::new(66);
    assert!(matches!(refused(&story), Refusal::Signature { hop: 1, .. }));
}

#[test]
fn a_payment_for_another_mandate_is_refused() {
    let (one, other) =
        (story(), Story::new(&json!([{"type": "payment.amount_range", "currency": "USD", "max": 1}])));
    let spliced = format!("{}~{}", one.first(), one.second(&other.first()));
    assert!(matches!(refused_token(&one, &spliced), Refusal::Spliced { hop: 1 }));
}

#[test]
fn audience_nonce_and_time_are_checked() {
    let cases: [(Value, &str); 8] = [
        (json!({"aud": "other.example"}), "aud"),
        (json!({"aud": null}), "aud"),
        (json!({"nonce": "n-2"}), "nonce"),
        (json!({"nonce": null}), "nonce"),
        (json!({"iat": null}), "iat"),
        (json!({"iat": NOW + 301}), "iat"),
        (json!({"exp": NOW - 300}), "exp"),
        (json!({"iat": "now"}), "iat"),
    ];
    for (claims, named) in cases {
        let mut story = story();
        story.claims = claims.clone();
        assert!(refused(&story).to_string().contains(named), "{claims}: {}", refused(&story));
    }
    let mut story = story();
    story.claims = json!({"iat": NOW + 300, "exp": NOW - 299});
    accept(&story.token(), &story.user.public(), &Usage::default(), NOW).unwrap();
    story.open["exp"] = json!(NOW - 300);
    assert!(matches!(refused(&story), Refusal::Time { hop: 0, claim: "exp", .. }));
}

#[test]
fn a_hidden_constraint_is_refused() {
    let (slot, part) = element(&json!({"type": "payment.budget", "max": 1, "currency": "USD"}));
    let story = Story::new(&json!([{"type": "payment.amount_range", "currency": "USD", "max": 5000}, slot]));
    assert!(matches!(refused(&story), Refusal::Hidden { hop: 0, .. }));
    // The digest of a whole member hidden in the mandate.
    let mut story = self::story();
    story.open["_sd"] = json!([digest(&part)]);
    assert!(matches!(refused(&story), Refusal::Hidden { hop: 0, .. }));
    // The mandate itself.
    let story = self::story();
    let first = story.first();
    let bare = format!("{}~", first.split('~').next().unwrap());
    let token = format!("{bare}~{}", story.second(&bare));
    assert!(matches!(refused_token(&story, &token), Refusal::Hidden { hop: 0, .. }));
}

/// What the holder does not show, or nobody here knows, might be a limit.
#[test]
fn a_constraint_is_shown_whole_and_known_whole() {
    let member =
        |name: &str, value: &Value| digest(&URL_SAFE_NO_PAD.encode(json!(["salt", name, value]).to_string()));
    let whole = json!({"type": "payment.execution_date", "not_before": "2026-01-01"});
    let mut hidden = whole.clone();
    hidden["_sd"] = json!([member("not_after", &json!("2026-02-01"))]);
    let wrong = refused(&Story::new(&json!([hidden])));
    assert!(matches!(wrong, Refusal::Hidden { hop: 0, .. }), "{wrong}");
    for (kind, name) in
        [("payment.budget", "period"), ("payment.amount_range", "Max"), ("payment.allowed_payees", "until")]
    {
        let mut constraint =
            json!({"type": kind, "currency": "USD", "max": 5000, "allowed": [{"id": "s-1"}]});
        if kind != "payment.allowed_payees" {
            constraint.as_object_mut().unwrap().remove("allowed");
        } else {
            constraint = json!({"type": kind, "allowed": [{"id": "s-1"}]});
        }
        accept(&Story::new(&json!([constraint])).token(), &Person::new(7).public(), &Usage::default(), NOW)
            .unwrap();
        constraint[name] = json!("1");
        let wrong = refused(&Story::new(&json!([constraint])));
        assert!(matches!(wrong, Refusal::Unresolved { .. }), "{wrong}");
    }
    accept(&Story::new(&json!([whole])).token(), &Person::new(7).public(), &Usage::default(), NOW).unwrap();
}

/// An end of the token's time counts when it is shown, and must be shown.
#[test]
fn an_end_that_may_be_hidden_counts() {
    let story = story();
    let (slot, shown) = element(&story.open);
    let end = URL_SAFE_NO_PAD.encode(json!(["salt", "exp", NOW - 300]).to_string());
    let header = json!({"alg": "ES256", "typ": "example+sd-jwt", "kid": "user-key-1"});
    let payload = json!({"delegate_payload": [slot], "_sd": [digest(&end)]});
    for (parts, is_shown) in [(vec![shown.clone(), end], true), (vec![shown], false)] {
        let first = story.user.sign(&header, &payload, &parts);
        let wrong = refused_token(&story, &format!("{first}~{}", story.second(&first)));
        let is = match wrong {
            Refusal::Time { hop: 0, claim: "exp", .. } => is_shown,
            Refusal::Hidden { hop: 0, .. } => !is_shown,
            _ => false,
        };
        assert!(is, "{wrong}");
    }
}

#[test]
fn parts_that_do_not_belong_are_refused() {
    let story = story();
    let (_, stray) = element(&json!("stray"));
    let (open, part) = element(&story.open);
    let header = json!({"alg": "ES256", "typ": "example+sd-jwt", "kid": "user-key-1"});
    let sign = |payload: &Value, shown: &[String]| {
        let first = story.user.sign(&header, payload, shown);
        format!("{first}~{}", story.second(&first))
    };
    let payload = json!({"delegate_payload": [open]});
    accept(&sign(&payload, std::slice::from_ref(&part)), &story.user.public(), &Usage::default(), NOW)
        .unwrap();
    let twice = json!({"delegate_payload": [open, open]});
    let sha512 = json!({"delegate_payload": [open], "_sd_alg": "sha-512"});
    let cases = [
        (&payload, vec![part.clone(), stray]),
        (&payload, vec![part.clone(), part.clone()]),
        (&twice, vec![part.clone()]),
        (&sha512, vec![part.clone()]),
        (&payload, vec![part.clone(), "!".into()]),
    ];
    for (payload, shown) in cases {
        let refusal = refused_token(&story, &sign(payload, &shown));
        assert!(matches!(refusal, Refusal::Unreadable { hop: 0, .. }), "{refusal}");
    }
}

#[test]
fn other_algorithms_types_and_headers_are_refused() {
    let story = story();
    for header in [
        json!({"alg": "none", "kid": "user-key-1"}),
        json!({"alg": "HS256", "kid": "user-key-1"}),
        json!({"alg": "ES256", "kid": "user-key-1", "crit": ["exp"]}),
        json!({"alg": "ES256", "kid": "user-key-2"}),
        json!({"alg": "ES256", "jwk": story.user.jwk()}),
    ] {
        let (slot, part) = element(&story.open);
        let first = story.user.sign(&header, &json!({"delegate_payload": [slot]}), &[part]);
        let token = format!("{first}~{}", story.second(&first));
        assert!(matches!(refused_token(&story, &token), Refusal::Unreadable { hop: 0, .. }), "{header}");
    }
    let mut story = self::story();
    story.typ = "kb+sd-jwt+kb";
    assert!(matches!(refused(&story), Refusal::Unreadable { hop: 1, .. }));
    let mut story = self::story();
    story.closed["cnf"] = json!({"jwk": story.agent.jwk()});
    assert!(matches!(refused(&story), Refusal::Unreadable { hop: 1, .. }));
}

/// The user lets an agent pay, the agent lets a sub-agent pay less.
fn delegated(narrower: &Value, pays: i64) -> (Story, String) {
    let (mut story, sub) = (story(), Person::new(11));
    let middle = json!({"vct": "mandate.payment.open.1", "constraints": narrower, "cnf": {"jwk": sub.jwk()}});
    story.closed["payment_amount"]["amount"] = json!(pays);
    let first = story.first();
    let second =
        hop(&story.agent, &middle, &first, "kb+sd-jwt+kb", &json!({"aud": "sub.example", "nonce": "n-0"}));
    let third = hop(&sub, &story.closed, &second, "kb+sd-jwt", &json!({}));
    let token = format!("{first}~{second}~{third}");
    (story, token)
}

#[test]
fn a_delegation_can_only_narrow() {
    let hops = [addressed("sub.example", "n-0"), addressed("psp.example", "n-1")];
    let accept = |narrower: Value, pays: i64| {
        let (story, token) = delegated(&narrower, pays);
        accept_hops(&token, &story.user.public(), &Usage::default(), NOW, &hops).map(|chain| chain.open.len())
    };
    let range = |max: i64| json!([{"type": "payment.amount_range", "currency": "USD", "max": max}]);
    assert_eq!(accept(range(2000), 1500), Ok(2));
    assert!(accept(range(2000), 2500).is_err(), "the narrower mandate binds");
    assert!(accept(range(900_000), 6000).is_err(), "the wider one cannot widen the first");
    assert!(accept(json!([]), 6000).is_err());
    // Every hop has its own audience and nonce; those of an intermediate hop are not skipped.
    let (story, token) = delegated(&range(2000), 1500);
    for hops in [
        vec![addressed("psp.example", "n-0"), addressed("psp.example", "n-1")],
        vec![addressed("sub.example", "n-1"), addressed("psp.example", "n-1")],
        vec![addressed("psp.example", "n-1")],
    ] {
        let verdict = accept_hops(&token, &story.user.public(), &Usage::default(), NOW, &hops);
        assert!(verdict.is_err(), "{hops:?}");
    }
}

#[test]
fn bounds_are_reached() {
    let story = story();
    let long = ["a.b.c"; HOPS_MAX + 1].join("~~");
    assert!(refused_token(&story, &long).to_string().contains("2 to 8 hops"));
    assert!(refused_token(&story, &"x".repeat((1 << 16) + 1)).to_string().contains("64 KiB"));
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    assert!(tollgate_pay::json::Json::parse(deep.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-zA-Z0-9_.~-]{0,200}") {
        let story = story();
        prop_assert!(accept(&text, &story.user.public(), &Usage::default(), NOW).is_err());
    }
}
