//! Two routes of one tier and priority that hold together and do different things: then only their confidence, and
//! in the end their names, decide.
//!
//! Pairs whose needs exclude each other are passed over at a glance; each route is reported once, with the first
//! route that it meets.

use super::near;
use super::shape::Shape;
use crate::Severity;
use crate::analyse::World;
use crate::analyse::finding::{Finding, FindingKind, Findings, Witness, finding};
use crate::analyse::question::{Found, Question};
use tollgate_core::signal::Signal;

/// Most pairs that are taken to the solver.
const MAX_PAIRS: usize = 20_000;

/// Adds the overlaps among `live` rules; first those whose examples are near each other, then the rest.
pub(super) fn find(world: &World<'_>, live: &[u32], findings: &mut Findings) {
    let mut asked = 0;
    for rank in world.table.ranks.iter().filter(|rank| rank.rules.len() > 1) {
        let within = live.iter().copied().filter(|rule| rank.rules.contains(rule));
        let shapes: Vec<(u32, Shape<'_>)> =
            within.map(|rule| (rule, Shape::of(world, world.ask(rule, true)))).collect();
        let mut ask = |first: &(u32, Shape<'_>), second: &(u32, Shape<'_>), unsettled: &mut usize| {
            if !world.differ(first.0, second.0) || first.1.excludes(&second.1) {
                return None;
            }
            asked += 1;
            let is_over = asked > MAX_PAIRS || world.is_spent();
            let pair = if is_over { Pair::Unknown } else { together(world, first.0, second.0) };
            match pair {
                Pair::Example(signals) => Some(overlap(world, first.0, second.0, &signals)),
                Pair::Never => None,
                Pair::Unknown => {
                    *unsettled += 1;
                    None
                }
            }
        };
        let told = near::find(world, &shapes, &mut ask, findings);
        for (at, first) in shapes.iter().enumerate() {
            let later = shapes.iter().skip(at + 1).filter(|second| !told.contains(&(first.0, second.0)));
            let mut unsettled = 0;
            let found = later.into_iter().find_map(|second| ask(first, second, &mut unsettled));
            findings.unsettled += unsettled;
            findings.findings.extend(found);
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
    found
}
