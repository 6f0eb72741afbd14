//! Guards against the declared fleet: who reaches no model, what no place satisfies, which routes refuse.
//!
//! Exact, finite reasoning: guards × routes × models × kinds of places. Costs are those of the smallest request, so
//! that what is reported here fails for every request. [`errors`] needs no more than that; [`warnings`] asks whether a
//! request that a guard binds ever takes a route, which whoever can prove it answers as [`Meetings`]. Each finding
//! names the guards, their places in the text, an example and a repair.

use super::admit::{admits, names};
use super::overlap::may_hold_for;
use super::{Ask, Denial, Fleet, Governance, Guard, GuardKind, Place, Topic};
use crate::effects::Route;
use crate::limits;
use crate::table::Table;
use crate::text::diagnostic::Diagnostic;
use crate::text::span::Span;
use std::collections::BTreeSet;

/// A model at one kind of place.
struct Cell<'f> {
    model: &'f str,
    cost_micro: Option<u64>,
    place: &'f Place,
}

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
}

/// What can never be satisfied: a policy with such guards is refused.
pub(crate) fn errors(
    governance: &Governance,
    table: &Table,
    routes: &[Placed<'_>],
    fleet: &Fleet,
) -> Vec<Diagnostic> {
    let world = World { table, routes, cells: cells(fleet) };
    if world.cells.len() > limits::MAX_CELLS {
        let at = governance.guards().next().map_or_else(Span::default, |guard| guard.span);
        let message = format!(
            "the fleet has {} combinations of model and place; governance is checked up to {}",
            world.cells.len(),
            limits::MAX_CELLS
        );
        return vec![
            Diagnostic::warning("unchecked", at, message).help("requests are governed all the same"),
        ];
    }
    let nowhere = |rule: &&Guard| !world.satisfied(&[*rule]);
    let found: Vec<_> =
        governance.rules.iter().filter(nowhere).map(|rule| world.nowhere(rule, &[rule])).collect();
    if !found.is_empty() {
        // What follows would say the same of every role.
        return found;
    }
    let always = always(governance);
    let roles = governance.roles.iter().chain(&governance.others);
    // A role of the gateway's own models alone needs no place.
    let own = |role: &&Guard| {
        fleet.own.iter().any(|model| names(role, model)) && !world.cells.iter().any(|c| names(role, c.model))
    };
    roles.filter(|role| !own(role)).filter_map(|role| world.role_without_model(role, &always)).collect()
}

/// What is refused on some routes, or where several guards bind.
pub(crate) fn warnings(
    governance: &Governance,
    table: &Table,
    routes: &[Placed<'_>],
    fleet: &Fleet,
    meetings: &mut dyn Meetings,
) -> Vec<Diagnostic> {
    let world = World { table, routes, cells: cells(fleet) };
    if world.cells.len() > limits::MAX_CELLS {
        return Vec::new();
    }
    let mut found = Vec::new();
    let always = always(governance);
    governance.rules.iter().for_each(|rule| world.of_rule(rule, meetings, &mut found));
    let roles = governance.roles.iter().chain(&governance.others);
    roles.for_each(|role| world.of_role(role, &always, meetings, &mut found));
    world.together(governance, meetings, &mut found);
    found
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

/// Rules that bind every request.
fn always(governance: &Governance) -> Vec<&Guard> {
    governance.rules.iter().filter(|rule| rule.root.is_none()).collect()
}

/// Models at kinds of places: instances of which the same is declared count once.
fn cells(fleet: &Fleet) -> Vec<Cell<'_>> {
    let mut kinds = BTreeSet::new();
    let places = fleet.places.iter().filter(|place| {
        let joule = place.tokens_per_joule.map(f64::to_bits);
        kinds.insert((&place.pool, &place.provider, &place.region, place.on_premise, joule, &place.models))
    });
    places
        .flat_map(|place| {
            place.models.iter().map(move |model| Cell {
                model,
                cost_micro: fleet.price(model).map(|price| price.cost_micro(1, 1)),
                place,
            })
        })
        .collect()
}

impl Cell<'_> {
    fn admitted(&self, guards: &[&Guard]) -> Result<(), Denial> {
        let ask = Ask { model: self.model, cost_micro: self.cost_micro, unbounded: None };
        // What may go masked is refused nowhere for certain.
        let held = guards.iter().filter(|guard| guard.rights.mask.is_empty());
        held.into_iter().try_for_each(|guard| admits(guard, &ask, self.place))
    }
}

impl<'w> World<'w> {
    /// The cells that a route may use.
    fn of_route(&self, route: &'w Route) -> impl Iterator<Item = &Cell<'w>> {
        let pool = route.effects.pool.as_deref();
        self.cells.iter().filter(move |cell| {
            let listed = route.effects.models.iter().any(|candidate| candidate.model == cell.model);
            listed && pool.is_none_or(|pool| pool == cell.place.pool)
        })
    }

    /// Routes that ask models, each with its number in the table.
    fn asking(&self) -> impl Iterator<Item = (Option<u32>, Placed<'w>)> {
        let number = |at: usize| u32::try_from(at).ok();
        let all = self.routes.iter().copied().enumerate();
        let asks = all.filter(|(_, (route, ..))| !route.effects.models.is_empty());
        asks.map(move |(at, placed)| (placed.1.and_then(|_| number(at)), placed))
    }

    /// Whether any cell satisfies all of these guards.
    fn satisfied(&self, guards: &[&Guard]) -> bool {
        self.cells.iter().any(|cell| cell.admitted(guards).is_ok())
    }

    /// The denial that is most worth telling: the one that comes last in the order of what is asked.
    fn why<'c>(&self, cells: impl Iterator<Item = &'c Cell<'w>>, guards: &[&Guard]) -> Option<Denial>
    where
        'w: 'c,
    {
        cells.filter_map(|cell| cell.admitted(guards).err()).max_by_key(|denial| denial.topic)
    }

    fn of_rule(&self, rule: &Guard, meetings: &mut dyn Meetings, found: &mut Vec<Diagnostic>) {
        for (number, placed) in self.asking() {
            let Some(denial) = self.refused(placed.0, &[rule]) else { continue };
            let example = match meetings.taken(number, rule.root) {
                Meeting::Never => continue,
                Meeting::Example(example) => format!("for example {example}"),
                Meeting::Perhaps => "perhaps a request that takes this route".to_owned(),
            };
            found.push(self.route_refuses(rule, placed, &denial, example, &[rule]));
        }
    }

    /// The routes that a caller with this role alone may take.
    fn open_to<'s>(&'s self, role: &'s Guard) -> impl Iterator<Item = (Option<u32>, Placed<'w>)> + 's {
        let open = move |root: Option<u32>| {
            let held: &[&str] = if role.kind == GuardKind::Others { &[] } else { &[role.name.as_str()] };
            root.is_none_or(|root| may_hold_for(self.table, root, held))
        };
        self.asking().filter(move |(_, (_, root, _))| open(*root))
    }

    fn role_without_model(&self, role: &'w Guard, always: &[&'w Guard]) -> Option<Diagnostic> {
        let guards: Vec<&Guard> = always.iter().copied().chain([role]).collect();
        if !self.satisfied(&guards) {
            return Some(self.nowhere(role, &guards));
        }
        let mut why = None;
        for (_, (route, ..)) in self.open_to(role) {
            why = Some(self.refused(route, &guards)?.why);
        }
        let message = format!("{} reaches no model: no route offers one that it may use", who(role));
        let usable = self.usable(&guards).map_or_else(String::new, |models| format!("; it may use {models}"));
        let help = format!("give a route a model for it, or widen its rights: {}{usable}", why?);
        Some(Diagnostic::error("role-without-model", role.span, message).help(help))
    }

    fn of_role(
        &self,
        role: &'w Guard,
        always: &[&'w Guard],
        meetings: &mut dyn Meetings,
        found: &mut Vec<Diagnostic>,
    ) {
        let guards: Vec<&Guard> = always.iter().copied().chain([role]).collect();
        for (number, placed) in self.open_to(role) {
            let Some(denial) = self.refused(placed.0, &guards) else { continue };
            // A rule for all that refuses the route was told as such.
            if self.refused(placed.0, always).is_some()
                || matches!(meetings.taken(number, None), Meeting::Never)
            {
                continue;
            }
            let example = format!("for example a request of {} that takes this route", who(role));
            found.push(self.route_refuses(role, placed, &denial, example, &guards));
        }
    }

    /// Why a route serves nobody under these guards, or at all; absent when it does.
    fn refused(&self, route: &'w Route, guards: &[&Guard]) -> Option<Denial> {
        if self.of_route(route).any(|cell| cell.admitted(guards).is_ok()) {
            return None;
        }
        self.why(self.of_route(route), guards).or_else(|| unserved(route, &self.cells))
    }

    fn route_refuses(
        &self,
        guard: &Guard,
        (route, _, at): Placed<'_>,
        denial: &Denial,
        example: String,
        guards: &[&Guard],
    ) -> Diagnostic {
        let message = format!("`{}` refuses what {} binds: {}", route.name, who(guard), denial.why);
        let usable = self.usable(guards).unwrap_or_default();
        let help = match (denial.topic, &route.effects.pool) {
            (Topic::Model | Topic::Cost, _) => {
                format!("add a model that may be used here ({usable}), or widen the rights")
            }
            (_, Some(pool)) => format!(
                "leave out `pool \"{pool}\"`, or send such requests to another route; {usable} may be used"
            ),
            (_, None) => format!("add a model that is served where it may go ({usable})"),
        };
        Diagnostic::warning("route-refuses", guard.span, message).label(at, example).help(help)
    }

    /// Models with a place that satisfies the guards, in words.
    fn usable(&self, guards: &[&Guard]) -> Option<String> {
        let cells = self.cells.iter().filter(|cell| cell.admitted(guards).is_ok());
        let shown: BTreeSet<String> =
            cells.map(|cell| format!("{} in pool {}", cell.model, cell.place.pool)).collect();
        let some: Vec<String> = shown.into_iter().take(3).collect();
        (!some.is_empty()).then(|| some.join(", "))
    }

    fn nowhere(&self, guard: &Guard, guards: &[&Guard]) -> Diagnostic {
        let denial = self.why(self.cells.iter(), guards);
        let topic = denial.as_ref().map_or(Topic::Model, |denial| denial.topic);
        let why = denial.map_or_else(|| "the gateway has no instance".to_owned(), |denial| denial.why);
        let message = match guard.kind {
            GuardKind::Role | GuardKind::Others => format!("{} reaches no model: {why}", who(guard)),
            _ => format!("no instance satisfies {}: {why}", who(guard)),
        };
        let help = match topic {
            Topic::Region => {
                "declare `region:` of a pool, provider or instance in the configuration, or add its region here"
            }
            Topic::Premise => {
                "declare `on_premise: true` of a pool, provider or instance in the configuration"
            }
            Topic::Energy => {
                "declare `tokens_per_joule:` of a pool or instance in the configuration, or lower the floor"
            }
            Topic::Cost => {
                "declare `price:` of the models in the configuration, or raise the ceiling: one token costs more"
            }
            _ => "name what the gateway has: `tollgate config check` lists models and pools",
        };
        Diagnostic::error("no-place", guard.span, message).help(help)
    }

    /// The fewest guards that leave no place together, although each of them does alone.
    fn together(&self, governance: &'w Governance, meetings: &mut dyn Meetings, found: &mut Vec<Diagnostic>) {
        let rules: Vec<&Guard> = governance.rules.iter().collect();
        let cores = match self.core(&rules, None) {
            Some(core) => vec![core],
            None => {
                let roles = governance.roles.iter().chain(&governance.others);
                roles.filter_map(|role| self.core(&rules, Some(role))).collect()
            }
        };
        for core in cores {
            let Some((first, others)) = core.split_first().filter(|(_, others)| !others.is_empty()) else {
                continue;
            };
            let roots: Vec<u32> = core.iter().filter_map(|guard| guard.root).collect();
            let example = match meetings.together(&roots) {
                Meeting::Never => continue,
                Meeting::Example(example) if !roots.is_empty() => format!(", for example {example}"),
                Meeting::Example(_) | Meeting::Perhaps => String::new(),
            };
            let names: Vec<String> = core.iter().map(|guard| who(guard)).collect();
            let message = format!("{} together leave no instance", names.join(" and "));
            let mut diagnostic = Diagnostic::warning("no-place-together", first.span, message);
            for guard in others {
                diagnostic = diagnostic.label(guard.span, "binds with it");
            }
            let why = self.why(self.cells.iter(), &core).map(|denial| denial.why).unwrap_or_default();
            let help =
                format!("a request that all of them bind is refused{example}: {why}; widen one of them");
            found.push(diagnostic.help(help));
        }
    }

    /// A smallest unsatisfiable part of `rules`, with `role` in it, by leaving out one after the other.
    fn core(&self, rules: &[&'w Guard], role: Option<&'w Guard>) -> Option<Vec<&'w Guard>> {
        let mut core: Vec<&Guard> = role.into_iter().chain(rules.iter().copied()).collect();
        if self.satisfied(&core) {
            return None;
        }
        let mut at = 0;
        while at < core.len() {
            let guard = core.remove(at);
            if self.satisfied(&core) {
                core.insert(at, guard);
                at += 1;
            }
        }
        Some(core)
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
