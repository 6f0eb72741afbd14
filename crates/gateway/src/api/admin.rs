//! The operator's paths: keys, budgets, decisions, summary, pools, metrics, the live feed.

use super::{Answered, json, query, query_number, typed};
use crate::clock::entropy;
use crate::control;
use crate::observe::metrics::{InstanceLabel, ShareLabels};
use crate::pipeline::blocking;
use crate::reply::Reply;
use crate::support::Rate;
use crate::worker::Worker;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use tollgate_core::id::KeyId;
use tollgate_core::{Fault, FaultKind, Timestamp};
use tollgate_policy::Recorded;
use tollgate_store::{DecisionFilter, GroupBy, KeySpec, Secret};

/// How long a rotated key's old secret stays good.
const OVERLAP_US: i64 = 10 * 60 * 1_000_000;

/// `GET /metrics`.
pub(super) fn metrics(worker: &Worker) -> Answered {
    let shared = worker.shared();
    let now = shared.clock.tick();
    for (pool, member, site) in shared.snapshot.load().fleet.sites() {
        let label = InstanceLabel { instance: site.name.clone() };
        let members = pool.members.lock();
        let busy = members.state(member).map_or(0, |s| s.in_flight().requests);
        let up = members.standing(member, now).available();
        drop(members);
        shared.metrics.instance_in_flight.get_or_create(&label).set(i64::from(busy));
        shared.metrics.instance_up.get_or_create(&label).set(i64::from(up));
    }
    let records = shared.store.stats();
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    shared.metrics.bodies.set(i64::try_from(shared.bodies.used()).unwrap_or(i64::MAX));
    shared.metrics.records_dropped.set(count(records.dropped));
    shared.metrics.spans_dropped.set(shared.traces.as_ref().map_or(0, |traces| count(traces.dropped())));
    shared.metrics.records_skipped.set(count(records.skipped));
    if let Some(kept) = &shared.kept {
        let counts = kept.cache.counts();
        let values = [counts.entries as u64, counts.bytes as u64, counts.evicted];
        shared.metrics.cache_kept.iter().zip(values).for_each(|(gauge, value)| {
            gauge.set(count(value));
        });
    }
    for Rate { model, domain, share, .. } in shared.rates.rows() {
        for (bound, value) in [("mean", share.mean), ("low", share.low), ("high", share.high)] {
            let labels = ShareLabels { model: model.clone(), domain: domain.clone(), bound };
            shared.metrics.support_share.get_or_create(&labels).set(value);
        }
    }
    let body = shared.metrics.render();
    Ok(typed(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", body.into()))
}

/// `GET /readyz`.
pub(super) fn ready(worker: &Worker) -> Answered {
    let shared = worker.shared();
    let ready = shared.snapshot.load().fleet.ready(shared.clock.tick());
    let (status, word) =
        if ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "no instance") };
    json(status, &json!({"status": word}))
}

/// `GET /api/v1/support`.
pub(super) fn support(worker: &Worker) -> Answered {
    json(StatusCode::OK, &json!({"rates": worker.shared().rates.rows()}))
}

/// `GET /api/v1/keys`.
pub(super) fn keys(worker: &Worker) -> Answered {
    let ring = worker.shared().store.keys();
    let keys: Vec<Value> = ring.all().iter().map(|k| json!(**k)).collect();
    json(StatusCode::OK, &json!({"keys": keys}))
}

/// `POST /api/v1/keys`.
pub(super) async fn create_key(worker: &Worker, body: Bytes) -> Answered {
    let spec = key_spec(&body)?;
    let secret = secret()?;
    let id = KeyId::from_bits(random_bits()?);
    let shared = worker.shared();
    let now = shared.clock.now();
    let shown = secret.reveal().to_owned();
    let made = blocking(worker.shared(), move |s| s.store.create_key(id, spec, &secret, now)).await?;
    control::apply_budgets(shared);
    json(StatusCode::CREATED, &json!({"key": made, "secret": shown, "note": "the secret is shown only now"}))
}

/// What a key request says; times are RFC 3339.
fn key_spec(body: &[u8]) -> Result<KeySpec, Fault> {
    let bad = |message: String| Fault::caller(FaultKind::BadRequest, message);
    let mut value: Value = serde_json::from_slice(body).map_err(|e| bad(e.to_string()))?;
    if let Some(text) = value.get("expires").and_then(Value::as_str) {
        let time: jiff::Timestamp =
            text.parse().map_err(|_| bad(format!("{text:?} is not an RFC 3339 time")).at("expires"))?;
        value["expires"] = json!(time.as_microsecond());
    }
    serde_json::from_value(value).map_err(|e| bad(e.to_string()))
}

fn secret() -> Result<Secret, Fault> {
    entropy().map(|bytes| Secret::from_bytes(&bytes)).map_err(|e| Fault::internal(e.to_string()))
}

