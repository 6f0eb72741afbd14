//! An order over the instances of a pool for one request.
//!
//! Four strategies: by weight, by least expected time to first content, by prefix affinity (prompts that begin alike go
//! to the instance that rendezvous hashing gives them, as long as its load stays under a bound), and by least energy. Instances
//! that may not be picked are left out; only when all are out does the stated rule decide: fail, or panic and try those
//! that return soonest. [`LoadIndex`] gives the same choice without looking at every instance.
//!
//! ```
//! use tollgate_core::Seed;
//! use tollgate_select::place::*;
//! let busy = InstanceView { wait_ms: 900.0, ..InstanceView::idle(key_of("a")) };
//! let views = [busy, InstanceView::idle(key_of("b"))];
//! let placed = place(&views, None, &PlaceRule::default(), Seed(0)).unwrap();
//! assert_eq!((placed.first(), placed.reason), (1, PlaceReason::LeastTtft));
//! ```

mod index;
mod strategy;

pub use index::LoadIndex;

use crate::Error;
use crate::error::within;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use tollgate_core::{Digest, Seed, Tick};

/// The identity of an instance by its name, stable over processes: what rendezvous hashing hashes.
#[must_use]
pub fn key_of(name: &str) -> u64 {
    Digest::of(name.as_bytes()).short()
}

/// Whether an instance may be picked, and when it may be again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Yes.
    Ready,
    /// Yes, as a probe of its half-open circuit.
    Probing,
    /// Its circuit is open until then.
    Open(Tick),
    /// It is ejected as an outlier until then.
    Ejected(Tick),
    /// Its active probes fail.
    Down,
    /// It asked for a pause until then.
    Cooling(Tick),
    /// It refuses our credentials or account; looked at again then.
    Refusing(Tick),
}

impl Standing {
    /// Whether it may be picked.
    #[must_use]
    pub const fn available(self) -> bool {
        matches!(self, Self::Ready | Self::Probing)
    }

    /// The word for tables and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Probing => "probing",
            Self::Open(_) => "open",
            Self::Ejected(_) => "ejected",
            Self::Down => "down",
            Self::Cooling(_) => "cooling",
            Self::Refusing(_) => "refusing",
        }
    }

    /// When it may return, for those that a panic may try: it may work after all. Not those that asked for a pause or
    /// refuse us: trying them can only do harm.
    const fn panic_at(self) -> Option<Tick> {
        match self {
            Self::Open(until) | Self::Ejected(until) => Some(until),
            Self::Down => Some(Tick(u64::MAX)),
            Self::Ready | Self::Probing => Some(Tick(0)),
            Self::Cooling(_) | Self::Refusing(_) => None,
        }
    }
}

/// What a placement looks at of one instance.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct InstanceView {
    /// Its identity ([`key_of`]).
    pub key: u64,
    /// Its share relative to the others; 0 never gets traffic while another can.
    pub weight: f64,
    /// Requests in flight.
    pub in_flight: u32,
    /// Expected wait before its prefill starts, in milliseconds.
    pub wait_ms: f64,
    /// Expected prefill of this request there, in milliseconds.
    pub prefill_ms: f64,
    /// Power that one more request adds there, in watts ([`crate::instance::Power::marginal_w`]).
    pub marginal_w: f64,
    /// Whether it may be picked.
    pub standing: Standing,
}

impl InstanceView {
    /// An idle, ready instance of weight 1.
    #[must_use]
    pub const fn idle(key: u64) -> Self {
        Self {
            key,
            weight: 1.0,
            in_flight: 0,
            wait_ms: 0.0,
            prefill_ms: 0.0,
            marginal_w: 0.0,
            standing: Standing::Ready,
        }
    }

    /// Expected time to first content; not-a-number counts as forever.
    #[must_use]
    pub fn ttft_ms(&self) -> f64 {
        let sum = self.wait_ms + self.prefill_ms;
        if sum.is_nan() { f64::INFINITY } else { sum }
    }

    /// The weight where it makes sense, else 0.
    fn safe_weight(&self) -> f64 {
        if self.weight.is_finite() { self.weight.max(0.0) } else { 0.0 }
    }
}

/// How the order is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// At random, in proportion to the weights.
    Weighted,
    /// Least expected time to first content first.
    #[default]
    LeastTtft,
    /// The rendezvous owner of the prompt's beginning first, then by time to first content.
    PrefixAffinity,
    /// Where one more request adds the least power, among those that give first content within `max_ttft_ms`; beyond it
    /// by time to first content. Fills what already runs, so that the rest may idle or be switched off.
    LeastEnergy,
}

/// What to do when no instance may be picked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenNone {
    /// Fail at once.
    Fail,
    /// Try the open, ejected and down ones, soonest to return first; never those that asked for a pause or refuse us.
    #[default]
    Panic,
}

