//! Whose server it was: a certificate of the web for its name, and its signature of the connection's key.

use super::hash::Hasher;
use super::read::{Body, Identity};
use crate::crypto::Scheme;
use crate::x509::{Certificate, Chain, Listed};
use crate::{Check, Kind, Refusal};

/// Schemes by their numbers in the format.
const SCHEMES: [Option<Scheme>; 11] = [
    Some(Scheme::EcdsaSha256),
    Some(Scheme::EcdsaSha384),
    Some(Scheme::EcdsaSha256),
    Some(Scheme::EcdsaSha384),
    Some(Scheme::EdDsa),
    Some(Scheme::Rs256),
    Some(Scheme::Rs384),
    Some(Scheme::Rs512),
    Some(Scheme::Ps256),
    Some(Scheme::Ps384),
    Some(Scheme::Ps512),
];
/// An elliptic curve by its name, and the name of P-256 (RFC 8422, section 5.4).
const NAMED_CURVE_P256: [u8; 3] = [3, 0, 0x17];

/// Checks that the connection's key is the server's; certificates count at the time of the connection.
pub(super) fn verify(identity: &Identity<'_>, body: &Body<'_>, check: &Check<'_>) -> Result<Chain, Refusal> {
    if body.identity.value != identity.hash(Hasher::new(body.identity.algorithm)?) {
        return Err(Refusal::Mismatch {
            what: "server of the connection",
            is: Refusal::shown(identity.name),
            wanted: "the one that the notary's attestation holds".into(),
        });
    }
    if body.ephemeral != identity.ephemeral {
        return Err(Refusal::Mismatch {
            what: "key of the connection",
            is: "one".into(),
            wanted: "the notary's".into(),
        });
    }
    let given = identity.certificates.iter().map(|der| Certificate::parse(der));
    let mut given = given.collect::<Result<Vec<_>, _>>()?;
    if given.is_empty() {
        return Err(Refusal::Missing { what: "the server's certificate" });
    }
    let leaf = given.remove(0);
    let collateral = check.collateral.certificates()?;
    given.extend(Certificate::parse_all(&collateral)?);
    let mut trust = check.trust(Kind::TlsNotary);
    trust.at = i64::try_from(body.time).unwrap_or(i64::MAX);
    let chain = trust.lead(leaf, given);
    let trusted = trust.check("server's chain", &chain, &[], Listed::Any)?;
    let leaf = chain.first().ok_or(Refusal::Missing { what: "the server's certificate" })?;
    leaf.serves(identity.name)?;
    let key = body.ephemeral.0;
    let length = u8::try_from(key.len()).map_err(|_| Refusal::Malformed {
        what: "key of the connection",
        at: 0,
        reason: "it is too long",
    })?;
    let message =
        [identity.client_random, identity.server_random, &NAMED_CURVE_P256, &[length], key].concat();
    let scheme = usize::try_from(identity.algorithm).ok().and_then(|at| SCHEMES.get(at).copied().flatten());
    let scheme = scheme.ok_or_else(|| Refusal::Unsupported {
        what: "signature algorithm",
        is: identity.algorithm.to_string(),
    })?;
    if leaf.key.holds(scheme, &message, identity.signature) {
        Ok(trusted)
    } else {
        Err(Refusal::Signature { what: "handshake" })
    }
}
