//! Prefill apart from decode: what the planner says of a pair of sides, beside the token-step engines on the same requests.

use tollgate_core::Seed;
use tollgate_fleet::catalogue::Catalogue;
use tollgate_fleet::plan::{Problem, Space, Stream, Transfer, disaggregate};
use tollgate_fleet::service::{Profile, Serving};
use tollgate_fleet::sim::engine::{Disaggregated, EngineSpec, EngineTime, Link};
use tollgate_fleet::workload::{Arrivals, Cdf, Class, JointLengths, Part, Request, Slo, Workload};

const CONTEXT: u32 = 16_384;

fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() as f64 * share) as usize).min(values.len() - 1)]
}

/// The sides that are planned keep both promises when engines serve them, and neither is promised far too much.
#[test]
fn planned_sides_keep_their_promises_on_engines() {
    let shipped = Catalogue::shipped().unwrap();
    let (gpu, model) = (shipped.gpu("h100").unwrap(), shipped.model("llama-3.1-8b").unwrap());
    let profile = Profile::derive(gpu, model, &Serving::default()).unwrap();
    let cdf = Cdf::new(vec![(256, 0.2), (1024, 0.55), (4096, 0.9), (CONTEXT, 1.0)]).unwrap();
    let lengths = JointLengths::of_totals(&cdf, 0.2).unwrap();
    for (rate, ttft_ms, tpot_ms) in [(15.0, 1500.0, 25.0), (60.0, 700.0, 20.0)] {
        let slo = Slo { tpot_ms: Some(tpot_ms), ..Slo::ttft(ttft_ms) };
        let class = Class { name: "all".into(), slo };
        let streams = vec![Stream::new(class.clone(), lengths.clone(), rate)];
        let problem = Problem::new(streams, vec![profile.clone()], Space::one_pool(CONTEXT));
        let transfer = Transfer { bytes_per_s: 50e9, latency_s: 0.001 };
        let planned = disaggregate(&problem, transfer).unwrap();
        let blocks = profile.kv_tokens / 16;
        let engine = EngineSpec {
            context: CONTEXT,
            max_sequences: profile.sequences,
            max_batched_tokens: profile.chunk,
            ..EngineSpec::new(EngineTime::of_step(&profile.step), blocks)
        };
        let fleet = Disaggregated {
            prefill_engines: planned.prefill.instances as usize,
            prefill: EngineSpec { max_sequences: 1, ..engine },
            decode_engines: planned.decode.instances as usize,
            decode: engine,
            link: Link {
                bytes_per_s: transfer.bytes_per_s,
                latency_s: transfer.latency_s,
                kv_token_bytes: profile.kv_token_bytes,
            },
        };
        // Three replications: the 99th percentile of one is off by a tenth.
        let (mut ttft, mut tpot) = (Vec::new(), Vec::new());
        for seed in [11, 12, 13] {
            let arrivals = Arrivals::poisson(rate);
            let part = Part { class: class.clone(), arrivals, lengths: lengths.clone(), cached: 0.0 };
            let load = Workload { name: "split".into(), parts: vec![part] };
            let requests: Vec<Request> = load.requests(Seed(seed)).unwrap().take(12_000).collect();
            let found = fleet.serve(&requests).unwrap();
            assert_eq!((found.served.len(), found.refused), (requests.len(), 0), "no request is lost");
            for s in &found.served[2_000..] {
                // The planner has the transfer in the time to first token; the engine gives that token before it.
                let bytes = f64::from(s.prompt_tokens) * profile.kv_token_bytes;
                let moved = transfer.latency_s + bytes / transfer.bytes_per_s;
                ttft.push(s.first_s - s.arrival_s + moved);
                if s.output_tokens > 8 {
                    tpot.push((s.last_s - s.first_s - moved) / f64::from(s.output_tokens - 1));
                }
            }
        }
        let (ttft_p99, tpot_p99) = (quantile(ttft, 0.99) * 1e3, quantile(tpot, 0.99) * 1e3);
        let said = (planned.ttft_ms[0], planned.tpot_ms[0]);
        assert!(said.0 <= ttft_ms && said.1 <= tpot_ms, "{planned:?}");
        println!(
            "{rate}/s: TTFT {ttft_p99:.0} ms, said {:.0}; TPOT {tpot_p99:.1} ms, said {:.1}",
            said.0, said.1
        );
        assert!(ttft_p99 <= ttft_ms && tpot_p99 <= tpot_ms, "{rate}: {ttft_p99} and {tpot_p99}");
        // The planner has one queue for all prompts, and who takes the engine that is free first has the same.
        assert!((0.85..1.06).contains(&(ttft_p99 / said.0)), "{rate}: TTFT {ttft_p99} for {said:?}");
        assert!((0.6..1.1).contains(&(tpot_p99 / said.1)), "{rate}: TPOT {tpot_p99} for {said:?}");
    }
}
