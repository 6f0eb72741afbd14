//! One request's path, in every detail.

use super::row;
use tollgate_console::view::*;
use tollgate_core::Timestamp;

fn leaf(text: &str, verdict: Verdict, value: Option<&str>) -> ExplainNode {
    ExplainNode {
        text: text.into(),
        verdict,
        value: value.map(Into::into),
        confidence: (verdict != Verdict::Unknown).then_some(Confidence { low: 1.0, high: 1.0 }),
        parts: Vec::new(),
    }
}

fn decision() -> DecisionView {
    let hard = ExplainNode {
        parts: vec![
            leaf("total_tokens > 8_000", Verdict::True, Some("12480")),
            ExplainNode {
                parts: vec![
                    leaf("hard: effort >= 0.5", Verdict::True, Some("0.71")),
                    leaf("tool_loop", Verdict::Unknown, None),
                ],
                ..leaf("or", Verdict::True, None)
            },
        ],
        ..leaf("and", Verdict::True, None)
    };
    let tried = |name: &str, priority, chosen, when| RouteTried {
        name: name.into(),
        tier: Some(1),
        priority,
        chosen,
        when,
    };
    DecisionView {
        route: "long_hard".into(),
        tier: Some(1),
        priority: Some(20),
        confidence: Confidence { low: 0.93, high: 1.0 },
        runner_up: Some("long".into()),
        why: "long_hard is in the first tier with a route that holds, and has the highest priority there"
            .into(),
        policy: "9f2c51d07be4a6c3e1f0".into(),
        routes: vec![
            tried("long_hard", 20, true, hard),
            tried("long", 10, false, leaf("total_tokens > 8_000", Verdict::True, Some("12480"))),
            tried("hard_question", 20, false, leaf("hard", Verdict::Unknown, None)),
        ],
        routes_left_out: 3,
    }
}

fn phases() -> Vec<PhaseView> {
    let phase = |name: &str, ns, outcome: &str| PhaseView { name: name.into(), ns, outcome: outcome.into() };
    vec![
        phase("authenticate", 2_140, "key ci, tenant research, role developer"),
        phase("characterise", 9_800, "agent, turn 3, 12,480 tokens expected, 2 tools, warm prefix"),
        phase("signal", 21_300, "4 of 7 signals read"),
        phase("decide", 3_100, "route long_hard (tier 1, priority 20)"),
        phase("shape", 4_900, "2 edits"),
        phase("select", 1_200, "sim-large by weight"),
        phase("place", 2_700, "pool long, instance long-1: least expected TTFT"),
        phase("dispatch", 18_400, "2 attempts; answered by long-2"),
        phase("validate", 800, "finish reason present, usage present"),
        phase("settle", 3_300, "12,113 + 481 tokens"),
        phase("record", 0, ""),
    ]
}

fn signals() -> Vec<SignalView> {
    let read = |name: &str, kind: &str, matched, value: &str, confidence, ns| SignalView {
        name: name.into(),
        kind: kind.into(),
        read: true,
        matched,
        confidence,
        value: value.into(),
        ns: Some(ns),
        failure: None,
    };
    let unread =
        |name: &str, kind: &str| SignalView { name: name.into(), kind: kind.into(), ..Default::default() };
    vec![
        read("total_tokens", "total_tokens", true, "12480", 1.0, 210),
        unread("tool_loop", "tool_loop"),
        read("reasoning", "keyword", true, "true", 0.92, 14_800),
        read("code", "keyword", false, "false", 1.0, 6_100),
        SignalView {
            failure: Some("the store did not answer".into()),
            ..read("budget_left", "budget_left", false, "", 0.0, 190)
        },
        unread("smalltalk", "keyword"),
        unread("turns", "turns"),
    ]
}

fn candidates() -> Vec<Candidate> {
    vec![
        Candidate {
            model: "sim-large".into(),
            weight: "3".into(),
            effort: Some("medium".into()),
            chosen: true,
            note: None,
        },
        Candidate {
            model: "sim-medium".into(),
            weight: "1".into(),
            effort: None,
            chosen: false,
            note: Some("not drawn".into()),
        },
    ]
}

