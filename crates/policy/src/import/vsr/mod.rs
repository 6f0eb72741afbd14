//! The vLLM Semantic Router's `version: v0.3` configuration.
//!
//! Each recipe becomes the routes of one policy, told apart by the model name that the caller asks for; each signal a
//! declaration that carries the incumbent's `type:name` as its label; each projection a sum and its bands. What
//! decides equality is said in the guide ("Moving from vLLM Semantic Router") and tested in `tests/import`.
//!
//! ```text
//! global, entrypoints ─> virtual names      providers ─> configuration, default
//! recipe: signals ─> partitions ─> composers ─> top-k ─> projections ─> decisions ─> routes
//! ```

mod decisions;
mod effects;
mod guards;
mod leaf;
mod lexical;
mod meaning;
mod models;
mod order;
mod projections;
mod rules;
mod shape;

use super::gaps::Gaps;
use super::patterns::Patterns;
use super::write::{Names, comment, list, quote};
use super::yaml::Node;
use super::{ImportError, fault};
use leaf::Lower;
use models::Models;
use order::Order;
use std::fmt::Write as _;

/// Names that stand for the router's own choice where the file gives none.
const AUTO: &[&str] = &["vllm-sr/auto", "MoM"];
/// Members of the file that configure the incumbent's own process.
const PROCESS: &[(&str, &str)] = &[
    ("listeners", "the gateway listens where `serve --listen` or `listen:` says"),
    ("setup", "a state of the incumbent's set-up assistant"),
];

/// One routing recipe.
pub(super) struct Recipe<'y> {
    /// Its name; `default` for the top level.
    pub(super) name: &'y str,
    pub(super) routing: &'y Node,
    /// Model names that select it; empty for the default.
    pub(super) models: Vec<&'y str>,
}

/// The policy and, where models are given, the configuration.
pub(super) fn import(root: &Node, gaps: &mut Gaps) -> Result<(String, Option<String>), ImportError> {
    version(root)?;
    for (key, consequence) in PROCESS {
        gaps.drop_key(root, key, consequence);
    }
    let recipes = recipes(root, gaps);
    let models = Models::read(root, &recipes, gaps);
    let autos = autos(root, gaps);
    let order = Order::of(root, &recipes, gaps);
    let (mut names, mut route_names) = (Names::default(), Names::default());
    let mut patterns = Patterns::default();
    let (mut signals, mut routes) = (String::new(), String::new());
    for (at, recipe) in recipes.iter().enumerate() {
        let many = recipes.len() > 1;
        let guard = guard(recipe, &recipes);
        let mut lower = Lower::new(recipe, many, root, &mut names, gaps, &mut patterns);
        let mut written = String::new();
        let ranks = order.recipe(at);
        decisions::write(&mut lower, &models, ranks, guard.as_deref(), &mut route_names, &mut written);
        let declared = lower.finish();
        if many {
            let title = format!("\n# Recipe {}\n", comment(recipe.name));
            signals += &title;
            routes += &title;
        }
        signals += &declared;
        routes += &written;
    }
    let mut out = String::from(
        "# Imported from a vLLM Semantic Router configuration; the importer's list says what differs.\n",
    );
    let _ = writeln!(out, "policy {}", quote("vllm-sr"));
    if order.by_confidence {
        out += "order tier confidence priority\n";
    }
    let mut virtuals: Vec<&str> = recipes.iter().flat_map(|recipe| recipe.models.iter().copied()).collect();
    virtuals.extend(autos);
    let mut seen = std::collections::BTreeSet::new();
    virtuals.retain(|name| !name.is_empty() && !models.has(name) && seen.insert(*name));
    let _ = writeln!(out, "virtual {}", list(virtuals));
    out += &signals;
    out += &routes;
    out += &models.default_route();
    Ok((out, models.config()))
}

fn version(root: &Node) -> Result<(), ImportError> {
    let Some(version) = root.get("version") else {
        return Err(fault(1, "there is no `version`; the contract `version: v0.3` is read"));
    };
    match version.text() {
        Some("v0.3") => Ok(()),
        _ => {
            let message = format!("version {} is not read; the contract is `version: v0.3`", version.shown());
            Err(fault(version.line, &message))
        }
    }
}

