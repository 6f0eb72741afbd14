//! The reference's case as a problem of our planner: the same constants, without the faults.

use super::knots::Knots;
use super::optimize::Case;
use super::profile::Profile as Theirs;
use crate::Error;
use crate::plan::{Admission, Limits, Problem, Space, Stream};
use crate::power::{PowerCurve, PowerPoint};
use crate::service::{Basis, Profile, StepTime};
use crate::workload::{Cdf, Class, JointLengths, Slo};

/// Share of output in a total, as the reference splits it.
const OUTPUT_SHARE: f64 = 0.2;
/// Sequences of an instance: memory decides, as in the reference.
const SEQUENCES: u32 = 4096;
/// Batches at which the power curve is taken.
const DOUBLINGS: u32 = 12;

/// What an instance is billed and weighed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Billing {
    /// As the reference does: the stated profiles as one GPU.
    AsStated,
    /// All GPUs of the instance that the constants describe.
    Whole,
}

/// The problem: two pools at the case's boundary (one when it is at or beyond the context), its values of γ, its
/// lengths up to the context of the long pool, slots reserved for the longest request of each pool, at most 0.85 used.
/// Requests beyond that context are refused, so their share of the rate is left out.
///
/// # Errors
/// What [`Cdf::new`] and [`JointLengths::of_totals`] refuse, and [`Error::Empty`] when no request is short enough.
pub fn corrected(knots: &Knots, case: &Case, billing: Billing) -> Result<Problem, Error> {
    let cdf = Cdf::new(rising(knots))?;
    let context = case.long_context.max(case.boundary);
    let (kept, cdf) = cdf.between(0, context).ok_or(Error::Empty {
        what: "the lengths up to the context",
        fix: "raise the context of the long pool",
    })?;
    let lengths = JointLengths::of_totals(&cdf, OUTPUT_SHARE)?;
    let class = Class { name: "all".into(), slo: Slo::ttft(case.slo_ms) };
    let profiles = [&case.short, &case.long].map(|p| profile(p, billing));
    let mut space = Space { gammas: case.gammas.clone(), ..Space::two_pools(case.boundary, context) };
    space.compressible = case.compressible;
    let [short, long] = profiles;
    let profiles = if short == long { vec![short] } else { vec![short, long] };
    let stream = Stream::new(class, lengths, case.rate * kept);
    let limits = Limits {
        admission: Admission::Reserved,
        availability: case.availability.max(0.5),
        ..Limits::default()
    };
    Ok(Problem { limits, ..Problem::new(vec![stream], profiles, space) })
}

/// Knots with repeated lengths merged and an end at 1.
fn rising(knots: &Knots) -> Vec<(u32, f64)> {
    let mut rising: Vec<(u32, f64)> = Vec::with_capacity(knots.0.len());
    for &(tokens, share) in &knots.0 {
        match rising.last_mut() {
            Some(last) if last.0 == tokens => last.1 = share,
            _ => rising.push((tokens, share)),
        }
    }
    rising
}

fn profile(theirs: &Theirs, billing: Billing) -> Profile {
    let whole = billing == Billing::Whole;
    let gpus = if whole { theirs.gpus } else { theirs.billed_gpus };
    let micro = (theirs.price * 1e6).round() as i64;
    let price = micro.saturating_mul(i64::from(gpus)) / i64::from(theirs.billed_gpus.max(1));
    let per_prefill_token_s = theirs.prefill.map_or(0.0, |p| {
        let chunk = f64::from(theirs.chunk);
        let more = p.chunk_s(chunk, f64::from(theirs.context) / 2.0) - theirs.iteration_s(1, None);
        more.max(0.0) / chunk
    });
    Profile {
        name: theirs.name.clone(),
        gpu: theirs.name.clone(),
        gpus,
        step: StepTime {
            per_context_token_s: theirs.per_sequence_s / f64::from(theirs.context),
            per_prefill_token_s,
            ..StepTime::constant(theirs.base_s)
        },
        kv_tokens: theirs.blocks * u64::from(theirs.block),
        sequences: SEQUENCES,
        chunk: theirs.chunk,
        kv_token_bytes: 0.0,
        price_micro_per_hour: price,
        power: power(theirs),
        host_power_w: 0.0,
        basis: Basis::Stated,
    }
}

/// The stated curve at powers of two; a profile without one draws nothing that is known.
fn power(theirs: &Theirs) -> PowerCurve {
    let point = |batch: u32| {
        let watts = theirs.power_w(u64::from(batch)).unwrap_or(0.0);
        PowerPoint { batch: f64::from(batch), watts }
    };
    PowerCurve {
        trend: None,
        idle_w: theirs.power.map_or(0.0, |p| p.idle_w),
        points: (0..DOUBLINGS).map(|k| point(1 << k)).collect(),
        source: "the reference's constants".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::{a100, h100};
    use super::*;
    use crate::plan::plan;

    fn chat() -> Knots {
        Knots(vec![(512, 0.3), (2048, 0.8), (6144, 0.97), (8192, 0.999), (16_384, 1.0), (65_536, 1.0)])
    }

    /// The reference passes a 500 ms objective that its own iteration times break: the nearest that holds is named.
    #[test]
    fn prefill_at_the_operating_batch_breaks_what_the_reference_passes() {
        let case = Case::new(200.0, 500.0, 6144, a100(), a100());
        assert!(super::super::sweep(&chat(), &case).unwrap().iter().all(|row| row.slo_met));
        let why = plan(&corrected(&chat(), &case, Billing::AsStated).unwrap()).map(|p| p.worst_ttft_ms());
        // 13,107 prompt tokens are 26 chunks of no less than 8 ms beside others.
        assert!(why.is_ok_and(|ms| ms > 200.0));
    }

    #[test]
    fn eight_gpus_are_billed_as_eight() {
        let case = Case::new(200.0, 2000.0, 6144, h100(), h100());
        let [stated, whole] = [Billing::AsStated, Billing::Whole]
            .map(|b| plan(&corrected(&chat(), &case, b).unwrap()).unwrap());
        assert_eq!(whole.cost_micro_per_hour, 8 * stated.cost_micro_per_hour);
        assert_eq!(whole.gpus, 8 * stated.gpus);
        assert!(whole.energy.it_w > 7.9 * stated.energy.it_w);
    }

    #[test]
    fn requests_beyond_the_context_are_left_out_of_the_rate() {
        let case = Case { long_context: 8192, ..Case::new(100.0, 2000.0, 4096, a100(), a100()) };
        let problem = corrected(&chat(), &case, Billing::AsStated).unwrap();
        assert!((problem.streams[0].rate_per_s - 99.9).abs() < 1e-9);
    }
}
