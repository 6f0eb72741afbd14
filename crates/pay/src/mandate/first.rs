//! AP2 v0.1: a cart that the merchant signed, a payment that the user authorised over its hash, and an intent.
//!
//! Three JSON objects. The merchant's JWT (`merchant_authorization`) carries the cart's hash; the user's presentation
//! (`user_authorization`, an SD-JWT with key binding) carries in `transaction_data` the hashes of the cart and of the
//! payment. Hashes are SHA-256 over RFC 8785 bytes, as base64url. Amounts are decimal numbers in whole units: they are read
//! digit by digit with the currency's own exponent, never as floats.

use super::admission::transaction;
use super::chain::{challenge, in_time};
use super::disclose::{digest, disclose};
use super::jws::{Es256Key, Jws};
use super::period::moments;
use super::{Addressed, Refusal, TOKEN_BYTES_MAX, exponent, minor_units};
use crate::json::Json;
use crate::ledger::{Admission, Share};
use sha2::{Digest as _, Sha256};
use smallvec::smallvec;
use tollgate_core::{Amount, Asset, Digest, Timestamp};

/// The objects of one payment.
#[derive(Clone, Copy, Debug)]
pub struct Version1<'a> {
    /// The `CartMandate`.
    pub cart: &'a Json,
    /// The `PaymentMandate`.
    pub payment: &'a Json,
    /// The `IntentMandate`, when there is one.
    pub intent: Option<&'a Json>,
}

/// Whose keys count, and whom the user's presentation must be addressed to.
pub struct Trust<'a> {
    /// The merchant that a key id is of, by the name that its carts have, and the key.
    pub merchant: &'a dyn Fn(&str) -> Option<(String, Es256Key)>,
    /// The key of whoever issued the user's credential, for a key id.
    pub user: &'a dyn Fn(&str) -> Option<Es256Key>,
    /// Audience and nonce of the user's presentation.
    pub addressed: &'a Addressed,
}

/// What was found to be allowed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version1Payment {
    /// Who is paid: the merchant's name in the cart it signed.
    pub merchant: String,
    /// How much.
    pub amount: Amount,
    /// The cart's id.
    pub cart: String,
    /// What the ledger counts.
    pub admission: Admission,
}

/// The places of the objects in errors.
const CART: usize = 0;
const PAYMENT: usize = 1;
const INTENT: usize = 2;

fn bad(object: usize, what: impl Into<String>) -> Refusal {
    Refusal::Unreadable { hop: object, what: what.into() }
}

fn unmet(constraint: &'static str, why: impl Into<String>) -> Refusal {
    Refusal::Unmet { constraint, why: why.into() }
}

fn text<'a>(object: usize, json: &'a Json, name: &str) -> Result<&'a str, Refusal> {
    let found = json.get(name).and_then(Json::text).filter(|text| !text.is_empty());
    found.ok_or_else(|| bad(object, format!("{name} is missing")))
}

fn member<'a>(object: usize, json: &'a Json, path: &[&str]) -> Result<&'a Json, Refusal> {
    let found = path.iter().try_fold(json, |json, name| json.get(name));
    found.ok_or_else(|| bad(object, format!("{} is missing", path.join("."))))
}

fn hash(object: usize, json: &Json) -> Result<String, Refusal> {
    json.canonical_foreign().map(|text| digest(&text)).map_err(|error| bad(object, error.to_string()))
}

/// `{"currency": "USD", "value": 12.5}`.
fn amount(object: usize, json: &Json) -> Result<Amount, Refusal> {
    let code = text(object, json, "currency")?;
    let places = exponent(code).ok_or_else(|| bad(object, format!("currency {code:?} is not known")))?;
    let Some(Json::Number(decimal)) = json.get("value") else {
        return Err(bad(object, "value is no number"));
    };
    let minor = minor_units(decimal, places)
        .ok_or_else(|| bad(object, format!("{decimal} {code} is not whole minor units")))?;
    let asset = Asset::new(code, places).map_err(|error| bad(object, error.to_string()))?;
    if minor <= 0 {
        return Err(bad(object, format!("{decimal} {code}: it must be more than nothing")));
    }
    Ok(Amount::new(minor, asset))
}

