//! What one guard says of a model at a place.

use super::{Ask, Denial, Guard, Place, Topic, fits};

/// Whether one guard admits a model at a place.
pub(super) fn admits(guard: &Guard, ask: &Ask<'_>, place: &Place) -> Result<(), Denial> {
    let rights = &guard.rights;
    let deny = |topic, subject: &str, why: String| {
        Err(Denial { rule: guard.label(), topic, subject: subject.to_owned(), why, own: true })
    };
    if !fits(rights.models.as_deref(), ask.model) {
        return deny(Topic::Model, ask.model, format!("model {} is not allowed", ask.model));
    }
    if let Some(most) = rights.cost_micro.filter(|most| ask.cost_micro.is_none_or(|cost| cost > *most)) {
        let model = ask.model;
        let why = match (ask.cost_micro, ask.unbounded) {
            (Some(cost), _) => {
                format!("with model {model} the request may cost {cost} micro-dollars, more than {most}")
            }
            (None, Some(why)) => format!("the cost is bounded, and that of this request is not: {why}"),
            (None, None) => format!("the price of model {model} is not declared, and the cost is bounded"),
        };
        return deny(Topic::Cost, ask.model, why);
    }
    let at = place.instance.as_str();
    if !fits(rights.pools.as_deref(), &place.pool) {
        return deny(Topic::Pool, at, format!("pool {} is not allowed", place.pool));
    }
    if !fits(rights.providers.as_deref(), &place.provider) {
        return deny(Topic::Provider, at, format!("provider {} is not allowed", place.provider));
    }
    if rights.on_premise && !place.on_premise {
        return deny(Topic::Premise, at, format!("{at} of pool {} is not on premise", place.pool));
    }
    if rights.regions.is_some() {
        match &place.region {
            None => return deny(Topic::Region, at, format!("the region of {at} is not declared")),
            Some(region) if !fits(rights.regions.as_deref(), region) => {
                return deny(Topic::Region, at, format!("{at} stands in region {region}"));
            }
            Some(_) => {}
        }
    }
    match (rights.tokens_per_joule, place.tokens_per_joule) {
        (Some(least), Some(found)) if found < least => {
            deny(Topic::Energy, at, format!("{at} gives {found} tokens per joule, less than {least}"))
        }
        (Some(_), None) => deny(Topic::Energy, at, format!("the tokens per joule of {at} are not declared")),
        _ => Ok(()),
    }
}
