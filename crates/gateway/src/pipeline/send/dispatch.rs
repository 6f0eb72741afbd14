//! Dispatch: attempts in the order that selection and placement give, until one answers or retrying must stop.
//!
//! Which attempt follows a fault is `tollgate_select::retry`'s decision; this is the part that goes there.

use crate::pipeline::attempt::{Answer, Failure, attempt};
use crate::pipeline::choose::{Goal, ModelPlan, Offer, PlaceWhy, Shut};
use crate::pipeline::govern::worst_micro;
use crate::pipeline::journey::{AttemptNote, Journey};
use crate::pipeline::reach::{Entered, Reach};
use crate::pipeline::{Context, DISPATCH, PLACE, VALIDATE};
use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tollgate_core::{Fault, Seed, Tick};
use tollgate_policy::Effects;
use tollgate_select::circuit::request_effect;
use tollgate_select::place::Standing;
use tollgate_select::retry::{GiveUp, Next, RetryPolicy, Situation, next};

/// Where the attempts stand.
struct Course<'a> {
    ctx: &'a Context<'a>,
    plan: &'a ModelPlan,
    effects: &'a Effects,
    at: Entered,
    /// Position in the placement's order.
    member: usize,
    seed: Seed,
    attempts: u32,
}

/// Sends the request until an answer has begun. On success the journey knows the price of the model that answers.
pub(crate) async fn dispatch(
    ctx: &Context<'_>,
    plan: &ModelPlan,
    effects: &Effects,
    journey: &mut Journey,
) -> Result<Answer, Failure> {
    let policy = RetryPolicy { max_attempts: ctx.snapshot.settings.retry.attempts, ..RetryPolicy::default() };
    let now = journey.now();
    ctx.shared.retries.lock().deposit(now);
    let mut course = Course::start(ctx, plan, effects, journey)
        .map_err(|shut| Failure { retry_after_ms: shut.retry_after_ms, ..Failure::early(shut.fault) })?;
    loop {
        course.attempts += 1;
        let goal = course.goal().map_err(Failure::early)?;
        let begun = journey.lap(PLACE);
        journey.sent(ctx.snapshot.models.get(goal.model), begun);
        let result = attempt(ctx, &goal, effects, begun, &mut journey.phases).await;
        let done = journey.resume();
        let ms = done.since_ms(begun);
        let failure = match result {
            Ok((answer, lost)) => {
                if let Some(came) = answer.came() {
                    journey.phases.add(VALIDATE, done.since_ns(came));
                }
                let note = course.note(&goal, "ok".into(), begun, ms, lost);
                journey.answered(note, ctx.site(&goal), ctx.snapshot.models.get(goal.model));
                return Ok(answer);
            }
            Err(failure) => failure,
        };
        if let Some(denial) = &failure.denial {
            journey.denied(denial);
        }
        journey.found(&failure.found);
        course.charge(&goal, &failure, journey);
        let fault = journey.noted(&failure.fault);
        tracing::debug!(request = %journey.id, instance = %course.instance(&goal), fault, "attempt failed");
        let note = course.note(&goal, fault.into(), begun, ms, failure.lost.clone());
        journey.failed(note, failure.fault.kind.word());
        let step = {
            let mut budget = ctx.shared.retries.lock();
            let situation = course.situation(&failure);
            let seed = course.seed.derive("retry").next();
            next(&policy, &situation, &mut budget, seed, ctx.shared.clock.tick())
        };
        journey.lap(DISPATCH);
        let taken = course.take(step, journey).await;
        // A pause before the next attempt is the upstream's doing, not our own time.
        journey.resume();
        // What the attempt cost counts towards the ceiling of the next one.
        let taken = taken.and_then(|()| if course.permitted() { Ok(()) } else { Err(GiveUp::Exhausted) });
        if let Err(why) = taken {
            tracing::debug!(request = %journey.id, why = why.word(), "no other attempt");
            journey.story.gave_up = Some(why.word());
            return Err(failure);
        }
    }
}

impl<'a> Course<'a> {
    fn start(
        ctx: &'a Context<'a>,
        plan: &'a ModelPlan,
        effects: &'a Effects,
        journey: &mut Journey,
    ) -> Result<Self, Shut> {
        let seed = journey.seed();
        let (at, skipped) = reach(ctx, plan, effects, seed).first(0, journey.now())?;
        journey.story.skipped = skipped;
        Ok(Self { ctx, plan, effects, at, member: 0, seed, attempts: 0 })
    }

