//! What the compiler refuses gives way to what never holds, and is told of: one part of a file that is too large for the
//! language does not cost the rest.
//!
//! Invariant: every round replaces a line that no round replaced before, so there are no more rounds than lines.

use super::gaps::Gaps;
use super::yaml::Node;
use crate::text::diagnostic::Severity;
use crate::{Known, Lines};
use std::collections::BTreeMap;

/// Most rounds; one replaces all that one report names.
const MAX_ROUNDS: usize = 64;

/// The policy with every refused declaration of a line replaced, so far as that can be.
pub(super) fn repair(policy: String, root: &Node, gaps: &mut Gaps) -> String {
    let mut policy = policy;
    for _ in 0..MAX_ROUNDS {
        let report = crate::diagnose(&policy, &Known::any());
        if report.is_ok() {
            break;
        }
        let lines = Lines::new(&policy);
        let mut refused: BTreeMap<usize, String> = BTreeMap::new();
        for found in report.diagnostics.iter().filter(|found| found.severity == Severity::Error) {
            let line = lines.position(found.span.start).line as usize;
            refused.entry(line).or_insert_with(|| found.message.clone());
        }
        let mut changed = false;
        let mut repaired = String::with_capacity(policy.len());
        for (at, line) in policy.lines().enumerate() {
            let why = refused.get(&(at + 1));
            match why.and_then(|why| harmless(line).map(|written| (why, written))) {
                Some((why, written)) if written != line => {
                    let name: String = line.chars().take_while(|c| *c != '=').take(80).collect();
                    let consequence = format!("`{}` never holds: {why}", name.trim());
                    gaps.secret(root, &consequence);
                    repaired += &written;
                    changed = true;
                }
                _ => repaired += line,
            }
            repaired.push('\n');
        }
        policy = repaired;
        if !changed {
            break;
        }
    }
    policy
}

/// A declaration that stands on one line, with a body that never holds or counts 0.
fn harmless(line: &str) -> Option<String> {
    if line.starts_with("when ") {
        return Some("when not always".to_owned());
    }
    let (head, body) = line.split_once(" = ")?;
    let label = body.rfind(" label \"").and_then(|at| body.get(at..)).unwrap_or_default();
    match head.split_whitespace().next()? {
        "flag" => Some(format!("{head} = not always{label}")),
        "sum" => Some(format!("{head} = 0 * tokens")),
        _ => None,
    }
}
