//! One user's payments as they come, in any order and from any number of places, until they are folded.
//!
//! Invariant: what is folded does not depend on the order in which payments came, nor on how they were spread: payments
//! of one merchant and moment are in the order of the number that each brings (its row in a file), and among equal
//! numbers in that of what they say.

use super::history::Payment;
use super::single::Single;
use crate::error::{Result, RiskError};
use crate::fold::{Caps, Folded, capped, order};
use crate::ingest::{Events, Merchants, Names, Reason};
use crate::table::NO_TEXT;

/// One user's payments, not yet folded.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    names: Names,
    merchants: Merchants,
    events: Events,
    /// The number that each payment brings.
    turns: Vec<i64>,
}

impl Gathered {
    /// None, each with so many further numbers.
    #[must_use]
    pub fn new(numbers: usize) -> Self {
        Self { events: Events { numbers: vec![Vec::new(); numbers], ..Events::default() }, ..Self::default() }
    }

    /// How many payments there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// About the bytes of memory that they take.
    #[must_use]
    pub fn size(&self) -> usize {
        let words: usize =
            self.names.texts.words().iter().chain(self.names.categories.words()).map(String::len).sum();
        let each = 40 + 4 * self.events.numbers.len();
        size_of::<Self>() + each * self.len() + 2 * words + 64 * self.names.merchants.len()
    }

    /// Adds a payment; one that is not whole is refused and changes nothing.
    ///
    /// # Errors
    /// The reason of the refusal.
    pub fn add(&mut self, payment: &Payment, turn: i64) -> Result<(), Reason> {
        let (time, amount) = payment.whole(self.events.numbers.len())?;
        let number = self.names.merchants.text(payment.merchant.trim());
        let text = |names: &mut crate::table::Dictionary, text: &Option<String>| {
            text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map_or(NO_TEXT, |text| names.code(text))
        };
        let name = text(&mut self.names.texts, &payment.name);
        self.called(number, name);
        let events = &mut self.events;
        events.user.push(0);
        events.merchant.push(number);
        events.time.push(time);
        events.amount.push(amount);
        events.text.push(text(&mut self.names.texts, &payment.description));
        events.category.push(text(&mut self.names.categories, &payment.category));
        events.numbers.iter_mut().zip(&payment.numbers).for_each(|(column, n)| column.push(*n));
        self.turns.push(turn);
        Ok(())
    }

    /// A merchant's name: of several the first in the order of words.
    fn called(&mut self, merchant: u32, name: u32) {
        let at = merchant as usize;
        if self.merchants.names.len() <= at {
            self.merchants.names.resize(at + 1, NO_TEXT);
        }
        let (known, words) = (self.merchants.names[at], &self.names.texts);
        if name != NO_TEXT && (known == NO_TEXT || words.word(name) < words.word(known)) {
            self.merchants.names[at] = name;
        }
    }

    /// What is gathered as bytes, for another place to join.
    #[must_use]
    pub fn state(&self) -> Vec<u8> {
        let mut sorted = self.clone();
        let numbers = sorted.names.merchants.sort();
        sorted.merchants.renumbered(&numbers);
        sorted.events.merchant.iter_mut().for_each(|m| *m = numbers[*m as usize]);
        let events = &sorted.events;
        let rows = order(&events.user, &events.merchant, &events.time);
        let mut out = Single::of(&sorted.names, &sorted.merchants, &Folded::of(events, Some(1)), 0).encode();
        let length = out.len() as u64;
        rows.iter().for_each(|row| out.extend_from_slice(&self.turns[*row as usize].to_le_bytes()));
        out.extend_from_slice(&length.to_le_bytes());
        out
    }

    /// Joins what another place gathered.
    ///
    /// # Errors
    /// The bytes are not those of a state, or of payments with other numbers.
    pub fn join(&mut self, state: &[u8]) -> Result<()> {
        let read = || {
            let (rest, length) = state.split_last_chunk::<8>()?;
            let (single, turns) =
                rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
            let (turns, more) = turns.as_chunks::<8>();
            let single = Single::decode(single)?;
            let fits = more.is_empty()
                && turns.len() == single.folded.events.len()
                && single.pooled() == 0
                && single.folded.events.numbers.len() == self.events.numbers.len();
            fits.then(|| (single, turns.iter().map(|turn| i64::from_le_bytes(*turn)).collect::<Vec<_>>()))
        };
        let broken =
            || RiskError::format("a gathered history", "is not what another fold of this version wrote");
        let (single, turns) = read().ok_or_else(broken)?;
        single
            .payments()
            .zip(turns)
            .try_for_each(|(payment, turn)| self.add(&payment, turn).map_err(|_| broken()))
    }

    /// Folds what is gathered.
    #[must_use]
    pub fn fold(mut self, caps: Caps) -> Single {
        let events = &self.events;
        let said = |row: usize| {
            (self.names.texts.word(events.text[row]), self.names.categories.word(events.category[row]))
        };
        let mut rows: Vec<u32> = (0..events.len() as u32).collect();
        rows.sort_by(|a, b| {
            let [a, b] = [*a as usize, *b as usize];
            let first =
                (self.turns[a], events.amount[a], said(a)).cmp(&(self.turns[b], events.amount[b], said(b)));
            let numbers = events.numbers.iter().map(|column| column[a].total_cmp(&column[b]));
            numbers.fold(first, std::cmp::Ordering::then)
        });
        let mut events = events.taken(&rows);
        // As in files: a key that is text is its own name where there is no other.
        self.merchants.complete(&mut self.names);
        let numbers = self.names.merchants.sort();
        self.merchants.renumbered(&numbers);
        events.merchant.iter_mut().for_each(|m| *m = numbers[*m as usize]);
        let folded = Folded::of(&events, Some(1));
        let small = capped(&folded, caps, |_, row| folded.events.category[row]);
        Single::of(&self.names, &self.merchants, &small, 0)
    }
}
