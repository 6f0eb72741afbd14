//! Governance exactly: which refusals a request can really meet, each with an example.
//!
//! What no place satisfies is found without search when a policy is compiled. Whether a request that a guard binds
//! ever takes a route is asked here: with the guard's condition, the route's, and those of the routes that would win
//! instead, until the route is chosen or no such request is left.

use crate::analyse::World;
use crate::analyse::finding::Witness;
use crate::analyse::question::{Ask, Found, Question};
use crate::check::Known;
use crate::govern::{Meeting, Meetings, unserved_routes, warnings};
use crate::text::diagnostic::Report;

/// Most questions that are asked; what is left over may be.
const MAX_QUESTIONS: usize = 20_000;

/// Adds what governance leads to in front of the known fleet.
pub(in crate::analyse) fn tell(world: &World<'_>, known: &Known, report: &mut Report) {
    let Some(fleet) = &known.fleet else { return };
    let default = world.policy.default_route();
    let rules = world.table.rules.iter().map(|rule| (&*rule.route, Some(rule.root), rule.name));
    let routes: Vec<_> = rules.chain([(&**default, None, world.policy.default_name())]).collect();
    let Some(governance) = world.policy.governance() else {
        unserved_routes(&routes, fleet).into_iter().for_each(|found| report.push(found));
        report.sort();
        return;
    };
    let mut proofs = Proofs { world, asked: 0 };
    warnings(governance, world.table, &routes, fleet, &mut proofs)
        .into_iter()
        .for_each(|found| report.push(found));
    report.sort();
}

/// Answers by proof.
struct Proofs<'w> {
    world: &'w World<'w>,
    asked: usize,
}

impl Meetings for Proofs<'_> {
    fn taken(&mut self, route: Option<u32>, guard: Option<u32>) -> Meeting {
        let here = crate::Span::default();
        let mut asks: Vec<Ask> =
            guard.map(|node| Ask { node, holds: true, place: here }).into_iter().collect();
        asks.extend(route.map(|rule| self.world.ask(rule, true)));
        let mut question = Question::new(self.world);
        let mut proven = true;
        loop {
            self.asked += 1;
            if self.asked > MAX_QUESTIONS {
                return Meeting::Perhaps;
            }
            let signals = match question.ask(&asks) {
                Found::Witness(signals) => signals,
                Found::Never(_) if proven => return Meeting::Never,
                Found::Never(_) | Found::Unknown => return Meeting::Perhaps,
            };
            let winner = self.world.winner(&signals);
            if winner == route {
                let shown: Vec<u32> = route.into_iter().collect();
                return Meeting::Example(Witness::of(self.world, &signals, &shown).describe());
            }
            let Some(instead) = winner else { return Meeting::Perhaps };
            // A surer route of the same rank need not win: without it an example may be found, but nothing is proven.
            proven &= route.is_none_or(|rule| self.world.rank(instead) < self.world.rank(rule));
            let without = self.world.ask(instead, false);
            if asks.contains(&without) {
                return Meeting::Perhaps;
            }
            asks.push(without);
        }
    }

    fn together(&mut self, guards: &[u32]) -> Meeting {
        self.asked += 1;
        if self.asked > MAX_QUESTIONS {
            return Meeting::Perhaps;
        }
        let ask = |node: &u32| Ask { node: *node, holds: true, place: crate::Span::default() };
        match Question::new(self.world).ask(&guards.iter().map(ask).collect::<Vec<_>>()) {
            Found::Witness(signals) => Meeting::Example(Witness::of(self.world, &signals, &[]).describe()),
            Found::Never(_) => Meeting::Never,
            Found::Unknown => Meeting::Perhaps,
        }
    }
}
