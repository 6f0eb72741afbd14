//! What each pool needs some minutes ahead, archetype by archetype, and how well that would have worked.
//!
//! The arrivals of an archetype are smoothed (Holt 1957 with a damped trend, Gardner and McKenzie 1985; Winters' 1960
//! seasonal terms where a season is stated). What an arrival means for a pool is a fading mean of the work that this
//! archetype gave that pool. The aggregate forecast does the same with all arrivals as one archetype: it cannot see
//! the mix change before the work has changed. [`backtest`] runs both, and "as it was", over a history and tells the
//! error of each.

use super::Demand;
use crate::error::{Error, within};
use std::collections::VecDeque;

/// How a series is smoothed. All are weights of the newest in (0, 1].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Smoothing {
    /// Of the level.
    pub level: f64,
    /// Of the trend.
    pub trend: f64,
    /// Of the seasonal term.
    pub season: f64,
    /// What is left of a trend from one step to the next, in 0..=1.
    pub damping: f64,
    /// Steps in a season (a day); 0 for none.
    pub period: usize,
}

impl Default for Smoothing {
    /// For minutes: a level of about five steps, a slow trend that fades, no season.
    fn default() -> Self {
        Self { level: 0.35, trend: 0.05, season: 0.2, damping: 0.9, period: 0 }
    }
}

/// The longest season.
pub const MAX_PERIOD: usize = 10_080;

/// One series on its way.
#[derive(Clone, Debug)]
pub struct Forecaster {
    smoothing: Smoothing,
    level: f64,
    trend: f64,
    season: Vec<f64>,
    seen: usize,
}

impl Forecaster {
    /// # Errors
    /// [`Error::Setting`] where a weight is not in its range.
    pub fn new(smoothing: Smoothing) -> Result<Self, Error> {
        for (field, value) in [
            ("smoothing.level", smoothing.level),
            ("smoothing.trend", smoothing.trend),
            ("smoothing.season", smoothing.season),
            ("smoothing.damping", smoothing.damping),
        ] {
            within(field, value, 0.0, 1.0, "give a weight between 0 and 1")?;
        }
        within(
            "smoothing.period",
            smoothing.period as f64,
            0.0,
            MAX_PERIOD as f64,
            "give at most 10080 steps",
        )?;
        Ok(Self { smoothing, level: 0.0, trend: 0.0, season: vec![0.0; smoothing.period], seen: 0 })
    }

    /// The value of one more step.
    pub fn observe(&mut self, value: f64) {
        let s = self.smoothing;
        let phase = self.seen.checked_rem(s.period).unwrap_or(0);
        let seasonal = self.season.get(phase).copied().unwrap_or(0.0);
        let before = self.level;
        if self.seen == 0 {
            self.level = value;
        } else {
            // The first season only fills the seasonal terms: its level follows fast.
            let weight =
                if self.seen < s.period { s.level.max(1.0 / (self.seen + 1) as f64) } else { s.level };
            let carried = before + s.damping * self.trend;
            self.level = weight * (value - seasonal) + (1.0 - weight) * carried;
            self.trend = s.trend * (self.level - before) + (1.0 - s.trend) * s.damping * self.trend;
        }
        if let Some(term) = self.season.get_mut(phase) {
            let weight = if self.seen < s.period { 1.0 } else { s.season };
            *term = weight * (value - self.level) + (1.0 - weight) * *term;
        }
        self.seen += 1;
    }

    /// The value `steps` after the last observed; never below 0.
    #[must_use]
    pub fn ahead(&self, steps: usize) -> f64 {
        let s = self.smoothing;
        let mut trend = 0.0;
        let mut damped = s.damping;
        for _ in 0..steps {
            trend += damped * self.trend;
            damped *= s.damping;
        }
        let phase = (self.seen + steps.saturating_sub(1)).checked_rem(s.period).unwrap_or(0);
        let seasonal =
            if self.seen > s.period { self.season.get(phase).copied().unwrap_or(0.0) } else { 0.0 };
        (self.level + trend + seasonal).max(0.0)
    }
}

/// A fading mean of the work for each arrival.
#[derive(Clone, Copy, Debug, Default)]
struct WorkMean {
    arrivals: f64,
    work: f64,
}

impl WorkMean {
    fn observe(&mut self, fade: f64, arrivals: f64, work: f64) {
        self.arrivals = fade * self.arrivals + arrivals;
        self.work = fade * self.work + work;
    }

