//! The token-step engine against recorded vLLM runs.

use super::{Section, data, thorough};
use std::fs::File;
use tollgate_fleet::calibrate::engine::{Half, Recorded};
use tollgate_fleet::sim::engine::{EngineSpec, EngineTime};
use tollgate_fleet::trace::{ServedRequest, Table};

/// Recorded runs with what their files say of the engine. Where the number of blocks was not recorded, it follows from 90 % of
/// memory less the weights.
fn runs() -> Option<Vec<(&'static str, Recorded)>> {
    let spec = |max_sequences, max_batched_tokens, blocks| EngineSpec {
        max_sequences,
        max_batched_tokens,
        ..EngineSpec::new(EngineTime::default(), blocks)
    };
    let runs = [
        ("RTX4090_Llama-3.1-8B", spec(256, 2_048, 2_588)),
        ("RTXPRO6000_Llama-3.1-8B", spec(128, 2_048, 35_000)),
        ("RTXPRO6000_Qwen3-32B", spec(128, 2_048, 25_000)),
        // Two ranks that exchange experts go step by step together: one engine with twice the room.
        ("RTXPRO6000_Qwen3-30B-A3B-Instruct-2507", spec(256, 4_096, 40_000)),
    ];
    let read = |(name, spec)| {
        let path = data(&format!("llmservingsim-vllm-bench/{name}/requests.jsonl.gz"))?;
        let bytes = flate2::read::GzDecoder::new(File::open(path).unwrap());
        let mut requests: Vec<ServedRequest> =
            Table::new(name, bytes).unwrap().collect::<Result<_, _>>().unwrap();
        requests.sort_by(|a, b| a.arrival_s.total_cmp(&b.arrival_s));
        Some((name, Recorded { requests, spec, engines: 1 }))
    };
    runs.into_iter().map(read).collect()
}

pub(super) fn section() -> Option<Section> {
    let mut section = Section::default();
    section.line("## The token-step engine against recorded vLLM runs\n");
    section.line("Four runs of 300 requests (LLMServingSim's published benchmark, vLLM 0.19, MIT). The engine gets the arrivals and");
    section.line("lengths; its six coefficients are fitted to one half of the requests. Times count from the scheduler's first sight of a");
    section.line("request, as vLLM records them. Bars: TPOT and E2E within 5 %, TTFT within 10 % (means of the held-out half).\n");
    section.line("| run | fitted to | TTFT recorded ms | simulated | error | TPOT recorded ms | simulated | error | E2E error | |");
    section.line("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (name, run) in runs()? {
        let halves = [(Half::Even, "every other request"), (Half::Early, "the earlier half")];
        for (half, words) in halves.into_iter().take(if thorough() { 2 } else { 1 }) {
            let fit = run.fit(half).unwrap();
            let [ttft, tpot, e2e] = fit.errors();
            let verdicts = [
                section.promise(&format!("{name} TTFT"), ttft.abs(), 0.10),
                section.promise(&format!("{name} TPOT"), tpot.abs(), 0.05),
                section.promise(&format!("{name} E2E"), e2e.abs(), 0.05),
            ];
            let met = if verdicts.contains(&"missed") { "missed" } else { "met" };
            section.line(&format!(
                "| {name} | {words} | {:.0} | {:.0} | {:+.1} % | {:.1} | {:.1} | {:+.1} % | {:+.1} % | {met} |",
                fit.recorded.ttft_s * 1e3,
                fit.simulated.ttft_s * 1e3,
                ttft * 100.0,
                fit.recorded.tpot_s * 1e3,
                fit.simulated.tpot_s * 1e3,
                tpot * 100.0,
                e2e * 100.0,
            ));
        }
    }
    section.line("\nAll four runs are saturated: they test admission and batching well, light load hardly at all. The run of two ranks with");
    section.line("experts in parallel is simulated as one engine with twice the places and tokens, because the ranks wait for each other in every");
    section.line("step.\n");
    Some(section)
}
