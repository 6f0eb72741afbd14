//! How long an arrival waits: an atom at zero and an exponential tail.

use super::erlang::erlang_c;
use super::sum::Sum;

/// The distribution P(W > t) = p·exp(−δt).
///
/// Exact for M/M/c. For general service and arrivals p is Erlang's at the peakedness of the arrivals (Hayward), and
/// δ the two-moment heavy-traffic rate, which gives the exact mean for M/G/1 (Pollaczek-Khinchine).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wait {
    /// Probability of waiting at all, p.
    pub probability: f64,
    /// Rate of the tail, δ, per second.
    pub decay: f64,
}

impl Wait {
    /// No wait at all.
    pub const NONE: Self = Self { probability: 0.0, decay: f64::INFINITY };
    /// No steady state: the wait grows without end.
    pub const ENDLESS: Self = Self { probability: 1.0, decay: 0.0 };

    /// The wait for one of `servers` servers: arrivals at `rate`, a mean service time, and the squared coefficients
    /// of variation of service times and of the gaps between arrivals (1 for Poisson).
    ///
    /// Peakedness is z = 1 + (c²ₐ − 1)/(1 + c²ₛ), which is exact for constant and exponential service; p is
    /// C(c/z, a/z) (Fredericks 1980), δ = 2(c − a)/((c²ₐ + c²ₛ)·mean) (Kingman, Köllerström).
    #[must_use]
    pub fn of_servers(servers: f64, rate: f64, mean_s: f64, service_cv2: f64, arrival_cv2: f64) -> Self {
        let load = rate * mean_s;
        if load >= servers {
            return Self::ENDLESS;
        }
        if load <= 0.0 {
            return Self::NONE;
        }
        let peakedness = (1.0 + (arrival_cv2 - 1.0) / (1.0 + service_cv2)).max(0.05);
        Self {
            probability: erlang_c(servers / peakedness, load / peakedness),
            decay: decay(servers - load, mean_s, service_cv2, arrival_cv2),
        }
    }

    /// P(W > t).
    #[must_use]
    pub fn tail(&self, t: f64) -> f64 {
        if t < 0.0 {
            return 1.0;
        }
        if self.probability == 0.0 { 0.0 } else { self.probability * (-self.decay * t).exp() }
    }

    /// The smallest t with P(W ≤ t) ≥ q, for q in [0, 1).
    #[must_use]
    pub fn quantile(&self, q: f64) -> f64 {
        let beyond = 1.0 - q;
        if self.probability <= beyond { 0.0 } else { (self.probability / beyond).ln() / self.decay }
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.probability == 0.0 { 0.0 } else { self.probability / self.decay }
    }

    /// This wait followed by an independent time that takes values with probabilities.
    #[must_use]
    pub fn then<'a>(&self, values: &'a [(f64, f64)]) -> Sum<'a> {
        Sum::new(*self, values)
    }
}

/// δ of `spare` servers' worth of capacity.
pub(super) fn decay(spare: f64, mean_s: f64, service_cv2: f64, arrival_cv2: f64) -> f64 {
    2.0 * spare / ((service_cv2 + arrival_cv2).max(1e-9) * mean_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mm1_is_exact() {
        for rho in [0.1, 0.5, 0.9, 0.99] {
            let w = Wait::of_servers(1.0, rho, 1.0, 1.0, 1.0);
            assert!((w.mean() - rho / (1.0 - rho)).abs() < 1e-10 * w.mean());
            assert!((w.tail(3.0) - rho * (-(1.0 - rho) * 3.0f64).exp()).abs() < 1e-12);
        }
    }

    #[test]
    fn mmc_percentiles_are_exact() {
        for (servers, rho) in [(2.0, 0.8), (10.0, 0.95), (300.0, 0.99)] {
            let w = Wait::of_servers(servers, servers * rho, 1.0, 1.0, 1.0);
            let t = w.quantile(0.99);
            assert!((w.tail(t) - 0.01).abs() < 1e-12);
            assert!((w.mean() - erlang_c(servers, servers * rho) / (servers * (1.0 - rho))).abs() < 1e-12);
        }
    }

    #[test]
    fn mg1_has_the_mean_of_pollaczek_and_khinchine() {
        for cv2 in [0.0, 0.25, 4.0, 112.0] {
            for rho in [0.2, 0.85, 0.99] {
                let w = Wait::of_servers(1.0, rho / 2.0, 2.0, cv2, 1.0);
                let expected = rho * 2.0 * (1.0 + cv2) / (2.0 * (1.0 - rho));
                assert!((w.mean() / expected - 1.0).abs() < 1e-12, "cv2 {cv2} rho {rho}");
            }
        }
    }

    /// M/D/c by its chain over one service time, N' = max(N − c, 0) + Poisson(a) (Crommelin 1932), and Little's law.
    fn mdc_mean(servers: usize, load: f64) -> f64 {
        let states = servers + (60.0 / (1.0 - load / servers as f64)) as usize + 60;
        let arrivals: Vec<f64> = (0..states)
            .scan((-load).exp(), |p, k| {
                let now = *p;
                *p *= load / (k + 1) as f64;
                Some(now)
            })
            .collect();
        let mut p = vec![0.0; states];
        p[0] = 1.0;
        for _ in 0..4000 {
            let mut next = vec![0.0; states];
            for (n, mass) in p.iter().enumerate().filter(|(_, m)| **m > 1e-16) {
                let left = n.saturating_sub(servers);
                for (k, a) in arrivals.iter().enumerate().take(states - left) {
                    next[left + k] += mass * a;
                }
            }
            let moved: f64 = p.iter().zip(&next).map(|(a, b)| (a - b).abs()).sum();
            p = next;
            if moved < 1e-12 {
                break;
            }
        }
        let queue: f64 = p.iter().enumerate().map(|(n, m)| n.saturating_sub(servers) as f64 * m).sum();
        queue / load
    }

    /// The two-moment mean of M/D/c: exact at one server, and within a tenth where it matters.
    #[test]
    fn mdc_is_close_to_crommelin() {
        for (servers, rho, within) in [(1, 0.8, 1e-6), (4, 0.7, 0.12), (4, 0.9, 0.05), (20, 0.9, 0.08)] {
            let load = rho * f64::from(servers);
            let exact = mdc_mean(servers as usize, load);
            let ours = Wait::of_servers(f64::from(servers), load, 1.0, 0.0, 1.0).mean();
            assert!((ours / exact - 1.0).abs() < within, "c {servers} rho {rho}: {ours} for {exact}");
        }
    }

    #[test]
    fn more_servers_and_calmer_arrivals_never_wait_longer() {
        for cv2 in [0.1, 1.0, 9.0, 170.0] {
            let mut last = f64::INFINITY;
            for servers in 51..120u32 {
                let q = Wait::of_servers(f64::from(servers), 50.0, 1.0, 2.0, cv2).quantile(0.99);
                assert!(q <= last);
                last = q;
            }
        }
        let at = |cv2| Wait::of_servers(60.0, 50.0, 1.0, 2.0, cv2).quantile(0.99);
        assert!(at(0.5) <= at(1.0) && at(1.0) < at(9.0) && at(9.0) < at(173.0));
    }

    #[test]
    fn time_scales() {
        let (a, b) =
            (Wait::of_servers(20.0, 19.0, 1.0, 3.0, 2.0), Wait::of_servers(20.0, 1900.0, 0.01, 3.0, 2.0));
        assert!((a.quantile(0.99) / 100.0 - b.quantile(0.99)).abs() < 1e-12);
    }
}
