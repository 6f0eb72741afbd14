//! A user's payments by merchant, ready to be scored.

use super::scorer::Scorer;
use super::single::Single;
use crate::dataset::Dataset;
use crate::error::RiskError;
use crate::feature::Lookup;
use crate::fold::{Folded, Older};
use crate::ingest::{AMOUNT_MAX, Events, Key, Keys, Merchants, NO_KEY, Names, Reason, Report, plausible};
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
        let time = self.time.and_then(plausible).ok_or(Reason::NoTime)?;
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
    /// Its key where that is text: the name of a merchant that has none.
    own: u32,
    rows: Events,
    /// The name that each payment brings, or [`NO_TEXT`].
    named: Vec<u32>,
}

impl Group {
    /// The name at a moment: that of the last payment before it which brings one. Later payments do not rename a merchant
    /// for those who decide before them.
    fn name(&self, at: i64) -> u32 {
        let before = self.rows.time.partition_point(|time| *time < at);
        let named = self.named.get(..before).unwrap_or_default();
        named.iter().rev().find(|name| **name != NO_TEXT).copied().unwrap_or(self.own)
    }
}

/// A user's payments by merchant.
#[derive(Debug, Clone)]
pub struct History {
    names: Names,
    lookup: Lookup,
    /// By the merchant's number in `names`.
    groups: Vec<Group>,
    payments: usize,
    /// What was added and refused.
    pub report: Report,
}

impl Default for History {
    fn default() -> Self {
        Self {
            names: Names { merchants: Keys::sparse(), ..Names::default() },
            lookup: Lookup::default(),
            groups: Vec::new(),
            payments: 0,
            report: Report::default(),
        }
    }
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
        let (time, amount) = self.heard(scorer, payment, self.payments, None)?;
        self.put(payment, time, amount);
        scorer.index().extend(&self.names, &mut self.lookup);
        Ok(())
    }

    /// Counts a payment and says whether it is whole, known before a moment where one is given, and not one too many.
    fn heard(
        &mut self,
        scorer: &Scorer,
        payment: &Payment,
        held: usize,
        at: Option<i64>,
    ) -> Result<(i64, i64), Reason> {
        self.report.rows += 1;
        let late = at.is_some_and(|at| payment.time.is_some_and(|time| time >= at));
        let found = match payment.whole(scorer.numbers()) {
            _ if late => Err(Reason::AfterCutoff),
            Ok(_) if held >= HISTORY_MAX => Err(Reason::Torn),
            found => found,
        };
        found.inspect_err(|reason| {
            self.report.refuse(*reason, self.report.rows - 1, || format!("{payment:?}"));
        })
    }

    fn put(&mut self, payment: &Payment, time: i64, amount: i64) {
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
            self.groups.push(Group { own, ..Group::default() });
        }
        let name = code(&mut self.names.texts, &payment.name);
        let group = &mut self.groups[number as usize];
        let text = code(&mut self.names.texts, &payment.description);
        let category = code(&mut self.names.categories, &payment.category);
        let rows = &mut group.rows;
        // Most payments are the newest of their merchant: the search from the end is short.
        let later = rows.time.iter().rev().take_while(|t| **t > time).count();
        let place = rows.time.len() - later;
        group.named.insert(place, name);
        rows.time.insert(place, time);
        rows.amount.insert(place, amount);
        rows.text.insert(place, text);
        rows.category.insert(place, category);
        rows.numbers.resize(payment.numbers.len(), Vec::new());
        rows.numbers.iter_mut().zip(&payment.numbers).for_each(|(column, n)| column.insert(place, *n));
        self.payments += 1;
        self.report.kept += 1;
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
        let (time, amount) = self.heard(scorer, payment, self.payments, Some(at))?;
        self.put(payment, time, amount);
        scorer.index().extend(&self.names, &mut self.lookup);
        Ok(())
    }

    /// Adds payments that were known before a moment, in any order, in the time that sorting them takes; those that are
    /// refused are in the report.
    pub fn add_all_before(&mut self, scorer: &Scorer, payments: &[Payment], at: i64) {
        let mut whole: Vec<(i64, i64, &Payment)> = Vec::with_capacity(payments.len());
        for payment in payments {
            if let Ok((time, amount)) = self.heard(scorer, payment, self.payments + whole.len(), Some(at)) {
                whole.push((time, amount, payment));
            }
        }
        // Newest last: each then goes to the end of its merchant, and nothing is moved.
        whole.sort_by_key(|(time, ..)| *time);
        whole.into_iter().for_each(|(time, amount, payment)| self.put(payment, time, amount));
        scorer.index().extend(&self.names, &mut self.lookup);
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
            merchants.names.push(group.name(at));
            merchants.categories.push(NO_TEXT);
        }
        folded.groups.push(folded.merchants.len() as u32);
        data.folded = folded;
        data.merchants = merchants;
        (data, [after, before])
    }
}
