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

mod crisp;
mod domain;
mod finding;
mod question;
mod relations;
mod witness;

pub use finding::{Finding, FindingKind, Findings, Part, Witness};

use crate::check::Known;
use crate::policy::{Compiled, Policy, compile};
use crate::table::Table;
use domain::Domain;
use relations::{Relation, relations};
use std::collections::BTreeMap;
use tollgate_core::signal::Signal;
use witness::{Given, Ranges};

/// Finds what is wrong with a policy that compiles.
#[must_use]
pub fn analyse(policy: &Policy) -> Findings {
    let world = World::new(policy);
    let mut findings = crisp::analyse(&world);
    findings.sort();
    findings
}

/// Compiles `text` and, when that succeeds, adds what the analysis finds, governance before the known fleet included,
/// to the report.
#[must_use]
pub fn review(text: &str, known: &Known) -> Compiled {
    let mut compiled = compile(text, known);
    if let Some(policy) = &compiled.policy {
        analyse(policy).tell(&mut compiled.report);
        if policy.governance().is_some() && known.fleet.is_some() {
            crisp::governed::tell(&World::new(policy), known, &mut compiled.report);
        }
    }
    compiled
}

/// What is fixed while a policy is analysed.
struct World<'p> {
    policy: &'p Policy,
    table: &'p Table,
    /// What each signal can say.
    domains: Vec<Domain>,
    /// What signals say of each other, by signal.
    relations: BTreeMap<u32, Vec<Relation>>,
}

impl<'p> World<'p> {
    fn new(policy: &'p Policy) -> Self {
        let domains = policy.specs().iter().map(Domain::of).collect();
        Self { policy, table: policy.table(), domains, relations: relations(policy.specs()) }
    }

    fn domain(&self, signal: u32) -> Domain {
        self.domains.get(signal as usize).copied().unwrap_or(Domain::Set)
    }

    /// Every signal may say anything.
    fn anything(&self) -> Ranges<'_> {
        Ranges::new(self, BTreeMap::new(), BTreeMap::new())
    }

    /// The rule that the policy chooses under these signals; absent for the default.
    fn winner(&self, signals: &[Signal]) -> Option<u32> {
        let decision = self.policy.decide(&mut Given(signals), false);
        let name = decision.route_name();
        self.table.rules.iter().position(|rule| rule.route.name == name).and_then(|at| u32::try_from(at).ok())
    }
}
