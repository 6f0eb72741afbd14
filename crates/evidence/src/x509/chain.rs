//! From a leaf to a root that the policy names.

use super::{BASIC_CONSTRAINTS, Certificate, Crl, EXTENDED_KEY_USAGE, KEY_USAGE, SUBJECT_ALT_NAME};
use crate::Refusal;
use std::collections::BTreeMap;

/// Longest chain, root included.
const CHAIN_MAX: usize = 8;
/// Bits of the key usage.
const SIGN_CERTIFICATES: u8 = 5;
const SIGN_LISTS: u8 = 6;

/// Who is trusted, as far as certificates go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trust<'a> {
    /// Names of roots by the identity of their keys ([`Certificate::key_id`]).
    pub(crate) roots: &'a BTreeMap<String, String>,
    /// Fingerprints of certificates that are taken back, whoever says what.
    pub(crate) revoked: &'a [String],
    /// When, in seconds since 1970.
    pub(crate) at: i64,
}

/// Whose certificates must be looked up in a revocation list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Listed {
    /// Those of every issuer.
    All,
    /// Those that the root signed.
    Root,
    /// None, though those that there are count.
    Any,
}

/// A chain that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Chain {
    /// The root's name in the policy.
    pub(crate) root: String,
    /// First and last second that all of it counts.
    pub(crate) validity: (i64, i64),
}

impl Trust<'_> {
    /// Checks certificates that lead from a leaf to a pinned root: names, authority, lengths, times and signatures.
    ///
    /// Critical extensions other than constraints, usages and names are refused. Every list of `lists` must be signed by an
    /// authority of the chain that is its issuer, or is passed over; the issuers of `listed` must have one.
    pub(crate) fn check(
        &self,
        what: &'static str,
        chain: &[Certificate<'_>],
        lists: &[Crl<'_>],
        listed: Listed,
    ) -> Result<Chain, Refusal> {
        let (Some(root), Some(_)) = (chain.last(), chain.first()) else {
            return Err(Refusal::Missing { what });
        };
        if chain.len() > CHAIN_MAX {
            return Err(Refusal::TooLarge { what, is: chain.len(), unit: "certificates", most: CHAIN_MAX });
        }
        let name = self.roots.get(&root.key_id());
        let name = name.ok_or_else(|| Refusal::Untrusted { what: "root certificate", is: root.key_id() })?;
        let mut validity = (i64::MIN, i64::MAX);
        for certificate in chain {
            self.check_one(certificate)?;
            let (from, until) = certificate.validity;
            validity = (validity.0.max(from), validity.1.min(until));
        }
        for (below, pair) in chain.windows(2).enumerate() {
            if let [child, issuer] = pair {
                let must = match listed {
                    Listed::All => true,
                    Listed::Root => issuer.key_id() == root.key_id(),
                    Listed::Any => false,
                };
                self.check_link(child, issuer, below, lists, must)?;
            }
        }
        // The key is pinned, so the certificate around it must be the key's own word, its names and times too.
        if root.issuer != root.subject || !root.signed_by(&root.key) {
            return Err(Refusal::Signature { what: "root certificate" });
        }
        Ok(Chain { root: name.clone(), validity })
    }

    /// The certificates that lead from a leaf up by their names. Where several are of a name, a pinned root goes first, so an old
    /// cross-signature does not hide it.
    pub(crate) fn lead<'c>(
        &self,
        leaf: Certificate<'c>,
        mut others: Vec<Certificate<'c>>,
    ) -> Vec<Certificate<'c>> {
        let mut chain = vec![leaf];
        while let Some(last) = chain.last().filter(|last| last.issuer != last.subject) {
            let named = |c: &Certificate<'_>| c.subject == last.issuer;
            let pinned = |c: &Certificate<'_>| {
                named(c) && c.issuer == c.subject && self.roots.contains_key(&c.key_id())
            };
            let Some(at) = others.iter().position(pinned).or_else(|| others.iter().position(named)) else {
                break;
            };
            chain.push(others.swap_remove(at));
        }
        chain
    }

    fn check_one(&self, certificate: &Certificate<'_>) -> Result<(), Refusal> {
        let (from, until) = certificate.validity;
        if !(from..=until).contains(&self.at) {
            return Err(Refusal::Time { what: "certificate", from, until, at: self.at });
        }
        let known = [BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, SUBJECT_ALT_NAME];
        if let Some(extension) = certificate.extensions.iter().find(|e| e.critical && !known.contains(&e.oid))
        {
            let is = crate::read::text::hex(extension.oid);
            return Err(Refusal::Unsupported { what: "critical extension", is });
        }
        let print = certificate.fingerprint();
        if self.revoked.contains(&print) {
            return Err(Refusal::Revoked { what: "certificate", is: print });
        }
        Ok(())
    }

    /// `below` is how many authorities stand between `issuer` and the leaf.
    fn check_link(
        &self,
        child: &Certificate<'_>,
        issuer: &Certificate<'_>,
        below: usize,
        lists: &[Crl<'_>],
        must: bool,
    ) -> Result<(), Refusal> {
        if child.issuer != issuer.subject {
            return Err(Refusal::Untrusted {
                what: "chain",
                is: "of certificates that do not name each other".into(),
            });
        }
        let most = issuer.authority()?;
        let within = most.is_some_and(|most| u64::try_from(below).is_ok_and(|below| below <= most));
        if !within || !issuer.may(SIGN_CERTIFICATES)? {
            return Err(Refusal::Untrusted {
                what: "issuer",
                is: "that may not sign this certificate".into(),
            });
        }
        if !child.signed_by(&issuer.key) {
            return Err(Refusal::Signature { what: "certificate" });
        }
        let mine: Vec<_> = lists.iter().filter(|list| list.issuer == issuer.subject).collect();
        if must && mine.is_empty() {
            return Err(Refusal::Missing { what: "a revocation list of an issuer" });
        }
        for list in mine {
            if !issuer.may(SIGN_LISTS)? {
                return Err(Refusal::Untrusted {
                    what: "issuer",
                    is: "that may not sign revocation lists".into(),
                });
            }
            list.check(&issuer.key, self.at)?;
            if list.names(child.serial) {
                return Err(Refusal::Revoked { what: "certificate", is: child.fingerprint() });
            }
        }
        Ok(())
    }
}
