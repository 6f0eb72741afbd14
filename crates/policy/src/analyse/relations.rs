//! What the signals of a policy say of each other: a keyword that includes another, a complement, an order of sizes.
//!
//! Only relations that the definitions of the signals force are listed; a pair that is missing here costs a finding,
//! never a wrong one. Pairs are found through the words that two signals share, and their number is bounded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use tollgate_core::signal::{Kind, Param, SignalSpec};

/// Most pairs of signals that are compared.
const MAX_PAIRS: usize = 1 << 16;

/// One relation between two signals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Relation {
    /// Where the first matches, the second does.
    Implies(u32, u32),
    /// They never match together.
    Excludes(u32, u32),
    /// One of them matches.
    Covers(u32, u32),
    /// The first number is at most the second.
    AtMost(u32, u32),
}

impl Relation {
    pub(super) fn ends(self) -> (u32, u32) {
        let (Self::Implies(a, b) | Self::Excludes(a, b) | Self::Covers(a, b) | Self::AtMost(a, b)) = self;
        (a, b)
    }
}

/// Orders between facts: the first is at most the second by definition.
const SIZES: &[(Kind, Kind)] = &[
    (Kind::Tokens, Kind::TotalTokens),
    (Kind::OutputTokens, Kind::TotalTokens),
    (Kind::Tokens, Kind::ContextTokens),
    (Kind::MaxTokens, Kind::ContextTokens),
    (Kind::CachedTokens, Kind::Tokens),
    (Kind::CachedTokens, Kind::TotalTokens),
    (Kind::Turns, Kind::Depth),
];

/// Every relation, by each of its two signals.
pub(super) fn relations(specs: &[SignalSpec]) -> BTreeMap<u32, Vec<Relation>> {
    let mut found: BTreeSet<Relation> = BTreeSet::new();
    let at = |kind: Kind| specs.iter().position(|spec| spec.kind == kind).map(index);
    for (small, large) in SIZES {
        if let (Some(small), Some(large)) = (at(*small), at(*large)) {
            found.insert(Relation::AtMost(small, large));
        }
    }
    let mut compared = BTreeSet::new();
    for sharing in by_word(specs).into_values() {
        for (place, a) in sharing.iter().enumerate() {
            for b in sharing.iter().skip(place + 1) {
                if compared.len() >= MAX_PAIRS {
                    return by_end(found);
                }
                if let (true, Some(first), Some(second)) =
                    (compared.insert((*a, *b)), specs.get(*a as usize), specs.get(*b as usize))
                {
                    found.extend(compare(*a, first, *b, second));
                }
            }
        }
    }
    by_end(found)
}

fn by_end(found: BTreeSet<Relation>) -> BTreeMap<u32, Vec<Relation>> {
    let mut by: BTreeMap<u32, Vec<Relation>> = BTreeMap::new();
    for relation in found {
        let (a, b) = relation.ends();
        by.entry(a).or_default().push(relation);
        by.entry(b).or_default().push(relation);
    }
    by
}

