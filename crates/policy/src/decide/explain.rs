//! Why a decision came out as it did: every considered route with its leaves, as data, JSON and text.
//!
//! Invariant: building a trace reads no signal that the decision did not read; leaves that were not needed say so.

use super::label::Labels;
use super::leaf::sure;
use super::number::Numbers as _;
use super::outcome::{Confidence, Decision, Outcome, Verdict};
use super::run::{Run, Tri};
use crate::limits;
use crate::table::{Contest, Leaf, Node, Num, Table, Test};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use tollgate_core::signal::{Kind, Value};

/// A signal that was read.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SignalReport {
    /// Its name in the policy.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Whether it held.
    pub matched: bool,
    /// How sure it was, in [0, 1].
    pub confidence: f64,
    /// Its value.
    pub value: Value,
    /// What was found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<String>,
    /// Why it could not be computed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<String>,
}

/// One test of a condition.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LeafReport {
    /// As written in the policy.
    pub test: String,
    /// The signals it reads.
    pub signals: Vec<String>,
    /// What was compared: the signal's value, or the score; absent while not read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<Value>,
    /// What it was compared with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub threshold: Option<String>,
}

/// A part of a condition.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NodeReport {
    /// `leaf`, `and`, `or`, `not` or `given`.
    pub op: String,
    /// The name under which others are told of this part.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub label: Option<String>,
    /// Whether it holds; `unknown` means that the decision did not need it.
    pub verdict: Verdict,
    /// Bounds of its confidence if it holds.
    pub confidence: Confidence,
    /// The test, of a leaf.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub leaf: Option<LeafReport>,
    /// The parts, of the others.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub parts: Vec<NodeReport>,
}

/// A route as the decision saw it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RouteReport {
    /// Its name.
    pub name: String,
    /// Its tier.
    pub tier: Option<u32>,
    /// Its priority.
    pub priority: i32,
    /// Its condition.
    pub when: NodeReport,
}

/// The whole explanation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trace {
    /// What made the outcome, in a sentence.
    pub why: String,
    /// The next best route as far as the signals read tell.
    pub runner_up: Option<String>,
    /// Routes in the order in which they are considered.
    pub routes: Vec<RouteReport>,
    /// How many more routes there are.
    pub routes_left_out: usize,
    /// The signals read, cheapest first.
    pub signals: Vec<SignalReport>,
    /// The classes of data and rules that bind the request.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub binding: Vec<String>,
}

/// Builds the trace of a decided run; `winner` is the index of the chosen rule.
pub(crate) fn trace(run: &mut Run<'_, '_>, winner: Option<u32>, rejected: Option<&str>) -> Trace {
    let table = run.table;
    let labels = Labels::new(table);
    let verdicts: Vec<Tri> = table.rules.iter().map(|rule| run.node(rule.root)).collect();
    let routes = table
        .rules
        .iter()
        .take(limits::MAX_TRACE_ROUTES)
        .map(|rule| RouteReport {
            name: rule.route.name.clone(),
            tier: rule.route.tier,
            priority: rule.route.priority,
            when: node(run, &labels, rule.root),
        })
        .collect();
    let signals = run.read.clone().iter().filter_map(|index| signal(run, index)).collect();
    Trace {
        why: why(table, &verdicts, winner, rejected),
        runner_up: runner_up(table, &verdicts, winner),
        routes,
        routes_left_out: table.rules.len().saturating_sub(limits::MAX_TRACE_ROUTES),
        signals,
        binding: Vec::new(),
    }
}

fn signal(run: &mut Run<'_, '_>, index: usize) -> Option<SignalReport> {
    let spec = run.table.specs.get(index)?;
    let found = run.source.read(index);
    Some(SignalReport {
        name: spec.name.clone(),
        kind: spec.kind,
        matched: found.matched,
        confidence: sure(found),
        value: found.value.clone(),
        evidence: found.evidence.clone(),
        failure: found.failure.clone(),
    })
}

fn node(run: &mut Run<'_, '_>, labels: &Labels<'_>, index: u32) -> NodeReport {
    let label = labels.of(run.table, index).map(str::to_owned);
    NodeReport { label, ..unlabelled(run, labels, index) }
}

