//! The fleet, the policy and the budgets of the sample.

use tollgate_console::view::*;
use tollgate_core::Timestamp;

const MINUTE: i64 = 60_000_000;

/// Pools with an instance in every state.
pub(crate) fn pools(now: Timestamp) -> PoolsView {
    let instance = |pool: &str, n: u32, state| InstanceView {
        name: format!("{pool}-{n}"),
        provider: "sim".into(),
        url: format!("http://127.0.0.1:900{n}"),
        state,
        until: (!matches!(state, InstanceState::Up | InstanceState::HalfOpen | InstanceState::Down))
            .then_some(Timestamp(now.0 + MINUTE / 2)),
        in_flight: n * 3 % 8,
        slots: Some(32),
        ttft_ms: Some(84.0 + f64::from(n) * 31.0),
        tpot_ms: Some(9.4),
        expected_ttft_ms: (state == InstanceState::Up).then_some(96.5 + f64::from(n)),
        success: Some(if state == InstanceState::Up { 0.9995 } else { 0.42 }),
        answers: 1840,
        spark_ttft_ms: (0..48)
            .map(|i| (i != 20).then_some(80.0 + 20.0 * (f64::from(i + n * 5) / 4.0).sin()))
            .collect(),
        models: vec!["sim-small".into(), "sim-medium".into(), "sim-large".into()],
    };
    let states = |pool: &str, states: &[InstanceState]| {
        states.iter().zip(1..).map(|(s, n)| instance(pool, n, *s)).collect()
    };
    let model = |name: &str, prices: [u64; 3], context| ModelView {
        name: name.into(),
        aliases: if name == "sim-small" { vec!["small".into()] } else { vec![] },
        pools: vec!["short".into(), "long".into()],
        context_tokens: Some(context),
        capabilities: vec!["tools".into(), "json".into(), "stream".into()],
        input_micro: prices[0],
        cached_micro: prices[1],
        output_micro: prices[2],
    };
    PoolsView {
        pools: vec![
            PoolView {
                name: "short".into(),
                max_total_tokens: Some(8192),
                rule: "borderline up to 1.5 times the boundary; spills when the wait is over 2,000 ms".into(),
                placement: "least expected TTFT of two, prefix affinity".into(),
                wait_ms: Some(3.2),
                instances: states("short", &[InstanceState::Up, InstanceState::Up]),
            },
            PoolView {
                name: "long".into(),
                max_total_tokens: None,
                rule: "takes what fits nowhere else".into(),
                placement: "least expected TTFT".into(),
                wait_ms: Some(41.0),
                instances: states("long", InstanceState::ALL),
            },
        ],
        prompt_tokens: 1_000,
        models: vec![
            model("sim-small", [100_000, 50_000, 400_000], 32_768),
            model("sim-medium", [500_000, 250_000, 2_000_000], 131_072),
            model("sim-large", [2_500_000, 1_250_000, 10_000_000], 200_000),
        ],
    }
}

const POLICY: &str = r#"# Routes by shape and words only.
policy "shipped"

signal code = keyword any ["stack trace", "compile error", "rust"]
score effort = 0.7 * code + 0.3 * min(tokens / 4_000, 1)
band hard = effort >= 0.5

route long tier 1 priority 10 {
  when total_tokens > 8_000
  models { "sim-medium" }
  pool "long"
}
route coding tier 2 {
  when code or hard
  models { "sim-medium" weight 3, "sim-large" weight 1 effort high }
}
default { models { "sim-small" } }

tests {
  "Please explain this compile error" -> coding
  "What is the capital of Peru?" -> default
}
"#;

/// The policy page.
pub(crate) fn policy(now: Timestamp) -> PolicyView {
    let test = |line, expected: &str, got: &str| TestLine {
        line,
        ok: expected == got,
        expected: expected.into(),
        got: got.into(),
        explanation: format!("{got} holds and has the highest priority"),
    };
    let item = |kind: &str, name: &str, line| OutlineItem { kind: kind.into(), name: name.into(), line };
    PolicyView {
        text: POLICY.into(),
        digest: "9f2c51d07be4a6c3e1f0".into(),
        file: Some("policy.tollgate".into()),
        loaded: Timestamp(now.0 - 90 * MINUTE),
        read_only: None,
        last_good: None,
        report: CheckReport {
            ok: true,
            digest: "9f2c51d07be4a6c3e1f0".into(),
            diagnostics: vec![Diagnostic {
                severity: Severity::Warning,
                line: 6,
                column: 6,
                end_line: 6,
                end_column: 10,
                message: "band `hard` is used by one route only".into(),
                help: Some("write the comparison into the route".into()),
            }],
            tests: vec![test(20, "coding", "coding"), test(21, "default", "default")],
            outline: vec![
                item("policy", "shipped", 2),
                item("signal", "code", 4),
                item("score", "effort", 5),
                item("band", "hard", 6),
                item("route", "long", 8),
                item("route", "coding", 13),
                item("default", "default", 17),
                item("tests", "tests", 19),
            ],
        },
    }
}

/// Budgets in every state, and keys.
pub(crate) fn budgets(now: Timestamp) -> BudgetsView {
    let budget = |subject: &str, meter, window: &str, limit, settled, reserved| BudgetView {
        subject: subject.into(),
        meter,
        window: window.into(),
        limit,
        settled,
        reserved,
        overrun: settled / 50,
        resets: (window != "total").then_some(Timestamp(now.0 + 11 * 60 * MINUTE)),
    };
    let key = |n: u128, name: &str, hint: &str| KeyView {
        id: format!("key_{n:032x}"),
        name: name.into(),
        hint: hint.into(),
        created: Timestamp(now.0 - 9_000 * MINUTE),
        ..Default::default()
    };
    BudgetsView {
        budgets: vec![
            budget("all callers", Meter::Micro, "day", 50_000_000, 21_734_120, 1_200_000),
            budget("key ci", Meter::Tokens, "day", 2_000_000, 1_610_400, 96_000),
            budget("key ci", Meter::Requests, "minute", 60, 12, 3),
            budget("tenant research", Meter::Micro, "month", 1_000_000_000, 1_000_400_000, 0),
            budget("tenant research", Meter::Tokens, "total", 0, 0, 0),
        ],
        rules: vec![
            RuleView {
                name: "everyone".into(),
                scope: "all callers together".into(),
                window: "day".into(),
                limits: vec![RuleLimit { meter: Meter::Micro, limit: 50_000_000 }],
                degrade_to: Some("sim-small".into()),
            },
            RuleView {
                name: "keys".into(),
                scope: "each key".into(),
                window: "minute".into(),
                limits: vec![
                    RuleLimit { meter: Meter::Requests, limit: 60 },
                    RuleLimit { meter: Meter::Tokens, limit: 100_000 },
                ],
                degrade_to: None,
            },
        ],
        keys: vec![
            KeyView {
                tenant: Some("research".into()),
                roles: vec!["developer".into()],
                scopes: vec!["admin".into()],
                models: vec!["sim-*".into()],
                ..key(42, "ci", "x7Qa")
            },
            KeyView { expires: Some(Timestamp(now.0 - MINUTE)), ..key(43, "demo", "p0Lm") },
            KeyView { revoked: Some(Timestamp(now.0 - 5 * MINUTE)), ..key(44, "laptop", "Zk31") },
        ],
        keyless: true,
    }
}
