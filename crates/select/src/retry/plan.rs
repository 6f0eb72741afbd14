//! The next step after a failed attempt.

use super::{Attempt, Backoff, RetryBudget};
use crate::circuit::RequestEffect;
use serde::{Deserialize, Serialize};
use tollgate_core::{Seed, Tick};

/// How much is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// Attempts of one request over all instances and models, the first included; at least 1.
    pub max_attempts: u32,
    /// The pause before the same instance is tried again.
    pub backoff: Backoff,
    /// Less time than this left of the request is not worth another attempt.
    pub min_remaining_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 4, backoff: Backoff::default(), min_remaining_ms: 50 }
    }
}

/// What stands at the moment of a fault.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Situation {
    /// What the fault means for the request ([`crate::circuit::effects`]).
    pub effect: RequestEffect,
    /// The attempt that failed.
    pub attempt: Attempt,
    /// Attempts made so far, this one included.
    pub attempts: u32,
    /// Whether the attempt came through to the upstream: a refused connection put no load on it.
    pub reached: bool,
    /// Whether the instance that failed is known to be out: down, its circuit open, or ejected.
    pub known_out: bool,
    /// Milliseconds left of the request.
    pub remaining_ms: u64,
    /// Whether the instance that failed may be asked again.
    pub same_usable: bool,
    /// Instances of this pool in the placement that have not been tried.
    pub instances_left: u32,
    /// Models of the choice that have not been tried.
    pub models_left: u32,
    /// Pools of the choice with a larger boundary than this one.
    pub larger_pools_left: u32,
    /// The pause the upstream asked for, which only concerns that instance.
    pub retry_after_ms: Option<u64>,
}

/// Why there is no other attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GiveUp {
    /// The caller has seen content; a stream is never restarted.
    ContentSeen,
    /// It would fail the same way anywhere.
    Final,
    /// [`RetryPolicy::max_attempts`] were made.
    Attempts,
    /// Too little time is left, or the pause would not fit into it.
    Deadline,
    /// The retry budget is empty.
    Budget,
    /// Nothing is left to try.
    Exhausted,
}

impl GiveUp {
    /// The reason in words, for faults and the decision log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ContentSeen => "content was already passed on",
            Self::Final => "it would fail the same way elsewhere",
            Self::Attempts => "the attempts are used up",
            Self::Deadline => "too little time is left",
            Self::Budget => "the retry budget is empty",
            Self::Exhausted => "nothing is left to try",
        }
    }
}

/// The next step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// The same instance again, after a pause of this many milliseconds.
    Same(u64),
    /// The next instance of the placement, at once.
    Elsewhere,
    /// The next model of the choice, at once.
    NextModel,
    /// The same model in a pool with a larger boundary, at once.
    LargerPool,
    /// No other attempt.
    GiveUp(GiveUp),
}

/// Plans the next step.
///
/// In order: a stream with content is never restarted; final faults go to the caller; attempts and time are bounded;
/// then the place is chosen (instance elsewhere, else next model, else the same instance after a pause; after "context
/// too long" a larger pool, else a next model, never the same one); last the budget pays, unless the step puts no load
/// on anybody a second time (a larger pool, an attempt that never came through, away from an instance that is out).
/// With an empty budget a next model that is free takes the place of another instance.
pub fn next(
    policy: &RetryPolicy,
    situation: &Situation,
    budget: &mut RetryBudget,
    seed: Seed,
    now: Tick,
) -> Next {
    if !situation.attempt.replaceable() {
        return Next::GiveUp(GiveUp::ContentSeen);
    }
    if situation.effect == RequestEffect::Return {
        return Next::GiveUp(GiveUp::Final);
    }
    if situation.attempts >= policy.max_attempts {
        return Next::GiveUp(GiveUp::Attempts);
    }
    if situation.remaining_ms < policy.min_remaining_ms {
        return Next::GiveUp(GiveUp::Deadline);
    }
    let step = target(policy, situation, seed);
    let pause = if let Next::Same(pause) = step { pause } else { 0 };
    match step {
        Next::GiveUp(_) => step,
        _ if is_free(step, situation) => step,
        _ if pause.saturating_add(policy.min_remaining_ms) > situation.remaining_ms => {
            Next::GiveUp(GiveUp::Deadline)
        }
        _ if budget.withdraw(now) => step,
        Next::Elsewhere if situation.models_left > 0 && is_free(Next::NextModel, situation) => {
            Next::NextModel
        }
        _ => Next::GiveUp(GiveUp::Budget),
    }
}

