//! The engine against closed forms and properties.

use super::*;
use proptest::prelude::*;

const MS: u64 = 1_000_000;

fn config() -> EngineConfig {
    EngineConfig {
        max_num_seqs: 8,
        max_batched_tokens: 512,
        max_waiting: 64,
        max_model_len: 4096,
        block_tokens: 16,
        kv_blocks: 256,
        prefix_cache: true,
        step_ns: 10 * MS,
        step_per_seq_ns: MS,
        step_per_kv_token_ps: 2_000_000,
        prefill_ns: 3 * MS,
        prefill_per_token_ns: 50_000,
    }
}

fn job(prompt_tokens: u32, output_tokens: u32) -> Job {
    Job { prompt_tokens, output_tokens, chain: Vec::new() }
}

/// A job whose blocks are named by `family`, so that jobs of one family share prefixes.
fn shared(prompt_tokens: u32, output_tokens: u32, family: u64) -> Job {
    let blocks = u64::from((prompt_tokens + output_tokens) / 16);
    let chain = (0..blocks).map(|i| family * 1_000_000 + i).collect();
    Job { prompt_tokens, output_tokens, chain }
}

fn drain(engine: &mut Engine) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(at) = engine.next_at() {
        engine.advance(at, &mut events);
        assert!(engine.is_sound());
    }
    events
}

fn token_times(events: &[Event], id: JobId) -> Vec<u64> {
    let tokens = events.iter().filter(|e| e.job == id && matches!(e.kind, EventKind::Token { .. }));
    tokens.map(|e| e.at.0).collect()
}

/// TTFT = k·(a + f) + p·P over k = ⌈P / budget⌉ chunks; each later token a + b + c·context.
#[test]
fn one_request_matches_the_closed_form() {
    for (prompt, output) in [(1, 1), (100, 5), (512, 3), (513, 3), (2000, 40)] {
        let mut engine = Engine::new(config()).unwrap();
        let id = engine.submit(Tick(0), job(prompt, output)).unwrap();
        let times = token_times(&drain(&mut engine), id);
        let chunks = u64::from(prompt.div_ceil(512));
        let mut expected = vec![chunks * 13 * MS + u64::from(prompt) * 50_000];
        for k in 1..u64::from(output) {
            let context = u64::from(prompt) + k;
            expected.push(expected.last().unwrap() + 11 * MS + context * 2_000);
        }
        assert_eq!(times, expected, "{prompt}+{output}");
    }
}

/// A batch of n that arrives together: TTFT = a + f + p·n·P, each later token a + b·n + c·n·context.
#[test]
fn a_batch_matches_the_closed_form() {
    for n in 1..=8_u64 {
        let mut engine = Engine::new(config()).unwrap();
        let ids: Vec<_> = (0..n).map(|_| engine.submit(Tick(7), job(50, 4)).unwrap()).collect();
        let events = drain(&mut engine);
        let mut expected = vec![7 + 13 * MS + n * 50 * 50_000];
        for k in 1..4 {
            expected.push(expected.last().unwrap() + 10 * MS + n * MS + n * (50 + k) * 2_000);
        }
        for id in ids {
            assert_eq!(token_times(&events, id), expected, "{n}");
        }
    }
}

#[test]
fn a_known_prefix_is_not_computed_again() {
    let mut engine = Engine::new(config()).unwrap();
    engine.submit(Tick(0), shared(160, 2, 1)).unwrap();
    drain(&mut engine);
    let start = engine.now();
    let id = engine.submit(start, shared(160, 1, 1)).unwrap();
    let events = drain(&mut engine);
    // 160 tokens are 10 full blocks, but one token must be computed: 9 blocks are used.
    assert_eq!(events[0].kind, EventKind::Admitted { cached_tokens: 144 });
    assert_eq!(token_times(&events, id), [start.0 + 13 * MS + 16 * 50_000]);
    let totals = engine.totals();
    assert_eq!((totals.prompt_tokens, totals.cached_tokens, totals.prefilled_tokens), (320, 144, 176));
}

#[test]
fn without_a_prefix_cache_everything_is_computed() {
    let mut engine = Engine::new(EngineConfig { prefix_cache: false, ..config() }).unwrap();
    for _ in 0..2 {
        engine.submit(engine.now(), shared(160, 2, 1)).unwrap();
        drain(&mut engine);
    }
    assert_eq!((engine.totals().cached_tokens, engine.totals().prefilled_tokens), (0, 320));
}

#[test]
fn the_youngest_is_preempted_and_computes_again() {
    let mut engine = Engine::new(EngineConfig { kv_blocks: 8, ..config() }).unwrap();
    let old = engine.submit(Tick(0), job(48, 60)).unwrap();
    let young = engine.submit(Tick(0), job(48, 20)).unwrap();
    let events = drain(&mut engine);
    let preempted: Vec<_> = events.iter().filter(|e| e.kind == EventKind::Preempted).map(|e| e.job).collect();
    assert!(!preempted.is_empty() && preempted.iter().all(|id| *id == young));
    assert_eq!((token_times(&events, old).len(), token_times(&events, young).len()), (60, 20));
    assert!(engine.totals().prefilled_tokens > 96);
}

