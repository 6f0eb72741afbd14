//! The risk of every conversation and caller, added up over their requests.
//!
//! In memory, bounded, least recently seen out first; what changed is written with every sweep and at the end, so a crash
//! forgets the last seconds.

mod scored;

use parking_lot::Mutex;
pub use scored::Scored;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tollgate_core::Timestamp;
use tollgate_signals::safety::{Answer, Risk, RiskConfig};
use tollgate_store::{Note, Store, StoreError};

/// The kind of the notes in the database.
const KIND: &str = "risk";

/// Conversations and callers that are remembered.
const SUSPECTS_MAX: usize = 200_000;
/// Of so many that were not seen for longest the one of least risk makes room: made-up names push nobody out who is stopped.
const OLDEST: usize = 16;
/// Below this suspicion nobody begins to be remembered.
const LEAST: f64 = 0.02;

/// Who a risk is of. Conversations and callers are told apart even where their names are alike.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Suspect {
    /// A conversation.
    Session(Arc<str>),
    /// A caller.
    Caller(Arc<str>),
    /// An end user of a caller, as the caller names it.
    User(Arc<str>, Arc<str>),
}

/// See the module.
pub struct Suspects {
    state: Mutex<State>,
    most: usize,
}

#[derive(Default)]
struct State {
    risks: HashMap<Suspect, (Risk, u64)>,
    by_use: BTreeMap<u64, Suspect>,
    stamp: u64,
    /// Uses up to this stamp are written.
    saved: u64,
}

impl Default for Suspects {
    fn default() -> Self {
        Self::with_most(SUSPECTS_MAX)
    }
}

impl Suspects {
    fn with_most(most: usize) -> Self {
        Self { state: Mutex::default(), most }
    }

    /// Adds a request's suspicion to what is known of a suspect; gives the risk and what it comes to.
    pub(crate) fn see(
        &self,
        suspect: &Suspect,
        suspicion: f64,
        now: Timestamp,
        config: &RiskConfig,
    ) -> (f64, Answer) {
        let now_ms = u64::try_from(now.0 / 1000).unwrap_or(0);
        let mut state = self.state.lock();
        let mut risk = state.risks.get(suspect).map(|(risk, _)| *risk).unwrap_or_default();
        risk.see(suspicion, now_ms, config);
        // What is no number is a suspicion, too.
        let harmless = suspicion < LEAST;
        if state.risks.contains_key(suspect) || !harmless {
            state.put(suspect.clone(), risk);
            state.make_room(self.most, now_ms, config);
        }
        (risk.at(now_ms, config), risk.answer(config))
    }

    /// What is known of a suspect, which this does not change.
    pub(crate) fn risk(&self, suspect: &Suspect, now: Timestamp, config: &RiskConfig) -> f64 {
        let now_ms = u64::try_from(now.0 / 1000).unwrap_or(0);
        self.state.lock().risks.get(suspect).map_or(0.0, |(risk, _)| risk.at(now_ms, config))
    }

    /// What was kept.
    pub(crate) fn open(store: &Store) -> Result<Self, StoreError> {
        let suspects = Self::default();
        let mut state = suspects.state.lock();
        for note in store.notes(KIND, suspects.most)? {
            // What another version wrote is forgotten.
            if let (Ok(suspect), Ok(risk)) =
                (serde_json::from_str(&note.key), serde_json::from_str(&note.value))
            {
                state.put(suspect, risk);
            }
        }
        state.saved = state.stamp;
        drop(state);
        Ok(suspects)
    }

    /// Writes what changed since the last time.
    pub(crate) fn save(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let (notes, stamp) = {
            let state = self.state.lock();
            let fresh = state.by_use.range(state.saved.saturating_add(1)..);
            let note = |suspect: &Suspect| {
                let (risk, _) = state.risks.get(suspect)?;
                let (key, value) = (serde_json::to_string(suspect).ok()?, serde_json::to_string(risk).ok()?);
                Some(Note { key, value, time: now })
            };
            (fresh.filter_map(|(_, suspect)| note(suspect)).collect::<Vec<_>>(), state.stamp)
        };
        store.write_notes(KIND, notes, self.most)?;
        let mut state = self.state.lock();
        state.saved = state.saved.max(stamp);
        Ok(())
    }
}

impl State {
    fn put(&mut self, suspect: Suspect, risk: Risk) {
        self.stamp += 1;
        let stamp = self.stamp;
        if let Some((_, used)) = self.risks.insert(suspect.clone(), (risk, stamp)) {
            self.by_use.remove(&used);
        }
        self.by_use.insert(stamp, suspect);
    }

    fn make_room(&mut self, most: usize, now_ms: u64, config: &RiskConfig) {
        if self.risks.len() <= most {
            return;
        }
        let risk =
            |suspect: &Suspect| self.risks.get(suspect).map_or(0.0, |(risk, _)| risk.at(now_ms, config));
        let oldest =
            self.by_use.iter().take(OLDEST.min(most)).map(|(stamp, suspect)| (risk(suspect), *stamp));
        let least = oldest.min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some(suspect) = least.and_then(|(_, stamp)| self.by_use.remove(&stamp)) {
            self.risks.remove(&suspect);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspects_are_apart_and_bounded() {
        let (suspects, config) = (Suspects::with_most(2), RiskConfig::default());
        let [a, b, c] = ["a", "b", "c"].map(|name| Suspect::Session(name.into()));
        let caller = Suspect::Caller("a".into());
        let see = |suspect: &Suspect, suspicion| suspects.see(suspect, suspicion, Timestamp(0), &config).0;
        assert_eq!((see(&a, 1.0), see(&caller, 0.5)), (0.4, 0.2));
        assert!((see(&a, 1.0) - 0.64).abs() < 1e-12);
        assert_eq!(see(&b, 0.5), 0.2, "the caller makes room");
        assert!(see(&a, 1.0) > 0.7);
        assert_eq!(see(&c, 0.5), 0.2, "b makes room");
        assert_eq!(see(&b, 0.5), 0.2, "and is new again");
        assert_eq!(suspects.state.lock().risks.len(), 2);
    }
}
