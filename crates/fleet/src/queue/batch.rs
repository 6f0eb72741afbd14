//! Instances that slow down as they fill: who waits when a request's time is a + b·n with n requests beside it.
//!
//! Requests arrive at λ to N instances of m slots, evenly filled. With k requests in all, each takes
//! a + b·k/N, so the chain of k has death rate k/(a + b·k/N): its probabilities have the ratio
//! α + β/k with α = λb/N and β = λa, a negative binomial (Panjer's class). Beyond k = c = N·m the queue grows and
//! drains at the full rate. Processor sharing makes the chain below c insensitive to the law of the work; b = 0 is
//! M/M/c.

use super::special::{falling_products, less_log, ln_poisson, stirling_rest};
use super::wait::{Wait, decay};
use std::f64::consts::PI;

/// Bound on the terms of the sum beyond c.
const TERMS_MAX: u32 = 20_000;
/// Below this α the chain is Poisson to working precision.
const ALPHA_MIN: f64 = 1e-9;

/// Instances in their steady state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Batch {
    /// Probability that all slots are taken.
    pub full: f64,
    /// Mean requests in slots, over all instances.
    pub active: f64,
    /// Standard deviation of the requests in slots, over all instances, as if slots were endless.
    pub deviation: f64,
    /// Arrival rate over the rate of full instances.
    pub utilisation: f64,
    /// Mean time of a request beside full slots, seconds.
    full_s: f64,
    servers: f64,
}

impl Batch {
    /// The steady state of `instances` with `slots` each; a request alone takes about `alone_s`, and `each_s` more
    /// for every request that is active on its instance (itself included).
    ///
    /// `None` when the arrivals exceed what full instances finish.
    #[must_use]
    pub fn new(instances: f64, slots: f64, rate: f64, alone_s: f64, each_s: f64) -> Option<Self> {
        let c = instances * slots;
        let full_s = alone_s + each_s * slots;
        let utilisation = rate * full_s / c;
        if utilisation.is_nan() || utilisation >= 1.0 || c < 1.0 {
            return None;
        }
        let (alpha, beta) = (rate * each_s / instances, rate * alone_s);
        let at = probability_at(c, alpha, beta);
        let beyond = falling_products(|j| alpha + beta / (c + j), TERMS_MAX);
        let below = (1.0 - at * (1.0 + beyond)).max(0.0);
        let waiting = at / (1.0 - utilisation);
        let total = below + waiting;
        // Σ k·p over k < c, from k·p(k) = (αk + β)·p(k − 1) summed.
        let below_mean = ((alpha + beta) * below - c * at).max(0.0) / (1.0 - alpha);
        Some(Self {
            full: waiting / total,
            active: (below_mean + c * waiting) / total,
            deviation: (alpha + beta).sqrt() / (1.0 - alpha),
            utilisation,
            full_s,
            servers: c,
        })
    }

    /// The wait for a slot, with the squared coefficients of variation of the work and of the arrivals' gaps.
    ///
    /// Burstier arrivals take the chain to one of c/z servers with 1/z of the load (Hayward; z is the peakedness), whose
    /// tail is the z-th root of this one.
    #[must_use]
    pub fn wait(&self, work_cv2: f64, arrival_cv2: f64) -> Wait {
        let spare = self.servers * (1.0 - self.utilisation);
        let peakedness = (1.0 + (arrival_cv2 - 1.0) / (1.0 + work_cv2)).max(0.05);
        Wait {
            probability: self.full.powf(1.0 / peakedness),
            decay: decay(spare, self.full_s, work_cv2, arrival_cv2),
        }
    }

    /// Requests beside each other on an instance at the `q` quantile of the total, at most the slots.
    #[must_use]
    pub fn beside(&self, instances: f64, normal_quantile: f64) -> f64 {
        ((self.active + normal_quantile * self.deviation) / instances).min(self.servers / instances)
    }
}

