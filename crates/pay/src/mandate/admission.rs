//! From a verified chain to what the ledger counts: see [`Admission`].

use super::{Chain, Constraint, Refusal, Usage};
use crate::ledger::{Admission, Share};
use smallvec::smallvec;
use tollgate_core::{Amount, Digest, Timestamp};

impl Chain {
    /// Checks all that can be decided without what was paid before, and gives the ledger the rest to count.
    ///
    /// An open mandate without a budget and without a recurrence is for one payment: nothing in it says how often.
    ///
    /// # Errors
    /// The first [`Refusal::Unmet`].
    pub fn admission(&self, now: Timestamp) -> Result<Admission, Refusal> {
        self.admit(&Usage::default(), now)?;
        let amount = self.closed.amount;
        let shares: Vec<Share> = self
            .open
            .iter()
            .zip(&self.names)
            .map(|(open, name)| share(Digest(*name), &open.constraints, amount, open.until))
            .collect::<Result<_, _>>()?;
        let ends = self.open.iter().map(|open| open.until).chain([self.closed.until]).flatten();
        let root = self.names.first().copied().unwrap_or(self.id);
        Ok(Admission {
            amount,
            id: Digest(self.id),
            once: smallvec![self.challenge],
            // A payment that the principal signed is its own mandate.
            shares: if shares.is_empty() { vec![own(self)] } else { shares },
            transaction: transaction(&root, &self.closed.transaction),
            until: ends.min(),
        })
    }
}

/// What a payment counts as when no open mandate stands before it: one.
fn own(chain: &Chain) -> Share {
    let mandate = Digest::of_parts([b"tollgate mandate of one payment v1".as_slice(), &chain.id]);
    Share { budget: None, mandate, occurrences: Some(1), period: None, until: chain.closed.until }
}

/// Name of what is paid, under the principal's mandate.
pub(super) fn transaction(root: &[u8; 32], id: &str) -> Digest {
    Digest::of_parts([b"tollgate mandate transaction v1".as_slice(), root, id.as_bytes()])
}

fn share(
    mandate: Digest,
    constraints: &[Constraint],
    amount: Amount,
    until: Option<Timestamp>,
) -> Result<Share, Refusal> {
    let mut share = Share { budget: None, mandate, occurrences: None, period: None, until };
    for constraint in constraints {
        match constraint {
            // The currency is the payment's: that was checked.
            Constraint::Budget { max, .. } => {
                let max = share.budget.map_or(*max, |other| other.minor().min(*max));
                share.budget = Some(Amount::new(max, amount.asset()));
            }
            Constraint::Recurrence { frequency, occurrences } => {
                if share.period.replace(*frequency).is_some() {
                    let why = "two recurrences of one mandate are not counted".into();
                    return Err(Refusal::Unmet { constraint: constraint.kind(), why });
                }
                share.occurrences = *occurrences;
            }
            _ => {}
        }
    }
    if share.budget.is_none() && share.period.is_none() {
        share.occurrences = Some(1);
    }
    Ok(share)
}
