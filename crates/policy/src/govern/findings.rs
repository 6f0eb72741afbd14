//! Guards against the declared fleet: who reaches no model, what no place satisfies, which routes refuse.
//!
//! Exact, finite reasoning: guards × routes × models × kinds of places. Costs are those of the smallest request, so
//! that what is reported here fails for every request. Conditions are compared by [`super::overlap`], which says "never
//! together" only where that is certain. Each finding names the guards, their places in the text, an example and a
//! repair.

use super::clearance::admits;
use super::overlap::{may_hold_for, may_meet};
use super::{Ask, Denial, Fleet, Governance, Guard, GuardKind, Place, Topic};
use crate::effects::Route;
use crate::limits;
use crate::table::Table;
use crate::text::diagnostic::Diagnostic;
use crate::text::span::Span;
use std::collections::{BTreeSet, HashMap};

/// A model at one kind of place.
struct Cell<'f> {
    model: &'f str,
    cost_micro: u64,
    place: &'f Place,
}

/// Everything that findings are drawn from.
struct World<'w> {
    table: &'w Table,
    routes: &'w [(&'w Route, Option<u32>)],
    cells: Vec<Cell<'w>>,
    spans: &'w HashMap<&'w str, Span>,
}

/// What is wrong with these guards in front of this fleet.
pub(crate) fn findings(
    governance: &Governance,
    table: &Table,
    routes: &[(&Route, Option<u32>)],
    fleet: &Fleet,
    spans: &HashMap<&str, Span>,
) -> Vec<Diagnostic> {
    let cells = cells(fleet);
    if cells.len() > limits::MAX_CELLS {
        let at = governance.guards().next().map_or_else(Span::default, |guard| guard.span);
        let message = format!(
            "the fleet has {} combinations of model and place; governance is checked up to {}",
            cells.len(),
            limits::MAX_CELLS
        );
        return vec![
            Diagnostic::warning("unchecked", at, message).help("requests are governed all the same"),
        ];
    }
    let world = World { table, routes, cells, spans };
    let mut found = Vec::new();
    let always: Vec<&Guard> = governance.rules.iter().filter(|rule| rule.root.is_none()).collect();
    for rule in &governance.rules {
        world.of_rule(rule, &mut found);
    }
    if found.iter().any(is_error) {
        // What follows would say the same of every role.
        return found;
    }
    for role in governance.roles.iter().chain(&governance.others) {
        world.of_role(role, &always, &mut found);
    }
    if !found.iter().any(is_error) {
        world.together(governance, &mut found);
    }
    found
}

fn is_error(found: &Diagnostic) -> bool {
    found.severity == crate::Severity::Error
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
                cost_micro: fleet.price(model).cost_micro(1, 1),
                place,
            })
        })
        .collect()
}

