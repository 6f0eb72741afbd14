//! A made-up gateway's data, for the preview and the tests of pages.

mod journey;
mod settings;
mod settle;

pub(crate) use journey::request;
pub(crate) use settings::{budgets, policy, pools};
pub(crate) use settle::{agents, escrow, escrows, log, mandates};

use tollgate_console::view::*;
use tollgate_core::Timestamp;

const MINUTE: i64 = 60_000_000;

/// The frame.
pub(crate) fn shell(now: Timestamp) -> Shell {
    Shell {
        policy: "shipped".into(),
        policy_digest: "9f2c51d07be4a6c3e1f0".into(),
        settlement: true,
        ..Shell::new("0.1.0", "USD", now)
    }
}

/// The `n`th request before `now`.
pub(crate) fn row(n: u64, now: Timestamp) -> RequestRow {
    let (route, model, pool) = [
        ("greeting", "sim-small", "short"),
        ("coding", "sim-medium", "short"),
        ("hard_question", "sim-large", "short"),
        ("long_hard", "sim-large", "long"),
        ("default", "sim-small", "short"),
    ][(n % 5) as usize];
    let (status, fault) = match n {
        4 => (429, Some("limit_reached")),
        9 => (503, Some("upstream_failed")),
        13 => (200, Some("timeout")),
        _ => (200, None),
    };
    let refused = status == 429;
    let prompt = 120 + n * n * 37 % 9000;
    let completion = if fault.is_some() { 0 } else { 40 + n * 91 % 700 };
    RequestRow {
        seq: 5000 - n as i64,
        id: format!("req_{:032x}", 0x51a7_u128 * (u128::from(n) + 1)),
        time: Timestamp(now.0 - n as i64 * 2_345_678),
        key: n.is_multiple_of(3).then(|| "key_0000000000000000000000000000002a".into()),
        route: (!refused).then(|| route.into()),
        model: (!refused).then(|| model.into()),
        pool: (!refused).then(|| pool.into()),
        instance: (!refused).then(|| format!("{pool}-{}", n % 2 + 1)),
        status,
        fault: fault.map(Into::into),
        stream: n.is_multiple_of(2),
        prompt_tokens: prompt,
        cached_tokens: prompt / 3,
        completion_tokens: completion,
        cost_micro: prompt / 10 + completion * 2,
        ttft_us: fault.is_none().then_some(38_000 + n * 12_345 % 400_000),
        total_us: 310_000 + n * 77_777 % 4_000_000,
        overhead_us: 60 + n * 13 % 90,
    }
}

fn point(at: i64, now: Timestamp) -> SeriesPoint {
    let wave = 50.0 + 30.0 * (at as f64 / 9.0).sin() + 12.0 * (at as f64 / 2.3).cos();
    let requests = wave.max(0.0) as u64;
    SeriesPoint {
        start: Timestamp(now.0 - (59 - at) * MINUTE),
        requests,
        errors: if at % 17 == 5 { 9 } else { u64::from(at % 7 == 0) },
        refused: u64::from(at % 5 == 0),
        prompt_tokens: requests * 640,
        completion_tokens: requests * 210,
        ttft_p50_us: (at != 30).then_some(90_000 + requests * 400),
        ttft_p99_us: (at != 30).then_some(300_000 + requests * 3000),
    }
}

/// The live page; `rows` of 0 is the page of a gateway that has seen nothing.
pub(crate) fn live(rows: u64, now: Timestamp) -> LiveView {
    let series: Vec<_> = (0..60)
        .map(|at| {
            if rows == 0 {
                SeriesPoint { start: point(at, now).start, ..Default::default() }
            } else {
                point(at, now)
            }
        })
        .collect();
    let sum = |of: fn(&SeriesPoint) -> u64| series.iter().map(of).sum::<u64>();
    let known = rows > 0;
    LiveView {
        window_minutes: 60,
        tiles: Tiles {
            requests: sum(|p| p.requests),
            errors: sum(|p| p.errors),
            refused: sum(|p| p.refused),
            ttft_p50_us: known.then_some(112_400),
            ttft_p99_us: known.then_some(1_284_000),
            overhead_p50_us: known.then_some(74),
            overhead_p99_us: known.then_some(212),
            prompt_tokens: sum(|p| p.prompt_tokens),
            cached_tokens: sum(|p| p.prompt_tokens) / 3,
            completion_tokens: sum(|p| p.completion_tokens),
            cost_micro: sum(|p| p.prompt_tokens) * 7 / 10,
        },
        series,
        step_s: 60,
        rows: (0..rows).map(|n| row(n, now)).collect(),
        next: known.then_some(4950),
        newest: true,
        filter: Filter::default(),
        routes: ["greeting", "coding", "hard_question", "long_hard", "default"].map(Into::into).into(),
        models: ["sim-small", "sim-medium", "sim-large"].map(Into::into).into(),
        curl: "curl http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' \\\n  -d '{\"model\": \"auto\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'".into(),
    }
}
