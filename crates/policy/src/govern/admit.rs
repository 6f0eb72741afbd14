//! What one guard says of a model, at a place or in this process.
//!
//! Whether it refuses is one thing and costs little, so that guards can be held against a whole fleet; saying why is another.

use super::{Ask, Clearance, Denial, Guard, Place, Topic, fits};

impl Clearance {
    /// Whether this process itself may answer `ask`: one role allows the model at this cost, and every rule does. Bounds on
    /// places are kept, as nothing is sent anywhere.
    ///
    /// # Errors
    /// The denial of the rule, or of the roles.
    pub fn here(&self, ask: &Ask<'_>) -> Result<(), Denial> {
        let admits = |guard: &Guard| match refuses_model(guard, ask) {
            Some(topic) => Err(of_model(guard, topic, ask)),
            None => Ok(()),
        };
        self.caller()?;
        for guard in self.all_of() {
            admits(guard).map_err(|denial| self.because(guard, denial))?;
        }
        self.any_role(admits)
    }
}

/// Whether a guard has a list of models, and this one fits it.
pub(super) fn names(guard: &Guard, model: &str) -> bool {
    guard.rights.models.is_some() && fits(guard.rights.models.as_deref(), model)
}

/// Whether one guard admits a model at a place.
pub(super) fn admits(guard: &Guard, ask: &Ask<'_>, place: &Place) -> Result<(), Denial> {
    match (refuses_model(guard, ask), refuses_place(guard, place)) {
        (Some(topic), _) => Err(of_model(guard, topic, ask)),
        (None, Some(topic)) => Err(of_place(guard, topic, place)),
        (None, None) => Ok(()),
    }
}

/// The first bound of a guard that a model at its cost does not keep.
pub(super) fn refuses_model(guard: &Guard, ask: &Ask<'_>) -> Option<Topic> {
    let rights = &guard.rights;
    if !fits(rights.models.as_deref(), ask.model) {
        return Some(Topic::Model);
    }
    let dear = |most| ask.cost_micro.is_none_or(|cost| cost > most);
    rights.cost_micro.is_some_and(dear).then_some(Topic::Cost)
}

/// The first bound of a guard that a place does not keep.
pub(super) fn refuses_place(guard: &Guard, place: &Place) -> Option<Topic> {
    let rights = &guard.rights;
    let stands = |region: &String| fits(rights.regions.as_deref(), region);
    let thrifty = |least| place.tokens_per_joule.is_some_and(|found| found >= least);
    let kept = [
        (Topic::Pool, fits(rights.pools.as_deref(), &place.pool)),
        (Topic::Provider, fits(rights.providers.as_deref(), &place.provider)),
        (Topic::Premise, !rights.on_premise || place.on_premise),
        (Topic::Region, rights.regions.is_none() || place.region.as_ref().is_some_and(stands)),
        (Topic::Energy, rights.tokens_per_joule.is_none_or(thrifty)),
    ];
    kept.into_iter().find_map(|(topic, kept)| (!kept).then_some(topic))
}

fn denial(guard: &Guard, topic: Topic, subject: &str, why: String) -> Denial {
    Denial { rule: guard.label(), topic, subject: subject.to_owned(), why, own: true }
}

fn of_model(guard: &Guard, topic: Topic, ask: &Ask<'_>) -> Denial {
    let (model, most) = (ask.model, guard.rights.cost_micro.unwrap_or_default());
    let why = match (topic, ask.cost_micro, ask.unbounded) {
        (Topic::Cost, Some(cost), _) => {
            format!("with model {model} the request may cost {cost} micro-dollars, more than {most}")
        }
        (Topic::Cost, None, Some(why)) => {
            format!("the cost is bounded, and that of this request is not: {why}")
        }
        (Topic::Cost, None, None) => {
            format!("the price of model {model} is not declared, and the cost is bounded")
        }
        _ => format!("model {model} is not allowed"),
    };
    denial(guard, topic, model, why)
}

fn of_place(guard: &Guard, topic: Topic, place: &Place) -> Denial {
    let at = place.instance.as_str();
    let why = match (topic, &place.region, place.tokens_per_joule) {
        (Topic::Pool, ..) => format!("pool {} is not allowed", place.pool),
        (Topic::Provider, ..) => format!("provider {} is not allowed", place.provider),
        (Topic::Premise, ..) => format!("{at} of pool {} is not on premise", place.pool),
        (Topic::Region, None, _) => format!("the region of {at} is not declared"),
        (Topic::Region, Some(region), _) => format!("{at} stands in region {region}"),
        (_, _, Some(found)) => {
            let least = guard.rights.tokens_per_joule.unwrap_or_default();
            format!("{at} gives {found} tokens per joule, less than {least}")
        }
        (_, _, None) => format!("the tokens per joule of {at} are not declared"),
    };
    denial(guard, topic, at, why)
}
