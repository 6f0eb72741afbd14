//! The simulators against queues with known answers: each on a grid, inside its 95 % interval.
//!
//! An instance whose iterations take a constant time is a queue with one server per slot; one whose iterations take time in
//! proportion to the active sequences is processor sharing. A 95 % interval misses one time in twenty, so each grid states
//! how many of its points may lie outside, and the seeds are fixed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper outside a test function fails its test, and prints"
)]

use tollgate_core::Seed;
use tollgate_fleet::rng::Stream;
use tollgate_fleet::service::StepTime;
use tollgate_fleet::sim::slots::{Service, simulate_slots};
use tollgate_fleet::sim::{Estimate, Limits, Outcome, PoolSpec, RouterSpec, RunSpec, Scenario, simulate};
use tollgate_fleet::workload::{Class, Request, Slo};

/// Mean output tokens: many, so that a whole number of them is as good as a real one.
const TOKENS: f64 = 100_000.0;

/// A distribution of services by its squared coefficient of variation.
#[derive(Clone, Copy, Debug)]
enum Law {
    Constant,
    Exponential,
    /// Two exponentials, mixed to a squared coefficient of variation of 4.
    Hyper,
}

impl Law {
    fn cv2(self) -> f64 {
        match self {
            Self::Constant => 0.0,
            Self::Exponential => 1.0,
            Self::Hyper => 4.0,
        }
    }

    fn draw(self, draws: &mut Stream) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Exponential => draws.exponential(),
            Self::Hyper => {
                // Balanced means: p/μ₁ = (1 - p)/μ₂ = 1/2.
                let p = 0.5 * (1.0 - (3.0f64 / 5.0).sqrt());
                let branch = if draws.unit() < p { p } else { 1.0 - p };
                draws.exponential() / (2.0 * branch)
            }
        }
    }
}

/// Poisson arrivals with services of mean 1 s at 1/[`TOKENS`] s a token.
fn source(seed: Seed, rate_per_s: f64, law: Law) -> impl Iterator<Item = Request> {
    let (mut gaps, mut services) = (Stream::new(seed, "gaps"), Stream::new(seed, "services"));
    let mut now_s = 0.0;
    std::iter::repeat_with(move || {
        now_s += gaps.exponential() / rate_per_s;
        let tokens = (law.draw(&mut services) * TOKENS).round().max(2.0) as u32;
        Request {
            arrival_ns: (now_s * 1e9) as u64,
            prompt_tokens: 1,
            output_tokens: tokens,
            ..Request::default()
        }
    })
}

fn run(step: StepTime, slots: u32, rate_per_s: f64, law: Law) -> Outcome {
    let limits = Limits { waiting: 10_000_000, ..Limits::slots(slots) };
    let scenario = Scenario {
        pools: vec![PoolSpec::new("all", 1, step, limits)],
        router: RouterSpec { output: tollgate_fleet::sim::OutputGuess::None, ..RouterSpec::default() },
        classes: vec![Class { name: "all".into(), slo: Slo::ttft(1e9) }],
        run: RunSpec { requests: 30_000, replications: 10, warm_up: 0.1, ..RunSpec::default() },
    };
    simulate(&scenario, |seed| Ok(source(seed, rate_per_s, law))).unwrap()
}

/// Erlang's C by the recursion of his B.
fn erlang_c(servers: u32, load: f64) -> f64 {
    let b = (1..=servers).fold(1.0, |b, k| load * b / (f64::from(k) + load * b));
    let rho = load / f64::from(servers);
    b / (1.0 - rho * (1.0 - b))
}

/// How many of the grid's points lie outside their intervals; each is printed.
fn outside(grid: Vec<(String, Estimate, f64)>) -> usize {
    let points = grid.len();
    let mut out = 0;
    for (name, found, exact) in grid {
        // Whole tokens and the sketch's buckets are the slack.
        let inside = found.holds(exact, 0.0005);
        println!(
            "{name:42} exact {exact:>9.5} found {:>9.5} ± {:.5} {}",
            found.mean,
            found.half_width,
            if inside { "" } else { "OUTSIDE" }
        );
        out += usize::from(!inside);
    }
    println!("{out} of {points} outside");
    out
}

#[test]
fn waiting_in_m_m_c_is_erlangs() {
    let mut grid = Vec::new();
    for servers in [1, 2, 8, 32] {
        for rho in [0.3, 0.6, 0.8] {
            let load = rho * f64::from(servers);
            let found = run(StepTime::constant(1.0 / TOKENS), servers, load, Law::Exponential);
            let wait = erlang_c(servers, load) / (f64::from(servers) - load);
            let name = format!("M/M/{servers} at {rho}");
            let class = &found.classes[0];
            let ms =
                |found: Estimate| Estimate { mean: found.mean / 1e3, half_width: found.half_width / 1e3 };
            grid.push((format!("{name}: mean stay"), ms(class.e2e_ms.mean), 1.0 + wait));
            grid.push((
                format!("{name}: mean wait + one token"),
                ms(class.ttft_ms.mean),
                wait + 1.0 / TOKENS,
            ));
            let pool = &found.pools[0];
            grid.push((format!("{name}: utilisation"), pool.utilisation, rho));
        }
    }
    assert!(outside(grid) <= 4, "one in twenty of 36, and their spread");
}

