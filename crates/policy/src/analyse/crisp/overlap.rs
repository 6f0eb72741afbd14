//! Two routes of one tier and priority that hold together and do different things: then only their confidence, and
//! in the end their names, decide.
//!
//! Pairs whose needs exclude each other are passed over at a glance; each route is reported once, with the first
//! route that it meets.

use super::finding;
use super::shape::Shape;
use crate::Severity;
use crate::analyse::World;
use crate::analyse::finding::{Finding, FindingKind, Findings, Witness};
use crate::analyse::question::{Found, Question};
use crate::table::Num;
use tollgate_core::signal::Signal;

/// Most pairs that are taken to the solver.
const MAX_PAIRS: usize = 20_000;

/// Adds the overlaps among `live` rules.
pub(super) fn find(world: &World<'_>, live: &[u32], findings: &mut Findings) {
    let mut asked = 0;
    for rank in world.table.ranks.iter().filter(|rank| rank.rules.len() > 1) {
        let within: Vec<u32> = live.iter().copied().filter(|rule| rank.rules.contains(rule)).collect();
        let shapes: Vec<Shape<'_>> =
            within.iter().map(|rule| Shape::of(world, world.ask(*rule, true))).collect();
        for (at, (first, shape)) in within.iter().zip(&shapes).enumerate() {
            let later = within.iter().zip(&shapes).skip(at + 1);
            for (second, _) in
                later.filter(|(other, held)| differ(world, *first, **other) && !shape.excludes(held))
            {
                asked += 1;
                if asked > MAX_PAIRS {
                    findings.unsettled += 1;
                    continue;
                }
                match together(world, *first, *second) {
                    Meeting::Example(signals) => {
                        findings.findings.push(overlap(world, *first, *second, &signals));
                        break;
                    }
                    Meeting::Never => {}
                    Meeting::Unknown => findings.unsettled += 1,
                }
            }
        }
    }
}

/// Whether two routes of one rank do different things and nothing but confidence and name decides between them.
fn differ(world: &World<'_>, a: u32, b: u32) -> bool {
    let route = |rule: u32| world.table.rules.get(rule as usize).map(|rule| &rule.route);
    route(a).zip(route(b)).is_some_and(|(a, b)| a.effects != b.effects && a.priority == b.priority)
}

enum Meeting {
    Example(Vec<Signal>),
    Never,
    Unknown,
}

/// A request for which both hold and no route of an earlier rank does.
fn together(world: &World<'_>, a: u32, b: u32) -> Meeting {
    let mut question = Question::new(world);
    let mut asks = vec![world.ask(a, true), world.ask(b, true)];
    let rank = world.rank(a);
    loop {
        match question.ask(&asks) {
            Found::Never(_) => return Meeting::Never,
            Found::Unknown => return Meeting::Unknown,
            Found::Witness(signals) => {
                if world.winner(&signals).is_some_and(|rule| world.rank(rule) == rank) {
                    return Meeting::Example(signals);
                }
                let before = asks.len();
                let earlier = world.holding(&signals).into_iter().filter(|rule| world.rank(*rule) < rank);
                asks.extend(earlier.map(|rule| world.ask(rule, false)));
                if asks.len() == before {
                    return Meeting::Unknown;
                }
            }
        }
    }
}

fn overlap(world: &World<'_>, a: u32, b: u32, signals: &[Signal]) -> Finding {
    let (first, second) = (world.name(a), world.name(b));
    let witness = Witness::of(world, signals, &[a, b]);
    let exact = world.is_exact(world.root(a)) && world.is_exact(world.root(b));
    let how = if exact { "only their names decide" } else { "the surer one wins, or the first by name" };
    let message = format!(
        "`{first}` and `{second}` have the same tier and priority, can hold together, and differ: {how}"
    );
    let repair = by_group(world, a, b).unwrap_or_else(|| {
        "give one of them a higher priority, make their conditions exclude each other, or put what they ask for into \
         one exclusive group"
            .to_owned()
    });
    let rules = vec![first, second];
    let mut found = finding(FindingKind::Overlap, rules, world.name_span(a), message, repair);
    found.severity = if exact { Severity::Warning } else { Severity::Note };
    found.labels.push(world.condition_label(a, "holds"));
    found.labels.push(world.condition_label(b, "holds too"));
    found.core = vec![world.part(a, world.ask(a, true)), world.part(b, world.ask(b, true))];
    found.witness = Some(witness);
    found
}

/// The repair where each asks for another member of one group, but not through the group: thresholds on the members
/// themselves never exclude each other, while at most one member wins (the strongest, over the softmax of all).
fn by_group(world: &World<'_>, a: u32, b: u32) -> Option<String> {
    let (first, second) = (world.table.reads(world.root(a)), world.table.reads(world.root(b)));
    world.table.groups.iter().find_map(|group| {
        let member = |reads: &[u32]| {
            let signals = group.members.iter().filter_map(|num| match num {
                Num::Strength(signal) => Some(*signal),
                _ => None,
            });
            let mut held = signals.filter(|signal| reads.contains(signal));
            held.next().filter(|_| held.next().is_none())
        };
        let (one, other) = (member(&first)?, member(&second)?);
        if one == other {
            return None;
        }
        let name = |signal: u32| world.table.specs.get(signal as usize).map(|spec| spec.name.as_str());
        let group = group.name.of(world.policy.text());
        Some(format!(
            "ask for the group: of `{group} is {}` and `{group} is {}` at most one holds, which no threshold on the \
             members themselves can promise",
            name(one)?,
            name(other)?
        ))
    })
}
