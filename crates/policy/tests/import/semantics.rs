//! Imports: the semantics that decide whether a request goes the same way, what has no equivalent, hostile files.

use crate::common::{Given, policy, sure};
use tollgate_core::signal::Signal;
use tollgate_policy::Policy;
use tollgate_policy::import::{GapKind, Import, ImportError, Source, import};

pub(crate) fn vsr(routing: &str) -> Import {
    let head = "version: v0.3\nproviders:\n  defaults: {default_model: m}\n  models: [{name: m, backend_refs: [{endpoint: h}]}]\nrouting:\n";
    import(Source::VllmSr, &format!("{head}{routing}")).unwrap_or_else(|error| panic!("{error}\n{routing}"))
}

fn refused(text: &str) -> ImportError {
    import(Source::VllmSr, text).expect_err("it must be refused")
}

/// Three keyword signals, and these decisions: name, tier, priority, rules.
fn decisions(strategy: &str, list: &[(&str, u32, i32, &str)]) -> Policy {
    let mut text = format!("  strategy: {strategy}\n  signals:\n    keywords:\n");
    for name in ["a", "b", "c"] {
        text += &format!("      - {{name: {name}, keywords: [{name}{name}]}}\n");
    }
    text += "  decisions:\n";
    for (name, tier, priority, rules) in list {
        text += &format!(
            "    - {{name: {name}, tier: {tier}, priority: {priority}, rules: {rules}, modelRefs: [{{model: m}}]}}\n"
        );
    }
    policy(&vsr(&text).policy)
}

pub(crate) fn takes(policy: &Policy, given: &[(&str, Signal)]) -> (String, f64) {
    let route = policy.decide(&mut Given::named(policy, given), false).route_name().to_owned();
    // Deciding stops when the route is certain; how sure it is shows once everything is read.
    let all = policy.decide_reading_all(&mut Given::named(policy, given));
    let confidence =
        all.iter().find(|report| report.name == route).map_or(1.0, |report| report.when.confidence.low);
    (route, confidence)
}

const A: &str = "{type: keyword, name: a}";

fn all(parts: &str) -> String {
    format!("{{operator: AND, conditions: [{parts}]}}")
}

fn any(parts: &str) -> String {
    format!("{{operator: OR, conditions: [{parts}]}}")
}

#[test]
fn and_is_the_mean_or_the_best_not_is_certain() {
    let both = "{type: keyword, name: a}, {type: keyword, name: b}";
    let given = || [("a", sure(0.4)), ("b", sure(0.9))];
    let policy = decisions("priority", &[("mean", 0, 5, &all(both)), ("best", 0, 5, &any(both))]);
    assert_eq!(takes(&policy, &given()), ("best".into(), 0.9));
    let policy = decisions("priority", &[("mean", 0, 5, &all(both))]);
    assert!((takes(&policy, &given()).1 - 0.65).abs() < 1e-12);
    let not = "{operator: NOT, conditions: [{type: keyword, name: c}]}";
    let policy = decisions("priority", &[("not", 0, 5, &all(&format!("{A}, {not}")))]);
    assert!((takes(&policy, &given()).1 - 0.7).abs() < 1e-12);
    // A tree weighs by its nesting: mean(0.4, mean(0.9, 1)).
    let nested = all(&format!("{A}, {}", all(&format!("{{type: keyword, name: b}}, {not}"))));
    let policy = decisions("priority", &[("nested", 0, 5, &nested)]);
    assert!((takes(&policy, &given()).1 - 0.675).abs() < 1e-12);
}

/// A match whose signal has no score of its own is 1.0 sure: graded keywords count in full.
#[test]
fn a_match_without_a_score_is_certain() {
    for method in ["method: bm25", "method: ngram", "fuzzy_match: true"] {
        let rules = "{operator: AND, conditions: [{type: keyword, name: k}, {type: keyword, name: k}]}";
        let text = format!(
            "  signals:\n    keywords: [{{name: k, keywords: [elephants], {method}}}]\n  decisions:\n    - {{name: x, rules: {rules}, modelRefs: [{{model: m}}]}}\n"
        );
        let policy = policy(&vsr(&text).policy);
        let graded = policy.specs().iter().find(|spec| spec.name != "k").unwrap().name.clone();
        assert_eq!(takes(&policy, &[(&graded, sure(0.3))]), ("x".into(), 1.0), "{method}");
    }
}

