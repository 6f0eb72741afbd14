//! An attempt that failed, and what it may have cost.

use crate::pipeline::choose::{ModelPlan, ModelWhy, Offer};
use crate::pipeline::output::{Found, Guard};
use crate::pipeline::tokens::Tokens;
use crate::pipeline::watch::Watch;
use crate::snapshot::Snapshot;
use bytes::Bytes;
use http::StatusCode;
use tollgate_core::Fault;
use tollgate_policy::Denial;
use tollgate_select::retry::Attempt;

/// An attempt that failed before the caller saw anything of it.
pub(crate) struct Failure {
    /// Why.
    pub(crate) fault: Fault,
    /// How far it came.
    pub(crate) attempt: Attempt,
    /// Whether it came through to the upstream at all.
    pub(crate) reached: bool,
    /// Whether the upstream said that it does not do the work.
    pub(crate) refused: bool,
    /// The pause the upstream asked for.
    pub(crate) retry_after_ms: Option<u64>,
    /// The upstream's own words, when they are in the caller's dialect.
    pub(crate) said: Option<(StatusCode, Bytes)>,
    /// What could not cross.
    pub(crate) lost: Vec<String>,
    /// What the answer used that is not handed on: it was paid for all the same.
    pub(crate) spent: Option<Tokens>,
    /// Why the policy stopped it.
    pub(crate) denial: Option<Denial>,
    /// What was found in what it said.
    pub(crate) found: Vec<Found>,
    /// Whether a safer model should answer instead.
    pub(crate) safer: bool,
}

impl Failure {
    pub(crate) fn early(fault: Fault) -> Self {
        Self {
            fault,
            attempt: Attempt::new(),
            reached: false,
            refused: false,
            retry_after_ms: None,
            said: None,
            lost: Vec::new(),
            spent: None,
            denial: None,
            found: Vec::new(),
            safer: false,
        }
    }

    /// With what the answer used so far, where it was stopped or was whole and no use.
    pub(super) fn of(self, watch: &Watch) -> Self {
        let guard = watch.guard();
        Self {
            spent: watch.spent(),
            denial: watch.denial().cloned(),
            found: guard.map(|guard| guard.found().to_vec()).unwrap_or_default(),
            safer: guard.is_some_and(Guard::wants_safer),
            ..self
        }
    }

    /// The safer model, where what was said asks for one.
    pub(crate) fn instead(&self, snapshot: &Snapshot) -> Option<ModelPlan> {
        let name = snapshot.settings.output.safer_model.as_ref().filter(|_| self.safer)?;
        let offer = Offer { model: snapshot.model_index(name)?, weight: 1, effort: None };
        Some(ModelPlan { order: vec![offer], reason: ModelWhy::Output })
    }

    /// Whether the upstream may have worked for it although nothing is known of what it used.
    pub(crate) fn may_be_charged(&self) -> bool {
        self.spent.is_none() && self.reached && !self.refused
    }
}