/// Knowledge bases and keywords are read where a signal asks for them; the rest names the incumbent's own models.
fn catalogue(global: &Node, gaps: &mut Gaps) {
    const MODELS: &str = "no neural models are loaded: word lists, patterns and the shipped head stand in";
    let Some(catalogue) = global.get("model_catalog") else { return };
    for entry in catalogue.entries() {
        match &*entry.key {
            "kbs" => {}
            "modules" => {
                entry.seen.set(true);
                for module in entry.node.entries().iter().filter(|module| &*module.key != "modality_detector")
                {
                    module.seen.set(true);
                    gaps.dropped(&module.node, MODELS);
                }
            }
            "embeddings" => {
                entry.seen.set(true);
                if let Some(semantic) = entry.node.get("semantic") {
                    let top = semantic.get("embedding_config").and_then(|config| config.get("top_k"));
                    let _ = top;
                    semantic.see_all();
                    gaps.stands_in(
                        semantic,
                        "likeness of words and 3-grams stands in for the embedding model",
                    );
                }
            }
            _ => {
                entry.seen.set(true);
                gaps.dropped(&entry.node, MODELS);
            }
        }
    }
}

/// The top-level routing, where it decides anything, and the named recipes.
fn recipes<'y>(root: &'y Node, gaps: &mut Gaps) -> Vec<Recipe<'y>> {
    let mut recipes = Vec::new();
    let routing = root.get("routing");
    if let Some(routing) = routing
        && routing.get("decisions").is_some()
    {
        recipes.push(Recipe { name: "default", routing, models: Vec::new() });
    }
    for node in root.list("recipes") {
        gaps_free_text(node);
        match (node.str("name"), node.get("routing")) {
            (Some(name), Some(routing)) => recipes.push(Recipe { name, routing, models: Vec::new() }),
            _ => gaps.wrong(node, "a recipe has a name and routing; it is left out"),
        }
    }
    for entry in root.list("entrypoints") {
        let names = entry.texts("model_names");
        let wanted = entry.str("recipe").unwrap_or("default");
        match recipes.iter_mut().find(|recipe| recipe.name == wanted) {
            Some(recipe) => recipe.models.extend(names),
            None => gaps.wrong(entry, "there is no such recipe; its names take the default"),
        }
    }
    for recipe in &recipes {
        if recipe.name != "default" && recipe.models.is_empty() {
            gaps.wrong(recipe.routing, "no entrypoint leads to this recipe; it is left out");
            recipe.routing.see_all();
        }
    }
    recipes.retain(|recipe| recipe.name == "default" || !recipe.models.is_empty());
    recipes
}

/// Descriptions are for people; the ones that have a place become comments.
pub(super) fn gaps_free_text(node: &Node) {
    node.see(&["description"]);
}

/// The condition under which a recipe is the one that is meant.
fn guard(recipe: &Recipe<'_>, all: &[Recipe<'_>]) -> Option<String> {
    let others: Vec<&str> = all
        .iter()
        .filter(|other| other.name != recipe.name)
        .flat_map(|other| other.models.iter().copied())
        .collect();
    match (recipe.name, all.len()) {
        (_, 1) if recipe.name == "default" => None,
        ("default", _) => Some(format!("model not in {}", list(others))),
        _ => Some(format!("model in {}", list(recipe.models.iter().copied()))),
    }
}

/// Model names that stand for the router's choice.
fn autos<'y>(root: &'y Node, gaps: &mut Gaps) -> Vec<&'y str> {
    let mut names: Vec<&str> = AUTO.to_vec();
    let Some(global) = root.get("global") else { return names };
    if let Some(router) = global.get("router") {
        names.extend(router.str("auto_model_name"));
        names.extend(router.texts("auto_model_names"));
        for (key, consequence) in [
            ("config_source", "the policy is a file; `serve --policy` names it"),
            ("clear_route_cache", "there is no proxy in front whose routes are cached"),
            ("include_config_models_in_list", "the list of models has every model that a caller may use"),
        ] {
            gaps.drop_key(router, key, consequence);
        }
        gaps.drop_key(
            router,
            "learning",
            "routing does not learn from outcomes by itself; sessions keep no model",
        );
        gaps.drop_key(
            router,
            "model_selection",
            "a route with several models takes the first that can serve, or shares by weight",
        );
    }
    catalogue(global, gaps);
    for (key, consequence) in [
        ("services", "the gateway has its own keys, limits, log, traces and metrics"),
        ("stores", "answers are not cached; stored responses and sessions are in the gateway's database"),
        ("integrations", "no calls to several models for one request, no tools database"),
    ] {
        gaps.drop_key(global, key, consequence);
    }
    names
}
