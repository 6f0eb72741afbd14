//! Delegations that narrow, payments signed by the principal, AP2 v0.1, and what each may be counted as.

use super::make::{Person, Story, digest, hop};
use super::{NOW, addressed, at};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_core::Timestamp;
use tollgate_pay::json::Json;
use tollgate_pay::mandate::{
    Addressed, Chain, Es256Key, Expect, Frequency, Refusal, Trust, Version1, Version1Payment,
    verify_version_1,
};

fn to_json(value: &Value) -> Json {
    Json::parse(value.to_string().as_bytes()).unwrap()
}

fn verify(token: &str, key: &Es256Key, hops: &[Addressed]) -> Result<Chain, Refusal> {
    Chain::verify(token, |kid| (kid == "user-key-1").then(|| key.clone()), &Expect { hops, now: at(NOW) })
}

/// A chain of three: the agent hands its mandate on to another, with constraints of its own.
fn handed_on(story: &Story, narrower: &Value, closed: &Value) -> String {
    let sub = Person::new(11);
    let first = story.first();
    let open = json!({"vct": "mandate.payment.open.1", "constraints": narrower, "cnf": {"jwk": sub.jwk()}});
    let second = hop(&story.agent, &open, &first, "kb+sd-jwt+kb", &json!({"nonce": "n-sub"}));
    let third = hop(&sub, closed, &second, "kb+sd-jwt", &json!({}));
    format!("{first}~{second}~{third}")
}

