//! Imports of LiteLLM's configurations: groups, fallbacks, budgets.

use crate::common::{Given, policy};
use tollgate_core::signal::Signal;
use tollgate_policy::import::{GapKind, Source, import};

pub(crate) const LITELLM: &str = "model_list:
  - model_name: gpt
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_API_KEY
      rpm: 60
    model_info: {max_input_tokens: 128000, input_cost_per_token: 2.5e-06, output_cost_per_token: 0.00001}
  - model_name: gpt
    litellm_params: {model: azure/gpt-4o-eu, api_base: \"https://eu.example\", api_key: sk-literal, weight: 3}
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet, api_key: os.environ/ANTHROPIC_API_KEY}
  - model_name: local
    litellm_params: {model: hosted_vllm/llama, api_base: \"http://10.0.0.1:8000/v1\"}
  - model_name: \"*\"
    litellm_params: {model: \"openai/*\"}
litellm_settings:
  fallbacks: [{gpt: [claude, gone]}]
  context_window_fallbacks: [{local: [gpt]}]
  num_retries: 2
  request_timeout: 30
  max_budget: 100.5
  budget_duration: 30d
  cache: true
router_settings:
  routing_strategy: simple-shuffle
  model_group_alias: {gpt-4: gpt, sonnet: claude}
general_settings: {master_key: os.environ/MASTER}
";

/// A fallback's own fallbacks come next, each group once; the general ones are for groups that have none.
#[test]
fn litellm_fallbacks_of_fallbacks_are_tried_in_their_order() {
    let names = ["a", "b", "c", "d", "e", "lone"];
    let model = |name: &&str| {
        format!(
            "  - {{model_name: {name}, litellm_params: {{model: hosted_vllm/{name}, api_base: \"http://h:1\"}}}}"
        )
    };
    let models: Vec<String> = names.iter().map(model).collect();
    let text = format!(
        "model_list:\n{}\nrouter_settings: {{fallbacks: [{{a: [b, d]}}, {{b: [c, a]}}, {{d: [e]}}]}}\nlitellm_settings: {{default_fallbacks: [d]}}\n",
        models.join("\n")
    );
    let imported = import(Source::LiteLlm, &text).unwrap();
    for (group, tried) in [
        ("a", "\"a-own\", \"b-own\", \"c-own\", \"d-own\", \"e-own\""),
        ("b", "\"b-own\", \"c-own\", \"d-own\", \"e-own\", \"a-own\""),
        ("lone", "\"lone-own\", \"d-own\", \"e-own\""),
    ] {
        let route = imported.policy.split(&format!("route {group} {{")).nth(1).unwrap();
        assert!(route.contains(&format!("models {{ {tried} }}")), "{group}: {}", imported.policy);
    }
}

/// `"*"` is the general list; what is for long prompts is asked for long prompts only, where the window says which those are.
#[test]
fn litellm_fallbacks_for_all_and_for_long_prompts() {
    let model = |name: &str, info: &str| {
        format!(
            "  - {{model_name: {name}, litellm_params: {{model: hosted_vllm/{name}, api_base: \"http://h:1\"}}{info}}}\n"
        )
    };
    let window = ", model_info: {max_input_tokens: 8000}";
    let models = [model("cheap", window), model("open", ""), model("dear", ""), model("spare", "")].concat();
    let text = format!(
        "model_list:\n{models}litellm_settings:
  fallbacks: [{{\"*\": [cheap]}}, {{dear: []}}, {{\"*\": [spare]}}]
  context_window_fallbacks: [{{cheap: [dear]}}, {{open: [dear]}}, {{\"*\": [dear]}}]\n"
    );
    let found = import(Source::LiteLlm, &text).unwrap();
    let policy = policy(&found.policy);
    let ask = |model: &str, tokens: f64| {
        let said = [("model", Signal::text(model)), ("context_tokens", Signal::number(tokens))];
        let decision = policy.decide(&mut Given::named(&policy, &said), false);
        let models = decision.effects().unwrap().models.iter().map(|candidate| candidate.model.clone());
        models.collect::<Vec<_>>().join(" ")
    };
    for (model, short, long) in [
        ("cheap", "cheap-own spare", "cheap-own dear"),
        ("open", "open-own spare dear", "open-own spare dear"),
        ("spare", "cheap-own", "cheap-own"),
    ] {
        assert_eq!(
            (ask(model, 8_000.0).as_str(), ask(model, 8_001.0).as_str()),
            (short, long),
            "{model}\n{}",
            found.policy
        );
    }
    assert_eq!(policy.virtual_names(), ["cheap", "open"]);
    let gaps: Vec<(u32, GapKind, &str)> =
        found.gaps.iter().map(|gap| (gap.line, gap.kind, gap.consequence.as_str())).collect();
    assert_eq!(gaps.len(), 3, "{gaps:?}");
    assert!(gaps[0].1 == GapKind::Dropped && gaps[0].2.contains("another general list"), "{gaps:?}");
    assert!(gaps.iter().any(|gap| gap.1 == GapKind::Wrong && gap.2.contains("not in the list")), "{gaps:?}");
    assert!(
        gaps.iter().any(|gap| gap.1 == GapKind::StandsIn && gap.2.contains("they come last")),
        "{gaps:?}"
    );
}

#[test]
fn litellm_groups_fallbacks_and_budgets() {
    let found = import(Source::LiteLlm, LITELLM).unwrap();
    let policy = policy(&found.policy);
    let ask = |model: &str| {
        let decision = policy.decide(&mut Given::named(&policy, &[("model", Signal::text(model))]), false);
        let models = decision.effects().unwrap().models.iter().map(|candidate| candidate.model.clone());
        models.collect::<Vec<_>>().join(" ")
    };
    assert_eq!((ask("gpt"), ask("gpt-4")), ("gpt-own claude".into(), "gpt-own claude".into()));
    assert_eq!(ask("local"), "local-own gpt-own claude");
    assert_eq!(ask("auto"), "gpt-own", "the first of the list");
    assert_eq!(policy.virtual_names(), ["gpt", "gpt-4", "local"]);
    let config = found.config.unwrap();
    for line in [
        "  - name: openai-1\n    kind: openai\n    key: \"env:OPENAI_API_KEY\"\n",
        "    kind: azure_openai\n    base_url: \"https://eu.example\"\n",
        "  - name: \"gpt-own\"\n    context_window: 128000\n    price: {input: \"2.5\", output: \"10\"}\n",
        "  - name: \"claude\"\n    aliases: [\"sonnet\"]\n",
        "models: {\"gpt-own\": \"gpt-4o\"}\n        weight: 60\n",
        "models: {\"gpt-own\": \"gpt-4o-eu\"}\n        weight: 3\n",
        "    placement: weighted\n",
        "retry: {attempts: 3}\ntimeouts: {total_ms: 30000}\n",
        "budgets:\n  - {name: all, scope: global, window: month, usd: \"100.5\"}\nauth: {mode: keys, admin: \"env:MASTER\"}\n",
    ] {
        assert!(config.contains(line), "{line}\n{config}");
    }
    let gaps: Vec<(u32, GapKind)> = found.gaps.iter().map(|gap| (gap.line, gap.kind)).collect();
    assert_eq!(
        gaps,
        [
            (6, GapKind::StandsIn),
            (9, GapKind::Dropped),
            (14, GapKind::Dropped),
            (17, GapKind::Wrong),
            (18, GapKind::StandsIn),
            (22, GapKind::StandsIn),
            (23, GapKind::Dropped)
        ],
        "{:?}",
        found.gaps
    );
    assert!(!format!("{config}{:?}", found.gaps).contains("sk-literal"));
    for (text, part) in [("model_list: []", "model_list"), ("model_list: [{model_name: a}]", "can be served")]
    {
        assert!(import(Source::LiteLlm, text).unwrap_err().message.contains(part), "{text}");
    }
}

/// A route has a bound of models; what is beyond it is told.
#[test]
fn litellm_fallbacks_beyond_the_bound_are_told() {
    let names: Vec<String> = (0..40).map(|n| format!("m{n}")).collect();
    let model = |name: &String| {
        format!(
            "  - {{model_name: {name}, litellm_params: {{model: hosted_vllm/{name}, api_base: \"http://h:1\"}}}}\n"
        )
    };
    let models: String = names.iter().map(model).collect();
    let text = |others: &[String]| {
        format!("model_list:\n{models}router_settings: {{fallbacks: [{{m0: [{}]}}]}}\n", others.join(", "))
    };
    let told = |others: &[String]| import(Source::LiteLlm, &text(others)).unwrap().gaps;
    assert_eq!(told(&names[1..32]), []);
    let gaps = told(&names[1..33]);
    assert!(gaps.len() == 1 && gaps[0].consequence.contains("m0: of its fallbacks the first 31"), "{gaps:?}");
}

/// A general list of as many groups as there are is followed no further than a route can have.
#[test]
fn litellm_a_general_list_of_all_groups_is_read_in_bounds() {
    let names: Vec<String> = (0..2_000).map(|n| format!("m{n}")).collect();
    let mut text = "model_list:\n".to_owned();
    for name in &names {
        text += &format!(
            "  - {{model_name: {name}, litellm_params: {{model: hosted_vllm/{name}, api_base: \"http://h:1\"}}}}\n"
        );
    }
    text += &format!("router_settings: {{fallbacks: [{{\"*\": [{}]}}]}}\n", names.join(", "));
    match import(Source::LiteLlm, &text) {
        Ok(found) => assert!(found.policy.contains("\"m0\"") && !found.gaps.is_empty()),
        Err(error) => assert!(error.message.contains("m"), "{error:?}"),
    }
}
