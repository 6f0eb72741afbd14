//! A decision in the shape of the incumbent's evaluation.

use crate::pipeline::Evaluation;
use crate::snapshot::Snapshot;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tollgate_core::signal::{Kind, ValueType};
use tollgate_policy::{Algorithm, NodeReport, Outcome, Route, RouteReport, Verdict};

/// Leaf types with the key under which their names are listed; the others are listed under their own word.
const KEYS: &[(&str, &str)] = &[
    ("keyword", "keywords"),
    ("embedding", "embeddings"),
    ("domain", "domains"),
    ("preference", "preferences"),
];

/// What was asked for.
pub(super) struct Asked {
    /// The last user turn.
    pub(super) text: String,
    pub(super) model: String,
    pub(super) trace: bool,
}

/// A thing that can match, by type and name.
struct Named {
    kind: String,
    name: String,
    holds: bool,
    confidence: f64,
    signals: Vec<usize>,
}

fn key(kind: &str) -> &str {
    KEYS.iter().find(|(word, _)| *word == kind).map_or(kind, |(_, key)| key)
}

/// The answer to an evaluation.
pub(super) fn evaluation(snapshot: &Snapshot, found: &Evaluation, asked: &Asked) -> Value {
    let route = found.decision.route();
    let chosen = match &found.decision.outcome {
        Outcome::Route(route) => Some(route),
        Outcome::Default(_) | Outcome::Rejected(_) => None,
    };
    let note = |key: &str| route.and_then(|route| route.notes.get(key)).map(String::as_str);
    let recipe = note("recipe").or_else(|| meant(snapshot, found));
    let named = named(snapshot, found, recipe);
    // What governance leaves, in the order of dispatch; without governance the route's own list.
    let models: Vec<&str> = match (&found.governed, route) {
        (Some(governed), _) => governed.models.iter().map(String::as_str).collect(),
        (None, Some(route)) => route.effects.models.iter().map(|model| model.model.as_str()).collect(),
        (None, None) => Vec::new(),
    };
    let refused = found.governed.as_ref().and_then(|governed| governed.refused.as_deref());
    let concrete = snapshot.model(&asked.model).map(|model| model.name.to_string());
    let decision = chosen.map(|route| decision_result(snapshot, route, &named, found));
    let confidences: Map<String, Value> = named
        .iter()
        .filter(|thing| thing.holds)
        .map(|thing| (format!("{}:{}", thing.kind, thing.name), json!(thing.confidence)))
        .collect();
    let (values, errors, metrics) = signals(snapshot, found);
    let status = match (&concrete, &found.decision.outcome) {
        _ if refused.is_some() => "rejected",
        (Some(_), _) => "passthrough",
        (None, Outcome::Route(_)) => "selected",
        (None, Outcome::Default(_)) => "default",
        (None, Outcome::Rejected(_)) => "rejected",
    };
    let mut out = json!({
        "original_text": asked.text,
        "requested_model": asked.model,
        "recipe": recipe.unwrap_or("default"),
        "decision_result": decision,
        "recommended_models": models,
        "selected_model": concrete.as_deref().filter(|_| refused.is_none()).or_else(|| models.first().copied()),
        "selection_status": status,
        "selection_method": route.map(|route| method(route)),
        "selection_reason": found.decision.trace.as_ref().map(|trace| trace.why.as_str()),
        "routing_decision": chosen.map(|route| name(route)),
        "matched_signals": grouped(&named, true),
        "unmatched_signals": grouped(&named, false),
        "confidence": found.decision.confidence.low,
        "metrics": metrics,
        "signal_confidences": confidences,
        "signal_values": values,
        "signal_errors": errors,
        "context_token_count": found.known.prompt_tokens,
    });
    if let Some(why) = refused {
        out["refused"] = json!(why);
    }
    if asked.trace {
        out["eval_trace"] = json!(found.decision.trace);
    }
    out
}

/// The recipe that the asked model chose, where none of its routes was taken.
fn meant<'s>(snapshot: &'s Snapshot, found: &Evaluation) -> Option<&'s str> {
    let holds = |report: &&RouteReport| {
        report.when.op == "given"
            && report.when.parts.first().is_some_and(|part| part.verdict == Verdict::True)
    };
    let report = found.decision.trace.as_ref()?.routes.iter().find(holds)?;
    let route = snapshot.policy.routes().find(|route| route.name == report.name)?;
    route.notes.get("recipe").map(String::as_str)
}

/// The name that the route had where it came from.
fn name(route: &Route) -> &str {
    route.notes.get("decision").map_or(&route.name, String::as_str)
}

