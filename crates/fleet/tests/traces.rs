//! Every public trace loads with its exact row count. The data is not in the repository: without it each test says
//! SKIPPED and passes.

#![expect(clippy::unwrap_used, reason = "helpers outside a test function fail or skip theirs")]

use std::io::Write as _;
use std::{fs::File, path::PathBuf};
use tollgate_core::Seed;
use tollgate_fleet::{
    trace::{
        PerformancePoint, Profile, Reader, Report, ServedRequest, SiliconPoint, Table, archive, golden,
        servegen,
    },
    workload::{Archetype, Arrivals, Cdf, NS_PER_S, Request, USUAL_BOUNDARY},
};

/// A file of the traces; `None`, said loudly, where it is absent.
fn data(file: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/traces").join(file);
    if path.exists() {
        return Some(path);
    }
    let _ = writeln!(std::io::stderr(), "SKIPPED: {} is not here", path.display());
    None
}

fn load(file: &str) -> Option<(Vec<Request>, Report)> {
    let path = data(file)?;
    let mut reader = Reader::new(file, archive::unpack(file, File::open(path).unwrap()).unwrap()).unwrap();
    let requests = reader.by_ref().collect::<Result<_, _>>().unwrap();
    Some((requests, reader.report().clone()))
}

fn profile(requests: &[Request]) -> Profile {
    Profile::of(requests.iter().cloned().map(Ok)).unwrap()
}

#[test]
fn request_traces_have_their_rows_and_spans() {
    for (file, rows, span_s) in [
        ("azure-llm-2023/AzureLLMInferenceTrace_conv.csv.gz", 19_366, 3_502.0),
        ("azure-llm-2023/AzureLLMInferenceTrace_code.csv.gz", 8_819, 3_436.0),
        ("mooncake-fast25/conversation_trace.jsonl.gz", 12_031, 3_537.0),
        ("mooncake-fast25/synthetic_trace.jsonl.gz", 3_993, 1_022.0),
        ("vidur-processed/splitwise_conv.csv.gz", 19_366, 3_502.0),
        ("vidur-processed/splitwise_code.csv.gz", 8_819, 3_436.0),
        ("vidur-processed/arxiv_summarization_stats_llama2_tokenizer_filtered_v2.csv.gz", 28_257, 0.0),
        ("llmservingsim-vllm-bench/RTX4090_Llama-3.1-8B/requests.jsonl.gz", 300, 29.1),
        ("llmservingsim-vllm-bench/RTXPRO6000_Llama-3.1-8B/requests.jsonl.gz", 300, 29.1),
        ("llmservingsim-vllm-bench/RTXPRO6000_Qwen3-30B-A3B-Instruct-2507/requests.jsonl.gz", 300, 29.1),
        ("llmservingsim-vllm-bench/RTXPRO6000_Qwen3-32B/requests.jsonl.gz", 300, 29.1),
    ] {
        let Some((requests, report)) = load(file) else { return };
        assert_eq!(
            (requests.len(), report.rows, report.bad),
            (rows, rows as u64, 0),
            "{file}: {:?}",
            report.samples
        );
        let measured = profile(&requests).span_s();
        assert!((measured - span_s).abs() < 1.0, "{file}: {measured} s");
    }
}

#[test]
fn what_is_known_of_the_traces_is_found_in_them() {
    let Some((conv, _)) = load("azure-llm-2023/AzureLLMInferenceTrace_conv.csv.gz") else { return };
    let Some((code, _)) = load("azure-llm-2023/AzureLLMInferenceTrace_code.csv.gz") else { return };
    let Some((talk, _)) = load("mooncake-fast25/conversation_trace.jsonl.gz") else { return };
    let Some((made, _)) = load("mooncake-fast25/synthetic_trace.jsonl.gz") else { return };
    let near = |what: &str, found: f64, stated: f64, by: f64| {
        assert!((found / stated - 1.0).abs() < by, "{what}: {found} where {stated} is stated");
    };
    near("conv CV²", profile(&conv).gaps_cv2().unwrap(), 1.20, 0.01);
    near("code CV²", profile(&code).gaps_cv2().unwrap(), 173.0, 0.01);
    near("conversation CV²", profile(&talk).gaps_cv2().unwrap(), 9.20, 0.01);
    let (hits, unique) = profile(&talk).prefix_hits().unwrap();
    near("conversation hits", hits, 0.366, 0.002);
    assert_eq!(unique, 182_790);
    let (hits, unique) = profile(&made).prefix_hits().unwrap();
    near("synthetic hits", hits, 0.640, 0.002);
    assert_eq!(unique, 43_924);
    let lengths = profile(&code).lengths().unwrap();
    near(
        "code output share",
        lengths.mean_output() / (lengths.mean_output() + lengths.mean_prompt()),
        0.013,
        0.05,
    );
    // The joint lengths draw what was recorded.
    let arrivals = Arrivals::Replay(conv.iter().map(|r| r.arrival_ns).collect::<Vec<_>>().into());
    assert_eq!(arrivals.stream(Seed(0)).unwrap().count(), conv.len());
}

