//! What can be proven of the routes: never, never first, together, twice, always.
//!
//! Each route has a question of its own, which holds what that route needs and no more, so a thousand routes are a
//! thousand small questions. Other routes are drawn in only when an example shows that they matter.

mod front;
pub(super) mod governed;
mod loose;
mod near;
mod overlap;
mod pair;
mod reach;
mod redundant;
mod shape;
mod surer;

use super::World;
use super::finding::{Findings, Part};
use super::question::{Ask, Question};
use crate::decide::Verdict;
use crate::decide::run::Run;
use crate::table::{Leaf, Node, Test};
use crate::text::diagnostic::Label;
use front::Front;
use reach::Reach;
use tollgate_core::signal::Signal;

/// Most names that a message lists.
const MAX_NAMES: usize = 6;
/// How many rules are evaluated in one step.
pub(super) const RULES: u64 = 24;

/// The part of all steps, one in so many, that is for what changes nothing before the other questions are settled: each
/// route has its share, so that one whose scores are hard to weigh takes nothing from others. What is left over in the end
/// goes to those.
const REDUNDANCY: u64 = 4;

/// Every crisp finding.
pub(super) fn analyse(world: &World<'_>) -> Findings {
    let mut findings = Findings::default();
    let count = u32::try_from(world.table.rules.len()).unwrap_or(u32::MAX);
    let (mut live, mut late) = (Vec::new(), Vec::new());
    let mut front = Front::new(world);
    let mut left = world.left() / REDUNDANCY;
    for rule in 0..count {
        let mut question = Question::new(world);
        // Once the steps are gone not even the question is written down.
        let reached = match world.is_spent() {
            true => Reach::Unknown,
            false => reach::rule(world, &mut front, &mut question, rule),
        };
        match reached {
            Reach::Chosen => live.push(rule),
            Reach::Unknown => {
                // What could not be settled for the whole is not tried for its parts.
                findings.unsettled += 1;
                findings.open_routes.push(world.name(rule));
                live.push(rule);
                continue;
            }
            Reach::Never(found) => {
                findings.findings.push(*found);
                continue;
            }
            Reach::Shadowed(found) => findings.findings.push(*found),
        }
        let mut said = Findings::default();
        let (share, before) = (left / u64::from(count - rule), world.taken());
        let whole =
            share > 0 && world.within(share, || redundant::find(world, &mut question, rule, &mut said));
        left = left.saturating_sub(world.taken() - before);
        if whole {
            findings.findings.append(&mut said.findings);
        } else {
            late.push(rule);
        }
    }
    loose::find(world, &mut findings);
    overlap::find(world, &live, &mut findings);
    match reach::default(world, &mut front) {
        Reach::Never(found) | Reach::Shadowed(found) => findings.findings.push(*found),
        Reach::Unknown => {
            findings.unsettled += 1;
            findings.open_routes.push("default".to_owned());
        }
        Reach::Chosen => {}
    }
    redundant::find_named(world, &mut findings);
    for rule in late.into_iter().take_while(|_| !world.is_spent()) {
        redundant::find(world, &mut Question::new(world), rule, &mut findings);
    }
    findings
}

impl World<'_> {
    pub(super) fn name(&self, rule: u32) -> String {
        self.table.rules.get(rule as usize).map(|rule| rule.route.name.clone()).unwrap_or_default()
    }

    pub(super) fn root(&self, rule: u32) -> u32 {
        self.table.rules.get(rule as usize).map_or(crate::table::NONE, |rule| rule.root)
    }

    pub(super) fn name_span(&self, rule: u32) -> crate::Span {
        self.table.rules.get(rule as usize).map(|rule| rule.name).unwrap_or_default()
    }

    /// That the rule's condition holds, or does not.
    pub(super) fn ask(&self, rule: u32, holds: bool) -> Ask {
        let place = self.table.rules.get(rule as usize).map(|rule| rule.when).unwrap_or_default();
        Ask { node: self.root(rule), holds, place }
    }

    /// The text of a place on one line.
    fn said(&self, place: crate::Span) -> String {
        crate::check::one_line(place.of(self.policy.text())).into()
    }

    /// The number of the rank of a rule.
    fn rank(&self, rule: u32) -> usize {
        self.table.ranks.partition_point(|rank| rank.rules.end <= rule)
    }

    /// The conditions that must all hold for this one to: its parts and theirs, or itself.
    fn conjuncts(&self, whole: Ask) -> Vec<Ask> {
        match self.table.node(whole.node) {
            Some(Node::And(start, end) | Node::Given(start, end)) => {
                let parts = self.table.placed(start, end);
                parts.flat_map(|(node, place)| self.conjuncts(Ask { node, holds: true, place })).collect()
            }
            _ => vec![whole],
        }
    }

    /// Whether the node's confidence is 1 wherever it holds.
    fn is_exact(&self, node: u32) -> bool {
        match self.table.node(node) {
            // `always` is a conjunction of nothing, and its confidence is 0.
            Some(Node::And(start, end) | Node::Or(start, end)) => {
                start < end && self.table.kids(start, end).iter().all(|kid| self.is_exact(*kid))
            }
            Some(Node::Given(start, end)) => {
                self.table.kids(start, end).last().is_some_and(|kid| self.is_exact(*kid))
            }
            Some(Node::Not(_)) => true,
            Some(Node::Leaf(leaf)) => match self.table.leaves.get(leaf as usize) {
                Some(Leaf::Signal { signal, test: Test::Holds }) => self.domain(*signal).is_exact(),
                Some(Leaf::Signal { .. } | Leaf::Compare(..)) => true,
                Some(Leaf::Band(_) | Leaf::Member { .. } | Leaf::Fires(_)) | None => false,
            },
            None => false,
        }
    }

    /// Whether a rule holds under these signals.
    fn is_true(&self, rule: u32, signals: &[Signal]) -> bool {
        self.spend(1 + self.parts / RULES);
        let mut source = super::Given(signals);
        Run::reading_all(self.table, &mut source).node(self.root(rule)).verdict == Verdict::True
    }

    /// The rules that hold under these signals.
    fn holding(&self, signals: &[Signal]) -> Vec<u32> {
        self.evaluated();
        let mut source = super::Given(signals);
        let mut run = Run::reading_all(self.table, &mut source);
        let holds = |(at, rule): (usize, &crate::table::Rule)| {
            (run.node(rule.root).verdict == Verdict::True).then_some(u32::try_from(at).unwrap_or(u32::MAX))
        };
        self.table.rules.iter().enumerate().filter_map(holds).collect()
    }

    fn part(&self, rule: u32, ask: Ask) -> Part {
        Part { rule: self.name(rule), text: self.said(ask.place), span: ask.place, holds: ask.holds }
    }

    /// A label at a rule's whole condition.
    pub(super) fn condition_label(&self, rule: u32, message: impl Into<String>) -> Label {
        Label { span: self.ask(rule, true).place, message: message.into() }
    }
}

/// Names in back quotes, with commas between and "or" before the last; of many the first few.
fn list(names: &[String]) -> String {
    let shown = if names.len() > MAX_NAMES + 1 { MAX_NAMES } else { names.len() };
    let mut quoted: Vec<String> = names.iter().take(shown).map(|name| format!("`{name}`")).collect();
    if names.len() > shown {
        quoted.push(format!("one of {} others", names.len() - shown));
    }
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.join(", "),
    }
}
