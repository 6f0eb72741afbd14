//! Several recipes in one file: told apart by the model that is asked for, each with its own strategy.

use crate::common::{Given, policy, sure};
use crate::semantics::takes;
use tollgate_core::signal::Signal;
use tollgate_policy::import::{Source, import};

#[test]
fn the_routers_strategy_is_that_of_recipes_without_their_own() {
    let text = |general: &str, own: &str| {
        format!(
            "version: v0.3
global: {{router: {{strategy: {general}}}}}
providers: {{defaults: {{default_model: m}}, models: [{{name: m}}]}}
routing:
  {own}
  signals:
    keywords: [{{name: a, keywords: [aa]}}, {{name: b, keywords: [bb]}}]
  decisions:
    - {{name: x, priority: 9, rules: {{type: keyword, name: a}}, modelRefs: [{{model: m}}]}}
    - {{name: y, priority: 1, rules: {{type: keyword, name: b}}, modelRefs: [{{model: m}}]}}
"
        )
    };
    for (general, own, wins) in [
        ("confidence", "", "y"),
        ("priority", "", "x"),
        ("confidence", "strategy: priority", "x"),
        ("priority", "strategy: confidence", "y"),
    ] {
        let found = import(Source::VllmSr, &text(general, own)).unwrap();
        let given = [("a", sure(0.4)), ("b", sure(0.9))];
        assert_eq!(takes(&policy(&found.policy), &given).0, wins, "{general}, {own}");
    }
}

#[test]
fn recipes_are_told_apart_by_the_model_that_is_asked_for() {
    let text = "version: v0.3
providers: {defaults: {default_model: m}, models: [{name: m, backend_refs: [{endpoint: h}]}, {name: n, backend_refs: [{endpoint: h}]}]}
entrypoints:
  - {model_names: [smart], recipe: deep}
  - {model_names: [quick, fast], recipe: speed}
recipes:
  - name: deep
    routing:
      decisions: [{name: go, priority: 5, modelRefs: [{model: n}]}]
  - name: speed
    routing:
      signals: {context: [{name: long, min_tokens: 1K, max_tokens: 2K}]}
      decisions: [{name: go, priority: 5, rules: {type: context, name: long}, modelRefs: [{model: m}]}]
";
    let found = import(Source::VllmSr, text).unwrap();
    assert!(found.gaps.is_empty(), "{:?}", found.gaps);
    let policy = policy(&found.policy);
    let ask = |model: &str, tokens: f64| {
        let given = [("model", Signal::text(model)), ("context_tokens", Signal::number(tokens))];
        policy.decide(&mut Given::named(&policy, &given), false)
    };
    assert_eq!(ask("smart", 0.0).route_name(), "go");
    assert_eq!(ask("smart", 0.0).route().unwrap().notes["recipe"], "deep");
    assert_eq!(ask("fast", 2000.0).route_name(), "go_2", "the bounds are inclusive");
    assert_eq!(ask("fast", 2000.0).route().unwrap().notes["decision"], "go");
    assert_eq!(ask("fast", 2001.0).route_name(), "default");
    assert_eq!(ask("auto", 1500.0).route_name(), "default");
    assert_eq!(policy.virtual_names(), ["smart", "quick", "fast", "vllm-sr/auto", "MoM"]);
}

#[test]
fn a_recipes_model_names_do_not_count_in_the_confidence() {
    let text = "version: v0.3
providers: {defaults: {default_model: m}, models: [{name: m}]}
entrypoints: [{model_names: [smart], recipe: deep}, {model_names: [quick], recipe: speed}]
recipes:
  - name: deep
    routing:
      signals: {keywords: [{name: a, keywords: [aa]}, {name: b, keywords: [bb]}]}
      decisions:
        - name: both
          priority: 5
          rules: {operator: AND, conditions: [{type: keyword, name: a}, {type: keyword, name: b}]}
          modelRefs: [{model: m}]
        - {name: rest, priority: 1, modelRefs: [{model: m}]}
  - name: speed
    routing:
      decisions: [{name: go, modelRefs: [{model: m}]}]
";
    let policy = policy(&import(Source::VllmSr, text).unwrap().policy);
    let model = || ("model", Signal::text("smart"));
    let (route, confidence) = takes(&policy, &[model(), ("a", sure(0.4)), ("b", sure(0.9))]);
    assert!(route == "both" && (confidence - 0.65).abs() < 1e-12, "{route} {confidence}");
    assert_eq!(takes(&policy, &[model()]), ("rest".into(), 0.0));
    let other = [("model", Signal::text("quick")), ("a", sure(0.4)), ("b", sure(0.9))];
    assert_eq!(takes(&policy, &other).0, "go");
}
