//! Token-budget pools: short requests on instances with short contexts, the rest on long ones.
//!
//! A pool takes requests of at most its boundary B in estimated total tokens (prompt and expected output). The smallest that
//! fits is the choice; when its wait exceeds the spill bound a longer one with a shorter wait takes over, never a shorter
//! one, which could not hold the request. Just above a boundary, in (B, γB], a request is flagged as compressible.
//!
//! **Why it pays.** An instance with short contexts holds more requests at once, for a throughput gain ρ. When a share α
//! of the traffic goes there, λ/μ instances become (1 - α)·λ/μ + α·λ/(ρμ): a saving of α(1 - 1/ρ)
//! (token-budget pool routing, arXiv 2604.09613). See [`savings`].
//!
//! ```
//! use tollgate_select::pool::*;
//! let pools = [PoolView::idle("short", 8_192), PoolView::idle("long", 131_072)];
//! let ask = PoolAsk { prompt_tokens: 9_000, output_tokens: 500, ..PoolAsk::default() };
//! let choice = choose_pool(&pools, &ask, &PoolRule::default()).unwrap();
//! assert_eq!(pools[choice.pool()].name, "long");
//! assert_eq!(choice.borderline.unwrap().excess_tokens, 9_500 - 8_192);
//! ```

pub mod members;

use crate::Error;
use crate::error::within;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the choice looks at of one pool.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PoolView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its boundary: most tokens of prompt and output together.
    pub max_total_tokens: u64,
    /// The least expected wait among its instances, in milliseconds; none when no instance is available.
    pub wait_ms: Option<f64>,
    /// γ: a request up to this many times its boundary may be compressed to fit, in [1, 10].
    pub gamma: f64,
}

/// γ where nothing else is said.
pub const DEFAULT_GAMMA: f64 = 1.5;

impl<'a> PoolView<'a> {
    /// A pool without a wait, with the default γ.
    #[must_use]
    pub const fn idle(name: &'a str, max_total_tokens: u64) -> Self {
        Self { name, max_total_tokens, wait_ms: Some(0.0), gamma: DEFAULT_GAMMA }
    }
}

/// What a request asks of the pools.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PoolAsk<'a> {
    /// Prompt tokens.
    pub prompt_tokens: u64,
    /// Expected output tokens.
    pub output_tokens: u64,
    /// The only pool the policy allows, if it names one.
    pub only: Option<&'a str>,
}

/// When a request spills.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolRule {
    /// A pool with a longer wait than this, in milliseconds, gives way to a longer pool with a shorter wait.
    pub spill_wait_ms: f64,
}

impl Default for PoolRule {
    fn default() -> Self {
        Self { spill_wait_ms: 1_000.0 }
    }
}

impl PoolRule {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first field out of range.
    pub fn check(&self) -> Result<(), Error> {
        Ok(within("pools.spill_wait_ms", self.spill_wait_ms, 0.0, 1e9, "give 0 to 1e9 ms")?)
    }
}

/// A request that just misses a smaller pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Borderline {
    /// The pool it would fit after compression (index into the views).
    pub pool: usize,
    /// Tokens to save.
    pub excess_tokens: u64,
    /// Prompt tokens that would be left; 0 when the output alone fills the pool, so compressing cannot help.
    pub target_prompt_tokens: u64,
}

/// Why a pool was chosen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum PoolReason {
    /// The policy names it.
    Named,
    /// The smallest that fits.
    Fits {
        /// Estimated total tokens.
        total_tokens: u64,
        /// The pool's boundary.
        boundary: u64,
    },
    /// A smaller one fits but its wait is over the bound and over this pool's.
    Spilled {
        /// The smaller pool (index into the views).
        from: usize,
        /// Its wait, in milliseconds; none when it has no available instance.
        wait_ms: Option<f64>,
    },
}

impl fmt::Display for PoolReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named => f.write_str("named by the policy"),
            Self::Fits { total_tokens, boundary: u64::MAX } => {
                write!(f, "{total_tokens} tokens, the pool has no boundary")
            }
            Self::Fits { total_tokens, boundary } => write!(f, "{total_tokens} tokens fit under {boundary}"),
            Self::Spilled { wait_ms: Some(wait), .. } => {
                write!(f, "spilled: the smaller pool waits {wait:.0} ms")
            }
            Self::Spilled { wait_ms: None, .. } => {
                f.write_str("spilled: the smaller pool has no instance available")
            }
        }
    }
}

/// The chosen pool and the larger ones to fall back to.
#[derive(Clone, PartialEq, Debug)]
pub struct PoolChoice {
    /// Indices into the views: the choice, then the other pools that fit, by boundary; never empty.
    pub order: Vec<usize>,
    /// Why the first is first.
    pub reason: PoolReason,
    /// Set when it may be compressed to fit a smaller pool.
    pub borderline: Option<Borderline>,
}

