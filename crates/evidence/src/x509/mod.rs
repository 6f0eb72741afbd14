//! X.509 certificates (RFC 5280) as attestation keys have them: read whole, nothing interpreted that is not checked.

mod chain;
mod crl;
mod server;

pub(crate) use chain::{Chain, Listed, Trust};
pub(crate) use crl::Crl;

use crate::Refusal;
use crate::crypto::{PublicKey, Scheme, sha256};
use crate::read::der::{BOOLEAN, Der, INTEGER, OCTET_STRING, OID, SEQUENCE, explicit, wrapped};
use crate::read::text;

/// Largest certificate, in bytes.
const CERTIFICATE_BYTES_MAX: usize = 8 << 10;
/// Most extensions of one.
const EXTENSIONS_MAX: usize = 32;

/// Object identifiers of extensions.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];

/// An extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extension<'a> {
    pub(crate) oid: &'a [u8],
    pub(crate) critical: bool,
    pub(crate) value: &'a [u8],
}

/// A certificate.
#[derive(Clone, Debug)]
pub(crate) struct Certificate<'a> {
    whole: &'a [u8],
    signed: &'a [u8],
    scheme: Scheme,
    signature: &'a [u8],
    pub(crate) serial: &'a [u8],
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    /// First and last second that it counts.
    pub(crate) validity: (i64, i64),
    spki: &'a [u8],
    pub(crate) key: PublicKey,
    extensions: Vec<Extension<'a>>,
}

impl<'a> Certificate<'a> {
    /// Reads one.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, Refusal> {
        const WHAT: &str = "certificate";
        if der.len() > CERTIFICATE_BYTES_MAX {
            let most = CERTIFICATE_BYTES_MAX;
            return Err(Refusal::TooLarge { what: WHAT, is: der.len(), unit: "bytes", most });
        }
        let mut file = Der::new(WHAT, der);
        let mut outer = file.sequence(WHAT)?;
        file.end()?;
        let tbs = outer.next()?;
        let outer_scheme = outer.sequence(WHAT)?;
        let signature = outer.bits()?;
        outer.end()?;

        let mut tbs_outer = Der::new(WHAT, tbs.whole);
        let mut body = tbs_outer.sequence(WHAT)?;
        if body.optional(explicit(0))? != Some(&[INTEGER, 1, 2]) {
            return Err(body.bad("it is not of version 3"));
        }
        let serial = body.expect(INTEGER)?;
        let inner = body.next()?;
        if inner.body != outer_scheme.rest() {
            return Err(body.bad("it names two signature algorithms"));
        }
        let scheme = Scheme::from_der(inner.body)?;
        let issuer = body.next()?.whole;
        let mut validity = body.sequence(WHAT)?;
        let validity = (validity.time()?, validity.time()?);
        let subject = body.next()?.whole;
        let spki = body.next()?.whole;
        let extensions = extensions(body.optional(explicit(3))?)?;
        body.end()?;
        let key = PublicKey::from_spki(spki)?;
        Ok(Self {
            whole: der,
            signed: tbs.whole,
            scheme,
            signature,
            serial,
            issuer,
            subject,
            validity,
            spki,
            key,
            extensions,
        })
    }

    /// Reads several, each in its own DER.
    pub(crate) fn parse_all(ders: &'a [Vec<u8>]) -> Result<Vec<Self>, Refusal> {
        ders.iter().map(|der| Self::parse(der)).collect()
    }

    /// The extension of this name.
    pub(crate) fn extension(&self, oid: &[u8]) -> Option<&'a [u8]> {
        self.extensions.iter().find(|extension| extension.oid == oid).map(|extension| extension.value)
    }

    /// What the issuer signed, without this extension: as a log of certificates saw it (RFC 6962, section 3.2).
    pub(crate) fn without(&self, oid: &[u8]) -> Result<Vec<u8>, Refusal> {
        const WHAT: &str = "certificate";
        let mut outer = Der::new(WHAT, self.signed);
        let (mut body, mut kept) = (outer.sequence(WHAT)?, Vec::new());
        while !body.is_empty() {
            let part = body.next()?;
            if part.tag != explicit(3) {
                kept.extend(part.whole);
                continue;
            }
            let mut list = Der::new(WHAT, part.body).sequence(WHAT)?;
            let mut extensions = Vec::new();
            while !list.is_empty() {
                let extension = list.next()?;
                if Der::new(WHAT, extension.body).expect(OID)? != oid {
                    extensions.extend(extension.whole);
                }
            }
            kept.extend(wrapped(explicit(3), &wrapped(SEQUENCE, &extensions)));
        }
        Ok(wrapped(SEQUENCE, &kept))
    }

    /// SHA-256 of the whole, in hexadecimal digits: what it is known by.
    pub(crate) fn fingerprint(&self) -> String {
        text::hex(&sha256(self.whole))
    }

    /// SHA-256 of the public key with its algorithm, in hexadecimal digits: what a root is pinned by.
    pub(crate) fn key_id(&self) -> String {
        text::hex(&sha256(self.spki))
    }

    /// Whether the key of `issuer` made the signature.
    fn signed_by(&self, issuer: &PublicKey) -> bool {
        issuer.holds(self.scheme, self.signed, self.signature)
    }

    /// How many certificates may stand between it and a leaf; `None` when it is no authority.
    fn authority(&self) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.extension(BASIC_CONSTRAINTS) else { return Ok(None) };
        let mut outer = Der::new("basic constraints", value);
        let mut body = outer.sequence("basic constraints")?;
        outer.end()?;
        let authority = match body.optional(BOOLEAN)? {
            None => false,
            Some([0xff]) => true,
            Some(_) => return Err(body.bad("a boolean is neither true nor, by default, false")),
        };
        let length = if body.is_empty() { u64::MAX } else { body.small()? };
        body.end()?;
        Ok(authority.then_some(length))
    }

    /// Whether it may sign certificates (bit 5) or revocation lists (bit 6). Without the extension it may.
    fn may(&self, bit: u8) -> Result<bool, Refusal> {
        let Some(value) = self.extension(KEY_USAGE) else { return Ok(true) };
        let mut outer = Der::new("key usage", value);
        let bits = outer.expect(crate::read::der::BIT_STRING)?;
        outer.end()?;
        Ok(bits.get(1).is_some_and(|first| first & (0x80 >> bit) != 0))
    }
}

/// The body of the sequence of extensions.
fn extensions<'a>(body: Option<&'a [u8]>) -> Result<Vec<Extension<'a>>, Refusal> {
    const WHAT: &str = "extensions";
    let Some(body) = body else { return Ok(Vec::new()) };
    let mut outer = Der::new(WHAT, body);
    let mut list = outer.sequence(WHAT)?;
    outer.end()?;
    let mut extensions: Vec<Extension<'a>> = Vec::new();
    while !list.is_empty() {
        let mut item = list.sequence(WHAT)?;
        let oid = item.expect(OID)?;
        let critical = match item.optional(BOOLEAN)? {
            None => false,
            Some([0xff]) => true,
            Some(_) => return Err(item.bad("a boolean is neither true nor, by default, false")),
        };
        let value = item.expect(OCTET_STRING)?;
        item.end()?;
        if extensions.iter().any(|earlier| earlier.oid == oid) {
            return Err(list.bad("an extension stands twice"));
        }
        if extensions.len() >= EXTENSIONS_MAX {
            return Err(list.bad("there are more than 32 extensions"));
        }
        extensions.push(Extension { oid, critical, value });
    }
    Ok(extensions)
}
