//! Two routes of one tier and priority that hold together and do different things: then only their confidence, and
//! in the end their names, decide.
//!
//! Pairs whose needs exclude each other are passed over at a glance; each route is reported once, with the first
//! route that it meets.

use super::shape::Shape;
use crate::Severity;
use crate::analyse::World;
use crate::analyse::caps::Meeting;
use crate::analyse::finding::{Finding, FindingKind, Findings, Witness, finding};
use crate::analyse::question::{Found, Question};
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
                later.filter(|(other, held)| world.differ(*first, **other) && !shape.excludes(held))
            {
                asked += 1;
                if asked > MAX_PAIRS {
                    findings.unsettled += 1;
                    continue;
                }
                match together(world, *first, *second) {
                    Pair::Example(signals) => {
                        findings.findings.push(overlap(world, *first, *second, &signals));
                        break;
                    }
                    Pair::Never => {}
                    Pair::Unknown => findings.unsettled += 1,
                }
            }
        }
    }
}

enum Pair {
    Example(Vec<Signal>),
    Never,
    Unknown,
}

/// A request for which both hold and no route of an earlier rank does.
fn together(world: &World<'_>, a: u32, b: u32) -> Pair {
    let mut question = Question::new(world);
    let mut asks = vec![world.ask(a, true), world.ask(b, true)];
    let rank = world.rank(a);
    loop {
        match question.ask(&asks) {
            Found::Never(_) => return Pair::Never,
            Found::Unknown => return Pair::Unknown,
            Found::Witness(signals) => {
                if world.winner(&signals).is_some_and(|rule| world.rank(rule) == rank) {
                    return Pair::Example(signals);
                }
                let before = asks.len();
                let earlier = world.holding(&signals).into_iter().filter(|rule| world.rank(*rule) < rank);
                asks.extend(earlier.map(|rule| world.ask(rule, false)));
                if asks.len() == before {
                    return Pair::Unknown;
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
    let repair = world.keep_apart(a, b);
    let rules = vec![first, second];
    let mut found = finding(FindingKind::Overlap, rules, world.name_span(a), message, repair);
    found.severity = if exact { Severity::Warning } else { Severity::Note };
    found.labels.push(world.condition_label(a, "holds"));
    found.labels.push(world.condition_label(b, "holds too"));
    found.core = vec![world.part(a, world.ask(a, true)), world.part(b, world.ask(b, true))];
    found.witness = Some(witness);
    if let Some(meeting) = meeting(world, a, b) {
        near(&mut found, meeting);
    }
    found
}

/// The caps that both routes ask for and that meet.
fn meeting<'w>(world: &'w World<'_>, a: u32, b: u32) -> Option<&'w Meeting> {
    if world.meetings.is_empty() {
        return None;
    }
    let (first, second) = (Shape::of(world, world.ask(a, true)), Shape::of(world, world.ask(b, true)));
    let found = world.meetings.iter().find(|((one, other), _)| {
        (first.needs(*one) && second.needs(*other)) || (first.needs(*other) && second.needs(*one))
    });
    found.map(|(_, meeting)| meeting)
}

/// The finding of two routes whose examples are near enough that one text can be like both.
fn near(found: &mut Finding, meeting: &Meeting) {
    let Meeting { signals: [one, other], examples: [first, second], angle, radii, .. } = meeting;
    let degrees = |radians: f64| radians.to_degrees();
    found.kind = FindingKind::CapOverlap;
    found.severity = Severity::Warning;
    found.message = format!(
        "{}: texts like {first:?} (`{one}`) and like {second:?} (`{other}`) are {:.1} degrees apart, within the {:.1} + {:.1} \
         that their thresholds allow, so one text can be like both",
        found.message,
        degrees(*angle),
        degrees(radii[0]),
        degrees(radii[1])
    );
    found.repair = format!(
        "raise the thresholds until they are less than {:.1} degrees together (cosines of {:.3} each), or put `{one}` and \
         `{other}` into one exclusive group",
        degrees(*angle),
        (angle / 2.0).cos()
    );
    found.meeting = Some(meeting.clone());
}
