//! Calibration and sizing of one pool, as the reference does them.

use super::erlang;
use super::knots::{Knots, length};
use super::mersenne::Mersenne;
use super::profile::Profile;
use crate::Error;
use crate::queue;
use tollgate_core::OutOfRange;

/// Requests drawn for a calibration.
const DRAWS: usize = 3000;
/// The seed of every calibration and simulation.
pub(super) const SEED: u32 = 42;
/// The percentile's complement.
const TAIL: f64 = 0.01;
/// Utilisation that is never exceeded.
const UTILISATION_MAX: f64 = 0.85;
/// GPUs after which the search for a size gives up.
const GPUS_MAX: u64 = 5000;

/// Prompt and output of a total length: four fifths and the rest, each at least one token.
pub(super) fn split(total: u32) -> (u32, u32) {
    let prompt = ((f64::from(total) * 0.80) as u32).max(1);
    (prompt, total.saturating_sub(prompt).max(1))
}

/// What a calibration says of a pool's GPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Requests per second and GPU.
    pub rate: f64,
    /// Squared coefficient of variation of the service time.
    pub cv2: f64,
    /// Slots of a GPU.
    pub slots: u64,
    /// Mean prefill time of a request that is alone, seconds.
    pub prefill_s: f64,
}

impl Calibration {
    /// Draws requests from `knots`, none shorter than `shortest`, none longer than `context`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for lengths beyond 2³⁰ tokens and a context of which no sequence fits, [`Error::Empty`] for
    /// no knots.
    pub fn new(knots: &Knots, context: u32, profile: &Profile, shortest: u32) -> Result<Self, Error> {
        knots.check()?;
        length("shortest", shortest.into())?;
        if let Some(most) = profile.context_max().filter(|most| u64::from(context) > *most) {
            let value = format!("{context} tokens, of {most} that {} holds,", profile.name);
            return Err(Error::Setting(OutOfRange {
                field: "context",
                value,
                fix: "lower the context or the boundary",
            }));
        }
        let mut random = Mersenne::new(SEED);
        let slots = profile.slots(context);
        let (mut n, mut sum, mut squares, mut prefills) = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..DRAWS {
            let u = random.unit();
            let Some(at) = knots.0.iter().position(|&(_, share)| u <= share) else { continue };
            let before = if at == 0 { 0 } else { knots.0[at - 1].0 };
            let (low, high) = (shortest.max(before + 1), context.min(knots.0[at].0));
            let total = if low <= high { random.between(low, high) } else { context };
            let (prompt, output) = split(total);
            let service = profile.service_s(prompt, output, context);
            n += 1.0;
            sum += service;
            squares += service * service;
            prefills += profile.prefill_alone_s(prompt);
        }
        if n == 0.0 {
            return Ok(Self { rate: slots as f64, cv2: 1.0, slots, prefill_s: 0.0 });
        }
        let (mean, second) = (sum / n, squares / n);
        Ok(Self {
            rate: slots as f64 / mean,
            cv2: (second / (mean * mean) - 1.0).max(0.01),
            slots,
            prefill_s: prefills / n,
        })
    }

    /// The 99th percentile of the wait for a slot with `gpus` GPUs, seconds, to the reference's last digit; infinite when they
    /// cannot keep up.
    #[must_use]
    pub fn wait_p99_s(&self, gpus: u64, arrivals: f64) -> f64 {
        wait_p99_s(gpus.saturating_mul(self.slots), arrivals, self.rate / self.slots as f64, self.cv2)
    }

    /// Whether that wait is longer than `slo_s`.
    fn waits_longer(&self, gpus: u64, arrivals: f64, slo_s: f64) -> bool {
        let servers = gpus.saturating_mul(self.slots);
        let fast = |servers: u64, load| queue::erlang_c(servers as f64, load);
        percentile_s(servers, arrivals, self.rate / self.slots as f64, self.cv2, fast) > slo_s
    }

    /// The 99th percentile of the wait plus the mean prefill, milliseconds: the reference's time to first token.
    #[must_use]
    pub fn ttft_p99_ms(&self, gpus: u64, arrivals: f64) -> f64 {
        (self.wait_p99_s(gpus, arrivals) + self.prefill_s) * 1000.0
    }

