//! Statements in DSSE envelopes (secure-systems-lab/dsse, protocol v1), signed by keys of the policy: usage receipts,
//! results of test suites, in-toto attestations.
//!
//! A signature is over type and payload with their lengths (the pre-authentication encoding), so no payload passes for
//! another type. Every signature must hold and be of a signer that the policy names. The binding is the member `bind` of an
//! in-toto statement's predicate, or of another payload's object, as hexadecimal digits.

use super::{Fact, FactType, Kind, fact};
use crate::crypto::{PublicKey, Scheme};
use crate::policy::Signer;
use crate::read::text::base64;
use crate::{Check, Claims, Refusal};
use tollgate_pay::escrow::dsse_message;
use tollgate_pay::json::Json;

const WHAT: &str = "envelope";
/// Most signatures.
const SIGNATURES_MAX: usize = 16;
/// Most subjects of a statement.
const SUBJECTS_MAX: usize = 256;
/// Versions of in-toto statements, which differ in nothing that is read here.
const STATEMENTS: [&str; 2] = ["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"];

pub(super) const FACTS: &[Fact] = &[
    fact("payload", FactType::Json, "all that was signed"),
    fact("payload_type", FactType::Text, "the payload's media type"),
    fact("predicate", FactType::Json, "what an in-toto statement says of its subjects"),
    fact("predicate_type", FactType::Text, "of which form that is"),
    fact("roles", FactType::List, "roles of the signers"),
    fact("signers", FactType::List, "names of the signers"),
    fact("subjects", FactType::List, "SHA-256 digests that an in-toto statement is about"),
];

const fn bad(reason: &'static str) -> Refusal {
    Refusal::Malformed { what: WHAT, at: 0, reason }
}

/// Whether a key signed, in the way that its kind does by custom.
pub(super) fn holds(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let schemes: &[Scheme] = match key {
        PublicKey::P256(_) => &[Scheme::EcdsaSha256],
        PublicKey::P384(_) => &[Scheme::EcdsaSha384],
        PublicKey::K256(_) => &[Scheme::Es256k],
        PublicKey::Rsa(_) => &[Scheme::Rs256, Scheme::Ps256],
        PublicKey::Ed25519(_) => &[Scheme::EdDsa],
    };
    schemes.iter().any(|scheme| key.holds(*scheme, message, signature))
}

/// An envelope, read.
pub(super) struct Envelope {
    pub(super) kind: String,
    pub(super) payload: Vec<u8>,
    pub(super) signatures: Vec<Vec<u8>>,
}

impl Envelope {
    pub(super) fn read(json: &Json) -> Result<Self, Refusal> {
        let text = |json: &Json, name: &'static str| {
            json.get(name).and_then(Json::text).map(str::to_owned).ok_or(Refusal::Missing { what: name })
        };
        let list =
            json.get("signatures").and_then(Json::list).ok_or(Refusal::Missing { what: "signatures" })?;
        if list.len() > SIGNATURES_MAX {
            let (is, most) = (list.len(), SIGNATURES_MAX);
            return Err(Refusal::TooLarge { what: WHAT, is, unit: "signatures", most });
        }
        let signatures = list.iter().map(|item| base64("signature", &text(item, "sig")?));
        Ok(Self {
            kind: text(json, "payloadType")?,
            payload: base64("payload", &text(json, "payload")?)?,
            signatures: signatures.collect::<Result<_, _>>()?,
        })
    }

    /// Signers in the order of their names. Each signs once: every key that is tried hashes the payload, so nobody may have that
    /// done again and again.
    fn signers<'a>(&self, check: &Check<'a>) -> Result<Vec<&'a Signer>, Refusal> {
        let message = dsse_message(&self.kind, &self.payload);
        let mut found: Vec<&Signer> = Vec::new();
        for signature in &self.signatures {
            let fresh = |signer: &&Signer| !found.iter().any(|known| known.key == signer.key);
            let mut known = check.policy.signers_of(Kind::Dsse).filter(fresh);
            let signer = known.find(|signer| holds(&signer.key, &message, signature));
            found.push(signer.ok_or(Refusal::Signature { what: WHAT })?);
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        if found.is_empty() { Err(Refusal::Missing { what: "a signature" }) } else { Ok(found) }
    }
}

/// What a payload says.
pub(super) struct Statement {
    pub(super) json: Json,
    pub(super) in_toto: bool,
}

impl Statement {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Refusal> {
        let json = Json::parse(payload).map_err(|_| bad("its payload is not strict JSON"))?;
        let in_toto = json.get("_type").and_then(Json::text).is_some_and(|kind| STATEMENTS.contains(&kind));
        Ok(Self { json, in_toto })
    }

    /// SHA-256 digests of the subjects.
    pub(super) fn subjects(&self) -> Result<Vec<String>, Refusal> {
        let list = self.json.get("subject").and_then(Json::list).unwrap_or_default();
        if list.len() > SUBJECTS_MAX {
            let (is, most) = (list.len(), SUBJECTS_MAX);
            return Err(Refusal::TooLarge { what: "statement", is, unit: "subjects", most });
        }
        let digest = |subject: &Json| subject.get("digest")?.get("sha256")?.text().map(str::to_owned);
        Ok(list.iter().filter_map(digest).collect())
    }

    fn bind(&self) -> Option<&str> {
        let place = if self.in_toto { self.json.get("predicate")? } else { &self.json };
        place.get("bind").and_then(Json::text)
    }

    /// Adds facts, and refuses what is not bound.
    pub(super) fn claim(&self, mut claims: Claims, check: &Check<'_>) -> Result<Claims, Refusal> {
        if let Some(bind) = check.bind {
            bind.spelled("the member bind", self.bind())?;
        }
        if self.in_toto {
            if let Some(kind) = self.json.get("predicateType").and_then(Json::text) {
                claims = claims.with("predicate_type", kind);
            }
            if let Some(Ok(said)) = self.json.get("predicate").map(Json::canonical_foreign) {
                claims = claims.with("predicate", said);
            }
            claims = claims.with("subjects", self.subjects()?);
        }
        Ok(claims)
    }
}

pub(super) fn verify(evidence: &[u8], check: &Check<'_>) -> Result<Claims, Refusal> {
    let json = Json::parse(evidence).map_err(|_| bad("it is not strict JSON"))?;
    let envelope = Envelope::read(&json)?;
    let signers = envelope.signers(check)?;
    let statement = Statement::read(&envelope.payload)?;
    let mut roles: Vec<String> = signers.iter().map(|signer| signer.role.clone()).collect();
    roles.sort();
    roles.dedup();
    let names: Vec<String> = signers.iter().map(|signer| signer.name.clone()).collect();
    let claims = Claims::new(Kind::Dsse, names.join(", "))
        .with("payload", String::from_utf8_lossy(&envelope.payload).into_owned())
        .with("payload_type", envelope.kind)
        .with("roles", roles)
        .with("signers", names);
    statement.claim(claims, check)
}
