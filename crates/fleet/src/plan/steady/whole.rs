//! The end-to-end time: the wait, the prompt's own work, and every iteration of reading and writing.
//!
//! The iterations of one request share its batch and the prompts that came meanwhile, so that their sum has the distribution of its
//! mean time per token, as for [`super::Pool::writing`]; with the wait it is convolved, and kinds of requests are a mixture.

use super::spread::{Spread, quantile};
use crate::queue::Wait;

/// A factor on all of it, for the safe side: chosen on the random fleets of seeds 30,000 to 30,399 so that one in twenty at most is said
/// to be faster than the simulator finds it, judged on others (`tests/confirm`).
const MARGIN: f64 = 1.06;

/// Requests of one kind, and one way in which their iterations go.
struct Kind {
    weight: f64,
    /// Iterations, with the half of one in which a request arrives.
    iterations: f64,
    iteration: Spread,
    /// Seconds that its own prompt takes.
    own_s: f64,
}

/// The end-to-end time of one class.
pub(super) struct Whole {
    wait: Wait,
    kinds: Vec<Kind>,
}

impl Whole {
    /// `work` has iterations, prompt tokens to read and the probability of each kind of request; `writing` the time of an iteration of
    /// so many, with the probability of each way; a token to read takes `token_s`.
    pub(super) fn new(
        wait: Wait,
        work: &[(f64, f64, f64)],
        token_s: f64,
        writing: impl Fn(f64) -> [(f64, Spread); 2],
    ) -> Self {
        let kinds = work.iter().flat_map(|&(iterations, read, p)| {
            writing(iterations + 1.0).map(|(weight, iteration)| Kind {
                weight: p * weight,
                iterations: iterations + 0.5,
                iteration,
                own_s: token_s * read,
            })
        });
        Self { wait, kinds: kinds.filter(|kind| kind.weight > 0.0).collect() }
    }

    /// The probability of taking more than so many seconds.
    pub(super) fn tail(&self, seconds: f64) -> f64 {
        let of = |kind: &Kind| {
            kind.weight
                * kind.iteration.tail_after(&self.wait, kind.iterations, seconds / MARGIN - kind.own_s)
        };
        self.kinds.iter().map(of).sum()
    }

    /// The time that a share `q` of the requests does not exceed, seconds; infinite where the wait is endless.
    pub(super) fn quantile(&self, q: f64) -> f64 {
        if self.wait.probability > 0.0 && self.wait.decay == 0.0 {
            return f64::INFINITY;
        }
        let mean = |kind: &Kind| kind.weight * (kind.iterations * kind.iteration.mean + kind.own_s);
        quantile(q, self.kinds.iter().map(mean).sum(), |seconds| self.tail(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::super::spread::normal_quantile;
    use super::*;

    fn steady(spread: Spread) -> impl Fn(f64) -> [(f64, Spread); 2] {
        move |_| [(1.0, spread), (0.0, spread)]
    }

    #[test]
    fn with_one_kind_it_is_the_iterations_own_percentile() {
        let iteration = Spread::new(0.02, 0.004, 0.0, 0.0);
        let whole = Whole::new(Wait::NONE, &[(99.0, 500.0, 1.0)], 1e-3, steady(iteration));
        for q in [0.5, 0.9, 0.99] {
            let wanted = MARGIN * (0.5 + 99.5 * (0.02 + 0.004 * normal_quantile(q)));
            assert!((whole.quantile(q) / wanted - 1.0).abs() < 1e-5, "{q}");
        }
    }

    /// One answer in a hundred is long: the 99th percentile needs a long answer or slow iterations, not both.
    #[test]
    fn it_is_below_the_sum_of_percentiles_and_above_either() {
        let iteration = Spread::new(0.02, 0.005, 0.0, 0.0);
        let work = [(50.0, 0.0, 0.985), (500.0, 0.0, 0.015)];
        let found = Whole::new(Wait::NONE, &work, 0.0, steady(iteration)).quantile(0.99);
        let both = MARGIN * 500.5 * (0.02 + 0.005 * normal_quantile(0.99));
        assert!(
            found < both && found > 50.5 * (0.02 + 0.005 * normal_quantile(0.99)),
            "{found} under {both}"
        );
        let endless = Wait { probability: 1.0, decay: 0.0 };
        assert_eq!(Whole::new(endless, &work, 0.0, steady(iteration)).quantile(0.99), f64::INFINITY);
    }
}
