//! Presentations of TLSNotary (version 0 of its attestations, as its release `0.1.0-alpha.15` and those after it write them):
//! a notary took part in a TLS connection, and signed what went over it without seeing it; the one who asked shows parts.
//!
//! The notary signs a root over its key, the time, hashes of the transcript's parts and a hash of the server's identity. All
//! fields are shown, so the root is computed again ([`hash`]). A notary's key counts when the policy names it; the server's
//! certificate must lead to a root of the policy and bear the server's name ([`server`]); each shown byte must be under a hash
//! that the notary signed. What the bytes mean is told as far as nothing that decides is hidden ([`http`]).
//!
//! The binding is the extension `tollgate-bind` of the attestation, 64 bytes, which is asked for when the answer is known; or
//! the field `tollgate-bind` of the request, as hexadecimal digits, where the output is known before. The format has no end
//! date, so age is bounded by the policy.

mod hash;
mod http;
mod read;
mod server;

use super::{Fact, FactType, Kind, fact};
use crate::crypto::{PublicKey, Scheme};
use crate::policy::Signer;
use crate::{Check, Claims, Refusal};
use hash::Hasher;
use read::{Direction, Presentation, Ranges, Side, Transcript};

const BIND: &str = "tollgate-bind";
/// Most bytes that are hashed to open commitments: each may be over the same bytes again.
const OPENED_BYTES_MAX: usize = 8 << 20;
/// TLS 1.2 by its number in the format.
const TLS_1_2: u32 = 0;

pub(super) const FACTS: &[Fact] = &[
    fact("authority", FactType::Text, "the field Host of the request"),
    fact("body", FactType::Json, "the answer's body, where it is text and all of the answer is shown"),
    fact("body_sha256", FactType::Text, "digest of the answer's body, where all of the answer is shown"),
    fact("host", FactType::Text, "the server's name, by its certificate"),
    fact("method", FactType::Text, "the request's method"),
    fact("notary", FactType::Text, "the notary's name"),
    fact("path", FactType::Text, "the request's path"),
    fact("query", FactType::Text, "the request's query"),
    fact("received_hidden", FactType::Integer, "how many bytes of the answer are hidden"),
    fact("role", FactType::Text, "the notary's role in the policy"),
    fact("root", FactType::Text, "name of the root of the server's certificate"),
    fact("sent_hidden", FactType::Integer, "how many bytes of the request are hidden"),
    fact("status", FactType::Integer, "the answer's status"),
];

/// The notary, whose key the policy names and whose signature holds.
fn notary<'a>(presentation: &Presentation<'_>, check: &Check<'a>) -> Result<&'a Signer, Refusal> {
    let unsupported = |what, is: u8| Err(Refusal::Unsupported { what, is: is.to_string() });
    let claimed = presentation.body.key;
    let key = match claimed.algorithm {
        1 => PublicKey::from_k256(claimed.value),
        2 if claimed.value.len() == 65 => Some(PublicKey::P256(claimed.value.to_vec())),
        2 => None,
        other => return unsupported("notary's key", other),
    };
    let untrusted = || Refusal::Untrusted { what: "notary", is: crate::read::text::hex(claimed.value) };
    let signer = check.policy.signers_of(Kind::TlsNotary).find(|signer| key.as_ref() == Some(&signer.key));
    let signer = signer.ok_or_else(untrusted)?;
    let signed = presentation.signed()?;
    let value = presentation.signature.value;
    let (scheme, value) = match presentation.signature.algorithm {
        1 => (Scheme::Es256k, value),
        2 => (Scheme::Es256, value),
        // The last byte helps those who do not know the key.
        3 if value.len() == 65 => (Scheme::Es256kKeccak, value.get(..64).unwrap_or_default()),
        other => return unsupported("notary's signature", other),
    };
    if signer.key.holds(scheme, &signed, value) {
        Ok(signer)
    } else {
        Err(Refusal::Signature { what: "attestation" })
    }
}

