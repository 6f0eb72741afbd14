//! The risk of every conversation and caller, added up over their requests.
//!
//! In memory, bounded, least recently seen out first. A restart forgets it, as its half-life would.

use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tollgate_core::Timestamp;
use tollgate_signals::safety::{Answer, Risk, RiskConfig};

/// Conversations and callers that are remembered.
const SUSPECTS_MAX: usize = 200_000;

/// Who a risk is of. Conversations and callers are told apart even where their names are alike.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Suspect {
    /// A conversation.
    Session(Arc<str>),
    /// A caller.
    Caller(Arc<str>),
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
        let (mut risk, used) = state.risks.get(suspect).copied().unwrap_or_default();
        risk.see(suspicion, now_ms, config);
        state.by_use.remove(&used);
        state.stamp += 1;
        let stamp = state.stamp;
        state.by_use.insert(stamp, suspect.clone());
        state.risks.insert(suspect.clone(), (risk, stamp));
        if state.risks.len() > self.most
            && let Some((_, oldest)) = state.by_use.pop_first()
        {
            state.risks.remove(&oldest);
        }
        (risk.at(now_ms, config), risk.answer(config))
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
