//! `tollgate policy test`: the tests that stand in the policy itself.

use super::source::Source;
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use tollgate_gateway::clock::SystemClock;
use tollgate_gateway::control::policy_tests;

/// Run the tests that stand in a policy
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate policy test
  tollgate policy test my.tollgate --config tollgate.yaml --json

What governance leaves of models, and whether it refuses, depends on the pools: without --config FILE such a
test is not judged (its route is), which is said and counted. Exits with 1 when a test fails.")]
pub(crate) struct TestArgs {
    #[command(flatten)]
    source: Source,
    /// Print results as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &TestArgs) -> Result<Ending> {
    let source = args.source.read()?;
    let (policy, _) = source.compile()?;
    let results = policy_tests(&policy, source.known.fleet.as_ref(), &SystemClock::new());
    let failed = results.iter().filter(|result| !result.passed).count();
    let unjudged = results.iter().filter(|result| result.passed && !result.judged).count();
    if args.json {
        say::json(
            &json!({"file": source.name, "tests": results.len(), "failed": failed, "not_judged": unjudged, "results": results}),
        )?;
        return Ok(Ending::of(failed == 0));
    }
    for result in &results {
        let case = &result.case;
        if result.passed && !result.judged {
            let why = "its models depend on the pools, give --config FILE";
            say::line(&format!(
                "ok?   {}:{} {:?} -> {}; not judged: {why}",
                source.name, result.line, case.text, result.got
            ))?;
            continue;
        }
        if result.passed {
            say::line(&format!("ok    {}:{} {:?} -> {}", source.name, result.line, case.text, result.got))?;
            continue;
        }
        say::line(&format!(
            "FAIL  {}:{} {:?}: expected {}, got {}",
            source.name, result.line, case.text, case.expect, result.got
        ))?;
        if let Some(left) = &result.governed {
            say::line(&format!("      governance: {left}"))?;
        }
        for line in result.explanation.lines() {
            say::line(&format!("      {line}"))?;
        }
    }
    let unjudged = if unjudged > 0 { format!(", {unjudged} not judged") } else { String::new() };
    say::line(&format!("{}: {} tests, {failed} failed{unjudged}", source.name, results.len()))?;
    Ok(Ending::of(failed == 0))
}