/// Refuses shown bytes that no commitment of the notary covers.
fn open(presentation: &Presentation<'_>, transcript: &Transcript<'_>) -> Result<(), Refusal> {
    let bad = |reason| Refusal::Malformed { what: "transcript", at: 0, reason };
    let body = &presentation.body;
    let lengths = [(&transcript.sent, body.sent), (&transcript.received, body.received)];
    if lengths.iter().any(|(side, length)| side.total != u64::from(*length)) {
        return Err(bad("it has another length than the notary saw"));
    }
    let mut opened = [Ranges::default(), Ranges::default()];
    let mut left = OPENED_BYTES_MAX;
    for opening in &transcript.openings {
        let [sent, received] = &mut opened;
        let (side, seen) = match opening.direction {
            Direction::Sent => (&transcript.sent, sent),
            Direction::Received => (&transcript.received, received),
        };
        let mut bytes = Vec::new();
        for (start, end) in &opening.ranges.0 {
            let part =
                side.slice(*start, *end).ok_or_else(|| bad("a commitment is opened to hidden bytes"))?;
            left = left.checked_sub(part.len()).ok_or(Refusal::TooLarge {
                what: "transcript",
                is: OPENED_BYTES_MAX,
                unit: "bytes under commitments, or more",
                most: OPENED_BYTES_MAX,
            })?;
            bytes.extend(part);
        }
        bytes.extend(opening.blinder);
        let hash = Hasher::new(opening.algorithm)?.hash(&bytes);
        let signed = body.commitments.iter().any(|commitment| {
            commitment.direction == opening.direction
                && commitment.ranges == opening.ranges
                && commitment.hash.algorithm == opening.algorithm
                && commitment.hash.value == hash
        });
        if !signed {
            return Err(Refusal::Signature { what: "shown transcript" });
        }
        *seen = seen.union(&opening.ranges);
    }
    let shown = |side: &Side<'_>| side.ranges.clone();
    if opened == [shown(&transcript.sent), shown(&transcript.received)] {
        Ok(())
    } else {
        Err(Refusal::Signature { what: "shown transcript" })
    }
}

/// Refuses unless extension or request carry the binding.
fn bound(presentation: &Presentation<'_>, check: &Check<'_>) -> Result<(), Refusal> {
    let Some(bind) = check.bind else { return Ok(()) };
    let extension = presentation.body.extensions.iter().find(|(id, _)| *id == BIND.as_bytes());
    match (extension, &presentation.transcript) {
        (Some((_, value)), _) => bind.is("the extension tollgate-bind", value),
        (None, Some(transcript)) => bind
            .spelled("the extension or the field tollgate-bind", http::asked_field(&transcript.sent, BIND)),
        (None, None) => bind.spelled("the extension tollgate-bind", None),
    }
}

pub(super) fn verify(evidence: &[u8], check: &Check<'_>) -> Result<Claims, Refusal> {
    let presentation = Presentation::read(evidence)?;
    if presentation.version != 0 {
        let is = presentation.version.to_string();
        return Err(Refusal::Unsupported { what: "version of the attestation", is });
    }
    if presentation.body.version != TLS_1_2 {
        return Err(Refusal::Unsupported { what: "TLS", is: "of another version than 1.2".into() });
    }
    let signer = notary(&presentation, check)?;
    let identity =
        presentation.identity.as_ref().ok_or(Refusal::Missing { what: "the server's identity" })?;
    let trusted = server::verify(identity, &presentation.body, check)?;
    let transcript = presentation.transcript.as_ref().ok_or(Refusal::Missing { what: "the transcript" })?;
    open(&presentation, transcript)?;
    bound(&presentation, check)?;
    let claims = Claims::new(Kind::TlsNotary, signer.name.clone())
        .with("host", identity.name.to_ascii_lowercase())
        .with("notary", signer.name.as_str())
        .with("role", signer.role.as_str())
        .with("root", trusted.root);
    let mut claims = http::told(claims, transcript);
    claims.produced_at = Some(i64::try_from(presentation.body.time).unwrap_or(i64::MAX));
    Ok(claims)
}
