//! Whose signature it is: the certificate that an authority gave for a few minutes to whom an identity provider vouched for.
//!
//! A log of certificates must have signed for it (RFC 6962, section 3.2): the certificate is hashed as it was before that
//! signature was put into it.

use super::root::{Authority, Root};
use crate::crypto::PublicKey;
use crate::kinds::dsse::holds;
use crate::read::Cursor;
use crate::read::der::{Der, OCTET_STRING};
use crate::x509::{Certificate, Listed, Trust};
use crate::{Check, Refusal};
use std::collections::BTreeMap;

/// 1.3.6.1.5.5.7.3.3: a key that is for signing code.
const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];
/// 1.3.6.1.4.1.11129.2.4.2: signatures of logs of certificates.
const TIMESTAMPS: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2];
/// 1.3.6.1.4.1.57264.1, below which the identity provider's claims are.
const CLAIMS: [u8; 9] = [0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1];
const UTF8_STRING: u8 = 0x0c;
/// Alternative names: an address, or a URI.
const NAMES: [u8; 2] = [0x81, 0x86];
/// Most signatures of logs in a certificate.
const LOGS_MAX: usize = 16;

/// Who signed, as the authority's certificate says.
pub(super) struct Signer {
    pub(super) key: PublicKey,
    pub(super) issuer: String,
    pub(super) identity: String,
    /// Where code came from and what ran it, by the names of facts.
    pub(super) claims: Vec<(&'static str, String)>,
}

/// A claim as text: of the later, encoded form.
fn claim(certificate: &Certificate<'_>, number: u8) -> Option<String> {
    let value = certificate.extension(&[&CLAIMS[..], &[number]].concat())?;
    let mut outer = Der::new("claim", value);
    let text = outer.expect(UTF8_STRING).ok()?;
    outer.end().ok()?;
    std::str::from_utf8(text).ok().map(str::to_owned)
}

/// The identity provider: in the later form, or as bare text.
fn issuer(certificate: &Certificate<'_>) -> Option<String> {
    let bare = || {
        let value = certificate.extension(&[&CLAIMS[..], &[1]].concat())?;
        std::str::from_utf8(value).ok().map(str::to_owned)
    };
    claim(certificate, 8).or_else(bare)
}

/// Refuses a certificate that no log of the root signed for.
fn check_logged(leaf: &Certificate<'_>, issuer: &Certificate<'_>, root: &Root) -> Result<(), Refusal> {
    const WHAT: &str = "certificate's log entry";
    let value = leaf.extension(TIMESTAMPS).ok_or(Refusal::Missing { what: "a log of certificates" })?;
    let list = Der::new(WHAT, value).expect(OCTET_STRING)?;
    let tbs = leaf.without(TIMESTAMPS)?;
    let mut outer = Cursor::new(WHAT, list);
    let mut rest = Cursor::new(WHAT, outer.counted_u16_be()?);
    outer.end()?;
    for _ in 0..LOGS_MAX {
        if rest.rest().is_empty() {
            break;
        }
        let mut one = Cursor::new(WHAT, rest.counted_u16_be()?);
        let version = one.byte()?;
        let (id, time) = (one.take(32)?, one.array::<8>()?);
        let more = one.counted_u16_be()?;
        let (hash, kind) = (one.byte()?, one.byte()?);
        let signature = one.counted_u16_be()?;
        one.end()?;
        let Some(log) = root.certificate_logs.iter().find(|log| log.id == id) else { continue };
        let length = u32::try_from(tbs.len()).unwrap_or(u32::MAX).to_be_bytes();
        let extra = u16::try_from(more.len()).unwrap_or(u16::MAX).to_be_bytes();
        let id = crate::read::text::unhex("key", &issuer.key_id())?;
        let [_, length @ ..] = length;
        // Version 1, the timestamp of a certificate; an entry that is a certificate before it was logged.
        let signed = [&[0, 0][..], &time, &[0, 1], &id, &length, &tbs, &extra, more].concat();
        let seconds = u64::from_be_bytes(time).div_euclid(1000);
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        // SHA-256 with RSA or ECDSA.
        let known = version == 0 && hash == 4 && matches!(kind, 1 | 3);
        if known && log.validity.holds("log", seconds).is_ok() && holds(&log.key, &signed, signature) {
            return Ok(());
        }
    }
    Err(Refusal::Signature { what: WHAT })
}

/// One authority's word for a certificate at these times.
fn certified(
    der: &[u8],
    authority: &Authority,
    root: &Root,
    times: &[i64],
    revoked: &[String],
) -> Result<(), Refusal> {
    let known = authority.chain.iter().map(|der| Certificate::parse(der)).collect::<Result<Vec<_>, _>>()?;
    let roots = known.last().map(Certificate::key_id).map(|id| (id, root.name.clone()));
    let roots = BTreeMap::from_iter(roots);
    for at in times {
        authority.validity.holds("certificate authority", *at)?;
        let trust = Trust { roots: &roots, revoked, at: *at };
        let chain = trust.lead(Certificate::parse(der)?, known.clone());
        trust.check("signer's chain", &chain, &[], Listed::Any)?;
        if let [leaf, issuer, ..] = chain.as_slice() {
            check_logged(leaf, issuer, root)?;
        }
    }
    Ok(())
}

impl Signer {
    /// The signer, whose certificate counts at all of these times.
    pub(super) fn of(der: &[u8], root: &Root, times: &[i64], check: &Check<'_>) -> Result<Self, Refusal> {
        let leaf = Certificate::parse(der)?;
        let mut refusal = Refusal::Missing { what: "a certificate authority in the trusted root" };
        let certified = root.authorities.iter().any(|authority| {
            certified(der, authority, root, times, &check.policy.revoked).map_err(|why| refusal = why).is_ok()
        });
        if !certified {
            return Err(refusal);
        }
        if leaf.issuer == leaf.subject || !leaf.is_for(CODE_SIGNING)? {
            return Err(Refusal::Untrusted { what: "certificate", is: "that is not for signing".into() });
        }
        let names = leaf.names(&NAMES)?;
        let [identity] = names.as_slice() else {
            return Err(Refusal::Missing { what: "the one identity of the certificate" });
        };
        let numbers = [(11, "runner"), (12, "repository"), (13, "revision")];
        let claims = numbers.into_iter().filter_map(|(number, name)| Some((name, claim(&leaf, number)?)));
        Ok(Self {
            issuer: issuer(&leaf).ok_or(Refusal::Missing { what: "the identity provider" })?,
            identity: (*identity).to_owned(),
            claims: claims.collect(),
            key: leaf.key.clone(),
        })
    }
}
