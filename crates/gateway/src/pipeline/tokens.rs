//! Tokens of answers, and the sum over all answers of a request: the one that the caller got and those it did not.

use super::journey::Journey;
use crate::observe::metrics::ModelSeries;
use crate::snapshot::ModelEntry;
use serde::Serialize;
use tollgate_store::budget::Usage;

/// Tokens of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tokens {
    /// Prompt tokens, cached ones included.
    pub(crate) prompt: u64,
    /// Prompt tokens read from a cache.
    pub(crate) cached: u64,
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
            completion: self.completion.saturating_add(other.completion),
            exact: self.exact && other.exact,
        }
    }

    /// Prompt and completion together.
    pub(crate) const fn sum(self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }
}

impl ModelSeries {
    /// Counts what an answer used and cost.
    pub(crate) fn add(&self, tokens: Tokens, cost_micro: u64) {
        self.cost_micro.inc_by(cost_micro);
        let kinds = [tokens.prompt, tokens.cached, tokens.completion];
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
