//! A policy that was checked: what the gateway holds and asks.

use crate::cases::TestCase;
use crate::check::{Checked, Known, check};
use crate::decide::explain::trace;
use crate::decide::label::compared;
use crate::decide::rank::Standing;
use crate::decide::run::{Run, Tri};
use crate::decide::{Confidence, Decision, LabelReport, Outcome, Rejection, RouteReport, Verdict};
use crate::effects::Route;
use crate::govern::{Clearance, Governance};
use crate::syntax::parse;
use crate::table::Table;
use crate::{PolicyError, Report, Span};
use std::sync::Arc;
use tollgate_core::Digest;
use tollgate_core::signal::{SignalSource, SignalSpec};

/// A compiled policy; cheap to share behind an `Arc`, never changed.
#[derive(Clone, Debug)]
pub struct Policy {
    name: String,
    virtuals: Vec<String>,
    text: String,
    digest: Digest,
    table: Table,
    default: Arc<Route>,
    default_name: Span,
    tests: Vec<TestCase>,
    governance: Option<Arc<Governance>>,
    output: Vec<SignalSpec>,
}

/// What compiling a text gives: the policy unless there are errors, and everything that was found.
#[derive(Debug)]
pub struct Compiled {
    /// The policy, absent when the report has errors.
    pub policy: Option<Policy>,
    /// Errors and warnings.
    pub report: Report,
}

/// Compiles `text` against the models and pools that are known; linear in the text, never panics.
#[must_use]
pub fn compile(text: &str, known: &Known) -> Compiled {
    let mut report = Report::default();
    let parsed = parse(text, &mut report);
    let checked = check(text, &parsed.tree, known, &mut report);
    report.sort();
    let policy =
        checked.map(|Checked { name, virtuals, table, default, default_name, tests, governance, output }| {
            Policy {
                output,
                name,
                virtuals,
                text: text.to_owned(),
                digest: Digest::of(text.as_bytes()),
                table,
                default,
                default_name,
                tests,
                governance,
            }
        });
    Compiled { policy, report }
}

/// Everything wrong with `text`, for an editor.
#[must_use]
pub fn diagnose(text: &str, known: &Known) -> Report {
    compile(text, known).report
}

impl Policy {
    /// Compiles `text`, which came from `file`.
    ///
    /// # Errors
    /// [`PolicyError::Invalid`] with every error and its place.
    pub fn load(file: &str, text: &str, known: &Known) -> Result<Self, PolicyError> {
        let Compiled { policy, report } = compile(text, known);
        policy.ok_or_else(|| PolicyError::Invalid {
            file: file.to_owned(),
            count: report.errors(),
            rendered: report.render(file, text),
            report: Box::new(report),
        })
    }

    /// The name given by the `policy` line, or `policy`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names that callers may ask for instead of a model, as for `auto`: this policy chooses then.
    #[must_use]
    pub fn virtual_names(&self) -> &[String] {
        &self.virtuals
    }

    /// The text it was compiled from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Digest of the text.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The signals it may read, in the index order of its [`SignalSource`]: cheapest first.
    #[must_use]
    pub fn specs(&self) -> &[SignalSpec] {
        &self.table.specs
    }

    /// The signals that rules on answers ask, each once; they read the answer, whatever their scope.
    #[must_use]
    pub fn output_specs(&self) -> &[SignalSpec] {
        &self.output
    }

