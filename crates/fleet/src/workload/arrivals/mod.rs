//! When requests arrive: renewals, modulated rates, many clients, or a recording.
//!
//! A client is a renewal process in *operational time*: gaps of mean 1 are drawn from the family of the current
//! window and stretched by its rate, so a rate that changes over the day keeps the burstiness of each hour.

mod stream;

pub use stream::ArrivalStream;

use super::NS_PER_S;
use crate::{Error, error::within, rng::Stream};
use std::sync::Arc;
use tollgate_core::OutOfRange;
use tollgate_core::Seed;

/// The most clients of one workload.
pub const MAX_CLIENTS: usize = 65_536;
/// The most windows of one client (a year of ten minutes).
pub const MAX_WINDOWS: usize = 52_704;
/// The most phases of a modulated process.
pub const MAX_PHASES: usize = 64;

/// The family of the gaps between arrivals; all have mean 1 until a rate stretches them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Gaps {
    /// Poisson arrivals: squared coefficient of variation 1.
    Exponential,
    /// Gamma gaps with this squared coefficient of variation (shape `1 / cv2`).
    Gamma {
        /// Squared coefficient of variation, above 0.
        cv2: f64,
    },
    /// Weibull gaps of this shape; below 1 they are burstier than Poisson.
    Weibull {
        /// Shape, above 0.
        shape: f64,
    },
    /// Equal gaps.
    Constant,
}

impl Gaps {
    /// The squared coefficient of variation.
    #[must_use]
    pub fn cv2(&self) -> f64 {
        match *self {
            Self::Exponential => 1.0,
            Self::Gamma { cv2 } => cv2,
            Self::Weibull { shape } => {
                let first = ln_gamma(1.0 + 1.0 / shape);
                (ln_gamma(1.0 + 2.0 / shape) - 2.0 * first).exp() - 1.0
            }
            Self::Constant => 0.0,
        }
    }

    pub(super) fn draw(&self, stream: &mut Stream) -> f64 {
        match *self {
            Self::Exponential => stream.exponential(),
            Self::Gamma { cv2 } => stream.gamma(1.0 / cv2) * cv2,
            Self::Weibull { shape } => stream.weibull(shape) / ln_gamma(1.0 + 1.0 / shape).exp(),
            Self::Constant => 1.0,
        }
    }

    fn check(&self) -> Result<(), Error> {
        match *self {
            Self::Exponential | Self::Constant => Ok(()),
            Self::Gamma { cv2 } => Ok(within("arrivals.cv2", cv2, 1e-4, 1e4, "give 0.0001 to 10000")?),
            Self::Weibull { shape } => {
                Ok(within("arrivals.shape", shape, 0.1, 100.0, "give a shape of 0.1 to 100")?)
            }
        }
    }
}

/// ln Γ(x) for x > 0 (Lanczos, g = 7, nine terms: relative error below 1e-13).
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let series = TERMS
        .iter()
        .zip(1u32..)
        .fold(0.999_999_999_999_809_9, |sum, (term, i)| sum + term / (x + f64::from(i)));
    let t = x + 7.5;
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + series.ln()
}

/// A stretch of time with one rate and one family of gaps.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RateWindow {
    /// When it begins, in nanoseconds since the start.
    pub start_ns: u64,
    /// Arrivals per second; 0 where the client is silent.
    pub rate_per_s: f64,
    /// How they are spaced.
    pub gaps: Gaps,
}

/// One source of requests whose rate changes from window to window.
#[derive(Clone, PartialEq, Debug)]
pub struct Client {
    /// By rising start; the first starts at 0.
    pub windows: Vec<RateWindow>,
    /// When the last window ends; the client then starts over where `repeats`, else it is silent.
    pub end_ns: u64,
    /// Whether the windows repeat, as days do.
    pub repeats: bool,
}

