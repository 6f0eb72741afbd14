//! Published serving points as iterations to plan with: how far the line is from the points themselves. The data is not
//! in the repository: without it the test says SKIPPED and passes.

#![expect(clippy::unwrap_used, reason = "helpers outside a test function fail or skip theirs")]

use std::io::Write as _;
use std::{fs::File, path::PathBuf};
use tollgate_fleet::calibrate::silicon::{Learned, roofline_alone};
use tollgate_fleet::calibrate::{Machine, machines};
use tollgate_fleet::catalogue::Catalogue;
use tollgate_fleet::trace::{SiliconPoint, Table, archive};

/// Mean distance of planned from measured times per token that is bearable, as a share. The roofline alone is off by more
/// than three tenths on the same points.
const BEARABLE: f64 = 0.25;

/// One engine's points, of which a machine can be made: few enough for a build without optimisation.
fn points(catalogue: &Catalogue) -> Option<Vec<SiliconPoint>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/traces/aiconfigurator-silicon/silicon_sample.csv.gz");
    if !path.exists() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is not here", path.display());
        return None;
    }
    let bytes = archive::unpack("silicon", File::open(path).unwrap()).unwrap();
    let all: Vec<SiliconPoint> = Table::new("silicon", bytes).unwrap().collect::<Result<_, _>>().unwrap();
    let chosen = |point: &SiliconPoint| {
        point.mode == "agg"
            && point.backend == "vllm"
            && point.attention_data_parallel <= 1
            && roofline_alone(catalogue, std::slice::from_ref(point)).is_ok()
    };
    Some(all.into_iter().filter(chosen).collect())
}

#[test]
fn a_plan_s_iteration_is_near_what_was_measured() {
    let catalogue = Catalogue::shipped().unwrap();
    let Some(points) = points(&catalogue) else { return };
    let learned = Learned::from_points(&catalogue, &points).unwrap();
    let found = machines(&catalogue, &learned, &points).unwrap();
    let mut off = Vec::new();
    for machine in &found {
        println!(
            "{}x{} {} {:?}: {} points, TPOT off {:.1} %, TTFT off {:.1} %, {:?}",
            machine.gpu,
            machine.tensor_parallel,
            machine.model,
            machine.weights,
            machine.points,
            machine.tpot_off * 100.0,
            machine.ttft_off * 100.0,
            machine.step
        );
    }
    for point in &points {
        let gpu = &catalogue.gpu(&point.system).unwrap().name;
        let same =
            |m: &&Machine| m.gpu == *gpu && m.tensor_parallel == point.tensor_parallel && m.is_of(point);
        let Some(machine) = found.iter().find(same) else { continue };
        let (n, i, o) =
            (f64::from(point.concurrency), f64::from(point.prompt_tokens), f64::from(point.output_tokens));
        let step_s =
            machine.step.seconds(n, n * (i + o / 2.0), 0.0) + machine.step.per_prefill_token_s * n * i / o;
        off.push((step_s * 1e3 / point.tpot_ms - 1.0).abs());
    }
    let mean = off.iter().sum::<f64>() / off.len() as f64;
    let alone = roofline_alone(&catalogue, &points).unwrap().1;
    println!(
        "{} machines of {} points: mean distance {:.1} %, the roofline alone {:.1} %",
        found.len(),
        off.len(),
        mean * 100.0,
        alone * 100.0
    );
    assert!(found.len() >= 4 && mean < BEARABLE && mean < alone, "{mean} {alone}");
}
