//! The LiteLLM proxy's `config.yaml`: models with their deployments, fallbacks, budgets, router settings.
//!
//! A model group becomes a model with a pool of its own, a deployment an instance. A group with fallbacks becomes a
//! virtual name: the policy's route for it lists the group's own model first and its fallbacks after. Those that are for prompts
//! too long for the group stand in a route of their own, where the group's window is told.
//!
//! ```text
//! model_list: [{model_name: gpt, litellm_params: {model: openai/gpt-4o}}]   fallbacks: [{gpt: [claude]}]
//! virtual ["gpt"]   route gpt { when model is "gpt"  models { "gpt-own", "claude" } }
//! ```

mod address;
mod deployments;
mod fallbacks;
mod settings;

use super::ImportError;
use super::fault;
use super::gaps::Gaps;
use super::write::{Names, list, quote};
use super::yaml::Node;
use crate::limits::MAX_MODELS;
use deployments::Groups;
use std::fmt::Write as _;

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
    let fallbacks = fallbacks::read(root, &groups, gaps);
    groups.rename(fallbacks.keys().copied());
    let aliases = aliases(root, &groups, gaps);
    let mut names = Names::default();
    let mut routes = String::new();
    let mut virtuals: Vec<&str> = Vec::new();
    for (group, more) in &fallbacks {
        let mut asked = vec![*group];
        asked.extend(aliases.iter().filter(|(_, target)| target == group).map(|(alias, _)| *alias));
        let named = format!("model in {}", list(asked.iter().copied()));
        let mut models = |others: &[&str]| {
            if others.len() >= MAX_MODELS {
                gaps.stands_in(
                    root,
                    &format!("{group}: of its fallbacks the first {} count", MAX_MODELS - 1),
                );
            }
            let models = std::iter::once(group).chain(others).map(|name| quote(&groups.model(name)));
            models.take(MAX_MODELS).collect::<Vec<_>>().join(", ")
        };
        let name = names.give(group);
        if let Some((window, others)) = &more.beyond {
            let (long, models) = (names.give(&format!("{group}_long")), models(others));
            let _ = write!(
                routes,
                "route {long} priority 1 {{\nwhen {named} and context_tokens > {window}\nmodels {{ {models} }}\n}}\n"
            );
        }
        let _ = write!(routes, "route {name} {{\nwhen {named}\nmodels {{ {} }}\n}}\n", models(&more.others));
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
