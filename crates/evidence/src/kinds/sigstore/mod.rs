//! Sigstore bundles (versions 0.1 to 0.3): a signature by a key that lived for minutes, with the word of those who saw it.
//!
//! An authority certified the key for an identity (Fulcio), a log of certificates and a log of signatures hold what was done
//! (Rekor, versions 1 and 2), and a clock or the log says when. All of them stand in a trusted root ([`root`]), which the policy
//! names by its digest; identities, or keys that have no certificate, stand in the policy too. What is checked is sigstore's own
//! client specification: every time that is given must hold and lie within the certificate's minutes, and the log must hold
//! this very signature ([`log`]). Nothing is fetched.
//!
//! The binding is the member `bind` of a statement's predicate, as in a DSSE envelope; a signature over a file binds when the
//! file is the 64 bytes of the binding.

mod bundle;
mod log;
mod root;
mod signer;
mod stamp;

use super::dsse::{Statement, holds};
use super::{Fact, FactType, Kind, fact};
use crate::crypto::sha256;
use crate::read::text::hex;
use crate::{Check, Claims, Refusal};
use bundle::{Bundle, Content, Material};
use log::Signed;
use root::Root;
use signer::Signer;
use stamp::Stamp;
use tollgate_pay::escrow::dsse_message;

pub(super) const FACTS: &[Fact] = &[
    fact("identity", FactType::Text, "who signed: the certificate's address or URI"),
    fact("issuer", FactType::Text, "who vouched for that: the identity provider"),
    fact("log", FactType::Text, "the log that holds the signature"),
    fact("message_sha256", FactType::Text, "digest of the file that was signed"),
    fact("payload", FactType::Json, "all that an envelope's signature is over"),
    fact("payload_type", FactType::Text, "the payload's media type"),
    fact("predicate", FactType::Json, "what an in-toto statement says of its subjects"),
    fact("predicate_type", FactType::Text, "of which form that is"),
    fact("repository", FactType::Text, "where the signer's code came from"),
    fact("revision", FactType::Text, "at which revision"),
    fact("role", FactType::Text, "the signer's role in the policy"),
    fact("runner", FactType::Text, "what ran that code"),
    fact("signer", FactType::Text, "the signer's name in the policy"),
    fact("subjects", FactType::List, "SHA-256 digests that an in-toto statement is about"),
];

/// Who signed: name and role in the policy, and what the certificate says.
struct By<'a> {
    name: &'a str,
    role: &'a str,
    certified: Option<Signer>,
}

/// Whether the signature is over the content. A message is only known by its digest.
fn signed_by(key: &crate::PublicKey, content: &Content, signature: &[u8]) -> Result<bool, Refusal> {
    match content {
        Content::Message { digest, .. } => {
            let digest = digest.as_deref().and_then(|digest| digest.try_into().ok());
            let digest = digest.ok_or(Refusal::Missing { what: "the digest of the message" })?;
            key.holds_sha256(&digest, signature)
        }
        Content::Envelope(envelope) => {
            Ok(holds(key, &dsse_message(&envelope.kind, &envelope.payload), signature))
        }
    }
}

/// Whom the policy knows for this signature; the entry of each log must name certificate or key.
fn by<'a>(
    bundle: &Bundle,
    root: &Root,
    times: &[i64],
    check: &Check<'a>,
) -> Result<(By<'a>, Vec<u8>), Refusal> {
    let signature = bundle.signature();
    match &bundle.material {
        Material::Certificate(der) => {
            let signer = Signer::of(der, root, times, check)?;
            if !signed_by(&signer.key, &bundle.content, signature)? {
                return Err(Refusal::Signature { what: "bundle" });
            }
            let known = check.policy.identities.iter();
            let mut known =
                known.filter(|known| known.issuer == signer.issuer && known.subject == signer.identity);
            let named = || Refusal::Untrusted {
                what: "identity",
                is: Refusal::shown(&format!("{} of {}", signer.identity, signer.issuer)),
            };
            let known = known.next().ok_or_else(named)?;
            Ok((By { name: &known.name, role: &known.role, certified: Some(signer) }, der.clone()))
        }
        Material::Key => {
            for signer in check.policy.signers_of(Kind::Sigstore) {
                if signed_by(&signer.key, &bundle.content, signature).unwrap_or(false) {
                    return Ok((
                        By { name: &signer.name, role: &signer.role, certified: None },
                        signer.key.to_spki(),
                    ));
                }
            }
            Err(Refusal::Signature { what: "bundle" })
        }
    }
}

/// What logs and clocks say: the times that they signed, the first of them first, and the last log's name.
fn seen(
    bundle: &Bundle,
    stamps: &[Stamp<'_>],
    root: &Root,
    check: &Check<'_>,
) -> Result<(Vec<i64>, String), Refusal> {
    let (mut times, mut logs) = (Vec::new(), Vec::new());
    for stamp in stamps {
        times.push(stamp.time(bundle.signature(), root, &check.policy.revoked)?);
    }
    for entry in &bundle.entries {
        let (log, time) = entry.logged(root)?;
        times.extend(time);
        logs.push(log);
    }
    times.sort_unstable();
    for log in &logs {
        times.iter().try_for_each(|time| log.validity.holds("log's key", *time))?;
    }
    let host = logs.last().map(|log| log.host.clone()).unwrap_or_default();
    if times.is_empty() { Err(Refusal::Missing { what: "a signed time" }) } else { Ok((times, host)) }
}

pub(super) fn verify(evidence: &[u8], check: &Check<'_>) -> Result<Claims, Refusal> {
    let bundle = Bundle::read(evidence)?;
    let stamps = bundle.timestamps.iter().map(|bytes| Stamp::read(bytes)).collect::<Result<Vec<_>, _>>()?;
    let root = Root::find(check)?;
    let (times, host) = seen(&bundle, &stamps, &root, check)?;
    let (by, verifier) = by(&bundle, &root, &times, check)?;
    let (digest, payload) = match &bundle.content {
        Content::Message { digest, .. } => {
            (digest.as_deref().and_then(|digest| digest.try_into().ok()), None)
        }
        Content::Envelope(envelope) => {
            let whole = dsse_message(&envelope.kind, &envelope.payload);
            (Some(sha256(&whole)), Some(sha256(&envelope.payload)))
        }
    };
    let signed = Signed { digest, payload, signature: bundle.signature(), verifier: &verifier };
    bundle.entries.iter().try_for_each(|entry| entry.is_of(&signed))?;
    let mut claims = Claims::new(Kind::Sigstore, root.name.clone())
        .with("log", host)
        .with("role", by.role)
        .with("signer", by.name);
    if let Some(signer) = by.certified {
        claims = claims.with("identity", signer.identity).with("issuer", signer.issuer);
        claims = signer.claims.into_iter().fold(claims, |claims, (name, value)| claims.with(name, value));
    }
    claims.produced_at = times.first().copied();
    match &bundle.content {
        Content::Message { .. } => {
            let digest = digest.unwrap_or_default();
            if let Some(bind) = check.bind
                && digest != sha256(&bind.0)
            {
                return Err(crate::bind::unbound("the signed file", false));
            }
            Ok(claims.with("message_sha256", hex(&digest)))
        }
        Content::Envelope(envelope) => {
            let statement = Statement::read(&envelope.payload)?;
            let claims = claims
                .with("payload", String::from_utf8_lossy(&envelope.payload).into_owned())
                .with("payload_type", envelope.kind.as_str());
            statement.claim(claims, check)
        }
    }
}
