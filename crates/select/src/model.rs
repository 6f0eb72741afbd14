//! Choosing a model among weighted candidates.
//!
//! First the filter: what the caller may use, what fits the context window, what the request needs. Then the rule: the
//! first that is left, or one by weight. The answer is an order: the choice, then the fallbacks as they were declared.
//!
//! ```
//! use tollgate_core::Seed;
//! use tollgate_select::model::*;
//! let models = [ModelCandidate::named("small"), ModelCandidate::named("large")];
//! let choice = choose(&models, &Need::default(), ModelRule::First, Seed(0)).unwrap();
//! assert_eq!(choice.order, [0, 1]);
//! ```

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fmt;
use tollgate_core::Seed;

/// Capabilities as a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capabilities(pub u16);

impl Capabilities {
    /// Calls tools.
    pub const TOOLS: Self = Self(1);
    /// Reads images.
    pub const IMAGES: Self = Self(2);
    /// Reasons before it answers.
    pub const REASONING: Self = Self(4);
    /// Answers by a JSON schema.
    pub const SCHEMA: Self = Self(8);
    /// Streams.
    pub const STREAMING: Self = Self(16);
    /// Embeds.
    pub const EMBEDDINGS: Self = Self(32);
    /// Each with its word.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::TOOLS, "tools"),
        (Self::IMAGES, "images"),
        (Self::REASONING, "reasoning"),
        (Self::SCHEMA, "schema"),
        (Self::STREAMING, "streaming"),
        (Self::EMBEDDINGS, "embeddings"),
    ];

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What of `needed` is not in this set.
    #[must_use]
    pub const fn missing(self, needed: Self) -> Self {
        Self(needed.0 & !self.0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = Self::ALL.iter().filter(|(one, _)| self.missing(*one).is_empty()).map(|(_, word)| *word);
        f.write_str(&words.collect::<Vec<_>>().join(", "))
    }
}

/// A model that a route may use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelCandidate {
    /// Its name.
    pub name: String,
    /// Its share of the traffic relative to the others; 0 makes it a fallback only.
    pub weight: u32,
    /// Most tokens of prompt and output together, when known.
    pub context_tokens: Option<u64>,
    /// What it can do.
    pub can: Capabilities,
}

impl ModelCandidate {
    /// A model of weight 1 without known limits and with every capability.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), weight: 1, context_tokens: None, can: Capabilities(u16::MAX) }
    }
}

/// What a request needs of its model.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Need<'a> {
    /// The models the caller may use; none means all.
    pub allowed: Option<&'a [String]>,
    /// Prompt tokens.
    pub prompt_tokens: u64,
    /// Output tokens to leave room for.
    pub output_tokens: u64,
    /// What it must be able to do.
    pub needs: Capabilities,
}

/// How the first choice is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelRule {
    /// The first candidate that is left.
    #[default]
    First,
    /// One at random, in proportion to the weights.
    Weighted,
}

/// Why a candidate was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dropped {
    /// The caller may not use it.
    NotAllowed,
    /// The request needs this many tokens of context and it has that many.
    TooSmall {
        /// Prompt and output.
        needed: u64,
        /// Its window.
        window: u64,
    },
    /// It lacks these.
    Lacks(Capabilities),
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed => f.write_str("not allowed to this caller"),
            Self::TooSmall { needed, window } => write!(f, "needs {needed} tokens, its window has {window}"),
            Self::Lacks(what) => write!(f, "lacks {what}"),
        }
    }
}

/// Why the first choice is first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModelReason {
    /// It is the first (or only) candidate left.
    First,
    /// Drawn with this weight out of that sum.
    Drawn {
        /// Its weight.
        weight: u64,
        /// The sum over the candidates left.
        of: u64,
    },
}

impl fmt::Display for ModelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("first candidate"),
            Self::Drawn { weight, of } => write!(f, "drawn by weight {weight} of {of}"),
        }
    }
}

/// The chosen order, as indices into the candidates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelChoice {
    /// The choice, then the fallbacks as declared; never empty.
    pub order: Vec<usize>,
    /// Who was dropped and why.
    pub dropped: Vec<(usize, Dropped)>,
    /// Why the first is first.
    pub reason: ModelReason,
}

/// Filters the candidates and orders those that are left. The same seed gives the same order.
///
/// # Errors
/// [`Error::NoModel`] when none is left, with the reason for each.
pub fn choose(
    candidates: &[ModelCandidate],
    need: &Need<'_>,
    rule: ModelRule,
    seed: Seed,
) -> Result<ModelChoice, Error> {
    let (mut order, mut dropped) = (vec![], vec![]);
    for (index, candidate) in candidates.iter().enumerate() {
        match refuse(candidate, need) {
            None => order.push(index),
            Some(why) => dropped.push((index, why)),
        }
    }
    if order.is_empty() {
        let name = |index: &usize| candidates.get(*index).map_or("", |c| c.name.as_str());
        let why: Vec<String> = dropped.iter().map(|(index, why)| format!("{}: {why}", name(index))).collect();
        return Err(Error::NoModel { given: candidates.len(), why: why.join("; ") });
    }
    let weight = |index: usize| candidates.get(index).map_or(0, |c| u64::from(c.weight));
    let of: u64 = order.iter().map(|index| weight(*index)).sum();
    let mut reason = ModelReason::First;
    if rule == ModelRule::Weighted && of > 0 && order.len() > 1 {
        let mut mark = below(of, seed.derive("model"));
        let drawn = order.iter().position(|index| {
            let here = mark < weight(*index);
            mark = mark.saturating_sub(weight(*index));
            here
        });
        if let Some(at) = drawn {
            let chosen = order.remove(at);
            reason = ModelReason::Drawn { weight: weight(chosen), of };
            order.insert(0, chosen);
        }
    }
    Ok(ModelChoice { order, dropped, reason })
}