/// The rule of a placement.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlaceRule {
    /// How the order is made.
    pub strategy: Strategy,
    /// Compare two instances drawn by weight instead of all (`LeastTtft` only): less herding when several
    /// gateways see stale loads.
    pub two_choices: bool,
    /// An owner keeps its prompts while its requests in flight stay within this many times its fair share, in [1, 100].
    pub max_imbalance: f64,
    /// Longest expected time to first content, in milliseconds, at which energy decides (`LeastEnergy` only), in
    /// [0, 1e9].
    pub max_ttft_ms: f64,
    /// How many instances to name: the choice and the fallbacks, in [1, 16].
    pub keep: usize,
    /// What to do when none may be picked.
    pub when_none: WhenNone,
}

impl Default for PlaceRule {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            two_choices: false,
            max_imbalance: 1.5,
            max_ttft_ms: 1_000.0,
            keep: 4,
            when_none: WhenNone::default(),
        }
    }
}

impl PlaceRule {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first field out of range.
    pub fn check(&self) -> Result<(), Error> {
        within("place.max_imbalance", self.max_imbalance, 1.0, 100.0, "give 1 to 100")?;
        within("place.max_ttft_ms", self.max_ttft_ms, 0.0, 1e9, "give 0 to 1e9 ms")?;
        Ok(within("place.keep", self.keep as f64, 1.0, MAX_KEEP as f64, "give 1 to 16")?)
    }
}

/// Most instances that a placement names.
pub const MAX_KEEP: usize = 16;

/// Why the first is first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlaceReason {
    /// Drawn by weight.
    Weight,
    /// Least expected time to first content.
    LeastTtft,
    /// The better of two drawn by weight.
    BetterOfTwo,
    /// The owner of the prompt's beginning.
    Affinity,
    /// The owner was over its load bound; the next in its line (this many steps on) is not.
    AffinityMoved(u16),
    /// One more request adds the least power here.
    LeastEnergy,
    /// None may be picked; this one returns soonest.
    Panic,
}

impl PlaceReason {
    /// The word for the decision log and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::LeastTtft => "least_ttft",
            Self::BetterOfTwo => "better_of_two",
            Self::Affinity => "affinity",
            Self::AffinityMoved(_) => "affinity_moved",
            Self::LeastEnergy => "least_energy",
            Self::Panic => "panic: no instance is up",
        }
    }
}

/// The instances to try, in order, as indices into the views.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placement {
    /// The choice and its fallbacks; never empty, at most [`PlaceRule::keep`].
    pub order: SmallVec<[u16; 8]>,
    /// Why the first is first.
    pub reason: PlaceReason,
}

impl Placement {
    /// The choice.
    #[must_use]
    pub fn first(&self) -> usize {
        self.order.first().copied().map_or(0, usize::from)
    }
}

/// Orders the instances for a request whose prompt begins as `affinity` says
/// ([`crate::prefix::PromptBlocks::affinity`]; none when it is too short or affinity is not wanted).
///
/// # Errors
/// [`Error::NoInstance`] when none may be picked and the rule says fail, or a panic finds none to try.
pub fn place(
    views: &[InstanceView],
    affinity: Option<u64>,
    rule: &PlaceRule,
    seed: Seed,
) -> Result<Placement, Error> {
    let keep = rule.keep.clamp(1, MAX_KEEP);
    if !views.iter().any(|view| view.standing.available()) {
        return panic_order(views, rule.when_none, keep);
    }
    let seed = seed.derive("place");
    let placement = match (rule.strategy, affinity) {
        (Strategy::Weighted, _) => strategy::by_weight(views, keep, seed),
        (Strategy::LeastTtft, _) if rule.two_choices => strategy::better_of_two(views, keep, seed),
        (Strategy::PrefixAffinity, Some(prefix)) => {
            strategy::by_affinity(views, prefix, rule.max_imbalance, keep, seed)
        }
        (Strategy::LeastEnergy, _) => strategy::by_energy(views, rule.max_ttft_ms, keep, seed),
        (Strategy::LeastTtft | Strategy::PrefixAffinity, _) => strategy::by_ttft(views, keep, seed),
    };
    Ok(placement)
}

fn panic_order(views: &[InstanceView], when_none: WhenNone, keep: usize) -> Result<Placement, Error> {
    let order: SmallVec<[u16; 8]> = match when_none {
        WhenNone::Fail => SmallVec::new(),
        WhenNone::Panic => strategy::lowest(views, keep, |view, _| {
            view.standing.panic_at().map(|until| (until.0 as f64, view.ttft_ms()))
        }),
    };
    if order.is_empty() {
        return Err(Error::NoInstance { instances: views.len(), why: standings(views) });
    }
    Ok(Placement { order, reason: PlaceReason::Panic })
}

/// How many stand where: `2 open, 1 cooling`.
fn standings(views: &[InstanceView]) -> String {
    let words = ["open", "ejected", "down", "cooling", "refusing"];
    let count = |word| views.iter().filter(|view| view.standing.word() == word).count();
    let parts: Vec<String> = words
        .iter()
        .map(|word| (count(*word), word))
        .filter(|(n, _)| *n > 0)
        .map(|(n, w)| format!("{n} {w}"))
        .collect();
    if parts.is_empty() { "the pool is empty".into() } else { parts.join(", ") }
}
