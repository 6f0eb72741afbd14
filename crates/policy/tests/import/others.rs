//! Imports of LiteLLM's configurations and of OpenRouter's provider preferences; a whole file and damaged ones.

use crate::common::{Given, policy};
use crate::litellm::LITELLM;
use proptest::prelude::*;
use tollgate_core::signal::Signal;
use tollgate_policy::import::{GapKind, Source, import};

#[test]
fn a_deployment_stays_in_its_region_and_its_credentials_are_not_shown() {
    let text = "model_list:
  - model_name: eu
    litellm_params: {model: bedrock/anthropic.claude, aws_region_name: eu-west-1, aws_secret_access_key: s3cret}
  - model_name: eu
    litellm_params: {model: bedrock/anthropic.claude, aws_region_name: eu-central-1, api_key: os.environ/K}
  - model_name: anywhere
    litellm_params: {model: bedrock/anthropic.claude, api_key: os.environ/K}
  - model_name: unsaid
    litellm_params: {model: bedrock/anthropic.claude, aws_region_name: os.environ/AWS_REGION, api_key: os.environ/K}
  - model_name: azure
    litellm_params: {model: azure/gpt, api_key: os.environ/K, api_version: 2024-06-01}
  - model_name: vertex
    litellm_params: {model: vertex_ai/gemini, api_base: \"https://v.example\", vertex_location: europe-west4, vertex_credentials: s3cret}
";
    let found = import(Source::LiteLlm, text).unwrap();
    let config = found.config.unwrap();
    for line in [
        "    kind: bedrock\n    base_url: \"https://bedrock-runtime.eu-west-1.amazonaws.com\"\n    region: \"eu-west-1\"\n",
        "    base_url: \"https://bedrock-runtime.eu-central-1.amazonaws.com\"\n    region: \"eu-central-1\"\n    key: \"env:K\"\n",
        "    kind: openai_compatible\n    base_url: \"https://v.example\"\n    region: \"europe-west4\"\n",
    ] {
        assert!(config.contains(line), "{line}\n{config}");
    }
    assert!(!config.contains("unsaid") && !config.contains("name: \"azure\""), "{config}");
    let said = |line: u32, kind: GapKind, part: &str| {
        found.gaps.iter().any(|gap| gap.line == line && gap.kind == kind && gap.consequence.contains(part))
    };
    assert!(said(3, GapKind::Dropped, "it has no api_key"), "{:?}", found.gaps);
    assert!(said(7, GapKind::StandsIn, "us-east-1"), "{:?}", found.gaps);
    assert!(
        said(9, GapKind::Wrong, "left out") && said(11, GapKind::Wrong, "no api_base"),
        "{:?}",
        found.gaps
    );
    assert!(found.gaps.iter().all(|gap| gap.kind != GapKind::Unknown), "{:?}", found.gaps);
    assert!(!format!("{config}{:?}", found.gaps).contains("s3cret"));
}

/// Settings of a larger file that are easily taken for something else.
#[test]
fn windows_retries_and_ids_are_what_they_are_there() {
    let text = "model_list:
  - model_name: claude
    litellm_params: {model: bedrock/converse/anthropic.claude-3-5, aws_region_name: eu-central-1, api_key: os.environ/K}
    model_info: {max_tokens: 8192}
  - model_name: invoked
    litellm_params: {model: bedrock/invoke/eu.anthropic.claude, aws_region_name: eu-central-1, api_key: os.environ/K, temperature: 0.2}
    model_info: {max_tokens: 8192, max_input_tokens: 200000}
litellm_settings: {num_retries: 5, request_timeout: 600}
router_settings: {num_retries: 1, timeout: 30}
";
    let found = import(Source::LiteLlm, text).unwrap();
    let config = found.config.unwrap();
    for line in [
        "  - name: \"claude\"\n  - name: \"invoked\"\n    context_window: 200000\n",
        "models: {\"claude\": \"anthropic.claude-3-5\"}",
        "models: {\"invoked\": \"eu.anthropic.claude\"}",
        "retry: {attempts: 2}\ntimeouts: {total_ms: 30000}\n",
    ] {
        assert!(config.contains(line), "{line}\n{config}");
    }
    let gaps: Vec<(u32, GapKind)> = found.gaps.iter().map(|gap| (gap.line, gap.kind)).collect();
    let dropped = [4, 6, 7, 8, 8].map(|line| (line, GapKind::Dropped));
    assert_eq!(gaps, dropped, "{:?}", found.gaps);
}

#[test]
fn shares_of_a_placement_that_does_not_weigh_are_dropped_and_said() {
    let text = LITELLM.replace("simple-shuffle", "latency-based-routing");
    let found = import(Source::LiteLlm, &text).unwrap();
    let config = found.config.unwrap();
    assert!(config.contains("placement: least_ttft") && !config.contains("weight:"), "{config}");
    let kinds: Vec<GapKind> = found
        .gaps
        .iter()
        .filter(|g| g.path.ends_with(".rpm") || g.path.ends_with(".weight"))
        .map(|g| g.kind)
        .collect();
    assert_eq!(kinds, [GapKind::Dropped, GapKind::Dropped], "{:?}", found.gaps);
}

#[test]
fn openrouter_preferences_become_candidates_and_rules() {
    let text = r#"[
  {"model": "anthropic/claude-sonnet", "models": ["openai/gpt-4o"],
   "provider": {"order": ["anthropic", "nowhere"], "ignore": ["groq"]}},
  {"model": "deepseek/chat:nitro",
   "provider": {"only": ["deepseek"], "max_price": {"request": 0.02, "prompt": 1}, "data_collection": "deny", "speed": 1}},
  {"model": "mistral/large", "messages": [{"role": "user", "content": "secret"}],
   "provider": {"order": ["mistral"], "allow_fallbacks": false, "quantizations": ["fp8"]}}
]"#;
    let found = import(Source::OpenRouter, text).unwrap();
    let policy = policy(&found.policy);
    let ask = |model: &str| {
        let decision = policy.decide(&mut Given::named(&policy, &[("model", Signal::text(model))]), false);
        let models = decision.effects().unwrap().models.iter().map(|candidate| candidate.model.clone());
        models.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        ask("anthropic/claude-sonnet"),
        "anthropic/claude-sonnet@anthropic anthropic/claude-sonnet@openrouter openai/gpt-4o@openrouter"
    );
    let foreign =
        |gap: &tollgate_policy::import::Gap| gap.consequence.contains("without openai/gpt-4o@anthropic");
    assert!(found.gaps.iter().any(foreign), "{:?}", found.gaps);
    assert_eq!(ask("deepseek/chat:nitro"), "deepseek/chat@deepseek");
    assert_eq!(ask("mistral/large"), "mistral/large@mistral");
    for statement in [
        "providers [\"deepseek\"]\n  cost <= 20000\n",
        "providers [\"mistral\"]\n",
        "providers [\"anthropic\", \"openrouter\"]\n",
    ] {
        assert!(found.policy.contains(statement), "{statement}\n{}", found.policy);
    }
    let config = found.config.unwrap();
    assert!(config.contains("{name: deepseek, kind: deepseek, key: \"env:DEEPSEEK_API_KEY\"}"), "{config}");
    assert!(config.contains("\"mistral/large@mistral\": \"large\"") && !config.contains("groq"), "{config}");
    let paths: Vec<&str> = found.gaps.iter().map(|gap| gap.path.as_str()).collect();
    for path in [
        "[0].provider",
        "[1].provider.max_price.prompt",
        "[1].provider.max_price.request",
        "[1].provider.speed",
        "[2].provider.quantizations",
        "[2].messages",
    ] {
        assert!(paths.contains(&path), "{path} {paths:?}");
    }
    assert!(!format!("{:?}", found.gaps).contains("secret"), "what a request says is not shown");
    assert!(import(Source::OpenRouter, "{}").is_err());
}

