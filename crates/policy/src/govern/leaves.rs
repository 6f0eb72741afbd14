//! What governance leaves of a route for one request: its models, the offered tools, or a refusal.

use super::{Ask, Clearance, Denial, Fleet, Standing};
use crate::effects::Route;

/// What is left.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Left {
    /// The route's models that a permitted place serves, in the route's order.
    pub models: Vec<String>,
    /// The offered tools that stay.
    pub tools: Vec<String>,
    /// What refuses the request.
    pub refused: Option<Denial>,
}

impl Clearance {
    /// What is left of `route` for a request that offers these functions and takes so many prompt and output tokens at
    /// most. Without a fleet models are not looked at.
    #[must_use]
    pub fn leaves(&self, route: &Route, tools: &[String], fleet: Option<&Fleet>, tokens: (u64, u64)) -> Left {
        let mut left = Left { refused: self.caller().err(), ..Left::default() };
        for tool in tools {
            if left.refused.is_some() {
                break;
            }
            match self.tool(tool) {
                Standing::Denied { denial, block: true } => left.refused = Some(denial),
                Standing::Denied { .. } => {}
                Standing::Allowed | Standing::Conditional => left.tools.push(tool.clone()),
            }
        }
        if left.refused.is_none() && route.effects.answer.is_none() {
            left.refused = self.repaired().err();
        }
        let Some(fleet) = fleet.filter(|_| left.refused.is_none()) else { return left };
        let mut no = None;
        for candidate in &route.effects.models {
            let price = fleet.price(&candidate.model);
            let cost_micro = price.map(|price| price.cost_micro(tokens.0, tokens.1));
            let ask = Ask { model: &candidate.model, cost_micro, unbounded: None };
            let pool = route.effects.pool.as_deref();
            let serves = fleet.places.iter().filter(|place| {
                place.models.contains(&candidate.model) && pool.is_none_or(|pool| pool == place.pool)
            });
            let asked: Vec<_> = serves.map(|place| self.place(&ask, place)).collect();
            if asked.iter().any(Result::is_ok) {
                left.models.push(candidate.model.clone());
            } else {
                no = asked.into_iter().filter_map(Result::err).next_back().or(no);
            }
        }
        if left.models.is_empty() {
            left.refused = no;
        }
        left
    }
}
