//! What can match, by type and name, and what is told of each: whether it holds, its number, its failure, its time.
//!
//! The types and names are those of the policy's labels; a signal without a label is told by its kind and its own name.

use crate::pipeline::Evaluation;
use crate::snapshot::Snapshot;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tollgate_core::signal::{Kind, Signal, ValueType};

/// Leaf types with the key under which their names are listed; the others are listed under their own word.
const KEYS: &[(&str, &str)] = &[
    ("keyword", "keywords"),
    ("embedding", "embeddings"),
    ("domain", "domains"),
    ("preference", "preferences"),
];
/// Types of which metrics are always told.
const TYPES: &[&str] = &[
    "keyword",
    "embedding",
    "domain",
    "fact_check",
    "user_feedback",
    "reask",
    "preference",
    "language",
    "context",
    "structure",
    "complexity",
    "modality",
    "authz",
    "jailbreak",
    "pii",
    "kb",
    "conversation",
    "event",
    "metadata",
    "classifier",
    "projection",
];

/// A thing that can match.
pub(super) struct Named {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) holds: bool,
    confidence: f64,
    /// The number behind it.
    value: Option<f64>,
    pub(super) signals: Vec<usize>,
}

/// A label without its recipe, as type and name; with the recipe, where it has one.
pub(super) fn split(label: &str) -> (Option<&str>, &str, &str) {
    let (recipe, rest) = label.split_once("::").map_or((None, label), |(recipe, rest)| (Some(recipe), rest));
    let (kind, name) = rest.split_once(':').unwrap_or(("signal", rest));
    (recipe, kind, name)
}

/// The key under which the names of a type are listed.
pub(super) fn key(kind: &str) -> &str {
    KEYS.iter().find(|(word, _)| *word == kind).map_or(kind, |(_, key)| key)
}

impl Named {
    /// `type:name`.
    fn id(&self) -> String {
        format!("{}:{}", self.kind, self.name)
    }
}

/// Everything with a label of this recipe, and the policy's own yes-or-no signals that stand under no label.
pub(super) fn named(snapshot: &Snapshot, found: &Evaluation, recipe: Option<&str>) -> Vec<Named> {
    let mut named = Vec::new();
    for label in &found.labels {
        let (of, kind, name) = split(&label.label);
        if of.is_some() && of != recipe {
            continue;
        }
        let (kind, name, signals) = (kind.to_owned(), name.to_owned(), label.signals.clone());
        let value = if kind == "reask" { repeats(snapshot, found, &signals) } else { label.value };
        named.push(Named {
            kind,
            name,
            holds: label.holds,
            confidence: label.confidence,
            value: value.filter(|value| value.is_finite()),
            signals,
        });
    }
    for (index, signal) in unlabelled(found) {
        let Some(spec) = snapshot.policy.specs().get(index) else { continue };
        if spec.kind.info().value == ValueType::Flag {
            named.push(Named {
                kind: spec.kind.word().to_owned(),
                name: spec.name.clone(),
                holds: signal.matched,
                confidence: signal.confidence,
                value: None,
                signals: vec![index],
            });
        }
    }
    named
}

/// How many turns in a row are repeated: the longest row that holds.
fn repeats(snapshot: &Snapshot, found: &Evaluation, signals: &[usize]) -> Option<f64> {
    let rows = found.read.iter().filter(|(index, _, signal)| signals.contains(index) && signal.matched);
    let turns = rows.filter_map(|(index, ..)| snapshot.policy.specs().get(*index)?.number("streak"));
    turns.fold(None, |most, turns| Some(most.map_or(turns, |most: f64| most.max(turns))))
}

/// Signals that were read and stand under no label of any recipe.
fn unlabelled(found: &Evaluation) -> impl Iterator<Item = (usize, &Signal)> {
    let covered: BTreeSet<usize> =
        found.labels.iter().flat_map(|label| label.signals.iter().copied()).collect();
    found
        .read
        .iter()
        .filter(move |(index, ..)| !covered.contains(index))
        .map(|(index, _, signal)| (*index, signal))
}

