//! Changing a running gateway: budgets, policy and configuration, checked aside and swapped whole.
//!
//! What does not pass its checks changes nothing: the last good state stays in force, and the refusal says why. Changes
//! are made one after the other: each begins with what the one before put in force. None opens what a start had closed.

use crate::clock::entropy;
use crate::config::written::AuthMode;
use crate::config::{self, Settings};
use crate::pipeline;
use crate::snapshot::{Snapshot, SnapshotError, known, policy_text};
use crate::state::Shared;
use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tollgate_core::{Clock, Seed};
use tollgate_policy::{Fleet, Policy, TestCase, TestResult};
use tollgate_signals::mask::Masked;
use tollgate_signals::names::Names;
use tollgate_signals::{Input, Reading, SignalSet};
use tollgate_wire::Dialect;
use tollgate_wire::peek::{Limits, peek};
use tollgate_wire::view::RequestView;

/// Tells the ledger the configured budgets; again whenever keys or budgets change.
pub(crate) fn apply_budgets(shared: &Shared) {
    // Whoever comes last reads the newest of keys and configuration.
    let _limiting = shared.limiting.lock();
    let ring = shared.store.keys();
    // A key that replaces another has its name for a while: the limit is one of each.
    let key_ids = |name: &str| {
        let live = ring.all().iter().filter(|key| key.spec.name == name && key.revoked.is_none());
        live.map(|key| Arc::from(key.id.as_str())).collect()
    };
    shared.store.budgets().set_limits(pipeline::limits(&shared.snapshot.load().settings.budgets, key_ids));
}

/// Runs a policy's own tests against real signals; nothing when its signals cannot be built.
#[must_use]
pub fn policy_tests(policy: &Policy, fleet: Option<&Fleet>, clock: &dyn Clock) -> Vec<TestResult> {
    let Ok(set) = SignalSet::compile(policy.specs()) else { return Vec::new() };
    policy.run_tests(fleet, |case, masked, decide| {
        let Some(view) = test_view(case, masked) else { return };
        decide(&mut Reading::new(&set, &Input::untaught(&view), clock));
    })
}

/// A request in which a user says a test's text, with these types of personal data masked.
fn test_view(case: &TestCase, masked: &[String]) -> Option<RequestView> {
    let limits = Limits::default();
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": case.text}]}).to_string();
    let view = peek(Dialect::OpenaiChat, Bytes::from(body), &limits).ok()?;
    if masked.is_empty() {
        return Some(view);
    }
    let wanted = |kind: &str| masked.iter().any(|word| word == kind);
    Some(Masked::of(&view, &limits, wanted, &Names::default()).ok()?.view)
}

/// Puts another policy in force, with the present configuration.
pub(crate) fn replace_policy(shared: &Shared, text: String) -> Result<u64, SnapshotError> {
    let _changing = shared.changing.lock();
    let before = shared.snapshot.load_full();
    let generation = swap(shared, &before, before.settings.clone(), text)?;
    shared.unwritten.store(true, Ordering::Relaxed);
    Ok(generation)
}

/// What a reload came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reloaded {
    /// The generation in force.
    pub generation: u64,
    /// What it did not take over, or replaced although it is in no file.
    pub warnings: Vec<String>,
}

/// Reads configuration and policy again; keeps the last good ones when anything is wrong.
///
/// # Errors
/// [`SnapshotError`] says what is wrong; nothing changed then.
pub fn reload(shared: &Shared) -> Result<Reloaded, SnapshotError> {
    let _changing = shared.changing.lock();
    let before = shared.snapshot.load_full();
    let done = read_again(shared, &before).and_then(|(settings, text, mut warnings)| {
        warnings.extend(replaced(shared, &before, &settings, &text));
        let generation = swap(shared, &before, settings, text)?;
        shared.unwritten.store(false, Ordering::Relaxed);
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        Ok(Reloaded { generation, warnings })
    });
    if let Err(error) = &done {
        shared.metrics.reloads_refused.inc();
        *shared.refused.lock() = Some((shared.clock.now(), error.to_string()));
        tracing::error!(%error, "reload refused; the last good configuration stays");
    }
    done
}

