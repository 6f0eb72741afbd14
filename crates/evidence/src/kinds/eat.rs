//! Attestation tokens: entity attestation tokens (RFC 9711) as signed JWTs (RFC 7519), from services that looked at hardware
//! evidence themselves: GCP Confidential Space, Azure Attestation, the NVIDIA Remote Attestation Service.
//!
//! The key comes from the policy and never from the token, and a key speaks for one issuer. A token without an end, of another
//! issuer, or from an enclave whose debugging is on or not told of, is refused. The binding is `eat_nonce` (or `nonce`): all
//! of it as base64url, which fills the 88 characters that RFC 9711 leaves, or its first half as hexadecimal digits.

use super::{Fact, FactType, Kind, fact};
use crate::bind::unbound;
use crate::crypto::Scheme;
use crate::policy::Signer;
use crate::read::text::{base64url, hex};
use crate::{Bind, Check, Claims, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tollgate_pay::json::Json;

const WHAT: &str = "token";

pub(super) const FACTS: &[Fact] = &[
    fact("audience", FactType::List, "whom it was made for"),
    fact("claims", FactType::Json, "all that the issuer says"),
    fact("debug", FactType::Bool, "whether debugging was on"),
    fact("hwmodel", FactType::Text, "the hardware"),
    fact("image_digest", FactType::Text, "digest of the container image"),
    fact("issuer", FactType::Text, "who looked at the evidence"),
    fact("profile", FactType::Text, "the token's profile"),
    fact("result", FactType::Bool, "whether the issuer found all measurements as they must be"),
    fact("role", FactType::Text, "the signer's role in the policy"),
    fact("secure_boot", FactType::Bool, "whether secure boot was on"),
    fact("subject", FactType::Text, "what the token is about"),
    fact("swname", FactType::Text, "the software"),
];

const fn bad(reason: &'static str) -> Refusal {
    Refusal::Malformed { what: WHAT, at: 0, reason }
}

/// One part of a token as JSON.
fn part(coded: &str) -> Result<Json, Refusal> {
    Json::parse(&base64url(WHAT, coded)?).map_err(|_| bad("a part is not strict JSON"))
}

fn text<'a>(json: &'a Json, name: &str) -> Option<&'a str> {
    json.get(name).and_then(Json::text)
}

/// A text, or a list of texts.
fn texts(value: Option<&Json>) -> Vec<String> {
    match value {
        Some(Json::Text(text)) => vec![text.clone()],
        Some(Json::List(items)) => items.iter().filter_map(Json::text).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Seconds; a fraction is cut off.
fn seconds(json: &Json, name: &'static str) -> Result<Option<i64>, Refusal> {
    let Some(value) = json.get(name) else { return Ok(None) };
    let Json::Number(digits) = value else { return Err(bad("a time is no number")) };
    let whole = digits.split_once('.').map_or(digits.as_str(), |(whole, _)| whole);
    whole.parse().map(Some).map_err(|_| bad("a time is no number of seconds"))
}

/// Who signed, by the policy.
fn signed<'a>(token: &str, claims: &Json, check: &Check<'a>) -> Result<&'a Signer, Refusal> {
    let (message, signature) = token.rsplit_once('.').ok_or_else(|| bad("it has not three parts"))?;
    let header = part(message.split_once('.').ok_or_else(|| bad("it has not three parts"))?.0)?;
    let name = text(&header, "alg").ok_or(Refusal::Missing { what: "alg" })?;
    let scheme = Scheme::from_jose(name)
        .ok_or_else(|| Refusal::Unsupported { what: "signature algorithm", is: Refusal::shown(name) })?;
    if header.get("crit").is_some() {
        return Err(Refusal::Unsupported { what: "critical header", is: "of a token".into() });
    }
    let issuer = text(claims, "iss").ok_or(Refusal::Missing { what: "iss" })?;
    let mut known =
        check.policy.signers_of(Kind::Eat).filter(|signer| signer.issuer.as_deref() == Some(issuer));
    let signature = base64url("signature", signature)?;
    let mut any = false;
    let held = known.find(|signer| {
        any = true;
        signer.key.holds(scheme, message.as_bytes(), &signature)
    });
    match held {
        Some(signer) => Ok(signer),
        None if any => Err(Refusal::Signature { what: WHAT }),
        None => Err(Refusal::Untrusted { what: "issuer", is: Refusal::shown(issuer) }),
    }
}

