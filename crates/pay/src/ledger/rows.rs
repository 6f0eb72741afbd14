//! The whole state as rows, for snapshots: a book restored from its rows decides as the book itself would.

use super::book::Reservation;
use super::keys::Known;
use super::marks::Mark;
use super::{Account, Book, Bound, HoldId, Limits, Outcome, Side};
use crate::PayError;
use crate::json::plain_text;
use serde::{Deserialize, Serialize};
use tollgate_core::id::AccountId;
use tollgate_core::{Asset, Digest, Timestamp};

/// One row. The first is [`Row::Head`]; accounts come before the holds that name them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Row {
    /// Where the book stands.
    Head {
        /// Number of the next hold.
        next_hold: u64,
        /// Number of the next entry.
        next_seq: u64,
        /// Time of the last entry.
        time: Timestamp,
    },
    /// An account. Sums are decimal text: posted debits, posted credits, pending debits, pending credits.
    Account {
        /// Its asset.
        asset: Asset,
        /// Its bound.
        bound: Bound,
        /// Its id.
        id: AccountId,
        /// Its four sums.
        sums: [String; 4],
    },
    /// An open hold.
    Hold {
        /// Place of the credited account among the accounts.
        credit: usize,
        /// Place of the debited account.
        debit: usize,
        /// When it ends by itself.
        expires: Option<Timestamp>,
        /// First member and size of its group.
        group: Option<(HoldId, u64)>,
        /// Its number.
        id: HoldId,
        /// What it reserves, as decimal text.
        left: String,
    },
    /// What is remembered of a name.
    Mark {
        /// The name.
        name: Digest,
        /// What is remembered, as JSON text of this program's own.
        state: String,
    },
    /// A remembered idempotency key.
    Key {
        /// Digest of the command.
        command: Digest,
        /// Digest of the key.
        key: Digest,
        /// What it was answered.
        outcome: Outcome,
        /// The entry that decided it.
        seq: u64,
        /// When it was used.
        time: Timestamp,
    },
}

impl Book {
    /// The state, row by row, the same for equal books.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        let head = Row::Head { next_hold: self.next_hold, next_seq: self.next_seq, time: self.time };
        let accounts = self.accounts.iter().map(|(id, account)| {
            let Account { asset, bound, posted, pending } = *account;
            let sums =
                [posted.debits, posted.credits, pending.debits, pending.credits].map(|sum| sum.to_string());
            Row::Account { asset, bound, id: id.clone(), sums }
        });
        let holds = self.holds.iter().map(|(id, hold)| Row::Hold {
            credit: hold.credit,
            debit: hold.debit,
            expires: hold.expires,
            group: hold.group,
            id: *id,
            left: hold.left.to_string(),
        });
        let keys = self.keys.iter().map(|(time, key, known)| Row::Key {
            command: known.command,
            key,
            outcome: known.outcome.clone(),
            seq: known.seq,
            time,
        });
        let marks = self.marks.iter().map(|(name, mark)| Row::Mark { name, state: plain_text(mark) });
        std::iter::once(head).chain(accounts).chain(holds).chain(marks).chain(keys)
    }

    /// Takes one row more of a snapshot.
    ///
    /// # Errors
    /// [`PayError::Bad`] when the row is not one that [`Book::rows`] gives at this place.
    pub fn restore(&mut self, row: Row) -> Result<(), PayError> {
        match row {
            Row::Head { next_hold, next_seq, time } => {
                if !self.accounts.is_empty() || self.next_seq != 0 {
                    return Err(PayError::bad("snapshot row", "head", "the first row of an empty book"));
                }
                (self.next_hold, self.next_seq, self.time) = (next_hold, next_seq, time);
            }
            Row::Account { asset, bound, id, sums } => {
                let [posted_debits, posted_credits, debits, credits] = sums;
                let posted = Side { debits: sum(&posted_debits)?, credits: sum(&posted_credits)? };
                let pending = Side { debits: sum(&debits)?, credits: sum(&credits)? };
                if self.places.insert(id.clone(), self.accounts.len()).is_some() {
                    return Err(PayError::bad("snapshot account", id.as_str(), "an id that occurs once"));
                }
                self.accounts.push((id, Account { asset, bound, posted, pending }));
            }
            Row::Hold { credit, debit, expires, group, id, left } => {
                let known = credit.max(debit) < self.accounts.len();
                if !known || id.0 >= self.next_hold || self.holds.contains_key(&id) {
                    let wanted = "a new hold between known accounts";
                    return Err(PayError::bad("snapshot hold", &id.to_string(), wanted));
                }
                self.put_hold(id, Reservation { debit, credit, left: sum(&left)?, expires, group });
            }
            Row::Mark { name, state } => {
                let bad = |_| PayError::bad("snapshot mark", &state, "what the book wrote");
                let mark: Mark = serde_json::from_str(&state).map_err(bad)?;
                if self.marks.put(name, Some(mark)).is_some() {
                    return Err(PayError::bad("snapshot mark", &name.to_string(), "a name that occurs once"));
                }
            }
            Row::Key { command, key, outcome, seq, time } => {
                self.keys.remember(key, time, Known { command, seq, outcome });
            }
        }
        Ok(())
    }

    /// Checks the whole state: each asset's debits equal its credits, and what is pending is what holds reserve.
    ///
    /// # Errors
    /// [`PayError::NotConserved`] for the first asset that does not add up.
    pub fn audit(&self) -> Result<(), PayError> {
        let mut reserved = vec![Side::default(); self.accounts.len()];
        for hold in self.holds.values() {
            if let Some(side) = reserved.get_mut(hold.debit) {
                side.debits = side.debits.wrapping_add(hold.left);
            }
            if let Some(side) = reserved.get_mut(hold.credit) {
                side.credits = side.credits.wrapping_add(hold.left);
            }
        }
        let mut assets = std::collections::BTreeMap::<Asset, u128>::new();
        for ((_, account), reserved) in self.accounts.iter().zip(&reserved) {
            if account.pending != *reserved {
                return Err(PayError::NotConserved { asset: account.asset.code().into() });
            }
            let more = account.posted.debits.wrapping_sub(account.posted.credits);
            let sum = assets.entry(account.asset).or_default();
            *sum = sum.wrapping_add(more);
        }
        match assets.iter().find(|(_, sum)| **sum != 0) {
            Some((asset, _)) => Err(PayError::NotConserved { asset: asset.code().into() }),
            None => Ok(()),
        }
    }

    /// The limits that the book was made with.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }
}

fn sum(text: &str) -> Result<u128, PayError> {
    text.parse().map_err(|_| PayError::bad("snapshot sum", text, "a sum of minor units"))
}
