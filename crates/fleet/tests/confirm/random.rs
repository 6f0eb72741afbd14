//! Random problems, planned and simulated: what the plan said beside what came of it.

use super::simulated;
use std::fmt::Write as _;
use std::ops::Range;
use tollgate_core::Seed;
use tollgate_fleet::catalogue::{Catalogue, Dtype};
use tollgate_fleet::plan::{Binding, ClassPlan, Problem, Space, Stream, plan};
use tollgate_fleet::rng::Stream as Draws;
use tollgate_fleet::service::{Profile, Serving};
use tollgate_fleet::workload::{Cdf, Class, JointLengths, Slo};

/// A log-uniform draw.
fn between(draws: &mut Draws, low: f64, high: f64) -> f64 {
    low * (high / low).powf(draws.unit())
}

fn pick<T: Copy>(draws: &mut Draws, of: &[T]) -> T {
    of[draws.below(of.len() as u64) as usize]
}

/// Lengths with a random middle and spread, cut at a context.
fn lengths(draws: &mut Draws, context: u32) -> JointLengths {
    let (middle, spread) = (between(draws, 300.0, 4000.0), between(draws, 0.4, 1.4));
    let knots = (-12..=12)
        .map(|k| (middle * (spread * f64::from(k) / 4.0).exp()) as u32)
        .filter(|&t| t > 8 && t < context);
    let mut knots: Vec<(u32, f64)> = knots.map(|t| (t, 0.0)).collect();
    knots.dedup_by_key(|k| k.0);
    for knot in &mut knots {
        let z = (f64::from(knot.0) / middle).ln() / spread;
        knot.1 = 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
    }
    knots.push((context, 1.0));
    JointLengths::of_totals(&Cdf::new(knots).unwrap(), between(draws, 0.03, 0.4)).unwrap()
}

pub(super) fn problem(seed: u64) -> Problem {
    let mut draws = Draws::new(Seed(seed), "problem");
    let shipped = Catalogue::shipped().unwrap();
    let (model, degree) = pick(
        &mut draws,
        &[("llama-3.1-8b", 1), ("llama-3.1-70b", 4), ("llama-3.1-70b", 8), ("qwen3-32b", 2)],
    );
    let serving = Serving {
        tensor_parallel: degree,
        weights: pick(&mut draws, &[Dtype::Fp16, Dtype::Fp8]),
        chunk: pick(&mut draws, &[512, 2048]),
        ..Serving::default()
    };
    let gpus = pick(&mut draws, &[&["h100-sxm"][..], &["a100-sxm", "h200-sxm"], &["h100-sxm", "b200-sxm"]]);
    let profiles = gpus.iter().map(|gpu| {
        Profile::derive(shipped.gpu(gpu).unwrap(), shipped.model(model).unwrap(), &serving).unwrap()
    });
    let profiles: Vec<Profile> = profiles.collect();
    let context = pick(&mut draws, &[8192, 16_384, 32_768]);
    let lengths = lengths(&mut draws, context);
    let mut slo = Slo::ttft(between(&mut draws, 500.0, 15_000.0));
    slo.percentile = pick(&mut draws, &[0.9, 0.95, 0.99]);
    slo.tpot_ms = pick(&mut draws, &[None, Some(30.0), Some(60.0)]);
    let class = Class { name: "all".into(), slo };
    let stream = Stream {
        arrival_cv2: pick(&mut draws, &[1.0, 1.0, 2.0, 4.0]),
        ..Stream::new(class, lengths, between(&mut draws, 2.0, 300.0))
    };
    let space = match draws.below(3) {
        0 => Space::one_pool(context),
        1 => Space { gammas: vec![1.0], ..Space::two_pools(pick(&mut draws, &[2048, 4096]), context) },
        _ => Space { gammas: vec![1.0, 1.5], ..Space::two_pools(pick(&mut draws, &[2048, 4096]), context) },
    };
    Problem::new(vec![stream], profiles, space)
}

/// A random problem with one objective that is bound by it: a share of what the fleet for its first objective gives; `None` where
/// another thing binds.
fn bound_by(
    seed: u64,
    stream: &str,
    objective: impl FnOnce(&ClassPlan, f64) -> Slo,
    binds: impl FnOnce(&Binding) -> bool,
) -> Option<Problem> {
    let mut asked = problem(seed);
    asked.space = Space::one_pool(asked.space.context);
    let lax = plan(&asked).ok()?;
    let share = 0.5 + 0.45 * Draws::new(Seed(seed), stream).unit();
    asked.streams[0].class.slo = Slo {
        percentile: asked.streams[0].class.slo.percentile,
        ..objective(&lax.pools[0].classes[0], share)
    };
    let found = plan(&asked).ok()?;
    binds(&found.pools[0].binding).then_some(asked)
}

/// One whose time to the first token binds.
pub(super) fn bound_by_first_token(seed: u64) -> Option<Problem> {
    let slo = |found: &ClassPlan, share| Slo::ttft(found.ttft_ms * share);
    bound_by(seed, "tight", slo, |binding| matches!(binding, Binding::Ttft(_)))
}

/// One whose end-to-end time binds.
pub(super) fn bound_by_end_to_end(seed: u64) -> Option<Problem> {
    let slo = |found: &ClassPlan, share: f64| Slo {
        ttft_ms: None,
        e2e_ms: Some(found.e2e_ms * (0.6 + 0.4 * share)),
        ..Slo::ttft(1.0)
    };
    bound_by(seed, "whole", slo, |binding| matches!(binding, Binding::EndToEnd(_)))
}