#[test]
fn a_restriction_to_unknown_providers_refuses() {
    let text = r#"[
  {"model": "a/only", "provider": {"only": ["nowhere"]}},
  {"model": "a/closed", "provider": {"order": ["nowhere"], "allow_fallbacks": false}},
  {"model": "a/ignored", "provider": {"order": ["groq"], "ignore": ["groq"], "allow_fallbacks": false}},
  {"model": "a/mixed", "provider": {"only": ["nowhere", "anthropic"]}},
  {"model": "a/open", "provider": {"order": ["nowhere"]}}
]"#;
    let found = import(Source::OpenRouter, text).unwrap();
    let policy = policy(&found.policy);
    let ask = |model: &str| {
        let decision = policy.decide(&mut Given::named(&policy, &[("model", Signal::text(model))]), false);
        let effects = decision.effects().unwrap();
        let models: Vec<&str> = effects.models.iter().map(|candidate| &*candidate.model).collect();
        (effects.answer.as_ref().map(|answer| answer.status), models.join(" "))
    };
    for (line, model) in [(2, "a/only"), (3, "a/closed"), (4, "a/ignored")] {
        assert_eq!(ask(model), (Some(503), String::new()), "{model}");
        let told = |gap: &tollgate_policy::import::Gap| gap.line == line && gap.consequence.contains("503");
        assert!(found.gaps.iter().any(told), "{model}: {:?}", found.gaps);
    }
    assert_eq!(ask("a/mixed"), (None, "a/mixed@anthropic".into()));
    assert_eq!(ask("a/open"), (None, "a/open@openrouter".into()));
    assert!(found.policy.contains("model in [\"a/mixed\", \"a/mixed@anthropic\"]"), "{}", found.policy);
    let none = import(Source::OpenRouter, r#"{"model": "a/b", "provider": {"only": ["nowhere"]}}"#).unwrap();
    assert!(none.config.is_none() && none.policy.matches("answer 503").count() == 2, "{}", none.policy);
}

