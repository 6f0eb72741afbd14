//! Decisions to routes.

use super::super::write::{Names, comment, quote};
use super::super::yaml::Node;
use super::leaf::Lower;
use super::models::Models;
use super::order::Rank;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Members of a decision without an equivalent.
const DROPPED: &[(&str, &str)] = &[
    ("output_contract", "answers are not checked against a contract"),
    ("output_contract_spec", "answers are not checked against a contract"),
    ("candidateIterations", "models are listed one by one"),
    ("emits", "no directives are handed to later stages"),
    ("adaptations", "routing does not learn by itself"),
];

/// Writes the routes of one recipe.
pub(super) fn write<'y>(
    lower: &mut Lower<'y, '_>,
    models: &Models<'y>,
    ranks: &[Rank],
    guard: Option<&str>,
    routes: &mut Names,
    out: &mut String,
) {
    let recipe = lower.recipe();
    let mut given = BTreeSet::new();
    let mut ties: Vec<Tie<'y>> = Vec::new();
    for (decision, rank) in lower.routing.list("decisions").iter().zip(ranks) {
        let Some(name) = decision.str("name") else {
            lower.gaps.wrong(decision, "a decision has a name; it is left out");
            continue;
        };
        if !given.insert(name) {
            lower.gaps.wrong(
                decision,
                "another decision has this name: both are taken, this one under another name",
            );
        }
        let condition = lower.condition(decision.get("rules"));
        if let Some(description) = decision.str("description") {
            let _ = writeln!(out, "# {}", comment(description));
        }
        let identifier = routes.give(name);
        ties.push(Tie { rank: (rank.tier, rank.priority), name, identifier: identifier.clone(), decision });
        let _ = write!(out, "route {identifier}");
        if let Some(tier) = rank.tier {
            let _ = write!(out, " tier {tier}");
        }
        if rank.priority != 0 {
            let _ = write!(out, " priority {}", rank.priority);
        }
        out.push_str(" {\n");
        if let Some(guard) = guard {
            let _ = writeln!(out, "given {guard}");
        }
        let _ = writeln!(out, "when {condition}");
        lower.effects(decision, models, out);
        if let Some(recipe) = recipe {
            let _ = writeln!(out, "note recipe {}", note(recipe));
        }
        if identifier != name {
            let _ = writeln!(out, "note decision {}", note(name));
        }
        annotations(decision, out);
        out.push_str("}\n");
        for (key, consequence) in DROPPED {
            lower.gaps.drop_key(decision, key, consequence);
        }
    }
    tell_ties(lower, ties);
}

/// A decision among those that its name may have to be told from.
struct Tie<'y> {
    rank: (Option<u32>, i32),
    name: &'y str,
    identifier: String,
    decision: &'y Node,
}

/// Tells of decisions of one rank whose names stand in another order here.
fn tell_ties<'y>(lower: &mut Lower<'y, '_>, mut ties: Vec<Tie<'y>>) {
    ties.sort_by(|a, b| (a.rank, a.name).cmp(&(b.rank, b.name)));
    for pair in ties.windows(2) {
        if let [first, second] = pair
            && first.rank == second.rank
            && first.identifier > second.identifier
        {
            let consequence = format!(
                "equally sure, `{}` would come before it there; here `{}` comes first by its name",
                first.name, second.identifier
            );
            lower.gaps.stands_in(second.decision, &consequence);
        }
    }
}

/// A text for a note, in quotes.
pub(super) fn note(text: &str) -> String {
    let mut end = text.len().min(crate::limits::MAX_LABEL);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    quote(text.get(..end).unwrap_or_default())
}

fn annotations(decision: &Node, out: &mut String) {
    let Some(found) = decision.get("annotations") else { return };
    let mut names = Names::default();
    // Room is left for the importer's own notes.
    for entry in found.entries().iter().take(crate::limits::MAX_NOTES - 8) {
        entry.seen.set(true);
        entry.node.see_all();
        let key = names.give(&format!("annotation_{}", entry.key));
        let _ = writeln!(out, "note {key} {}", note(&entry.node.shown()));
    }
}
