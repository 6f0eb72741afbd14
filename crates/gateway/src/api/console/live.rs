//! The live page.

use crate::api::query;
use crate::pipeline::blocking;
use crate::worker::Worker;
use http::request::Parts;
use tollgate_console::page::ROWS_MAX;
use tollgate_console::view::{Filter, LiveView, RequestRow, SeriesPoint, Tiles, WINDOWS, step_s};
use tollgate_core::{Fault, Timestamp};
use tollgate_store::{DecisionFilter, DecisionRow, GroupBy};

/// The live page's model.
pub(super) async fn view(worker: &Worker, parts: &Parts) -> Result<LiveView, Fault> {
    let shared = worker.shared();
    let text = |name| query(parts, name).unwrap_or_default();
    let asked = query(parts, "minutes").and_then(|m| m.parse().ok()).filter(|m| WINDOWS.contains(m));
    let minutes = asked.unwrap_or(WINDOWS[0]);
    let before = query(parts, "before").and_then(|b| b.parse::<i64>().ok());
    let filter = Filter { route: text("route"), model: text("model"), key: text("key"), id: text("id") };
    let until = shared.clock.now();
    let since = Timestamp(until.0.saturating_sub(i64::from(minutes) * 60_000_000));
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    let rows_of = DecisionFilter {
        route: some(&filter.route),
        model: some(&filter.model),
        key: some(&filter.key),
        id_text: some(&filter.id),
        ..DecisionFilter::default()
    };
    let step = step_s(minutes);
    let (page, sums, series) = blocking(shared, move |s| {
        let page = s.store.decisions(&rows_of, before, ROWS_MAX)?;
        let window = DecisionFilter { since: Some(since), ..DecisionFilter::default() };
        let sums = s.store.summary(&window, GroupBy::All)?;
        let series = s.store.series(&DecisionFilter::default(), since, until, step)?;
        Ok((page, sums, series))
    })
    .await?;
    let snapshot = shared.snapshot.load();
    let host =
        parts.headers.get(http::header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("127.0.0.1:8080");
    let tiles = sums.first().map(|row| Tiles {
        requests: row.sums.requests,
        errors: row.sums.errors,
        refused: row.sums.refused,
        ttft_p50_us: row.ttft_us.p50,
        ttft_p99_us: row.ttft_us.p99,
        overhead_p50_us: row.overhead_us.p50,
        overhead_p99_us: row.overhead_us.p99,
        prompt_tokens: row.sums.prompt_tokens,
        cached_tokens: row.sums.cached_tokens,
        completion_tokens: row.sums.completion_tokens,
        cost_micro: row.sums.cost_micro,
    });
    let series = series.iter().map(|p| SeriesPoint {
        start: p.start,
        requests: p.sums.requests,
        errors: p.sums.errors,
        refused: p.sums.refused,
        prompt_tokens: p.sums.prompt_tokens,
        completion_tokens: p.sums.completion_tokens,
        ttft_p50_us: p.ttft_us.p50,
        ttft_p99_us: p.ttft_us.p99,
    });
    Ok(LiveView {
        window_minutes: minutes,
        tiles: tiles.unwrap_or_default(),
        series: series.collect(),
        step_s: step,
        rows: page.rows.iter().map(row).collect(),
        next: page.next,
        newest: before.is_none(),
        filter,
        routes: snapshot.policy.routes().map(|r| r.name.clone()).chain(["default".to_owned()]).collect(),
        models: snapshot.models.iter().map(|m| m.name.to_string()).collect(),
        curl: format!(
            "curl http://{host}/v1/chat/completions -H 'content-type: application/json' \
             -d '{{\"model\":\"auto\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello!\"}}]}}'"
        ),
    })
}

/// A stored decision as the tables show it.
pub(super) fn row(d: &DecisionRow) -> RequestRow {
    RequestRow {
        seq: d.seq,
        id: d.id.clone(),
        time: d.time,
        key: d.key.clone(),
        route: d.route.clone(),
        model: d.model.clone(),
        pool: d.pool.clone(),
        instance: d.instance.clone(),
        status: d.status,
        fault: d.fault.clone(),
        stream: d.stream,
        prompt_tokens: d.prompt_tokens,
        cached_tokens: d.cached_tokens,
        completion_tokens: d.completion_tokens,
        cost_micro: d.cost_micro,
        ttft_us: d.ttft_us,
        total_us: d.total_us,
        overhead_us: d.overhead_us,
    }
}