#[test]
fn both_azure_files_together_are_the_published_cdf() {
    let Some((mut both, _)) = load("azure-llm-2023/AzureLLMInferenceTrace_conv.csv.gz") else { return };
    let Some((code, _)) = load("azure-llm-2023/AzureLLMInferenceTrace_code.csv.gz") else { return };
    let Some(path) = data("cdf/azure_cdf.json") else { return };
    let published = Cdf::from_json(&std::fs::read(path).unwrap()).unwrap();
    both.extend(code);
    let knots: Vec<u32> = published.knots().iter().map(|&(tokens, _)| tokens).collect();
    let ours = profile(&both).totals().cdf_at(&knots).unwrap();
    for (ours, theirs) in ours.knots().iter().zip(published.knots()) {
        assert!((ours.1 - theirs.1).abs() < 1e-12, "{ours:?} {theirs:?}");
    }
}

#[test]
fn published_cdfs_have_the_shapes_that_the_literature_gives_them() {
    for (file, shape) in [
        ("azure_cdf.json", Archetype::ConcentratedBelow),
        ("lmsys_cdf.json", Archetype::Dispersed),
        ("lmsys_multiturn_cdf.json", Archetype::Dispersed),
        ("agent_heavy_cdf.json", Archetype::ConcentratedAbove),
    ] {
        let Some(path) = data(&format!("cdf/{file}")) else { return };
        let cdf = Cdf::from_json(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(cdf.knots().len(), 18);
        assert_eq!(Archetype::of(&cdf, USUAL_BOUNDARY), shape, "{file}");
    }
}

#[test]
fn measured_tables_have_their_rows() {
    let Some(path) = data("aiconfigurator-silicon/silicon_sample.csv.gz") else { return };
    let bytes = archive::unpack("silicon", File::open(path).unwrap()).unwrap();
    let mut table = Table::<_, SiliconPoint>::new("silicon", bytes).unwrap();
    let points: Vec<SiliconPoint> = table.by_ref().collect::<Result<_, _>>().unwrap();
    assert_eq!((points.len(), table.report().bad), (5_221, 0), "{:?}", table.report().samples);
    assert_eq!(points.iter().filter(|p| p.mode == "agg").count(), 3_619);
    assert!(points.iter().all(|p| p.ttft_ms > 0.0 && p.tpot_ms > 0.0 && p.concurrency > 0));

    let Some(path) = data("splitwise-perf-model/perf_model.csv.gz") else { return };
    let bytes = archive::unpack("perf", File::open(path).unwrap()).unwrap();
    let mut table = Table::<_, PerformancePoint>::new("perf", bytes).unwrap();
    assert_eq!(table.by_ref().filter_map(Result::ok).count(), 1_260);
    assert_eq!(table.report().bad, 0);

    let Some(path) = data("llmservingsim-vllm-bench/RTXPRO6000_Qwen3-32B/requests.jsonl.gz") else { return };
    let bytes = archive::unpack("run", File::open(path).unwrap()).unwrap();
    let served: Vec<ServedRequest> = Table::new("run", bytes).unwrap().collect::<Result<_, _>>().unwrap();
    let ttft_ms =
        served.iter().map(|r| (r.first_token_s - r.queued_s) * 1e3).sum::<f64>() / served.len() as f64;
    assert!((ttft_ms / 36_905.0 - 1.0).abs() < 0.01, "{ttft_ms}");
}

/// Runs of each golden file, and the requests that they completed.
#[test]
fn golden_runs_have_their_counts() {
    for (file, runs, completed) in [
        ("goldendataset.json", 5, 1_900),
        ("trained_physics_iter29.json", 15, 98_400),
        ("roofline_goldendataset.json", 15, 98_400),
    ] {
        let Some(path) = data(&format!("blis-golden/{file}")) else { return };
        let read = golden(file, &std::fs::read(path).unwrap()).unwrap();
        let sum: u64 = read.iter().map(|run| run.outcome.completed).sum();
        assert_eq!((read.len(), sum), (runs, completed), "{file}");
        assert!(read.iter().all(|run| run.outcome.ttft_mean_ms > 0.0 && run.blocks > 0 && run.sequences > 0));
    }
}

/// Every file of every folder of traces is read by a test of this file, or says why it is not.
#[test]
fn every_file_has_a_reader_or_a_reason() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/traces");
    let Ok(folders) = std::fs::read_dir(&root) else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is not here", root.display());
        return;
    };
    let mut found: Vec<PathBuf> = folders.map(|entry| entry.unwrap().path()).collect();
    let mut left = Vec::new();
    let mut read = 0;
    while let Some(path) = found.pop() {
        if path.is_dir() {
            found.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let known = FILES.iter().find(|(pattern, _)| fits(pattern, &name));
        match known {
            Some((_, Some(_why_not))) => {}
            Some((_, None)) => read += 1,
            None => left.push(name),
        }
    }
    assert!(left.is_empty(), "neither read nor excused: {left:?}");
    assert_eq!(read, 25, "files that tests read");
}

