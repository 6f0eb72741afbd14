//! Cost of planning: the reference's case, a joint search, and Erlang's formula.

#![expect(clippy::expect_used, reason = "a bench that cannot start must stop")]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use tollgate_fleet::catalogue::Catalogue;
use tollgate_fleet::plan::{Problem, Space, Stream, plan};
use tollgate_fleet::queue::erlang_c;
use tollgate_fleet::service::{Profile, Serving};
use tollgate_fleet::workload::{Cdf, Class, JointLengths, Slo};

/// Chat lengths in 18 knots, close to a public trace's.
const KNOTS: [(u32, f64); 18] = [
    (64, 0.008),
    (128, 0.028),
    (256, 0.068),
    (512, 0.289),
    (768, 0.364),
    (1024, 0.404),
    (1536, 0.657),
    (2048, 0.780),
    (3072, 0.869),
    (4096, 0.898),
    (6144, 0.976),
    (8192, 0.990),
    (12_288, 0.995),
    (16_384, 0.998),
    (24_576, 0.999),
    (32_768, 0.9995),
    (49_152, 0.9999),
    (65_536, 1.0),
];

fn problem(space: Space, gpus: &[&str]) -> Problem {
    let shipped = Catalogue::shipped().expect("shipped");
    let model = shipped.model("llama-3.1-70b").expect("shipped");
    let serving = Serving { tensor_parallel: 8, ..Serving::default() };
    let derive =
        |gpu: &&str| Profile::derive(shipped.gpu(gpu).expect("shipped"), model, &serving).expect("it fits");
    let cdf = Cdf::new(KNOTS.to_vec()).expect("a CDF");
    let lengths = JointLengths::of_totals(&cdf, 0.2).expect("lengths");
    let chat = Class { name: "chat".into(), slo: Slo::ttft(5000.0) };
    Problem::new(vec![Stream::new(chat, lengths, 200.0)], gpus.iter().map(derive).collect(), space)
}

/// Two pools, one boundary, eleven γ, one type of GPU: the bar is 1 ms.
#[divan::bench]
fn reference_case(bencher: Bencher<'_, '_>) {
    let asked = problem(Space::two_pools(6144, 65_536), &["h100-sxm"]);
    bencher.bench(|| plan(black_box(&asked)).expect("a fleet"));
}

/// Three pools over ten boundaries, eleven γ and three types of GPU: more than 1e5 fleets, the bar is 1 s on two cores.
#[divan::bench(sample_count = 10)]
fn joint_search(bencher: Bencher<'_, '_>) {
    let boundaries = [1024, 1536, 2048, 3072, 4096, 6144, 8192, 12_288, 16_384, 32_768].to_vec();
    let space = Space { pools: 3, boundaries, ..Space::two_pools(6144, 65_536) };
    let asked = problem(space, &["a100-sxm", "h100-sxm", "h200-sxm"]);
    let effort = plan(&asked).expect("a fleet").effort;
    assert!(effort.fleets >= 100_000, "{effort:?}");
    bencher.counter(ItemsCount::new(effort.fleets)).bench(|| plan(black_box(&asked)).expect("a fleet"));
}

/// Servers with 98 % of them busy.
#[divan::bench(args = [10.0, 1000.0, 30_000.0, 1_000_000.0])]
fn erlang(servers: f64) -> f64 {
    erlang_c(black_box(servers), black_box(servers * 0.98))
}

/// Servers with 60 % of them busy: the series.
#[divan::bench(args = [10.0, 999.0, 30_000.0, 1_000_000.0])]
fn erlang_series(servers: f64) -> f64 {
    erlang_c(black_box(servers), black_box(servers * 0.6))
}

fn main() {
    divan::main();
}
