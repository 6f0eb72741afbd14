//! Challenges for proofs that an agent controls an account: given out to one agent for one account, for ten minutes, and good once.
//!
//! A challenge says by itself what it was given out for: it holds when it ends, and a code over all of it by a key that follows
//! from the log's own. So nothing is kept of what is only given out, every server of the log knows every challenge, and a
//! restart forgets none. That one was used is kept as nonces are.

use super::super::{Settlement, SettlementError};
use super::Nonce;
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::PayError;
use tollgate_pay::escrow::OfficeError;
use tollgate_pay::registry::{AgentRecord, RailAccount};

/// How long a challenge is good, in seconds.
pub const CHALLENGE_S: i64 = 600;
/// What the code is for.
const CONTEXT: &str = "tollgate control challenge v1";

/// What a challenge is given out for.
struct For<'a> {
    agent: &'a str,
    rail: &'a str,
    account: &'a str,
}

impl For<'_> {
    /// The challenge that ends at a second: that second, randomness, and the code over both and what it is for.
    fn text(&self, key: &Digest, end_s: u64, random: u128) -> String {
        let (end, bytes) = (end_s.to_be_bytes(), random.to_be_bytes());
        let parts =
            [&key.0, self.agent.as_bytes(), self.rail.as_bytes(), self.account.as_bytes(), &end, &bytes];
        format!("{end_s:016x}{random:032x}{}", Digest::of_parts(parts))
    }

    /// Until which second a challenge counts, when it was given out for this.
    fn end(&self, key: &Digest, text: &str) -> Option<i64> {
        let end_s = u64::from_str_radix(text.get(..16)?, 16).ok()?;
        let random = u128::from_str_radix(text.get(16..48)?, 16).ok()?;
        // Compared by digests, so that the time that it takes says nothing of the code.
        let same = Digest::of(text.as_bytes()) == Digest::of(self.text(key, end_s, random).as_bytes());
        i64::try_from(end_s).ok().filter(|_| same)
    }
}

impl Settlement {
    /// Gives a challenge out to an agent that wants to prove that it controls an account, and says from when on it no longer counts.
    #[must_use]
    pub fn challenge(&self, agent: &str, rail: &str, account: &str, random: u128) -> (String, Timestamp) {
        let end = self.now().seconds().saturating_add(CHALLENGE_S).max(0);
        let text = For { agent, rail, account }.text(&self.key.derived(CONTEXT), end.unsigned_abs(), random);
        (text, Timestamp(end.saturating_mul(1_000_000)))
    }

    /// Uses up the challenges that a record's proofs of control answer: each must have been given out for that very proof. What
    /// the version before proves already needs none.
    pub(in super::super) fn use_challenges(
        &self,
        record: &AgentRecord,
        before: &[RailAccount],
    ) -> Result<(), SettlementError> {
        let refused = |account: &RailAccount, why: &str| {
            let reason = format!(
                "{} on {}: its nonce {why}: ask for one for this agent and account, and sign within {CHALLENGE_S} seconds",
                account.account, account.rail
            );
            SettlementError::from(PayError::NotProven { what: "control of an account", reason })
        };
        let (key, now) = (self.key.derived(CONTEXT), self.now().seconds());
        let mut ends = Vec::new();
        for account in record.rails.iter().filter(|account| !before.contains(account)) {
            let (rail, name) = (account.rail.as_str(), account.account.as_str());
            let given = For { agent: &record.id, rail, account: name }.end(&key, &account.nonce);
            let end = given.ok_or_else(|| refused(account, "was not given out here for this"))?;
            if end <= now {
                return Err(refused(account, "counts no longer"));
            }
            ends.push((account, end));
        }
        for (account, end) in ends {
            let name = Digest::of_parts([CONTEXT.as_bytes(), account.nonce.as_bytes()]);
            match self.use_nonce(name, end)? {
                Nonce::New => {}
                Nonce::Used => return Err(refused(account, "was used")),
                Nonce::Full => {
                    let full = PayError::Full { what: "nonces that still count", limit: super::NONCES_MAX };
                    return Err(OfficeError::Ledger(full).into());
                }
            }
        }
        Ok(())
    }
}
