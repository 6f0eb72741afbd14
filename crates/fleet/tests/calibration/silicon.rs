//! The learned roofline against published serving points.

use super::{Section, data, thorough};
use std::fs::File;
use tollgate_fleet::calibrate::silicon::{held_out, roofline_alone};
use tollgate_fleet::catalogue::Catalogue;
use tollgate_fleet::trace::{SiliconPoint, Table};

const FOLDS: usize = 5;
/// Fewer points to learn from, and so a harder test.
const QUICK_FOLDS: usize = 3;

type Grouping = fn(&SiliconPoint) -> String;

/// The 1,921 points on which the reference's profile was judged: one pool, three GPUs, dense and MoE models.
fn points() -> Option<Vec<SiliconPoint>> {
    let path = data("aiconfigurator-silicon/silicon_sample.csv.gz")?;
    let bytes = flate2::read::GzDecoder::new(File::open(path).unwrap());
    let all: Vec<SiliconPoint> = Table::new("silicon", bytes).unwrap().collect::<Result<_, _>>().unwrap();
    let models = [
        "Llama-3.1-8B-Instruct",
        "Llama-3.1-8B-Instruct-FP8",
        "Llama-3.1-70B",
        "Qwen3-32B",
        "Qwen3-235B-A22B-FP8",
        "DeepSeek-R1",
        "DeepSeek-V3",
    ];
    let chosen = |point: &SiliconPoint| {
        point.mode == "agg"
            && ["h100_sxm", "h200_sxm", "b200_sxm"].contains(&point.system.as_str())
            && models.contains(&point.model.rsplit('/').next().unwrap_or_default())
    };
    let points: Vec<SiliconPoint> = all.into_iter().filter(chosen).collect();
    assert_eq!(points.len(), 1_921);
    Some(points)
}

/// The benchmark run: its source without the concurrency, one run going over several.
fn run_of(source: &str) -> String {
    source.split("; ").filter(|part| !part.starts_with("silicon_concurrency=")).collect::<Vec<_>>().join("; ")
}

/// The file that it came from.
fn file_of(source: &str) -> String {
    source.split("; ").next().unwrap_or_default().into()
}

pub(super) fn section() -> Option<Section> {
    let points = points()?;
    let catalogue = Catalogue::shipped().unwrap();
    let mut section = Section::default();
    section.line("## Time to first token and per token against silicon\n");
    section.line("1,921 published points (AIConfigurator's sample, Apache-2.0): H100, H200 and B200; Llama 8B and 70B, Qwen3 32B and 235B,");
    section.line("DeepSeek V3/R1; vLLM, SGLang, TensorRT-LLM. Groups are held out whole, in five folds. Bars, held out by source (the column that");
    section.line("names the benchmark): TPOT 15 %, TTFT 30 %. The public reference's profile has 63 % and 84 % on these points.\n");
    section.line("| model | held out | groups | TPOT mean error | median | TTFT mean error | median | |");
    section.line("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let (ttft, tpot) = roofline_alone(&catalogue, &points).unwrap();
    section.line(&format!(
        "| roofline alone, nothing fitted | all | | {:.1} % | | {:.1} % | | |",
        tpot * 100.0,
        ttft * 100.0
    ));
    let ways: [(&str, Grouping); 3] = [
        ("by source", |point| point.source.clone()),
        ("by run, all its concurrencies", |point| run_of(&point.source)),
        ("by file", |point| file_of(&point.source)),
    ];
    let (ways, folds) = if thorough() { (&ways[..], FOLDS) } else { (&ways[..1], QUICK_FOLDS) };
    for (at, (words, group)) in ways.iter().enumerate() {
        let found = held_out(&catalogue, &points, folds, group).unwrap();
        assert_eq!(found.points, points.len());
        let verdict = if at == 0 {
            let tpot = section.promise("silicon TPOT", found.tpot_mean, 0.15);
            let ttft = section.promise("silicon TTFT", found.ttft_mean, 0.30);
            if tpot == ttft { tpot } else { "missed in part" }
        } else {
            ""
        };
        section.line(&format!(
            "| learned | {words} | {} | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {verdict} |",
            found.groups,
            found.tpot_mean * 100.0,
            found.tpot_median * 100.0,
            found.ttft_mean * 100.0,
            found.ttft_median * 100.0,
        ));
    }
    section.line("\nBy source, other concurrencies of the same configuration may have been seen. By run or by file they were not, and often nothing of");
    section.line("that model on that engine was: one run holds every Llama 70B point, so the last rows say how far the roofline carries to a model");
    section.line("that was never measured. TTFT is worst there: these are closed loops, in which a prompt waits for others by a factor that depends on");
    section.line(
        "each engine's admission and spans two orders of magnitude, and a few such points make the mean.\n",
    );
    Some(section)
}