#[test]
fn tiers_then_confidence_then_priority() {
    let b = "{type: keyword, name: b}";
    let given = || [("a", sure(0.4)), ("b", sure(0.9)), ("c", sure(0.9))];
    for (strategy, list, wins) in [
        ("priority", vec![("x", 0, 9, A), ("y", 0, 1, b)], "x"),
        ("confidence", vec![("x", 0, 9, A), ("y", 0, 1, b)], "y"),
        ("confidence", vec![("y", 0, 1, b), ("z", 0, 2, "{type: keyword, name: c}")], "z"),
        // As soon as a tier is there, confidence comes before priority, whatever the strategy.
        ("priority", vec![("x", 1, 9, A), ("y", 1, 1, b)], "y"),
        ("priority", vec![("x", 1, 1, A), ("y", 2, 9, b)], "x"),
        // Without a tier comes before every tier.
        ("priority", vec![("x", 1, 9, b), ("y", 0, 1, A)], "y"),
        // An always-true decision of a tier makes the untiered compete by confidence too.
        ("priority", vec![("x", 0, 9, A), ("y", 0, 1, b), ("z", 3, 0, "{operator: AND}")], "y"),
        (
            "priority",
            vec![("x", 0, 1, b), ("y", 0, 9, A), ("z", 1, 0, "{type: keyword, name: c}"), ("w", 1, 5, A)],
            "y",
        ),
    ] {
        assert_eq!(takes(&decisions(strategy, &list), &given()).0, wins, "{strategy} {list:?}");
    }
}

#[test]
fn what_always_holds_is_not_sure_at_all() {
    let list = [("fallback", 1, 1, "{operator: AND, conditions: []}"), ("x", 1, 0, A)];
    let policy = decisions("priority", &list);
    assert_eq!(takes(&policy, &[]), ("fallback".into(), 0.0));
    assert_eq!(takes(&policy, &[("a", sure(0.1))]).0, "x");
    let never = decisions("priority", &[("x", 0, 1, &any(""))]);
    assert_eq!(takes(&never, &[]).0, "default", "an OR of nothing never holds, at the root too");
    let never = decisions("priority", &[("x", 0, 1, &all(&format!("{A}, {}", any(""))))]);
    assert_eq!(takes(&never, &[("a", sure(1.0))]).0, "default", "an empty OR inside never does");
}

/// A score over `a` and `b` with two bands, and a decision for each band.
fn bands(method: &str, first: &str, second: &str) -> Policy {
    policy(
        &vsr(&format!(
            "  signals:
    keywords:
      - {{name: a, keywords: [aa]}}
      - {{name: b, keywords: [bb]}}
  projections:
    scores:
      - name: s
        method: weighted_sum
        inputs:
          - {{type: keyword, name: a, weight: 1.5, value_source: confidence}}
          - {{type: keyword, name: b, weight: -0.25, match: 3, miss: 1}}
    mappings:
      - name: m
        source: s
        method: {method}
        outputs:
          - {{name: first, {first}}}
          - {{name: second, {second}}}
  decisions:
    - {{name: one, priority: 2, rules: {{type: projection, name: second}}, modelRefs: [{{model: m}}]}}
    - {{name: two, priority: 1, rules: {{type: projection, name: first}}, modelRefs: [{{model: m}}]}}
"
        ))
        .policy,
    )
}

