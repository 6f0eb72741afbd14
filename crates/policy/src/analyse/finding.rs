//! A finding: what is wrong, with which rules, where, for example when, why, and what to do.

use super::World;
use super::caps::Meeting;
use super::traffic::Together;
use crate::Span;
use crate::decide::record::Recorded;
use crate::text::diagnostic::{Diagnostic, Label, Report, Severity};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use tollgate_core::signal::{Signal, UnreadSet, Value};

/// Most signals of an example that a message names.
const SHOWN: usize = 6;

/// What sort of finding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// The route's condition can never hold.
    Unsatisfiable,
    /// Whenever the route's condition holds, another route comes first.
    Shadowed,
    /// Two routes of one tier and priority hold together and do different things.
    Overlap,
    /// A part of a condition changes nothing.
    Redundant,
    /// Some route always holds, so the default is never taken.
    UnreachableDefault,
    /// The threshold of a group does not keep its members apart.
    LooseGroup,
    /// Two routes of one rank ask for vectors in caps that meet.
    CapOverlap,
    /// Two routes of one rank held together on counted requests more often than stated.
    HoldTogether,
}

impl FindingKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Unsatisfiable,
        Self::Shadowed,
        Self::Overlap,
        Self::Redundant,
        Self::UnreachableDefault,
        Self::LooseGroup,
        Self::CapOverlap,
        Self::HoldTogether,
    ];

    /// The stable word that names it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unsatisfiable => "unsatisfiable",
            Self::Shadowed => "shadowed",
            Self::Overlap => "overlap",
            Self::Redundant => "redundant",
            Self::UnreachableDefault => "unreachable-default",
            Self::LooseGroup => "loose-group",
            Self::CapOverlap => "cap-overlap",
            Self::HoldTogether => "hold-together",
        }
    }

    /// What it says, in a sentence.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Unsatisfiable => "a route whose condition no request can meet",
            Self::Shadowed => "a route that other routes always come before when it holds",
            Self::Overlap => "two routes of one tier and priority that hold together and do different things",
            Self::Redundant => "a part of a condition that changes nothing",
            Self::UnreachableDefault => "a default that is never taken because some route always holds",
            Self::LooseGroup => "a group with a threshold at which two of its members can fire together",
            Self::CapOverlap => "two routes whose examples are near enough that one text can be like both",
            Self::HoldTogether => "two routes of one priority that hold together on real requests",
        }
    }
}

/// An example that shows a finding: signals, and what the policy does with them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Witness {
    /// The signals that the decision and the named rules read, as a record that [`crate::Policy::replay`] takes.
    pub recorded: Recorded,
    /// The route that the policy chooses, or `default`.
    pub outcome: String,
}

/// A part of a condition that a finding rests on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Part {
    /// The route that it stands in.
    pub rule: String,
    /// Its text; of a whole condition, the condition.
    pub text: String,
    /// Where.
    pub span: Span,
    /// Whether the finding rests on its holding, or on its not holding.
    pub holds: bool,
}

/// Something that is likely not meant.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Finding {
    /// What sort.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: Severity,
    /// The routes that it is about, the first one foremost.
    pub rules: Vec<String>,
    /// What is wrong, in a sentence.
    pub message: String,
    /// Where.
    pub span: Span,
    /// Other places that matter.
    pub labels: Vec<Label>,
    /// An example; absent where there can be none, since no request meets the condition.
    pub witness: Option<Witness>,
    /// The smallest set of conditions from which it follows: none can be left out.
    pub core: Vec<Part>,
    /// How to put it right.
    pub repair: String,
    /// Where two caps meet, of a [`FindingKind::CapOverlap`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meeting: Option<Meeting>,
    /// What was counted, of a [`FindingKind::HoldTogether`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Together>,
}

/// Everything that was found.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Findings {
    /// In order of place.
    pub findings: Vec<Finding>,
    /// How many questions could not be settled within the bounds; nothing is claimed of those.
    pub unsettled: usize,
    /// The routes, or `default`, of which it is not known whether they are ever chosen; their questions are among those.
    pub open_routes: Vec<String>,
    /// Steps that it took; about [`limits::MAX_ANALYSIS_STEPS`](crate::limits::MAX_ANALYSIS_STEPS) at the most.
    pub steps: u64,
}

