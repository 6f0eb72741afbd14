//! Signed times (RFC 3161, in the signed data of RFC 5652): an authority saw a hash at a time.

use super::root::{Authority, Root};
use crate::Refusal;
use crate::crypto::{PublicKey, Scheme};
use crate::read::der::{BOOLEAN, Der, INTEGER, OCTET_STRING, OID, SEQUENCE, explicit, wrapped};
use crate::x509::{Certificate, Listed, Trust};
use ring::digest::{self, SHA256, SHA384, SHA512};
use std::collections::BTreeMap;

const WHAT: &str = "timestamp";
const SET: u8 = 0x31;
/// 1.2.840.113549.1.7.2 and 1.2.840.113549.1.9.16.1.4.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 4];
/// 1.2.840.113549.1.9.3 and .4: attributes that must be there.
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
/// 1.3.6.1.5.5.7.3.8: a key that is for timestamps.
const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];
/// 2.16.840.1.101.3.4.2, below which SHA-256, SHA-384 and SHA-512 are 1 to 3.
const SHA2: [u8; 8] = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2];
/// 1.2.840.113549.1.1.1: RSA, where the hash is named elsewhere.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// 1.2.840.10045.4.3.4.
const ECDSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4];
/// Most attributes.
const ATTRIBUTES_MAX: usize = 16;

/// A hash by the body of its `AlgorithmIdentifier`.
fn hash(algorithm: &[u8]) -> Result<&'static digest::Algorithm, Refusal> {
    let oid = Der::new(WHAT, algorithm).expect(OID)?;
    match oid.strip_prefix(&SHA2) {
        Some([1]) => Ok(&SHA256),
        Some([2]) => Ok(&SHA384),
        Some([3]) => Ok(&SHA512),
        _ => Err(Refusal::Unsupported { what: "hash of the timestamp", is: crate::read::text::hex(oid) }),
    }
}

/// What the authority says: the hash and the time.
struct Info<'a> {
    imprint: (&'static digest::Algorithm, &'a [u8]),
    time: i64,
}

impl<'a> Info<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut outer = Der::new(WHAT, bytes);
        let mut info = outer.sequence(WHAT)?;
        outer.end()?;
        if info.small()? != 1 {
            return Err(info.bad("it is not of version 1"));
        }
        let _policy = info.expect(OID)?;
        let mut imprint = info.sequence(WHAT)?;
        let hash = hash(imprint.expect(SEQUENCE)?)?;
        let hashed = imprint.expect(OCTET_STRING)?;
        imprint.end()?;
        let _serial = info.expect(INTEGER)?;
        let time = info.time()?;
        // Accuracy, order, nonce and the authority's name change nothing here; extensions could.
        for tag in [SEQUENCE, BOOLEAN, INTEGER, explicit(0)] {
            info.optional(tag)?;
        }
        info.end()?;
        Ok(Self { imprint: (hash, hashed), time })
    }
}