impl PoolChoice {
    /// The chosen pool.
    #[must_use]
    pub fn pool(&self) -> usize {
        self.order.first().copied().unwrap_or_default()
    }
}

/// Chooses among the pools of a model. A pool without available instances counts as waiting forever; it is still the
/// answer when nothing else fits, because its placement knows what to do then.
///
/// # Errors
/// [`Error::NoPool`] when the named pool does not exist, or the request fits none that it may use.
pub fn choose_pool(pools: &[PoolView<'_>], ask: &PoolAsk<'_>, rule: &PoolRule) -> Result<PoolChoice, Error> {
    let total = ask.prompt_tokens.saturating_add(ask.output_tokens);
    let mut usable: Vec<(usize, &PoolView<'_>)> =
        pools.iter().enumerate().filter(|(_, pool)| ask.only.is_none_or(|name| pool.name == name)).collect();
    usable.sort_by_key(|(index, pool)| (pool.max_total_tokens, *index));
    let fitting = usable.partition_point(|(_, pool)| pool.max_total_tokens < total);
    let (small, fit) = usable.split_at(fitting);
    let Some((smallest, view)) = fit.first() else {
        return Err(Error::NoPool { total_tokens: total, why: why_none(pools, ask) });
    };
    let mut order: Vec<usize> = fit.iter().map(|(index, _)| *index).collect();
    let mut reason = match ask.only {
        Some(_) => PoolReason::Named,
        None => PoolReason::Fits { total_tokens: total, boundary: view.max_total_tokens },
    };
    if let Some(at) = spill(fit, rule) {
        let chosen = order.remove(at);
        order.insert(0, chosen);
        reason = PoolReason::Spilled { from: *smallest, wait_ms: view.wait_ms };
    }
    let borderline = small.last().and_then(|(index, pool)| borderline(*index, pool, ask, total));
    Ok(PoolChoice { order, reason, borderline })
}

/// The place in `fit` to spill to: the first longer pool that waits less, when the first waits too long. Prefers one under
/// the bound, else takes the least wait.
fn spill(fit: &[(usize, &PoolView<'_>)], rule: &PoolRule) -> Option<usize> {
    let wait = |at: usize| {
        fit.get(at).and_then(|(_, pool)| pool.wait_ms).filter(|w| !w.is_nan()).unwrap_or(f64::INFINITY)
    };
    if wait(0) <= rule.spill_wait_ms {
        return None;
    }
    let longer = 1..fit.len();
    longer
        .clone()
        .find(|at| wait(*at) <= rule.spill_wait_ms)
        .or_else(|| longer.min_by(|a, b| wait(*a).total_cmp(&wait(*b))).filter(|at| wait(*at) < wait(0)))
}

fn borderline(index: usize, pool: &PoolView<'_>, ask: &PoolAsk<'_>, total: u64) -> Option<Borderline> {
    let boundary = pool.max_total_tokens;
    (total as f64 <= pool.gamma * boundary as f64).then(|| Borderline {
        pool: index,
        excess_tokens: total.saturating_sub(boundary),
        target_prompt_tokens: boundary.saturating_sub(ask.output_tokens),
    })
}

fn why_none(pools: &[PoolView<'_>], ask: &PoolAsk<'_>) -> String {
    let bound = |tokens| match tokens {
        u64::MAX => "without a boundary".to_owned(),
        tokens => format!("up to {tokens}"),
    };
    let offer: Vec<String> =
        pools.iter().map(|p| format!("{} {}", p.name, bound(p.max_total_tokens))).collect();
    match ask.only {
        Some(name) => format!("the policy names pool {name:?}, the pools are: {}", offer.join(", ")),
        None => format!("the pools are: {}", offer.join(", ")),
    }
}

/// The share of instances saved by a short pool: `α(1 - 1/ρ)` for a share `alpha` in [0, 1] of the requests and a throughput
/// gain `rho` > 0 of a short-pool instance over a long one; none outside these ranges.
#[must_use]
pub fn savings(alpha: f64, rho: f64) -> Option<f64> {
    let fine = (0.0..=1.0).contains(&alpha) && rho > 0.0;
    fine.then(|| alpha * (1.0 - 1.0 / rho))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ask(prompt_tokens: u64, output_tokens: u64) -> PoolAsk<'static> {
        PoolAsk { prompt_tokens, output_tokens, only: None }
    }

    fn waits(short: Option<f64>, long: Option<f64>) -> [PoolView<'static>; 2] {
        // Declared long first: the order of declaration must not matter.
        [
            PoolView { wait_ms: long, ..PoolView::idle("long", 64_000) },
            PoolView { wait_ms: short, ..PoolView::idle("short", 8_000) },
        ]
    }

    #[test]
    fn the_boundary_decides_and_spills_upwards_only() {
        // tokens, wait short, wait long -> pool, why
        let rows = [
            (8_000, Some(0.0), Some(0.0), "short", "8000 tokens fit under 8000"),
            (8_001, Some(0.0), Some(9e9), "long", "8001 tokens fit under 64000"),
            (100, Some(1_000.0), Some(0.0), "short", "100 tokens fit under 8000"),
            (100, Some(1_001.0), Some(0.0), "long", "spilled: the smaller pool waits 1001 ms"),
            (100, Some(5_000.0), Some(4_000.0), "long", "spilled: the smaller pool waits 5000 ms"),
            (100, Some(5_000.0), Some(6_000.0), "short", "100 tokens fit under 8000"),
            (100, None, Some(6_000.0), "long", "spilled: the smaller pool has no instance available"),
            (100, None, None, "short", "100 tokens fit under 8000"),
            (100, Some(f64::NAN), Some(5.0), "long", "spilled: the smaller pool waits NaN ms"),
            (9_000, Some(0.0), None, "long", "9000 tokens fit under 64000"),
        ];
        for (tokens, short, long, name, why) in rows {
            let pools = waits(short, long);
            let choice = choose_pool(&pools, &ask(tokens, 0), &PoolRule::default()).unwrap();
            assert_eq!(
                (pools[choice.pool()].name, choice.reason.to_string().as_str()),
                (name, why),
                "{tokens}"
            );
            assert_eq!(choice.order.len(), if tokens > 8_000 { 1 } else { 2 });
        }
    }

    #[test]
    fn borderline_is_just_above_the_boundary() {
        let pools = waits(Some(0.0), Some(0.0));
        let flag = |prompt, output| {
            choose_pool(&pools, &ask(prompt, output), &PoolRule::default()).unwrap().borderline
        };
        assert_eq!(flag(8_000, 0), None);
        assert_eq!(
            flag(7_600, 401),
            Some(Borderline { pool: 1, excess_tokens: 1, target_prompt_tokens: 7_599 })
        );
        assert!(flag(12_000, 0).is_some() && flag(12_001, 0).is_none());
        assert_eq!(flag(1, 8_001).unwrap().target_prompt_tokens, 0);
    }

    /// Each boundary has a γ of its own: that of the pool which is just too short counts, whatever the others say.
    #[test]
    fn the_pool_that_is_missed_says_how_far() {
        let pool = |name, most, gamma| PoolView { gamma, ..PoolView::idle(name, most) };
        let pools = [pool("a", 1_000, 1.0), pool("b", 4_000, 2.0), pool("c", 16_000, 10.0)];
        let near = |tokens| {
            let choice = choose_pool(&pools, &ask(tokens, 0), &PoolRule::default()).unwrap();
            choice.borderline.map(|near| near.pool)
        };
        let tokens = [1_000, 1_001, 4_000, 4_001, 8_000, 8_001];
        assert_eq!(tokens.map(near), [None, None, None, Some(1), Some(1), None]);
    }

    #[test]
    fn a_named_pool_is_the_only_one() {
        let pools = waits(Some(9e9), Some(0.0));
        let named = |name, tokens| {
            let ask = PoolAsk { only: Some(name), ..ask(tokens, 0) };
            choose_pool(&pools, &ask, &PoolRule::default())
        };
        let short = named("short", 10).unwrap();
        assert_eq!((short.order, short.reason), (vec![1], PoolReason::Named));
        let error = named("short", 8_001).unwrap_err().to_string();
        assert!(
            error.starts_with("no pool can take 8001 tokens: the policy names pool \"short\""),
            "{error}"
        );
        assert!(named("none", 1).is_err());
        assert!(choose_pool(&[], &ask(1, 1), &PoolRule::default()).is_err());
    }

    #[test]
    fn savings_as_in_the_paper() {
        assert_eq!(savings(0.8, 4.0), Some(0.8 * 0.75));
        assert_eq!((savings(0.5, 1.0), savings(1.1, 2.0), savings(0.5, f64::NAN)), (Some(0.0), None, None));
    }

    proptest! {
        /// Whatever the waits, the chosen pool and all fallbacks hold the request.
        #[test]
        fn the_order_always_fits(
            pools in prop::collection::vec((1u64..100_000, prop::option::of(0.0f64..1e5)), 1..6),
            prompt in 0u64..80_000, output in 0u64..40_000,
        ) {
            let views: Vec<PoolView<'_>> = pools.iter()
                .map(|(max, wait)| PoolView { wait_ms: *wait, ..PoolView::idle("p", *max) }).collect();
            let fits = |index: &usize| views[*index].max_total_tokens >= prompt + output;
            match choose_pool(&views, &ask(prompt, output), &PoolRule::default()) {
                Ok(choice) => {
                    prop_assert!(choice.order.iter().all(fits));
                    prop_assert_eq!(choice.order.len(), (0..views.len()).filter(fits).count());
                }
                Err(_) => prop_assert!(!(0..views.len()).any(|i| fits(&i))),
            }
        }
    }
}