/// What became of some random problems.
#[derive(Default, Debug)]
pub(super) struct Tally {
    planned: usize,
    confirmed: usize,
    /// Plans over the simulator, ascending, of fleets with one pool: the mean time per output token.
    tpot: Vec<f64>,
    /// The same of the promised percentile of the time to first token.
    ttft: Vec<f64>,
    /// And of the end-to-end time.
    e2e: Vec<f64>,
}

impl Tally {
    /// Plans and simulates the problems of some seeds, long enough for the batches to turn over many times.
    pub(super) fn of(
        seeds: Range<u64>,
        least_requests: f64,
        problem: impl Fn(u64) -> Option<Problem>,
    ) -> Self {
        let mut tally = Self::default();
        for seed in seeds {
            let Some(asked) = problem(seed) else { continue };
            let Ok(found) = plan(&asked) else { continue };
            tally.planned += 1;
            let busy: f64 = found.pools.iter().map(|p| p.batch * f64::from(p.needed)).sum();
            let outcome = simulated(&asked, &found, (busy * 20.0).max(least_requests) as u64, seed);
            let class = &outcome.classes[0];
            let percentile = asked.streams[0].class.slo.percentile;
            let confirmed = class.attainment.mean >= percentile;
            tally.confirmed += usize::from(confirmed);
            if !confirmed {
                println!("{seed}: {:.4} within, {:?}", class.attainment.mean, asked.streams[0].class.slo);
            }
            if let [pool] = &found.pools[..] {
                let ours = &pool.classes[0];
                tally.tpot.push(ours.tpot_mean_ms / class.tpot_ms.mean.mean);
                tally.ttft.push(ours.ttft_ms / 1e3 / class.ttft_ms.all.quantile(percentile));
                tally.e2e.push(ours.e2e_ms / 1e3 / class.e2e_ms.all.quantile(percentile));
            }
        }
        for ratios in [&mut tally.tpot, &mut tally.ttft, &mut tally.e2e] {
            ratios.sort_by(f64::total_cmp);
        }
        tally
    }

    /// All but a few plans hold; the mean time per token and the promised percentile of the first are near the simulator's.
    pub(super) fn check(&self, least_planned: usize, most_refuted: usize) {
        assert!(self.planned >= least_planned && self.confirmed + most_refuted >= self.planned, "{self:?}");
        assert!((0.95..1.05).contains(&at(&self.tpot, 0.5)), "{:?}", self.tpot);
        assert!((1.0..1.35).contains(&at(&self.ttft, 0.5)), "{:?}", self.ttft);
        assert!(at(&self.ttft, 0.1) > 0.95 && at(&self.ttft, 0.9) < 1.8, "{:?}", self.ttft);
    }

    /// Where the end-to-end time binds, it is near the simulator's, on the safe side.
    pub(super) fn check_whole(&self, least_planned: usize, most_refuted: usize) {
        assert!(self.planned >= least_planned && self.confirmed + most_refuted >= self.planned, "{self:?}");
        assert!((1.0..1.2).contains(&at(&self.e2e, 0.5)), "{:?}", self.e2e);
        assert!(at(&self.e2e, 0.05) > 0.95 && at(&self.e2e, 0.95) < 1.4, "{:?}", self.e2e);
    }

    /// Share of the plans whose time to the first token is less than nine tenths of the simulator's.
    pub(super) fn too_low(&self) -> f64 {
        self.ttft.iter().filter(|ratio| **ratio < 0.9).count() as f64 / self.ttft.len() as f64
    }

    fn table(&self) -> String {
        let mut text = format!(
            "{} of {} plans hold: at least the promised share of requests is within every objective. Where the plan has one pool\n({} plans), what it said over what the simulator found:\n\n\
             | figure | lowest | 5 % | 25 % | median | 75 % | 95 % | highest |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
            self.confirmed,
            self.planned,
            self.tpot.len(),
        );
        for (name, ratios) in [
            ("mean time per output token", &self.tpot),
            ("promised percentile of the time to first token", &self.ttft),
            ("promised percentile of the end-to-end time", &self.e2e),
        ] {
            let cells =
                [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0].map(|share| format!("{:.2}", at(ratios, share)));
            // Writing to a string does not fail.
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
        let low = self.too_low() * 100.0;
        let _ =
            writeln!(text, "\nThe time to first token is more than a tenth too low in {low:.1} % of them.");
        text
    }
}

/// Tallies as a page: of any problems, and of those that the time to first token and the end-to-end time bind.
pub(super) fn report(any: &Tally, tight: &Tally, whole: &Tally, seeds: Range<u64>) -> String {
    format!(
        "# Analytic plans in simulation\n\nWritten by `UPDATE_REPORTS=1 cargo test --release -p tollgate-fleet --test confirm -- --ignored`. Random workloads, objectives, GPUs,\n\
         degrees, burstiness and spaces (seeds {} to {}) are planned, and each plan is simulated request by request with three\nreplications. `fleet plan` itself does not simulate: its time to first token has a margin that grows with the share of time that\nprompts take, chosen on other seeds.\n\n{}\n\
         ## Where the time to first token binds\n\nOne pool, with an objective of 0.5 to 0.95 of what the plan for the random objective gives.\n\n{}\n\
         ## Where the end-to-end time binds\n\nOne pool, with an objective of 0.8 to 0.98 of what the plan for the random objective gives.\n\n{}",
        seeds.start,
        seeds.end - 1,
        any.table(),
        tight.table(),
        whole.table(),
    )
}

fn at(ascending: &[f64], share: f64) -> f64 {
    ascending[((ascending.len() - 1) as f64 * share).round() as usize]
}