    fn reach(&self) -> Reach<'a> {
        reach(self.ctx, self.plan, self.effects, self.seed)
    }

    fn goal(&self) -> Result<Goal, Fault> {
        let gone = || Fault::internal("the plan ran past its end");
        let Offer { model, effort, .. } = *self.plan.order.get(self.at.model).ok_or_else(gone)?;
        let name = self.ctx.snapshot.models.get(model).ok_or_else(gone)?.name.clone();
        let pool = *self.at.pools.order.get(self.at.pool).ok_or_else(gone)?;
        let member = *self.at.place.order.get(self.member).ok_or_else(gone)?;
        Ok(Goal { model, model_name: name, effort, pool, member })
    }

    /// Counts what a failed attempt used, or at most may have used.
    fn charge(&self, goal: &Goal, failure: &Failure, journey: &mut Journey) {
        let model = self.ctx.snapshot.models.get(goal.model);
        let micro = match failure.spent {
            Some(tokens) => journey.spend(model, tokens),
            None if failure.may_be_charged() => {
                journey.spend_unseen();
                model.and_then(|model| worst_micro(model, &self.ctx.demand.stake(0))).unwrap_or(0)
            }
            None => 0,
        };
        journey.ended(failure.reached);
        self.ctx.risked_micro.fetch_add(micro, Ordering::Relaxed);
    }

    /// Whether the attempt that comes next is still permitted.
    fn permitted(&self) -> bool {
        let Ok(goal) = self.goal() else { return true };
        let (Some(model), Some(site)) = (self.ctx.snapshot.models.get(goal.model), self.ctx.site(&goal))
        else {
            return true;
        };
        self.ctx.gate.permits(&self.ctx.snapshot, model, &self.ctx.stake(), site.index)
    }

    fn now(&self) -> Tick {
        self.ctx.shared.clock.tick()
    }

    fn instance(&self, goal: &Goal) -> &str {
        self.ctx.site(goal).map_or("", |s| &s.name)
    }

    fn note(
        &mut self,
        goal: &Goal,
        outcome: Cow<'static, str>,
        begun: Tick,
        ms: f64,
        lost: Vec<String>,
    ) -> AttemptNote {
        let site = self.ctx.site(goal);
        let dialect = site.and_then(|s| s.provider.row.dialect_for(self.ctx.view.dialect));
        let pool = self.ctx.snapshot.fleet.pools.get(goal.pool);
        AttemptNote {
            model: goal.model_name.clone(),
            pool: pool.map_or_else(|| "".into(), |p| p.name.clone()),
            instance: site.map_or_else(|| "".into(), |s| s.name.clone()),
            dialect: dialect.map_or("none", tollgate_wire::Dialect::word),
            reason: PlaceWhy {
                pool: self.at.pools.reason,
                borderline: self.at.pools.borderline,
                place: self.at.place.reason,
            },
            expected_ttft_ms: self.at.place.expected_ttft_ms,
            // Told once for each placement: later attempts follow its order.
            seen: std::mem::take(&mut self.at.place.seen),
            outcome,
            start_us: begun.since_ns(self.ctx.started) / 1000,
            ms,
            lost,
        }
    }

    fn situation(&self, failure: &Failure) -> Situation {
        use Standing::{Cooling, Down, Ejected, Open, Refusing};
        let standing = self.standing();
        let left = |len: usize, at: usize| u32::try_from(len.saturating_sub(at + 1)).unwrap_or(u32::MAX);
        let fleet = &self.ctx.snapshot.fleet;
        let boundary = |at: &usize| fleet.pools.get(*at).map_or(0, |p| p.max_total_tokens);
        let here = self.at.pools.order.get(self.at.pool).map_or(0, boundary);
        let larger =
            self.at.pools.order.iter().skip(self.at.pool + 1).filter(|at| boundary(at) > here).count();
        Situation {
            effect: request_effect(&failure.fault),
            attempt: failure.attempt,
            attempts: self.attempts,
            remaining_ms: self.ctx.remaining_ms(self.now()),
            reached: failure.reached,
            known_out: matches!(standing, Some(Open(_) | Ejected(_) | Down)),
            // Not one that rests or refuses us.
            same_usable: failure.retry_after_ms.is_none()
                && standing.is_some_and(|s| !matches!(s, Cooling(_) | Refusing(_))),
            instances_left: left(self.at.place.order.len(), self.member),
            models_left: left(self.plan.order.len(), self.at.model),
            larger_pools_left: u32::try_from(larger).unwrap_or(u32::MAX),
            retry_after_ms: failure.retry_after_ms,
        }
    }

    /// How the instance that was asked last stands now.
    fn standing(&self) -> Option<Standing> {
        let pool = self.ctx.snapshot.fleet.pools.get(*self.at.pools.order.get(self.at.pool)?)?;
        let member = *self.at.place.order.get(self.member)?;
        Some(pool.members.lock().standing(member, self.now()))
    }

    /// Goes where the retry plan says.
    async fn take(&mut self, step: Next, journey: &mut Journey) -> Result<(), GiveUp> {
        match step {
            Next::GiveUp(why) => return Err(why),
            Next::Same(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Next::Elsewhere => self.member += 1,
            Next::NextModel => self.next_model(journey)?,
            Next::LargerPool => match self.reach().enter(self.at.model, self.at.pool + 1, self.now()) {
                Ok(entered) => (self.at, self.member) = (entered, 0),
                Err(_) => self.next_model(journey)?,
            },
        }
        Ok(())
    }

    fn next_model(&mut self, journey: &mut Journey) -> Result<(), GiveUp> {
        let found = self.reach().first(self.at.model + 1, self.now());
        let (entered, skipped) = found.map_err(|_| GiveUp::Exhausted)?;
        journey.story.skipped.extend(skipped);
        (self.at, self.member) = (entered, 0);
        Ok(())
    }
}

fn reach<'a>(ctx: &'a Context<'a>, plan: &'a ModelPlan, effects: &'a Effects, seed: Seed) -> Reach<'a> {
    let pool = effects.pool.as_deref();
    let risked_micro = ctx.stake().risked_micro;
    Reach { snapshot: &ctx.snapshot, plan, gate: &ctx.gate, demand: &ctx.demand, pool, risked_micro, seed }
}
