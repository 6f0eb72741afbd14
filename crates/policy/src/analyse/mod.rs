//! What a policy says of itself: routes that can never be chosen, that contradict each other, or that say things twice.
//!
//! The crisp part is proven: by a SAT solver over the tests of the routes, with what the catalogue promises of each
//! signal. A finding that needs an example carries one, which the policy's own decision confirms before it is shown;
//! what could not be settled within the bounds is counted and never reported as a fault. Signals are taken not to
//! fail.
//!
//! ```
//! use tollgate_policy::{FindingKind, Known, Policy, analyse};
//!
//! let text = r#"
//! route long tier 1 { when tokens > 4_000  models { "large" } }
//! route longer tier 2 { when tokens > 8_000  models { "huge" } }
//! default { models { "small" } }
//! "#;
//! let policy = Policy::load("p.tollgate", text, &Known::any()).unwrap();
//! let found = analyse(&policy);
//! assert_eq!(found.findings[0].kind, FindingKind::Shadowed);
//! assert_eq!(found.findings[0].rules, ["longer", "long"]);
//! ```

mod caps;
mod crisp;
mod domain;
mod finding;
mod plausible;
mod question;
mod relations;
mod traffic;
mod vectors;
mod witness;

pub use caps::{Caps, Example, Exemplars, Meeting, NoVectors};
pub use finding::{Finding, FindingKind, Findings, Part, Witness};
pub use plausible::implausible;
pub use traffic::{Interval, Together, Traffic};
pub use vectors::{Vectors, VectorsError};

use crate::check::Known;
use crate::decide::Verdict;
use crate::decide::run::{Run, Tri};
use crate::limits::MAX_ANALYSIS_STEPS as MAX_STEPS;
use crate::policy::{Compiled, Policy, compile};
use crate::table::Table;
use crate::text::diagnostic::Report;
use domain::Domain;
use relations::{Relation, relations};
use std::cell::Cell;
use std::collections::BTreeMap;
use tollgate_core::signal::Signal;
use witness::{Given, Ranges};

/// How many reads of a signal's range, of parts of a score or the like are one step.
const READS: u64 = 8;

/// Finds what is wrong with a policy that compiles.
#[must_use]
pub fn analyse(policy: &Policy) -> Findings {
    analyse_with(policy, &NoVectors)
}

/// The same, with the vectors of those signals that compare texts by cosine: signals whose caps do not meet exclude each
/// other, and routes that ask for caps that do are told where.
#[must_use]
pub fn analyse_with(policy: &Policy, exemplars: &dyn Exemplars) -> Findings {
    analyse_in(&mut World::new(policy), exemplars)
}

fn analyse_in(world: &mut World<'_>, exemplars: &dyn Exemplars) -> Findings {
    let geometry = caps::geometry(world.policy, exemplars);
    let unsettled = geometry.unsettled;
    world.learn(geometry);
    let mut findings = crisp::analyse(world);
    findings.unsettled += unsettled;
    findings.steps = world.taken();
    findings.sort();
    findings
}

/// The parts of all scores and groups together.
fn parts(table: &Table) -> u64 {
    let scores = table.scores.iter().map(|score| score.of.parts().len());
    let groups = table.groups.iter().map(|group| group.members.len());
    scores.chain(groups).map(|parts| parts as u64).sum()
}

/// Compiles `text` and, when that succeeds, adds what the analysis finds, governance before the known fleet included,
/// to the report.
#[must_use]
pub fn review(text: &str, known: &Known) -> Compiled {
    review_while(text, known, &|| true)
}

/// The same for as long as `go_on` says so, which is asked every few milliseconds: what is not settled by then is not
/// told.
#[must_use]
pub fn review_while(text: &str, known: &Known, go_on: &dyn Fn() -> bool) -> Compiled {
    let mut compiled = compile(text, known);
    if let Some(policy) = &compiled.policy {
        let mut world = World { go_on, ..World::new(policy) };
        governed_in(&mut world, &NoVectors, known, &mut compiled.report).tell(&mut compiled.report);
    }
    compiled
}