impl Cell<'_> {
    fn admitted(&self, guards: &[&Guard]) -> Result<(), Denial> {
        let ask = Ask { model: self.model, cost_micro: self.cost_micro };
        guards.iter().try_for_each(|guard| admits(guard, &ask, self.place))
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

    /// Routes that ask models.
    fn asking(&self) -> impl Iterator<Item = (&'w Route, Option<u32>)> {
        self.routes.iter().copied().filter(|(route, _)| !route.effects.models.is_empty())
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

    fn of_rule(&self, rule: &Guard, found: &mut Vec<Diagnostic>) {
        let guards = [rule];
        if !self.satisfied(&guards) {
            found.push(self.nowhere(rule, &guards));
            return;
        }
        for (route, root) in self.asking() {
            let meet = match (root, rule.root) {
                (Some(route), Some(rule)) => may_meet(self.table, route, rule),
                _ => true,
            };
            if meet && let Some(denial) = self.refused(route, &guards) {
                let example = match rule.kind {
                    GuardKind::Data => {
                        format!("for example a request with `{}` data that takes this route", rule.name)
                    }
                    _ if rule.root.is_some() => {
                        format!("for example a request that `{}` binds and that takes this route", rule.name)
                    }
                    _ => "for example any request that takes this route".to_owned(),
                };
                found.push(self.route_refuses(rule, route, &denial, example, &guards));
            }
        }
    }

    fn of_role(&self, role: &'w Guard, always: &[&'w Guard], found: &mut Vec<Diagnostic>) {
        let guards: Vec<&Guard> = always.iter().copied().chain([role]).collect();
        if !self.satisfied(&guards) {
            found.push(self.nowhere(role, &guards));
            return;
        }
        let held: &[&str] = if role.kind == GuardKind::Others { &[] } else { &[role.name.as_str()] };
        let open = |root: Option<u32>| root.is_none_or(|root| may_hold_for(self.table, root, held));
        let taken: Vec<&Route> =
            self.asking().filter(|(_, root)| open(*root)).map(|(route, _)| route).collect();
        let refused: Vec<(&Route, Denial)> =
            taken.iter().filter_map(|route| Some((*route, self.refused(route, &guards)?))).collect();
        if !taken.is_empty() && refused.len() == taken.len() {
            let message = format!("{} reaches no model: no route offers one that it may use", who(role));
            let why = refused.first().map(|(_, denial)| denial.why.clone()).unwrap_or_default();
            let help =
                self.usable(&guards).map_or_else(String::new, |models| format!("; it may use {models}"));
            let diagnostic = Diagnostic::error("role-without-model", role.span, message);
            found.push(
                diagnostic.help(format!("give a route a model for it, or widen its rights: {why}{help}")),
            );
            return;
        }
        for (route, denial) in refused {
            let example = format!("for example a request of {} that takes this route", who(role));
            found.push(self.route_refuses(role, route, &denial, example, &guards));
        }
    }

    /// Why a route serves nobody under these guards; absent when it does.
    fn refused(&self, route: &'w Route, guards: &[&Guard]) -> Option<Denial> {
        if self.of_route(route).any(|cell| cell.admitted(guards).is_ok()) {
            return None;
        }
        self.why(self.of_route(route), guards)
    }

    fn route_refuses(
        &self,
        guard: &Guard,
        route: &Route,
        denial: &Denial,
        example: String,
        guards: &[&Guard],
    ) -> Diagnostic {
        let at = self.spans.get(route.name.as_str()).copied().unwrap_or_default();
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
            Topic::Cost => "raise the ceiling: even a request of one token costs more",
            _ => "name what the gateway has: `tollgate config check` lists models and pools",
        };
        Diagnostic::error("no-place", guard.span, message).help(help)
    }

    /// The fewest guards that leave no place together, although each of them does alone.
    fn together(&self, governance: &'w Governance, found: &mut Vec<Diagnostic>) {
        let rules: Vec<&Guard> = governance.rules.iter().collect();
        let roles = governance.roles.iter().chain(&governance.others).map(Some);
        let alone = self.core(&rules, None);
        let cores = match alone {
            Some(core) => vec![core],
            None => roles.filter_map(|role| self.core(&rules, role)).collect(),
        };
        for core in cores {
            let Some((first, others)) = core.split_first() else { continue };
            let apart = |(at, a): (usize, &&Guard)| {
                let later = core.iter().skip(at + 1).filter_map(|b| b.root);
                a.root.is_some_and(|a| later.clone().any(|b| !may_meet(self.table, a, b)))
            };
            if others.is_empty() || core.iter().enumerate().any(apart) {
                continue;
            }
            let names: Vec<String> = core.iter().map(|guard| who(guard)).collect();
            let message = format!("{} together leave no instance", names.join(" and "));
            let mut diagnostic = Diagnostic::warning("no-place-together", first.span, message);
            for guard in others {
                diagnostic = diagnostic.label(guard.span, "binds with it");
            }
            let why = self.why(self.cells.iter(), &core).map(|denial| denial.why).unwrap_or_default();
            found.push(
                diagnostic
                    .help(format!("a request that all of them bind is refused: {why}; widen one of them")),
            );
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
