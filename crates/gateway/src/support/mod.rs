//! How often the answers of each model are supported by what they were to be answered from, by subject.
//!
//! A count of supported and unsupported answers for each model and subject; where they reach a window's worth both are halved, so
//! old answers fade. Bounded by models times subjects, and by `ROWS_MAX` whatever models come and go. Kept over a restart.

mod beta;
mod inference;
mod passages;

pub use beta::Share;
pub use inference::InferenceError;
pub(crate) use inference::Inferring;

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use tollgate_core::Timestamp;
use tollgate_store::{Note, Store, StoreError};

/// The kind of the notes in the database.
const KIND: &str = "support";
/// Most pairs of a model and a subject.
const ROWS_MAX: usize = 10_000;
/// Answers after which both counts are halved.
const WINDOW: u32 = 2_000;

/// One model's answers on one subject.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct Rate {
    /// The model.
    pub model: Arc<str>,
    /// The subject, as the `domain` signal has it.
    pub domain: Arc<str>,
    /// Answers that were supported.
    pub supported: u32,
    /// Answers that were not.
    pub unsupported: u32,
    /// The share of supported ones.
    #[serde(flatten)]
    pub share: Share,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    supported: u32,
    unsupported: u32,
    changed: bool,
}

/// Counts by model and domain.
type Table = BTreeMap<(Arc<str>, Arc<str>), Counts>;

/// See the module.
#[derive(Default)]
pub struct Rates(Mutex<Table>);

impl Rates {
    /// Counts an answer.
    pub(crate) fn see(&self, model: &Arc<str>, domain: &str, supported: bool) {
        let mut rows = self.0.lock();
        let key = (model.clone(), Arc::from(domain));
        if rows.len() >= ROWS_MAX && !rows.contains_key(&key) {
            return;
        }
        let counts = rows.entry(key).or_default();
        let count = if supported { &mut counts.supported } else { &mut counts.unsupported };
        *count += 1;
        if counts.supported + counts.unsupported >= WINDOW {
            (counts.supported, counts.unsupported) = (counts.supported / 2, counts.unsupported / 2);
        }
        counts.changed = true;
    }

    /// All rates, by model and subject.
    #[must_use]
    pub fn rows(&self) -> Vec<Rate> {
        let rate = |((model, domain), counts): (&(Arc<str>, Arc<str>), &Counts)| Rate {
            model: model.clone(),
            domain: domain.clone(),
            supported: counts.supported,
            unsupported: counts.unsupported,
            share: Share::of(counts.supported, counts.unsupported),
        };
        self.0.lock().iter().map(rate).collect()
    }

    /// What was kept.
    pub(crate) fn open(store: &Store) -> Result<Self, StoreError> {
        let read = |note: Note| {
            let key: (Arc<str>, Arc<str>) = serde_json::from_str(&note.key).ok()?;
            let [supported, unsupported] = serde_json::from_str(&note.value).ok()?;
            Some((key, Counts { supported, unsupported, changed: false }))
        };
        let rows = store.notes(KIND, ROWS_MAX)?.into_iter().filter_map(read).collect();
        Ok(Self(Mutex::new(rows)))
    }

    /// Writes what changed since the last time.
    pub(crate) fn save(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let note = |((model, domain), counts): (&(Arc<str>, Arc<str>), &mut Counts)| {
            std::mem::take(&mut counts.changed).then(|| Note {
                key: serde_json::json!([model, domain]).to_string(),
                value: serde_json::json!([counts.supported, counts.unsupported]).to_string(),
                time: now,
            })
        };
        let notes = self.0.lock().iter_mut().filter_map(note).collect();
        store.write_notes(KIND, notes, ROWS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_store::{Location, StoreConfig};

    #[test]
    fn counts_are_apart_fade_and_come_back() {
        let store = Store::open(&Location::Memory, StoreConfig::default()).unwrap();
        let rates = Rates::open(&store).unwrap();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        (0..3).for_each(|_| rates.see(&a, "law", true));
        rates.see(&a, "law", false);
        rates.see(&b, "law", false);
        (0..WINDOW).for_each(|_| rates.see(&b, "math", true));
        rates.save(&store, Timestamp(1)).unwrap();
        let counts = |rates: &Rates| -> Vec<(String, u32, u32)> {
            rates
                .rows()
                .iter()
                .map(|r| (format!("{} {}", r.model, r.domain), r.supported, r.unsupported))
                .collect()
        };
        let wanted = [("a law".into(), 3, 1), ("b law".into(), 0, 1), ("b math".into(), WINDOW / 2, 0)];
        assert_eq!(counts(&rates), wanted);
        let again = Rates::open(&store).unwrap();
        assert_eq!(counts(&again), wanted);
        assert!(store.notes(KIND, 10).unwrap().len() == 3 && again.save(&store, Timestamp(2)).is_ok());
        assert!((rates.rows()[0].share.mean - 4.0 / 6.0).abs() < 1e-12);
    }
}