#[test]
fn refuses_what_can_never_fit_and_what_does_not_fit_now() {
    let mut engine = Engine::new(EngineConfig { max_waiting: 2, kv_blocks: 8, ..config() }).unwrap();
    assert_eq!(engine.submit(Tick(0), job(100, 29)), Err(Refusal::TooLong { tokens: 129, limit: 128 }));
    assert_eq!(engine.submit(Tick(0), job(0, 1)), Err(Refusal::Empty));
    assert_eq!(engine.submit(Tick(0), job(1, 0)), Err(Refusal::Empty));
    engine.submit(Tick(0), job(100, 28)).unwrap();
    engine.submit(Tick(0), job(1, 1)).unwrap();
    assert_eq!(engine.submit(Tick(0), job(1, 1)), Err(Refusal::QueueFull { limit: 2 }));
    assert_eq!(engine.next_at(), Some(Tick(0)));
    drain(&mut engine);
    assert_eq!((engine.next_at(), engine.load().blocks_held), (None, 0));
}

#[test]
fn a_cancelled_job_leaves_nothing_behind() {
    let mut engine = Engine::new(config()).unwrap();
    let ids: Vec<_> = (0..3).map(|_| engine.submit(Tick(0), job(100, 50)).unwrap()).collect();
    let mut events = Vec::new();
    engine.advance(Tick(50 * MS), &mut events);
    assert!(engine.load().blocks_held > 0);
    for id in &ids {
        assert!(engine.cancel(*id));
        assert!(!engine.cancel(*id));
        assert!(engine.is_sound());
    }
    assert_eq!((engine.load().blocks_held, engine.totals().cancelled), (0, 3));
    drain(&mut engine);
    assert_eq!(engine.totals().finished, 0);
}

/// One generated arrival: gap before it, prompt, output, family of its prefix, whether it is cancelled.
type Arrival = (u64, u32, u32, u64, bool);

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let one = (0..40 * MS, 1..120_u32, 1..40_u32, 0..3_u64, prop::bool::weighted(0.1));
    prop::collection::vec(one, 1..40)
}

fn tight() -> impl Strategy<Value = EngineConfig> {
    (1..6_u32, 0..60_u32, 10..40_u32, prop::bool::ANY).prop_map(|(seqs, spare, blocks, cache)| EngineConfig {
        max_num_seqs: seqs,
        max_batched_tokens: seqs + spare,
        kv_blocks: blocks,
        prefix_cache: cache,
        ..config()
    })
}

fn play(config: &EngineConfig, plan: &[Arrival]) -> (Engine, Vec<Event>, Vec<(JobId, u32, bool)>) {
    let mut engine = Engine::new(config.clone()).unwrap();
    let (mut events, mut jobs, mut now) = (Vec::new(), Vec::new(), 0);
    for (gap, prompt, output, family, cancelled) in plan {
        now += gap;
        engine.advance(Tick(now), &mut events);
        assert!(engine.is_sound());
        let id = engine.submit(Tick(now), shared(*prompt, *output, *family)).unwrap();
        jobs.push((id, *output, *cancelled));
        if *cancelled {
            assert!(engine.cancel(id));
        }
    }
    events.extend(drain(&mut engine));
    (engine, events, jobs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_job_ends_and_nothing_leaks(config in tight(), plan in arrivals()) {
        let (engine, events, jobs) = play(&config, &plan);
        prop_assert_eq!(engine.load().blocks_held, 0);
        prop_assert!(events.is_sorted_by_key(|e| e.at));
        for (id, output, cancelled) in &jobs {
            let mine: Vec<_> = events.iter().filter(|e| e.job == *id).map(|e| e.kind).collect();
            let tokens: Vec<_> = mine.iter().filter_map(|k| match k {
                EventKind::Token { index } => Some(*index),
                _ => None,
            }).collect();
            if *cancelled {
                prop_assert!(mine.is_empty());
            } else {
                prop_assert_eq!(tokens, (0..*output).collect::<Vec<_>>());
                prop_assert_eq!(mine.last(), Some(&EventKind::Finished));
            }
        }
        // First come, first admitted.
        let is_admission = |e: &&Event| matches!(e.kind, EventKind::Admitted { .. });
        prop_assert!(events.iter().filter(is_admission).is_sorted_by_key(|e| e.job));
    }

    #[test]
    fn tokens_are_conserved(config in tight(), plan in arrivals()) {
        let (engine, events, jobs) = play(&config, &plan);
        let totals = engine.totals();
        let produced: u64 = jobs.iter().filter(|j| !j.2).map(|j| u64::from(j.1)).sum();
        prop_assert_eq!(totals.output_tokens, produced);
        prop_assert_eq!(totals.finished + totals.cancelled, jobs.len() as u64);
        let preempted = events.iter().filter(|e| e.kind == EventKind::Preempted).count() as u64;
        prop_assert_eq!(totals.preemptions, preempted);
        // Without preemption, every prompt token is computed once or found in the cache.
        if preempted == 0 {
            prop_assert_eq!(totals.prefilled_tokens + totals.cached_tokens, totals.prompt_tokens);
        }
    }

    #[test]
    fn the_same_arrivals_give_the_same_events(config in tight(), plan in arrivals()) {
        prop_assert_eq!(play(&config, &plan).1, play(&config, &plan).1);
    }
}
