//! A wait and a discrete time after it: the exact distribution of their sum.

use super::wait::Wait;

/// P(W + X > t) for a wait W and an independent X that takes `values`, ascending, with probabilities.
#[derive(Clone, Copy, Debug)]
pub struct Sum<'a> {
    wait: Wait,
    values: &'a [(f64, f64)],
}

impl<'a> Sum<'a> {
    /// The sum. `values` are (seconds, probability) and ascend; the probabilities add up to 1.
    #[must_use]
    pub const fn new(wait: Wait, values: &'a [(f64, f64)]) -> Self {
        Self { wait, values }
    }

    /// P(W + X > t).
    #[must_use]
    pub fn tail(&self, t: f64) -> f64 {
        let inside = self.values.partition_point(|v| v.0 <= t);
        let beyond: f64 = self.values[inside..].iter().map(|v| v.1).sum();
        if self.wait.probability == 0.0 {
            return beyond;
        }
        beyond + self.values[..inside].iter().map(|&(x, p)| p * self.wait.tail(t - x)).sum::<f64>()
    }

    /// The smallest t with P(W + X ≤ t) ≥ q, for q in [0, 1); infinite when the wait is endless.
    #[must_use]
    pub fn quantile(&self, q: f64) -> f64 {
        let beyond = 1.0 - q;
        let Some(&(last, _)) = self.values.last() else { return self.wait.quantile(q) };
        if self.wait.decay == 0.0 {
            return f64::INFINITY;
        }
        // At a value the tail jumps: find the first value where it is low enough, then look before it.
        let at = self.values.partition_point(|v| self.tail(v.0) > beyond);
        let mut low =
            if at == 0 { return self.values.first().map_or(0.0, |v| v.0) } else { self.values[at - 1].0 };
        let mut high = self.values.get(at).map_or(last + self.wait.quantile(q), |v| v.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if self.tail(middle) > beyond {
                low = middle;
            } else {
                high = middle;
            }
            if high - low <= 1e-12 * high {
                break;
            }
        }
        high
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.wait.mean() + self.values.iter().map(|v| v.0 * v.1).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_wait_the_values_are_all() {
        let values = [(1.0, 0.5), (2.0, 0.49), (9.0, 0.01)];
        let sum = Wait::NONE.then(&values);
        assert_eq!(
            [sum.quantile(0.5), sum.quantile(0.6), sum.quantile(0.99), sum.quantile(0.995)],
            [1.0, 2.0, 2.0, 9.0]
        );
    }

    /// Against a sum over a fine grid of the wait.
    #[test]
    fn the_tail_is_the_convolution() {
        let wait = Wait { probability: 0.3, decay: 2.0 };
        let values = [(0.1, 0.6), (0.4, 0.3), (1.5, 0.1)];
        let sum = wait.then(&values);
        let steps = 200_000;
        for t in [0.05, 0.1, 0.35, 1.0, 2.5] {
            let mut tail: f64 = values.iter().filter(|v| v.0 > t).map(|v| 0.7 * v.1).sum();
            for i in 0..steps {
                let w = (f64::from(i) + 0.5) / f64::from(steps) * 10.0;
                let density = 0.3 * 2.0 * (-2.0 * w).exp() * 10.0 / f64::from(steps);
                tail += values.iter().filter(|v| v.0 + w > t).map(|v| v.1 * density).sum::<f64>();
            }
            assert!((sum.tail(t) - tail).abs() < 1e-4, "{t}: {} for {tail}", sum.tail(t));
        }
    }

    #[test]
    fn a_quantile_is_where_the_tail_crosses() {
        let values = [(0.1, 0.6), (0.4, 0.3), (1.5, 0.1)];
        for (probability, decay) in [(0.0, 1.0), (0.3, 2.0), (0.9, 0.1), (0.02, 50.0)] {
            let sum = Wait { probability, decay }.then(&values);
            for q in [0.05, 0.5, 0.9, 0.95, 0.99, 0.999] {
                let t = sum.quantile(q);
                assert!(sum.tail(t) <= 1.0 - q + 1e-9, "{probability} {q}");
                assert!(t == 0.1 || sum.tail(t - 1e-6) >= 1.0 - q - 1e-9, "{probability} {q}");
            }
        }
    }

    /// The reference adds a mean prefill to a percentile of the wait: wrong on either side.
    #[test]
    fn a_mean_added_to_a_percentile_is_not_a_percentile() {
        let values = [(0.01, 0.98), (5.0, 0.02)];
        let sum = Wait::NONE.then(&values);
        assert_eq!(sum.quantile(0.99), 5.0);
        assert!(sum.mean() < 0.2);
    }
}
