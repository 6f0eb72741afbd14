//! What the gateway can send a request to, as far as governance asks.

use std::collections::{BTreeMap, BTreeSet};

/// An instance with what is declared of it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Place {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub instance: String,
    /// Its provider.
    pub provider: String,
    /// Its region, when declared.
    pub region: Option<String>,
    /// Whether it is declared to stand on premise.
    pub on_premise: bool,
    /// Declared tokens per joule.
    pub tokens_per_joule: Option<f64>,
    /// Models that it serves.
    pub models: BTreeSet<String>,
}

/// A model's price in micro-dollars per million tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Price {
    /// Of prompt tokens.
    pub input_micro: u64,
    /// Of output tokens.
    pub output_micro: u64,
}

impl Price {
    /// The estimated cost of a request in micro-dollars, each part rounded up.
    #[must_use]
    pub fn cost_micro(self, prompt_tokens: u64, output_tokens: u64) -> u64 {
        let part = tollgate_core::amount::token_price_micro;
        part(prompt_tokens, self.input_micro).saturating_add(part(output_tokens, self.output_micro))
    }
}

/// Every place, what models cost, and what needs no place.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Fleet {
    /// The instances of all pools.
    pub places: Vec<Place>,
    /// Prices by model; the cost of a model that is not named is not known.
    pub prices: BTreeMap<String, Price>,
    /// Models that the gateway answers itself, for nothing: rights may name them, routes may not.
    pub own: BTreeSet<String>,
}

impl Fleet {
    /// The price of a model, when declared.
    #[must_use]
    pub fn price(&self, model: &str) -> Option<Price> {
        self.prices.get(model).copied()
    }
}
