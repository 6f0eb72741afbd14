//! Claims about what a web server answered, signed by attestors that saw the session: the form of the Reclaim protocol.
//!
//! The identifier is `keccak256(provider \n parameters \n context)`; attestors sign `identifier \n owner \n time \n epoch` as an
//! Ethereum message (EIP-191), and their address is recovered from the signature. The binding stands in the context's
//! `contextMessage`, as hexadecimal digits. The format has no end date, so age is bounded by the policy.
//!
//! What was to be in the answer can be said in ways that mean something else than that it was there: inverted, optional, or by a
//! template that others filled in. A claim that says anything of which we do not know that it means just this is refused.
//!
//! Source: the attestor's schema of its provider `http` (reclaimprotocol/attestor-core, `provider-schemas/http`).

use super::{Fact, FactType, Kind, fact};
use crate::read::text::{hex, unhex_array};
use crate::{Check, Claims, Refusal};
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha3::{Digest as _, Keccak256};
use std::collections::BTreeSet;
use tollgate_pay::json::Json;

/// Most signatures that are looked at.
const SIGNATURES_MAX: usize = 16;

pub(super) const FACTS: &[Fact] = &[
    fact("attestors", FactType::List, "addresses of the attestors that signed"),
    fact("context", FactType::Json, "what the claim's maker had signed along"),
    fact("epoch", FactType::Integer, "the attestors' epoch"),
    fact("host", FactType::Text, "the server's name"),
    fact("matches", FactType::List, "texts that the answer contained"),
    fact("method", FactType::Text, "the request's method"),
    fact("owner", FactType::Text, "address of the claim's owner"),
    fact("parameters", FactType::Json, "all of the request and what was to be in the answer"),
    fact("provider", FactType::Text, "how the answer was fetched"),
    fact("url", FactType::Text, "what was asked for"),
];

/// Address of a secp256k1 key: the last 20 bytes of the hash of its point.
fn address(key: &VerifyingKey) -> String {
    let point = key.to_sec1_point(false);
    let hash = Keccak256::digest(point.as_bytes().get(1..).unwrap_or_default());
    format!("0x{}", hex(hash.get(12..).unwrap_or_default()))
}

/// Whose signature this is: `r`, `s` in the lower half, and 27 or 28.
fn signer(message: &str, signature: &[u8; 65]) -> Option<String> {
    let (&last, both) = signature.split_last()?;
    let signature = Signature::from_slice(both).ok().filter(|s| s.normalize_s() == *s)?;
    let parity = RecoveryId::from_byte(last.checked_sub(27).filter(|parity| *parity < 2)?)?;
    let mut hash = Keccak256::new();
    hash.update(b"\x19Ethereum Signed Message:\n");
    hash.update(message.len().to_string());
    hash.update(message);
    VerifyingKey::recover_from_prehash(&hash.finalize(), &signature, parity).ok().map(|key| address(&key))
}

/// The parts of a claim, from either of the two forms in use: as contracts take it, and as the SDK gives it.
struct Claim<'a> {
    provider: &'a str,
    parameters: &'a str,
    context: &'a str,
    identifier: &'a str,
    owner: &'a str,
    time: i64,
    epoch: i64,
    signatures: &'a [Json],
}

impl<'a> Claim<'a> {
    fn read(json: &'a Json) -> Result<Self, Refusal> {
        let of = |place: Option<&'a Json>, name: &'static str| {
            place.and_then(|place| place.get(name)).ok_or(Refusal::Missing { what: name })
        };
        let text = |place, name| of(place, name)?.text().ok_or(Refusal::Missing { what: name });
        let integer = |place, name| {
            let number = of(place, name)?.integer().and_then(|number| i64::try_from(number).ok());
            number.filter(|number| *number >= 0).ok_or(Refusal::Missing { what: name })
        };
        let (info, claim, signed) = match (json.get("claimInfo"), json.get("signedClaim")) {
            (Some(info), Some(signed)) => (Some(info), signed.get("claim"), Some(signed)),
            _ => (json.get("claimData"), json.get("claimData"), Some(json)),
        };
        Ok(Self {
            provider: text(info, "provider")?,
            parameters: text(info, "parameters")?,
            context: text(info, "context")?,
            identifier: text(claim, "identifier")?,
            owner: text(claim, "owner")?,
            time: integer(claim, "timestampS")?,
            epoch: integer(claim, "epoch")?,
            signatures: of(signed, "signatures")?.list().unwrap_or_default(),
        })
    }

    /// The identifier, which must be the hash of what it identifies.
    fn identifier(&self) -> Result<String, Refusal> {
        let hashed = [self.provider, "\n", self.parameters, "\n", self.context].concat();
        let is = hex(&Keccak256::digest(hashed));
        let claimed: [u8; 32] = unhex_array("identifier", self.identifier)?;
        if hex(&claimed) == is {
            return Ok(format!("0x{is}"));
        }
        Err(Refusal::Mismatch { what: "identifier", is: hex(&claimed), wanted: is })
    }

