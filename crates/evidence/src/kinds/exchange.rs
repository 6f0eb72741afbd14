//! Signed HTTP messages (RFC 9421): a response with the request that it answers, or a request alone, as Web Bot Auth signs it.
//!
//! Evidence is one JSON object with both messages, header fields line by line. Only what a trusted key's signature covers
//! becomes a fact; a body does when its digest (RFC 9530) is covered and right. A response must cover `@status`, and
//! `content-digest` when it has a body; a request must cover `@authority`. The binding is the header field `tollgate-bind` with
//! hexadecimal digits, covered in the message itself or, in a response, in the request (`;req`). A bound request cannot be
//! replayed for another task; whether a nonce is new is for those to know who keep them.

use super::{Fact, FactType, Kind, fact};
use crate::crypto::{PublicKey, Scheme, sha256};
use crate::policy::Signer;
use crate::read::text::{base64, hex};
use crate::{Check, Claims, Refusal};
use tollgate_pay::json::Json;
use tollgate_wire::httpsig::{Demand, Fields, Flaw, Message, Request, Signature, check_digest};

const WHAT: &str = "HTTP exchange";
const BIND_FIELD: &str = "tollgate-bind";
/// Most header fields of a message.
const FIELDS_MAX: usize = 128;

pub(super) const FACTS: &[Fact] = &[
    fact("agent", FactType::Text, "the field signature-agent"),
    fact("authority", FactType::Text, "whom the request was for"),
    fact("body", FactType::Json, "the body, where it is text"),
    fact("body_sha256", FactType::Text, "digest of the body"),
    fact("covered", FactType::List, "what the signature covers"),
    fact("keyid", FactType::Text, "the key's name in the signature"),
    fact("method", FactType::Text, "the request's method"),
    fact("nonce", FactType::Text, "the signature's nonce"),
    fact("path", FactType::Text, "the request's path"),
    fact("query", FactType::Text, "the request's query"),
    fact("role", FactType::Text, "the signer's role in the policy"),
    fact("signer", FactType::Text, "the signer's name"),
    fact("status", FactType::Integer, "the response's status"),
    fact("tag", FactType::Text, "what the signature was made for"),
];

const fn bad(reason: &'static str) -> Refusal {
    Refusal::Malformed { what: WHAT, at: 0, reason }
}

fn refused(flaw: Flaw) -> Refusal {
    match flaw {
        Flaw::Missing(what) => Refusal::Missing { what },
        Flaw::NotCovered(is) => Refusal::Mismatch {
            what: "coverage of the signature",
            is: format!("without {is}"),
            wanted: "with it".into(),
        },
        Flaw::Time { created, now, .. } => {
            Refusal::Time { what: "signature", from: created, until: created, at: now }
        }
        Flaw::Digest(why) => {
            Refusal::Mismatch { what: "content digest", is: why.into(), wanted: "that of the body".into() }
        }
        other => Refusal::Unsupported { what: "HTTP signature", is: other.to_string() },
    }
}

fn text<'a>(json: &'a Json, name: &'static str) -> Result<&'a str, Refusal> {
    json.get(name).and_then(Json::text).ok_or(Refusal::Missing { what: name })
}

/// Header fields: pairs of name and value.
fn fields(json: &Json) -> Result<Vec<(&str, &[u8])>, Refusal> {
    let list = json.get("fields").and_then(Json::list).ok_or(Refusal::Missing { what: "fields" })?;
    if list.len() > FIELDS_MAX {
        return Err(Refusal::TooLarge {
            what: WHAT,
            is: list.len(),
            unit: "header fields",
            most: FIELDS_MAX,
        });
    }
    list.iter().map(|field| pair(field).ok_or_else(|| bad("a field is not a name and a value"))).collect()
}

fn pair(field: &Json) -> Option<(&str, &[u8])> {
    match field.list()? {
        [name, value] => Some((name.text()?, value.text()?.as_bytes())),
        _ => None,
    }
}

fn request<'a>(json: &'a Json, fields: Fields<'a>) -> Result<Request<'a>, Refusal> {
    let scheme = text(json, "scheme")?;
    let query = json.get("query").and_then(Json::text);
    let (method, authority, path) = (text(json, "method")?, text(json, "authority")?, text(json, "path")?);
    // What is signed may be all of them in one text (`@target-uri`): nobody but the text itself says where each of them begins.
    let has = |text: &str, marks: &str| text.chars().any(|c| marks.contains(c) || c <= ' ' || c == '\u{7f}');
    let is_parted = ["https", "http"].contains(&scheme.to_ascii_lowercase().as_str())
        && !authority.is_empty()
        && !has(authority, "/?#@\\")
        && path.starts_with('/')
        && !has(path, "?#")
        && !query.is_some_and(|query| has(query, "#"));
    if !is_parted {
        return Err(bad("the request's scheme, authority, path and query are not those of one URI"));
    }
    Ok(Request { method, scheme, authority, path, query, fields })
}

/// How a key signs HTTP messages; the algorithm that a signature names must be this one.
fn scheme(key: &PublicKey, alg: Option<&str>) -> Option<Scheme> {
    let (scheme, name) = match (key, alg) {
        (PublicKey::Ed25519(_), _) => (Scheme::EdDsa, "ed25519"),
        (PublicKey::P256(_), _) => (Scheme::Es256, "ecdsa-p256-sha256"),
        (PublicKey::P384(_), _) => (Scheme::Es384, "ecdsa-p384-sha384"),
        // No algorithm of RFC 9421 is for it.
        (PublicKey::K256(_), _) => return None,
        (PublicKey::Rsa(_), Some("rsa-v1_5-sha256")) => (Scheme::Rs256, "rsa-v1_5-sha256"),
        (PublicKey::Rsa(_), _) => (Scheme::Ps512, "rsa-pss-sha512"),
    };
    alg.is_none_or(|alg| alg == name).then_some(scheme)
}

