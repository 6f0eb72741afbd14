//! One check: what it is made with, and what every kind has in common.

use crate::x509::{Certificate, Chain, Crl, Listed, Trust};
use crate::{Bind, Claims, Collateral, Kind, Policy, Refusal, kinds};
use tollgate_core::Timestamp;

/// Largest evidence, in bytes.
pub const EVIDENCE_BYTES_MAX: usize = 512 << 10;

/// What a verifier is given beside the evidence. Everything that its answer depends on is here.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// When it is checked.
    pub at: Timestamp,
    /// Whom and what to trust.
    pub policy: &'a Policy,
    /// What vendors say.
    pub collateral: &'a Collateral,
    /// What it must carry. Without one it may be evidence of anything.
    pub bind: Option<&'a Bind>,
}

/// Verifies evidence.
///
/// # Errors
/// [`Refusal`] with the first thing that is wrong.
pub fn verify(kind: Kind, evidence: &[u8], check: &Check<'_>) -> Result<Claims, Refusal> {
    if evidence.len() > EVIDENCE_BYTES_MAX {
        let most = EVIDENCE_BYTES_MAX;
        return Err(Refusal::TooLarge { what: "evidence", is: evidence.len(), unit: "bytes", most });
    }
    let mut claims = kinds::verify(kind, evidence, check)?;
    if let Some(at) = claims.produced_at {
        check.fresh(at)?;
    }
    claims.bound = check.bind.is_some();
    Ok(claims)
}

impl<'a> Check<'a> {
    /// When, in seconds since 1970.
    pub(crate) const fn seconds(&self) -> i64 {
        self.at.seconds()
    }

    /// Whom to trust for certificates of a kind.
    pub(crate) fn trust(&self, kind: Kind) -> Trust<'a> {
        Trust { roots: self.policy.roots(kind), revoked: &self.policy.revoked, at: self.seconds() }
    }

    /// A chain of a kind, held to the revocation lists that the verifier has, and to those that were handed in, of which whoever
    /// hands them in leaves out what does not suit.
    pub(crate) fn chain(
        &self,
        kind: Kind,
        what: &'static str,
        chain: &[Certificate<'_>],
        listed: Listed,
    ) -> Result<Chain, Refusal> {
        let (mine, handed) = (self.policy.lists(kind)?, self.collateral.lists()?);
        let listed = if self.policy.unlisted.contains(&kind) { Listed::Any } else { listed };
        let (mine, handed) = (Crl::parse_all(&mine)?, Crl::parse_all(&handed)?);
        let trust = self.trust(kind);
        trust.check(what, chain, &handed, Listed::Any)?;
        trust.check(what, chain, &mine, listed)
    }

    /// Refuses what was made too long ago, or in the future.
    fn fresh(&self, produced: i64) -> Result<(), Refusal> {
        let from = produced.saturating_sub(self.policy.skew_s);
        let until = produced.saturating_add(self.policy.max_age_s);
        let at = self.seconds();
        if (from..=until).contains(&at) {
            Ok(())
        } else {
            Err(Refusal::Time { what: "evidence", from, until, at })
        }
    }

    /// Refuses debug mode, unless the policy allows it.
    pub(crate) fn debug(&self, debug: bool, place: &'static str) -> Result<(), Refusal> {
        if debug && !self.policy.allow_debug { Err(Refusal::Debug { place }) } else { Ok(()) }
    }
}