fn pools() -> Vec<PoolOption> {
    vec![
        PoolOption { name: "short".into(), max_total_tokens: Some(8192), wait_ms: Some(3.0), chosen: false },
        PoolOption { name: "long".into(), max_total_tokens: None, wait_ms: Some(41.5), chosen: true },
    ]
}

fn instances() -> Vec<PlacementView> {
    let place = |instance: &str, standing: &str, in_flight, wait, chosen| PlacementView {
        instance: instance.into(),
        standing: standing.into(),
        in_flight,
        wait_ms: Some(wait),
        prefill_ms: Some(214.0),
        expected_ttft_ms: Some(wait + 214.0),
        chosen,
    };
    vec![
        place("long-1", "ready", 7, 38.2, true),
        place("long-2", "ready", 11, 96.0, false),
        place("long-3", "ejected", 0, 0.0, false),
    ]
}

fn attempts() -> Vec<Attempt> {
    let attempt = Attempt {
        instance: "long-1".into(),
        model: "sim-large".into(),
        start_us: 71,
        end_us: 30_400,
        status: Some(503),
        fault: Some("upstream_failed: no slot is free".into()),
        next: Some("retried elsewhere after 12 ms".into()),
        ..Default::default()
    };
    let answered = Attempt {
        instance: "long-2".into(),
        model: "sim-large".into(),
        start_us: 42_600,
        first_us: Some(402_000),
        end_us: 2_910_000,
        status: Some(200),
        ..Default::default()
    };
    vec![attempt, answered]
}

/// One request that was retried.
pub(crate) fn request(now: Timestamp) -> RequestView {
    RequestView {
        row: RequestRow {
            ttft_us: Some(402_000),
            total_us: 2_910_000,
            overhead_us: 68,
            prompt_tokens: 12_113,
            cached_tokens: 8_192,
            completion_tokens: 481,
            cost_micro: 21_734,
            instance: Some("long-2".into()),
            key: Some("key_0000000000000000000000000000002a".into()),
            ..row(3, now)
        },
        requested_model: Some("auto".into()),
        dialect_in: "openai_chat".into(),
        dialect_out: Some("openai_chat".into()),
        session: Some("conv_4711".into()),
        trace: Some("4bf92f3577b34da6a3ce929d0e0e4736".into()),
        fault_message: None,
        phases: phases(),
        caller: vec![
            Fact::new("Key", "ci").note("key_…2a"),
            Fact::new("Tenant", "research"),
            Fact::new("Roles", "developer"),
        ],
        workload: vec![
            Fact::new("Kind", "agent"),
            Fact::new("Turn", "3"),
            Fact::new("Prompt", "12,080 tokens").note("estimated"),
            Fact::new("Expected output", "400 tokens").note("P75 of this length"),
            Fact::new("Tools", "2").note("1,184 bytes"),
            Fact::new("Prefix", "warm").note("8,192 tokens expected in a cache"),
        ],
        signals: signals(),
        decision: Some(decision()),
        governance: vec![
            Fact::new("bound by", "role analyst, data personal"),
            Fact::new("data personal", "us-1 of pool cloud is not on premise").note("premise"),
        ],
        edits: vec![
            Fact::new("model", "auto → sim-large"),
            Fact::new("reasoning_effort", "medium").note("by the route"),
        ],
        candidates: candidates(),
        model_reason: Some("drawn by weight among 2 candidates".into()),
        pools: pools(),
        pool_reason: Some("named by the policy".into()),
        instances: instances(),
        place_reason: Some("least expected time to first content".into()),
        attempts: attempts(),
        checks: vec![
            Check { name: "finish reason".into(), ok: true, note: Some("stop".into()) },
            Check { name: "usage".into(), ok: true, note: Some("as the upstream says".into()) },
        ],
        settlement: vec![
            Fact::new("Reserved", "13,104 tokens, 0.0243 USD"),
            Fact::new("Settled", "12,594 tokens, 0.021734 USD"),
        ],
        replayable: true,
    }
}