    /// Its routes in the order in which they are considered, without the default.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.table.rules.iter().map(|rule| &rule.route)
    }

    /// The default.
    #[must_use]
    pub const fn default_route(&self) -> &Arc<Route> {
        &self.default
    }

    /// Where the default's name stands.
    pub(crate) const fn default_name(&self) -> Span {
        self.default_name
    }

    /// The decision table, for the analysis.
    pub(crate) const fn table(&self) -> &Table {
        &self.table
    }

    /// Every model that a route or the default may take, by name.
    #[must_use]
    pub fn models(&self) -> Vec<String> {
        let routes = self.routes().chain([&self.default]);
        let all =
            routes.flat_map(|route| route.effects.models.iter().map(|candidate| candidate.model.clone()));
        all.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// The tests in its text.
    #[must_use]
    pub fn tests(&self) -> &[TestCase] {
        &self.tests
    }

    /// Its roles, classes of data and rules; absent when it has none.
    #[must_use]
    pub const fn governance(&self) -> Option<&Arc<Governance>> {
        self.governance.as_ref()
    }

    /// Whether a route or a class of data has personal data masked.
    #[must_use]
    pub fn masks(&self) -> bool {
        let mut guards = self.governance.iter().flat_map(|governance| governance.guards());
        self.routes().chain([&self.default]).any(|route| !route.effects.mask.is_empty())
            || guards.any(|guard| !guard.rights.mask.is_empty())
    }

    /// What a caller with `roles` may do with a request that `binding` (of its [`Decision`]) binds; absent where
    /// nothing is governed.
    #[must_use]
    pub fn clearance(&self, roles: &[String], binding: &[u32]) -> Option<Clearance> {
        self.governance.as_ref().map(|governance| Clearance::new(Arc::clone(governance), roles, binding))
    }

    /// Decides, reading from `source` only what can still change the outcome, cheapest first.
    ///
    /// With `trace` the decision carries its explanation; no further signal is read for it. `source` must answer the
    /// same each time it is asked for one index.
    pub fn decide(&self, source: &mut dyn SignalSource, trace: bool) -> Decision {
        let mut run = Run::new(&self.table, source);
        for rank in &self.table.ranks {
            match run.rank(rank) {
                Standing::Nobody => {}
                Standing::Won(rule, tri) => return self.won(run, rule, tri, trace),
                Standing::Blocked(rule) => return self.blocked(run, rule, trace),
            }
        }
        self.finish(run, Outcome::Default(Arc::clone(&self.default)), Tri::yes(1.0), None, trace)
    }

    /// Reads every signal and reports every route: what [`Policy::decide`] avoids. For tests and for the console's
    /// "show all" view.
    pub fn decide_reading_all(&self, source: &mut dyn SignalSource) -> Vec<RouteReport> {
        let mut run = Run::reading_all(&self.table, source);
        trace(&mut run, None, None).routes
    }

    /// What carries a label, with whether it holds and how surely, reading every signal that this needs.
    ///
    /// ```
    /// # use tollgate_core::signal::{Signal, SignalSource};
    /// # use tollgate_policy::{Known, Policy};
    /// # struct Tokens(Signal);
    /// # impl SignalSource for Tokens { fn read(&mut self, _: usize) -> &Signal { &self.0 } }
    /// let text = "flag long = tokens > 99 label \"context:long\"\ndefault { models { \"m\" } }";
    /// let policy = Policy::load("a", text, &Known::any()).unwrap();
    /// let found = policy.labelled(&mut Tokens(Signal::number(100.0)));
    /// assert_eq!((found[0].label.as_str(), found[0].holds, found[0].confidence), ("context:long", true, 1.0));
    /// ```
    pub fn labelled(&self, source: &mut dyn SignalSource) -> Vec<LabelReport> {
        let mut run = Run::new(&self.table, source);
        let report = |(label, node): &(Box<str>, u32)| {
            let reads = self.table.reads(*node);
            reads.iter().for_each(|signal| run.take(*signal));
            let tri = run.node(*node);
            LabelReport {
                label: label.to_string(),
                holds: tri.verdict == Verdict::True,
                confidence: tri.low,
                value: compared(&mut run, *node),
                signals: reads.into_iter().map(|signal| signal as usize).collect(),
            }
        };
        self.table.labelled.iter().map(report).collect()
    }

    /// The same for a decision, with what it says of content that was not read.
    #[must_use]
    pub fn cleared(&self, roles: &[String], decision: &Decision) -> Option<Clearance> {
        let clearance = self.clearance(roles, &decision.binding)?;
        Some(clearance.suspecting(decision.suspected.clone()))
    }

    /// Names of the guards that a decision says bind the request.
    #[must_use]
    pub fn binding_labels(&self, binding: &[u32]) -> Vec<String> {
        let rules =
            self.governance.as_ref().map(|governance| governance.rules.as_slice()).unwrap_or_default();
        binding.iter().filter_map(|at| rules.get(*at as usize)).map(crate::Guard::label).collect()
    }

    fn won(&self, run: Run<'_, '_>, rule: u32, tri: Tri, trace: bool) -> Decision {
        let route = self.table.rules.get(rule as usize).map_or(&self.default, |rule| &rule.route);
        self.finish(run, Outcome::Route(Arc::clone(route)), tri, Some(rule), trace)
    }

    fn blocked(&self, mut run: Run<'_, '_>, rule: u32, trace: bool) -> Decision {
        let found = self.table.rules.get(rule as usize);
        let (signal, why) = found.and_then(|rule| run.blocker(rule.root)).unwrap_or_default();
        let rejection = Rejection {
            signal: self.table.specs.get(signal as usize).map(|spec| spec.name.clone()).unwrap_or_default(),
            why,
            route: found.map(|rule| rule.route.name.clone()).unwrap_or_default(),
        };
        self.finish(run, Outcome::Rejected(rejection), Tri::NO, None, trace)
    }

    #[inline]
    fn finish(
        &self,
        mut run: Run<'_, '_>,
        outcome: Outcome,
        tri: Tri,
        winner: Option<u32>,
        traced: bool,
    ) -> Decision {
        let (binding, suspected) =
            self.governance.as_ref().map(|g| run.binding(&g.rules)).unwrap_or_default();
        let trace = traced.then(|| {
            let rejected = match &outcome {
                Outcome::Rejected(found) => Some(found.signal.as_str()),
                Outcome::Route(_) | Outcome::Default(_) => None,
            };
            let mut traced = trace(&mut run, winner, rejected);
            traced.binding = self.binding_labels(&binding);
            for (label, at) in traced.binding.iter_mut().zip(&binding) {
                if suspected.rules.contains(at) {
                    label.push_str(&format!(" (not read: {})", suspected.unread));
                }
            }
            Box::new(traced)
        });
        let confidence = Confidence { low: tri.low, high: tri.high };
        Decision { outcome, confidence, read: run.read, binding, suspected, policy: self.digest, trace }
    }
}