/// Refuses a token that does not count now.
fn current(claims: &Json, check: &Check<'_>) -> Result<(i64, Option<i64>), Refusal> {
    let until = seconds(claims, "exp")?.ok_or(Refusal::Missing { what: "exp" })?;
    let made = seconds(claims, "iat")?;
    let from = seconds(claims, "nbf")?.or(made).unwrap_or(i64::MIN);
    let (early, late) = (from.saturating_sub(check.policy.skew_s), until.saturating_sub(1));
    let at = check.seconds();
    if !(early..=late).contains(&at) {
        return Err(Refusal::Time { what: WHAT, from: early, until: late, at });
    }
    Ok((late, made))
}

/// Whether debugging was on, by any of the names in use; `None` when it is not told.
fn debug(claims: &Json) -> Option<bool> {
    let status = claims.get("dbgstat").map(|status| match status {
        // RFC 9711, section 4.2.9: 0 is enabled, 1 to 4 are disabled in different ways.
        Json::Number(number) => !matches!(number.as_str(), "1" | "2" | "3" | "4"),
        Json::Text(text) => !text.starts_with("disabled"),
        _ => true,
    });
    let snp = claims.get("x-ms-sevsnpvm-is-debuggable");
    let sgx = claims.get("x-ms-sgx-is-debuggable").or_else(|| claims.get("is-debuggable"));
    let mut told = [status, snp.map(|v| *v != Json::Bool(false)), sgx.map(|v| *v != Json::Bool(false))]
        .into_iter()
        .flatten()
        .peekable();
    told.peek()?;
    Some(told.any(|on| on))
}

fn bound(claims: &Json, bind: &Bind) -> Result<(), Refusal> {
    let mut nonces = texts(claims.get("eat_nonce"));
    nonces.extend(texts(claims.get("nonce")));
    let (whole, half) = (URL_SAFE_NO_PAD.encode(bind.0), hex(bind.0.first_chunk::<32>().unwrap_or(&[0; 32])));
    if nonces.iter().any(|nonce| *nonce == whole || *nonce == half) {
        return Ok(());
    }
    Err(unbound("eat_nonce", nonces.is_empty()))
}

pub(super) fn verify(evidence: &[u8], check: &Check<'_>) -> Result<Claims, Refusal> {
    let token = std::str::from_utf8(evidence).map_err(|_| bad("it is not text"))?.trim_end();
    let payload = token.split('.').nth(1).ok_or_else(|| bad("it has not three parts"))?;
    let said = part(payload)?;
    let signer = signed(token, &said, check)?;
    let (until, made) = current(&said, check)?;
    let on = debug(&said);
    check.debug(on != Some(false), "dbgstat is not disabled, or is missing")?;
    if let Some(bind) = check.bind {
        bound(&said, bind)?;
    }
    let raw = base64url(WHAT, payload)?;
    let mut claims = Claims::new(Kind::Eat, signer.name.clone())
        .with("audience", texts(said.get("aud")))
        .with("claims", String::from_utf8_lossy(&raw).into_owned())
        .with("debug", on.unwrap_or(true))
        .with("role", signer.role.as_str());
    let container = said.get("submods").and_then(|submods| submods.get("container"));
    let found = [
        ("hwmodel", text(&said, "hwmodel")),
        ("image_digest", container.and_then(|container| text(container, "image_digest"))),
        ("issuer", text(&said, "iss")),
        ("profile", text(&said, "eat_profile")),
        ("subject", text(&said, "sub")),
        ("swname", text(&said, "swname")),
    ];
    for (name, value) in found {
        if let Some(value) = value {
            claims = claims.with(name, value);
        }
    }
    for (name, from) in [("result", "x-nvidia-overall-att-result"), ("secure_boot", "secboot")] {
        if let Some(Json::Bool(value)) = said.get(from) {
            claims = claims.with(name, *value);
        }
    }
    claims.produced_at = made;
    claims.valid_until = Some(until);
    Ok(claims)
}