    /// The fewest GPUs whose wait stays within `slo_s`, and no fewer than the bound on utilisation asks for.
    #[must_use]
    pub fn gpus(&self, arrivals: f64, slo_s: f64) -> u64 {
        if arrivals <= 0.0 {
            return 1;
        }
        let mut gpus = ((arrivals / self.rate).ceil() as u64).saturating_add(1);
        while self.waits_longer(gpus, arrivals, slo_s) {
            gpus = gpus.saturating_add(1);
            if gpus > GPUS_MAX {
                return gpus;
            }
        }
        gpus.max((arrivals / (self.rate * UTILISATION_MAX)).ceil() as u64)
    }
}

/// The two-moment percentile over `servers` servers of `rate` each, with the digits of the reference's sum.
pub(super) fn wait_p99_s(servers: u64, arrivals: f64, rate: f64, cv2: f64) -> f64 {
    let fast = |servers: u64, load| queue::erlang_c(servers as f64, load);
    let slow = |servers: u64, load| {
        // Far below the tail it is not written, so its digits do not matter.
        let fast = fast(servers, load);
        if fast < 0.5 * TAIL || servers > erlang::SERVERS_MAX {
            fast
        } else {
            erlang::erlang_c(servers, load)
        }
    };
    percentile_s(servers, arrivals, rate, cv2, slow)
}

fn percentile_s(servers: u64, arrivals: f64, rate: f64, cv2: f64, erlang_c: impl Fn(u64, f64) -> f64) -> f64 {
    if servers == 0 || arrivals <= 0.0 || rate <= 0.0 {
        return f64::INFINITY;
    }
    let (c, load) = (servers as f64, arrivals / rate);
    if load / c >= 1.0 {
        return f64::INFINITY;
    }
    let waits = erlang_c(servers, load);
    if waits <= TAIL {
        return 0.0;
    }
    let decay = 2.0 * (c * rate - arrivals) / (1.0 + cv2).max(1e-9);
    if decay <= 0.0 { f64::INFINITY } else { (waits / TAIL).ln() / decay }
}

#[cfg(test)]
mod tests {
    use super::super::profile::{a10g, a100, h100};
    use super::*;

    /// Knots of our own; expected values made with the reference.
    #[test]
    fn calibrations_are_the_reference_s() {
        let own = Knots(vec![
            (100, 0.05),
            (300, 0.2),
            (700, 0.45),
            (1500, 0.7),
            (3000, 0.85),
            (6000, 0.93),
            (12_000, 0.98),
            (40_000, 1.0),
        ]);
        let below = own.below(6000);
        for (knots, context, shortest, profile, expected) in [
            (
                &below,
                6000,
                1,
                a100(),
                [17.198_836_104_892_717, 3.351_911_374_498_590_7, 0.020_702_333_333_333_76],
            ),
            (
                &below,
                6000,
                1,
                h100(),
                [34.963_594_859_201_71, 3.342_192_771_477_218, 0.006_566_399_999_999_863],
            ),
            (
                &below,
                6000,
                1,
                a10g(),
                [10.077_295_088_191_264, 2.807_955_788_338_537, 0.054_670_200_000_001_105],
            ),
            (
                &own,
                40_000,
                3001,
                a100(),
                [0.041_023_999_291_749_13, 0.139_843_829_090_033_46, 0.483_745_483_333_312_13],
            ),
            (
                &own,
                40_000,
                1,
                h100(),
                [4.367_095_403_471_905, 20.173_902_778_915_72, 0.009_452_159_999_999_84],
            ),
        ] {
            let c = Calibration::new(knots, context, &profile, shortest).unwrap();
            assert_eq!([c.rate, c.cv2, c.prefill_s], expected, "{} at {context}", profile.name);
        }
    }

    /// Values measured with the reference.
    #[test]
    fn waits_are_the_reference_s() {
        for (servers, arrivals, rate, cv2, wait) in [
            (10, 8.0, 1.0, 1.0, "1.8557852"),
            (100, 95.0, 1.0, 1.0, "0.7849708"),
            (100, 95.0, 1.0, 4.0, "1.9624270"),
            (1000, 990.0, 1.0, 2.0, "0.6282391"),
        ] {
            assert_eq!(format!("{:.7}", wait_p99_s(servers, arrivals, rate, cv2)), wait);
        }
        assert_eq!(wait_p99_s(10, 10.0, 1.0, 1.0), f64::INFINITY);
    }
}
