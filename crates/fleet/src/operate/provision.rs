//! Sizing pools that archetypes share, against each one's worst case on its own.
//!
//! Worst case: every archetype gets what its own highest step needs, as if all peaks came at once. Mixed: a pool gets
//! what the highest `quantile` of the steps of *all together* need. Peaks that do not meet are the saving; the share of
//! steps that the mixed size does not cover is its price, and is told.

use super::Demand;
use crate::error::{Error, within};

/// Instances by pool under both rules.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct Provision {
    /// For the sum of the archetypes' own peaks.
    pub worst_case: Vec<u32>,
    /// For the quantile of all together.
    pub mixed: Vec<u32>,
    /// Share of the steps in which the mixed size is too small for some pool.
    pub uncovered: f64,
    /// Instances that mixing saves, as a share of the worst case.
    pub saving: f64,
}

/// Sizes each pool both ways; `instances` says how many a pool needs for work per second.
///
/// # Errors
/// [`Error::Empty`] where the history holds no step; [`Error::Setting`] where the quantile is not in 0..=1.
pub fn provision(
    demand: &Demand,
    quantile: f64,
    instances: impl Fn(usize, f64) -> u32,
) -> Result<Provision, Error> {
    within("quantile", quantile, 0.0, 1.0, "give a share between 0 and 1, as 0.999")?;
    if demand.steps().is_empty() {
        return Err(Error::Empty { what: "the demand", fix: "give at least one step" });
    }
    let sized = |pool: usize, work: f64| instances(pool, work / demand.step_s());
    let pools = 0..demand.pools();
    let peak = |pool: usize, archetype: usize| {
        demand.steps().iter().map(|step| step.work[archetype][pool]).fold(0.0, f64::max)
    };
    let worst_case: Vec<u32> = pools
        .clone()
        .map(|pool| (0..demand.archetypes()).map(|archetype| sized(pool, peak(pool, archetype))).sum())
        .collect();
    let mixed: Vec<u32> = pools
        .map(|pool| {
            let mut work: Vec<f64> = demand.steps().iter().map(|step| step.pool_work(pool)).collect();
            work.sort_by(f64::total_cmp);
            let at = ((work.len() as f64 * quantile).ceil() as usize).clamp(1, work.len()) - 1;
            sized(pool, work[at])
        })
        .collect();
    let short = |step: &&super::Step| {
        mixed.iter().enumerate().any(|(pool, &n)| sized(pool, step.pool_work(pool)) > n)
    };
    let uncovered = demand.steps().iter().filter(short).count() as f64 / demand.steps().len() as f64;
    let total = |sizes: &[u32]| sizes.iter().map(|&n| f64::from(n)).sum::<f64>();
    let saving = if total(&worst_case) > 0.0 { 1.0 - total(&mixed) / total(&worst_case) } else { 0.0 };
    Ok(Provision { worst_case, mixed, uncovered, saving })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_that_do_not_meet_are_saved_and_the_rest_is_told() {
        let mut demand = Demand::new(1.0, 2, 1).unwrap();
        // By day one archetype works, by night the other.
        for step in 0..100_u64 {
            let day = step % 2 == 0;
            demand.add(step * 1_000_000_000, 0, 0, 1.0, if day { 100.0 } else { 10.0 }).unwrap();
            demand.add(step * 1_000_000_000, 1, 0, 1.0, if day { 10.0 } else { 100.0 }).unwrap();
        }
        let ten_each = |_, work: f64| (work / 10.0).ceil() as u32;
        let sized = provision(&demand, 1.0, ten_each).unwrap();
        assert_eq!((sized.worst_case, sized.mixed), (vec![20], vec![11]));
        assert!(sized.uncovered == 0.0 && (sized.saving - 0.45).abs() < 1e-12);
        demand.add(0, 0, 0, 1.0, 500.0).unwrap();
        let sized = provision(&demand, 0.9, ten_each).unwrap();
        assert_eq!((sized.mixed, sized.uncovered), (vec![11], 0.01));
        assert!(provision(&demand, 2.0, ten_each).is_err());
        assert!(provision(&Demand::new(1.0, 1, 1).unwrap(), 1.0, ten_each).is_err());
    }

    #[test]
    fn demand_is_bounded_and_shaped() {
        let mut demand = Demand::new(1.0, 1, 1).unwrap();
        assert!(demand.add(super::super::MAX_STEPS as u64 * 1_000_000_000, 0, 0, 1.0, 1.0).is_err());
        assert!(demand.add(0, 1, 0, 1.0, 1.0).is_err() && demand.add(0, 0, 1, 1.0, 1.0).is_err());
    }
}
