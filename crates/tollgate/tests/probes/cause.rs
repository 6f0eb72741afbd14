//! Why a probe was decided otherwise: which signals that ask a model elsewhere the two routes rest on.

use std::collections::{BTreeMap, BTreeSet};

/// Kinds that stand in for a model, with what they stand in for.
const STANDS_IN: &[(&str, &str)] = &[
    ("similar", "embeddings"),
    ("domain", "subject classifier"),
    ("fact_seeking", "fact-check classifier"),
    ("feedback", "feedback classifier"),
    ("jailbreak", "jailbreak classifier"),
    ("pii", "personal-data classifier"),
    ("reask", "embeddings of turns"),
];

/// In words; `expected` and `got` are names of routes.
pub(crate) fn of(policy: &str, expected: &str, got: &str) -> String {
    let text = declarations(policy);
    let mut kinds = BTreeSet::new();
    for route in [expected, got] {
        let mut seen = BTreeSet::new();
        let when = text.get(&format!("route {route}")).map(String::as_str).unwrap_or_default();
        expand(when, &text, &mut seen, &mut kinds);
    }
    if kinds.is_empty() {
        return "words and counts alone".to_owned();
    }
    let names: BTreeSet<&str> =
        STANDS_IN.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, model)| *model).collect();
    format!("rests on {}", names.into_iter().collect::<Vec<_>>().join(", "))
}

/// Declarations by name, and the conditions of routes by `route NAME`.
fn declarations(policy: &str) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut open: Option<String> = None;
    for line in policy.lines() {
        let mut words = line.split_whitespace();
        match (line.starts_with(' '), words.next(), words.next()) {
            (false, Some("signal" | "flag" | "sum" | "score" | "band" | "group"), Some(name)) => {
                let body = line.split_once('=').map_or("", |(_, body)| body);
                found.insert(name.to_owned(), body.to_owned());
                open = Some(name.to_owned());
            }
            (false, Some("route"), Some(name)) => open = Some(format!("route {name}")),
            (false, ..) => open = None,
            (true, Some("when"), _) => {
                let name = open.clone().unwrap_or_default();
                found.insert(name, line.to_owned());
            }
            (true, Some(word), _) => {
                let in_route = open.as_ref().is_some_and(|name| name.starts_with("route "));
                if in_route
                    && ["models", "note", "system", "header", "param", "tools", "answer", "algorithm"]
                        .contains(&word)
                {
                    open = None;
                } else if let Some(text) = open.as_ref().and_then(|name| found.get_mut(name)) {
                    text.push_str(line);
                }
            }
            (true, None, _) => {}
        }
    }
    found
}

fn expand<'t>(
    text: &'t str,
    all: &'t BTreeMap<String, String>,
    seen: &mut BTreeSet<&'t str>,
    kinds: &mut BTreeSet<&'t str>,
) {
    for word in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
        if let Some((kind, _)) = STANDS_IN.iter().find(|(kind, _)| *kind == word) {
            kinds.insert(kind);
        }
        if let Some(body) = all.get(word)
            && seen.insert(word)
        {
            expand(body, all, seen, kinds);
        }
    }
}
