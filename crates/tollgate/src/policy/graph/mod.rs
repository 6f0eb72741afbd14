//! `tollgate policy graph`: a policy as a picture: tiers and routes, the models they offer, the pools that serve them.

mod layout;
mod svg;

use super::source::Source;
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result};
use clap::Args;
use layout::{Layout, Link, Node};
use std::path::PathBuf;
use tollgate_policy::{Fleet, Policy, Route};

/// Draw a policy as SVG: tiers, routes, models and pools
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate policy graph > policy.svg                                   the shipped policy
  tollgate policy graph my.tollgate --config tollgate.yaml --out my.svg

Routes stand in the order in which they are considered, by tier; the thickness of a line is a
model's share. The picture holds everything it needs and follows the reader's light or dark
scheme; pointing at a box tells more.")]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    source: Source,
    /// Write the picture here instead of to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &GraphArgs) -> Result<Ending> {
    let text = args.source.read()?;
    let (policy, _) = text.compile()?;
    let picture = svg::draw(policy.name(), &layout(&policy, text.known.fleet.as_ref()));
    match &args.out {
        None => say::text(&picture)?,
        Some(path) => {
            std::fs::write(path, picture).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(Ending::Good)
}

/// The boxes of a policy and the lines between them.
fn layout(policy: &Policy, fleet: Option<&Fleet>) -> Layout {
    let mut layout = Layout::default();
    let default = policy.default_route();
    for route in policy.routes().chain([default]) {
        let is_default = std::sync::Arc::ptr_eq(route, default);
        let tier = match (is_default, route.tier) {
            (true, _) => "otherwise".to_owned(),
            (false, Some(tier)) => format!("tier {tier}"),
            (false, None) => "no tier".to_owned(),
        };
        let from = layout.route(&tier, Node::new(&route.name, &about(route)));
        if let Some(answer) = &route.effects.answer {
            let to = layout.model(Node::new(&format!("answers {}", answer.status), &answer.text));
            layout.links.push(Link::of_route(from, to, 1.0));
            continue;
        }
        let all: u32 = route.effects.models.iter().map(|candidate| candidate.weight).sum();
        let weighted = route.effects.algorithm == tollgate_policy::Algorithm::Weighted;
        for (place, candidate) in route.effects.models.iter().enumerate() {
            let to = layout.model(Node::new(&candidate.model, &price(&candidate.model, fleet)));
            let share = match (weighted, place) {
                (true, _) => f64::from(candidate.weight) / f64::from(all.max(1)),
                (false, 0) => 1.0,
                (false, _) => 0.0,
            };
            layout.links.push(Link::of_route(from, to, share));
            for pool in pools(&candidate.model, route.effects.pool.as_deref(), fleet) {
                let at = layout.pool(Node::new(&pool, &declared(&pool, fleet)));
                layout.serves(to, at);
            }
        }
    }
    if let Some(governance) = policy.governance() {
        layout.notes = governance.guards().map(|guard| guard.to_string()).collect();
    }
    layout.order();
    layout
}

/// What a route does, for the reader who points at it.
fn about(route: &Route) -> String {
    let effects = &route.effects;
    let mut words = vec![format!("priority {}", route.priority)];
    words.extend(effects.pool.as_ref().map(|pool| format!("pool {pool}")));
    let edits = effects.system.len() + effects.headers.len() + effects.params.len() + effects.tools.len();
    if edits > 0 {
        words.push(format!("{edits} edits of the request"));
    }
    words.join(", ")
}

fn price(model: &str, fleet: Option<&Fleet>) -> String {
    let Some(price) = fleet.and_then(|fleet| fleet.prices.get(model)) else { return String::new() };
    let usd = |micro: u64| format!("{}.{:02}", micro / 1_000_000, micro % 1_000_000 / 10_000);
    format!("{} / {} USD per million tokens in / out", usd(price.input_micro), usd(price.output_micro))
}

/// The pools that serve a model, or the one that the route names where no fleet is known.
fn pools(model: &str, only: Option<&str>, fleet: Option<&Fleet>) -> Vec<String> {
    let Some(fleet) = fleet else { return only.map(str::to_owned).into_iter().collect() };
    let serving = fleet.places.iter().filter(|place| place.models.contains(model));
    let mut pools: Vec<String> =
        serving.map(|place| place.pool.clone()).filter(|pool| only.is_none_or(|only| only == pool)).collect();
    pools.dedup();
    pools
}

/// What is declared of a pool's instances.
fn declared(pool: &str, fleet: Option<&Fleet>) -> String {
    let places = fleet.iter().flat_map(|fleet| &fleet.places).filter(|place| place.pool == pool);
    let mut words = Vec::new();
    for place in places {
        words.push(place.instance.clone());
        words.extend(place.region.clone());
        words.extend(place.on_premise.then(|| "on premise".to_owned()));
    }
    words.dedup();
    words.join(", ")
}
