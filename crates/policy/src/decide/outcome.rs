//! What a decision says.

use super::explain::Trace;
use crate::effects::{Effects, Route};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::sync::Arc;
use tollgate_core::Digest;
use tollgate_core::signal::UnreadSet;

/// A truth value that may still be open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Not needed for the decision, or not to be had (a failed signal with `on_failure reject`).
    Unknown,
}

/// Bounds of a confidence, both in [0, 1]: equal when everything that it depends on was read.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Confidence {
    /// Not less than this.
    pub low: f64,
    /// Not more than this.
    pub high: f64,
}

/// Indices of signals, as a bit set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SignalSet {
    words: SmallVec<[u64; 8]>,
}

impl SignalSet {
    /// An empty set for indices below `count`.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { words: smallvec::smallvec![0; count.div_ceil(64)] }
    }

    /// Whether `index` is in the set.
    #[inline]
    #[must_use]
    pub fn contains(&self, index: u32) -> bool {
        let word = self.words.get(index as usize / 64).copied().unwrap_or(0);
        word >> (index % 64) & 1 == 1
    }

    /// Adds `index`; one beyond the count is left out.
    #[inline]
    pub fn insert(&mut self, index: u32) {
        if let Some(word) = self.words.get_mut(index as usize / 64) {
            *word |= 1 << (index % 64);
        }
    }

    /// The indices, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let bits = |word: u64| (0..64usize).filter(move |bit| word >> bit & 1 == 1);
        self.words.iter().enumerate().flat_map(move |(at, word)| bits(*word).map(move |bit| at * 64 + bit))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }
}

/// Whether something with a label holds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LabelReport {
    /// The label.
    pub label: String,
    /// Whether it holds.
    pub holds: bool,
    /// How surely it holds, in [0, 1]; 0 when it does not.
    pub confidence: f64,
    /// The number that it compares: a signal's, or what a band or comparisons are about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Indices of the signals that it reads, ascending.
    pub signals: Vec<usize>,
}

/// Why a request is refused: the decision depends on a signal that failed and says `on_failure reject`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rejection {
    /// The signal's name.
    pub signal: String,
    /// What it said of its failure.
    pub why: String,
    /// The route that could not be decided without it.
    pub route: String,
}

/// What was decided.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// A route was chosen.
    Route(Arc<Route>),
    /// No route was; the default takes it.
    Default(Arc<Route>),
    /// The request is refused.
    Rejected(Rejection),
}

/// Classes of data and rules that bind because of content that no signal read as words.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Suspected {
    /// Their positions in the governance.
    pub rules: SmallVec<[u32; 4]>,
    /// The kinds of content that the request holds.
    pub unread: UnreadSet,
}

/// A decision: the outcome, and what it rests on.
#[derive(Clone, PartialEq, Debug)]
pub struct Decision {
    /// What was decided.
    pub outcome: Outcome,
    /// Confidence of the chosen route; [1, 1] for the default, [0, 0] for a rejection.
    pub confidence: Confidence,
    /// The signals that were read.
    pub read: SignalSet,
    /// The classes of data and rules that bind the request, as positions in the governance.
    pub binding: SmallVec<[u32; 4]>,
    /// Those among them that bind only because content was not read, or that refuse for it.
    pub suspected: Suspected,
    /// Digest of the policy's text.
    pub policy: Digest,
    /// Every considered route with its leaves, when asked for.
    pub trace: Option<Box<Trace>>,
}

impl Decision {
    /// The chosen route, the default included; absent when the request is refused.
    #[must_use]
    pub fn route(&self) -> Option<&Arc<Route>> {
        match &self.outcome {
            Outcome::Route(route) | Outcome::Default(route) => Some(route),
            Outcome::Rejected(_) => None,
        }
    }

    /// The chosen route's name, `default`, or `rejected`.
    #[must_use]
    pub fn route_name(&self) -> &str {
        self.route().map_or("rejected", |route| &route.name)
    }

    /// What the chosen route does; absent when the request is refused.
    #[must_use]
    pub fn effects(&self) -> Option<&Effects> {
        self.route().map(|route| &route.effects)
    }

    /// The next best route as far as the signals read tell; known only with a trace.
    #[must_use]
    pub fn runner_up(&self) -> Option<&str> {
        self.trace.as_ref().and_then(|trace| trace.runner_up.as_deref())
    }
}
