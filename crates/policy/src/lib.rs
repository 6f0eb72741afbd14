//! The policy language: text to typed rules to a decision.
//!
//! A policy declares signals (of the kinds in [`tollgate_core::signal::Kind`]), builds scores, bands and exclusive
//! groups from them, and lists routes: when each is chosen, and what it does. It carries its own tests. Text goes
//! through tokens and a tree with spans to a flat decision table; everything wrong is reported at once, with places.
//! The crate knows the catalogue of signals, never the extractors: signals come in through
//! [`tollgate_core::signal::SignalSource`].
//!
//! ```
//! use tollgate_core::signal::{Signal, SignalSource};
//! use tollgate_policy::{Known, Policy};
//!
//! let text = r#"
//! policy "two models"
//! route long tier 1 { when tokens > 4_000  models { "large" } }
//! default { models { "small" } }
//! "#;
//! let policy = Policy::load("two.tollgate", text, &Known::new(["small", "large"], [""; 0])).unwrap();
//!
//! struct Tokens(Signal);
//! impl SignalSource for Tokens {
//!     fn read(&mut self, _index: usize) -> &Signal { &self.0 }
//! }
//! let decision = policy.decide(&mut Tokens(Signal::number(9_000.0)), true);
//! assert_eq!(decision.route_name(), "long");
//! assert!(decision.explain().contains("tokens > 4_000 [9000]: holds"));
//! ```

mod analyse;
mod cases;
mod check;
mod decide;
mod effects;
mod error;
mod govern;
pub mod import;
pub mod limits;
mod outline;
mod policy;
mod syntax;
mod table;
mod text;
mod unbuilt;

pub use analyse::{
    Caps, Example, Exemplars, Finding, FindingKind, Findings, Interval, Meeting, NoVectors, Part, Together,
    Traffic, Vectors, VectorsError, Witness, analyse, analyse_governed, analyse_with, implausible, review,
    review_while,
};
pub use cases::{Expected, TestCase, TestResult};
pub use check::Known;
pub use decide::{
    Confidence, Decision, LabelReport, LeafReport, NodeReport, Outcome, Recorded, Rejection, Replay,
    RouteReport, SignalReport, SignalSet, Suspected, Trace, Verdict,
};
pub use effects::{
    Algorithm, Answer, Candidate, Effects, Effort, HeaderEdit, OutputAct, OutputRule, ParamEdit, Route,
    SystemEdit, ToolFilter,
};
pub use error::PolicyError;
pub use govern::{
    Ask, Clearance, Denial, Fleet, Governance, Guard, GuardKind, Left, OnUnread, Place, Price, Rights,
    Standing, ToolRight, Topic, run_by_caller,
};
pub use outline::{Outline, OutlineItem, outline};
pub use policy::{Compiled, Policy, compile, diagnose};
pub use text::diagnostic::{Diagnostic, Label, Report, Severity};
pub use text::span::{Lines, Position, Span};
pub use text::suggest::nearest;
pub use unbuilt::report_unbuilt;

/// The policy that Tollgate ships with, for models `sim-small`, `sim-medium` and `sim-large` in pools `short` and
/// `long`.
pub const SHIPPED: &str = include_str!("../policies/shipped.tollgate");

/// The canonical layout of a policy: one declaration or statement per line, two spaces of indent, comments kept.
///
/// # Errors
/// [`PolicyError::Invalid`] when the text does not parse; wrong names and types do not matter here.
pub fn fmt(file: &str, text: &str) -> Result<String, PolicyError> {
    syntax::format(text).map_err(|report| PolicyError::Invalid {
        file: file.to_owned(),
        count: report.errors(),
        rendered: report.render(file, text),
        report: Box::new(report),
    })
}
