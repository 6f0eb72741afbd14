//! A user's payments by merchant, ready to be scored.

use super::scorer::Scorer;
use super::single::Single;
use crate::dataset::Dataset;
use crate::error::RiskError;
use crate::feature::Lookup;
use crate::fold::{Folded, Older};
use crate::ingest::{AMOUNT_MAX, Events, Key, Merchants, NO_KEY, Names, Reason, Report};
use crate::table::NO_TEXT;
use serde::Deserialize;

/// Most payments of a history.
pub const HISTORY_MAX: usize = 1 << 20;

/// One payment as a caller sends it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Payment {
    /// Seconds since 1970.
    pub time: Option<i64>,
    /// The merchant's key.
    pub merchant: String,
    /// Minor units; negative where it left the account and the model was trained with directions.
    pub amount: Option<i64>,
    /// What the payment says of itself.
    pub description: Option<String>,
    /// The merchant's name.
    pub name: Option<String>,
    /// The category of the payment or of its merchant.
    pub category: Option<String>,
    /// Further numbers, in the order of the model's mapping.
    pub numbers: Vec<f32>,
}

impl Payment {
    /// Time and amount of a payment that is whole and has so many further numbers.
    ///
    /// # Errors
    /// The reason for which it is refused.
    pub fn whole(&self, numbers: usize) -> Result<(i64, i64), Reason> {
        let time = self.time.ok_or(Reason::NoTime)?;
        let amount = self.amount.filter(|a| a.unsigned_abs() <= AMOUNT_MAX as u64);
        match amount.ok_or(Reason::NoAmount)? {
            _ if self.numbers.len() != numbers => Err(Reason::Torn),
            _ if self.merchant.trim().is_empty() => Err(Reason::NoMerchant),
            amount => Ok((time, amount)),
        }
    }
}

/// The payments at one merchant, in order of time.
#[derive(Debug, Clone, Default)]
struct Group {
    name: u32,
    rows: Events,
}

/// A user's payments by merchant.
#[derive(Debug, Clone, Default)]
pub struct History {
    names: Names,
    lookup: Lookup,
    /// By the merchant's number in `names`.
    groups: Vec<Group>,
    payments: usize,
    /// What was added and refused.
    pub report: Report,
}

