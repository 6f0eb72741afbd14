//! Where a plan leads: the first model with an instance that is up, its pool, and the order of its instances.
//!
//! A model without an instance that is up is passed over as long as a later one has one; only when none has is the
//! first entered whose placement tries its instances all the same. Dispatch and `POST /v1/route` both go this way, so
//! the explanation is what happens.

use crate::pipeline::choose::{self, Demand, ModelPlan, PlacePlan, PoolPlan, Shut};
use crate::pipeline::govern::{Gate, Stake};
use crate::snapshot::{ModelEntry, Snapshot};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
use tollgate_core::{Fault, FaultKind, Seed, Tick};

/// A plan and what decides where it leads now.
pub(crate) struct Reach<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) plan: &'a ModelPlan,
    pub(crate) gate: &'a Gate,
    pub(crate) demand: &'a Demand,
    /// The only pool that the policy allows.
    pub(crate) pool: Option<&'a str>,
    /// Micro-dollars that earlier attempts cost, or may have cost.
    pub(crate) risked_micro: u64,
    pub(crate) seed: Seed,
}

/// A model, a pool and the order of its instances.
pub(crate) struct Entered {
    /// Position in the plan's models.
    pub(crate) model: usize,
    pub(crate) pools: PoolPlan,
    /// Position in the pools' order.
    pub(crate) pool: usize,
    pub(crate) place: PlacePlan,
}

/// A candidate that was passed over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Skipped {
    model: Arc<str>,
    why: Cow<'static, str>,
}

impl<'a> Reach<'a> {
    fn entry(&self, model: usize) -> Option<&'a ModelEntry> {
        self.plan.order.get(model).and_then(|offer| self.snapshot.models.get(offer.model))
    }

    /// The first model from position `from` on with an instance that is up, else the first that can be tried at all;
    /// and those before it.
    pub(crate) fn first(&self, from: usize, now: Tick) -> Result<(Entered, Vec<Skipped>), Shut> {
        let (mut hope, mut last) = (None, None);
        let mut skipped = Vec::new();
        for model in from..self.plan.order.len() {
            let why = match self.enter(model, 0, now) {
                Ok(entered) if !entered.place.panic => return Ok((entered, skipped)),
                Ok(entered) => {
                    hope.get_or_insert((entered, skipped.len()));
                    "no instance is up".into()
                }
                Err(shut) => {
                    let why = shut.fault.message.clone().into();
                    last = Some(shut);
                    why
                }
            };
            let model = self.entry(model).map_or_else(Arc::default, |entry| entry.name.clone());
            skipped.push(Skipped { model, why });
        }
        if let Some((entered, before)) = hope {
            skipped.truncate(before);
            return Ok((entered, skipped));
        }
        Err(last.unwrap_or_else(|| Fault::internal("the choice of models is empty").into()))
    }

    /// The pools of a model and the first of them, from position `from` on, with an instance that is up; else the
    /// first with one that can be tried at all.
    pub(crate) fn enter(&self, model: usize, from: usize, now: Tick) -> Result<Entered, Shut> {
        let Some(entry) = self.entry(model) else {
            return Err(Fault::internal("the model is gone").into());
        };
        let fleet = &self.snapshot.fleet;
        let stake = Stake { risked_micro: self.risked_micro, ..self.demand.stake(0) };
        let governed = |site| self.gate.permits(self.snapshot, entry, &stake, site);
        let permits: choose::Permits<'_> = self.gate.clearance().is_some().then_some(&governed);
        let pools = choose::pools(fleet, entry, self.demand, self.pool, permits, now)?;
        let (mut hope, mut last) = (None, None);
        for (at, pool) in pools.order.iter().enumerate().skip(from) {
            match choose::place(fleet, *pool, &entry.name, self.demand, self.seed, permits, now) {
                Ok(place) if !place.panic => return Ok(Entered { model, pools, pool: at, place }),
                Ok(place) => {
                    hope.get_or_insert((at, place));
                }
                Err(shut) => last = Some(shut),
            }
        }
        match hope {
            Some((pool, place)) => Ok(Entered { model, pools, pool, place }),
            None => {
                Err(last.unwrap_or_else(|| Fault::upstream(FaultKind::Unavailable, "no pool is left").into()))
            }
        }
    }
}