/// Names by key, of those that hold or of those that do not; every key is there.
pub(super) fn grouped(named: &[Named], holds: bool) -> Map<String, Value> {
    let mut by_key: Map<String, Value> = Map::new();
    for thing in named {
        let list = by_key.entry(key(&thing.kind)).or_insert_with(|| json!([]));
        if let (Value::Array(list), true) = (list, thing.holds == holds) {
            list.push(json!(thing.name));
        }
    }
    by_key
}

/// How sure each is that holds, by `type:name`.
pub(super) fn confidences(named: &[Named]) -> Map<String, Value> {
    named.iter().filter(|thing| thing.holds).map(|thing| (thing.id(), json!(thing.confidence))).collect()
}

/// The number behind each that holds, by `type:name`: the tokens of a context, the density of a structure, the messages of
/// a conversation, the score of a band, the turns of a repetition; and every number that stands under no label.
pub(super) fn values(snapshot: &Snapshot, found: &Evaluation, named: &[Named]) -> Map<String, Value> {
    let holding = named.iter().filter(|thing| thing.holds);
    let mut values: Map<String, Value> =
        holding.filter_map(|thing| Some((thing.id(), json!(thing.value?)))).collect();
    for (index, signal) in unlabelled(found) {
        let Some(spec) = snapshot.policy.specs().get(index) else { continue };
        if let tollgate_core::signal::Value::Number(number) = signal.value {
            values.insert(format!("{}:{}", word(spec.kind), spec.name), json!(number));
        }
    }
    values
}

/// The tokens of the request as conditions on the context count them; where the policy has none, those of the prompt.
pub(super) fn context(snapshot: &Snapshot, found: &Evaluation) -> u64 {
    let counts = |index: &usize| {
        snapshot.policy.specs().get(*index).is_some_and(|spec| spec.kind == Kind::ContextTokens)
    };
    let read = found.read.iter().find(|(index, ..)| counts(index));
    read.map_or(found.known.prompt_tokens, |(_, _, signal)| signal.value.as_number() as u64)
}

/// Why a signal could not be computed, by `type:name` of what needs it.
pub(super) fn errors(snapshot: &Snapshot, found: &Evaluation, named: &[Named]) -> Map<String, Value> {
    let mut errors = Map::new();
    for (index, _, signal) in &found.read {
        let (Some(failure), Some(spec)) = (&signal.failure, snapshot.policy.specs().get(*index)) else {
            continue;
        };
        let needing = named.iter().filter(|thing| thing.signals.contains(index)).map(Named::id);
        let mut ids: Vec<String> = needing.collect();
        if ids.is_empty() {
            ids.push(format!("{}:{}", word(spec.kind), spec.name));
        }
        errors.extend(ids.into_iter().map(|id| (id, json!(failure))));
    }
    errors
}

/// Facts are of one type: their word is their name.
fn word(kind: Kind) -> &'static str {
    if kind.is_fact() { "fact" } else { kind.word() }
}

/// Time and sureness by type, each signal counted once, and by `type:name`.
pub(super) fn metrics(found: &Evaluation, named: &[Named]) -> Map<String, Value> {
    let times: BTreeMap<usize, u64> = found.read.iter().map(|(index, ns, _)| (*index, *ns)).collect();
    let time =
        |signals: &BTreeSet<usize>| signals.iter().filter_map(|s| times.get(s)).sum::<u64>() as f64 / 1e6;
    let mut types: BTreeMap<&str, (BTreeSet<usize>, f64)> =
        TYPES.iter().map(|kind| (*kind, Default::default())).collect();
    let mut metrics = Map::new();
    for thing in named {
        let signals: BTreeSet<usize> = thing.signals.iter().copied().collect();
        let sure = if thing.holds { thing.confidence } else { 0.0 };
        metrics.insert(thing.id(), json!({"execution_time_ms": time(&signals), "confidence": sure}));
        let (all, best) = types.entry(&thing.kind).or_default();
        all.extend(signals);
        *best = best.max(sure);
    }
    for (kind, (signals, sure)) in types {
        metrics.insert(kind.to_owned(), json!({"execution_time_ms": time(&signals), "confidence": sure}));
    }
    metrics
}