    fn mean(&self) -> f64 {
        if self.arrivals > 0.0 { self.work / self.arrivals } else { 0.0 }
    }
}

/// Level, trend, and what is left of the work seen when the next step comes. The first is "as it was".
const CANDIDATES: &[(f64, f64, f64)] = &[
    (1.0, 0.0, 0.0),
    (0.7, 0.0, 0.5),
    (0.4, 0.0, 0.7),
    (0.4, 0.1, 0.9),
    (0.15, 0.0, 0.9),
    (0.05, 0.0, 0.97),
];
/// How sharply a candidate with less error is preferred.
const SHARPNESS: i32 = 4;
/// What is left of a candidate's absolute error from one step to the next.
const ERROR_FADE: f64 = 0.98;

/// Forecasts the work of every pool a fixed number of steps ahead, from arrivals by archetype.
///
/// Several smoothings run side by side, each once without and once with the season where there is one. What each of
/// them said for a pool is compared with what came, and they are averaged, those with less fading absolute error far
/// more (after Bates and Granger 1969): nobody needs to tune.
#[derive(Clone, Debug)]
pub struct PoolForecast {
    candidates: Vec<Candidate>,
    /// What each candidate said for each pool, for the steps to come.
    said: VecDeque<Vec<Vec<f64>>>,
    ahead: usize,
    pools: usize,
}

#[derive(Clone, Debug)]
struct Candidate {
    arrivals: Vec<Forecaster>,
    work: Vec<Vec<WorkMean>>,
    fade: f64,
    /// By pool.
    error: Vec<f64>,
}

impl Candidate {
    fn ahead(&self, pool: usize, steps: usize) -> f64 {
        let each =
            |(forecaster, means): (&Forecaster, &Vec<WorkMean>)| forecaster.ahead(steps) * means[pool].mean();
        self.arrivals.iter().zip(&self.work).map(each).sum()
    }
}

/// The longest horizon, in steps.
pub const MAX_AHEAD: usize = 1440;

impl PoolForecast {
    /// For this many archetypes and pools, `ahead` steps ahead, with a season of `period` steps (0 for none).
    ///
    /// # Errors
    /// [`Error::Setting`] where the horizon or the period exceeds its bound.
    pub fn new(archetypes: usize, pools: usize, ahead: usize, period: usize) -> Result<Self, Error> {
        within("forecast.ahead", ahead as f64, 1.0, MAX_AHEAD as f64, "give 1 to 1440 steps")?;
        let mut candidates = Vec::new();
        for &(level, trend, fade) in CANDIDATES {
            for period in if period > 0 { vec![0, period] } else { vec![0] } {
                let smoothing = Smoothing { level, trend, period, ..Smoothing::default() };
                candidates.push(Candidate {
                    arrivals: (0..archetypes)
                        .map(|_| Forecaster::new(smoothing))
                        .collect::<Result<_, _>>()?,
                    work: vec![vec![WorkMean::default(); pools]; archetypes],
                    fade,
                    error: vec![0.0; pools],
                });
            }
        }
        Ok(Self { candidates, said: VecDeque::new(), ahead, pools })
    }

    /// One more step: arrivals by archetype, and work by archetype and pool.
    pub fn observe(&mut self, arrivals: &[f64], work: &[Vec<f64>]) {
        if self.said.len() == self.ahead
            && let Some(said) = self.said.pop_front()
        {
            for (candidate, guesses) in self.candidates.iter_mut().zip(said) {
                for (pool, (error, guess)) in candidate.error.iter_mut().zip(guesses).enumerate() {
                    let came: f64 = work.iter().filter_map(|pools| pools.get(pool)).sum();
                    *error = ERROR_FADE * *error + (guess - came).abs();
                }
            }
        }
        for candidate in &mut self.candidates {
            let rows = candidate.arrivals.iter_mut().zip(&mut candidate.work).zip(arrivals).zip(work);
            for (((forecaster, means), &count), pools) in rows {
                forecaster.observe(count);
                means
                    .iter_mut()
                    .zip(pools)
                    .for_each(|(mean, &work)| mean.observe(candidate.fade, count, work));
            }
        }
        let says =
            |candidate: &Candidate| (0..self.pools).map(|pool| candidate.ahead(pool, self.ahead)).collect();
        self.said.push_back(self.candidates.iter().map(says).collect());
    }

