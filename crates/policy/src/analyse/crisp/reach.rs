//! Whether a route, or the default, is ever chosen.
//!
//! An example under which the route holds is taken to the policy's own decision. When another route wins, that route
//! is ruled out and the next example is asked for, until the route is chosen or no example is left. What was ruled
//! out then shadows it.

use super::front::{Front, Reached};
use super::list;
use crate::analyse::World;
use crate::analyse::domain::Domain;
use crate::analyse::finding::{Finding, FindingKind, Witness, finding};
use crate::analyse::question::{Ask, Found, Question};
use tollgate_core::signal::Signal;

/// Most steps of a search, and most rounds, for the names of what shadows a route that is known to be shadowed.
const NAMING_STEPS: u32 = 400;
const NAMING_ROUNDS: usize = 12;
/// Most alternatives within a route that are tried.
const MAX_CHOICES: usize = 8;
/// Most routes that are marked as coming first.
const MAX_LABELS: usize = 8;

/// The answer for one route.
pub(super) enum Reach {
    /// Some request chooses it.
    Chosen,
    /// Its condition never holds.
    Never(Box<Finding>),
    /// It holds, but others always come first.
    Shadowed(Box<Finding>),
    Unknown,
}

/// Whether `rule` is ever chosen.
pub(super) fn rule(
    world: &World<'_>,
    front: &mut Front<'_>,
    question: &mut Question<'_>,
    rule: u32,
) -> Reach {
    front.advance(world, Some(rule));
    if front.has_example(world, rule) {
        return Reach::Chosen;
    }
    let own = world.conjuncts(world.ask(rule, true));
    let first = match question.ask(&own) {
        Found::Witness(signals) => signals,
        Found::Unknown => return Reach::Unknown,
        Found::Never(_) => {
            return question
                .excluded(&own)
                .map_or(Reach::Unknown, |core| Reach::Never(Box::new(never(world, rule, &core))));
        }
    };
    if world.winner(&first) == Some(rule) {
        front.keep(first);
        return Reach::Chosen;
    }
    if let Some(end) = front.ended() {
        return shadowed(world, rule, &[], end, &first);
    }
    match front.ask(world, &own, Some(rule)) {
        Reached::Chosen => Reach::Chosen,
        Reached::Unknown => Reach::Unknown,
        Reached::Rivalled => match chase(world, question, &own, Some(rule), first.clone(), usize::MAX) {
            End::Chosen => Reach::Chosen,
            End::Unknown => Reach::Unknown,
            End::Covered(asks) => match question.excluded(&asks) {
                Some(core) => shadowed(world, rule, &core, &ruled_out(world, &core), &first),
                None => Reach::Unknown,
            },
        },
        Reached::Never => {
            let mut question = Question::bounded(world, NAMING_STEPS);
            let asks = match chase(world, &mut question, &own, Some(rule), first.clone(), NAMING_ROUNDS) {
                End::Covered(asks) => question.excluded(&asks),
                End::Chosen | End::Unknown => None,
            };
            match asks {
                Some(core) => shadowed(world, rule, &core, &ruled_out(world, &core), &first),
                None => shadowed(world, rule, &[], &front.passed(), &first),
            }
        }
        Reached::Ended => {
            let by = front.end(world);
            shadowed(world, rule, &[], by, &first)
        }
    }
}

/// Whether the default is ever taken.
pub(super) fn default(world: &World<'_>, front: &mut Front<'_>) -> Reach {
    front.advance(world, None);
    if front.ended().is_none() {
        match front.ask(world, &[], None) {
            Reached::Chosen => return Reach::Chosen,
            Reached::Never | Reached::Ended => {}
            Reached::Rivalled | Reached::Unknown => return Reach::Unknown,
        }
    }
    Reach::Shadowed(Box::new(no_default(world, front.end(world))))
}

enum End {
    Chosen,
    /// These conditions exclude each other: the route's own, and that no route before it holds.
    Covered(Vec<Ask>),
    Unknown,
}