fn refuse(candidate: &ModelCandidate, need: &Need<'_>) -> Option<Dropped> {
    if need.allowed.is_some_and(|allowed| !allowed.contains(&candidate.name)) {
        return Some(Dropped::NotAllowed);
    }
    let lacks = candidate.can.missing(need.needs);
    if !lacks.is_empty() {
        return Some(Dropped::Lacks(lacks));
    }
    let needed = need.prompt_tokens.saturating_add(need.output_tokens);
    candidate
        .context_tokens
        .filter(|window| needed > *window)
        .map(|window| Dropped::TooSmall { needed, window })
}

/// A whole number in [0, n), by the high half of the 128-bit product (bias below n / 2^64).
fn below(n: u64, seed: Seed) -> u64 {
    ((u128::from(seed.bits()) * u128::from(n)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn weighted(weights: &[u32]) -> Vec<ModelCandidate> {
        let model =
            |(n, w): (usize, &u32)| ModelCandidate { weight: *w, ..ModelCandidate::named(&n.to_string()) };
        weights.iter().enumerate().map(model).collect()
    }

    #[test]
    fn filters_say_why() {
        let mut models = weighted(&[1, 1, 1, 1]);
        models[1].context_tokens = Some(1000);
        models[2].can = Capabilities::TOOLS;
        let allowed: Vec<String> = ["1", "2", "3"].map(String::from).to_vec();
        let need = Need {
            allowed: Some(&allowed),
            prompt_tokens: 900,
            output_tokens: 101,
            needs: Capabilities::TOOLS.with(Capabilities::IMAGES),
        };
        let choice = choose(&models, &need, ModelRule::First, Seed(0)).unwrap();
        assert_eq!(choice.order, [3]);
        let why: Vec<String> = choice.dropped.iter().map(|(index, why)| format!("{index}: {why}")).collect();
        assert_eq!(
            why,
            ["0: not allowed to this caller", "1: needs 1001 tokens, its window has 1000", "2: lacks images"]
        );
        let error = choose(&models[..1], &need, ModelRule::First, Seed(0)).unwrap_err();
        assert_eq!(error.to_string(), "no model is left of 1: 0: not allowed to this caller");
        let exact = Need { output_tokens: 100, ..Need { prompt_tokens: 900, ..Need::default() } };
        assert_eq!(choose(&models[1..2], &exact, ModelRule::First, Seed(0)).unwrap().order, [0]);
    }

    /// 5 standard deviations of a binomial: a false alarm in some 10^6 runs, and the seeds are fixed anyway.
    #[test]
    fn weights_are_respected() {
        let weights = [5, 0, 3, 2];
        let (models, n) = (weighted(&weights), 20_000u64);
        let mut hits = [0u64; 4];
        for seed in 0..n {
            let choice = choose(&models, &Need::default(), ModelRule::Weighted, Seed(seed)).unwrap();
            hits[choice.order[0]] += 1;
            let rest: Vec<usize> = (0..4).filter(|i| *i != choice.order[0]).collect();
            assert_eq!(choice.order[1..], rest);
        }
        for (weight, hit) in weights.iter().zip(hits) {
            let p = f64::from(*weight) / 10.0;
            let bound = 5.0 * (n as f64 * p * (1.0 - p)).sqrt();
            assert!((hit as f64 - n as f64 * p).abs() <= bound, "{weights:?} {hits:?}");
        }
        let zeros = weighted(&[0, 0]);
        assert_eq!(choose(&zeros, &Need::default(), ModelRule::Weighted, Seed(1)).unwrap().order, [0, 1]);
    }

    proptest! {
        #[test]
        fn the_order_is_a_permutation_and_replays(weights in prop::collection::vec(0u32..=u32::MAX, 1..9), seed: u64) {
            let models = weighted(&weights);
            let choice = choose(&models, &Need::default(), ModelRule::Weighted, Seed(seed)).unwrap();
            let again = choose(&models, &Need::default(), ModelRule::Weighted, Seed(seed)).unwrap();
            prop_assert_eq!(&choice, &again);
            if weights.iter().any(|w| *w > 0) {
                prop_assert!(weights[choice.order[0]] > 0);
            }
            let mut sorted = choice.order;
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..weights.len()).collect::<Vec<_>>());
        }
    }
}
