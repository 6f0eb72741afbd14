//! What a route's candidates come to for one request: the models that governance leaves, their cost and quality.

use serde::Serialize;
use std::collections::BTreeMap;
use tollgate_gateway::config::Settings;
use tollgate_gateway::offered::{ceiling, masked, offered};
use tollgate_gateway::snapshot::known;
use tollgate_policy::{Algorithm, Ask, Candidate, Clearance, Decision, Denial, Fleet, Policy, Topic};
use tollgate_signals::input::DEFAULT_BYTES_PER_TOKEN;
use tollgate_signals::names::Names;
use tollgate_signals::{Forecast, prompt_tokens};
use tollgate_wire::peek::Limits;
use tollgate_wire::view::RequestView;

/// The models of a configuration.
pub(super) struct Models {
    fleet: Fleet,
    quality: BTreeMap<String, f64>,
    /// Names and aliases to names.
    names: BTreeMap<String, String>,
}

/// Where a request goes under one policy.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub(super) struct Chosen {
    /// The route, `default` or `rejected`.
    pub(super) route: String,
    /// The first model that may serve it.
    pub(super) model: Option<String>,
    /// Who serves it with which weight, in lowest terms and by name; one model alone unless weighted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) shares: BTreeMap<String, u64>,
    /// Why nothing serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<String>,
    /// The guards that bind it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) governed: Vec<String>,
    /// Those of them that a mask was for and that what it leaves still carries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unmasked: Vec<String>,
    /// What they deny of the route's candidates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) denied: Vec<String>,
    /// Estimated cost in micro-dollars; the mean of weighted candidates, absent where one of them has no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cost_micro: Option<u64>,
    /// Declared quality; the mean of weighted candidates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quality: Option<f64>,
}

/// What is known of a request besides its decision.
pub(super) struct Asked<'a> {
    pub(super) roles: &'a [String],
    /// The model that the caller names.
    pub(super) model: Option<&'a str>,
    pub(super) prompt_tokens: u64,
    pub(super) output_tokens: u64,
    /// The request itself; absent where only its record is known, so that its tools and limits are not.
    pub(super) view: Option<&'a RequestView>,
}

impl<'a> Asked<'a> {
    /// What is estimated of a request before any traffic has taught better.
    pub(super) fn of(view: &'a RequestView, roles: &'a [String], model: Option<&'a str>) -> Self {
        let prompt = prompt_tokens(view, DEFAULT_BYTES_PER_TOKEN);
        let output = Forecast::untaught(view).output_tokens;
        Self { roles, model, prompt_tokens: prompt as u64, output_tokens: output as u64, view: Some(view) }
    }
}

impl Models {
    /// The models of a fleet, by their own names and without declared quality.
    pub(super) fn of_fleet(fleet: Fleet) -> Self {
        let names = fleet.prices.keys().map(|name| (name.clone(), name.clone())).collect();
        Self { fleet, quality: BTreeMap::new(), names }
    }

    pub(super) fn of(settings: &Settings) -> Self {
        let names = settings
            .models
            .iter()
            .flat_map(|m| m.aliases.iter().chain([&m.name]).map(|n| (n.clone(), m.name.clone())));
        let quality = settings.models.iter().filter_map(|m| Some((m.name.clone(), m.quality?)));
        Self {
            fleet: known(settings).fleet.unwrap_or_default(),
            quality: quality.collect(),
            names: names.collect(),
        }
    }

    fn price(&self, model: &str, asked: &Asked<'_>) -> Option<u64> {
        let price = self.fleet.price(model)?;
        Some(price.cost_micro(asked.prompt_tokens, asked.output_tokens))
    }