fn a_constraint() -> impl Strategy<Value = Value> {
    let party = || prop_oneof![Just("s-1"), Just("s-2")];
    prop_oneof![
        (0..40i64, 0..60i64, prop_oneof![Just("USD"), Just("EUR")]).prop_map(
            |(min, max, c)| json!({"type": "payment.amount_range", "currency": c, "min": min, "max": max})
        ),
        (0..2i64).prop_map(|max| json!({"type": "payment.budget", "currency": "USD", "max": max})),
        proptest::collection::vec(party(), 0..2).prop_map(|ids| {
            let allowed: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
            json!({"type": "payment.allowed_payees", "allowed": allowed})
        }),
        prop_oneof![Just("tx-1"), Just("tx-2")]
            .prop_map(|tx| json!({"type": "payment.reference", "conditional_transaction_id": tx})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_delegation_only_narrows(
        parent in proptest::collection::vec(a_constraint(), 0..3),
        child in proptest::collection::vec(a_constraint(), 0..3),
        minor in 1..70i64,
        payee in prop_oneof![Just("s-1"), Just("s-2")],
    ) {
        let mut story = Story::new(&json!(parent));
        story.closed["payment_amount"]["amount"] = json!(minor);
        story.closed["payee"] = json!({"id": payee});
        let hops = [addressed("psp.example", "n-sub"), addressed("psp.example", "n-1")];
        let key = story.user.public();
        let direct = verify(&story.token(), &key, &hops[1..]).unwrap().admission(at(NOW));
        let token = handed_on(&story, &json!(child), &story.closed);
        let narrowed = verify(&token, &key, &hops).unwrap().admission(at(NOW));
        // What the sub-agent may do, the agent may do; and the principal's mandate counts it as its own.
        if let Ok(narrowed) = &narrowed {
            let direct = direct.as_ref().unwrap();
            prop_assert_eq!(&narrowed.shares[0], &direct.shares[0]);
            prop_assert_eq!(narrowed.shares.len(), 2);
        }
        // And nothing is refused but for a constraint of one of them.
        let own = Story::new(&json!(child));
        let own = Story { closed: story.closed.clone(), ..own };
        let by_child = verify(&own.token(), &key, &hops[1..]).unwrap().admission(at(NOW));
        prop_assert_eq!(narrowed.is_ok(), direct.is_ok() && by_child.is_ok());
    }
}

#[test]
fn what_is_shown_and_how_a_signature_is_spelled_begin_no_new_count() {
    let story = Story::new(&json!([{"type": "payment.budget", "currency": "USD", "max": 100}]));
    let key = story.user.public();
    let named = |token: &str| {
        let chain = verify(token, &key, &[addressed("psp.example", "n-1")]).unwrap();
        chain.admission(at(NOW)).unwrap()
    };
    let first = named(&story.token());
    // The second spelling of the principal's signature, and a payment signed over it.
    let (signed, rest) = story.first().split_once('~').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let (body, signature) = signed.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let parsed = p256::ecdsa::Signature::from_slice(&bytes).unwrap();
    let (r, s) = parsed.split_scalars();
    let twin = p256::ecdsa::Signature::from_scalars(r, -*s).unwrap();
    let other = format!("{body}.{}~{rest}", URL_SAFE_NO_PAD.encode(twin.to_bytes()));
    let second = named(&format!("{other}~{}", story.second(&other)));
    assert_eq!(first.shares, second.shares, "the same mandate");
    assert_eq!(first.transaction, second.transaction, "the same transaction");
}

#[test]
fn a_mandate_says_how_often_and_until_when() {
    let recurring = json!([
        {"type": "payment.amount_range", "currency": "USD", "max": 5000},
        {"type": "payment.budget", "currency": "USD", "max": 100},
        {"type": "payment.agent_recurrence", "frequency": "MONTHLY", "max_occurrences": 3},
    ]);
    let hops = [addressed("psp.example", "n-1")];
    let mut story = Story::new(&recurring);
    story.claims = json!({"exp": NOW + 60});
    let admission = verify(&story.token(), &story.user.public(), &hops).unwrap().admission(at(NOW)).unwrap();
    let [share] = admission.shares.as_slice() else { unreachable!() };
    assert_eq!((share.period, share.occurrences), (Some(Frequency::Monthly), Some(3)));
    assert_eq!(share.budget.map(|budget| budget.minor()), Some(10_000));
    assert_eq!(admission.until, Some(at(NOW + 360)), "its exp with the tolerance for clocks");
    let bare = Story::new(&json!([]));
    let once = verify(&bare.token(), &bare.user.public(), &hops).unwrap().admission(at(NOW)).unwrap();
    assert_eq!(once.shares[0].occurrences, Some(1), "no budget and no recurrence: one payment");
    let twice = json!([recurring[0], recurring[1], recurring[2], recurring[2]]);
    let twice = Story::new(&twice);
    let chain = verify(&twice.token(), &twice.user.public(), &hops).unwrap();
    assert!(matches!(chain.admission(at(NOW)), Err(Refusal::Unmet { .. })));
}

#[test]
fn periods_end_at_midnight_utc_whatever_the_offset_of_a_clock() {
    let moment = |text: &str| Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    for (frequency, last, now, allowed) in [
        (Frequency::Daily, "2026-03-08T23:59:59Z", "2026-03-09T00:00:00Z", true),
        (Frequency::Daily, "2026-03-09T00:00:00+14:00", "2026-03-08T23:59:59Z", false),
        (Frequency::Daily, "2026-03-08T00:30:00-10:00", "2026-03-08T23:59:59Z", false),
        (Frequency::Weekly, "2026-11-29T23:59:59Z", "2026-11-30T00:00:00Z", true),
        (Frequency::Weekly, "2026-11-23T00:00:00Z", "2026-11-29T23:59:59Z", false),
        (Frequency::Monthly, "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z", true),
        (Frequency::Quarterly, "2026-03-31T23:59:59Z", "2026-04-01T00:00:00Z", true),
        (Frequency::Annually, "2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00Z", true),
        // Time that ran back allows nothing.
        (Frequency::Daily, "2026-03-09T00:00:00Z", "2026-03-08T00:00:00Z", false),
    ] {
        assert_eq!(frequency.allows(moment(last), moment(now)), Some(allowed), "{frequency:?} {last} {now}");
    }
}

/// Header, payload and signature, without parts that are shown.
fn jws(by: &Person, header: &Value, payload: &Value) -> String {
    by.sign(header, payload, &[]).trim_end_matches('~').to_owned()
}

#[test]
fn a_payment_that_the_principal_signed_is_its_own_mandate() {
    let story = Story::new(&json!([]));
    let mut payload = story.closed.clone();
    for (name, value) in [
        ("iat", json!(NOW)),
        ("exp", json!(NOW + 60)),
        ("aud", json!("psp.example")),
        ("nonce", json!("n-1")),
    ] {
        payload[name] = value;
    }
    let header = json!({"alg": "ES256", "typ": "mandate+jwt", "kid": "user-key-1"});
    let key = story.user.public();
    let check = |token: &str, nonce: &str, now: i64| {
        let root = |kid: &str| (kid == "user-key-1").then(|| key.clone());
        Chain::verify_single(token, root, &addressed("psp.example", nonce), at(now))
    };
    let token = jws(&story.user, &header, &payload);
    let admission = check(&token, "n-1", NOW).unwrap().admission(at(NOW)).unwrap();
    assert_eq!((admission.amount.minor(), admission.shares[0].occurrences), (1_000, Some(1)));
    assert!(check(&token, "n-2", NOW).is_err(), "another nonce");
    assert!(check(&token, "n-1", NOW + 360).is_err(), "too late");
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        check(&jws(&story.user, &header, &payload), "n-1", NOW)
    };
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("es256")),
        ("typ", json!("kb+sd-jwt")),
        ("crit", json!(["b64"])),
    ] {
        assert!(with(name, value.clone()).is_err(), "{name} {value}");
    }
    // A key in the header is nobody's key.
    let agents = json!({"alg": "ES256", "typ": "mandate+jwt", "kid": "other", "jwk": story.agent.jwk()});
    assert!(check(&jws(&story.agent, &agents, &payload), "n-1", NOW).is_err());
}

