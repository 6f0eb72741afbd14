//! Guards against the declared fleet: who reaches no model, what no place satisfies, which routes refuse.
//!
//! Exact, finite reasoning: guards × routes × models × kinds of places. Costs are those of the smallest request, so
//! that what is reported here fails for every request. [`errors`] needs no more than that; [`warnings`] asks whether a
//! request that a guard binds ever takes a route, which whoever can prove it answers as [`Meetings`]. Each finding
//! names the guards, their places in the text, an example and a repair.

mod cells;
mod cores;

use super::admit::names;
use super::overlap::{holds_for, may_hold_for};
use super::{Denial, Fleet, Governance, Guard, GuardKind, Topic};
use crate::effects::Route;
use crate::limits;
use crate::table::Table;
use crate::text::diagnostic::Diagnostic;
use crate::text::span::Span;
use cells::{Bits, Cell, Held, Index, cells};
use std::collections::BTreeSet;

/// A route with the node of its condition (none for the default) and where its name stands.
pub(crate) type Placed<'w> = (&'w Route, Option<u32>, Span);

/// Whether something can be, and for example how.
pub(crate) enum Meeting {
    /// Proven: it cannot.
    Never,
    /// Not settled.
    Perhaps,
    /// It can.
    Example(String),
}

/// Who can say whether conditions ever meet.
pub(crate) trait Meetings {
    /// Whether a request on which the node `guard` holds (any request, without one) takes the rule `route` (the
    /// default, without one).
    fn taken(&mut self, route: Option<u32>, guard: Option<u32>) -> Meeting;

    /// Whether all of these nodes hold on one request.
    fn together(&mut self, guards: &[u32]) -> Meeting;
}

/// Everything that findings are drawn from.
struct World<'w> {
    table: &'w Table,
    routes: &'w [Placed<'w>],
    cells: Vec<Cell<'w>>,
    index: Index<'w>,
    /// Classes of data and rules.
    rules: Vec<Held<'w>>,
    /// Roles, and what callers without one may do.
    roles: Vec<Held<'w>>,
    /// Words of cells that may still be looked at.
    left: std::cell::Cell<u64>,
}

