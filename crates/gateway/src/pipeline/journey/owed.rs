//! What a request owes, however it ends: the promise of its budgets, and what an upstream may be doing for it.
//!
//! From the moment that something was sent the request counts, and whatever ends it settles. What an upstream did that
//! nobody saw the end of is estimated from above: the prompt, and as many tokens as can have been written in the time
//! that passed, of those that were promised.

use super::Journey;
use crate::observe::metrics::ModelSeries;
use crate::pipeline::settle::Estimate;
use crate::pipeline::tokens::{PriceTag, Tokens};
use crate::snapshot::ModelEntry;
use std::sync::Arc;
use tollgate_core::Tick;
use tollgate_store::budget::Reservation;

/// Output tokens that one answer can have in a millisecond: more than any service on sale writes (some 3,000 a second).
const TOKENS_PER_MS: u64 = 5;

/// What the budgets promised to a request.
pub(crate) struct Promise {
    reservation: Reservation,
    most: Estimate,
    choices: u64,
}

impl Promise {
    pub(crate) fn new(reservation: Reservation, most: Estimate, choices: u64) -> Self {
        Self { reservation, most, choices: choices.max(1) }
    }

    /// The most that an upstream can have done in this time.
    fn done_in(&self, tag: &PriceTag, ms: u64) -> Tokens {
        let written = ms.saturating_add(1).saturating_mul(TOKENS_PER_MS).saturating_mul(self.choices);
        let completion = self.most.output_tokens.min(written);
        tag.dearest(self.most.prompt_tokens, self.most.writes, completion)
    }
}

/// An attempt whose end nobody has seen yet.
pub(super) struct Out {
    tag: PriceTag,
    series: Arc<ModelSeries>,
    since: Tick,
}

impl Journey {
    /// Takes the promise of the budgets over.
    pub(crate) fn promise(&mut self, promise: Promise) {
        self.promise = Some(promise);
    }

    /// Gives the promise to who settles it from here on: the answer is at hand.
    pub(crate) fn promised(&mut self) -> Option<Reservation> {
        self.out = None;
        self.promise.take().map(|promise| promise.reservation)
    }

    /// An attempt goes out to this model's upstream.
    pub(crate) fn sent(&mut self, model: Option<&ModelEntry>, now: Tick) {
        let metrics = &self.shared.metrics;
        self.out = model.map(|model| Out {
            tag: PriceTag::of(model),
            series: model.series.get_or_init(|| Arc::new(metrics.of_model(&model.name))).clone(),
            since: now,
        });
    }

    /// The attempt that was out has ended: `reached` says whether it came through to the upstream.
    pub(crate) fn ended(&mut self, reached: bool) {
        self.reached |= reached;
        self.out = None;
    }

    /// The end of the attempt that is out was not seen, or says nothing of what it used: it counts as the most that it can
    /// have used. Gives the cost.
    pub(crate) fn spend_unseen(&mut self) -> u64 {
        let Some(out) = self.out.take() else { return 0 };
        self.reached = true;
        let ms = self.shared.clock.tick().since_ns(out.since) / 1_000_000;
        let tokens =
            self.promise.as_ref().map_or_else(Tokens::default, |promise| promise.done_in(&out.tag, ms));
        self.price = Some(out.tag);
        self.series = Some(out.series);
        self.spend_priced(tokens)
    }

    /// Settles what was used so far, where nobody else does; nothing where nothing was sent.
    pub(crate) fn settle(&mut self) {
        let Some(promise) = self.promise.take() else { return };
        if let Some(usage) = self.usage() {
            promise.reservation.settle(usage);
        }
    }
}
