//! A history looked at once: what each pool is asked for now and some steps ahead, and how far off such forecasts were on it.

use super::Demand;
use super::forecast::{Backtest, PoolForecast, backtest};
use crate::Error;
use crate::workload::{NS_PER_S, Request};
use serde::Serialize;

/// A pool's work, in tokens per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PoolAhead {
    /// In the last step of the history.
    pub now_tokens_per_s: f64,
    /// At the horizon.
    pub then_tokens_per_s: f64,
}

/// A horizon.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Horizon {
    /// Minutes ahead.
    pub ahead_min: f64,
    /// What such forecasts were off by on this history; none where it is too short to judge.
    pub errors: Option<Backtest>,
    /// By pool.
    pub pools: Vec<PoolAhead>,
}

/// Looks `steps` ahead from the end of a history; its first `warm_up` steps judge nothing, `period` as in [`PoolForecast::new`].
///
/// # Errors
/// What [`PoolForecast::new`] refuses.
pub fn horizon(demand: &Demand, steps: usize, warm_up: usize, period: usize) -> Result<Horizon, Error> {
    let errors = match backtest(demand, steps, warm_up, period) {
        Err(Error::Empty { .. }) => None,
        other => Some(other?),
    };
    let mut forecast = PoolForecast::new(demand.archetypes(), demand.pools(), steps, period)?;
    demand.steps().iter().for_each(|step| forecast.observe(&step.arrivals, &step.work));
    let last = demand.steps().last();
    let pool = |(at, then): (usize, f64)| PoolAhead {
        now_tokens_per_s: last.map_or(0.0, |step| step.pool_work(at) / demand.step_s()),
        then_tokens_per_s: then / demand.step_s(),
    };
    let pools = forecast.ahead().into_iter().enumerate().map(pool).collect();
    Ok(Horizon { ahead_min: steps as f64 * demand.step_s() / 60.0, errors, pools })
}

/// Seconds of a step of [`minutes_ahead`].
const STEP_S: u64 = 60;
/// Its horizons, in steps.
const AHEAD: [usize; 3] = [5, 10, 15];
/// Minutes at the start of a history whose forecasts are not judged.
const WARM_UP: usize = 10;

/// What two pools parted at `boundary` (or one) are asked for 5, 10 and 15 minutes after `now_ns`, by the requests of the whole
/// minutes before; archetypes are the classes of the requests. Empty where there is no request.
///
/// # Errors
/// [`Error::TooMany`] for more minutes than [`super::MAX_STEPS`].
pub fn minutes_ahead(
    requests: &[Request],
    now_ns: u64,
    boundary: Option<u32>,
) -> Result<Vec<Horizon>, Error> {
    let step_ns = STEP_S * NS_PER_S as u64;
    // Whole minutes that end now, the first of them with the first request.
    let past = requests.iter().filter(|request| request.arrival_ns < now_ns);
    let Some(first_ns) = past.clone().map(|request| request.arrival_ns).min() else { return Ok(Vec::new()) };
    let minutes = (now_ns - first_ns).div_ceil(step_ns);
    let start_ns = i128::from(now_ns) - i128::from(minutes) * i128::from(step_ns);
    let archetypes = past.clone().map(|request| usize::from(request.class) + 1).max().unwrap_or(1);
    let mut demand = Demand::new(STEP_S as f64, archetypes, 1 + usize::from(boundary.is_some()))?;
    for request in past {
        let total = request.total_tokens();
        let pool = usize::from(boundary.is_some_and(|boundary| total > boundary));
        let at_ns = u64::try_from(i128::from(request.arrival_ns) - start_ns).unwrap_or(0);
        demand.add(at_ns, usize::from(request.class), pool, 1.0, f64::from(total))?;
    }
    // Minutes without a request count as such, the last ones too.
    demand.add((minutes - 1) * step_ns, 0, 0, 0.0, 0.0)?;
    AHEAD.iter().map(|steps| horizon(&demand, *steps, WARM_UP, 0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `agents(minute)` of ten requests a minute are long ones, of a class of their own, until the `until`th minute.
    fn log(until: u64, agents: impl Fn(u64) -> u64) -> Vec<Request> {
        let request = |minute: u64, n: u64| {
            let long = n < agents(minute);
            let arrival_ns = (minute * 60 + 6 * n + 3) * 1_000_000_000;
            Request {
                arrival_ns,
                prompt_tokens: if long { 8_900 } else { 200 },
                output_tokens: 100,
                class: u16::from(long),
                ..Request::default()
            }
        };
        (0..until).flat_map(|minute| (0..10).map(move |n| (minute, n))).map(|(m, n)| request(m, n)).collect()
    }

    #[test]
    fn what_grows_is_seen_to_grow_in_its_pool_alone() {
        let requests = log(60, |minute| minute / 6);
        let now_ns = 60 * 60 * 1_000_000_000;
        let found = minutes_ahead(&requests, now_ns, Some(4096)).unwrap();
        assert_eq!(found.iter().map(|at| at.ahead_min).collect::<Vec<_>>(), [5.0, 10.0, 15.0]);
        for at in &found {
            let [short, long] = at.pools.as_slice() else { panic!("{at:?}") };
            assert_eq!((short.now_tokens_per_s, long.now_tokens_per_s), (5.0, 1350.0), "{at:?}");
            assert!(long.then_tokens_per_s > 1200.0 && short.then_tokens_per_s < 12.0, "{at:?}");
            assert!(at.errors.is_some_and(|errors| errors.archetypes < 0.5), "{at:?}");
        }
        let one = minutes_ahead(&requests, now_ns, None).unwrap();
        assert_eq!((one[0].pools.len(), one[0].pools[0].now_tokens_per_s), (1, 1355.0));
    }

    #[test]
    fn quiet_minutes_count_and_a_short_log_judges_nothing() {
        let requests = log(30, |_| 5);
        let at = |minute: u64| minutes_ahead(&requests, minute * 60 * 1_000_000_000, None).unwrap();
        let (busy, quiet) = (at(30), at(50));
        assert!(busy[0].pools[0].then_tokens_per_s > 500.0, "{busy:?}");
        assert_eq!(quiet[0].pools[0].now_tokens_per_s, 0.0);
        assert!(quiet[0].pools[0].then_tokens_per_s < 200.0, "{quiet:?}");
        assert!(at(12)[0].errors.is_none() && at(12)[2].pools[0].now_tokens_per_s > 500.0);
        assert!(at(0).is_empty() && minutes_ahead(&[], 9, None).unwrap().is_empty());
    }
}