/// The signature of a trusted key, and whose it is.
fn signed<'a>(message: &Message<'_>, check: &Check<'a>) -> Result<(Signature, &'a Signer), Refusal> {
    for signature in Signature::all(message).map_err(refused)? {
        let base = signature.base(message).map_err(refused)?;
        let held = check.policy.signers_of(Kind::HttpSignature).find(|signer| {
            let scheme = scheme(&signer.key, signature.alg());
            scheme.is_some_and(|scheme| signer.key.holds(scheme, base.as_bytes(), &signature.value))
        });
        if let Some(signer) = held {
            return Ok((signature, signer));
        }
    }
    Err(Refusal::Signature { what: WHAT })
}

/// The one value of a field in a message, if the signature covers it there.
fn covered_field<'a>(signature: &Signature, message: &Message<'a>, name: &str) -> Option<&'a str> {
    let covers = |id: &str| signature.components.iter().any(|component| component.id() == id);
    let one = |fields: Fields<'a>| {
        let mut values = fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = values.next().filter(|_| values.next().is_none())?;
        std::str::from_utf8(value.1).ok()
    };
    match message {
        _ if covers(name) => one(message.fields()),
        Message::Response { request: Some(request), .. } if covers(&format!("{name};req")) => {
            one(request.fields)
        }
        _ => None,
    }
}

pub(super) fn verify(evidence: &[u8], check: &Check<'_>) -> Result<Claims, Refusal> {
    let json = Json::parse(evidence).map_err(|_| bad("it is not strict JSON"))?;
    let asked = json.get("request").ok_or(Refusal::Missing { what: "request" })?;
    let asked_fields = fields(asked)?;
    let question = request(asked, &asked_fields)?;
    let answer = json.get("response");
    let answer_fields = answer.map(fields).transpose()?.unwrap_or_default();
    let carrier = answer.unwrap_or(asked);
    let body = carrier.get("body").map(|body| base64("body", body.text().unwrap_or("!"))).transpose()?;
    let status = answer.map(|answer| {
        let status =
            answer.get("status").and_then(Json::integer).and_then(|status| u16::try_from(status).ok());
        status.filter(|status| (100..600).contains(status)).ok_or(Refusal::Missing { what: "status" })
    });
    let message = match status.transpose()? {
        Some(status) => Message::Response { status, fields: &answer_fields, request: Some(question) },
        None => Message::Request(question),
    };
    let (signature, signer) = signed(&message, check)?;
    let mut components = vec![if answer.is_some() { "@status" } else { "@authority" }];
    if let Some(body) = &body {
        components.push("content-digest");
        check_digest(&message, body).map_err(refused)?;
    }
    // At the exact end of its age evidence still counts, a signature does not.
    let max_age_s = check.policy.max_age_s.saturating_add(1);
    let demand =
        Demand { components: &components, max_age_s, skew_s: check.policy.skew_s, ..Demand::default() };
    signature.check(&demand, check.seconds()).map_err(refused)?;
    if let Some(bind) = check.bind {
        bind.spelled("the field tollgate-bind", covered_field(&signature, &message, BIND_FIELD))?;
    }
    let claims = Claims::new(Kind::HttpSignature, signer.name.clone())
        .with(
            "covered",
            signature.components.iter().map(tollgate_wire::httpsig::Component::id).collect::<Vec<_>>(),
        )
        .with("role", signer.role.as_str())
        .with("signer", signer.name.as_str());
    let mut claims = told(claims, &signature, &message);
    if let Some(body) = body {
        claims = claims.with("body_sha256", hex(&sha256(&body)));
        if let Ok(text) = String::from_utf8(body) {
            claims = claims.with("body", text);
        }
    }
    claims.produced_at = signature.created();
    claims.valid_until = signature.expires().map(|expires| expires.saturating_sub(1));
    Ok(claims)
}

/// Facts of what is covered.
fn told(mut claims: Claims, signature: &Signature, message: &Message<'_>) -> Claims {
    let (request, suffix) = match message {
        Message::Request(request) => (Some(request), ""),
        Message::Response { request, .. } => (request.as_ref(), ";req"),
    };
    let covers = |name: &str, suffix: &str| {
        let id = format!("{name}{suffix}");
        signature.components.iter().any(|component| component.id() == id)
    };
    if let Message::Response { status, .. } = message
        && covers("@status", "")
    {
        claims = claims.with("status", i64::from(*status));
    }
    if let Some(request) = request {
        let whole = covers("@target-uri", suffix);
        let parts = [
            ("authority", "@authority", Some(request.normal_authority().into_owned())),
            ("method", "@method", Some(request.method.to_owned())),
            ("path", "@path", Some(request.path.to_owned())),
            ("query", "@query", request.query.map(str::to_owned)),
        ];
        for (fact, component, value) in parts {
            let shown = covers(component, suffix) || (whole && fact != "method");
            if let Some(value) = value.filter(|_| shown) {
                claims = claims.with(fact, value);
            }
        }
    }
    let agent = signature.components.iter().find(|component| component.name() == "signature-agent");
    if agent.is_some_and(|component| component.id() == "signature-agent")
        && let Some(agent) = covered_field(signature, message, "signature-agent")
    {
        claims = claims.with("agent", agent);
    }
    for (fact, value) in
        [("keyid", signature.keyid()), ("nonce", signature.nonce()), ("tag", signature.tag())]
    {
        if let Some(value) = value {
            claims = claims.with(fact, value);
        }
    }
    claims
}