/// A cart, its payment and an intent of AP2 v0.1.
struct Shop {
    merchant: Person,
    issuer: Person,
    user: Person,
    contents: Value,
    payment: Value,
    intent: Value,
}

impl Shop {
    fn new() -> Self {
        let total = json!({"label": "Total", "amount": {"currency": "USD", "value": 120.5}});
        Self {
            merchant: Person::new(21),
            issuer: Person::new(22),
            user: Person::new(23),
            contents: json!({
                "id": "cart_1", "user_cart_confirmation_required": true, "merchant_name": "Shoes & Co",
                "cart_expiry": "2026-11-27T13:00:00Z",
                "payment_request": {
                    "method_data": [{"supported_methods": "CARD", "data": {}}],
                    "details": {"id": "order_1", "display_items": [total], "total": total},
                },
            }),
            payment: json!({
                "payment_mandate_id": "pm_1", "payment_details_id": "order_1", "payment_details_total": total,
                "payment_response": {"request_id": "order_1", "method_name": "CARD"},
                "merchant_agent": "ShoesAgent", "timestamp": "2026-11-27T12:00:00Z",
            }),
            intent: json!({"natural_language_description": "shoes", "intent_expiry": "2026-11-28T00:00:00Z",
                "merchants": ["Shoes & Co"]}),
        }
    }

    /// Signs what stands here, lets `change` spoil it, and checks it.
    fn check(&self, change: impl Fn(&mut Value, &mut Value, &mut Value)) -> Result<i128, Refusal> {
        self.found(true, change).map(|found| found.amount.minor())
    }

    fn found(
        &self,
        with_intent: bool,
        change: impl Fn(&mut Value, &mut Value, &mut Value),
    ) -> Result<Version1Payment, Refusal> {
        let hash = |value: &Value| digest(&to_json(value).canonical_foreign().unwrap());
        let (cart_hash, payment_hash) = (hash(&self.contents), hash(&self.payment));
        let merchant = jws(
            &self.merchant,
            &json!({"alg": "ES256", "kid": "m-1"}),
            &json!({"iss": "m", "iat": NOW, "exp": NOW + 600, "cart_hash": cart_hash}),
        );
        let credential = self.issuer.sign(
            &json!({"alg": "ES256", "kid": "i-1", "typ": "dc+sd-jwt"}),
            &json!({"iss": "i", "exp": NOW + 9_999, "cnf": {"jwk": self.user.jwk()}}),
            &[],
        );
        let bound = jws(
            &self.user,
            &json!({"alg": "ES256", "typ": "kb+jwt"}),
            &json!({"iat": NOW, "aud": "psp.example", "nonce": "n-1", "sd_hash": digest(&credential),
                "transaction_data": [cart_hash, payment_hash]}),
        );
        let mut cart = json!({"contents": self.contents, "merchant_authorization": merchant});
        let mut payment = json!({"payment_mandate_contents": self.payment, "user_authorization": format!("{credential}{bound}")});
        let mut intent = self.intent.clone();
        change(&mut cart, &mut payment, &mut intent);
        let (cart, payment, intent) = (to_json(&cart), to_json(&payment), to_json(&intent));
        let objects = Version1 { cart: &cart, payment: &payment, intent: with_intent.then_some(&intent) };
        let trust = Trust {
            merchant: &|kid| (kid == "m-1").then(|| ("Shoes & Co".into(), self.merchant.public())),
            user: &|kid| (kid == "i-1").then(|| self.issuer.public()),
            addressed: &addressed("psp.example", "n-1"),
        };
        verify_version_1(&objects, &trust, at(NOW))
    }
}

