//! Everything that the incumbent's contract has, in one file: whatever is changed in it shows in what is imported or
//! in the list of what has no equivalent.

use tollgate_policy::import::{Import, Source, import};
use tollgate_policy::{Known, compile};

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

fn whole() -> String {
    let mut text = include_str!("whole.yaml").to_owned();
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
            text += "      tier: 2\n      plugins:\n";
            text += include_str!("plugins.yaml");
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
    let policy = compiled.policy.unwrap();
    tollgate_signals::SignalSet::compile(policy.specs()).unwrap();
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