/// The chain's probability of exactly c, were slots endless.
fn probability_at(c: f64, alpha: f64, beta: f64) -> f64 {
    if alpha < ALPHA_MIN {
        return ln_poisson(c, alpha + beta).exp();
    }
    // Negative binomial with r = 1 + β/α: Loader's form of the binomial, with the differences taken before rounding.
    let r = 1.0 + beta / alpha;
    let excess = alpha * c + alpha + beta - c;
    let deviance = r * less_log(-excess / r) + c * less_log(excess / c);
    let rests = stirling_rest(r + c) - stirling_rest(r) - stirling_rest(c);
    let n = r + c;
    (r / n) * (rests - deviance).exp() * (n / (2.0 * PI * r * c)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::erlang_c;
    use super::*;

    /// The chain summed term by term.
    fn brute(instances: f64, slots: u32, rate: f64, a: f64, b: f64) -> (f64, f64) {
        let c = instances * f64::from(slots);
        let (mut p, mut total, mut mean, mut at) = (1.0, 1.0, 0.0, 1.0);
        for k in 1..=c as u32 {
            let k = f64::from(k);
            p *= rate * (a + b * k / instances) / k;
            at = p;
            total += p;
            mean += k * p;
            if total > 1e200 {
                (p, total, mean, at) = (p / 1e200, total / 1e200, mean / 1e200, at / 1e200);
            }
        }
        let rho = rate * (a + b * f64::from(slots)) / c;
        let waiting = at / (1.0 - rho);
        let total = total - at + waiting;
        (waiting / total, (mean - c * at + c * waiting) / total)
    }

    #[test]
    fn the_closed_form_is_the_chain() {
        for (instances, slots, a, b) in [
            (1.0, 16, 0.3, 0.05),
            (3.0, 128, 1.0, 0.01),
            (18.0, 174, 0.2, 0.9),
            (7.0, 20, 0.5, 1e-5),
            (1.0, 1, 0.4, 0.2),
        ] {
            let capacity = instances * f64::from(slots) / (a + b * f64::from(slots));
            for rho in [0.3, 0.6, 0.85, 0.99] {
                let rate = rho * capacity;
                let batch = Batch::new(instances, f64::from(slots), rate, a, b).unwrap();
                let (full, active) = brute(instances, slots, rate, a, b);
                assert!(
                    (batch.full - full).abs() <= 1e-9 * full + 1e-14,
                    "{slots} {rho}: {} for {full}",
                    batch.full
                );
                assert!(
                    (batch.active / active - 1.0).abs() < 1e-9,
                    "{slots} {rho}: {} for {active}",
                    batch.active
                );
            }
        }
    }

    #[test]
    fn without_slowdown_it_is_erlang_s() {
        for (servers, load) in [(10.0, 8.0), (100.0, 90.0), (2000.0, 1990.0)] {
            let batch = Batch::new(1.0, servers, load, 1.0, 0.0).unwrap();
            assert!((batch.full / erlang_c(servers, load) - 1.0).abs() < 1e-8);
            assert!((batch.active / load - 1.0).abs() < 1e-9, "Little's law");
        }
    }

    /// Little's law: active = rate × (a + b·E[k of the instance, as seen in service]).
    #[test]
    fn saturation_has_no_steady_state() {
        assert_eq!(Batch::new(2.0, 8.0, 16.0, 0.5, 0.0625), None);
        assert!(Batch::new(2.0, 8.0, 15.9, 0.5, 0.0625).is_some());
        assert_eq!(Batch::new(0.0, 8.0, 1.0, 0.5, 0.1), None);
        assert_eq!(Batch::new(1.0, 8.0, f64::NAN, 0.5, 0.1), None);
    }

    /// A fleet of which a tenth is in use does not wait, however bursty its arrivals are.
    #[test]
    fn bursts_do_not_fill_what_is_nearly_empty() {
        let batch = Batch::new(2.0, 99.0, 3.6, 0.4, 0.25).unwrap();
        assert!(batch.active < 0.3 * 198.0, "{batch:?}");
        let waits = [1.0, 2.0, 4.0, 16.0].map(|cv2| batch.wait(1.0, cv2).probability);
        assert!(waits.is_sorted() && waits[2] < 1e-6, "{waits:?}");
        // A smooth stream waits less than Poisson's: D/M/1 at half load waits with 0.203, M/M/1 with 0.5.
        let one = Batch::new(1.0, 1.0, 0.5, 1.0, 0.0).unwrap();
        let smooth = one.wait(1.0, 0.0).probability;
        assert!((0.2..0.3).contains(&smooth) && (one.wait(1.0, 1.0).probability - 0.5).abs() < 1e-9);
    }

    #[test]
    fn more_instances_and_more_calm_never_wait_more() {
        let mut last = 1.0;
        for instances in 11..40u32 {
            let batch = Batch::new(f64::from(instances), 32.0, 60.0, 2.0, 0.1).unwrap();
            let p = batch.wait(2.0, 1.0).probability;
            assert!(p <= last, "{instances}: {p} after {last}");
            assert!(batch.wait(2.0, 9.0).probability >= p);
            last = p;
        }
    }
}