impl Findings {
    pub(super) fn sort(&mut self) {
        self.findings.sort_by(|a, b| (a.span.start, a.kind, &a.rules).cmp(&(b.span.start, b.kind, &b.rules)));
    }

    /// Adds other findings.
    pub fn merge(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.unsettled += other.unsettled;
        self.open_routes.extend(other.open_routes);
        self.steps = self.steps.saturating_add(other.steps);
        self.sort();
    }

    /// Adds the findings to a report; where the compiler saw the same at a glance, the finding, which has an example, takes
    /// its place.
    pub fn tell(&self, report: &mut Report) {
        for found in &self.findings {
            if found.kind == FindingKind::Shadowed {
                report.diagnostics.retain(|held| held.code != "unreachable" || held.span != found.span);
            }
            report.push(found.diagnostic());
        }
        report.sort();
    }
}

impl Finding {
    /// The finding as a diagnostic: the example and the repair are its help.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let mut help = self.repair.clone();
        if let Some(witness) = &self.witness {
            let _ = write!(help, "\n  = example: {}", witness.describe());
        }
        Diagnostic {
            severity: self.severity,
            code: self.kind.word(),
            message: self.message.clone(),
            span: self.span,
            labels: self.labels.clone(),
            help: Some(help),
        }
    }
}

impl Witness {
    /// The example of `signals`; shows what the decision and `rules` read.
    pub(super) fn of(world: &World<'_>, signals: &[Signal], rules: &[u32]) -> Self {
        let rules = rules.iter().filter_map(|rule| world.table.rules.get(*rule as usize));
        Self::showing(world, signals, &rules.map(|rule| rule.root).collect::<Vec<_>>())
    }

    /// The same with what these conditions read.
    pub(super) fn showing(world: &World<'_>, signals: &[Signal], nodes: &[u32]) -> Self {
        let decision = world.policy.decide(&mut super::Given(signals), false);
        let mut shown: BTreeSet<usize> = decision.read.iter().collect();
        let read = nodes.iter().flat_map(|node| world.table.reads(*node));
        shown.extend(read.map(|signal| signal as usize));
        let named = |at: usize| Some((world.table.specs.get(at)?.name.clone(), signals.get(at)?.clone()));
        Self {
            recorded: Recorded {
                policy: world.policy.digest(),
                signals: shown.into_iter().filter_map(named).collect(),
                unread: UnreadSet::EMPTY,
            },
            outcome: decision.route_name().to_owned(),
        }
    }

    /// The example in words: what is not at rest, then where it goes.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        for (name, signal) in &self.recorded.signals {
            let said = match &signal.value {
                Value::Flag(_) if !signal.matched => continue,
                Value::Flag(_) if signal.confidence < 1.0 => {
                    format!("{name} (confidence {:.3})", signal.confidence)
                }
                Value::Flag(_) => name.clone(),
                Value::Number(number) => format!("{name} = {number}"),
                Value::Text(text) if text == "other" => continue,
                Value::Text(text) => format!("{name} is {text:?}"),
                Value::Set(words) if words.is_empty() => continue,
                Value::Set(words) => format!("{name} has {words:?}"),
            };
            parts.push(said);
        }
        let more = parts.len().saturating_sub(SHOWN);
        parts.truncate(SHOWN);
        if more > 0 {
            parts.push(format!("and {more} more"));
        }
        let said =
            if parts.is_empty() { "a request in which nothing matches".into() } else { parts.join(", ") };
        format!("{said} -> {}", self.outcome)
    }
}

/// A warning with the parts that every finding has.
pub(super) fn finding(
    kind: FindingKind,
    rules: Vec<String>,
    span: Span,
    message: String,
    repair: String,
) -> Finding {
    Finding {
        kind,
        severity: Severity::Warning,
        rules,
        message,
        span,
        labels: Vec::new(),
        witness: None,
        core: Vec::new(),
        repair,
        meeting: None,
        seen: None,
    }
}