/// Says that a policy which the API put in force gives way to another.
fn replaced(shared: &Shared, before: &Snapshot, settings: &Settings, text: &str) -> Option<String> {
    let lost = shared.unwritten.load(Ordering::Relaxed) && text != before.policy_text;
    lost.then(|| {
        let file = policy_name(settings);
        format!("the policy that `PUT /api/v1/policy` put in force was in no file and is replaced by {file}")
    })
}

/// Where the policy is written.
pub(crate) fn policy_name(settings: &Settings) -> String {
    settings
        .policy
        .as_deref()
        .map_or_else(|| "the shipped policy".to_owned(), |path| path.display().to_string())
}

/// Settings and policy as the files have them, and what of them is not taken over.
fn read_again(shared: &Shared, before: &Snapshot) -> Result<(Settings, String, Vec<String>), SnapshotError> {
    let mut ignored = Vec::new();
    let settings = match &shared.origin.config {
        Some(path) => {
            let mut settings = config::load(path)?;
            // What the command line set stays set.
            if shared.origin.overrides("policy") {
                settings.policy.clone_from(&before.settings.policy);
            }
            ignored = settings.keep_started(&before.settings, |field| shared.origin.overrides(field));
            if let Some(why) = opens(&before.settings, &settings, shared.origin.force_open) {
                return Err(SnapshotError::Opens(format!("{}: {why}", path.display())));
            }
            settings
        }
        None => before.settings.clone(),
    };
    let text = policy_text(&settings)?;
    Ok((settings, text, ignored))
}

/// What of `next` would open to others what is closed now. Only a start opens anything: a file that lost a section, or that
/// is read half written, is as valid as any other.
fn opens(now: &Settings, next: &Settings, forced: bool) -> Option<String> {
    if let Some(why) = config::public_without_keys(next).filter(|_| !forced) {
        return Some(format!("field `auth.mode`, value \"open\": {why}"));
    }
    if now.auth.mode == AuthMode::Keys && next.auth.mode == AuthMode::Open {
        return Some(
            "field `auth.mode`, value \"open\": callers need a key since the start, and a reload takes that from nobody; \
             write `auth: {mode: keys}` back, or restart to serve callers without keys"
                .to_owned(),
        );
    }
    let opened = now.auth.admin.is_some() && next.auth.admin.is_none();
    opened.then(|| {
        "field `auth.admin` is gone: the operator's paths need a secret since the start; write it back, or restart to do \
         without"
            .to_owned()
    })
}

/// Builds the next snapshot aside, tests it, and swaps. `before` is in force, and nobody else changes that meanwhile.
fn swap(shared: &Shared, before: &Snapshot, settings: Settings, text: String) -> Result<u64, SnapshotError> {
    let seed = entropy().map(|b| Seed(u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])));
    let seed = seed.unwrap_or(Seed(shared.prefix_root));
    let next = Snapshot::build(settings, text, Some(before), seed, &*shared.clock)?;
    pass(&next, &*shared.clock)?;
    let generation = next.generation;
    shared.snapshot.store(Arc::new(next));
    *shared.refused.lock() = None;
    apply_budgets(shared);
    tracing::info!(generation, "configuration in force");
    Ok(generation)
}

/// Whether the policy's own tests pass against the pools: at a start as on a reload, so that no restart serves what a
/// reload refuses.
pub(crate) fn pass(next: &Snapshot, clock: &dyn Clock) -> Result<(), SnapshotError> {
    let fleet = known(&next.settings).fleet;
    let failed: Vec<String> = policy_tests(&next.policy, fleet.as_ref(), clock)
        .iter()
        .filter(|t| !t.passed)
        .map(|t| match &t.governed {
            Some(left) => format!("line {}: {left}", t.line),
            None => format!("line {}: expected {}, got {}", t.line, t.case.expect, t.got),
        })
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(SnapshotError::Policy(format!("the policy's own tests fail: {}", failed.join("; "))))
}
