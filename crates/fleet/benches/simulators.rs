//! Speeds of the simulators in CPU seconds, each beside its bar and the reference's figure: the table of `docs/reports/fleet-speed.md`.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench that cannot start must stop, and prints"
)]

use tollgate_core::Seed;
use tollgate_fleet::service::StepTime;
use tollgate_fleet::sim::engine::{Engine, EngineSpec, EngineTime};
use tollgate_fleet::sim::slots::{Service, simulate_slots};
use tollgate_fleet::sim::{Limits, PoolSpec, RouterSpec, RunSpec, Scenario, simulate};
use tollgate_fleet::workload::{Arrivals, Cdf, Class, JointLengths, Request, Slo, Workload};

/// Nanoseconds that this process has spent on a CPU.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").expect("Linux");
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).expect("a number") / 1e9
}

fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("present");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).expect("a number") / 1024.0
}

/// Chat-like lengths: mean about 1,400 tokens.
fn workload(rate_per_s: f64) -> Workload {
    let cdf =
        Cdf::new(vec![(256, 0.2), (1024, 0.55), (2048, 0.8), (4096, 0.93), (8192, 1.0)]).expect("valid");
    Workload {
        name: "bench".into(),
        parts: vec![tollgate_fleet::workload::Part {
            class: Class { name: "chat".into(), slo: Slo::ttft(500.0) },
            arrivals: Arrivals::poisson(rate_per_s),
            lengths: JointLengths::of_totals(&cdf, 0.2).expect("valid"),
            cached: 0.0,
        }],
    }
}

/// An 80 GB GPU with a 70B model over 8: the reference's A100 figures, on a slope of the KV read.
fn scenario(instances: u32, requests: u64, two_choices: bool) -> Scenario {
    let step = StepTime {
        base_s: 0.008,
        per_sequence_s: 0.0,
        per_context_token_s: 0.65e-3 / 8192.0,
        per_prefill_token_s: 4e-6,
    };
    let limits = Limits { kv_tokens: 1_048_576, context: 8192, chunk: 512, ..Limits::slots(128) };
    let mut router = RouterSpec::default();
    router.place.two_choices = two_choices;
    Scenario {
        pools: vec![PoolSpec::new("all", instances, step, limits)],
        router,
        classes: vec![Class { name: "chat".into(), slo: Slo::ttft(500.0) }],
        run: RunSpec { requests, replications: 1, warm_up: 0.1, seed: Seed(42), ..RunSpec::default() },
    }
}

fn timed(job: &'static str, bar: f64, reference: f64, work: &dyn Fn() -> f64) {
    let start = cpu_s();
    let done = work();
    let per_cpu_s = done / (cpu_s() - start);
    let met = if per_cpu_s >= bar { "met" } else { "**missed**" };
    let times = per_cpu_s / reference;
    println!("| {job} | {per_cpu_s:.2e} | {bar:.0e} | {met} | {reference:.1e} | {times:.0} |");
}

fn requests(instances: u32, count: u64, two_choices: bool) -> f64 {
    let load = workload(7.0 * f64::from(instances));
    let outcome =
        simulate(&scenario(instances, count, two_choices), |seed| load.requests(seed)).expect("valid");
    assert!(outcome.pools[0].utilisation.mean > 0.2, "{outcome:?}");
    count as f64
}

fn slots(count: usize) -> f64 {
    let load = workload(200.0);
    let source = load.requests(Seed(42)).expect("valid").take(count);
    let service = |request: &Request| Service {
        prefill_s: f64::from(request.prompt_tokens.div_ceil(512)) * 0.0085,
        total_s: f64::from(request.prompt_tokens.div_ceil(512) + request.output_tokens) * 0.040,
    };
    let found = simulate_slots(3_060, source, 1_000, service).expect("valid");
    assert!(found.utilisation > 0.5, "{}", found.utilisation);
    count as f64
}

/// A saturated engine; output tokens.
fn engine(count: usize) -> f64 {
    let time = EngineTime {
        base_s: 0.02,
        per_sequence_s: 5e-5,
        per_context_token_s: 1e-7,
        per_token_s: 6e-5,
        free_tokens: 250.0,
        per_pair_s: 2e-9,
    };
    let mut engine = Engine::new(EngineSpec::new(time, 20_000)).expect("valid");
    let load = workload(6.0);
    let (mut tokens, mut ended) = (0u64, Vec::new());
    for request in load.requests(Seed(42)).expect("valid").take(count) {
        engine.run_until(request.arrival_ns as f64 / 1e9, &mut ended);
        engine.push(&request);
        tokens += ended.drain(..).map(|served| u64::from(served.output_tokens)).sum::<u64>();
    }
    engine.run_until(f64::INFINITY, &mut ended);
    tokens += ended.iter().map(|served| u64::from(served.output_tokens)).sum::<u64>();
    tokens as f64
}

fn main() {
    // `cargo bench -p tollgate-fleet --bench simulators -- --only 600` runs the rows whose names hold "600";
    // `-- --requests 100000000` asks for so many requests of each row that simulates requests.
    let option = |name: &str| std::env::args().skip_while(|arg| arg != name).nth(1);
    let only = option("--only").unwrap_or_default();
    let count = option("--requests").map_or(2_000_000, |n| n.parse().expect("a number of requests"));
    println!(
        "| job | per CPU second | bar | | reference | ratio |\n| --- | ---: | ---: | --- | ---: | ---: |"
    );
    let row = |job: &'static str, bar: f64, reference: f64, work: &dyn Fn() -> f64| {
        if job.contains(&only) {
            timed(job, bar, reference, work);
        }
    };
    row("drawing requests alone", 1e7, 4e5, &|| {
        let load = workload(200.0);
        let drawn = load.requests(Seed(1)).expect("valid").take(count as usize);
        drawn.filter(|request| request.arrival_ns > 0).count() as f64
    });
    row("slots, 3,060", 1e7, 4e5, &|| slots(count as usize));
    for (instances, bar, reference) in [(28, 3e6, 1.9e4), (600, 2e6, 1.1e3), (6_000, 2e6, 1.1e3)] {
        let name =
            |choice: &str| -> &'static str { format!("requests, {instances} instances, {choice}").leak() };
        row(name("least wait"), bar, reference, &|| requests(instances, count, false));
        row(name("two choices"), bar, reference, &|| requests(instances, count, true));
    }
    row("token-step engine, output tokens", 2e7, 1.4e5, &|| engine(20_000));
    println!("\nPeak memory {:.1} MiB; the bar is 64.", peak_mib());
}
