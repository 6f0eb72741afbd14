//! The engine against itself without jumps, and its rules one by one.

use super::*;
use crate::rng::Stream;
use crate::workload::{Prefix, Request};
use proptest::prelude::*;
use tollgate_core::Seed;

const TIME: EngineTime = EngineTime {
    base_s: 0.02,
    per_sequence_s: 1e-4,
    per_context_token_s: 1e-7,
    per_token_s: 1e-5,
    free_tokens: 100.0,
    per_pair_s: 1e-9,
};

fn spec(blocks: u64) -> EngineSpec {
    EngineSpec { max_sequences: 16, max_batched_tokens: 256, ..EngineSpec::new(TIME, blocks) }
}

fn requests(seed: u64, count: usize, rate_per_s: f64, hashes: bool) -> Vec<Request> {
    let mut draws = Stream::new(Seed(seed), "engine");
    let mut now_s = 0.0;
    (0..count)
        .map(|_| {
            now_s += draws.exponential() / rate_per_s;
            let prompt_tokens = 1 + draws.below(700) as u32;
            let topic = draws.below(4);
            let blocks: Vec<u64> = (0..u64::from(prompt_tokens / 64)).map(|at| topic << 32 | at).collect();
            Request {
                arrival_ns: (now_s * 1e9) as u64,
                prompt_tokens,
                output_tokens: 1 + draws.below(120) as u32,
                prefix: if hashes { Prefix::of(&blocks) } else { Prefix::default() },
                cached_tokens: if topic == 0 { prompt_tokens / 2 } else { 0 },
                ..Request::default()
            }
        })
        .collect()
}

fn run(spec: EngineSpec, requests: &[Request], jumps: bool) -> (Vec<Served>, Engine) {
    let mut engine = Engine::new(spec).unwrap();
    engine.jumps = jumps;
    let mut ended = Vec::new();
    for request in requests {
        engine.run_until(request.arrival_ns as f64 / 1e9, &mut ended);
        engine.push(request);
    }
    engine.run_until(f64::INFINITY, &mut ended);
    ended.sort_by_key(|served| served.index);
    (ended, engine)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Jumping changes nothing; every request ends or is refused, all blocks come back, and times are in order.
    #[test]
    fn jumps_are_exact_and_nothing_is_lost(
        seed in any::<u64>(), blocks in 20u64..400, rate in 0.2f64..30.0, hashes in any::<bool>(),
    ) {
        let spec = EngineSpec { hash_tokens: if hashes { 64 } else { 0 }, ..spec(blocks) };
        let requests = requests(seed, 120, rate, hashes);
        let (jumped, engine) = run(spec, &requests, true);
        let (stepped, slow) = run(spec, &requests, false);
        prop_assert_eq!(engine.iterations(), slow.iterations());
        prop_assert_eq!(engine.preemptions(), slow.preemptions());
        prop_assert_eq!(jumped.len() + engine.refused().len(), requests.len());
        prop_assert_eq!((engine.kv.available(), engine.in_flight()), (blocks, 0));
        for (a, b) in jumped.iter().zip(&stepped) {
            prop_assert!(a.index == b.index && a.preemptions == b.preemptions && a.cached_tokens == b.cached_tokens);
            prop_assert!((a.first_s - b.first_s).abs() < 1e-6 && (a.last_s - b.last_s).abs() < 1e-6, "{a:?} {b:?}");
            prop_assert!(a.arrival_s <= a.queued_s && a.queued_s <= a.scheduled_s);
            prop_assert!(a.scheduled_s < a.first_s && a.first_s <= a.last_s);
        }
    }
}

fn one(prompt_tokens: u32, output_tokens: u32) -> Request {
    Request { prompt_tokens, output_tokens, ..Request::default() }
}

#[test]
fn a_prompt_is_read_in_chunks_beside_the_decodes() {
    let (served, engine) = run(spec(1_000), &[one(1, 50), one(600, 2)], true);
    // 256 tokens an iteration, one of them the other request's from the second on: 255 + 255 + 90.
    assert_eq!(served[1].scheduled_s, 0.0);
    let chunks = [(256.0, 255.0, 0.0), (256.0, 255.0, 255.0), (91.0, 90.0, 510.0)];
    let first_s: f64 = chunks
        .iter()
        .enumerate()
        .map(|(at, (tokens, prompt, before))| {
            // The decode's context: none in the first iteration, which is its prefill, then one more each.
            let context = if at == 0 { 0.0 } else { at as f64 };
            let pairs = prompt * (before + prompt / 2.0) + if at == 0 { 0.5 } else { 0.0 };
            0.02 + 2e-4 + 1e-7 * context + 1e-5 * (tokens - 100.0f64).max(0.0) + 1e-9 * pairs
        })
        .sum();
    assert!((served[1].first_s - first_s).abs() < 1e-9, "{} {first_s}", served[1].first_s);
    assert_eq!(engine.iterations(), 50);
}

#[test]
fn the_last_admitted_starts_over_when_memory_is_short() {
    // Two sequences of 100 + 60 tokens need 10 blocks each at the end; there are 16.
    let (served, engine) = run(spec(16), &[one(100, 60), one(100, 60)], true);
    assert_eq!((served[0].preemptions, served[1].preemptions, engine.preemptions()), (0, 1, 1));
    assert!(served[1].last_s > served[0].last_s && served[1].first_s == served[0].first_s);
}