/// A moment that is still to come.
fn ahead(object: usize, json: &Json, name: &str, now: Timestamp) -> Result<Timestamp, Refusal> {
    let written = text(object, json, name)?;
    let (_, last) =
        moments(written).ok_or_else(|| bad(object, format!("{name} is no moment: {written:?}")))?;
    if last <= now {
        return Err(unmet("expiry", format!("{name} is {written}")));
    }
    Ok(last)
}

/// Checks that the merchant signed this cart and the user this payment for it, within the intent.
///
/// # Errors
/// The first [`Refusal`]; its hop is 0 for the cart, 1 for the payment, 2 for the intent.
pub fn verify_version_1(
    objects: &Version1<'_>,
    trust: &Trust<'_>,
    now: Timestamp,
) -> Result<Version1Payment, Refusal> {
    let contents = member(CART, objects.cart, &["contents"])?;
    let cart_hash = hash(CART, contents)?;
    let (signer, cart_until) = merchant_signed(objects.cart, &cart_hash, trust, now)?;
    ahead(CART, contents, "cart_expiry", now)?;
    let merchant = text(CART, contents, "merchant_name")?;
    if merchant != signer {
        return Err(unmet("merchant_name", format!("the cart is {merchant:?}'s, and {signer:?} signed it")));
    }
    let details = member(CART, contents, &["payment_request", "details"])?;
    let total = amount(CART, member(CART, details, &["total", "amount"])?)?;

    let payment = member(PAYMENT, objects.payment, &["payment_mandate_contents"])?;
    let (id, user_until) = user_signed(objects.payment, [&cart_hash, &hash(PAYMENT, payment)?], trust, now)?;
    if amount(PAYMENT, member(PAYMENT, payment, &["payment_details_total", "amount"])?)? != total {
        return Err(unmet("total", "the payment has another total than the cart"));
    }
    if text(PAYMENT, payment, "payment_details_id")? != text(CART, details, "id")? {
        return Err(unmet("payment_details_id", "the payment is for other details than the cart's"));
    }
    objects.intent.map(|intent| within(intent, merchant, now)).transpose()?;
    let cart = text(CART, contents, "id")?;
    let mandate = Digest::of_parts([b"tollgate mandate of one payment v1".as_slice(), &id]);
    // A name is forgotten when what it names has ended: the merchant's signature for the cart, the user's for the authorisation.
    // What else was shown, such as an intent that nobody signed, may be shown otherwise the next time.
    let share = Share { budget: None, mandate, occurrences: Some(1), period: None, until: cart_until };
    let admission = Admission {
        amount: total,
        id: Digest(id),
        once: smallvec![challenge(Some(trust.addressed))],
        shares: vec![share],
        // A cart is paid once, whoever of the merchant's customers shows it.
        transaction: transaction(&Sha256::digest(merchant).into(), cart),
        until: user_until,
    };
    Ok(Version1Payment { merchant: merchant.into(), amount: total, cart: cart.into(), admission })
}

/// The merchant's JWT over the cart's hash; answers who it is, and when that ends.
fn merchant_signed(
    cart: &Json,
    wanted: &str,
    trust: &Trust<'_>,
    now: Timestamp,
) -> Result<(String, Option<Timestamp>), Refusal> {
    let jws = Jws::read(CART, bounded(CART, text(CART, cart, "merchant_authorization")?)?)?;
    let kid = jws.header.get("kid").and_then(Json::text).unwrap_or_default();
    let (merchant, key) =
        (trust.merchant)(kid).ok_or_else(|| bad(CART, format!("the merchant's key {kid:?} is not known")))?;
    jws.verify(CART, &key, "the merchant")?;
    if jws.claim("cart_hash") != Some(wanted) {
        return Err(Refusal::Spliced { hop: CART });
    }
    if jws.payload.get("exp").is_none() {
        return Err(bad(CART, "the merchant's authorisation has no exp"));
    }
    Ok((merchant, in_time(CART, &jws.payload, now)?))
}

