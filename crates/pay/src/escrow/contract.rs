//! What payer and payee agreed on: the terms of one task, in one canonical spelling, and their hash.
//!
//! The hash names the escrow: a contract has one. Amounts are integers of the price's asset. A release of `v` minor units
//! pays each fee ⌊v · bps / 10,000⌋ and the payee all the rest, so the payee has what rounding leaves and the parts sum to
//! `v` exactly; with n releases a fee gets at most n − 1 minor units less than it would from one.

use super::{PublicKey, Quorum, Rules};
use crate::PayError;
use crate::json::plain as json_bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};
use std::collections::BTreeSet;
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Digest, Timestamp};

/// Longest contract, in bytes of its canonical form.
pub const CONTRACT_BYTES_MAX: usize = 16 << 10;
/// Most stages, sources of funds, fees and kinds of evidence.
const STAGES_MAX: usize = 32;
const SOURCES_MAX: usize = 8;
const FEES_MAX: usize = 8;
const KINDS_MAX: usize = 8;
/// Longest challenge window: 90 days.
const CHALLENGE_MAX_US: i64 = 90 * 86_400 * 1_000_000;
/// How long verifiers have, at least, for the last evidence of a stage, and the quorum for the order that follows from the last
/// decision: ten minutes.
pub const SETTLING_US: i64 = 600_000_000;
/// Latest moment that every JSON reader holds exactly (RFC 8259, section 6): in the year 2255.
const TIME_MAX: i64 = (1 << 53) - 1;
/// Basis points of the whole.
const WHOLE_BPS: i128 = 10_000;
/// Stands before what evidence must carry.
const BIND_DOMAIN: &[u8] = b"tollgate/bind/v1";

/// SHA-256, which is what statements name files by.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

/// The version of the form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Form {
    /// The first.
    #[serde(rename = "tollgate/task/v1")]
    V1,
}

/// What evidence must be shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidencePolicy {
    /// Kinds that are accepted.
    pub kinds: Vec<String>,
    /// Digest of the policy by which verifiers must judge: trust anchors, freshness, accepted levels. Without one each verifier
    /// judges by its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Digest>,
    /// Digest of the predicate that the evidence must satisfy.
    pub predicate: Digest,
}

/// A share of every release.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// Who gets it.
    pub account: AccountId,
    /// Hundredths of a percent, rounded down in each release.
    pub bps: u16,
}

/// Where a part of the price comes from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Who gives it.
    pub account: AccountId,
    /// How much.
    pub amount: Amount,
}

/// Who does the work.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payee {
    /// Who is paid.
    pub account: AccountId,
    /// Who signs.
    pub key: PublicKey,
}

/// A part of the work that is paid by itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// How much.
    pub amount: Amount,
    /// Evidence counts before this moment, not at it.
    pub submit_by: Timestamp,
}

/// The terms. Fields stand in alphabetical order, so that the plain serialisation is the canonical one (RFC 8785).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskContract {
    /// How long a verdict can be disputed before it is executed, in microseconds.
    pub challenge_us: i64,
    /// Who decides disputes.
    pub evaluators: Quorum,
    /// What evidence must be shown.
    pub evidence: EvidencePolicy,
    /// Taken from every release, before the payee.
    pub fees: Vec<Fee>,
    /// Where the price comes from: holds on these accounts are made and given back as a group.
    pub funding: Vec<Source>,
    /// Name of the principal's open mandate under which this is paid ([`crate::mandate::Chain::names`]). Without one the payer's
    /// own signature, or a payment that the principal signed itself, is what allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mandate: Option<Digest>,
    /// 32 random bytes: two contracts are never the same.
    pub nonce: Digest,
    /// Whether a verdict may grant less than a stage's amount, and more than nothing.
    pub partial: bool,
    /// Who does the work.
    pub payee: Payee,
    /// The payer's key.
    pub payer: PublicKey,
    /// The whole price.
    pub price: Amount,
    /// The rail that moves the money.
    pub rail: String,
    /// From this moment on the payer takes back what was not released, with nobody's consent.
    pub refund_after: Timestamp,
    /// Parts of the work in order; they sum to the price.
    pub stages: Vec<Stage>,
    /// What the parties call the task.
    pub task: String,
    /// The form's version.
    pub r#type: Form,
    /// Who looks at evidence and orders releases.
    pub verifiers: Quorum,
}

/// What one account gets of a release.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Who.
    pub account: AccountId,
    /// How much.
    pub amount: Amount,
}

