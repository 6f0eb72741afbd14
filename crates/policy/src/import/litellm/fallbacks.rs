//! Fallbacks: which groups are asked in place of another, and when.
//!
//! `fallbacks` are asked after a failure, `context_window_fallbacks` in place of a group whose window a prompt does not fit.
//! Source: the router's `get_fallback_model_group` and `run_async_fallback` (LiteLLM 1.x).

use super::super::gaps::Gaps;
use super::super::yaml::Node;
use super::deployments::Groups;
use crate::limits::MAX_MODELS;
use std::collections::{BTreeMap, BTreeSet};

/// How many fallbacks of fallbacks are followed, as there.
const MAX_CHAIN: usize = 5;
/// So many of a general list are ever asked: what a route takes, beside what it has tried by then.
const MAX_GENERAL: usize = 2 * MAX_MODELS;

/// Groups with the groups that stand in for them, in the order of the file.
type Others<'y> = BTreeMap<&'y str, Vec<&'y str>>;

/// What is asked for the name of a group with fallbacks.
pub(super) struct Asked<'y> {
    /// In place of the group, in the order there: each fallback, and at once those of its own. Last those for long prompts whose
    /// moment cannot be told: of a group without a declared window, and of the fallbacks.
    pub(super) others: Vec<&'y str>,
    /// The window of the group, and what is asked in its place for prompts beyond it.
    pub(super) beyond: Option<(u64, Vec<&'y str>)>,
}

/// Fallbacks by group.
#[derive(Default)]
struct Rules<'y> {
    /// After a failure: a group's own, or the general ones.
    failed: Others<'y>,
    /// For prompts that are too long for the group.
    long: Others<'y>,
}

/// Reads both sections that may have fallbacks; by group, in the order of their names.
pub(super) fn read<'y>(root: &'y Node, groups: &Groups<'y>, gaps: &mut Gaps) -> BTreeMap<&'y str, Asked<'y>> {
    let mut rules = Rules::default();
    // Of several general lists the last counts, and `default_fallbacks` is appended there.
    let mut general: Vec<&'y Node> = Vec::new();
    let mut long: Vec<(&'y str, &'y Node)> = Vec::new();
    let sections: Vec<&Node> =
        ["litellm_settings", "router_settings"].iter().filter_map(|key| root.get(key)).collect();
    for section in &sections {
        for entry in section.list("fallbacks").iter().flat_map(Node::entries) {
            entry.seen.set(true);
            match &*entry.key {
                "*" => general.push(&entry.node),
                group => add(&mut rules.failed, group, &entry.node, groups, gaps),
            }
        }
        for entry in section.list("context_window_fallbacks").iter().flat_map(Node::entries) {
            entry.seen.set(true);
            add(&mut rules.long, &entry.key, &entry.node, groups, gaps);
            long.push((&entry.key, &entry.node));
        }
        gaps.drop_key(
            section,
            "content_policy_fallbacks",
            "a refusal of content is an answer: it is not sent elsewhere",
        );
    }
    general.extend(sections.iter().filter_map(|section| section.get("default_fallbacks")));
    if let Some((last, before)) = general.split_last() {
        before.iter().for_each(|node| gaps.dropped(node, "another general list comes after it, and counts"));
        let mut others = served(last.items(), groups, gaps);
        let mut met = BTreeSet::new();
        others.retain(|other| met.len() < MAX_GENERAL && met.insert(*other));
        for group in groups.names() {
            rules.failed.entry(group).or_insert_with(|| others.clone());
        }
    }
    let second: BTreeSet<&str> = rules.failed.values().flatten().copied().collect();
    for (group, node) in long.into_iter().filter(|(group, _)| rules.long.contains_key(group)) {
        if groups.window(group).is_none() {
            gaps.stands_in(node, UNTOLD);
        } else if second.contains(group) {
            gaps.stands_in(node, SECOND);
        }
    }
    let asked = groups.names().into_iter().map(|group| (group, rules.asked(group, groups)));
    asked.filter(|(_, asked)| !asked.others.is_empty() || asked.beyond.is_some()).collect()
}

/// What follows where a group's window is not told.
const UNTOLD: &str = "they come last, whatever the prompt: with the group's `model_info.max_input_tokens` they are asked for longer prompts only";
/// What follows where the group stands in for another.
const SECOND: &str = "where this group stands in for another they come last, whatever the prompt";

impl<'y> Rules<'y> {
    fn asked(&self, group: &'y str, groups: &Groups<'y>) -> Asked<'y> {
        let window = groups.window(group);
        let failed = |next: &str| of(&self.failed, next).to_vec();
        let mut tried = BTreeSet::from([group]);
        let mut others = follow(failed(group), 0, &mut tried, &failed);
        let told = window.map(|_| group);
        let open = others.iter().chain([&group]).filter(|one| Some(**one) != told);
        let last: Vec<&str> = open.flat_map(|one| of(&self.long, one)).copied().collect();
        others.extend(follow(last, 0, &mut tried, &failed));

        let either = |next: &str| [of(&self.long, next), of(&self.failed, next)].concat();
        let long = of(&self.long, group).to_vec();
        let beyond = follow(long, 0, &mut BTreeSet::from([group]), &either);
        Asked {
            others,
            beyond: window.map(|window| (window, beyond)).filter(|(_, others)| !others.is_empty()),
        }
    }
}

/// These groups, each followed at once by those that `next` gives for it; none twice, and no more than a route can have.
fn follow<'y>(
    wanted: Vec<&'y str>,
    depth: usize,
    tried: &mut BTreeSet<&'y str>,
    next: &impl Fn(&str) -> Vec<&'y str>,
) -> Vec<&'y str> {
    let mut found = Vec::new();
    for group in wanted.into_iter().filter(|_| depth < MAX_CHAIN) {
        if tried.len() > MAX_MODELS {
            break;
        }
        if tried.insert(group) {
            found.push(group);
            found.extend(follow(next(group), depth + 1, tried, next));
        }
    }
    found
}

fn of<'o, 'y>(others: &'o Others<'y>, group: &str) -> &'o [&'y str] {
    others.get(group).map(Vec::as_slice).unwrap_or_default()
}

/// Notes the fallbacks of a group; a gap where there is no such group.
fn add<'y>(to: &mut Others<'y>, group: &'y str, node: &'y Node, groups: &Groups<'y>, gaps: &mut Gaps) {
    if groups.has(group) {
        to.entry(group).or_default().extend(served(node.items(), groups, gaps));
    } else {
        gaps.wrong(node, "fallbacks of a model that is not in the list; they are left out");
    }
}

/// Of these fallbacks the models of the list; a gap for each other.
fn served<'y>(others: &'y [Node], groups: &Groups<'y>, gaps: &mut Gaps) -> Vec<&'y str> {
    let mut found = Vec::new();
    for other in others {
        match other.text().filter(|name| groups.has(name)) {
            Some(name) => found.push(name),
            None => gaps.wrong(other, "a fallback to a model that is not in the list; it is left out"),
        }
    }
    found
}
