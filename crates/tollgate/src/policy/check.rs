//! `tollgate policy check`: everything that is wrong, with its place and a way to put it right.

use super::source::Source;
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use tollgate_policy::{Compiled, review};
use tollgate_signals::SignalSet;

/// Check a policy and show every finding with its place
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate policy check                                        the shipped policy
  tollgate policy check my.tollgate --config tollgate.yaml     models and pools too
  tollgate policy check my.tollgate --json                     for editors

Exits with 1 when the policy has errors. Warnings do not count.")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    source: Source,
    /// Print findings as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CheckArgs) -> Result<Ending> {
    let source = args.source.read()?;
    let Compiled { policy, report } = review(&source.text, &source.known);
    let signals = policy.as_ref().map(|policy| SignalSet::compile(policy.specs()));
    let unbuilt = signals.and_then(Result::err).unwrap_or_default();
    let passed = report.is_ok() && unbuilt.is_empty();
    let names_checked = source.known.models.is_some();
    if args.json {
        let mut found = report.to_json(&source.text);
        if let Some(map) = found.as_object_mut() {
            map.insert("file".into(), json!(source.name));
            map.insert("ok".into(), json!(passed));
            map.insert("names_checked".into(), json!(names_checked));
            map.insert("signal_errors".into(), unbuilt.iter().map(|e| json!(e.to_string())).collect());
        }
        say::json(&found)?;
        return Ok(Ending::of(passed));
    }
    let shown = report.render(&source.name, &source.text);
    if !shown.is_empty() {
        say::remark(shown.trim_end());
    }
    unbuilt.iter().for_each(|error| say::remark(&format!("error: {}: {error}", source.name)));
    if let Some(policy) = policy.filter(|_| passed) {
        let (routes, signals, tests) = (policy.routes().count(), policy.specs().len(), policy.tests().len());
        let checked = if names_checked { "" } else { "; models and pools not checked, give --config FILE" };
        say::line(&format!(
            "{}: good: {routes} routes, {signals} signals, {tests} tests{checked}",
            source.name
        ))?;
    }
    Ok(Ending::of(passed))
}