#[test]
fn bands_are_sure_by_the_sigmoid_of_their_distance() {
    let policy = bands("threshold_bands", "lt: 0.5", "gte: 0.5");
    // 1.5 * 0.8 - 0.25 * 1 = 0.95; 1 / (1 + exp(-12 * 0.45)).
    let (route, confidence) = takes(&policy, &[("a", sure(0.8))]);
    assert_eq!(route, "one");
    assert!((confidence - 1.0 / (1.0 + (-12.0_f64 * 0.45).exp())).abs() < 1e-9, "{confidence}");
    // -0.25 * 3 = -0.75 is below the bound by 1.25: sums are not cut at 0.
    let (route, confidence) = takes(&policy, &[("b", sure(1.0))]);
    assert_eq!(route, "two");
    assert!((confidence - 1.0 / (1.0 + (-12.0_f64 * 1.25).exp())).abs() < 1e-9, "{confidence}");
}

#[test]
fn inputs_are_worth_what_their_source_says() {
    let score = |input: &str| {
        let text = format!(
            "  signals: {{keywords: [{{name: a, keywords: [aa]}}]}}
  projections:
    scores:
      - {{name: inner, inputs: [{{type: keyword, name: a, weight: 2}}]}}
      - {{name: s, inputs: [{{{input}, weight: 1}}]}}
    mappings:
      - {{name: n, source: inner, outputs: [{{name: high, gte: 1.5}}]}}
      - {{name: m, source: s, calibration: {{slope: 0.5}}, outputs: [{{name: b, gte: -9}}]}}
  decisions: [{{name: x, rules: {{type: projection, name: b}}, modelRefs: [{{model: m}}]}}]
"
        );
        let found = vsr(&text);
        let policy = policy(&found.policy);
        let confidence = takes(&policy, &[("a", sure(0.25))]).1;
        // What the sum was, from the distance to the bound.
        ((confidence / (1.0 - confidence)).ln() / 0.5 - 9.0, found.gaps.len())
    };
    for (input, worth, gaps) in [
        ("type: keyword, name: a, match: 0", 1.0, 0),
        ("type: keyword, name: a, match: -1.5", -1.5, 0),
        ("type: projection, name: inner", 2.0, 0),
        ("type: projection, name: high, value_source: confidence", 1.0 / (1.0 + (-6.0_f64).exp()), 0),
        ("type: projection, name: inner, value_source: confidence", 0.0, 1),
        ("type: projection, name: high", 0.0, 1),
    ] {
        let (got, found) = score(input);
        assert!((got - worth).abs() < 0.01 && found == gaps, "{input}: {got}, {found} gaps");
    }
}

#[test]
fn the_first_band_that_fits_is_meant_unless_all_are() {
    for (method, wins) in [("threshold_bands", "two"), ("multi_emit", "one")] {
        let policy = bands(method, "gte: 0.2", "gte: 0.1");
        let (route, confidence) = takes(&policy, &[("a", sure(1.0))]);
        assert_eq!(route, wins, "{method}");
        let distance = if wins == "one" { 1.15 } else { 1.05 };
        assert!(
            (confidence - 1.0 / (1.0 + (-12.0_f64 * distance).exp())).abs() < 1e-9,
            "{method} {confidence}"
        );
    }
    let policy = bands("threshold_bands", "gte: 9", "gte: 0.1");
    assert_eq!(takes(&policy, &[("a", sure(1.0))]).0, "one", "where the first does not fit the second does");
}