impl Client {
    /// Mean rate over its windows, per second.
    #[must_use]
    pub fn mean_rate_per_s(&self) -> f64 {
        let ends = self.windows.iter().skip(1).map(|w| w.start_ns).chain([self.end_ns]);
        let arrivals: f64 =
            self.windows.iter().zip(ends).map(|(w, end)| w.rate_per_s * (end - w.start_ns) as f64).sum();
        arrivals / self.end_ns as f64
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if self.windows.is_empty() {
            return Err(Error::Empty { what: "a client's windows", fix: "give at least one window" });
        }
        if self.windows.len() > MAX_WINDOWS {
            return Err(Error::TooMany { what: "windows", limit: MAX_WINDOWS, fix: "give longer windows" });
        }
        let starts = self.windows.iter().map(|w| w.start_ns).chain([self.end_ns]);
        if self.windows[0].start_ns != 0 || !starts.is_sorted_by(|a, b| a < b) {
            return Err(Error::Setting(OutOfRange {
                field: "client.windows.start_ns",
                value: "not rising from 0".into(),
                fix: "sort the windows by start, the first at 0, the end after the last",
            }));
        }
        self.windows.iter().try_for_each(|w| {
            within("client.rate_per_s", w.rate_per_s, 0.0, 1e9, "give arrivals per second")?;
            w.gaps.check()
        })
    }
}

/// A state of a modulated Poisson process.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Phase {
    /// Arrivals per second while in this state.
    pub rate_per_s: f64,
    /// Mean time in this state, in seconds (exponential).
    pub mean_stay_s: f64,
}

/// When requests arrive.
#[derive(Clone, PartialEq, Debug)]
pub enum Arrivals {
    /// One rate and one family of gaps.
    Steady {
        /// Arrivals per second.
        rate_per_s: f64,
        /// How they are spaced.
        gaps: Gaps,
    },
    /// A Markov-modulated Poisson process that goes through its phases in turn.
    Modulated(Vec<Phase>),
    /// Many clients at once, each with its own windows.
    Clients(Vec<Client>),
    /// Recorded times, in nanoseconds, rising; ends with the last.
    Replay(Arc<[u64]>),
}

impl Arrivals {
    /// Poisson arrivals.
    #[must_use]
    pub fn poisson(rate_per_s: f64) -> Self {
        Self::Steady { rate_per_s, gaps: Gaps::Exponential }
    }

    /// Mean arrivals per second.
    #[must_use]
    pub fn mean_rate_per_s(&self) -> f64 {
        match self {
            Self::Steady { rate_per_s, .. } => *rate_per_s,
            Self::Modulated(phases) => {
                let time: f64 = phases.iter().map(|p| p.mean_stay_s).sum();
                phases.iter().map(|p| p.rate_per_s * p.mean_stay_s).sum::<f64>() / time
            }
            Self::Clients(clients) => clients.iter().map(Client::mean_rate_per_s).sum(),
            Self::Replay(times) => match (times.first(), times.last()) {
                (Some(first), Some(last)) if last > first => {
                    (times.len() - 1) as f64 * NS_PER_S / (last - first) as f64
                }
                _ => 0.0,
            },
        }
    }