/// The findings of a policy that compiles; what the known fleet or governance before it refuses (`route-refuses`,
/// `no-place-together`, `no-others`) is added to the report. Both share one bound: governance has the steps that the routes
/// leave over.
pub fn analyse_governed(
    policy: &Policy,
    exemplars: &dyn Exemplars,
    known: &Known,
    report: &mut Report,
) -> Findings {
    governed_in(&mut World::new(policy), exemplars, known, report)
}

fn governed_in(
    world: &mut World<'_>,
    exemplars: &dyn Exemplars,
    known: &Known,
    report: &mut Report,
) -> Findings {
    let findings = analyse_in(world, exemplars);
    govern_in(world, known, report);
    findings
}

fn govern_in(world: &World<'_>, known: &Known, report: &mut Report) {
    if let Some(found) =
        world.policy.governance().and_then(|governance| crate::govern::without_others(governance))
    {
        report.push(found);
        report.sort();
    }
    if known.fleet.is_some() {
        crisp::governed::tell(world, known, report);
    }
}

/// What is fixed while a policy is analysed.
struct World<'p> {
    policy: &'p Policy,
    table: &'p Table,
    /// What each signal can say.
    domains: Vec<Domain>,
    /// What signals say of each other, by signal.
    relations: BTreeMap<u32, Vec<Relation>>,
    /// Caps that meet, by their signals.
    meetings: BTreeMap<(u32, u32), Meeting>,
    /// Steps that were taken.
    steps: Cell<u64>,
    /// Steps after which the work is over, that of one part of it for the while.
    most: Cell<u64>,
    /// Reads of ranges; [`READS`] of them are a step.
    reads: Cell<u64>,
    /// What one evaluation of every score and group reads.
    parts: u64,
    /// Whether anybody still wants to know.
    go_on: &'p dyn Fn() -> bool,
}

impl<'p> World<'p> {
    fn new(policy: &'p Policy) -> Self {
        let domains = policy.specs().iter().map(Domain::of).collect();
        Self {
            policy,
            table: policy.table(),
            domains,
            relations: relations(policy.specs()),
            meetings: BTreeMap::new(),
            steps: Cell::new(0),
            most: Cell::new(MAX_STEPS),
            reads: Cell::new(0),
            parts: parts(policy.table()),
            go_on: &|| true,
        }
    }

    fn learn(&mut self, geometry: caps::Geometry) {
        self.meetings.extend(geometry.meetings);
        for relation in geometry.apart {
            let (a, b) = relation.ends();
            self.relations.entry(a).or_default().push(relation);
            self.relations.entry(b).or_default().push(relation);
        }
    }

    /// Counts steps of work.
    fn spend(&self, steps: u64) {
        self.steps.set(self.steps.get().saturating_add(steps));
    }

    /// Counts reads of ranges.
    fn touch(&self, reads: u64) {
        self.reads.set(self.reads.get().saturating_add(reads));
    }

    /// Counts one evaluation of all rules.
    fn evaluated(&self) {
        self.spend(1 + (self.table.rules.len() as u64 + self.parts) / crisp::RULES);
    }

    fn taken(&self) -> u64 {
        self.steps.get().saturating_add(self.reads.get() / READS)
    }

    /// Whether the work that all questions may take together is done, or nobody wants to know any more.
    fn is_spent(&self) -> bool {
        self.taken() > self.most.get() || !(self.go_on)()
    }

    /// Steps that may still be taken.
    fn left(&self) -> u64 {
        self.most.get().saturating_sub(self.taken())
    }

    /// Does a part of the work in at most so many steps; whether they were enough.
    fn within(&self, steps: u64, work: impl FnOnce()) -> bool {
        let most = self.most.get();
        self.most.set(most.min(self.taken().saturating_add(steps)));
        work();
        let enough = !self.is_spent();
        self.most.set(most);
        enough
    }

    fn domain(&self, signal: u32) -> Domain {
        self.domains.get(signal as usize).copied().unwrap_or(Domain::Set)
    }