/// `text` with `from` exchanged for `to` is imported to another policy, configuration or list of gaps.
fn differs(source: Source, text: &str, from: &str, to: &str) {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    let (before, after) =
        (import(source, text).unwrap(), import(source, &text.replacen(from, to, 1)).unwrap());
    let part = |found: &tollgate_policy::import::Import| {
        let gaps: Vec<_> = found.gaps.iter().map(|gap| format!("{gap:?}")).collect();
        (found.policy.clone(), found.config.clone(), gaps)
    };
    assert_ne!(part(&before), part(&after), "{from} to {to}");
}

#[test]
fn nothing_is_dropped_silently() {
    let text = "version: v0.3
global: {router: {strategy: priority, clear_route_cache: true}}
providers: {defaults: {default_model: m}, models: [{name: m}]}
routing:
  modelCards: [{name: m, context_window_size: 4096, quality_score: 0.8, capabilities: [chat]}, {name: ghost}]
  signals:
    structure: [{name: q, feature: {type: sequence, source: {type: sequence, sequences: [[one, two]]}}, predicate: {gte: 2}}]
    jailbreak: [{name: j, on_error: block, positive_labels: [bad]}]
    pii: [{name: p, threshold: 0.91}]
    language: [{name: en, threshold: 0.92}]
    fact_check: [{name: needs_fact_check, threshold: 0.93}]
    user_feedbacks: [{name: wrong_answer, threshold: 0.94}]
  decisions:
    - name: d
      priority: 2
      rules: {operator: OR, conditions: [{type: structure, name: q}, {type: jailbreak, name: j}, {type: pii, name: p}, {type: language, name: en}, {type: fact_check, name: needs_fact_check}, {type: user_feedback, name: wrong_answer}]}
      modelRefs: [{model: m, weight: 2}, {model: m, weight: 3}]
    - {name: e, priority: 1, rules: {type: pii, name: p}, modelRefs: [{model: m}]}
";
    for (from, to) in [
        ("strategy: priority", "strategy: confidence"),
        ("clear_route_cache: true", "clear_route_cache: false"),
        ("4096", "8192"),
        ("0.8,", "0.7,"),
        ("[chat]", "[vision]"),
        ("ghost", "spirit"),
        ("gte: 2", "gte: 3"),
        ("on_error: block", "on_error: allow"),
        ("[bad]", "[worse]"),
        ("0.91", "0.5"),
        ("0.92", "0.5"),
        ("0.93", "0.5"),
        ("0.94", "0.5"),
        (", {model: m, weight: 3}", ""),
        ("weight: 3", "weight: 4"),
    ] {
        differs(Source::VllmSr, text, from, to);
    }
    let others = LITELLM.replace("  num_retries", "  default_fallbacks: [missing]\n  num_retries");
    for (from, to) in [("gone]", "lost]"), (", gone", ""), ("missing", "absent"), ("[missing]", "[]")] {
        differs(Source::LiteLlm, &others, from, to);
    }
}

/// A file with every kind of signal and projection, which the fuzz target starts from too.
const WHOLE: &str = include_str!("../../../../fuzz/src/import_vllm_sr.yaml");

#[test]
fn a_whole_file_is_read_to_the_last_field() {
    let found = import(Source::VllmSr, WHOLE).unwrap();
    let unknown: Vec<_> = found.gaps.iter().filter(|gap| gap.kind == GapKind::Unknown).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let policy = policy(&found.policy);
    assert_eq!(policy.routes().count(), 4);
    let labels = policy.labelled(&mut Given::named(&policy, &[]));
    assert!(
        labels.len() >= 40 && labels.iter().all(|label| label.label.starts_with("default::")),
        "{}",
        labels.len()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever is cut out, doubled or exchanged: a refusal with a line, or a policy that compiles.
    #[test]
    fn a_damaged_file_is_refused_or_compiles(
        cuts in proptest::collection::vec((0usize..100, 0usize..8), 1..5),
        swaps in proptest::collection::vec((0usize..3000, "[a-z0-9:.{}\\[\\] ,-]{0,6}"), 0..4),
    ) {
        let mut lines: Vec<String> = WHOLE.lines().map(str::to_owned).collect();
        for (at, how) in cuts {
            let at = 2 + at % (lines.len() - 2);
            match how {
                0..3 => drop(lines.remove(at)),
                3..6 => lines.insert(at, lines[at].clone()),
                _ => lines.push(String::new()),
            }
        }
        let mut text = lines.join("\n");
        for (at, with) in swaps {
            let at = (0..=at % text.len()).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let end = text[at..].char_indices().nth(3).map_or(text.len(), |(offset, _)| at + offset);
            text.replace_range(at..end, &with);
        }
        match import(Source::VllmSr, &text) {
            Ok(found) => drop(policy(&found.policy)),
            Err(error) => prop_assert!(error.line > 0 && !error.message.is_empty()),
        }
    }
}