/// Whether a step is no retry in the sense of the budget, which keeps an outage from being multiplied: the refusal of a
/// larger pool cost the upstream nothing; an attempt that never came through put no load on anybody; and from an
/// instance that is out to another model is the way that the next requests take at once. None can repeat: there are
/// only so many pools, instances and models.
const fn is_free(step: Next, situation: &Situation) -> bool {
    match step {
        Next::LargerPool => true,
        Next::NextModel => !situation.reached || situation.known_out,
        Next::Elsewhere => !situation.reached,
        Next::Same(_) | Next::GiveUp(_) => false,
    }
}

fn target(policy: &RetryPolicy, situation: &Situation, seed: Seed) -> Next {
    let next_model = situation.models_left > 0;
    let exhausted = Next::GiveUp(GiveUp::Exhausted);
    match situation.effect {
        RequestEffect::Return => Next::GiveUp(GiveUp::Final),
        RequestEffect::LargerContext if situation.larger_pools_left > 0 => Next::LargerPool,
        RequestEffect::LargerContext | RequestEffect::NextModel if next_model => Next::NextModel,
        RequestEffect::LargerContext | RequestEffect::NextModel => exhausted,
        RequestEffect::Elsewhere if situation.instances_left > 0 => Next::Elsewhere,
        RequestEffect::Elsewhere if next_model => Next::NextModel,
        RequestEffect::Elsewhere if situation.same_usable => {
            let earlier = situation.attempts.saturating_sub(1);
            let pause = policy.backoff.pause_ms(earlier, seed.derive("retry"));
            Next::Same(pause.max(situation.retry_after_ms.unwrap_or(0)))
        }
        RequestEffect::Elsewhere => exhausted,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BudgetConfig, Stage};
    use super::*;

    fn at_fault(effect: RequestEffect) -> Situation {
        Situation {
            effect,
            attempt: Attempt::new(),
            attempts: 1,
            reached: true,
            known_out: false,
            remaining_ms: 10_000,
            same_usable: true,
            instances_left: 0,
            models_left: 0,
            larger_pools_left: 0,
            retry_after_ms: None,
        }
    }

    fn plan(situation: &Situation) -> Next {
        let mut budget = RetryBudget::new(BudgetConfig::default(), Tick(0));
        next(&RetryPolicy::default(), situation, &mut budget, Seed(1), Tick(0))
    }

    #[test]
    fn the_place_depends_on_what_is_left() {
        use RequestEffect::{Elsewhere, LargerContext, NextModel, Return};
        let exhausted = Next::GiveUp(GiveUp::Exhausted);
        // effect, instances, models, larger pools -> step
        let rows = [
            (Return, 3, 3, 3, Next::GiveUp(GiveUp::Final)),
            (Elsewhere, 1, 1, 1, Next::Elsewhere),
            (Elsewhere, 0, 1, 1, Next::NextModel),
            (NextModel, 1, 1, 1, Next::NextModel),
            (NextModel, 1, 0, 1, exhausted),
            (LargerContext, 1, 1, 1, Next::LargerPool),
            (LargerContext, 1, 1, 0, Next::NextModel),
            (LargerContext, 1, 0, 0, exhausted),
        ];
        for (effect, instances_left, models_left, larger_pools_left, step) in rows {
            let situation = Situation { instances_left, models_left, larger_pools_left, ..at_fault(effect) };
            assert_eq!(plan(&situation), step, "{situation:?}");
        }
        assert!(matches!(plan(&at_fault(Elsewhere)), Next::Same(50..=100)));
        let asked = Situation { retry_after_ms: Some(2000), ..at_fault(Elsewhere) };
        assert_eq!(plan(&asked), Next::Same(2000));
        assert_eq!(plan(&Situation { same_usable: false, ..at_fault(Elsewhere) }), exhausted);
    }

    #[test]
    fn bounds_come_before_places() {
        let base = Situation { instances_left: 3, ..at_fault(RequestEffect::Elsewhere) };
        assert_eq!(plan(&Situation { attempts: 4, ..base }), Next::GiveUp(GiveUp::Attempts));
        assert_eq!(plan(&Situation { attempts: 3, ..base }), Next::Elsewhere);
        assert_eq!(plan(&Situation { remaining_ms: 49, ..base }), Next::GiveUp(GiveUp::Deadline));
        let late = Situation { instances_left: 0, retry_after_ms: Some(9_990), ..base };
        assert_eq!(plan(&late), Next::GiveUp(GiveUp::Deadline));
        let mut seen = base;
        seen.attempt.advance(Stage::ContentSeen).unwrap();
        assert_eq!(plan(&seen), Next::GiveUp(GiveUp::ContentSeen));
    }

    #[test]
    fn an_empty_budget_stops_retries_but_not_larger_pools() {
        let mut budget = RetryBudget::new(BudgetConfig { ratio: 0.0, floor_per_s: 0.0, cap: 1.0 }, Tick(0));
        let policy = RetryPolicy::default();
        let elsewhere = Situation { instances_left: 1, ..at_fault(RequestEffect::Elsewhere) };
        let larger = Situation { larger_pools_left: 1, ..at_fault(RequestEffect::LargerContext) };
        let mut go = |s: &Situation| next(&policy, s, &mut budget, Seed(1), Tick(0));
        assert_eq!(go(&elsewhere), Next::Elsewhere);
        assert_eq!(go(&elsewhere), Next::GiveUp(GiveUp::Budget));
        assert_eq!(go(&larger), Next::LargerPool);
    }

    #[test]
    fn an_empty_budget_does_not_keep_a_request_from_a_healthy_model() {
        let mut budget = RetryBudget::new(BudgetConfig { ratio: 0.0, floor_per_s: 0.0, cap: 1.0 }, Tick(0));
        let policy = RetryPolicy::default();
        let mut go = |s: &Situation| next(&policy, s, &mut budget, Seed(1), Tick(0));
        let model = Situation { models_left: 1, same_usable: false, ..at_fault(RequestEffect::Elsewhere) };
        let instance = Situation { instances_left: 1, ..model };
        // Nothing is taken for these: the one retry is still there for the last.
        for _ in 0..20 {
            assert_eq!(go(&Situation { reached: false, ..model }), Next::NextModel);
            assert_eq!(go(&Situation { known_out: true, ..model }), Next::NextModel);
            assert_eq!(go(&Situation { reached: false, ..instance }), Next::Elsewhere);
        }
        assert_eq!(go(&model), Next::NextModel);
        assert_eq!(go(&model), Next::GiveUp(GiveUp::Budget));
        // Another instance would have to be paid for; the next model need not be.
        assert_eq!(go(&Situation { known_out: true, ..instance }), Next::NextModel);
        assert_eq!(
            go(&Situation { known_out: true, models_left: 0, ..instance }),
            Next::GiveUp(GiveUp::Budget)
        );
        // The same one again always costs.
        let same = Situation { reached: false, ..at_fault(RequestEffect::Elsewhere) };
        assert_eq!(go(&same), Next::GiveUp(GiveUp::Budget));
    }
}
