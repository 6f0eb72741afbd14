//! The LiteLLM proxy's `config.yaml`: models with their deployments, fallbacks, budgets, router settings.
//!
//! A model group becomes a model with a pool of its own, a deployment an instance. A group with fallbacks becomes a
//! virtual name: the policy's route for it lists the group's own model first and its fallbacks after.
//!
//! ```text
//! model_list: [{model_name: gpt, litellm_params: {model: openai/gpt-4o}}]   fallbacks: [{gpt: [claude]}]
//! virtual ["gpt"]   route gpt { when model is "gpt"  models { "gpt-own", "claude" } }
//! ```

mod address;
mod deployments;
mod settings;

use super::ImportError;
use super::fault;
use super::gaps::Gaps;
use super::write::{Names, list, quote};
use super::yaml::Node;
use deployments::Groups;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Fallbacks by group, in the order of the file.
type Fallbacks<'y> = BTreeMap<&'y str, Vec<&'y str>>;

/// The policy and the configuration.
pub(super) fn import(root: &Node, gaps: &mut Gaps) -> Result<(String, Option<String>), ImportError> {
    if root.list("model_list").is_empty() {
        return Err(fault(1, "there is no `model_list` with a model in it"));
    }
    let placement = settings::placement(root, gaps);
    let mut groups = Groups::read(root, placement, gaps);
    if groups.is_empty() {
        return Err(fault(1, "no model of `model_list` can be served; the list says why"));
    }
    let fallbacks = fallbacks(root, &groups, gaps);
    groups.rename(&fallbacks);
    let aliases = aliases(root, &groups, gaps);
    let mut names = Names::default();
    let mut routes = String::new();
    let mut virtuals: Vec<&str> = Vec::new();
    for (group, others) in &fallbacks {
        let mut asked = vec![*group];
        asked.extend(aliases.iter().filter(|(_, target)| target == group).map(|(alias, _)| *alias));
        let models =
            std::iter::once(*group).chain(others.iter().copied()).map(|name| quote(&groups.model(name)));
        let models: Vec<String> = models.take(crate::limits::MAX_MODELS).collect();
        let _ = write!(
            routes,
            "route {} {{\nwhen model in {}\nmodels {{ {} }}\n}}\n",
            names.give(group),
            list(asked.iter().copied()),
            models.join(", ")
        );
        virtuals.extend(asked);
    }
    let mut out =
        String::from("# Imported from a LiteLLM configuration; the importer's list says what differs.\n");
    let _ = writeln!(out, "policy {}", quote("litellm"));
    if !virtuals.is_empty() {
        let _ = writeln!(out, "virtual {}", list(virtuals));
    }
    out += &routes;
    let _ = write!(out, "default {{\nmodels {{ {} }}\n}}\n", quote(&groups.first()));
    let plain = aliases.iter().filter(|(_, target)| !fallbacks.contains_key(target));
    let config = groups.config(&plain.copied().collect::<Vec<_>>(), placement);
    Ok((out, Some(config + &settings::read(root, gaps))))
}

/// Fallbacks of every group: its own or the general ones, those for prompts that are too long, and theirs in turn.
fn fallbacks<'y>(root: &'y Node, groups: &Groups<'y>, gaps: &mut Gaps) -> Fallbacks<'y> {
    let mut found: Fallbacks<'y> = BTreeMap::new();
    let mut own: BTreeSet<&str> = BTreeSet::new();
    let sections: Vec<&Node> =
        ["litellm_settings", "router_settings"].iter().filter_map(|key| root.get(key)).collect();
    for section in &sections {
        for key in ["fallbacks", "context_window_fallbacks"] {
            for rule in section.list(key) {
                for entry in rule.entries() {
                    entry.seen.set(true);
                    if groups.has(&entry.key) {
                        let others = served(entry.node.items(), groups, gaps);
                        found.entry(&entry.key).or_default().extend(others);
                        own.extend((key == "fallbacks").then_some(&*entry.key));
                    } else {
                        gaps.wrong(
                            &entry.node,
                            "fallbacks of a model that is not in the list; they are left out",
                        );
                    }
                }
            }
        }
        gaps.drop_key(
            section,
            "content_policy_fallbacks",
            "a refusal of content is an answer: it is not sent elsewhere",
        );
    }
    let mut general: Vec<&str> = Vec::new();
    for section in &sections {
        general.extend(served(section.list("default_fallbacks"), groups, gaps));
    }
    if !general.is_empty() {
        // The general ones are for groups that have none of their own.
        for group in groups.names().into_iter().filter(|group| !own.contains(group)) {
            found.entry(group).or_default().extend(&general);
        }
    }
    let chained = found.keys().map(|group| (*group, chain(group, &found)));
    chained.filter(|(_, others)| !others.is_empty()).collect()
}

/// How many fallbacks of fallbacks are followed, as there.
const MAX_CHAIN: usize = 5;

/// Every group that is tried in place of `group`, in the order there: each fallback, and at once those of its own.
fn chain<'y>(group: &'y str, direct: &Fallbacks<'y>) -> Vec<&'y str> {
    fn follow<'y>(group: &str, direct: &Fallbacks<'y>, depth: usize, tried: &mut Vec<&'y str>) {
        for next in direct.get(group).into_iter().flatten().filter(|_| depth < MAX_CHAIN) {
            if !tried.contains(next) {
                tried.push(next);
                follow(next, direct, depth + 1, tried);
            }
        }
    }
    let mut tried = vec![group];
    follow(group, direct, 0, &mut tried);
    tried.split_off(1)
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

/// Other names for groups, with the group.
fn aliases<'y>(root: &'y Node, groups: &Groups<'y>, gaps: &mut Gaps) -> Vec<(&'y str, &'y str)> {
    let table = root.get("router_settings").and_then(|settings| settings.get("model_group_alias"));
    let mut found = Vec::new();
    for entry in table.map(Node::entries).unwrap_or_default() {
        entry.seen.set(true);
        let target = entry.node.text().or_else(|| entry.node.str("model"));
        gaps.drop_key(&entry.node, "hidden", "every name is listed to those who may use it");
        match target.filter(|target| groups.has(target) && !groups.has(&entry.key)) {
            Some(target) => found.push((&*entry.key, target)),
            None => {
                gaps.wrong(&entry.node, "another name for a model that is not in the list; it is left out");
            }
        }
    }
    found
}
