//! What the signals said, as it is kept: handed over by the reading, named and written out by whoever shows it.
//!
//! A request only moves the values here. The names stand in the snapshot that decided, which is kept alive for it; the
//! record's JSON is made on the store's thread.

use crate::snapshot::Snapshot;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use std::sync::Arc;
use tollgate_core::signal::{Kind, Signal, UnreadSet};
use tollgate_policy::SignalSet;

/// Bytes that the names of the signals that hold usually take.
const NAMES_USUALLY: usize = 64;

/// The signals of one request.
pub(crate) struct Heard {
    snapshot: Arc<Snapshot>,
    /// Index in the policy, nanoseconds that reading it took, and what it said; in the order of reading.
    read: Vec<(usize, u64, Signal)>,
    /// Those on which the decision rests.
    decided_by: SignalSet,
    /// Kinds of content that none of them read as words.
    unread: UnreadSet,
}

/// One signal, as recorded.
#[derive(Serialize)]
struct Note<'a> {
    name: &'a str,
    ns: u64,
    #[serde(flatten)]
    signal: &'a Signal,
}

impl Heard {
    pub(crate) const fn new(
        snapshot: Arc<Snapshot>,
        read: Vec<(usize, u64, Signal)>,
        decided_by: SignalSet,
        unread: UnreadSet,
    ) -> Self {
        Self { snapshot, read, decided_by, unread }
    }

    fn name(&self, index: usize) -> &str {
        self.snapshot.policy.specs().get(index).map_or("", |spec| spec.name.as_str())
    }

    /// Whether one that looks for personal data holds, or failed.
    pub(crate) fn personal(&self) -> bool {
        let looks =
            |index: &usize| self.snapshot.policy.specs().get(*index).is_some_and(|s| s.kind == Kind::Pii);
        self.read
            .iter()
            .any(|(index, _, signal)| looks(index) && (signal.matched || signal.failure.is_some()))
    }

    /// Nanoseconds spent in signals.
    pub(crate) fn ns(&self) -> u64 {
        self.read.iter().map(|(_, ns, _)| ns).sum()
    }

    /// The names of those that hold, with commas between; none when no signal was read.
    pub(crate) fn matched(&self) -> Option<String> {
        let mut names = String::with_capacity(NAMES_USUALLY);
        for (index, ..) in self.read.iter().filter(|(_, _, signal)| signal.matched) {
            if !names.is_empty() {
                names.push(',');
            }
            names.push_str(self.name(*index));
        }
        (!self.read.is_empty()).then_some(names)
    }
}

/// Every signal that was read: `[{"name", "ns", …}]`.
impl Serialize for Heard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.read.len()))?;
        for (index, ns, signal) in &self.read {
            list.serialize_element(&Note { name: self.name(*index), ns: *ns, signal })?;
        }
        list.end()
    }
}

/// What a replay needs beside the signals, which stand in the record already: with them it has the shape of
/// [`tollgate_policy::Recorded`]. The store puts both together when a record is read.
#[derive(Clone)]
pub(crate) struct Grounds(pub(crate) Arc<Heard>);

impl Serialize for Grounds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let heard = &*self.0;
        let beside = |(index, _, _): &&(usize, u64, Signal)| {
            !u32::try_from(*index).is_ok_and(|index| heard.decided_by.contains(index))
        };
        let beside: Vec<&str> =
            heard.read.iter().filter(beside).map(|(index, _, _)| heard.name(*index)).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("policy", &heard.snapshot.policy.digest())?;
        if !beside.is_empty() {
            map.serialize_entry(tollgate_store::BESIDE, &beside)?;
        }
        if !heard.unread.is_empty() {
            map.serialize_entry("unread", &heard.unread)?;
        }
        map.end()
    }
}
