//! What a command has changed so far, so that it can be undone and its sums checked.

use super::book::{Book, Reservation};
use super::marks::Mark;
use super::{Account, HoldId};
use crate::PayError;
use smallvec::SmallVec;
use tollgate_core::{Asset, Digest};

/// One change, with what stood there before.
#[derive(Debug)]
pub(super) enum Step {
    /// An account was made; it is the last.
    Opened,
    /// An account had these sums.
    Account { index: usize, before: Account },
    /// A hold was made.
    Held { hold: HoldId },
    /// A hold stood like this.
    Hold { hold: HoldId, before: Reservation },
    /// A name had this mark, or none.
    Mark { name: Digest, before: Option<Mark> },
}

/// Posted and pending sums of one asset, modulo 2^128.
#[derive(Default, PartialEq, Eq)]
struct Sums {
    posted: u128,
    pending: u128,
}

impl Book {
    /// Undoes everything after the first `keep` steps.
    pub(super) fn undo(&mut self, keep: usize) {
        while self.steps.len() > keep {
            match self.steps.pop() {
                Some(Step::Opened) => self.forget_last_account(),
                Some(Step::Account { index, before }) => {
                    if let Some(account) = self.accounts.get_mut(index) {
                        account.1 = before;
                    }
                }
                Some(Step::Held { hold }) => {
                    self.remove_hold(hold);
                }
                Some(Step::Hold { hold, before }) => self.put_hold(hold, before),
                Some(Step::Mark { name, before }) => {
                    self.marks.put(name, before);
                }
                None => break,
            }
        }
    }

    /// Checks that what the steps changed adds up: for each asset as much was debited as credited.
    pub(super) fn check_conserved(&self) -> Result<(), PayError> {
        let mut seen = SmallVec::<[usize; 8]>::new();
        let mut assets = SmallVec::<[(Asset, Sums, Sums); 2]>::new();
        for step in &self.steps {
            // The first step about an account has its sums from before the command.
            let Step::Account { index, before } = step else { continue };
            let Some((_, after)) = self.accounts.get(*index).filter(|_| !seen.contains(index)) else {
                continue;
            };
            seen.push(*index);
            let place = assets.iter().position(|(asset, ..)| *asset == after.asset);
            if place.is_none() {
                assets.push((after.asset, Sums::default(), Sums::default()));
            }
            let at = place.unwrap_or(assets.len().saturating_sub(1));
            let Some((_, debits, credits)) = assets.get_mut(at) else { continue };
            let grown = |sum: &mut u128, now: u128, was: u128| *sum = sum.wrapping_add(now.wrapping_sub(was));
            grown(&mut debits.posted, after.posted.debits, before.posted.debits);
            grown(&mut debits.pending, after.pending.debits, before.pending.debits);
            grown(&mut credits.posted, after.posted.credits, before.posted.credits);
            grown(&mut credits.pending, after.pending.credits, before.pending.credits);
        }
        match assets.iter().find(|(_, debits, credits)| debits != credits) {
            Some((asset, ..)) => Err(PayError::NotConserved { asset: asset.code().into() }),
            None => Ok(()),
        }
    }
}