#[test]
fn of_a_partition_only_the_strongest_counts_else_the_default() {
    let text = |semantics: &str| {
        format!(
            "  signals:
    domains: [{{name: law}}, {{name: math}}, {{name: other}}]
  projections:
    partitions:
      - {{name: p, members: [law, math, other], semantics: {semantics}, temperature: 0.1, default: other}}
  decisions:
    - {{name: l, priority: 9, rules: {{type: domain, name: law}}, modelRefs: [{{model: m}}]}}
    - {{name: h, priority: 8, rules: {{type: domain, name: math}}, modelRefs: [{{model: m}}]}}
    - {{name: o, priority: 7, rules: {{type: domain, name: other}}, modelRefs: [{{model: m}}]}}
"
        )
    };
    let soft = policy(&vsr(&text("softmax_exclusive")).policy);
    assert_eq!(takes(&soft, &[]), ("o".into(), 1.0), "the default is certain");
    let both = || [("domain_law_alone", sure(0.5)), ("domain_math_alone", sure(0.8))];
    let (route, confidence) = takes(&soft, &both());
    assert_eq!(route, "h");
    assert!(
        (confidence - 1.0 / (1.0 + (-3.0_f64).exp())).abs() < 1e-9,
        "softmax over those that hold: {confidence}"
    );
    assert_eq!(takes(&policy(&vsr(&text("exclusive")).policy), &both()), ("h".into(), 0.8), "its own");
    let alone = takes(&soft, &[("domain_math_alone", sure(0.8))]);
    assert_eq!(alone, ("h".into(), 0.8), "nothing is shared where one competes alone");
    for given in ["", "temperature: 0,"] {
        let text = text("softmax_exclusive").replace("temperature: 0.1,", given);
        let (_, confidence) = takes(&policy(&vsr(&text).policy), &both());
        assert!((confidence - 1.0 / (1.0 + (-0.3_f64).exp())).abs() < 1e-9, "{given}: {confidence}");
    }
}

