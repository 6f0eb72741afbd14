//! Tokens of answers, what they cost, and the sum over all answers of a request: the one that the caller got and those it
//! did not.
//!
//! ```text
//! cost = ⌈fresh · input⌉ + ⌈read · cached input⌉ + ⌈written · cache write⌉ + ⌈written for an hour · cache write 1h⌉ + ⌈output · output⌉
//! ```
//!
//! where fresh is what of the prompt was neither read from a cache nor written to one.

use super::journey::Journey;
use crate::config::Price;
use crate::observe::metrics::ModelSeries;
use crate::snapshot::ModelEntry;
use memchr::memmem;
use serde::Serialize;
use std::sync::Arc;
use tollgate_core::amount::token_price_micro;
use tollgate_store::budget::Usage;

/// Tokens of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tokens {
    /// Prompt tokens, cached ones included.
    pub(crate) prompt: u64,
    /// Prompt tokens read from a cache.
    pub(crate) cached: u64,
    /// Prompt tokens written to a cache.
    pub(crate) written: u64,
    /// Of these, to be kept for an hour.
    pub(crate) written_1h: u64,
    /// Completion tokens, reasoning included.
    pub(crate) completion: u64,
    /// Whether the upstream said so; otherwise they are estimates.
    pub(crate) exact: bool,
}

impl Tokens {
    /// Both together; exact where both are.
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            prompt: self.prompt.saturating_add(other.prompt),
            cached: self.cached.saturating_add(other.cached),
            written: self.written.saturating_add(other.written),
            written_1h: self.written_1h.saturating_add(other.written_1h),
            completion: self.completion.saturating_add(other.completion),
            exact: self.exact && other.exact,
        }
    }

    /// Prompt and completion together.
    pub(crate) const fn sum(self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }
}

/// The model that answers, with its price.
#[derive(Clone, Debug)]
pub(crate) struct PriceTag {
    pub(crate) model: Arc<str>,
    pub(crate) price: Price,
}

impl PriceTag {
    pub(crate) fn of(model: &ModelEntry) -> Self {
        Self { model: model.name.clone(), price: model.price }
    }

    /// Micro-dollars for these tokens; each part is rounded up. No token of the prompt is paid twice.
    pub(crate) fn cost_micro(&self, tokens: Tokens) -> u64 {
        let cached = tokens.cached.min(tokens.prompt);
        let written = tokens.written.min(tokens.prompt - cached);
        let hour = tokens.written_1h.min(written);
        [
            (tokens.prompt - cached - written, self.price.input_micro),
            (cached, self.price.cached_input_micro),
            (written - hour, self.price.cache_write_micro),
            (hour, self.price.cache_write_1h_micro),
            (tokens.completion, self.price.output_micro),
        ]
        .into_iter()
        .fold(0, |sum: u64, (count, price)| sum.saturating_add(token_price_micro(count, price)))
    }

    /// The dearest that so many tokens can be, by what a request may write to a cache.
    pub(crate) fn dearest(&self, prompt: u64, writes: Writes, completion: u64) -> Tokens {
        let Price { input_micro, cache_write_micro, cache_write_1h_micro, .. } = self.price;
        let hour = writes == Writes::Hour && cache_write_1h_micro > cache_write_micro.max(input_micro);
        let any = hour || writes != Writes::None && cache_write_micro > input_micro;
        let (written, written_1h) = (if any { prompt } else { 0 }, if hour { prompt } else { 0 });
        Tokens { prompt, written, written_1h, completion, ..Tokens::default() }
    }
}

/// What a request may have its provider write to a cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Writes {
    /// Nothing: no mark asks for it.
    #[default]
    None,
    /// Entries of the usual life.
    Short,
    /// Entries of an hour too.
    Hour,
}

impl Writes {
    /// By the bytes of a request: more is said than is so where a text holds the words.
    pub(crate) fn of(body: &[u8]) -> Self {
        // A word may also be written with escapes, which no encoder does to letters, digits and low lines.
        let escaped = ["\\u003", "\\u005", "\\u006", "\\u007"];
        let any = || escaped.iter().any(|escape| memmem::find(body, escape.as_bytes()).is_some());
        let says = |word: &[u8]| memmem::find(body, word).is_some() || any();
        match (says(b"cache_control"), says(b"\"1h\"")) {
            (false, _) => Self::None,
            (true, false) => Self::Short,
            (true, true) => Self::Hour,
        }
    }
}

impl ModelSeries {
    /// Counts what an answer used and cost.
    pub(crate) fn add(&self, tokens: Tokens, cost_micro: u64) {
        self.cost_micro.inc_by(cost_micro);
        let kinds = [tokens.prompt, tokens.cached, tokens.completion, tokens.written];
        for (counter, tokens) in self.tokens.iter().zip(kinds).filter(|(_, tokens)| *tokens > 0) {
            counter.inc_by(tokens);
        }
    }
}

impl Journey {
    /// Notes what an answer used that the caller does not get; what it cost.
    pub(crate) fn spend(&mut self, model: Option<&ModelEntry>, tokens: Tokens) -> u64 {
        self.priced(model);
        self.spend_priced(tokens)
    }

    /// [`Self::spend`] of the model that is priced already.
    pub(super) fn spend_priced(&mut self, tokens: Tokens) -> u64 {
        let cost = self.price.as_ref().map_or(0, |tag| tag.cost_micro(tokens));
        if let Some(series) = &self.series {
            series.add(tokens, cost);
        }
        self.used = self.used.plus(tokens);
        self.used_micro = self.used_micro.saturating_add(cost);
        cost
    }

    /// What a request without an answer used, as budgets count it; nothing where nothing was sent.
    pub(crate) fn usage(&self) -> Option<Usage> {
        let any = self.reached || self.used.sum() > 0 || self.used_micro > 0;
        any.then(|| Usage { requests: 1, tokens: self.used.sum(), micro: self.used_micro })
    }

    /// What the request used in all: the answer that the caller got, of which these are the tokens and the cost, and
    /// those that it did not get.
    pub(crate) fn usage_with(&self, tokens: Tokens, micro: u64) -> Usage {
        let tokens = self.used.plus(tokens).sum();
        Usage { requests: 1, tokens, micro: self.used_micro.saturating_add(micro) }
    }
}