fn unlabelled(run: &mut Run<'_, '_>, labels: &Labels<'_>, index: u32) -> NodeReport {
    let tri = run.node(index);
    let table = run.table;
    let (op, leaf, kids) = match table.node(index) {
        Some(Node::Leaf(leaf)) => ("leaf", Some(leaf_report(run, leaf)), &[][..]),
        Some(Node::And(start, end)) => ("and", None, table.kids(start, end)),
        Some(Node::Given(start, end)) => ("given", None, table.kids(start, end)),
        Some(Node::Or(start, end)) => ("or", None, table.kids(start, end)),
        Some(Node::Not(inner)) => {
            let parts = vec![node(run, labels, inner)];
            return report("not", tri, None, parts);
        }
        None => ("leaf", None, &[][..]),
    };
    let parts = kids.iter().map(|kid| node(run, labels, *kid)).collect();
    report(op, tri, leaf, parts)
}

fn report(op: &str, tri: Tri, leaf: Option<LeafReport>, parts: Vec<NodeReport>) -> NodeReport {
    let confidence = Confidence { low: tri.low, high: tri.high };
    NodeReport { op: op.to_owned(), label: None, verdict: tri.verdict, confidence, leaf, parts }
}

fn leaf_report(run: &mut Run<'_, '_>, index: u32) -> LeafReport {
    let table = run.table;
    let (mut value, mut threshold) = (None, None);
    let point = |run: &mut Run<'_, '_>, num: &Num| {
        let bounds = run.number(num);
        (bounds.low >= bounds.high).then_some(Value::Number(bounds.low))
    };
    match table.leaves.get(index as usize) {
        Some(Leaf::Signal { signal, test }) => {
            let read = run.read.contains(*signal);
            value = read.then(|| run.source.read(*signal as usize).value.clone());
            threshold = match test {
                Test::Holds => None,
                Test::Number(cmp, bound) => Some(format!("{} {bound}", cmp.mark())),
                Test::OneOf(words) => Some(format!("in {words:?}")),
                Test::Like(words) => Some(format!("like {words:?}")),
                Test::HasAny(words) => Some(format!("has any {words:?}")),
                Test::HasAll(words) => Some(format!("has all {words:?}")),
            };
        }
        Some(Leaf::Compare(left, cmp, right)) => {
            value = point(run, left);
            threshold = point(run, right).map(|right| format!("{} {}", cmp.mark(), right.as_number()));
        }
        Some(Leaf::Band(band)) => {
            if let Some(band) = table.bands.get(*band as usize) {
                value = point(run, &band.of);
                let bounds: Vec<String> =
                    band.bounds.iter().map(|(cmp, at)| format!("{} {at}", cmp.mark())).collect();
                threshold = Some(bounds.join(" and "));
            }
        }
        Some(Leaf::Member { group, .. } | Leaf::Fires(group)) => {
            threshold = table.groups.get(*group as usize).and_then(|group| match group.contest {
                Contest::Exclusive { margin } => Some(format!("margin {margin}")),
                Contest::Above { threshold } => Some(format!("share {threshold}")),
                Contest::Winner { .. } => None,
            });
        }
        None => {}
    }
    let reads = table.leaf_reads(index);
    let names =
        reads.iter().filter_map(|signal| table.specs.get(*signal as usize)).map(|spec| spec.name.clone());
    let test = table.labels.get(index as usize).map(|label| label.to_string()).unwrap_or_default();
    LeafReport { test, signals: names.collect(), value, threshold }
}

fn same_rank(table: &Table, rule: u32) -> std::ops::Range<u32> {
    let found = table.ranks.iter().find(|rank| rank.rules.contains(&rule));
    found.map_or(rule..rule + 1, |rank| rank.rules.clone())
}

fn runner_up(table: &Table, verdicts: &[Tri], winner: Option<u32>) -> Option<String> {
    let rank = same_rank(table, winner?);
    let name = |rule: u32| table.rules.get(rule as usize).map(|rule| rule.route.name.clone());
    let tri = |rule: u32| verdicts.get(rule as usize).copied().unwrap_or(Tri::NO);
    let mut beside: Option<u32> = None;
    for rule in rank.clone().filter(|rule| Some(*rule) != winner && tri(*rule).verdict != Verdict::False) {
        if beside.is_none_or(|held| tri(rule).high > tri(held).high) {
            beside = Some(rule);
        }
    }
    let last = u32::try_from(table.rules.len()).unwrap_or(u32::MAX);
    beside.or_else(|| (rank.end..last).find(|rule| tri(*rule).verdict != Verdict::False)).and_then(name)
}