    /// Why no place, or no permitted one, serves a model; nothing when one does. Of several reasons that of the place
    /// which came furthest. The cost is that of the worst case where the request
    /// is known, as at dispatch.
    fn denied(
        &self,
        clearance: Option<&Clearance>,
        model: &str,
        pool: Option<&str>,
        asked: &Asked<'_>,
        most: Option<&Most>,
    ) -> Option<No> {
        let price = self.fleet.price(model);
        let unbounded = most.and_then(|most| most.unbounded.as_deref()).filter(|_| price.is_some());
        let worst = match most {
            Some(most) => price.map(|price| price.cost_micro(most.prompt_tokens, most.output_tokens)),
            None => self.price(model, asked),
        };
        let ask = Ask { model, cost_micro: worst.filter(|_| unbounded.is_none()), unbounded };
        let mut why = None;
        for place in &self.fleet.places {
            if !place.models.contains(model) || pool.is_some_and(|pool| pool != place.pool) {
                continue;
            }
            match clearance.map_or(Ok(()), |clearance| clearance.place(&ask, place)) {
                Ok(()) => return None,
                Err(denial) => why = Some(Denial::furthest(why, denial)),
            }
        }
        Some(why.map_or_else(
            || {
                let place = pool
                    .map_or_else(|| "no instance".to_owned(), |pool| format!("no instance of pool {pool}"));
                No { topic: None, why: format!("{place} serves {model}") }
            },
            |denial| No { topic: Some(denial.topic), why: denial.to_string() },
        ))
    }
}

/// Why a model is not asked.
struct No {
    /// What its denial is about; none where nothing serves it at all.
    topic: Option<Topic>,
    why: String,
}

/// What a request uses at most.
struct Most {
    prompt_tokens: u64,
    output_tokens: u64,
    unbounded: Option<String>,
}

/// Judges the tools on offer as dispatch does: those that leave the request are noted, one that ends it is the reason.
fn tools(view: &RequestView, clearance: &Clearance, chosen: &mut Chosen) -> Result<bool, String> {
    let offered = offered(clearance, view);
    chosen.denied.extend(offered.denied.iter().map(ToString::to_string));
    match offered.refused {
        Some((denial, _)) => Err(denial.to_string()),
        None => Ok(offered.runs_tools),
    }
}

/// What classes of data are left of a request once it is masked.
#[derive(Clone, Copy)]
pub(super) enum After<'a> {
    /// Those that are decided of the masked request.
    Again(&'a dyn Fn(&RequestView) -> Decision),
    /// All that a mask is meant for are gone: nobody can look, as the request itself is not there.
    Clean,
    /// All that it carried, nor can anybody look.
    Same,
}