/// [`TaskContract::bind`] for whoever knows only a contract's digest and nonce: the producer of evidence.
#[must_use]
pub fn bind(task: &Digest, nonce: &Digest, output: &Digest) -> [u8; 64] {
    let mut hash = Sha512::new_with_prefix(BIND_DOMAIN);
    // The escrow of a contract has the contract's name.
    for part in [task, task, output, nonce] {
        hash.update(32u64.to_be_bytes());
        hash.update(part.0);
    }
    hash.finalize().into()
}

impl TaskContract {
    /// SHA-256 of the canonical form: the name of the contract and of its escrow.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(&json_bytes(self))
    }

    /// What evidence for an output must carry where its kind has room for the caller's data: it is then evidence of this
    /// task and of no other. SHA-512 over the domain and the length-prefixed escrow, task, output and nonce.
    #[must_use]
    pub fn bind(&self, output: &Digest) -> [u8; 64] {
        bind(&self.digest(), &self.nonce, output)
    }

    /// An amount of the price's asset.
    #[must_use]
    pub const fn amount(&self, minor: i128) -> Amount {
        Amount::new(minor, self.price.asset())
    }

    /// Who gets how much of a release of `minor`: the payee, then the fees. Parts of nothing are left out.
    ///
    /// `None` for a negative amount.
    #[must_use]
    pub fn split(&self, minor: i128) -> Option<Vec<Part>> {
        let mut rest = Some(minor).filter(|minor| *minor >= 0)?;
        let mut parts = Vec::new();
        for fee in &self.fees {
            let share = share(minor, i128::from(fee.bps))?;
            rest = rest.checked_sub(share)?;
            parts.push(Part { account: fee.account.clone(), amount: self.amount(share) });
        }
        parts.insert(0, Part { account: self.payee.account.clone(), amount: self.amount(rest) });
        parts.retain(|part| part.amount.minor() > 0);
        Some(parts)
    }

    /// Checks that the terms make sense together.
    ///
    /// # Errors
    /// [`PayError::Bad`] with the field, its value and what it must be.
    pub fn check(&self) -> Result<(), PayError> {
        self.check_by(Rules::default())
    }

    pub(super) fn check_by(&self, rules: Rules) -> Result<(), PayError> {
        self.check_words()?;
        self.check_money()?;
        self.check_people()?;
        self.check_times(rules)
    }

    /// Verdicts count before this moment: a window, a ruling that may take as long as the window, and [`SETTLING_US`] to execute it
    /// lie between it and `refund_after`. So nobody wins by objecting late.
    #[must_use]
    pub const fn verdict_by(&self, rules: Rules) -> Timestamp {
        let ruled = self.ruling_by(rules).0;
        match rules {
            Rules::First => Timestamp(ruled.saturating_sub(self.challenge_us)),
            Rules::Second => Timestamp(ruled.saturating_sub(self.challenge_us.saturating_mul(2))),
        }
    }

    /// Rulings count before this moment.
    #[must_use]
    pub const fn ruling_by(&self, rules: Rules) -> Timestamp {
        match rules {
            Rules::First => self.refund_after,
            Rules::Second => Timestamp(self.refund_after.0.saturating_sub(SETTLING_US)),
        }
    }

    /// What lies at least between the evidence of a stage and the next one's, or the end: verification, window, ruling, execution.
    const fn stage_us(&self) -> i64 {
        self.challenge_us.saturating_mul(2).saturating_add(2 * SETTLING_US)
    }

    fn check_words(&self) -> Result<(), PayError> {
        let word = |text: &str, extra: &[u8]| {
            let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || extra.contains(&b);
            (1..=64).contains(&text.len()) && text.bytes().all(legal)
        };
        let plain = |b: u8| b.is_ascii_graphic();
        if !(1..=64).contains(&self.task.len()) || !self.task.bytes().all(plain) {
            return Err(PayError::bad(
                "task",
                &self.task,
                "1 to 64 printable ASCII characters without spaces",
            ));
        }
        if !word(&self.rail, b"-_") {
            return Err(PayError::bad("rail", &self.rail, "1 to 64 of a-z 0-9 - _"));
        }
        let kinds = &self.evidence.kinds;
        let bad = kinds.iter().find(|kind| !word(kind, b"-_"));
        if let Some(bad) = bad {
            return Err(PayError::bad("evidence kind", bad, "1 to 64 of a-z 0-9 - _"));
        }
        count("evidence kinds", kinds.len(), 1, KINDS_MAX, "1 to 8")?;
        let size = json_bytes(self).len();
        count("contract", size, 1, CONTRACT_BYTES_MAX, "at most 16,384 bytes long")
    }

    fn check_money(&self) -> Result<(), PayError> {
        count("stages", self.stages.len(), 1, STAGES_MAX, "1 to 32")?;
        count("funding", self.funding.len(), 1, SOURCES_MAX, "1 to 8 accounts")?;
        count("fees", self.fees.len(), 0, FEES_MAX, "at most 8")?;
        self.sums("stages", self.stages.iter().map(|stage| stage.amount))?;
        self.sums("funding", self.funding.iter().map(|source| source.amount))?;
        let bps = self.fees.iter().try_fold(0i128, |sum, fee| sum.checked_add(fee.bps.into()));
        let zero = self.fees.iter().any(|fee| fee.bps == 0);
        match bps.filter(|bps| *bps <= WHOLE_BPS && !zero) {
            Some(_) => Ok(()),
            None => {
                Err(PayError::bad("fees", &format!("{bps:?} bps"), "each at least 1, together at most 10000"))
            }
        }
    }

    /// Each amount is more than nothing and of the price's asset, and together they are the price.
    fn sums(&self, what: &'static str, amounts: impl Iterator<Item = Amount>) -> Result<(), PayError> {
        let mut sum = self.amount(0);
        for amount in amounts {
            let added = sum.checked_add(amount).ok().filter(|_| amount.minor() > 0);
            sum = added.ok_or_else(|| {
                PayError::bad(what, &amount.to_string(), "amounts of more than nothing, of the price's asset")
            })?;
        }
        if sum == self.price {
            Ok(())
        } else {
            Err(PayError::bad(what, &sum.to_string(), "the price in sum"))
        }
    }

    fn check_people(&self) -> Result<(), PayError> {
        self.verifiers.check()?;
        self.evaluators.check()?;
        let accounts = self.funding.iter().map(|source| &source.account);
        let accounts: Vec<_> =
            accounts.chain([&self.payee.account]).chain(self.fees.iter().map(|fee| &fee.account)).collect();
        let mut seen = BTreeSet::new();
        if let Some(twice) = accounts.iter().find(|account| !seen.insert(**account)) {
            let wanted = "named once: payer, payee and fees are different accounts";
            return Err(PayError::bad("account", twice.as_str(), wanted));
        }
        let parties = [&self.payer, &self.payee.key];
        let mut others = self.verifiers.keys.iter().chain(&self.evaluators.keys);
        if self.payer == self.payee.key || others.any(|key| parties.contains(&key)) {
            let wanted = "a key of one party: payer, payee and those who judge are different";
            return Err(PayError::bad("key", &self.payer.to_string(), wanted));
        }
        Ok(())
    }

    fn check_times(&self, rules: Rules) -> Result<(), PayError> {
        if !(0..=CHALLENGE_MAX_US).contains(&self.challenge_us) {
            let shown = self.challenge_us.to_string();
            return Err(PayError::bad("challenge_us", &shown, "0 to 90 days in microseconds"));
        }
        // By the first rules a stage could follow at once, and the end a window later.
        let (between, after) = match rules {
            Rules::First => (1, self.challenge_us.saturating_add(1)),
            Rules::Second => (self.stage_us(), self.stage_us()),
        };
        let mut from = Timestamp(1);
        for stage in &self.stages {
            if stage.submit_by < from {
                let wanted = "two challenge windows and 20 minutes later than that of the stage before";
                return Err(PayError::bad("submit_by", &stage.submit_by.to_string(), wanted));
            }
            from = Timestamp(stage.submit_by.0.saturating_add(between));
        }
        let last = self.stages.last().map_or(0, |stage| stage.submit_by.0);
        let room = last.checked_add(after);
        match room.filter(|room| self.refund_after.0 >= *room && self.refund_after.0 <= TIME_MAX) {
            Some(_) => Ok(()),
            None => {
                let wanted = "two challenge windows and 20 minutes later than the last submit_by";
                Err(PayError::bad("refund_after", &self.refund_after.to_string(), wanted))
            }
        }
    }
}

/// ⌊minor · bps / 10,000⌋ without a product that may overflow.
fn share(minor: i128, bps: i128) -> Option<i128> {
    let (whole, rest) = (minor.checked_div(WHOLE_BPS)?, minor.checked_rem(WHOLE_BPS)?);
    whole.checked_mul(bps)?.checked_add(rest.checked_mul(bps)?.checked_div(WHOLE_BPS)?)
}

fn count(
    field: &'static str,
    is: usize,
    least: usize,
    most: usize,
    wanted: &'static str,
) -> Result<(), PayError> {
    if (least..=most).contains(&is) { Ok(()) } else { Err(PayError::bad(field, &is.to_string(), wanted)) }
}
