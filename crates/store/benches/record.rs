//! What a decision record costs: on the request's thread (building it and queueing it), through the writer to the
//! disk, and what a reservation costs.
#![allow(clippy::panic, reason = "a bench that cannot start has nothing to measure")]

use divan::{Bencher, black_box, counter::ItemsCount};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tollgate_core::Timestamp;
use tollgate_core::id::RequestId;
use tollgate_store::budget::{Ledger, Limit, Limits, Meter, Payer, Target, Usage, Window};
use tollgate_store::{DecisionRecord, Location, Payload, Store, StoreConfig};

fn main() {
    divan::main();
}

/// Names as the gateway has them: shared with its configuration.
struct Names {
    key: Arc<str>,
    route: Arc<str>,
    model: Arc<str>,
    pool: Arc<str>,
    instance: Arc<str>,
}

fn names() -> Names {
    Names {
        key: "key_0123456789abcdef0123456789abcdef".into(),
        route: "coding".into(),
        model: "qwen-coder-32b".into(),
        pool: "short".into(),
        instance: "http://10.0.0.7:8000".into(),
    }
}

/// A record of a usual request: 11 phases, 12 signals, a decision of 8 fields.
fn build(names: &Names, n: u64) -> DecisionRecord {
    let phases = [
        "authenticate",
        "characterise",
        "signal",
        "decide",
        "shape",
        "select",
        "place",
        "dispatch",
        "validate",
        "settle",
        "record",
    ];
    let signals: Vec<(&'static str, f64)> = phases.iter().map(|name| (*name, 0.25)).collect();
    let decision: Vec<u64> = (0..8).map(|i| n ^ i).collect();
    DecisionRecord {
        key: Some(Arc::clone(&names.key)),
        dialect_out: Some("openai_chat"),
        requested_model: Some("auto".into()),
        route: Some(Arc::clone(&names.route)),
        model: Some(Arc::clone(&names.model)),
        pool: Some(Arc::clone(&names.pool)),
        instance: Some(Arc::clone(&names.instance)),
        status: 200,
        stream: true,
        prompt_tokens: 1000 + n % 100,
        completion_tokens: 200,
        cost_micro: 1234,
        ttft_us: Some(120_000),
        total_us: 2_500_000,
        overhead_us: 85,
        phases_ns: phases.iter().map(|name| (*name, n)).collect(),
        signals: Payload::later(signals),
        decision: Payload::later(decision),
        session: Some("conversation-77".into()),
        trace: Some("4bf92f3577b34da6a3ce929d0e0e4736".into()),
        ..DecisionRecord::new(
            RequestId::from_bits(u128::from(n)),
            Timestamp(1_700_000_000_000_000),
            "openai_chat",
        )
    }
}

/// A number never given before in this run, so that no id repeats.
fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn open(folder: &std::path::Path, config: StoreConfig) -> Store {
    let _ = std::fs::remove_dir_all(folder);
    let made = std::fs::create_dir_all(folder).map(|()| folder.join("bench.db"));
    match made
        .map_err(|e| e.to_string())
        .and_then(|path| Store::open(&Location::File(path), config).map_err(|e| e.to_string()))
    {
        Ok(store) => store,
        Err(error) => panic!("cannot open the bench's database: {error}"),
    }
}

fn folder(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("tollgate-bench-{}-{name}", std::process::id()))
}

/// Building alone.
#[divan::bench]
fn caller_builds(bencher: Bencher<'_, '_>) {
    let names = names();
    bencher.bench_local(|| build(black_box(&names), black_box(7)));
}

/// Building and queueing, in bursts of 1,000 with the writer at work beside it.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn caller_records_1000(bencher: Bencher<'_, '_>) {
    let (names, folder) = (names(), folder("caller"));
    let store = open(&folder, StoreConfig { queue_max: 200_000, ..StoreConfig::default() });
    bencher.counter(ItemsCount::new(1000u32)).bench_local(|| {
        for _ in 0..1000 {
            store.record(build(&names, fresh()));
        }
    });
    drop(store);
    let _ = std::fs::remove_dir_all(folder);
}

/// Through the queue to the disk: 10,000 records and a flush.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn to_disk_10000(bencher: Bencher<'_, '_>) {
    let (names, folder) = (names(), folder("disk"));
    let store = open(&folder, StoreConfig::default());
    bencher.counter(ItemsCount::new(10_000u32)).bench_local(|| {
        for _ in 0..10_000 {
            store.record(build(&names, fresh()));
        }
        store.flush()
    });
    assert_eq!(store.stats().dropped, 0);
    drop(store);
    let _ = std::fs::remove_dir_all(folder);
}

/// Reserve and settle against three budgets.
#[divan::bench]
fn reserve_and_settle(bencher: Bencher<'_, '_>) {
    let limit = |target, meter, window| Limit { target, meter, window, limit: u64::MAX };
    let ledger = Ledger::new(
        Limits::new([
            limit(Target::EachKey, Meter::Tokens, Window::Day),
            limit(Target::EachTenant, Meter::Micro, Window::Month),
            limit(Target::Global, Meter::Requests, Window::Minute),
        ]),
        100,
    );
    let payer = Payer { key: Some("key_1".into()), tenant: Some("acme".into()) };
    let usage = Usage { requests: 1, tokens: 1000, micro: 50 };
    bencher.bench_local(|| {
        if let Ok(held) = ledger.reserve(&payer, usage, Timestamp(1_700_000_000_000_000)) {
            held.settle(black_box(usage));
        }
    });
}