    /// Every signal may say anything.
    fn anything(&self) -> Ranges<'_> {
        Ranges::new(self, BTreeMap::new(), BTreeMap::new())
    }

    /// The rule that comes first under these signals, with all of them read; absent for the default. The lazy decision
    /// is the same, and is what confirms an example that is shown.
    fn winner(&self, signals: &[Signal]) -> Option<u32> {
        self.evaluated();
        let mut source = Given(signals);
        let mut run = Run::reading_all(self.table, &mut source);
        self.table.ranks.iter().find_map(|rank| {
            let mut best: Option<(u32, f64)> = None;
            for rule in rank.rules.clone() {
                let tri = self.table.rules.get(rule as usize).map_or(Tri::NO, |rule| run.node(rule.root));
                if tri.verdict == Verdict::True && best.is_none_or(|(_, held)| tri.low > held) {
                    best = Some((rule, tri.low));
                }
            }
            best.map(|(rule, _)| rule)
        })
    }
}

#[cfg(test)]
#[path = "../../tests/common/hard.rs"]
mod hard;

#[cfg(test)]
mod tests {
    use super::hard::{DEFAULT, pigeons};
    use super::*;
    use std::fmt::Write as _;

    fn load(text: &str) -> Policy {
        Policy::load("p.tollgate", text, &Known::any()).unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// Fifteen routes over three bands of one score of thirty terms, two members of a group among them.
    fn heavy() -> Policy {
        let mut text = String::new();
        for at in 0..30 {
            let _ = writeln!(text, "signal s{at} = similar to [\"w{at} x{at}\"] threshold 0.5");
        }
        let terms: Vec<String> = (0..30).map(|at| format!("0.0{} * s{at}", 1 + at % 5)).collect();
        let _ = writeln!(text, "score effort = {}", terms.join(" + "));
        text += "band low = effort < 0.2\nband middle = effort >= 0.2 and < 0.5\nband high = effort >= 0.5\n";
        for at in 0..15 {
            let band = ["low", "middle", "high"][at % 3];
            let _ = writeln!(
                text,
                "route r{at} priority {} {{ when {band} and (s{} or s{}) models {{ \"m{at}\" }} }}",
                15 - at,
                2 * at,
                (7 * at + 3) % 30
            );
        }
        text += "default { models { \"d\" } }";
        load(&text)
    }

    /// Claims over a long score are settled in a small part of what an analysis may take, and each read is counted.
    #[test]
    fn a_long_score_is_settled_within_a_tenth_of_the_bound() {
        let policy = heavy();
        let mut world = World::new(&policy);
        let found = analyse_in(&mut world, &NoVectors);
        assert_eq!(found.unsettled, 0, "{:?}", found.findings);
        assert!(world.taken() < MAX_STEPS / 10, "{} steps", world.taken());
    }

    /// Once the steps are gone nothing is asked any more: every route is left open, and next to no further work is done.
    #[test]
    fn a_spent_bound_is_soon_over() {
        let policy = heavy();
        let mut world = World::new(&policy);
        world.spend(MAX_STEPS);
        let found = analyse_in(&mut world, &NoVectors);
        assert!(found.unsettled >= 15 && found.findings.is_empty(), "{found:?}");
        assert!(world.taken() < MAX_STEPS + MAX_STEPS / 100, "{} steps", world.taken());
    }

    /// Many hard routes take no more than the bound on all questions together, and each is told to be open.
    #[test]
    fn many_hard_questions_end() {
        let hard = pigeons(9);
        let (head, route) = hard.split_once("route r ").unwrap_or_default();
        let route = route.replace(DEFAULT, "");
        let routes: String = (0..100).map(|at| format!("route r{at} priority {at} {route}")).collect();
        let policy = load(&format!("{head}{routes}{DEFAULT}"));
        let mut world = World::new(&policy);
        let left = MAX_STEPS / 20;
        world.spend(MAX_STEPS - left);
        let found = analyse_in(&mut world, &NoVectors);
        assert!(found.open_routes.len() > 90 && found.unsettled >= found.open_routes.len(), "{found:?}");
        assert!(world.taken() > MAX_STEPS && world.taken() < MAX_STEPS + left, "{} steps", world.taken());
    }

    /// A route whose parts are hard to weigh leaves the questions of all others their steps.
    #[test]
    fn what_changes_nothing_is_asked_last() {
        let policy = heavy();
        let mut world = World::new(&policy);
        // Half of what everything takes, and enough for what matters; without shares eight routes would be left open.
        world.most.set(5_000);
        let found = analyse_in(&mut world, &NoVectors);
        assert_eq!((found.unsettled, found.open_routes.len()), (0, 0), "{found:?}");
    }
}