/// The user's credential with its key binding over both hashes; answers the authorisation's name and when it ends.
fn user_signed(
    payment: &Json,
    hashes: [&String; 2],
    trust: &Trust<'_>,
    now: Timestamp,
) -> Result<([u8; 32], Option<Timestamp>), Refusal> {
    let token = bounded(PAYMENT, text(PAYMENT, payment, "user_authorization")?)?;
    let (credential, binding) =
        token.rsplit_once('~').ok_or_else(|| bad(PAYMENT, "user_authorization has no key binding"))?;
    let mut parts = credential.split('~');
    let issued = Jws::read(PAYMENT, parts.next().unwrap_or_default())?;
    let kid = issued.header.get("kid").and_then(Json::text).unwrap_or_default();
    let key =
        (trust.user)(kid).ok_or_else(|| bad(PAYMENT, format!("the user's key {kid:?} is not known")))?;
    issued.verify(PAYMENT, &key, "the issuer of the user's credential")?;
    let claims = disclose(PAYMENT, &issued.payload, &parts.collect::<Vec<_>>())?;
    let jwk = claims.get("cnf").and_then(|cnf| cnf.get("jwk"));
    let holder =
        jwk.and_then(Es256Key::from_jwk).ok_or_else(|| bad(PAYMENT, "cnf.jwk is no P-256 public key"))?;
    let bound = Jws::read(PAYMENT, binding)?;
    if bound.typ() != "kb+jwt" {
        return Err(bad(
            PAYMENT,
            format!("the key binding's type is {:?}, expected \"kb+jwt\"", bound.typ()),
        ));
    }
    bound.verify(PAYMENT, &holder, "the holder of the user's credential")?;
    if bound.claim("sd_hash") != Some(digest(&format!("{credential}~")).as_str()) {
        return Err(Refusal::Spliced { hop: PAYMENT });
    }
    super::chain::addressed(PAYMENT, &bound, Some(trust.addressed))?;
    let data = bound.payload.get("transaction_data").and_then(Json::list).unwrap_or_default();
    if !hashes.iter().all(|hash| data.iter().any(|item| item.text() == Some(hash.as_str()))) {
        return Err(Refusal::Spliced { hop: PAYMENT });
    }
    let ends = [in_time(PAYMENT, &claims, now)?, in_time(PAYMENT, &bound.payload, now)?];
    let mut name = Sha256::new();
    for part in [issued.signed, bound.signed] {
        name.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        name.update(part);
    }
    Ok((name.finalize().into(), ends.into_iter().flatten().min()))
}

fn bounded(object: usize, token: &str) -> Result<&str, Refusal> {
    if token.len() > TOKEN_BYTES_MAX {
        Err(bad(object, "its token is longer than 64 KiB"))
    } else {
        Ok(token)
    }
}

/// What the user intended. What a cart does not show cannot be checked and is refused.
fn within(intent: &Json, merchant: &str, now: Timestamp) -> Result<(), Refusal> {
    ahead(INTENT, intent, "intent_expiry", now)?;
    if let Some(merchants) = intent.get("merchants").filter(|list| **list != Json::Null) {
        let list = merchants.list().ok_or_else(|| bad(INTENT, "merchants is no list"))?;
        if !list.iter().any(|name| name.text() == Some(merchant)) {
            return Err(unmet("merchants", format!("{merchant:?} is not among them")));
        }
    }
    if intent.get("skus").is_some_and(|list| *list != Json::Null) {
        return Err(Refusal::Unresolved { kind: "intent.skus".into() });
    }
    if intent.get("requires_refundability") == Some(&Json::Bool(true)) {
        return Err(Refusal::Unresolved { kind: "intent.requires_refundability".into() });
    }
    Ok(())
}
