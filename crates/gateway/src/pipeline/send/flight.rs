//! The load guard: one request in flight at one instance, completed exactly once.
//!
//! Owned by whatever drives the answer; dropped without an end, the caller left and the instance is not to blame.

use crate::pipeline::Context;
use crate::pipeline::attempt::{Failure, outcome_of};
use crate::pipeline::choose::Goal;
use crate::snapshot::Snapshot;
use std::sync::Arc;
use tollgate_core::{Clock, Fault, FaultKind, Tick};
use tollgate_select::circuit::{Detail, Outcome};
use tollgate_select::instance::Completion;
use tollgate_select::pool::members::Ticket;
use tollgate_select::retry::{Attempt, Stage};

/// A request in flight at one instance.
pub(crate) struct Flight {
    snapshot: Arc<Snapshot>,
    clock: Arc<dyn Clock>,
    pool: usize,
    ticket: Option<Ticket>,
    first: Option<Tick>,
}

impl Flight {
    /// Counts the request in at the goal's instance.
    pub(crate) fn begin(ctx: &Context<'_>, goal: &Goal, now: Tick) -> Result<Self, Fault> {
        let pool = ctx.snapshot.fleet.pools.get(goal.pool);
        let ticket = pool.map(|p| p.members.lock().dispatch(goal.member, &ctx.demand.ask, now));
        match ticket {
            Some(Ok(ticket)) => Ok(Self {
                snapshot: ctx.snapshot.clone(),
                clock: ctx.shared.clock.clone(),
                pool: goal.pool,
                ticket: Some(ticket),
                first: None,
            }),
            Some(Err(_)) => Err(Fault::upstream(FaultKind::Unavailable, "the instance takes no request now")),
            None => Err(Fault::internal("the pool is gone")),
        }
    }

    /// The first content has come.
    pub(crate) fn first_content(&mut self) {
        let now = self.clock.tick();
        self.first = Some(now);
        if let (Some(pool), Some(ticket)) = (self.snapshot.fleet.pools.get(self.pool), self.ticket.as_mut()) {
            pool.members.lock().first_content(ticket, now);
        }
    }

    /// When the first content came.
    pub(crate) const fn first(&self) -> Option<Tick> {
        self.first
    }

    /// Counts the request out.
    pub(crate) fn complete(&mut self, outcome: Outcome, end: Completion) {
        if self.ticket.is_some() {
            self.complete_at(outcome, end, self.clock.tick());
        }
    }

    /// Counts the request out at a time that was just looked at.
    pub(crate) fn complete_at(&mut self, outcome: Outcome, end: Completion, now: Tick) {
        let Some(ticket) = self.ticket.take() else { return };
        let Some(pool) = self.snapshot.fleet.pools.get(self.pool) else { return };
        if let Err(error) = pool.members.lock().complete(ticket, outcome, end, now) {
            tracing::error!(%error, pool = %pool.name, "cannot count a request out");
        }
    }

    /// Counts the request out with a fault.
    pub(crate) fn fail(mut self, fault: Fault, detail: Detail, stage: Stage, lost: Vec<String>) -> Failure {
        self.complete(outcome_of(&fault, detail), Completion::broken());
        let mut attempt = Attempt::new();
        // From the first stage every later one can be reached.
        let _ = attempt.advance(stage);
        Failure {
            fault,
            attempt,
            reached: true,
            refused: false,
            retry_after_ms: detail.retry_after_ms,
            said: None,
            lost,
            spent: None,
            denial: None,
            found: Vec::new(),
            safer: false,
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.complete(Outcome::Blameless, Completion::broken());
    }
}