/// What can never be satisfied: a policy with such guards is refused.
pub(crate) fn errors(
    governance: &Governance,
    table: &Table,
    routes: &[Placed<'_>],
    fleet: &Fleet,
) -> Vec<Diagnostic> {
    let at = governance.guards().next().map_or_else(Span::default, |guard| guard.span);
    let world = match World::new(governance, table, routes, fleet) {
        Ok(world) => world,
        Err(cells) => {
            let message = format!(
                "the fleet has {cells} combinations of model and place; governance is checked up to {}",
                limits::MAX_CELLS
            );
            return vec![unchecked(at, message)];
        }
    };
    let nowhere = |rule: &&Held<'_>| rule.open.is_empty();
    let found: Vec<_> = world.rules.iter().filter(nowhere).map(|rule| world.nowhere(rule, &[rule])).collect();
    if !found.is_empty() {
        // What follows would say the same of every role.
        return found;
    }
    let served = world.roles.iter().filter(|role| !world.is_own(role.guard, fleet));
    served.filter_map(|role| world.role_without_model(role, &|_| true)).collect()
}

/// What is refused on some routes, or where several guards bind; and roles whose only models stand in routes that are
/// never taken, which is an error.
pub(crate) fn warnings(
    governance: &Governance,
    table: &Table,
    routes: &[Placed<'_>],
    fleet: &Fleet,
    meetings: &mut dyn Meetings,
) -> Vec<Diagnostic> {
    let Ok(world) = World::new(governance, table, routes, fleet) else { return Vec::new() };
    let mut found = Vec::new();
    let dead: BTreeSet<Option<u32>> = world
        .asking()
        .map(|(number, _)| number)
        .filter(|number| !world.roles.is_empty() && matches!(meetings.taken(*number, None), Meeting::Never))
        .collect();
    for role in world.roles.iter().filter(|role| !world.is_own(role.guard, fleet)) {
        found.extend(world.role_without_model(role, &|number| !dead.contains(&number)));
    }
    world.together(meetings, &mut found);
    world.rules.iter().for_each(|rule| world.of_rule(rule, meetings, &mut found));
    world.roles.iter().for_each(|role| world.of_role(role, &dead, &mut found));
    if world.left.get() == 0 {
        let at = governance.guards().next().map_or_else(Span::default, |guard| guard.span);
        found.push(unchecked(
            at,
            "the guards are too many for this fleet to be checked to the end".to_owned(),
        ));
    }
    found
}

fn unchecked(at: Span, message: String) -> Diagnostic {
    Diagnostic::warning("unchecked", at, message).help("requests are governed all the same")
}

/// Routes whose pool serves none of their models, governed or not.
pub(crate) fn unserved_routes(routes: &[Placed<'_>], fleet: &Fleet) -> Vec<Diagnostic> {
    let cells = cells(fleet);
    if cells.is_empty() || cells.len() > limits::MAX_CELLS {
        return Vec::new();
    }
    let told = |(route, _, at): &Placed<'_>| {
        let message = format!("`{}` refuses every request: {}", route.name, unserved(route, &cells)?.why);
        let help = "name a pool that serves one of them, or give the pool's instances the model";
        Some(Diagnostic::warning("route-refuses", *at, message).help(help))
    };
    routes.iter().filter_map(told).collect()
}

/// Why no instance serves a route; absent when one does, or none is needed.
fn unserved(route: &Route, cells: &[Cell<'_>]) -> Option<Denial> {
    let (pool, models) = (route.effects.pool.as_deref(), &route.effects.models);
    let serves = |cell: &Cell<'_>| {
        models.iter().any(|m| m.model == cell.model) && pool.is_none_or(|pool| pool == cell.place.pool)
    };
    if models.is_empty() || cells.iter().any(serves) {
        return None;
    }
    let names: Vec<&str> = models.iter().map(|candidate| candidate.model.as_str()).take(3).collect();
    let place = pool.map_or_else(|| "no instance".to_owned(), |pool| format!("no instance of pool {pool}"));
    let why = format!("{place} serves {}", names.join(" or "));
    Some(Denial { rule: String::new(), topic: Topic::Pool, subject: route.name.clone(), why, own: true })
}

/// Roles without `others`: everybody who has none of them is refused, which is seldom meant.
pub(crate) fn without_others(governance: &Governance) -> Option<Diagnostic> {
    let role = governance.roles.first().filter(|_| governance.others.is_none())?;
    let message =
        "callers with none of the declared roles are refused everything: the policy has no `others`";
    let help = "write `others { … }` with what they may do; `others { }` lets them do everything";
    Some(Diagnostic::warning("no-others", role.span, message).help(help))
}

impl<'w> World<'w> {
    /// The world, or how many cells it would have where they are too many.
    fn new(
        governance: &'w Governance,
        table: &'w Table,
        routes: &'w [Placed<'w>],
        fleet: &'w Fleet,
    ) -> Result<Self, usize> {
        let cells = cells(fleet);
        if cells.len() > limits::MAX_CELLS {
            return Err(cells.len());
        }
        let rules = governance.rules.iter().map(|guard| Held::new(guard, &cells)).collect();
        let roles = governance.roles.iter().chain(&governance.others);
        let roles = roles.map(|guard| Held::new(guard, &cells)).collect();
        let left = std::cell::Cell::new(limits::MAX_GOVERNANCE_WORDS);
        Ok(Self { table, routes, index: Index::new(&cells), cells, rules, roles, left })
    }

    /// Takes words of work; whether they were left.
    fn spend(&self, words: u64) -> bool {
        self.left.set(self.left.get().saturating_sub(words));
        self.left.get() > 0
    }

    /// A role of the gateway's own models alone needs no place.
    fn is_own(&self, role: &Guard, fleet: &Fleet) -> bool {
        fleet.own.iter().any(|model| names(role, model))
            && !self.cells.iter().any(|cell| names(role, cell.model))
    }

    /// The roles that a caller with this one alone has.
    fn held(role: &Guard) -> Vec<&str> {
        if role.kind == GuardKind::Others { Vec::new() } else { vec![role.name.as_str()] }
    }

    /// The rules that bind every request of a caller with this role alone, or of every caller.
    fn always(&self, role: Option<&Guard>) -> Vec<&Held<'w>> {
        let binds = |rule: &&Held<'w>| match (rule.guard.root, role) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(root), Some(role)) => holds_for(self.table, root, &Self::held(role)),
        };
        self.rules.iter().filter(binds).collect()
    }

    /// What all of these leave open.
    fn open(&self, guards: &[&Held<'_>]) -> Bits {
        guards.iter().fold(Bits::all(&self.cells), |open, held| {
            self.spend(open.words());
            open.and(&held.open)
        })
    }

    /// Routes that ask models, each with its number in the table.
    fn asking(&self) -> impl Iterator<Item = (Option<u32>, Placed<'w>)> {
        let number = |at: usize| u32::try_from(at).ok();
        let all = self.routes.iter().copied().enumerate();
        let asks = all.filter(|(_, (route, ..))| !route.effects.models.is_empty());
        asks.map(move |(at, placed)| (placed.1.and_then(|_| number(at)), placed))
    }

    /// The denial that is most worth telling: the one that comes last in the order of what is asked.
    fn why(&self, among: &Bits, guards: &[&Held<'_>]) -> Option<Denial> {
        let refused =
            self.cells.iter().enumerate().filter(|(at, _)| among.has(*at)).filter_map(|(at, cell)| {
                let guard = guards.iter().find(|held| !held.open.has(at))?;
                cell.denial(guard.guard)
            });
        refused.max_by_key(|denial| denial.topic)
    }

    fn of_rule(&self, rule: &Held<'w>, meetings: &mut dyn Meetings, found: &mut Vec<Diagnostic>) {
        for (number, placed) in self.asking() {
            if found.len() >= limits::MAX_DIAGNOSTICS || !self.is_refused(placed.0, &rule.open) {
                continue;
            }
            let example = match meetings.taken(number, rule.guard.root) {
                Meeting::Never => continue,
                Meeting::Example(example) => format!("for example {example}"),
                Meeting::Perhaps => "perhaps a request that takes this route".to_owned(),
            };
            found.extend(self.route_refuses(rule, placed, example, &[rule]));
        }
    }

    /// The routes that a caller with this role alone may take.
    fn open_to<'s>(&'s self, role: &'s Guard) -> impl Iterator<Item = (Option<u32>, Placed<'w>)> + 's {
        let held = Self::held(role);
        let open = move |root: Option<u32>| root.is_none_or(|root| may_hold_for(self.table, root, &held));
        self.asking().filter(move |(_, (_, root, _))| open(*root))
    }

    /// A role that nothing serves on any route that is taken.
    fn role_without_model(&self, role: &Held<'w>, taken: &dyn Fn(Option<u32>) -> bool) -> Option<Diagnostic> {
        let mut guards = self.always(Some(role.guard));
        guards.push(role);
        let open = self.open(&guards);
        if open.is_empty() {
            return Some(self.nowhere(role, &guards));
        }
        let mut last = None;
        for (number, placed) in self.open_to(role.guard) {
            if taken(number) && !self.is_refused(placed.0, &open) {
                return None;
            }
            last = Some(placed.0);
        }
        let why = self.refusal(last?, &guards).map_or_else(
            || "what would serve it stands in routes that are never taken".to_owned(),
            |denial| denial.why,
        );
        let message = format!("{} reaches no model: no route offers one that it may use", who(role.guard));
        let usable = self.usable(&open).map_or_else(String::new, |models| format!("; it may use {models}"));
        let help = format!("give a route a model for it, or widen its rights: {why}{usable}");
        Some(Diagnostic::error("role-without-model", role.guard.span, message).help(help))
    }

    fn of_role(&self, role: &Held<'w>, dead: &BTreeSet<Option<u32>>, found: &mut Vec<Diagnostic>) {
        let always = self.always(None);
        let mut guards = self.always(Some(role.guard));
        guards.push(role);
        let (all, open) = (self.open(&always), self.open(&guards));
        for (number, placed) in self.open_to(role.guard) {
            let told = found.len() >= limits::MAX_DIAGNOSTICS || dead.contains(&number);
            // A rule for all that refuses the route was told as such.
            if told || !self.is_refused(placed.0, &open) || self.is_refused(placed.0, &all) {
                continue;
            }
            let example = format!("for example a request of {} that takes this route", who(role.guard));
            found.extend(self.route_refuses(role, placed, example, &guards));
        }
    }

    /// Whether a route serves nobody within these cells.
    fn is_refused(&self, route: &Route, open: &Bits) -> bool {
        let models = 2 + route.effects.models.len() as u64;
        self.spend(models * open.words()) && !self.index.of(route).meets(open)
    }

    /// Why a route serves nobody under these guards, or at all.
    fn refusal(&self, route: &Route, guards: &[&Held<'_>]) -> Option<Denial> {
        let among = self.index.of(route);
        if among.meets(&self.open(guards)) {
            return None;
        }
        self.why(&among, guards).or_else(|| unserved(route, &self.cells))
    }

    fn route_refuses(
        &self,
        of: &Held<'w>,
        (route, _, at): Placed<'_>,
        example: String,
        guards: &[&Held<'_>],
    ) -> Option<Diagnostic> {
        let denial = self.refusal(route, guards)?;
        let message = format!("`{}` refuses what {} binds: {}", route.name, who(of.guard), denial.why);
        let usable = self.usable(&self.open(guards)).unwrap_or_default();
        let help = match (denial.topic, &route.effects.pool) {
            (Topic::Model | Topic::Cost, _) => {
                format!("add a model that may be used here ({usable}), or widen the rights")
            }
            (_, Some(pool)) => format!(
                "leave out `pool \"{pool}\"`, or send such requests to another route; {usable} may be used"
            ),
            (_, None) => format!("add a model that is served where it may go ({usable})"),
        };
        Some(Diagnostic::warning("route-refuses", of.guard.span, message).label(at, example).help(help))
    }

    /// Models with a place among these, in words.
    fn usable(&self, open: &Bits) -> Option<String> {
        let cells = self.cells.iter().enumerate().filter(|(at, _)| open.has(*at));
        let shown: BTreeSet<(&str, &str)> =
            cells.map(|(_, cell)| (cell.model, cell.place.pool.as_str())).collect();
        let some: Vec<String> =
            shown.into_iter().take(3).map(|(model, pool)| format!("{model} in pool {pool}")).collect();
        (!some.is_empty()).then(|| some.join(", "))
    }

    fn nowhere(&self, of: &Held<'w>, guards: &[&Held<'_>]) -> Diagnostic {
        let denial = self.why(&Bits::all(&self.cells), guards);
        let topic = denial.as_ref().map_or(Topic::Model, |denial| denial.topic);
        let why = denial.map_or_else(|| "the gateway has no instance".to_owned(), |denial| denial.why);
        let message = match of.guard.kind {
            GuardKind::Role | GuardKind::Others => format!("{} reaches no model: {why}", who(of.guard)),
            _ => format!("no instance satisfies {}: {why}", who(of.guard)),
        };
        let others = guards.iter().filter(|held| held.guard.root.is_some() && held.guard != of.guard);
        let told = Diagnostic::error("no-place", of.guard.span, message).help(repair(topic));
        others.fold(told, |told, held| told.label(held.guard.span, "binds every request of it"))
    }
}

/// What is to be done where nothing satisfies a bound.
const fn repair(topic: Topic) -> &'static str {
    match topic {
        Topic::Region => {
            "declare `region:` of a pool, provider or instance in the configuration, or add its region here"
        }
        Topic::Premise => "declare `on_premise: true` of a pool, provider or instance in the configuration",
        Topic::Energy => {
            "declare `tokens_per_joule:` of a pool or instance in the configuration, or lower the floor"
        }
        Topic::Cost => {
            "declare `price:` of the models in the configuration, or raise the ceiling: one token costs more"
        }
        _ => "name what the gateway has: `tollgate config check` lists models and pools",
    }
}

/// A guard in a sentence.
fn who(guard: &Guard) -> String {
    match guard.kind {
        GuardKind::Role => format!("role {:?}", guard.name),
        GuardKind::Others => "a caller without a declared role".to_owned(),
        GuardKind::Data => format!("data `{}`", guard.name),
        GuardKind::Rule => format!("rule `{}`", guard.name),
    }
}