fn random_bits() -> Result<u128, Fault> {
    let bytes = entropy().map_err(|e| Fault::internal(e.to_string()))?;
    let (first, _) = bytes.split_at(16);
    Ok(first.iter().fold(0, |bits, byte| (bits << 8) | u128::from(*byte)))
}

/// `DELETE /api/v1/keys/{id}`.
pub(super) async fn revoke_key(worker: &Worker, id: &str) -> Answered {
    let (wanted, now) = (id.to_owned(), worker.shared().clock.now());
    blocking(worker.shared(), move |s| s.store.revoke_key(&wanted, now)).await?;
    control::apply_budgets(worker.shared());
    json(StatusCode::OK, &json!({"id": id, "revoked": true}))
}

/// `POST /api/v1/keys/{id}/rotate`.
pub(super) async fn rotate_key(worker: &Worker, id: &str) -> Answered {
    let secret = secret()?;
    let until = Timestamp(worker.shared().clock.now().0.saturating_add(OVERLAP_US));
    let (wanted, shown) = (id.to_owned(), secret.reveal().to_owned());
    blocking(worker.shared(), move |s| s.store.rotate_key(&wanted, &secret, until)).await?;
    json(StatusCode::OK, &json!({"id": id, "secret": shown, "old_secret_until": until.to_string()}))
}

/// `GET /api/v1/budgets`.
pub(super) fn budgets(worker: &Worker) -> Answered {
    let shared = worker.shared();
    let accounts = shared.store.budgets().accounts(shared.clock.now());
    let ring = shared.store.keys();
    let rows: Vec<Value> = accounts
        .iter()
        .map(|a| {
            let (kind, id) = a.counter.subject.parts();
            let name = if kind == "key" { ring.get(id).map(|k| k.spec.name.clone()) } else { None };
            json!({
                "kind": kind, "id": id, "name": name, "meter": a.counter.meter.word(), "window": a.counter.window.word(),
                "settled": a.counter.settled, "overrun": a.counter.overrun, "reserved": a.reserved, "limit": a.limit,
                "start": a.counter.start.to_string(),
                "resets": (a.counter.end.0 < i64::MAX).then(|| a.counter.end.to_string()),
            })
        })
        .collect();
    let rules: Vec<Value> = shared
        .snapshot
        .load()
        .settings
        .budgets
        .iter()
        .map(|b| {
            json!({"name": b.name, "scope": b.scope.to_string(), "window": b.window, "requests": b.requests,
            "tokens": b.tokens, "micro": b.micro, "when_spent": b.degrade_to.as_deref().unwrap_or("reject")})
        })
        .collect();
    json(StatusCode::OK, &json!({"accounts": rows, "rules": rules}))
}

/// `GET /api/v1/decisions`.
pub(super) async fn decisions(worker: &Worker, parts: &Parts) -> Answered {
    let filter = DecisionFilter {
        route: query(parts, "route"),
        model: query(parts, "model"),
        key: query(parts, "key"),
        id_text: query(parts, "id"),
        status: query_number(parts, "status", (100u16, 599), 0).ok().filter(|s| *s > 0).map(|s| (s, s)),
        ..DecisionFilter::default()
    };
    let limit = query_number(parts, "limit", (1usize, 1000), 100)?;
    let before = match query(parts, "before") {
        Some(_) => Some(query_number(parts, "before", (0i64, i64::MAX), 0)?),
        None => None,
    };
    let page = blocking(worker.shared(), move |s| s.store.decisions(&filter, before, limit)).await?;
    json(StatusCode::OK, &page)
}

/// `GET /api/v1/decisions/{id}`.
pub(super) async fn decision(worker: &Worker, id: &str) -> Answered {
    json(StatusCode::OK, &row(worker, id).await?)
}

/// One decision; it may still wait to be written.
pub(super) async fn row(worker: &Worker, id: &str) -> Result<tollgate_store::DecisionRow, Fault> {
    let wanted = id.to_owned();
    let found = blocking(worker.shared(), move |s| {
        if let Some(row) = s.store.decision(&wanted)? {
            return Ok(Some(row));
        }
        s.store.flush()?;
        s.store.decision(&wanted)
    });
    let shown: String = id.chars().take(80).collect();
    found.await?.ok_or_else(|| Fault::caller(FaultKind::NotFound, format!("there is no decision {shown:?}")))
}

