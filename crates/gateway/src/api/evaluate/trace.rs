//! How each decision came out, as a tree of leaves in the incumbent's shape.

use super::named::{key, split};
use crate::snapshot::Snapshot;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tollgate_policy::{NodeReport, RouteReport, Verdict};

/// Every decision of a recipe: whether it holds, how surely, and its tree.
pub(super) fn decisions(snapshot: &Snapshot, reports: &[RouteReport], recipe: Option<&str>) -> Value {
    let told = |report: &RouteReport| {
        let route = snapshot.policy.routes().find(|route| route.name == report.name)?;
        if route.notes.get("recipe").is_some_and(|of| Some(of.as_str()) != recipe) {
            return None;
        }
        let when = condition(report);
        Some(json!({
            "decision_name": super::answer::name(route),
            "matched": when.verdict == Verdict::True,
            "confidence": sure(when),
            "root_trace": node(snapshot, when),
        }))
    };
    reports.iter().filter_map(told).collect()
}

/// A route's own condition, without what the choice of recipe puts before it.
pub(super) fn condition(report: &RouteReport) -> &NodeReport {
    match (report.when.op.as_str(), report.when.parts.last()) {
        ("given", Some(when)) => when,
        _ => &report.when,
    }
}

fn sure(node: &NodeReport) -> f64 {
    if node.verdict == Verdict::True { node.confidence.low } else { 0.0 }
}

/// Type and name of a leaf: its label, else the kind of the signal that it reads and the test as written.
fn leaf<'r>(snapshot: &'r Snapshot, node: &'r NodeReport) -> Option<(&'r str, &'r str)> {
    if let Some(label) = &node.label {
        let (_, kind, name) = split(label);
        return Some((kind, name));
    }
    let leaf = node.leaf.as_ref()?;
    let first = leaf.signals.first()?;
    let spec = snapshot.policy.specs().iter().find(|spec| spec.name == *first)?;
    Some((spec.kind.word(), &leaf.test))
}

/// The leaves of a route's condition, each once, by the key of its type.
pub(super) fn used<'r>(
    snapshot: &'r Snapshot,
    report: &'r RouteReport,
) -> BTreeMap<&'r str, BTreeSet<&'r str>> {
    let mut by_key = BTreeMap::new();
    gather(snapshot, condition(report), &mut by_key);
    by_key
}

fn gather<'r>(
    snapshot: &'r Snapshot,
    node: &'r NodeReport,
    by_key: &mut BTreeMap<&'r str, BTreeSet<&'r str>>,
) {
    match leaf(snapshot, node) {
        Some((kind, name)) => {
            by_key.entry(key(kind)).or_default().insert(name);
        }
        None => node.parts.iter().for_each(|part| gather(snapshot, part, by_key)),
    }
}

fn node(snapshot: &Snapshot, report: &NodeReport) -> Value {
    let mut told = Map::new();
    match leaf(snapshot, report) {
        Some((kind, name)) => {
            told.insert("node_type".into(), json!("leaf"));
            told.insert("signal_type".into(), json!(kind));
            told.insert("signal_name".into(), json!(name));
        }
        None if report.op == "and" && report.parts.is_empty() => {
            told.insert("node_type".into(), json!("fallback"));
        }
        None => {
            told.insert("node_type".into(), json!(report.op.to_uppercase()));
            let children: Vec<Value> = report.parts.iter().map(|part| node(snapshot, part)).collect();
            told.insert("children".into(), json!(children));
        }
    }
    told.insert("matched".into(), json!(report.verdict == Verdict::True));
    told.insert("confidence".into(), json!(sure(report)));
    Value::Object(told)
}

/// The leaves on which a condition rests, as `type:name`: all of an `and`, those of the surest part of an `or`.
pub(super) fn rules(snapshot: &Snapshot, report: &NodeReport) -> Vec<String> {
    if report.verdict != Verdict::True {
        return Vec::new();
    }
    if let Some((kind, name)) = leaf(snapshot, report) {
        return vec![format!("{kind}:{name}")];
    }
    let holding = || report.parts.iter().filter(|part| part.verdict == Verdict::True);
    match report.op.as_str() {
        "or" => {
            let best = holding().reduce(|best, part| if sure(part) > sure(best) { part } else { best });
            best.map(|part| rules(snapshot, part)).unwrap_or_default()
        }
        "not" => Vec::new(),
        _ => holding().flat_map(|part| rules(snapshot, part)).collect(),
    }
}
