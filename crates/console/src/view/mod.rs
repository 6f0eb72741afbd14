//! View models: what the gateway says, page by page, as plain data.
//!
//! Invariant: identifiers, counts, times and reasons only; there is no field for what a caller or a model wrote.
//! Times are microseconds unless the name says otherwise, money is millionths of [`Shell::currency`].

mod budgets;
mod live;
mod policy;
mod pools;
mod report;
mod request;
mod settle;

pub use budgets::{BudgetView, BudgetsView, KeyView, Meter, RuleLimit, RuleView};
pub use live::{Filter, LiveView, RequestRow, SeriesPoint, Tiles, WINDOWS, step_s};
pub use policy::{CheckReport, Diagnostic, LastGood, OutlineItem, PolicyView, Severity, TestLine};
pub use pools::{InstanceState, InstanceView, ModelView, PoolView, PoolsView};
pub use report::{
    Drawn, Mark, Plot, PlotPoint, PlotSeries, ReportSection, ReportTable, ReportView, Scale, Shade,
};
pub use request::{
    Attempt, Candidate, Check, Confidence, DecisionView, ExplainNode, Fact, PhaseView, PlacementView,
    PoolOption, RequestView, RouteTried, SignalView, Verdict,
};

pub use settle::{
    AgentRow, AgentsView, EscrowRow, EscrowView, EscrowsView, EventRow, LogRow, LogView, MandateRow,
    MandatesView, Tone,
};

use serde::{Deserialize, Serialize};
use tollgate_core::Timestamp;

/// What every page shows around its content.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shell {
    /// Tollgate's version.
    pub version: String,
    /// Name of the policy in force.
    pub policy: String,
    /// Digest of the policy in force.
    pub policy_digest: String,
    /// Code of the configured currency, such as `USD`.
    pub currency: String,
    /// When the page was made.
    pub now: Timestamp,
    /// Whether settlement is served: its pages stand in the navigation then.
    pub settlement: bool,
    /// Something that an operator must know on every page, such as a configuration that was refused.
    pub notice: Option<String>,
}

impl Shell {
    /// A shell that knows no policy and has no notice.
    #[must_use]
    pub fn new(version: &str, currency: &str, now: Timestamp) -> Self {
        Self { version: version.into(), currency: currency.into(), now, ..Self::default() }
    }
}
