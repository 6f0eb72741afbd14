//! Revocation lists (RFC 5280, section 5): complete lists of one issuer.

use crate::Refusal;
use crate::crypto::{PublicKey, Scheme};
use crate::read::der::{Der, INTEGER, SEQUENCE, explicit};

/// Largest list, in bytes.
const LIST_BYTES_MAX: usize = 256 << 10;

/// A list.
#[derive(Clone, Debug)]
pub(crate) struct Crl<'a> {
    signed: &'a [u8],
    scheme: Scheme,
    signature: &'a [u8],
    pub(crate) issuer: &'a [u8],
    from: i64,
    until: i64,
    serials: Vec<&'a [u8]>,
}

impl<'a> Crl<'a> {
    /// Reads some.
    pub(crate) fn parse_all(ders: &'a [Vec<u8>]) -> Result<Vec<Self>, Refusal> {
        ders.iter().map(|der| Self::parse(der)).collect()
    }

    /// Reads one.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, Refusal> {
        const WHAT: &str = "revocation list";
        if der.len() > LIST_BYTES_MAX {
            return Err(Refusal::TooLarge { what: WHAT, is: der.len(), unit: "bytes", most: LIST_BYTES_MAX });
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
        if body.optional(INTEGER)? != Some(&[1]) {
            return Err(body.bad("it is not of version 2"));
        }
        let inner = body.expect(SEQUENCE)?;
        if inner != outer_scheme.rest() {
            return Err(body.bad("it names two signature algorithms"));
        }
        let scheme = Scheme::from_der(inner)?;
        let issuer = body.next()?.whole;
        // The next list is due at its moment: from then on this one does not count.
        let (from, until) = (body.time()?, body.time()?.saturating_sub(1));
        let mut serials = Vec::new();
        if let Some(entries) = body.optional(SEQUENCE)? {
            let mut entries = Der::new(WHAT, entries);
            while !entries.is_empty() {
                let mut entry = entries.sequence(WHAT)?;
                serials.push(entry.expect(INTEGER)?);
            }
        }
        // Of the extensions only number and key identifier are in use; a list of changes would say so in a critical one.
        if let Some(extensions) = body.optional(explicit(0))?
            && super::extensions(Some(extensions))?.iter().any(|extension| extension.critical)
        {
            return Err(body.bad("it has a critical extension"));
        }
        body.end()?;
        Ok(Self { signed: tbs.whole, scheme, signature, issuer, from, until, serials })
    }

    /// Whether it counts now and its issuer signed it.
    pub(super) fn check(&self, issuer: &PublicKey, at: i64) -> Result<(), Refusal> {
        if !(self.from..=self.until).contains(&at) {
            return Err(Refusal::Time { what: "revocation list", from: self.from, until: self.until, at });
        }
        if !issuer.holds(self.scheme, self.signed, self.signature) {
            return Err(Refusal::Signature { what: "revocation list" });
        }
        Ok(())
    }

    /// Last second that it counts.
    pub(crate) const fn until(&self) -> i64 {
        self.until
    }

    /// Whether it names this serial number.
    pub(super) fn names(&self, serial: &[u8]) -> bool {
        self.serials.contains(&serial)
    }
}
