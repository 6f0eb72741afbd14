//! The time to the first token: the wait, the prompt's own work, and its iterations, whose time varies.
//!
//! Long prompts and slow iterations are independent: the percentile of the sum is read off the sum's own distribution, which is far
//! below the sum of the percentiles.

use super::spread::{Spread, quantile};
use crate::queue::Wait;

/// A factor on all of it, for the safe side, where prompts take a share of the time of `instances`: the more they take, and the fewer
/// instances share them, the more a run of long prompts costs that no moment tells. Chosen on 800 random fleets against the request-level
/// simulator so that about one plan in thirty says less than it finds, judged on others (`tests/confirm`).
pub(super) fn margin(prompts: f64, instances: f64) -> f64 {
    1.04 + 0.5 * prompts * prompts + 0.6 * prompts / (instances * instances)
}

/// The time to the first token of one class.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstToken<'a> {
    pub(super) wait: Wait,
    /// See [`margin`].
    pub(super) margin: f64,
    /// The mean time of the iterations of a prefill.
    pub(super) iteration: Spread,
    /// Prefill iterations with their probability and mean prompt tokens to read, by rising iterations.
    pub(super) prefill: &'a [(f64, f64, f64)],
    /// Seconds of each of those tokens.
    pub(super) token_s: f64,
    /// Seconds that the prompts of its own burst take first.
    pub(super) burst_s: f64,
}

impl FirstToken<'_> {
    /// The probability of taking more than so many seconds. A request arrives half an iteration before the next begins.
    pub(super) fn tail(&self, seconds: f64) -> f64 {
        let kind = |&(iterations, probability, tokens): &(f64, f64, f64)| {
            let own_s = self.token_s * tokens + self.burst_s;
            probability
                * self.iteration.tail_after(&self.wait, iterations + 0.5, seconds / self.margin - own_s)
        };
        self.prefill.iter().map(kind).sum()
    }

    /// The time that a share `q` of the requests does not exceed, seconds; infinite where the wait is endless.
    pub(super) fn quantile(&self, q: f64) -> f64 {
        if self.wait.probability > 0.0 && self.wait.decay == 0.0 {
            return f64::INFINITY;
        }
        quantile(q, self.iteration.mean, |seconds| self.tail(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::super::spread::normal_quantile;
    use super::*;

    const MARGIN: f64 = 1.1;

    fn first(prefill: &[(f64, f64, f64)], iteration: Spread, wait: Wait) -> FirstToken<'_> {
        FirstToken { wait, margin: MARGIN, iteration, prefill, token_s: 1e-3, burst_s: 0.0 }
    }

    #[test]
    fn with_one_kind_it_is_the_iterations_own_percentile() {
        let iteration = Spread::new(0.02, 0.004, 0.0, 0.0);
        let found = first(&[(1.0, 1.0, 100.0)], iteration, Wait::NONE);
        for q in [0.5, 0.9, 0.99] {
            let wanted = MARGIN * (0.1 + 1.5 * (0.02 + 0.004 * normal_quantile(q)));
            assert!((found.quantile(q) / wanted - 1.0).abs() < 1e-6, "{q}");
        }
    }

    /// One prompt in a hundred is long: the 99th percentile needs a long prompt or a slow iteration, not both.
    #[test]
    fn it_is_below_the_sum_of_percentiles_and_above_either() {
        let iteration = Spread::new(0.02, 0.01, 0.0, 0.0);
        let kinds = [(1.0, 0.985, 100.0), (10.0, 0.015, 1000.0)];
        let found = first(&kinds, iteration, Wait::NONE).quantile(0.99);
        let both = MARGIN * (1.0 + 10.5 * (0.02 + 0.01 * normal_quantile(0.99)));
        assert!(found < both && found > MARGIN * (1.0 + 10.5 * 0.01), "{found} under {both}");
        let endless = Wait { probability: 1.0, decay: 0.0 };
        assert_eq!(first(&kinds, iteration, endless).quantile(0.99), f64::INFINITY);
    }
}