/// Rules out, one after the other and in at most this many rounds, the routes that win instead of `rule` (the default when there is none).
fn chase(
    world: &World<'_>,
    question: &mut Question<'_>,
    own: &[Ask],
    rule: Option<u32>,
    first: Vec<Signal>,
    rounds: usize,
) -> End {
    let mut asks = own.to_vec();
    // Routes of the same rank that win by being surer: ruling them out proves nothing, but may find an example.
    let mut soft: Vec<Ask> = Vec::new();
    let mut signals = first;
    for _ in 0..rounds {
        let winner = world.winner(&signals);
        if winner == rule {
            return End::Chosen;
        }
        let before = asks.len() + soft.len();
        for held in world.holding(&signals) {
            let ask = world.ask(held, false);
            if rule.is_none_or(|rule| precedes(world, held, rule)) {
                asks.push(ask);
            } else if Some(held) == winner {
                soft.push(ask);
            }
        }
        if asks.len() + soft.len() == before {
            return End::Unknown;
        }
        let all: Vec<Ask> = asks.iter().chain(&soft).copied().collect();
        match question.ask(&all) {
            Found::Witness(next) => signals = next,
            Found::Unknown => return End::Unknown,
            Found::Never(core) if core.iter().any(|ask| soft.contains(ask)) => {
                // Without the soft ones it may still be covered, or be chosen by being surer.
                return match question.ask(&asks) {
                    Found::Never(_) => End::Covered(asks),
                    Found::Witness(signals)
                        if surer(world, rule, &signals) || chosen_by_a_part(world, question, &asks, rule) =>
                    {
                        End::Chosen
                    }
                    Found::Witness(_) | Found::Unknown => End::Unknown,
                };
            }
            Found::Never(_) => return End::Covered(asks),
        }
    }
    End::Unknown
}

/// Whether `rule` is chosen when some signals are less sure: all of them, or those that only its rival reads.
fn surer(world: &World<'_>, rule: Option<u32>, signals: &[Signal]) -> bool {
    let reads = |rule: Option<u32>| rule.map(|rule| world.table.reads(world.root(rule))).unwrap_or_default();
    let (own, rival) = (reads(rule), reads(world.winner(signals)));
    let doubted = |which: &dyn Fn(u32) -> bool| -> Vec<Signal> {
        let doubt = |(at, signal): (usize, &Signal)| {
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            match world.domain(at) {
                Domain::Flag(least) if signal.matched && which(at) => {
                    Signal { confidence: signal.confidence.min(f64::midpoint(least, 1.0)), ..signal.clone() }
                }
                _ => signal.clone(),
            }
        };
        signals.iter().enumerate().map(doubt).collect()
    };
    let only_rival = |signal: u32| rival.contains(&signal) && !own.contains(&signal);
    world.winner(&doubted(&|_| true)) == rule || world.winner(&doubted(&only_rival)) == rule
}

/// Whether `rule` is chosen where one of its alternatives holds.
fn chosen_by_a_part(world: &World<'_>, question: &mut Question<'_>, asks: &[Ask], rule: Option<u32>) -> bool {
    let mut parts = Vec::new();
    if let Some(rule) = rule {
        world.choices(world.ask(rule, true), &mut parts);
    }
    parts.into_iter().take(MAX_CHOICES).any(|part| {
        let with: Vec<Ask> = asks.iter().copied().chain([part]).collect();
        matches!(question.ask(&with), Found::Witness(signals) if surer(world, rule, &signals))
    })
}

/// Whether `held` is chosen before `rule` whenever both hold: by its rank, by being surer, or by its name when it is never
/// less sure.
fn precedes(world: &World<'_>, held: u32, rule: u32) -> bool {
    let (first, second) = (world.rank(held), world.rank(rule));
    let (one, other) = (world.root(held), world.root(rule));
    first < second
        || (first == second
            && (world.is_surer(one, other) || (held < rule && world.at_least_as_sure(one, other))))
}