#[test]
fn nothing_is_dropped_silently() {
    let found = vsr("  signals:
    keywords:
      - {name: a, keywords: [aa], colour: red}
  decisions:
    - name: x
      rules: {type: keyword, name: missing}
      modelRefs: [{model: m}, {model: gone}]
      plugins: [{type: rag, configuration: {top_k: 3}}]
      algorithm: {type: elo, elo: {k: 32}}
      mood: good
");
    let says: Vec<(u32, &str, GapKind)> =
        found.gaps.iter().map(|gap| (gap.line, gap.path.as_str(), gap.kind)).collect();
    assert_eq!(
        says,
        [
            (8, "routing.signals.keywords[0].colour", GapKind::Unknown),
            (11, "routing.decisions[0].rules", GapKind::Wrong),
            (12, "routing.decisions[0].modelRefs[1]", GapKind::Wrong),
            (13, "routing.decisions[0].plugins[0]", GapKind::Dropped),
            (14, "routing.decisions[0].algorithm", GapKind::StandsIn),
            (15, "routing.decisions[0].mood", GapKind::Unknown),
        ]
    );
    assert_eq!(found.gaps[0].value, "red");
}

#[test]
fn effects_become_statements() {
    let found = vsr("  decisions:
    - name: x
      modelRefs: [{model: m, use_reasoning: true, reasoning_effort: high}]
      plugins:
        - {type: system_prompt, configuration: {system_prompt: \"Say \\\"so\\\".\", mode: replace}}
        - {type: header_mutation, configuration: {add: [{name: X-A, value: b}], delete: [X-C]}}
        - {type: request_params, configuration: {blocked_params: [seed], max_tokens_limit: 100}}
        - {type: tools, configuration: {mode: none}}
    - name: y
      plugins: [{type: fast_response, configuration: {message: no}}]
");
    for statement in [
        "models { \"m\" effort high }",
        "system replace \"Say \\\"so\\\".\"",
        "header set \"X-A\" \"b\"",
        "header remove \"X-C\"",
        "param remove seed",
        "param cap max_tokens 100",
        "tools keep []",
        "answer 200 \"no\"",
        "note plugins \"fast_response\"",
    ] {
        assert!(found.policy.contains(statement), "{statement}\n{}", found.policy);
    }
    assert!(found.gaps.is_empty(), "{:?}", found.gaps);
}

#[test]
fn providers_become_configuration_and_keys_are_not_copied() {
    let text = "version: v0.3
providers:
  defaults: {default_model: big}
  models:
    - name: big
      provider_model_id: vendor/big
      pricing: {currency: USD, prompt_per_1m: 2.5, completion_per_1m: 10}
      backend_refs:
        - {name: a, endpoint: \"h:8000\", protocol: http, type: vllm, weight: 3}
        - {name: b, base_url: \"https://x.example/v1/\", api_key_env: K, api_key: sk-secret}
";
    let found = import(Source::VllmSr, text).unwrap();
    let config = found.config.unwrap();
    for line in [
        "base_url: \"http://h:8000/v1\"",
        "key: \"env:K\"",
        "price: {input: \"2.5\", output: \"10\"}",
        "models: {\"big\": \"vendor/big\"}",
        "weight: 3",
    ] {
        assert!(config.contains(line), "{line}\n{config}");
    }
    let of = |backend: &str| {
        let head = "version: v0.3\nproviders:\n  models:\n    - {name: m, backend_refs: [";
        import(Source::VllmSr, &format!("{head}{{{backend}}}]}}\n")).unwrap()
    };
    for (backend, kind, url, gaps) in [
        ("base_url: 'https://r.example', provider: azure-openai", "azure_openai", "https://r.example", 0),
        ("base_url: 'https://b.example', provider: bedrock", "bedrock", "https://b.example", 0),
        ("base_url: 'https://g.example', provider: gemini", "gemini", "https://g.example", 0),
        ("base_url: 'https://a.example', provider: anthropic", "anthropic", "https://a.example", 0),
        ("base_url: 'https://api.openai.com/v1', provider: openai", "openai", "https://api.openai.com/v1", 0),
        ("endpoint: 'https://h:8000', protocol: http", "openai_compatible", "https://h:8000/v1", 0),
        ("endpoint: 'h:8000/api/v2', type: vllm", "vllm", "http://h:8000/api/v2", 0),
        // What is left out leaves the model without a backend: a second gap says what stands in.
        (
            "base_url: 'https://v.example', provider: vertex-ai",
            "openai_compatible",
            "http://127.0.0.1:8000/v1",
            2,
        ),
        ("name: a", "openai_compatible", "http://127.0.0.1:8000/v1", 2),
    ] {
        let found = of(backend);
        let config = found.config.unwrap();
        let wanted = format!("kind: {kind}\n    base_url: \"{url}\"\n");
        assert!(config.contains(&wanted), "{backend}\n{config}");
        assert_eq!(found.gaps.len(), gaps, "{backend}: {:?}", found.gaps);
    }
    // Not in a part that is told of as a whole either, nor under a name that nobody knows.
    for backend in
        ["api_key: sk-secret", "endpoint: h, auth_token: sk-secret", "endpoint: h, x: {password: sk-secret}"]
    {
        let shown = format!("{:?}", of(backend).gaps);
        assert!(shown.contains("not shown") && !shown.contains("sk-secret"), "{backend} {shown}");
    }
    let shown = format!("{config}{:?}", found.gaps);
    assert!(!shown.contains("sk-secret") && shown.contains("api_key"), "{shown}");
}

#[test]
fn hostile_and_wrong_files_are_refused_with_a_line() {
    let mut bomb = "version: v0.3\na: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in ["b", "c", "d", "e", "f", "g"].iter().zip(["a", "b", "c", "d", "e", "f"]) {
        bomb += &format!("{name}: &{name} [{}]\n", vec![format!("*{of}"); 10].join(", "));
    }
    assert!(refused(&bomb).message.contains("unfolds to more than"), "{}", refused(&bomb));
    let deep = format!("version: v0.3\na: {}{}", "[".repeat(200), "]".repeat(200));
    assert!(refused(&deep).message.contains("deeper"), "{}", refused(&deep));
    assert!(refused(&" ".repeat(9 << 20)).message.contains("bytes"));
    let twice = refused("version: v0.3\nrouting: {}\nrouting: {}\n");
    assert!(twice.line == 3 && twice.message.contains("twice"), "{twice}");
    for (text, part) in
        [("", "no `version`"), ("version: v0.2", "v0.3"), ("a: [", ""), ("[1, 2]: x", ""), ("a: *b", "")]
    {
        assert!(refused(text).message.contains(part), "{text}: {}", refused(text));
    }
    // An alias within bounds is a copy, and a merge gives way to what the map says itself.
    let found = import(
        Source::VllmSr,
        "version: v0.3\nproviders:\n  models:\n    - &m {name: m, api_format: openai}\n    - {<<: *m, name: n}\n",
    );
    assert!(found.unwrap().config.unwrap().contains("\"n-1\""));
}
