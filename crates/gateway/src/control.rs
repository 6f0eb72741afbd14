//! Changing a running gateway: budgets, policy and configuration, checked aside and swapped whole.
//!
//! What does not pass its checks changes nothing: the last good state stays in force, and the refusal says why.

use crate::clock::entropy;
use crate::config::{self, Settings};
use crate::pipeline;
use crate::snapshot::{Snapshot, SnapshotError, known, policy_text};
use crate::state::Shared;
use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tollgate_core::Seed;
use tollgate_policy::{Fleet, Policy, TestCase, TestResult};
use tollgate_signals::mask::Masked;
use tollgate_signals::{Input, Reading, SignalSet};
use tollgate_wire::Dialect;
use tollgate_wire::peek::{Limits, peek};
use tollgate_wire::view::RequestView;

/// Tells the ledger the configured budgets; again whenever keys or budgets change.
pub(crate) fn apply_budgets(shared: &Shared) {
    let ring = shared.store.keys();
    let key_id = |name: &str| {
        let key = ring.all().iter().find(|k| k.spec.name == name && k.revoked.is_none())?;
        Some(Arc::from(key.id.as_str()))
    };
    shared.store.budgets().set_limits(pipeline::limits(&shared.snapshot.load().settings.budgets, key_id));
}

/// Runs a policy's own tests against real signals; nothing when its signals cannot be built.
#[must_use]
pub fn policy_tests(
    policy: &Policy,
    fleet: Option<&Fleet>,
    clock: &dyn tollgate_core::Clock,
) -> Vec<TestResult> {
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
    Some(Masked::of(&view, &limits, |kind| masked.iter().any(|word| word == kind)).ok()?.view)
}

/// Puts another policy in force, with the present configuration.
pub(crate) fn replace_policy(shared: &Shared, text: String) -> Result<u64, SnapshotError> {
    let before = shared.snapshot.load_full();
    let settings = before.settings.clone();
    let generation = swap(shared, settings, text)?;
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
    let before = shared.snapshot.load_full();
    let done = read_again(shared, &before).and_then(|(settings, text, mut warnings)| {
        warnings.extend(replaced(shared, &before, &settings, &text));
        let generation = swap(shared, settings, text)?;
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
            settings
        }
        None => before.settings.clone(),
    };
    let text = policy_text(&settings)?;
    Ok((settings, text, ignored))
}

/// Builds the next snapshot aside, tests it, and swaps.
fn swap(shared: &Shared, settings: Settings, text: String) -> Result<u64, SnapshotError> {
    let before = shared.snapshot.load_full();
    let seed = entropy().map(|b| Seed(u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])));
    let seed = seed.unwrap_or(Seed(shared.prefix_root));
    let next = Snapshot::build(settings, text, Some(&before), seed, &*shared.clock)?;
    let fleet = known(&next.settings).fleet;
    let failed: Vec<String> = policy_tests(&next.policy, fleet.as_ref(), &*shared.clock)
        .iter()
        .filter(|t| !t.passed)
        .map(|t| match &t.governed {
            Some(left) => format!("line {}: {left}", t.line),
            None => format!("line {}: expected {}, got {}", t.line, t.case.expect, t.got),
        })
        .collect();
    if !failed.is_empty() {
        return Err(SnapshotError::Policy(format!("the policy's own tests fail: {}", failed.join("; "))));
    }
    let generation = next.generation;
    shared.snapshot.store(Arc::new(next));
    *shared.refused.lock() = None;
    apply_budgets(shared);
    tracing::info!(generation, "configuration in force");
    Ok(generation)
}
