//! Records of decisions, and replay: the policy's digest and the signals read are all that a decision rests on.
//!
//! Invariant: replaying a record under the policy it was made with gives the same decision.

use crate::{Decision, Policy, PolicyError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tollgate_core::Digest;
use tollgate_core::signal::{Signal, SignalSource, SignalSpec, UnreadSet, Value};

/// What a decision rests on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Recorded {
    /// Digest of the policy's text.
    pub policy: Digest,
    /// The signals read, by name.
    pub signals: BTreeMap<String, Signal>,
    /// Kinds of content that no signal read as words.
    #[serde(default, skip_serializing_if = "none_unread")]
    pub unread: UnreadSet,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn none_unread(unread: &UnreadSet) -> bool {
    unread.is_empty()
}

/// Makes signals of plain values.
pub(crate) struct StaticSignal;

impl StaticSignal {
    /// The exact signal of a value.
    pub(crate) fn of(value: &Value) -> Signal {
        match value {
            Value::Flag(flag) => Signal::flag(*flag),
            Value::Number(number) => Signal::number(*number),
            Value::Text(text) => Signal::text(text.clone()),
            Value::Set(words) => Signal::set(words.clone()),
        }
    }
}

/// A recorded decision as a source of signals.
pub struct Replay {
    signals: Vec<Option<Signal>>,
    unread: UnreadSet,
    absent: Signal,
    missing: Option<usize>,
}

impl SignalSource for Replay {
    fn unread(&self) -> UnreadSet {
        self.unread
    }

    fn read(&mut self, index: usize) -> &Signal {
        match self.signals.get(index) {
            Some(Some(signal)) => signal,
            _ => {
                self.missing.get_or_insert(index);
                &self.absent
            }
        }
    }
}

impl Policy {
    /// The record of a decision just made with `source`, which remembers what it computed.
    pub fn record(&self, decision: &Decision, source: &mut dyn SignalSource) -> Recorded {
        let named = |index: usize| {
            let spec = self.specs().get(index)?;
            Some((spec.name.clone(), source.read(index).clone()))
        };
        let signals = decision.read.iter().filter_map(named).collect();
        Recorded { policy: self.digest(), signals, unread: source.unread() }
    }

    /// Decides again from a record, with a trace.
    ///
    /// # Errors
    /// When the record belongs to another policy text, or lacks a signal that is read.
    pub fn replay(&self, recorded: &Recorded) -> Result<Decision, PolicyError> {
        if recorded.policy != self.digest() {
            return Err(PolicyError::OtherPolicy { recorded: recorded.policy, ours: self.digest() });
        }
        self.decide_recorded(recorded, |_| true)
    }

    /// Decides on signals that were recorded under another text, with a trace; `fits` says which of this policy's
    /// signals are those of that name in the record.
    ///
    /// # Errors
    /// When the record lacks a signal that is read.
    pub fn decide_recorded(
        &self,
        recorded: &Recorded,
        fits: impl Fn(&SignalSpec) -> bool,
    ) -> Result<Decision, PolicyError> {
        let held = |spec: &SignalSpec| recorded.signals.get(&spec.name).filter(|_| fits(spec)).cloned();
        let signals = self.specs().iter().map(held).collect();
        let absent = Signal::failed("not recorded");
        let mut replay = Replay { signals, unread: recorded.unread, absent, missing: None };
        let decision = self.decide(&mut replay, true);
        match replay.missing.and_then(|index| self.specs().get(index)) {
            Some(spec) => Err(PolicyError::Incomplete { signal: spec.name.clone() }),
            None => Ok(decision),
        }
    }
}