/// Signals that may be related, by what they have in common.
fn by_word(specs: &[SignalSpec]) -> HashMap<(Kind, String), Vec<u32>> {
    let mut by: HashMap<(Kind, String), Vec<u32>> = HashMap::new();
    for (at, spec) in specs.iter().enumerate() {
        let lists: &[&str] = match spec.kind {
            Kind::Keyword => &["any", "all", "none"],
            Kind::Event => &["types", "severities", "codes"],
            Kind::Metadata => &["key"],
            _ => continue,
        };
        let words: BTreeSet<&str> = lists.iter().flat_map(|list| spec.list(list)).collect();
        for word in words {
            by.entry((spec.kind, word.to_owned())).or_default().push(index(at));
        }
    }
    by
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The relations of two signals of one kind.
fn compare(a: u32, first: &SignalSpec, b: u32, second: &SignalSpec) -> Vec<Relation> {
    let same = |names: &[&str]| names.iter().all(|name| first.params.get(*name) == second.params.get(*name));
    let mut found = Vec::new();
    let mut both_ways = |implies: &dyn Fn(&SignalSpec, &SignalSpec) -> bool| {
        if implies(first, second) {
            found.push(Relation::Implies(a, b));
        }
        if implies(second, first) {
            found.push(Relation::Implies(b, a));
        }
    };
    match first.kind {
        Kind::Keyword if same(&["method", "case", "scope", "distance"]) => {
            // Scores of these methods depend on the whole list of words.
            if matches!(first.text("method"), Some("bm25" | "ngram")) {
                return if first.params == second.params { equal(a, b) } else { Vec::new() };
            }
            both_ways(&keyword_implies);
            if keyword_opposes(first, second) {
                found.push(Relation::Excludes(a, b));
            }
            if pure(first, "none") && keyword_covers(first, second)
                || pure(second, "none") && keyword_covers(second, first)
            {
                found.push(Relation::Covers(a, b));
            }
        }
        Kind::Event if same(&["scope"]) => both_ways(&|one, other| {
            let within = |list: &str| subset(&one.list(list), &other.list(list));
            let timed = one.flag("temporal") != Some(true) || other.flag("temporal") == Some(true);
            ["types", "severities", "codes"].into_iter().all(within) && timed
        }),
        Kind::Metadata if same(&["key"]) => {
            both_ways(&|one, other| {
                let wanted = other.list("is");
                wanted.is_empty() || (!one.list("is").is_empty() && subset(&one.list("is"), &wanted))
            });
            let (one, other) = (first.list("is"), second.list("is"));
            if !one.is_empty() && !other.is_empty() && !one.iter().any(|word| other.contains(word)) {
                found.push(Relation::Excludes(a, b));
            }
        }
        _ => {}
    }
    found
}

fn equal(a: u32, b: u32) -> Vec<Relation> {
    vec![Relation::Implies(a, b), Relation::Implies(b, a)]
}

fn subset(small: &[&str], large: &[&str]) -> bool {
    small.iter().all(|word| large.contains(word))
}

/// Whether the signal looks at nothing but this list.
fn pure(spec: &SignalSpec, list: &str) -> bool {
    let given = |name: &&str| matches!(spec.params.get(*name), Some(Param::List(_) | Param::Text(_)));
    ["any", "all", "none"].into_iter().filter(given).eq([list])
}

/// A match of `one` is one of `other`: each part that `other` asks for is asked for at least as strictly by `one`.
fn keyword_implies(one: &SignalSpec, other: &SignalSpec) -> bool {
    let (any, all) = (other.list("any"), other.list("all"));
    let found: Vec<&str> = one.list("all");
    let some = any.is_empty()
        || found.iter().any(|word| any.contains(word))
        || (!one.list("any").is_empty() && subset(&one.list("any"), &any));
    some && subset(&all, &found) && subset(&other.list("none"), &one.list("none"))
}

/// One needs a word that the other forbids.
fn keyword_opposes(one: &SignalSpec, other: &SignalSpec) -> bool {
    let needs = |needy: &SignalSpec, banned: Vec<&str>| {
        needy.list("all").iter().any(|word| banned.contains(word))
            || (!needy.list("any").is_empty() && subset(&needy.list("any"), &banned))
    };
    needs(one, other.list("none")) || needs(other, one.list("none"))
}

/// Where `absent`, which only forbids, does not match, a word of it is there; so `present` matches if any will do.
fn keyword_covers(absent: &SignalSpec, present: &SignalSpec) -> bool {
    pure(present, "any") && subset(&absent.list("none"), &present.list("any"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> BTreeSet<Relation> {
        let names: Vec<&str> = text
            .lines()
            .filter_map(|l| l.trim().strip_prefix("signal "))
            .filter_map(|l| l.split(' ').next())
            .collect();
        let when = names.join(" and ");
        let text =
            format!("{text}\nroute r {{ when {when} models {{ \"m\" }} }}\ndefault {{ models {{ \"d\" }} }}");
        let compiled = crate::compile(&text, &crate::Known::any());
        let policy =
            compiled.policy.unwrap_or_else(|| unreachable!("{}", compiled.report.render("t", &text)));
        relations(policy.specs()).into_values().flatten().collect()
    }

    #[test]
    fn keywords_include_oppose_and_cover() {
        use Relation::{Covers, Excludes, Implies};
        for (a, b, want) in [
            ("any [\"x\"]", "any [\"x\", \"y\"]", vec![Implies(0, 1)]),
            ("all [\"x\", \"y\"]", "any [\"x\"]", vec![Implies(0, 1)]),
            ("all [\"x\", \"y\"]", "all [\"y\"]", vec![Implies(0, 1)]),
            ("any [\"x\"]", "none [\"x\"]", vec![Excludes(0, 1), Covers(0, 1)]),
            ("any [\"x\"]", "none [\"x\", \"y\"]", vec![Excludes(0, 1)]),
            ("any [\"x\", \"y\"]", "none [\"x\"]", vec![Covers(0, 1)]),
            ("any [\"x\"]", "any [\"x\"] case true", vec![]),
            ("any [\"x\", \"y\"]", "any [\"y\", \"z\"]", vec![]),
            ("any [\"x\"] none [\"z\"]", "any [\"x\"]", vec![Implies(0, 1)]),
            ("any [\"x\"] method bm25", "any [\"x\", \"y\"] method bm25", vec![]),
        ] {
            let found = found(&format!("signal a = keyword {a}\nsignal b = keyword {b}"));
            assert_eq!(found, want.into_iter().collect(), "{a} / {b}");
        }
    }

    #[test]
    fn metadata_has_one_value() {
        use Relation::{Excludes, Implies};
        let text = "signal a = metadata key \"k\" is [\"x\"]\nsignal b = metadata key \"k\" is [\"y\"]\nsignal c = metadata key \"k\"";
        assert_eq!(found(text), [Excludes(0, 1), Implies(0, 2), Implies(1, 2)].into_iter().collect());
    }
}
