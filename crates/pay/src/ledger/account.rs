//! One account: what was ever debited and credited, and what is reserved.

use serde::{Deserialize, Serialize};
use tollgate_core::Asset;

/// What an account may never do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Anything: the account stands for the world outside (a bank, a chain).
    None,
    /// Debits, reserved ones included, stay within posted credits: a customer's balance.
    DebitsWithinCredits,
    /// Credits, reserved ones included, stay within posted debits: an asset of the operator.
    CreditsWithinDebits,
}

/// Debits and credits in minor units, both only ever adding up for posted, and open reservations for pending.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Side {
    /// Sum of debits.
    pub debits: u128,
    /// Sum of credits.
    pub credits: u128,
}

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Account {
    /// What the account is counted in.
    pub asset: Asset,
    /// What it may never do.
    pub bound: Bound,
    /// What has happened.
    pub posted: Side,
    /// What is reserved by open holds.
    pub pending: Side,
}

impl Account {
    /// An account on which nothing has happened.
    #[must_use]
    pub const fn new(asset: Asset, bound: Bound) -> Self {
        let empty = Side { debits: 0, credits: 0 };
        Self { asset, bound, posted: empty, pending: empty }
    }

    /// Minor units that may still be taken from the bounded side: credits less debits and reserved debits for
    /// [`Bound::DebitsWithinCredits`], the mirror image for [`Bound::CreditsWithinDebits`], `u128::MAX` without a bound.
    #[must_use]
    pub const fn available(&self) -> u128 {
        match self.bound {
            Bound::None => u128::MAX,
            Bound::DebitsWithinCredits => {
                self.posted.credits.saturating_sub(self.posted.debits).saturating_sub(self.pending.debits)
            }
            Bound::CreditsWithinDebits => {
                self.posted.debits.saturating_sub(self.posted.credits).saturating_sub(self.pending.credits)
            }
        }
    }

    /// Posted credits less posted debits, in minor units; `None` when that does not fit in 128 bits.
    #[must_use]
    pub fn balance(&self) -> Option<i128> {
        let (more, less, sign) = if self.posted.credits >= self.posted.debits {
            (self.posted.credits, self.posted.debits, 1i128)
        } else {
            (self.posted.debits, self.posted.credits, -1i128)
        };
        i128::try_from(more.checked_sub(less)?).ok()?.checked_mul(sign)
    }
}