fn method(route: &Route) -> &str {
    match (route.notes.get("algorithm"), route.effects.algorithm) {
        (Some(word), _) => word,
        (None, Algorithm::Static) => "static",
        (None, Algorithm::Weighted) => "weighted",
    }
}

fn decision_result(snapshot: &Snapshot, route: &Route, named: &[Named], found: &Evaluation) -> Value {
    let plugins: Vec<&str> =
        route.notes.get("plugins").map(|list| list.split(", ").collect()).unwrap_or_default();
    let used = used(snapshot, route, found);
    let is_used =
        |thing: &&Named| !thing.signals.is_empty() && thing.signals.iter().all(|s| used.contains(s));
    let mut by_key: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for thing in named.iter().filter(is_used) {
        by_key.entry(key(&thing.kind)).or_default().push(&thing.name);
    }
    json!({
        "decision_name": name(route),
        "algorithm": method(route),
        "plugins": plugins,
        "used_signals": by_key,
        "matched_signals": grouped(named, true),
        "unmatched_signals": grouped(named, false),
    })
}

/// Indices of the signals that the route's condition names.
fn used(snapshot: &Snapshot, route: &Route, found: &Evaluation) -> BTreeSet<usize> {
    let trace = found.decision.trace.as_ref();
    let report = trace.and_then(|trace| trace.routes.iter().find(|report| report.name == route.name));
    let mut names = BTreeSet::new();
    if let Some(report) = report {
        leaves(&report.when, &mut names);
    }
    let specs = snapshot.policy.specs().iter().enumerate();
    specs.filter(|(_, spec)| names.contains(&spec.name)).map(|(index, _)| index).collect()
}

fn leaves(node: &NodeReport, names: &mut BTreeSet<String>) {
    names.extend(node.leaf.iter().flat_map(|leaf| leaf.signals.iter().cloned()));
    node.parts.iter().for_each(|part| leaves(part, names));
}

/// Everything with a label of this recipe; in a policy without labels its own yes-or-no signals that were read.
fn named(snapshot: &Snapshot, found: &Evaluation, recipe: Option<&str>) -> Vec<Named> {
    let mut named = Vec::new();
    for label in &found.labels {
        let (of, rest) =
            label.label.split_once("::").map_or((None, label.label.as_str()), |(r, l)| (Some(r), l));
        if of.is_some() && of != recipe {
            continue;
        }
        let (kind, name) = rest.split_once(':').unwrap_or(("signal", rest));
        named.push(Named {
            kind: kind.to_owned(),
            name: name.to_owned(),
            holds: label.holds,
            confidence: label.confidence,
            signals: label.signals.clone(),
        });
    }
    if !found.labels.is_empty() {
        return named;
    }
    for (index, _, signal) in &found.read {
        let Some(spec) = snapshot.policy.specs().get(*index) else { continue };
        if spec.kind.info().value == ValueType::Flag {
            named.push(Named {
                kind: spec.kind.word().to_owned(),
                name: spec.name.clone(),
                holds: signal.matched,
                confidence: signal.confidence,
                signals: vec![*index],
            });
        }
    }
    named
}

/// Names by key, of those that hold or of those that do not; every key is there.
fn grouped(named: &[Named], holds: bool) -> Map<String, Value> {
    let mut by_key: Map<String, Value> = Map::new();
    for thing in named {
        let list = by_key.entry(key(&thing.kind)).or_insert_with(|| json!([]));
        if let (Value::Array(list), true) = (list, thing.holds == holds) {
            list.push(json!(thing.name));
        }
    }
    by_key
}

/// Values, failures and times of the signals that were read, by their names in the policy.
fn signals(
    snapshot: &Snapshot,
    found: &Evaluation,
) -> (Map<String, Value>, Map<String, Value>, Map<String, Value>) {
    let (mut values, mut errors, mut metrics) = (Map::new(), Map::new(), Map::new());
    for (index, ns, signal) in &found.read {
        let Some(spec) = snapshot.policy.specs().get(*index) else { continue };
        // Sessions and callers are nobody else's business, and texts may be long.
        if matches!(spec.kind.info().value, ValueType::Number) || spec.kind == Kind::Language {
            values.insert(spec.name.clone(), json!(signal.value));
        }
        if let Some(failure) = &signal.failure {
            errors.insert(spec.name.clone(), json!(failure));
        }
        let time = *ns as f64 / 1e6;
        metrics
            .insert(spec.name.clone(), json!({"execution_time_ms": time, "confidence": signal.confidence}));
    }
    (values, errors, metrics)
}
