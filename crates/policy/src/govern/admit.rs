//! What one guard says of a model, at a place or in this process.

use super::{Ask, Clearance, Denial, Guard, Place, Topic, fits};

impl Clearance {
    /// Whether this process itself may answer `ask`: one role allows the model at this cost, and every rule does. Bounds on
    /// places are kept, as nothing is sent anywhere.
    ///
    /// # Errors
    /// The denial of the rule, or of the roles.
    pub fn here(&self, ask: &Ask<'_>) -> Result<(), Denial> {
        self.caller()?;
        for guard in self.all_of() {
            admits_model(guard, ask).map_err(|denial| self.because(guard, denial))?;
        }
        self.any_role(|guard| admits_model(guard, ask))
    }
}

fn denial(guard: &Guard, topic: Topic, subject: &str, why: String) -> Denial {
    Denial { rule: guard.label(), topic, subject: subject.to_owned(), why, own: true }
}

/// Whether one guard admits a model at its cost.
fn admits_model(guard: &Guard, ask: &Ask<'_>) -> Result<(), Denial> {
    let rights = &guard.rights;
    let deny = |topic, subject: &str, why: String| Err(denial(guard, topic, subject, why));
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
    Ok(())
}

/// Whether a guard has a list of models, and this one fits it.
pub(super) fn names(guard: &Guard, model: &str) -> bool {
    guard.rights.models.is_some() && fits(guard.rights.models.as_deref(), model)
}

/// Whether one guard admits a model at a place.
pub(super) fn admits(guard: &Guard, ask: &Ask<'_>, place: &Place) -> Result<(), Denial> {
    admits_model(guard, ask)?;
    let rights = &guard.rights;
    let deny = |topic, subject: &str, why: String| Err(denial(guard, topic, subject, why));
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