    /// Addresses of those who signed, each once, all of them trusted.
    fn attestors(&self, identifier: &str, check: &Check<'_>) -> Result<BTreeSet<String>, Refusal> {
        if self.signatures.len() > SIGNATURES_MAX {
            let (is, most) = (self.signatures.len(), SIGNATURES_MAX);
            return Err(Refusal::TooLarge { what: "claim", is, unit: "signatures", most });
        }
        let owner: [u8; 20] = unhex_array("owner", self.owner)?;
        let message = format!("{identifier}\n0x{}\n{}\n{}", hex(&owner), self.time, self.epoch);
        let mut who = BTreeSet::new();
        for signature in self.signatures {
            let bytes = unhex_array("signature", signature.text().unwrap_or_default())?;
            let found = signer(&message, &bytes).ok_or(Refusal::Signature { what: "claim" })?;
            if !check.policy.attestors.addresses.contains(&found) {
                return Err(Refusal::Untrusted { what: "attestor", is: found });
            }
            who.insert(found);
        }
        let (is, accepted) = (who.len(), check.policy.attestors.threshold);
        if is < accepted.max(1) {
            let (is, accepted) = (is.to_string(), format!("{accepted} or more"));
            return Err(Refusal::Status { what: "number of attestors", is, accepted });
        }
        Ok(who)
    }
}

/// Name of the server in an `https` URL.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    (!authority.is_empty() && authority.chars().all(plain)).then_some(authority)
}

/// The text that a match found in the answer; `None` of one by a pattern, which does not say what it found.
fn found(one: &Json) -> Result<Option<&str>, Refusal> {
    let refused =
        |is: &str| Err(Refusal::Unsupported { what: "match in the parameters", is: Refusal::shown(is) });
    let Json::Map(members) = one else { return refused("no object") };
    for (name, value) in members {
        match (name.as_str(), value) {
            ("type" | "value" | "description", Json::Text(_)) | ("invert", Json::Bool(false)) => {}
            (name, _) => return refused(name),
        }
    }
    let text = |name| one.get(name).and_then(Json::text);
    match (text("type"), text("value")) {
        (Some("contains"), Some(value)) => Ok(Some(value)),
        (Some("regex"), Some(_)) => Ok(None),
        (kind, _) => refused(kind.unwrap_or("of no kind")),
    }
}

pub(super) fn verify(evidence: &[u8], check: &Check<'_>) -> Result<Claims, Refusal> {
    let unreadable = |reason| Refusal::Malformed { what: "claim", at: 0, reason };
    let json = Json::parse(evidence).map_err(|_| unreadable("it is not strict JSON"))?;
    let claim = Claim::read(&json)?;
    let attestors = claim.attestors(&claim.identifier()?, check)?;
    if claim.provider != "http" {
        return Err(Refusal::Unsupported { what: "provider", is: Refusal::shown(claim.provider) });
    }
    let parameters = Json::parse(claim.parameters.as_bytes())
        .map_err(|_| unreadable("its parameters are not strict JSON"))?;
    // However it is escaped.
    if parameters.canonical().map_or(true, |text| text.contains("{{")) {
        return Err(Refusal::Unsupported { what: "parameters", is: "with a template".into() });
    }
    let context = if claim.context.is_empty() { "{}" } else { claim.context };
    let context_json =
        Json::parse(context.as_bytes()).map_err(|_| unreadable("its context is not strict JSON"))?;
    if let Some(bind) = check.bind {
        bind.spelled("contextMessage", context_json.get("contextMessage").and_then(Json::text))?;
    }
    let url = parameters.get("url").and_then(Json::text).ok_or(Refusal::Missing { what: "url" })?;
    let host = host(url).ok_or_else(|| Refusal::Unsupported { what: "url", is: Refusal::shown(url) })?;
    let matches = parameters.get("responseMatches").and_then(Json::list).unwrap_or_default();
    let found = matches.iter().map(found).collect::<Result<Vec<_>, _>>()?;
    let contained: Vec<String> = found.into_iter().flatten().map(str::to_owned).collect();
    let signers = attestors.into_iter().collect::<Vec<_>>();
    let mut claims = Claims::new(Kind::Reclaim, signers.first().cloned().unwrap_or_default())
        .with("attestors", signers)
        .with("context", context)
        .with("epoch", claim.epoch)
        .with("host", host)
        .with("matches", contained)
        .with("owner", claim.owner.to_ascii_lowercase())
        .with("parameters", claim.parameters)
        .with("provider", claim.provider)
        .with("url", url);
    if let Some(method) = parameters.get("method").and_then(Json::text) {
        claims = claims.with("method", method);
    }
    claims.produced_at = Some(claim.time);
    Ok(claims)
}
