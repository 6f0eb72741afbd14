//! The decision log: what goes in comes out, filters, pages, sums, bounds.

use crate::{at, memory, quick, sample};
use std::collections::BTreeMap;
use tollgate_core::fault::FaultKind;
use tollgate_core::id::RequestId;
use tollgate_store::decisions::GROUPS_MAX;
use tollgate_store::{DecisionFilter, DecisionRecord, GroupBy, Payload, Store, StoreConfig, StoreError};

fn filled(count: u64) -> Store {
    let store = memory(quick());
    for n in 0..count {
        assert!(store.record(sample(n)));
    }
    store.flush().unwrap();
    store
}

#[test]
fn every_field_comes_back() {
    let store = memory(quick());
    let record = DecisionRecord {
        key: Some("key_a".into()),
        dialect_out: Some("anthropic"),
        requested_model: Some("auto".into()),
        route: Some("r".into()),
        model: Some("m".into()),
        pool: Some("p".into()),
        instance: Some("i".into()),
        status: 504,
        fault: Some(FaultKind::Timeout),
        stream: true,
        prompt_tokens: 1,
        cached_tokens: 2,
        completion_tokens: 3,
        cost_micro: u64::MAX,
        ttft_us: Some(5),
        total_us: 6,
        overhead_us: 7,
        phases_ns: vec![("signal", 12), ("decide", 3)],
        signals: Payload::later(BTreeMap::from([("domain", 0.5)])),
        decision: Payload::Text(r#"{"seed":1}"#.into()),
        session: Some("s".into()),
        trace: Some("t".into()),
        ..DecisionRecord::new(RequestId::from_bits(9), at(1), "openai_chat")
    };
    assert!(store.record(record));
    store.flush().unwrap();
    let row = store.decision(RequestId::from_bits(9).as_str()).unwrap().unwrap();
    let expected = serde_json::json!({
        "seq": 1, "id": "req_00000000000000000000000000000009", "time": at(1).0, "key": "key_a",
        "dialect_in": "openai_chat", "dialect_out": "anthropic", "requested_model": "auto", "route": "r",
        "model": "m", "pool": "p", "instance": "i", "status": 504, "fault": "timeout", "stream": true,
        "prompt_tokens": 1, "cached_tokens": 2, "completion_tokens": 3, "cost_micro": i64::MAX, "ttft_us": 5,
        "total_us": 6, "overhead_us": 7, "session": "s", "trace": "t", "phases_ns": {"signal": 12, "decide": 3},
        "signals": {"domain": 0.5}, "decision": {"seed": 1}
    });
    let text = serde_json::to_string(&row).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
    assert!(text.contains(r#"{"signal":12,"decide":3}"#), "phases keep their order: {text}");
    assert!(store.decision("req_none").unwrap().is_none());
}

#[test]
fn every_fault_is_kept_by_its_word() {
    let store = memory(quick());
    for (n, kind) in (0..).zip(FaultKind::ALL) {
        store.record(DecisionRecord { fault: Some(kind), ..sample(n) });
    }
    store.flush().unwrap();
    let rows = store.decisions(&DecisionFilter::default(), None, 100).unwrap().rows;
    assert_eq!(rows.len(), FaultKind::ALL.len());
    for (row, kind) in rows.iter().rev().zip(FaultKind::ALL) {
        assert_eq!(serde_json::to_value(kind).unwrap(), row.fault.clone().unwrap());
    }
}

#[test]
fn pages_cover_everything_once_newest_first() {
    let store = filled(25);
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = store.decisions(&DecisionFilter::default(), before, 10).unwrap();
        seen.extend(page.rows.iter().map(|row| row.id.clone()));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (0..25).rev().map(|n| RequestId::from_bits(n).to_string()).collect();
    assert_eq!(seen, expected);
}

#[test]
fn an_export_is_by_arrival_though_the_log_is_by_ending() {
    let store = memory(quick());
    // Ended in the order of `n`; two arrive at every time, and pages of 4 end between such two.
    let arrival = |n: u64| n * 7 % 25 / 2;
    for n in 0..25 {
        assert!(store.record(DecisionRecord { time: at(arrival(n)), ..sample(n) }));
    }
    store.flush().unwrap();
    for limit in [1, 4, 5, 100] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let rows = store.decisions_in_order(&DecisionFilter::default(), after, limit).unwrap();
            assert!(rows.len() <= limit);
            let Some(last) = rows.last() else { break };
            after = Some((last.time, last.seq));
            seen.extend(rows.into_iter().map(|row| row.id));
        }
        let mut expected: Vec<u64> = (0..25).collect();
        expected.sort_by_key(|n| arrival(*n));
        let ids: Vec<_> = expected.into_iter().map(|n| RequestId::from_bits(n.into()).to_string()).collect();
        assert_eq!(seen, ids, "{limit}");
    }
}

#[test]
fn filters_are_those_of_a_plain_scan() {
    let store = filled(60);
    let all = store.decisions(&DecisionFilter::default(), None, 100).unwrap().rows;
    let some = |text: &str| Some(text.to_owned());
    let none = DecisionFilter::default;
    let id_part = some("0000000001");
    type Keep = fn(&tollgate_store::DecisionRow) -> bool;
    let table: [(DecisionFilter, Keep); 7] = [
        (DecisionFilter { route: some("code"), ..none() }, |r| r.route.as_deref() == Some("code")),
        (DecisionFilter { model: some("small"), ..none() }, |r| r.model.as_deref() == Some("small")),
        (DecisionFilter { key: some("key_2"), ..none() }, |_| false),
        (DecisionFilter { status: Some((200, 200)), ..none() }, |_| true),
        (DecisionFilter { status: Some((400, 599)), ..none() }, |_| false),
        (DecisionFilter { since: Some(at(10)), until: Some(at(20)), ..none() }, |r| {
            (at(10)..at(20)).contains(&r.time)
        }),
        (DecisionFilter { id_text: id_part, ..none() }, |r| r.id.contains("0000000001")),
    ];
    for (filter, keep) in table {
        let got: Vec<_> = store.decisions(&filter, None, 100).unwrap().rows.iter().map(|r| r.seq).collect();
        let expected: Vec<_> = all.iter().filter(|row| keep(row)).map(|r| r.seq).collect();
        assert_eq!(got, expected, "{filter:?}");
    }
}

#[test]
fn errors_are_not_the_callers() {
    let store = filled(10);
    let ends = [
        (400, Some(FaultKind::BadRequest), false),
        (401, Some(FaultKind::Unauthenticated), false),
        (429, Some(FaultKind::LimitReached), false),
        (499, None, false),
        (200, Some(FaultKind::Forbidden), false),
        (200, Some(FaultKind::UpstreamFailed), true),
        (500, Some(FaultKind::Internal), true),
        (502, Some(FaultKind::UpstreamFailed), true),
        (504, Some(FaultKind::Timeout), true),
    ];
    for ((status, fault, _), at) in ends.into_iter().zip(100..) {
        store.record(DecisionRecord { status, fault, ..sample(at) });
    }
    store.flush().unwrap();
    let sums = store.summary(&DecisionFilter::default(), GroupBy::All).unwrap().remove(0).sums;
    let errors = ends.iter().filter(|end| end.2).count() as u64;
    assert_eq!((sums.errors, sums.refused), (errors, ends.len() as u64 - errors));
}

#[test]
fn summaries_add_up() {
    let store = filled(60);
    store.record(DecisionRecord {
        status: 503,
        fault: Some(FaultKind::Unavailable),
        route: None,
        ..sample(100)
    });
    store.flush().unwrap();
    let total = store.summary(&DecisionFilter::default(), GroupBy::All).unwrap().remove(0);
    assert_eq!((total.sums.requests, total.sums.errors), (61, 1));
    let rows = store.decisions(&DecisionFilter::default(), None, 100).unwrap().rows;
    assert_eq!(total.sums.cost_micro, rows.iter().map(|r| r.cost_micro).sum::<u64>());
    let mut times: Vec<_> = rows.iter().map(|r| r.total_us).collect();
    times.sort_unstable();
    let p50 = total.total_us.p50.unwrap();
    assert!(p50.abs_diff(times[30]) <= times[30] / 64 + 1, "{p50} {}", times[30]);
    assert_eq!(total.ttft_us.p50, None);
    let by = |by| {
        let rows = store.summary(&DecisionFilter::default(), by).unwrap();
        rows.into_iter().map(|row| (row.name, row.sums.requests)).collect::<Vec<_>>()
    };
    assert_eq!(by(GroupBy::Route), [("chat".into(), 40), ("code".into(), 20), ("(none)".into(), 1)]);
    assert_eq!(by(GroupBy::Fault), [("(none)".into(), 60), ("unavailable".into(), 1)]);
    assert_eq!(by(GroupBy::RouteModel).len(), 5);
}

#[test]
fn groups_beyond_the_bound_are_summed_together() {
    let store = memory(quick());
    let count = GROUPS_MAX as u64 + 10;
    for n in 0..count {
        store.record(DecisionRecord { route: Some(format!("route-{n}").into()), ..sample(n) });
    }
    store.flush().unwrap();
    let rows = store.summary(&DecisionFilter::default(), GroupBy::Route).unwrap();
    assert_eq!(rows.len(), GROUPS_MAX + 1);
    assert_eq!((rows[0].name.as_str(), rows[0].sums.requests), ("(other)", 10));
    assert_eq!(rows.iter().map(|r| r.sums.requests).sum::<u64>(), count);
}

#[test]
fn a_series_has_every_step() {
    let store = filled(200);
    let points = store.series(&DecisionFilter::default(), at(0), at(300), 60).unwrap();
    // 1,700,000,000 is 20 s into its minute.
    assert_eq!(points.iter().map(|p| p.sums.requests).collect::<Vec<_>>(), [40, 60, 60, 40, 0, 0]);
    assert_eq!(points[0].start.seconds() % 60, 0);
    for (since, until) in [(at(0), at(0)), (at(0), at(1_000_000))] {
        let refused = store.series(&DecisionFilter::default(), since, until, 60);
        assert!(matches!(refused, Err(StoreError::Bad { .. })));
    }
}

#[test]
fn the_oldest_rows_make_room() {
    let store = memory(StoreConfig { decisions_max: 50, ..quick() });
    for n in 0..500 {
        store.record(sample(n));
        if n % 100 == 0 {
            store.flush().unwrap();
        }
    }
    store.flush().unwrap();
    let rows = store.decisions(&DecisionFilter::default(), None, 1000).unwrap().rows;
    assert_eq!(rows.len(), 50);
    assert_eq!(rows[49].id, RequestId::from_bits(450).to_string());
}

#[test]
fn old_rows_are_swept_in_steps() {
    let store = memory(StoreConfig { decisions_age_s: 100, ..quick() });
    for n in 0..6000 {
        let phases_ns = vec![("decide", n)];
        store.record(DecisionRecord { phases_ns, ..sample(n) });
    }
    store.flush().unwrap();
    let first = store.sweep(at(6000)).unwrap();
    assert_eq!((first.decisions, first.more), (5000, true));
    let second = store.sweep(at(6000)).unwrap();
    assert_eq!((second.decisions, second.more), (900, false));
    let report = store.fsck().unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert!(report.rows.contains(&("decisions".into(), 100)));
    assert!(report.rows.contains(&("decision_details".into(), 100)));
}

#[test]
fn a_repeated_id_or_a_bad_detail_harms_nothing_else() {
    let store = memory(StoreConfig { detail_bytes_max: 10, ..quick() });
    for n in [1, 1, 2] {
        store.record(sample(n));
    }
    store.record(DecisionRecord { signals: Payload::Text(format!("\"{}\"", "x".repeat(20))), ..sample(3) });
    store.flush().unwrap();
    let stats = store.stats();
    assert_eq!((stats.written, stats.failed, stats.dropped), (2, 2, 0));
    assert_eq!(store.decisions(&DecisionFilter::default(), None, 10).unwrap().rows.len(), 3);
    assert!(store.fsck().unwrap().is_clean());
}