    /// The times of arrival, rising, in nanoseconds; endless but for a replay and clients that do not repeat.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Empty`] or [`Error::TooMany`] where the description is not sound.
    pub fn stream(&self, seed: Seed) -> Result<ArrivalStream, Error> {
        ArrivalStream::new(self, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean gap in seconds and squared coefficient of variation of the first `n` arrivals.
    fn gaps(arrivals: &Arrivals, n: usize) -> (f64, f64) {
        let times: Vec<u64> = arrivals.stream(Seed(17)).unwrap().take(n).collect();
        assert!(times.is_sorted());
        let gaps: Vec<f64> = times.windows(2).map(|w| (w[1] - w[0]) as f64 / NS_PER_S).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let square = gaps.iter().map(|g| g * g).sum::<f64>() / gaps.len() as f64;
        (mean, square / (mean * mean) - 1.0)
    }

    #[test]
    fn each_family_has_its_rate_and_burstiness() {
        for family in [
            Gaps::Exponential,
            Gaps::Gamma { cv2: 4.0 },
            Gaps::Gamma { cv2: 0.25 },
            Gaps::Weibull { shape: 0.7 },
            Gaps::Weibull { shape: 2.0 },
            Gaps::Constant,
        ] {
            let (mean, cv2) = gaps(&Arrivals::Steady { rate_per_s: 50.0, gaps: family }, 200_000);
            assert!((mean * 50.0 - 1.0).abs() < 0.02, "{family:?}: mean {mean}");
            assert!((cv2 - family.cv2()).abs() < 0.06 * (1.0 + family.cv2()), "{family:?}: cv2 {cv2}");
        }
    }

    #[test]
    fn a_modulated_process_has_its_mean_rate_and_is_burstier_than_poisson() {
        let phases =
            vec![Phase { rate_per_s: 100.0, mean_stay_s: 1.0 }, Phase { rate_per_s: 0.0, mean_stay_s: 3.0 }];
        let arrivals = Arrivals::Modulated(phases);
        assert_eq!(arrivals.mean_rate_per_s(), 25.0);
        let (mean, cv2) = gaps(&arrivals, 200_000);
        assert!((mean * 25.0 - 1.0).abs() < 0.05, "{mean}");
        assert!(cv2 > 10.0, "{cv2}");
    }

    #[test]
    fn clients_keep_the_rate_of_each_window_and_repeat() {
        let window = |start_s: u64, rate_per_s| RateWindow {
            start_ns: start_s * 1_000_000_000,
            rate_per_s,
            gaps: Gaps::Exponential,
        };
        let day = Client {
            windows: vec![window(0, 10.0), window(100, 0.0), window(200, 40.0)],
            end_ns: 300_000_000_000,
            repeats: true,
        };
        let arrivals = Arrivals::Clients(vec![day.clone(), day]);
        assert!((arrivals.mean_rate_per_s() - 100.0 / 3.0).abs() < 1e-9);
        let mut counts = [0u32; 3];
        for time in arrivals.stream(Seed(2)).unwrap().take_while(|&t| t < 3_000_000_000_000) {
            counts[(time / 100_000_000_000 % 3) as usize] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((19_000..21_000).contains(&counts[0]), "{counts:?}");
        assert!((78_000..82_000).contains(&counts[2]), "{counts:?}");
    }

    #[test]
    fn a_silent_client_ends_instead_of_turning_for_ever() {
        let silent = RateWindow { start_ns: 0, rate_per_s: 0.0, gaps: Gaps::Constant };
        let client = Client { windows: vec![silent], end_ns: 1, repeats: true };
        assert_eq!(Arrivals::Clients(vec![client]).stream(Seed(0)).unwrap().next(), None);
    }

    #[test]
    fn a_replay_is_what_was_recorded() {
        let times: Arc<[u64]> = vec![0, 5, 5, 9].into();
        let replay = Arrivals::Replay(times);
        assert_eq!(replay.stream(Seed(0)).unwrap().collect::<Vec<_>>(), [0, 5, 5, 9]);
    }

    #[test]
    fn what_is_not_sound_is_refused() {
        assert!(Arrivals::poisson(0.0).stream(Seed(0)).is_err());
        assert!(
            Arrivals::Steady { rate_per_s: 1.0, gaps: Gaps::Weibull { shape: 0.0 } }.stream(Seed(0)).is_err()
        );
        assert!(Arrivals::Modulated(Vec::new()).stream(Seed(0)).is_err());
        let empty = Client { windows: Vec::new(), end_ns: 1, repeats: false };
        assert!(Arrivals::Clients(vec![empty.clone()]).stream(Seed(0)).is_err());
        assert!(Arrivals::Clients(vec![empty; MAX_CLIENTS + 1]).stream(Seed(0)).is_err());
    }
}