#[test]
fn waiting_in_m_g_1_is_pollaczeks_and_khinchines() {
    let mut grid = Vec::new();
    for law in [Law::Constant, Law::Exponential, Law::Hyper] {
        for rho in [0.3, 0.6, 0.8] {
            let found = run(StepTime::constant(1.0 / TOKENS), 1, rho, law);
            let wait = rho / (1.0 - rho) * (1.0 + law.cv2()) / 2.0;
            let ms = &found.classes[0].e2e_ms.mean;
            let stay = Estimate { mean: ms.mean / 1e3, half_width: ms.half_width / 1e3 };
            grid.push((format!("M/G/1 ({law:?}) at {rho}"), stay, 1.0 + wait));
        }
    }
    assert!(outside(grid) <= 1);
}

/// Processor sharing is insensitive: the mean stay is 1/(1 - ρ) whatever the law of services.
#[test]
fn processor_sharing_does_not_mind_the_law() {
    let step = StepTime { per_sequence_s: 1.0 / TOKENS, ..StepTime::constant(0.0) };
    let mut grid = Vec::new();
    for law in [Law::Constant, Law::Exponential, Law::Hyper] {
        for rho in [0.3, 0.6, 0.8] {
            let found = run(step, 1_000_000, rho, law);
            let ms = &found.classes[0].e2e_ms.mean;
            let stay = Estimate { mean: ms.mean / 1e3, half_width: ms.half_width / 1e3 };
            grid.push((format!("M/G/1-PS ({law:?}) at {rho}"), stay, 1.0 / (1.0 - rho)));
            grid.push((format!("M/G/1-PS ({law:?}) at {rho}: busy"), found.pools[0].busy, rho));
        }
    }
    assert!(outside(grid) <= 2);
}

/// Little's law: sequences in service are the rate times their mean time in service.
#[test]
fn littles_law_holds_in_every_run() {
    for (slots, rate) in [(4, 3.0), (64, 40.0)] {
        let step = StepTime { per_sequence_s: 2e-8, ..StepTime::constant(0.9 / TOKENS) };
        let found = run(step, slots, rate, Law::Hyper);
        let class = &found.classes[0];
        let service_s = (class.e2e_ms.mean.mean - class.ttft_ms.mean.mean) / 1e3;
        let active = found.pools[0].utilisation.mean * f64::from(slots);
        let little = found.rate_per_s.mean * service_s;
        assert!((active / little - 1.0).abs() < 0.01, "{active} {little}");
    }
}

/// The slot-level simulation: M/D/1 and M/D/c by the tables of the exact solution, M/M/c by Erlang.
#[test]
fn slots_are_servers() {
    let slot_run = |slots: usize, rho: f64, law: Law| {
        let waits: Vec<(f64, f64)> = (0..10)
            .map(|replication| {
                let seed = Seed(7).derive(&format!("{replication}"));
                let requests = source(seed, rho * slots as f64, law).take(80_000);
                let service = |request: &Request| {
                    let total_s = f64::from(request.output_tokens) / TOKENS;
                    Service { prefill_s: 0.0, total_s }
                };
                let found = simulate_slots(slots, requests, 20_000, service).unwrap();
                (found.waits_s.mean(), found.waited)
            })
            .collect();
        let of = |pick: fn(&(f64, f64)) -> f64| Estimate::of(&waits.iter().map(pick).collect::<Vec<f64>>());
        (of(|w| w.0), of(|w| w.1))
    };
    let mut grid = Vec::new();
    for (servers, rho) in [(1, 0.5), (4, 0.8), (64, 0.9)] {
        let load = rho * f64::from(servers);
        let (wait, waited) = slot_run(servers as usize, rho, Law::Exponential);
        let chance = erlang_c(servers, load);
        grid.push((format!("M/M/{servers} at {rho}: wait"), wait, chance / (f64::from(servers) - load)));
        grid.push((format!("M/M/{servers} at {rho}: waited"), waited, chance));
    }
    for (servers, rho) in [(1, 0.5), (1, 0.8), (2, 0.8), (8, 0.8)] {
        let (wait, _) = slot_run(servers as usize, rho, Law::Constant);
        grid.push((format!("M/D/{servers} at {rho}: wait"), wait, m_d_c_wait(servers, rho)));
    }
    assert!(outside(grid) <= 1);
}

/// The mean wait in M/D/c, service 1 (Crommelin 1932):
/// `Σ_{i≥1} e^{-iλ} [ Σ_{j≥ic} (iλ)^j / j! - (c/λ) Σ_{j>ic} (iλ)^j / j! ]`.
fn m_d_c_wait(servers: u32, rho: f64) -> f64 {
    let (c, lambda) = (f64::from(servers), rho * f64::from(servers));
    // Upper tail of a Poisson variate of mean `m`: P(X >= k).
    let tail = |m: f64, k: u32| {
        let log_first = -m + f64::from(k) * m.ln() - (1..=k).map(|j| f64::from(j).ln()).sum::<f64>();
        let (mut term, mut sum, mut j) = (log_first.exp(), 0.0, k);
        while term > 1e-18 * sum || j < k + 3 {
            sum += term;
            j += 1;
            term *= m / f64::from(j);
        }
        sum
    };
    (1..400)
        .map(|i| {
            let m = f64::from(i) * lambda;
            tail(m, i * servers) - c / lambda * tail(m, i * servers + 1)
        })
        .sum::<f64>()
}
