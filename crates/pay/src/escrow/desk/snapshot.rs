//! A desk as rows, which shorten the way back: a desk made of them is the one that all entries before its next would make.

use super::super::{Escrow, Owner, Rules, SettlementPlane};
use super::{Answered, Desk, Landed};
use crate::PayError;
use serde::{Deserialize, Serialize};
use tollgate_core::Digest;

/// One row. Everything else that a desk keeps follows from them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// How far the log is read. It stands first.
    Head {
        /// The first entry that was not folded.
        next_seq: u64,
        /// By which rules the last record was decided.
        rules: Rules,
    },
    /// An escrow.
    Escrow(Box<Escrow>),
    /// The owner of an account.
    Owner(Owner),
    /// What the ledger did with a call that an escrow does not know of yet.
    Landed {
        /// It took effect.
        applied: bool,
        /// The escrow that waits for it.
        escrow: Digest,
        /// The call's key.
        key: String,
        /// The entry.
        seq: u64,
    },
    /// What a request was answered, oldest first.
    Request {
        /// The answer.
        answered: Answered,
        /// The request.
        request: Digest,
    },
}

impl Desk {
    /// The rows of a desk, in an order that is the same for equal desks.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        let head = Row::Head { next_seq: self.next_seq, rules: self.rules };
        let escrows = self.escrows.values().map(|escrow| Row::Escrow(Box::new(escrow.clone())));
        let owners = self.owners.all().map(|owner| Row::Owner(owner.clone()));
        let landed = self.landed.iter().map(|(escrow, landed)| {
            let Landed { key, seq, applied } = landed.clone();
            Row::Landed { applied, escrow: *escrow, key, seq }
        });
        let requests = self.recent.iter().filter_map(|request| {
            Some(Row::Request { answered: *self.requests.get(request)?, request: *request })
        });
        std::iter::once(head).chain(escrows).chain(owners).chain(landed).chain(requests)
    }

    /// The desk of these rows, with a plane and a bound of its own. Where the rows come from is believed: keep them as the log is kept,
    /// and see to it that they are of this log.
    ///
    /// # Errors
    /// [`PayError::Bad`] when the first row is no head, or another is.
    pub fn restore(
        plane: SettlementPlane,
        limit: usize,
        rows: impl IntoIterator<Item = Row>,
    ) -> Result<Self, PayError> {
        let mut desk = Self::new(plane, limit);
        for (n, row) in rows.into_iter().enumerate() {
            match row {
                Row::Head { next_seq, rules } if n == 0 => (desk.next_seq, desk.rules) = (next_seq, rules),
                _ if n == 0 => return Err(bad("it has no head")),
                Row::Head { .. } => return Err(bad("it has two heads")),
                Row::Escrow(escrow) => desk.put(*escrow),
                Row::Owner(owner) => desk.owners.take(owner),
                Row::Landed { applied, escrow, key, seq } => {
                    desk.landed.insert(escrow, Landed { key, seq, applied });
                }
                Row::Request { answered, request } => {
                    desk.requests.insert(request, answered);
                    desk.recent.push_back(request);
                }
            }
        }
        Ok(desk)
    }
}

fn bad(what: &str) -> PayError {
    PayError::bad("snapshot of escrows", what, "one head, and then the rows")
}
