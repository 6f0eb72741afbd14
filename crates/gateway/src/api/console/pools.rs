//! The page of pools and models.

use crate::config::Pool;
use crate::config::written::Placement;
use crate::fleet::PoolState;
use crate::worker::Worker;
use tollgate_console::view::{InstanceState, InstanceView, ModelView, PoolView, PoolsView};
use tollgate_core::{Tick, Timestamp};
use tollgate_select::place::Standing;

/// Prompt tokens for which the expected time to first content is shown.
const PROBE_TOKENS: u64 = 1_000;

/// The pools page's model.
pub(super) fn view(worker: &Worker) -> PoolsView {
    let shared = worker.shared();
    let snapshot = shared.snapshot.load();
    let (tick, now) = (shared.clock.tick(), shared.clock.now());
    let pools = snapshot.fleet.pools.iter().map(|pool| {
        let described = snapshot.settings.pools.iter().find(|p| *p.name == *pool.name);
        let placement = match described.map(|p| p.placement).unwrap_or_default() {
            Placement::LeastTtft => "least expected time to first content",
            Placement::BetterOfTwo => "the better of two, by expected time to first content",
            Placement::Weighted => "by weight",
            Placement::LeastEnergy => "where one more request adds the least power",
            Placement::PrefixAffinity => {
                "where the prompt's beginning was served before, while load stays balanced"
            }
        };
        // One lock at a time: a guard inside the literal below would live until its end.
        let wait_ms = pool.members.lock().wait_ms(tick);
        PoolView {
            name: pool.name.to_string(),
            max_total_tokens: (pool.max_total_tokens < u64::MAX).then_some(pool.max_total_tokens),
            rule: described.map(rule).unwrap_or_default(),
            placement: placement.into(),
            wait_ms,
            instances: instances(pool, tick, now),
        }
    });
    let models = snapshot.settings.models.iter().map(|m| ModelView {
        name: m.name.clone(),
        aliases: m.aliases.clone(),
        pools: snapshot
            .fleet
            .pools
            .iter()
            .filter(|p| p.serves(&m.name))
            .map(|p| p.name.to_string())
            .collect(),
        context_tokens: m.context_window,
        capabilities: m.capabilities.clone().unwrap_or_default(),
        input_micro: m.price.input_micro,
        cached_micro: m.price.cached_input_micro,
        output_micro: m.price.output_micro,
    });
    PoolsView { pools: pools.collect(), models: models.collect(), prompt_tokens: PROBE_TOKENS }
}

/// What a pool with a boundary does beyond it; one without has nothing beyond.
fn rule(pool: &Pool) -> String {
    if pool.max_total_tokens.is_none() {
        return String::new();
    }
    let spill = pool.spill_over_ms.map_or_else(
        || "never spills to a larger pool".to_owned(),
        |ms| format!("spills to a larger pool above {ms} ms of waiting"),
    );
    if pool.gamma > 1.0 {
        format!("up to {} × the boundary counts as borderline; {spill}", pool.gamma)
    } else {
        spill
    }
}

fn instances(pool: &PoolState, tick: Tick, now: Timestamp) -> Vec<InstanceView> {
    let members = pool.members.lock();
    let view = |(i, site): (usize, &crate::fleet::Site)| {
        let known = members.state(i);
        let (state, until) = standing(members.standing(i, tick));
        let (good, bad) = members.answers(i, tick);
        InstanceView {
            name: site.name.to_string(),
            provider: site.provider.name.clone(),
            url: site.url.to_string(),
            state,
            until: until.map(|until| later(now, tick, until)),
            in_flight: known.map_or(0, |s| s.in_flight().requests),
            ttft_ms: known.and_then(|s| s.ttft_ms(0.5)),
            tpot_ms: known.map(|s| s.tpot_ms()),
            expected_ttft_ms: known.map(|s| s.expect(PROBE_TOKENS, tick).ttft_ms()),
            success: (good + bad > 0).then(|| good as f64 / (good + bad) as f64),
            answers: good + bad,
            spark_ttft_ms: known.map(|s| s.recent_ttft_ms(tick)).unwrap_or_default(),
            models: site.models.keys().cloned().collect(),
            ..InstanceView::default()
        }
    };
    pool.sites.iter().enumerate().map(view).collect()
}

/// The wall time of a tick to come.
fn later(now: Timestamp, tick: Tick, until: Tick) -> Timestamp {
    let us = i64::try_from(until.since_ns(tick) / 1000).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_add(us))
}

const fn standing(standing: Standing) -> (InstanceState, Option<Tick>) {
    match standing {
        Standing::Ready => (InstanceState::Up, None),
        Standing::Probing => (InstanceState::HalfOpen, None),
        Standing::Open(until) => (InstanceState::Open, Some(until)),
        Standing::Ejected(until) => (InstanceState::Ejected, Some(until)),
        Standing::Down => (InstanceState::Down, None),
        Standing::Cooling(until) => (InstanceState::Cooling, Some(until)),
        Standing::Refusing(until) => (InstanceState::Refusing, Some(until)),
    }
}