/// What is forgotten when depends on nothing but what was signed: an intent of the presenter's own, that ends in a minute, must not
/// let the same tokens be admitted again.
#[test]
fn version_1_names_are_kept_as_long_as_what_they_name() {
    let shop = Shop::new();
    let bare = shop.found(false, |_, _, _| {}).unwrap();
    let soon =
        shop.found(true, |_, _, intent| intent["intent_expiry"] = json!("2026-11-27T12:01:00Z")).unwrap();
    assert_eq!(bare, soon);
    // The user's tokens end later than the cart, and the cart's signature ends it: each is kept as long as itself.
    let skewed = |seconds: i64| Some(at(NOW + seconds + 300));
    assert_eq!((soon.admission.until, soon.admission.shares[0].until), (skewed(9_999), skewed(600)));
    // A cart in another merchant's name, signed by one that is trusted too.
    let mut other = Shop::new();
    other.contents["merchant_name"] = json!("Other");
    other.intent["merchants"] = json!(["Other"]);
    assert!(matches!(other.check(|_, _, _| {}), Err(Refusal::Unmet { constraint: "merchant_name", .. })));
}

#[test]
fn version_1_carts_are_bound_to_their_payment() {
    let shop = Shop::new();
    assert_eq!(shop.check(|_, _, _| {}), Ok(12_050));
    let refused = |change: fn(&mut Value, &mut Value, &mut Value)| shop.check(change).is_err();
    assert!(refused(|cart, _, _| cart["contents"]["merchant_name"] = json!("Other")));
    assert!(refused(
        |cart, _, _| cart["contents"]["payment_request"]["details"]["total"]["amount"]["value"] = json!(1.0)
    ));
    assert!(refused(|_, payment, _| payment["payment_mandate_contents"]["merchant_agent"] = json!("Other")));
    assert!(refused(|_, payment, _| payment["user_authorization"] = json!("a.b.c")));
    assert!(refused(|cart, _, _| cart["merchant_authorization"] = Value::Null));
    assert!(refused(|_, _, intent| intent["merchants"] = json!(["Others"])));
    assert!(
        refused(|_, _, intent| intent["skus"] = json!(["sku-1"])),
        "what a cart does not show is not met"
    );
    assert!(
        refused(|_, _, intent| intent["intent_expiry"] = json!("2026-11-27T14:00:00+02:00")),
        "an offset is read"
    );
    // The canonical form does not see spaces, order, or spellings of a number: those may change.
    let spelled = shop.check(|cart, _, _| {
        cart["contents"]["payment_request"]["details"]["total"]["amount"]["value"] = json!(120.50);
    });
    assert_eq!(spelled, Ok(12_050));
    // Signed by all, and still wrong: amounts that differ, and cents of a yen.
    let mut other = Shop::new();
    other.payment["payment_details_total"]["amount"]["value"] = json!(120.49);
    assert!(matches!(other.check(|_, _, _| {}), Err(Refusal::Unmet { constraint: "total", .. })));
    let mut yen = Shop::new();
    for total in
        [&mut yen.payment["payment_details_total"], &mut yen.contents["payment_request"]["details"]["total"]]
    {
        total["amount"] = json!({"currency": "JPY", "value": 120.5});
    }
    assert!(yen.check(|_, _, _| {}).is_err());
}