fn why(table: &Table, verdicts: &[Tri], winner: Option<u32>, rejected: Option<&str>) -> String {
    if let Some(signal) = rejected {
        return format!(
            "the signal {signal} failed, the outcome depends on it, and it says on_failure reject"
        );
    }
    let Some(winner) = winner else {
        return "no route holds, so the default takes it".to_owned();
    };
    let rank = same_rank(table, winner);
    let holding = rank
        .clone()
        .filter(|rule| *rule != winner)
        .filter(|rule| verdicts.get(*rule as usize).is_some_and(|tri| tri.verdict != Verdict::False))
        .count();
    let place = match table.rules.get(winner as usize).map(|rule| (rule.route.tier, rule.route.priority)) {
        Some((Some(tier), priority)) => format!("tier {tier}, priority {priority}"),
        Some((None, priority)) => format!("no tier, priority {priority}"),
        None => String::new(),
    };
    let before = match rank.start {
        0 => "no route comes before it".to_owned(),
        1 => "the route before it does not hold".to_owned(),
        count => format!("none of the {count} routes before it holds"),
    };
    match holding {
        0 => format!("it holds ({place}) and {before}"),
        others => {
            format!("it holds ({place}), {before}, and it is surest or first by name among {}", others + 1)
        }
    }
}

impl Decision {
    /// The explanation as text: the outcome, why, the signals read, and the routes that were in question.
    #[must_use]
    pub fn explain(&self) -> String {
        let mut out = String::new();
        let Confidence { low, high } = self.confidence;
        let sure = if low >= high { format!("{low:.3}") } else { format!("{low:.3} to {high:.3}") };
        let _ = match &self.outcome {
            Outcome::Route(route) => writeln!(out, "route {} (confidence {sure})", route.name),
            Outcome::Default(_) => writeln!(out, "default"),
            Outcome::Rejected(found) => {
                writeln!(
                    out,
                    "rejected: signal {} failed: {} (route {})",
                    found.signal, found.why, found.route
                )
            }
        };
        let Some(trace) = &self.trace else { return out };
        let _ = writeln!(out, "because {}", trace.why);
        if let Some(next) = &trace.runner_up {
            let _ = writeln!(out, "next in line: {next}");
        }
        if !trace.binding.is_empty() {
            let _ = writeln!(out, "bound by: {}", trace.binding.join(", "));
        }
        for signal in &trace.signals {
            let _ = write!(out, "read {} = {}", signal.name, show(&signal.value));
            if signal.confidence < 1.0 {
                let _ = write!(out, " (confidence {:.3})", signal.confidence);
            }
            let found = signal.failure.as_ref().map(|why| ("failed", why));
            if let Some((word, text)) = found.or(signal.evidence.as_ref().map(|text| ("found", text))) {
                let _ = write!(out, ", {word}: {text}");
            }
            out.push('\n');
        }
        for route in &trace.routes {
            let _ = writeln!(out, "{}: {}", route.name, word(route.when.verdict));
            show_node(&mut out, &route.when, 1);
        }
        if trace.routes_left_out > 0 {
            let _ = writeln!(out, "and {} more routes", trace.routes_left_out);
        }
        out
    }

    /// The explanation as JSON.
    #[must_use]
    pub fn explain_json(&self) -> serde_json::Value {
        let (kind, rejected) = match &self.outcome {
            Outcome::Route(_) => ("route", None),
            Outcome::Default(_) => ("default", None),
            Outcome::Rejected(found) => ("rejected", Some(found)),
        };
        serde_json::json!({
            "outcome": kind,
            "route": self.route().map(|route| &route.name),
            "tier": self.route().and_then(|route| route.tier),
            "priority": self.route().map(|route| route.priority),
            "confidence": self.confidence,
            "effects": self.effects(),
            "rejected": rejected,
            "policy": self.policy,
            "signals_read": self.read.len(),
            "trace": self.trace,
        })
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::True => "holds",
        Verdict::False => "does not hold",
        Verdict::Unknown => "not needed",
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Flag(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Set(words) => format!("{words:?}"),
    }
}

fn show_node(out: &mut String, node: &NodeReport, depth: usize) {
    let pad = "  ".repeat(depth);
    match &node.leaf {
        Some(leaf) => {
            let value = leaf.value.as_ref().map_or_else(String::new, |value| format!(" [{}]", show(value)));
            let _ = writeln!(out, "{pad}{}{value}: {}", leaf.test, word(node.verdict));
        }
        None => {
            let _ = writeln!(out, "{pad}{}: {}", node.op, word(node.verdict));
            node.parts.iter().for_each(|part| show_node(out, part, depth + 1));
        }
    }
}
