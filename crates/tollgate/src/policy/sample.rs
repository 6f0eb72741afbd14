//! Requests to count over: texts, requests' bodies, and decisions of the log.

use super::trace::{self, What};
use anyhow::Result;
use std::path::Path;
use tollgate_gateway::clock::SystemClock;
use tollgate_policy::{Policy, Traffic};
use tollgate_signals::{Input, Reading, SignalSet};
use tollgate_wire::Dialect;

/// Counts the routes of `policy` that hold together over the requests in a file. Of a decision of the log the signals
/// that were recorded are read: facts, whose meaning no policy changes, and those that were declared as they are here,
/// which is known where the log was written under this very text.
pub(super) fn count<'p>(policy: &'p Policy, signals: &SignalSet, path: &Path) -> Result<Traffic<'p>> {
    let clock = SystemClock::new();
    let mut traffic = Traffic::new(policy);
    trace::each(path, Dialect::OpenaiChat, |_, entry| match &entry.what {
        What::Request(view) => {
            let mut input = Input::untaught(view);
            input.caller.roles = &entry.roles;
            traffic.see(&entry.shown, &mut Reading::new(signals, &input, &clock));
        }
        What::Record(recorded, ..) => {
            let same = recorded.policy == policy.digest();
            traffic.see_recorded(&entry.shown, recorded, |spec| same || spec.kind.is_fact());
        }
        What::Nothing => {}
    })?;
    Ok(traffic)
}