/// `POST /api/v1/decisions/{id}/replay`.
pub(super) async fn replay(worker: &Worker, id: &str) -> Answered {
    let row = row(worker, id).await?;
    let snapshot = worker.shared().snapshot.load_full();
    let recorded = row.decision.as_ref().and_then(|d| serde_json::from_str::<Value>(d.get()).ok());
    let recorded: Option<Recorded> =
        recorded.and_then(|d| serde_json::from_value(d.get("recorded")?.clone()).ok());
    let Some(recorded) = recorded else {
        return Err(Fault::caller(FaultKind::NotFound, "nothing was decided for this request"));
    };
    let then = row.route.as_deref().unwrap_or_default();
    match snapshot.policy.replay(&recorded) {
        Ok(decision) => {
            let now = decision.route_name();
            let differences: Vec<Value> = (then != now)
                .then(|| json!({"what": "route", "then": then, "now": now}))
                .into_iter()
                .collect();
            let body = json!({
                "same": differences.is_empty(), "differences": differences, "recorded": then, "replayed": now,
                "explanation": decision.explain(), "trace": decision.trace,
            });
            json(StatusCode::OK, &body)
        }
        Err(error) => {
            let differences =
                [json!({"what": "policy", "then": recorded.policy, "now": snapshot.policy.digest()})];
            let body = json!({
                "same": false, "differences": differences, "recorded": then, "why": error.to_string(),
                "explanation": error.to_string(),
            });
            json(StatusCode::OK, &body)
        }
    }
}

/// `GET /api/v1/summary`.
pub(super) async fn summary(worker: &Worker, parts: &Parts) -> Answered {
    let minutes = query_number(parts, "minutes", (1i64, 44_640), 60)?;
    json(StatusCode::OK, &summarise(worker, minutes).await?)
}

/// Totals, rows by route and model, and a series over the last minutes.
pub(super) async fn summarise(worker: &Worker, minutes: i64) -> Result<Value, Fault> {
    let until = worker.shared().clock.now();
    let since = Timestamp(until.0.saturating_sub(minutes.saturating_mul(60_000_000)));
    let step_s = u32::try_from((minutes * 60 / 60).max(1)).unwrap_or(u32::MAX);
    blocking(worker.shared(), move |s| {
        let filter = DecisionFilter { since: Some(since), ..DecisionFilter::default() };
        let all = s.store.summary(&filter, GroupBy::All)?;
        let routes = s.store.summary(&filter, GroupBy::RouteModel)?;
        let faults = s.store.summary(&filter, GroupBy::Fault)?;
        let series = s.store.series(&DecisionFilter::default(), since, until, step_s)?;
        Ok(json!({"minutes": minutes, "all": all, "routes": routes, "faults": faults, "series": series}))
    })
    .await
}

/// `GET /api/v1/live`.
pub(super) fn live(worker: &Worker) -> Answered {
    let receiver = worker.shared().live.subscribe();
    let mut response = Response::new(Reply::live(receiver));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

/// `GET /api/v1/pools`.
pub(super) fn pools(worker: &Worker) -> Answered {
    let shared = worker.shared();
    let snapshot = shared.snapshot.load();
    let now = shared.clock.tick();
    let pools: Vec<Value> = snapshot
        .fleet
        .pools
        .iter()
        .map(|pool| {
            let members = pool.members.lock();
            let instances: Vec<Value> = pool
                .sites
                .iter()
                .enumerate()
                .map(|(i, site)| {
                    let state = members.state(i);
                    let (good, bad) = members.answers(i, now);
                    json!({
                        "name": &*site.name, "provider": site.provider.name, "kind": site.provider.row.kind, "url": site.url.to_string(),
                        "standing": members.standing(i, now).word(), "models": site.models,
                        "in_flight": state.map(|s| s.in_flight().requests), "recent": {"good": good, "bad": bad},
                        "ttft_ms_p50": state.and_then(|s| s.ttft_ms(0.5)), "ttft_ms_p99": state.and_then(|s| s.ttft_ms(0.99)),
                        "tpot_ms": state.map(|s| s.tpot_ms()), "prefill_tokens_per_s": state.map(|s| s.prefill_per_s()),
                    })
                })
                .collect();
            let boundary = (pool.max_total_tokens < u64::MAX).then_some(pool.max_total_tokens);
            json!({"name": &*pool.name, "max_total_tokens": boundary, "gamma": pool.gamma,
                "wait_ms": members.wait_ms(now), "instances": instances})
        })
        .collect();
    let models: Vec<Value> = snapshot
        .settings
        .models
        .iter()
        .map(|m| json!({"name": m.name, "aliases": m.aliases, "context_window": m.context_window, "capabilities": m.capabilities,
            "input_micro_per_mtok": m.price.input_micro, "cached_input_micro_per_mtok": m.price.cached_input_micro,
            "cache_write_micro_per_mtok": m.price.cache_write_micro, "cache_write_1h_micro_per_mtok": m.price.cache_write_1h_micro,
            "output_micro_per_mtok": m.price.output_micro}))
        .collect();
    json(StatusCode::OK, &json!({"pools": pools, "models": models}))
}