/// Files by pattern (one `*` for anything), with why one is not read.
const FILES: &[(&str, Option<&str>)] = &[
    ("azure-llm-2023/AzureLLMInferenceTrace_*.csv.gz", None),
    ("mooncake-fast25/*.jsonl.gz", None),
    ("vidur-processed/*.csv.gz", None),
    ("llmservingsim-vllm-bench/*/requests.jsonl.gz", None),
    ("servegen/*.tar.zst", None),
    ("cdf/*.json", None),
    ("splitwise-perf-model/perf_model.csv.gz", None),
    ("aiconfigurator-silicon/silicon_sample.csv.gz", None),
    (
        "blis-golden/hardware_config.json",
        Some("peaks and efficiencies of four GPUs, which the catalogue has"),
    ),
    ("blis-golden/*.json", None),
    (
        "aiconfigurator-silicon/ops/*.parquet",
        Some("times of single kernels, not requests; no reader of Parquet"),
    ),
    (
        "aiconfigurator-silicon/ops/*system.yaml",
        Some("peaks of GPUs, which the catalogue has with their source"),
    ),
    ("llmservingsim-vllm-bench/*/summary.txt", Some("that simulator's own summary of the run")),
    (
        "llmservingsim-vllm-bench/*/timeseries.csv",
        Some("state of the engine by seconds, which nothing fits to"),
    ),
    (
        "llmservingsim-vllm-bench/*.json",
        Some("arguments of the engine and of that simulator, taken over by hand"),
    ),
    ("*README.md", Some("words")),
    ("*LICENSE", Some("words")),
];

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => {
            name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
        }
    }
}

/// An archive of clients is a workload; one of arrivals alone says what is missing.
#[test]
fn servegen_archives_are_workloads() {
    let read = |file: &str| {
        let path = data(file)?;
        assert!(archive::is_tar(file, File::open(&path).unwrap()).unwrap(), "{file}");
        Some(servegen::read(file, File::open(path).unwrap()).unwrap())
    };
    let Some(clients) = read("servegen/mm-image.tar.zst") else { return };
    let workload = clients.workload("images").unwrap();
    let drawn: Vec<Request> = workload.requests(Seed(1)).unwrap().take(50_000).collect();
    let hours = drawn[drawn.len() - 1].arrival_ns as f64 / NS_PER_S / 3600.0;
    let mean: f64 = clients.arrivals().iter().map(|client| client.mean_rate_per_s()).sum();
    // The first hours of a day are not its mean, nor far from it.
    let rate = drawn.len() as f64 / hours / 3600.0;
    assert!((0.3..3.0).contains(&(rate / mean)), "{rate} {mean}");
    let Some(arrivals) = read("servegen/m-large-traces-only.tar.zst") else { return };
    let why = arrivals.workload("large").unwrap_err().to_string();
    assert!(why.contains("dataset.json") && arrivals.without_lengths() > 100, "{why}");
    let Some(table) = data("azure-llm-2023/AzureLLMInferenceTrace_conv.csv.gz") else { return };
    assert!(!archive::is_tar("azure", File::open(table).unwrap()).unwrap());
}

#[test]
fn servegen_has_its_clients_and_windows() {
    let mut clients = 0;
    for (file, wanted, windows, with_lengths) in [
        ("deepseek-r1", 73, 10_512, true),
        ("mm-image", 35, 5_040, true),
        ("m-small", 43, 86_688, true),
        ("m-mid-traces-only", 109, 219_744, false),
        ("m-large-traces-only", 162, 326_592, false),
    ] {
        let Some(path) = data(&format!("servegen/{file}.tar.zst")) else { return };
        let all = servegen::read(file, File::open(path).unwrap()).unwrap();
        let with_windows = all.clients.values().filter(|(client, _)| client.is_some()).count();
        assert_eq!(
            (with_windows, all.report.rows, all.report.bad, all.other_members),
            (wanted, windows, 0, 0),
            "{file}"
        );
        assert_eq!(all.lengths().is_ok(), with_lengths, "{file}");
        clients += with_windows;
        let arrivals = Arrivals::Clients(all.arrivals());
        let rate = arrivals.mean_rate_per_s();
        let hours = 6.0;
        let drawn = arrivals
            .stream(Seed(1))
            .unwrap()
            .take_while(|&t| t < (hours * 3600.0 * NS_PER_S) as u64)
            .take(200_000);
        assert!(rate > 0.0 && drawn.count() > 0, "{file}");
    }
    assert_eq!(clients, 422);
}
