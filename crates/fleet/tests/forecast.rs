//! The forecasts on real traces: errors five to fifteen minutes ahead, and what mixing archetypes saves. The data is
//! not in the repository: without it each test says SKIPPED and passes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers outside a test function fail or skip theirs"
)]

use std::io::Write as _;
use std::{fs::File, path::PathBuf};
use tollgate_fleet::{
    operate::{
        Demand,
        forecast::{Backtest, backtest},
        provision,
    },
    trace::{Reader, archive, servegen},
    workload::{Cell, USUAL_BOUNDARY},
};

fn data(file: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/traces").join(file);
    if path.exists() {
        return Some(path);
    }
    let _ = writeln!(std::io::stderr(), "SKIPPED: {} is not here", path.display());
    None
}

/// Conversation and code as archetypes, a short and a long pool, work in tokens, minute by minute.
fn azure() -> Option<Demand> {
    let mut demand = Demand::new(60.0, 2, 2).unwrap();
    let start = [0, 77_299_370_000_u64]; // the code trace begins 77.3 s after the conversations
    for (archetype, kind) in ["conv", "code"].into_iter().enumerate() {
        let file = format!("azure-llm-2023/AzureLLMInferenceTrace_{kind}.csv.gz");
        let bytes = archive::unpack(&file, File::open(data(&file)?).unwrap()).unwrap();
        for request in Reader::new(&file, bytes).unwrap() {
            let request = request.unwrap();
            let pool = usize::from(request.total_tokens() > USUAL_BOUNDARY);
            let at_ns = request.arrival_ns + start[archetype];
            demand.add(at_ns, archetype, pool, 1.0, f64::from(request.total_tokens())).unwrap();
        }
    }
    Some(demand)
}

/// ServeGen's clients, grouped by their mean length into three archetypes, window by window.
fn servegen_clients(model: &str) -> Option<Demand> {
    let file = format!("servegen/{model}.tar.zst");
    let all = servegen::read(&file, File::open(data(&file)?).unwrap()).unwrap();
    let mut demand = Demand::new(servegen::WINDOW_S as f64, 3, 2).unwrap();
    for (client, lengths) in all.clients.values() {
        let (Some(client), Some(lengths)) = (client, lengths) else { continue };
        let mean = lengths.mean_of(Cell::total_tokens);
        let archetype = usize::from(mean > 1000.0) + usize::from(mean > 3000.0);
        let short = lengths.between(0, USUAL_BOUNDARY);
        let (share, work) =
            short.map_or((0.0, 0.0), |(share, part)| (share, share * part.mean_of(Cell::total_tokens)));
        for window in &client.windows {
            let arrivals = window.rate_per_s * servegen::WINDOW_S as f64;
            demand.add(window.start_ns, archetype, 0, arrivals, arrivals * work).unwrap();
            if share < 1.0 {
                demand.add(window.start_ns, archetype, 1, 0.0, arrivals * (mean - work)).unwrap();
            }
        }
    }
    Some(demand)
}

fn told(name: &str, minutes: f64, found: &Backtest) {
    let percent = |share: f64| share * 100.0;
    println!(
        "{name}, {minutes} min ahead, {} forecasts: by archetype {:.1} %, aggregate {:.1} %, unchanged {:.1} %",
        found.forecasts,
        percent(found.archetypes),
        percent(found.aggregate),
        percent(found.unchanged),
    );
}

#[test]
fn azure_five_to_fifteen_minutes_ahead() {
    let Some(demand) = azure() else { return };
    for ahead in [5, 10, 15] {
        let found = backtest(&demand, ahead, 10, 0).unwrap();
        told("azure 2023", ahead as f64, &found);
        assert!(found.archetypes < found.unchanged, "{found:?}");
        assert!(found.archetypes < found.aggregate, "{found:?}");
    }
}

#[test]
fn servegen_ten_minutes_ahead() {
    // Their errors, and a little: what forecasts worse than this was made worse.
    for (model, days, most) in [("m-small", 14, 0.122), ("deepseek-r1", 1, 0.118), ("mm-image", 1, 0.061)] {
        let Some(demand) = servegen_clients(model) else { return };
        let period = if days > 2 { 144 } else { 0 };
        let found = backtest(&demand, 1, 3.max(period), period).unwrap();
        told(model, servegen::WINDOW_S as f64 / 60.0, &found);
        assert!(found.archetypes < most, "{model}: {found:?}");
        // Ten minutes are one step of theirs, over which the mix of archetypes hardly moves: all three are alike.
        assert!(found.archetypes < found.aggregate * 1.03, "{model}: {found:?}");
        assert!(found.archetypes < found.unchanged * 1.1, "{model}: {found:?}");
    }
}

#[test]
fn mixing_archetypes_saves_instances() {
    let Some(demand) = azure() else { return };
    for (name, demand) in [("azure 2023", Some(demand)), ("m-small", servegen_clients("m-small"))] {
        let Some(demand) = demand else { return };
        // An instance that does 1/20 of the highest work of either pool.
        let peaks: Vec<f64> = (0..2)
            .map(|p| demand.steps().iter().map(|s| s.pool_work(p)).fold(0.0, f64::max) / demand.step_s())
            .collect();
        let sized = provision(&demand, 0.99, |pool, work| (work / peaks[pool] * 20.0).ceil() as u32).unwrap();
        println!(
            "{name}: worst case {:?}, mixed at P99 {:?}: {:.1} % fewer, {:.2} % of the steps not covered",
            sized.worst_case,
            sized.mixed,
            sized.saving * 100.0,
            sized.uncovered * 100.0,
        );
        assert!(sized.saving > 0.0 && sized.uncovered <= 0.02, "{sized:?}");
    }
}