/// A token: what is said, and by whom.
struct Token<'a> {
    content: &'a [u8],
    certificates: Vec<&'a [u8]>,
    issuer: &'a [u8],
    serial: &'a [u8],
    hash: &'static digest::Algorithm,
    /// The body of the set of attributes.
    attributes: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Token<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut outer = Der::new(WHAT, bytes);
        let mut response = outer.sequence(WHAT)?;
        outer.end()?;
        let status = response.sequence(WHAT)?.small()?;
        if status > 1 {
            return Err(response.bad("it was not granted"));
        }
        let mut info = response.sequence(WHAT)?;
        response.end()?;
        if info.expect(OID)? != SIGNED_DATA {
            return Err(info.bad("it is no signed data"));
        }
        let mut data = Der::new(WHAT, info.expect(explicit(0))?);
        info.end()?;
        let mut data = data.sequence(WHAT)?;
        let (_version, _algorithms) = (data.small()?, data.expect(SET)?);
        let mut inner = data.sequence(WHAT)?;
        if inner.expect(OID)? != TST_INFO {
            return Err(inner.bad("it does not hold a time"));
        }
        let content = Der::new(WHAT, inner.expect(explicit(0))?).expect(OCTET_STRING)?;
        let mut certificates = Vec::new();
        let mut given = Der::new(WHAT, data.optional(explicit(0))?.unwrap_or_default());
        while !given.is_empty() && certificates.len() < ATTRIBUTES_MAX {
            certificates.push(given.next()?.whole);
        }
        let _lists = data.optional(explicit(1))?;
        let mut signers = Der::new(WHAT, data.expect(SET)?);
        data.end()?;
        let mut signer = signers.sequence(WHAT)?;
        signers.end()?;
        let _version = signer.small()?;
        let mut id = signer.sequence(WHAT)?;
        let (issuer, serial) = (id.next()?.whole, id.expect(INTEGER)?);
        let hash = hash(signer.expect(SEQUENCE)?)?;
        let attributes = signer.expect(explicit(0))?;
        let (algorithm, signature) = (signer.expect(SEQUENCE)?, signer.expect(OCTET_STRING)?);
        signer.optional(explicit(1))?;
        signer.end()?;
        Ok(Self { content, certificates, issuer, serial, hash, attributes, algorithm, signature })
    }

    /// Refuses attributes that are of another content.
    fn check_attributes(&self) -> Result<(), Refusal> {
        let mut list = Der::new("timestamp attributes", self.attributes);
        let (mut kinds, mut digests) = (Vec::new(), Vec::new());
        for _ in 0..ATTRIBUTES_MAX {
            if list.is_empty() {
                break;
            }
            let mut attribute = list.sequence(WHAT)?;
            let (name, mut values) = (attribute.expect(OID)?, Der::new(WHAT, attribute.expect(SET)?));
            match name {
                CONTENT_TYPE => kinds.push(values.expect(OID)?),
                MESSAGE_DIGEST => digests.push(values.expect(OCTET_STRING)?),
                _ => {}
            }
        }
        list.end()?;
        let digest = digest::digest(self.hash, self.content);
        if kinds == [TST_INFO] && digests == [digest.as_ref()] {
            Ok(())
        } else {
            Err(Refusal::Signature { what: WHAT })
        }
    }

    fn scheme(&self) -> Result<Scheme, Refusal> {
        match Der::new(WHAT, self.algorithm).expect(OID)? {
            RSA if *self.hash == SHA256 => Ok(Scheme::Rs256),
            RSA if *self.hash == SHA384 => Ok(Scheme::Rs384),
            RSA => Ok(Scheme::Rs512),
            ECDSA_SHA512 => Ok(Scheme::EcdsaSha512),
            _ => Scheme::from_der(self.algorithm),
        }
    }

    fn signed_by(&self, key: &PublicKey) -> Result<bool, Refusal> {
        // What is signed is the set itself, with its own tag.
        Ok(key.holds(self.scheme()?, &wrapped(SET, self.attributes), self.signature))
    }

    /// Whether this authority made it; the refusal says why not.
    fn check(&self, clock: &Authority, time: i64, revoked: &[String]) -> Result<(), Refusal> {
        clock.validity.holds("timestamp authority", time)?;
        let mut known =
            clock.chain.iter().map(|der| Certificate::parse(der)).collect::<Result<Vec<_>, _>>()?;
        let root = known.last().map(Certificate::key_id).unwrap_or_default();
        let roots = BTreeMap::from([(root, "timestamp authority".to_owned())]);
        let given = self.certificates.iter().filter_map(|der| Certificate::parse(der).ok());
        known.extend(given);
        let mine = |c: &Certificate<'_>| c.issuer == self.issuer && c.serial == self.serial;
        let at = known
            .iter()
            .position(mine)
            .ok_or(Refusal::Missing { what: "the certificate of the timestamp" })?;
        let leaf = known.swap_remove(at);
        let trust = Trust { roots: &roots, revoked, at: time };
        let chain = trust.lead(leaf, known);
        trust.check("timestamp authority's chain", &chain, &[], Listed::Any)?;
        let leaf = chain.first().ok_or(Refusal::Missing { what: "the certificate of the timestamp" })?;
        if !leaf.is_for(TIME_STAMPING)? {
            return Err(Refusal::Untrusted { what: "certificate", is: "that is not for timestamps".into() });
        }
        if self.signed_by(&leaf.key)? { Ok(()) } else { Err(Refusal::Signature { what: WHAT }) }
    }
}

/// A timestamp, read.
pub(super) struct Stamp<'a> {
    token: Token<'a>,
    info: Info<'a>,
}

impl<'a> Stamp<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let token = Token::read(bytes)?;
        Ok(Self { info: Info::read(token.content)?, token })
    }

    /// The time at which an authority of the root saw the signature.
    pub(super) fn time(&self, signature: &[u8], root: &Root, revoked: &[String]) -> Result<i64, Refusal> {
        self.token.check_attributes()?;
        let (hash, imprint) = self.info.imprint;
        if digest::digest(hash, signature).as_ref() != imprint {
            let (is, wanted) = ("another".into(), "the signature's".into());
            return Err(Refusal::Mismatch { what: "hash in the timestamp", is, wanted });
        }
        let mut refusal = Refusal::Missing { what: "a timestamp authority in the trusted root" };
        for clock in &root.clocks {
            match self.token.check(clock, self.info.time, revoked) {
                Ok(()) => return Ok(self.info.time),
                Err(why) => refusal = why,
            }
        }
        Err(refusal)
    }
}