fn never(world: &World<'_>, rule: u32, core: &[Ask]) -> Finding {
    let name = world.name(rule);
    let parts: Vec<String> = core.iter().map(|ask| format!("`{}`", world.said(ask.place))).collect();
    let (message, repair) = match parts.as_slice() {
        [only] => (
            format!("`{name}` can never be chosen: {only} never holds"),
            format!("correct {only}, or remove the route"),
        ),
        _ => (
            format!("`{name}` can never be chosen: {} exclude each other", parts.join(" and ")),
            format!("remove one of {}, or join them with `or`", parts.join(", ")),
        ),
    };
    let mut found = finding(FindingKind::Unsatisfiable, vec![name], world.name_span(rule), message, repair);
    for ask in core {
        found.labels.push(crate::Label { span: ask.place, message: "this".to_owned() });
        found.core.push(world.part(rule, *ask));
    }
    found
}

/// The rules whose absence a core asks for.
fn ruled_out(world: &World<'_>, core: &[Ask]) -> Vec<u32> {
    let count = u32::try_from(world.table.rules.len()).unwrap_or(u32::MAX);
    (0..count).filter(|rule| core.contains(&world.ask(*rule, false))).collect()
}

/// The finding that `by` always come before `rule`; unknown when the policy's own decision does not confirm the example.
/// `core` is empty where that is known only of all of them together.
fn shadowed(world: &World<'_>, rule: u32, core: &[Ask], by: &[u32], example: &[Signal]) -> Reach {
    let name = world.name(rule);
    let names: Vec<String> = by.iter().map(|rule| world.name(*rule)).collect();
    let verb = if by.len() == 1 {
        "holds too and comes first"
    } else {
        "holds too and comes first, whichever the request"
    };
    let message = format!("`{name}` can never be chosen: whenever it holds, {} {verb}", list(&names));
    let same_rank = by.iter().all(|other| world.rank(*other) == world.rank(rule));
    let repair = if same_rank {
        format!("give `{name}` a higher priority, narrow {}, or remove `{name}`", list(&names))
    } else {
        format!(
            "move `{name}` before {} by tier or priority, narrow what comes first, or remove `{name}`",
            list(&names)
        )
    };
    let rules = std::iter::once(name.clone()).chain(names).collect();
    let mut found = finding(FindingKind::Shadowed, rules, world.name_span(rule), message, repair);
    for other in by.iter().take(MAX_LABELS) {
        found.labels.push(world.condition_label(*other, "comes first"));
    }
    for ask in core {
        let owner = by.iter().copied().find(|other| *ask == world.ask(*other, false)).unwrap_or(rule);
        found.core.push(world.part(owner, *ask));
    }
    let shown: Vec<u32> = std::iter::once(rule).chain(by.iter().copied().take(MAX_LABELS)).collect();
    let witness = Witness::of(world, example, &shown);
    let confirmed =
        found.rules.first().is_some_and(|own| *own != witness.outcome) && witness.outcome != "default";
    found.witness = Some(witness);
    if confirmed { Reach::Shadowed(Box::new(found)) } else { Reach::Unknown }
}

fn no_default(world: &World<'_>, by: &[u32]) -> Finding {
    let names: Vec<String> = by.iter().map(|rule| world.name(*rule)).collect();
    let message = match names.as_slice() {
        [only] => format!("the default is never taken: `{only}` always holds"),
        _ => format!("the default is never taken: {} always holds", list(&names)),
    };
    let repair =
        format!("narrow {}, or move what one of them does into `default` and remove it", list(&names));
    let span = world.policy.default_name();
    let mut found = finding(FindingKind::UnreachableDefault, names, span, message, repair);
    for rule in by {
        if found.labels.len() < MAX_LABELS {
            found.labels.push(world.condition_label(*rule, "covers a part"));
        }
        found.core.push(world.part(*rule, world.ask(*rule, false)));
    }
    // Any request will do.
    if let Found::Witness(signals) = Question::new(world).ask(&[]) {
        found.witness = Some(Witness::of(world, &signals, by));
    }
    found
}