/// Reference: a request longer than its pool was evicted and admitted for ever.
#[test]
fn what_can_never_fit_is_refused_at_the_door() {
    let requests = [one(100, 60), one(300, 1), one(100, 157), one(5, 5)];
    let (served, engine) = run(spec(16), &requests, true);
    assert_eq!(engine.refused(), [1, 2]);
    assert_eq!(served.iter().map(|s| s.index).collect::<Vec<_>>(), [0, 3]);
    let short = EngineSpec { context: 9, ..spec(16) };
    assert_eq!(run(short, &requests, true).1.refused(), [0, 1, 2, 3]);
}

#[test]
fn a_known_prefix_is_not_computed_again() {
    let spec = EngineSpec { hash_tokens: 64, ..spec(1_000) };
    let blocks: Vec<u64> = (0..10).collect();
    let long = Request { prefix: Prefix::of(&blocks), ..one(640, 2) };
    let later = Request { arrival_ns: 10_000_000_000, ..long.clone() };
    let other = Request { arrival_ns: 20_000_000_000, prefix: Prefix::of(&[0, 1, 2, 77, 4]), ..long.clone() };
    let (served, _) = run(spec, &[long, later, other], true);
    // All but the last token could be known, but whole stretches only: 9 of 10.
    assert_eq!(served.iter().map(|s| s.cached_tokens).collect::<Vec<_>>(), [0, 576, 192]);
    let ttft = |at: usize| served[at].first_s - served[at].arrival_s;
    assert!(ttft(1) < ttft(2) && ttft(2) < ttft(0));
}

/// Tokens that are cached wherever a request goes are not computed, and still take memory: alone, it is served as a prompt
/// without them whose context is there already.
#[test]
fn what_is_cached_everywhere_is_not_computed() {
    let half = Request { cached_tokens: 400, ..one(800, 50) };
    let (ended, engine) = run(spec(1000), std::slice::from_ref(&half), true);
    // 400 tokens in chunks of 256, 100 of each free, with the pairs of each token and those before it.
    let first_s = 2.0 * (0.02 + 1e-4)
        + 1e-5 * (156.0 + 44.0)
        + 1e-9 * (256.0 * (400.0 + 128.0) + 144.0 * (656.0 + 72.0));
    assert!((ended[0].first_s - first_s).abs() < 1e-12, "{} for {first_s}", ended[0].first_s);
    assert_eq!((ended[0].cached_tokens, engine.iterations()), (400, 2 + 49));
    let (whole, _) = run(spec(1000), &[one(800, 50)], true);
    let after = |served: &Served| served.last_s - served.first_s;
    assert!((after(&ended[0]) - after(&whole[0])).abs() < 1e-12, "the same context is read afterwards");
    // The last token of a prompt is computed even where all are cached, and memory is taken for all of them.
    let (all, _) = run(spec(1000), &[Request { cached_tokens: 900, ..one(800, 1) }], true);
    assert_eq!(all[0].cached_tokens, 799);
    let (_, engine) = run(spec(50), &[half], true);
    assert_eq!(engine.refused(), [0], "54 blocks do not fit into 50");
}

#[test]
fn a_cache_crosses_the_link_before_it_is_decoded() {
    let requests = requests(3, 200, 4.0, false);
    let link = Link { bytes_per_s: 1e9, latency_s: 0.001, kv_token_bytes: 1e5 };
    let split = |bytes_per_s: f64| {
        let link = Link { bytes_per_s, ..link };
        let fleet = Disaggregated {
            prefill_engines: 2,
            prefill: spec(1_000),
            decode_engines: 2,
            decode: spec(1_000),
            link,
        };
        fleet.serve(&requests).unwrap()
    };
    let (fast, slow) = (split(1e9), split(1e8));
    assert_eq!((fast.served.len(), fast.refused), (200, 0));
    let mean_prompt = requests.iter().map(|r| f64::from(r.prompt_tokens)).sum::<f64>() / 200.0;
    assert!(fast.transfer_s >= 0.001 + mean_prompt * 1e5 / 1e9 - 0.002, "{}", fast.transfer_s);
    assert!(slow.transfer_s > 5.0 * fast.transfer_s, "{} {}", slow.transfer_s, fast.transfer_s);
    for (served, request) in fast.served.iter().zip(&requests) {
        assert_eq!(
            (served.prompt_tokens, served.output_tokens),
            (request.prompt_tokens, request.output_tokens)
        );
        assert!(served.first_s <= served.last_s && served.arrival_s <= served.first_s);
    }
    assert!(
        Disaggregated { prefill_engines: 0, prefill: spec(9), decode_engines: 1, decode: spec(9), link }
            .serve(&requests)
            .is_err()
    );
}

#[test]
fn settings_are_checked() {
    assert!(spec(10).check().is_ok());
    let cases = [
        EngineSpec { max_batched_tokens: 15, ..spec(10) },
        EngineSpec { hash_tokens: 24, ..spec(10) },
        EngineSpec { blocks: 0, ..spec(10) },
        EngineSpec { time: EngineTime::default(), ..spec(10) },
    ];
    for case in cases {
        assert!(Engine::new(case).is_err(), "{case:?}");
    }
}

/// A prompt of 2,048 tokens is 2,048 tokens and 2,048² / 2 pairs, also where there is no term for pairs.
#[test]
fn pairs_are_in_the_time_of_a_prompt_token() {
    let time = EngineTime { base_s: 0.01, per_token_s: 1e-5, per_pair_s: 1e-8, ..EngineTime::default() };
    let prompt_s = time.step(2048).per_prefill_token_s * 2048.0;
    assert!((prompt_s - (2048.0 * 1e-5 + 2048.0 * 2048.0 / 2.0 * 1e-8)).abs() < 1e-12, "{prompt_s}");
    assert_eq!(EngineTime::of_step(&time.step(0)), EngineTime { per_pair_s: 0.0, ..time });
}