/// Masks a request as dispatch does, and goes on with what is left of it.
fn repair(
    clearance: &mut Clearance,
    by_route: &[String],
    decision: &Decision,
    (view, after): (Option<&RequestView>, After<'_>),
) -> Result<(), String> {
    match (after, view) {
        (After::Again(again), Some(view)) => {
            let masked =
                masked(Some(clearance), by_route, (view, &Limits::default(), &Names::default()), again);
            masked.map_err(|error| format!("it cannot be masked: {error}"))?;
        }
        (After::Clean, _) => {}
        (After::Same, _) | (After::Again(_), None) => clearance.carry(decision),
    }
    clearance.repaired().map_err(|denial| denial.to_string())
}

/// What a decision comes to; `after` says what a mask leaves.
pub(super) fn chosen(
    policy: &Policy,
    decision: &Decision,
    models: Option<&Models>,
    asked: &Asked<'_>,
    after: After<'_>,
) -> Chosen {
    let mut chosen = Chosen { route: decision.route_name().to_owned(), ..Chosen::default() };
    let Some(effects) = decision.effects() else {
        chosen.refused = Some("the policy refuses it: a signal failed".into());
        return chosen;
    };
    let mut clearance = policy.cleared(asked.roles, decision);
    if let Some(clearance) = &clearance {
        chosen.governed = clearance.binding();
        if let Err(denial) = clearance.caller() {
            // Where the policy declares no `others`, that is what binds.
            if !chosen.governed.contains(&denial.rule) {
                chosen.governed.push(denial.rule.clone());
            }
            chosen.refused = Some(denial.to_string());
            return chosen;
        }
    }
    let mut most = None;
    if let (Some(clearance), Some(view)) = (&clearance, asked.view) {
        let runs = match tools(view, clearance, &mut chosen) {
            Ok(runs) => runs,
            Err(why) => {
                chosen.refused = Some(why);
                return chosen;
            }
        };
        let ceiling = ceiling(policy, view, effects);
        most = Some(Most {
            prompt_tokens: ceiling.prompt_tokens,
            output_tokens: ceiling.output_tokens(asked.output_tokens),
            unbounded: ceiling.unbounded.or_else(|| runs.then(|| "the provider runs a tool".to_owned())),
        });
    }
    if effects.answer.is_some() {
        chosen.cost_micro = models.map(|_| 0);
        return chosen;
    }
    if let Some(clearance) = &mut clearance {
        let repaired = repair(clearance, &effects.mask, decision, (asked.view, after));
        if matches!(after, After::Again(_)) {
            chosen.unmasked = clearance.unmasked();
        }
        if let Err(why) = repaired {
            chosen.refused = Some(why);
            return chosen;
        }
    }
    let named = models.and_then(|models| models.names.get(asked.model?));
    let pinned = named.map(|name| vec![Candidate { model: name.clone(), weight: 1, effort: None }]);
    let mut left = pinned.unwrap_or_else(|| effects.models.clone());
    if let Some(models) = models {
        let pool = effects.pool.as_deref();
        let mut why: Option<No> = None;
        left.retain(|candidate| {
            let denied = models.denied(clearance.as_ref(), &candidate.model, pool, asked, most.as_ref());
            let Some(no) = denied else { return true };
            chosen.denied.push(no.why.clone());
            if why.as_ref().is_none_or(|held| held.topic <= no.topic) {
                why = Some(no);
            }
            false
        });
        if let Some(no) = why.filter(|_| left.is_empty()) {
            chosen.refused = Some(no.why);
            return chosen;
        }
    }
    let Some(first) = left.first().cloned() else {
        chosen.refused = Some("the route has no model".into());
        return chosen;
    };
    chosen.model = Some(first.model);
    if effects.algorithm == Algorithm::Static {
        left.truncate(1);
    }
    chosen.shares = shares(&left);
    if let Some(models) = models {
        (chosen.cost_micro, chosen.quality) = means(models, &left, asked);
    }
    chosen
}

/// The weight of each model that is ever asked, in lowest terms.
fn shares(candidates: &[Candidate]) -> BTreeMap<String, u64> {
    let mut shares = BTreeMap::new();
    for candidate in candidates.iter().filter(|candidate| candidate.weight > 0) {
        *shares.entry(candidate.model.clone()).or_default() += u64::from(candidate.weight);
    }
    let common = shares.values().fold(0, |a, b| gcd(a, *b)).max(1);
    shares.values_mut().for_each(|weight| *weight /= common);
    shares
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Mean cost and quality by weight; each only where all declare it.
fn means(models: &Models, candidates: &[Candidate], asked: &Asked<'_>) -> (Option<u64>, Option<f64>) {
    let weights: u64 = candidates.iter().map(|c| u64::from(c.weight)).sum::<u64>().max(1);
    let cost: Option<u128> = candidates
        .iter()
        .map(|c| Some(u128::from(models.price(&c.model, asked)?) * u128::from(c.weight)))
        .sum();
    let cost = cost.map(|cost| u64::try_from(cost / u128::from(weights)).unwrap_or(u64::MAX));
    let quality: Option<Vec<f64>> =
        candidates.iter().map(|c| Some(models.quality.get(&c.model)? * f64::from(c.weight))).collect();
    (cost, quality.map(|parts| parts.iter().sum::<f64>() / weights as f64))
}