    /// The work of each pool at the horizon.
    #[must_use]
    pub fn ahead(&self) -> Vec<f64> {
        let of_pool = |pool: usize| {
            let (mut sum, mut weights) = (0.0, 0.0);
            for candidate in &self.candidates {
                let weight = (candidate.error[pool] + 1e-9).powi(-SHARPNESS);
                sum += weight * candidate.ahead(pool, self.ahead);
                weights += weight;
            }
            sum / weights
        };
        (0..self.pools).map(of_pool).collect()
    }
}

/// Errors of the forecasts over a history: the sum of absolute errors over the sum of the work, all pools together.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct Backtest {
    /// By archetype.
    pub archetypes: f64,
    /// All arrivals as one.
    pub aggregate: f64,
    /// Each pool's work stays as it is.
    pub unchanged: f64,
    /// Forecasts that were judged.
    pub forecasts: u64,
}

/// Goes through a history and forecasts `ahead` steps from each, after `warm_up` steps; `period` as in
/// [`PoolForecast::new`].
///
/// # Errors
/// [`Error::Empty`] where the history is not longer than warm-up and horizon; what [`Forecaster::new`] refuses.
pub fn backtest(demand: &Demand, ahead: usize, warm_up: usize, period: usize) -> Result<Backtest, Error> {
    let steps = demand.steps();
    let pools = demand.pools();
    let mut by_archetype = PoolForecast::new(demand.archetypes(), pools, ahead, period)?;
    let mut together = PoolForecast::new(1, pools, ahead, period)?;
    let (mut errors, mut total, mut forecasts) = ([0.0; 3], 0.0, 0);
    for (at, step) in steps.iter().enumerate() {
        let sums: Vec<f64> = (0..pools).map(|pool| step.pool_work(pool)).collect();
        by_archetype.observe(&step.arrivals, &step.work);
        together.observe(&[step.arrivals.iter().sum()], std::slice::from_ref(&sums));
        let Some(then) = steps.get(at + ahead).filter(|_| at + 1 >= warm_up) else { continue };
        let guesses = [by_archetype.ahead(), together.ahead(), sums];
        for pool in 0..pools {
            let actual = then.pool_work(pool);
            total += actual;
            errors.iter_mut().zip(&guesses).for_each(|(error, guess)| *error += (guess[pool] - actual).abs());
        }
        forecasts += 1;
    }
    if total <= 0.0 {
        return Err(Error::Empty {
            what: "the backtest",
            fix: "give a history longer than warm-up and horizon",
        });
    }
    let [archetypes, aggregate, unchanged] = errors.map(|error| error / total);
    Ok(Backtest { archetypes, aggregate, unchanged, forecasts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_followed_and_a_season_is_learned() {
        let mut line =
            Forecaster::new(Smoothing { damping: 1.0, trend: 0.3, ..Smoothing::default() }).unwrap();
        (0..200).for_each(|i| line.observe(10.0 + f64::from(i)));
        assert!((line.ahead(5) - 214.0).abs() < 0.5, "{}", line.ahead(5));
        let daily = Smoothing { level: 0.05, trend: 0.0, period: 24, ..Smoothing::default() };
        let mut season = Forecaster::new(daily).unwrap();
        let value = |i: u32| if i % 24 < 8 { 10.0 } else { 100.0 };
        (0..24 * 20).for_each(|i| season.observe(value(i)));
        for steps in [1, 7, 12, 23] {
            let (found, wanted) = (season.ahead(steps), value(24 * 20 + steps as u32 - 1));
            assert!((found - wanted).abs() < 8.0, "{steps}: {found} {wanted}");
        }
        assert!(Forecaster::new(Smoothing { level: 2.0, ..Smoothing::default() }).is_err());
    }

    /// The mix shifts while the total stays: only the forecast by archetype sees it coming in the arrivals.
    #[test]
    fn archetypes_see_a_mix_that_shifts() {
        let mut demand = Demand::new(60.0, 2, 2).unwrap();
        for step in 0..240_u64 {
            let chat = 500.0 + 400.0 * (step as f64 / 20.0).sin();
            let at = step * 60_000_000_000;
            demand.add(at, 0, 0, chat, chat * 1000.0).unwrap();
            demand.add(at, 1, 1, 1000.0 - chat, (1000.0 - chat) * 20_000.0).unwrap();
        }
        let found = backtest(&demand, 10, 20, 0).unwrap();
        assert!(found.archetypes < 0.9 * found.aggregate, "{found:?}");
        assert_eq!(found.forecasts, 240 - 10 - 19);
        assert!(backtest(&demand, 300, 0, 0).is_err());
    }
}
