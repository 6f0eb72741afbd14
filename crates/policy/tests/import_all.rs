//! Everything that the incumbent's contract has, in one file: whatever is changed in it shows in what is imported or
//! in the list of what has no equivalent.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use tollgate_policy::import::{Import, Source, import};
use tollgate_policy::{Known, compile};

/// One member a line, so that each can be changed by itself. Under `routing.signals`, every type.
const SIGNALS: &str = "
    keywords:
      - name: kw_words
        operator: AND
        case_sensitive: true
        keywords: [alpha, beta]
      - name: kw_regex
        operator: NOR
        method: regex
        keywords: [\"al.ha\"]
      - name: kw_fuzzy
        fuzzy_match: true
        fuzzy_threshold: 1
        keywords: [gamma]
      - name: kw_bm25
        method: bm25
        bm25_threshold: 0.2
        keywords: [delta]
      - name: kw_ngram
        method: ngram
        ngram_threshold: 0.5
        ngram_arity: 4
        keywords: [epsilon]
    context:
      - name: long
        min_tokens: 2K
        max_tokens: 1M
    language:
      - name: de
        threshold: 0.4
    structure:
      - name: questions
        feature:
          type: count
          source:
            type: regex
            pattern: \"[?]\"
        predicate:
          gt: 2
      - name: dense
        feature:
          type: density
          source:
            type: keyword_set
            case_sensitive: true
            keywords: [if, then]
        predicate:
          gte: 0.1
      - name: steps
        feature:
          type: sequence
          source:
            type: sequence
            sequences:
              - [first, second]
      - name: wide
        feature:
          type: exists
          source:
            type: text_bytes
        predicate:
          lte: 500
    conversation:
      - name: many
        feature:
          type: count
          source:
            type: message
            role: assistant
        predicate:
          gte: 3
      - name: calls
        feature:
          type: exists
          source:
            type: assistant_tool_call
    events:
      - name: outage
        event_types: [outage]
        severities: [critical]
        action_codes: [E42]
        temporal: true
    metadata:
      - name: tier
        key: tier
        equals: gold
      - name: plan
        key: plan
        in: [pro, team]
      - name: tagged
        key: tag
        exists: false
    role_bindings:
      - name: admins
        role: admin
        subjects:
          - kind: User
            name: ann
          - kind: Group
            name: ops
      - name: more admins
        role: admin
        subjects:
          - kind: User
            name: bob
    reasks:
      - name: again
        threshold: 0.7
        lookback_turns: 2
    embeddings:
      - name: refunds
        threshold: 0.6
        aggregation_method: mean
        query_modality: text
        candidates: [give my money back]
      - name: invoices
        threshold: 0.65
        candidates: [send the invoice]
    domains:
      - name: numbers
        mmlu_categories: [math]
    complexity:
      - name: effort
        threshold: 0.15
        hard:
          candidates: [prove the theorem]
          image_candidates: [a diagram]
        easy:
          candidates: [say hello]
        composer:
          operator: AND
          conditions:
            - type: context
              name: long
    kb:
      - name: base
        kb: facts
        match: best
        target:
          kind: label
          value: returns
    preferences:
      - name: terse
        description: short answers
        threshold: 0.55
        examples: [keep it short]
      - name: wordy
        threshold: 0.5
        examples: [tell me everything]
    jailbreak:
      - name: attack
        method: classifier
        threshold: 0.8
        include_history: true
      - name: contrast
        method: contrastive
        threshold: 0.2
        jailbreak_patterns: [ignore all rules]
        benign_patterns: [what are the rules]
    pii:
      - name: private
        threshold: 0.8
        include_history: true
        pii_types_allowed: [EMAIL_ADDRESS]
    fact_check:
      - name: needs_fact_check
        threshold: 0.5
    user_feedbacks:
      - name: wrong_answer
        threshold: 0.5
    modality:
      - name: DIFFUSION
    classifiers:
      - name: tone
        type: local
        labels: [rude, kind]
";

const PROJECTIONS: &str = "
    partitions:
      - name: topics
        semantics: softmax_exclusive
        temperature: 0.3
        members: [refunds, invoices]
        default: refunds
    scores:
      - name: weight
        method: weighted_sum
        inputs:
          - type: keyword
            name: kw_words
            weight: 0.7
            match: 2
            miss: 0.5
          - type: embedding
            name: refunds
            weight: 0.2
            value_source: confidence
          - type: conversation
            name: many
            weight: 0.1
            value_source: raw
    mappings:
      - name: bands
        source: weight
        method: threshold_bands
        calibration:
          method: sigmoid_distance
          slope: 9
        outputs:
          - name: light
            lt: 0.4
          - name: heavy
            gte: 0.4
";

/// Leaves of every type.
const LEAVES: &[(&str, &str)] = &[
    ("keyword", "kw_words"),
    ("keyword", "kw_regex"),
    ("keyword", "kw_fuzzy"),
    ("keyword", "kw_bm25"),
    ("keyword", "kw_ngram"),
    ("context", "long"),
    ("language", "de"),
    ("structure", "questions"),
    ("structure", "dense"),
    ("structure", "steps"),
    ("structure", "wide"),
    ("conversation", "many"),
    ("conversation", "calls"),
    ("event", "outage"),
    ("metadata", "tier"),
    ("metadata", "plan"),
    ("metadata", "tagged"),
    ("authz", "admin"),
    ("reask", "again"),
    ("embedding", "refunds"),
    ("domain", "numbers"),
    ("complexity", "effort:hard"),
    ("kb", "base"),
    ("preference", "terse"),
    ("jailbreak", "attack"),
    ("jailbreak", "contrast"),
    ("pii", "private"),
    ("fact_check", "needs_fact_check"),
    ("user_feedback", "wrong_answer"),
    ("modality", "DIFFUSION"),
    ("projection", "heavy"),
];

const ALGORITHMS: &[&str] = &[
    "static",
    "router_dc",
    "hybrid",
    "latency_aware",
    "multi_factor",
    "confidence",
    "ratings",
    "remom",
    "automix",
    "knn",
    "kmeans",
    "svm",
    "mlp",
    "prompt",
    "fusion",
    "workflows",
    "elo",
    "rl_driven",
    "gmtrouter",
    "session_aware",
];

const PLUGINS: &str = "
        - type: system_prompt
          configuration:
            mode: replace
            system_prompt: be brief
        - type: header_mutation
          configuration:
            add:
              - name: x-a
                value: one
            update:
              - name: x-b
                value: two
            delete: [x-c]
        - type: request_params
          configuration:
            blocked_params: [seed]
            max_tokens_limit: 100
            max_n: 2
            strip_unknown: true
        - type: tools
          configuration:
            mode: filtered
            semantic_selection: true
            allow_tools: [read]
            block_tools: [shell]
            strip_tool_history: true
        - type: response_cache
          configuration:
            mode: exact
        - type: tool_selection
          configuration:
            mode: add
        - type: hallucination
          configuration:
            use_nli: true
        - type: response_jailbreak
          configuration:
            threshold: 0.5
        - type: memory
          configuration:
            retrieval_limit: 3
        - type: rag
          configuration:
            top_k: 2
        - type: router_replay
          configuration:
            max_records: 5
        - type: image_gen
          configuration:
            steps: 4
        - type: context_compression
          configuration:
            target: 100
";

fn whole() -> String {
    let mut text = String::from(
        "version: v0.3
listeners:
  - port: 8899
providers:
  defaults:
    default_model: small
    default_reasoning_effort: low
  models:
    - name: small
      provider_model_id: org/small
      pricing:
        prompt_per_1m: 0.2
        completion_per_1m: 0.4
      backend_refs:
        - base_url: http://10.0.0.1:8000/v1
          weight: 2
    - name: large
entrypoints:
  - model_names: [smart]
    recipe: other
global:
  router:
    strategy: confidence
    auto_model_name: pick
  model_catalog:
    kbs:
      - name: facts
        labels:
          returns:
            exemplars: [how do I return it]
    embeddings:
      semantic:
        embedding_config:
          top_k: 1
recipes:
  - name: other
    routing:
      strategy: priority
      decisions:
        - name: all
          priority: 3
          modelRefs:
            - model: large
routing:
  modelCards:
    - name: large
      context_window_size: 32000
      quality_score: 0.9
  signals:",
    );
    text += SIGNALS;
    text += "  projections:";
    text += PROJECTIONS;
    text += "  decisions:\n";
    for (at, (kind, name)) in LEAVES.iter().enumerate() {
        let algorithm = ALGORITHMS[at % ALGORITHMS.len()];
        // The first of a static list answers: weights have no meaning there, nor here.
        let weight = if algorithm == "static" { "" } else { "\n          weight: 3" };
        text += &format!(
            "    - name: d_{at}
      priority: {}
      rules:
        operator: AND
        conditions:
          - type: {kind}
            name: \"{name}\"
          - operator: NOT
            conditions:
              - type: fact_check
                name: no_fact_check_needed
          - operator: OR
            conditions:
              - type: keyword
                name: kw_words
              - type: structure
                name: questions
                predicate:
                  gt: {at}
              - type: classifier
                name: tone
                label: rude
                on_error: match
                predicate:
                  gte: 0.5
      modelRefs:
        - model: large{weight}
          use_reasoning: true
          reasoning_effort: high
        - model: small
          use_reasoning: true
      algorithm:
        type: {algorithm}
",
            100 - at
        );
        if at == 0 {
            text += "      tier: 2\n      plugins:";
            text += PLUGINS;
            text += "      annotations:\n        owner: ann\n      output_contract: text\n";
        }
    }
    text += "    - name: canned
      priority: 1
      rules:
        type: keyword
        name: kw_words
      plugins:
        - type: fast_response
          configuration:
            message: not here
";
    text
}

fn read(text: &str) -> Option<Import> {
    import(Source::VllmSr, text).ok()
}

#[test]
fn every_type_is_read_and_the_policy_compiles() {
    let found = import(Source::VllmSr, &whole()).unwrap();
    let compiled = compile(&found.policy, &Known::any());
    assert!(compiled.report.is_ok(), "{}", compiled.report.render("p", &found.policy));
    for (kind, name) in LEAVES {
        assert!(found.policy.contains(&format!("{kind}:{name}\"")), "{kind}:{name} is not labelled");
    }
    let wrong: Vec<_> =
        found.gaps.iter().filter(|gap| matches!(gap.kind.word(), "wrong" | "unknown")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whatever a line says counts: another value gives another policy, another configuration or another list.
#[test]
fn no_line_is_lost_silently() {
    let text = whole();
    let before = read(&text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let at = |line: &str| lines.iter().position(|held| *held == line).unwrap();
    // The decisions are alike: two of them are enough.
    let alike = at("    - name: d_2")..at("    - name: canned");
    let mut lost = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(at, _)| !alike.contains(at)) {
        // Names that nothing refers to, and what a condition on a missing model would compare.
        let free = ["name: admins", "name: more admins", "name: bands", "gte: 0.5"];
        let Some((key, value)) = line.split_once(": ") else { continue };
        if free.contains(&line.trim_start_matches(['-', ' '])) {
            continue;
        }
        let other = match (value.parse::<f64>(), value) {
            (Ok(number), _) => format!("{}", number + 1.0),
            (_, "true") => "false".to_owned(),
            (_, "false") => "true".to_owned(),
            (_, list) if list.starts_with('[') => list.replacen('[', "[zeta, ", 1),
            (_, text) => format!("x{}", text.trim_matches('"')),
        };
        let changed = format!("{key}: {other}");
        let mut mutated = lines.clone();
        mutated[at] = &changed;
        let after = read(&mutated.join("\n"));
        let same = after.is_some_and(|after| {
            after.policy == before.policy && after.config == before.config && after.gaps == before.gaps
        });
        if same {
            lost.push(format!("{}: {line} -> {}", at + 1, changed.trim()));
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

/// A file that is cut, or has a line doubled, dropped or moved in, is read or refused, and what is read compiles.
#[test]
fn damaged_files_end_in_a_policy_or_a_refusal() {
    let text = whole();
    let lines: Vec<&str> = text.lines().collect();
    let mut seed = 7_u64;
    let mut dice = |most: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % most
    };
    for _ in 0..60 {
        let mut damaged: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        for _ in 0..1 + dice(4) {
            let at = dice(damaged.len());
            match dice(5) {
                0 => drop(damaged.remove(at)),
                1 => damaged.insert(at, lines[dice(lines.len())].to_owned()),
                2 => damaged[at] = damaged[at].replace(':', " :\u{7f}"),
                3 => damaged.truncate(at + 1),
                _ => damaged[at] = format!("  {}", damaged[at]),
            }
            if damaged.is_empty() {
                break;
            }
        }
        if let Some(found) = read(&damaged.join("\n")) {
            let compiled = compile(&found.policy, &Known::any());
            assert!(compiled.report.is_ok(), "{}", compiled.report.render("p", &found.policy));
        }
    }
}