impl History {
    /// How many payments there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.payments
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.payments == 0
    }

    /// Adds a payment at its place in time; one that is not whole is refused, counted in the report, and changes nothing.
    ///
    /// # Errors
    /// The reason of the refusal.
    pub fn add(&mut self, scorer: &Scorer, payment: &Payment) -> Result<(), Reason> {
        self.report.rows += 1;
        let full = self.payments >= HISTORY_MAX;
        let whole =
            payment.whole(scorer.numbers()).and_then(|p| if full { Err(Reason::Torn) } else { Ok(p) });
        let (time, amount) = whole.inspect_err(|reason| {
            self.report.refuse(*reason, self.report.rows - 1, || format!("{payment:?}"));
        })?;
        let code = |words: &mut crate::table::Dictionary, text: &Option<String>| {
            text.as_deref().map_or(NO_TEXT, |text| words.code(text.trim()))
        };
        let number = self.names.merchants.text(payment.merchant.trim());
        debug_assert!(number != NO_KEY, "every payment has a merchant");
        if number as usize == self.groups.len() {
            // As in files: a key that is text is its own name where there is no other.
            let own = match self.names.merchants.list().last() {
                Some(Key::Text(text)) => self.names.texts.code(text),
                _ => NO_TEXT,
            };
            self.groups.push(Group { name: own, ..Group::default() });
        }
        let group = &mut self.groups[number as usize];
        if payment.name.is_some() {
            group.name = code(&mut self.names.texts, &payment.name);
        }
        let text = code(&mut self.names.texts, &payment.description);
        let category = code(&mut self.names.categories, &payment.category);
        let rows = &mut group.rows;
        // Most payments are the newest of their merchant: the search from the end is short.
        let later = rows.time.iter().rev().take_while(|t| **t > time).count();
        let place = rows.time.len() - later;
        rows.time.insert(place, time);
        rows.amount.insert(place, amount);
        rows.text.insert(place, text);
        rows.category.insert(place, category);
        rows.numbers.resize(payment.numbers.len(), Vec::new());
        rows.numbers.iter_mut().zip(&payment.numbers).for_each(|(column, n)| column.insert(place, *n));
        self.payments += 1;
        self.report.kept += 1;
        scorer.index().extend(&self.names, &mut self.lookup);
        Ok(())
    }

    /// The history that was folded elsewhere.
    ///
    /// # Errors
    /// Some of its payments are counted and no longer listed, and features count every one; or one is not whole.
    pub fn of_single(scorer: &Scorer, single: &Single) -> crate::Result<Self> {
        let refused = |why: String| RiskError::Data(format!("a folded history {why}"));
        if single.pooled() > 0 {
            return Err(refused(format!("has {} pooled payments; fold it without caps", single.pooled())));
        }
        let mut history = Self::default();
        for payment in single.payments() {
            history
                .add(scorer, &payment)
                .map_err(|why| refused(format!("has a payment with {}", why.meaning())))?;
        }
        Ok(history)
    }

    /// Adds a payment that was known before a moment; a later one is refused too.
    ///
    /// # Errors
    /// The reason of the refusal.
    pub fn add_before(&mut self, scorer: &Scorer, payment: &Payment, at: i64) -> Result<(), Reason> {
        if payment.time.is_some_and(|time| time >= at) {
            self.report.rows += 1;
            let row = self.report.rows - 1;
            self.report.refuse(Reason::AfterCutoff, row, || format!("{payment:?}"));
            return Err(Reason::AfterCutoff);
        }
        self.add(scorer, payment)
    }

    /// What the model knows of the history's words.
    pub(super) const fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    /// The history before a moment as a data set of one user, with what lies after it and what before the window.
    pub(super) fn dataset(&self, scorer: &Scorer, at: i64) -> (Dataset, [usize; 2]) {
        let mut data = scorer.template(at);
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        let keys = self.names.merchants.list();
        order.sort_unstable_by(|a, b| keys[*a].cmp(&keys[*b]));
        let mut folded = Folded { users: vec![0], groups: vec![0], starts: vec![0], ..Folded::default() };
        let mut merchants = Merchants::default();
        let (mut after, mut before) = (0, 0);
        let numbers = scorer.numbers();
        folded.events.numbers = vec![Vec::with_capacity(self.payments); numbers];
        let block = &scorer.model().card.block;
        let barred: Vec<bool> =
            self.names.categories.words().iter().map(|word| block.categories.contains(word)).collect();
        let barred = |code: &u32| barred.get(*code as usize).copied().unwrap_or(false);
        for number in order {
            let group = &self.groups[number];
            if !block.is_empty() && block.merchants.contains(&keys[number].to_string()) {
                continue;
            }
            let open;
            let rows = if group.rows.category.iter().any(barred) {
                let kept: Vec<u32> =
                    (0u32..).zip(&group.rows.category).filter(|(_, c)| !barred(c)).map(|(i, _)| i).collect();
                open = group.rows.taken(&kept);
                &open
            } else {
                &group.rows
            };
            let first = rows.time.partition_point(|t| *t < at.saturating_sub(data.length));
            let last = rows.time.partition_point(|t| *t < at).max(first);
            before += first;
            after += rows.time.len() - last;
            if first == last {
                continue;
            }
            let events = &mut folded.events;
            let number = folded.merchants.len() as u32;
            events.user.resize(events.user.len() + last - first, 0);
            events.merchant.resize(events.merchant.len() + last - first, number);
            events.time.extend_from_slice(&rows.time[first..last]);
            events.amount.extend_from_slice(&rows.amount[first..last]);
            events.text.extend_from_slice(&rows.text[first..last]);
            events.category.extend_from_slice(&rows.category[first..last]);
            for (all, own) in events.numbers.iter_mut().zip(&rows.numbers) {
                all.extend_from_slice(&own[first..last]);
            }
            folded.merchants.push(number);
            folded.pooled.push(0);
            folded.older.push(Older::default());
            folded.starts.push(folded.events.time.len() as u32);
            merchants.names.push(group.name);
            merchants.categories.push(NO_TEXT);
        }
        folded.groups.push(folded.merchants.len() as u32);
        data.folded = folded;
        data.merchants = merchants;
        (data, [after, before])
    }
}
