//! Who stands out as bad: passive ejection from what traffic shows, and active probes.
//!
//! The circuit looks at one instance alone; the [`Ejector`] compares it with the others of its pool, and never ejects
//! more than a stated share of them, so that a fault of the whole pool does not empty it. [`Probes`] only says when a
//! probe is due and what its results mean; sending it is the caller's business.
//!
//! ```
//! use tollgate_core::Tick;
//! use tollgate_select::health::{Ejector, EjectorConfig};
//! let mut ejector = Ejector::new(EjectorConfig::default(), 4);
//! for _ in 0..5 { ejector.record(2, false, Tick(0)); }
//! assert_eq!(ejector.ejected_until(2, Tick(0)), Some(Tick(0).plus_ms(10_000)));
//! ```

use crate::Error;
use crate::error::within;
use crate::estimate::Window;
use serde::{Deserialize, Serialize};
use tollgate_core::{Seed, Tick};

/// When an instance is ejected and for how long.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EjectorConfig {
    /// Failures in a row that eject.
    pub consecutive: u32,
    /// The window over which error rates are compared, in milliseconds.
    pub window_ms: u64,
    /// Fewer answers than this in the window give no rate.
    pub min_answers: u64,
    /// An error rate below this never ejects, in [0, 1].
    pub min_rate: f64,
    /// How many times the error rate of the others it must reach, at least 1.
    pub factor: f64,
    /// The largest share of the pool that may be out at once, in [0, 1]; rounded down, so a pool of one never is.
    pub max_share: f64,
    /// The first ejection's length in milliseconds; the n-th in a row lasts n times as long.
    pub base_ms: u64,
    /// The longest ejection, in milliseconds; after as long without one the count starts again.
    pub max_ms: u64,
}

impl Default for EjectorConfig {
    fn default() -> Self {
        Self {
            consecutive: 5,
            window_ms: 30_000,
            min_answers: 20,
            min_rate: 0.2,
            factor: 3.0,
            max_share: 0.5,
            base_ms: 10_000,
            max_ms: 300_000,
        }
    }
}

impl EjectorConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first field out of range.
    pub fn check(&self) -> Result<(), Error> {
        within("health.consecutive", f64::from(self.consecutive), 1.0, 1e9, "give at least 1")?;
        within("health.min_rate", self.min_rate, 0.0, 1.0, "give 0 to 1")?;
        within("health.factor", self.factor, 1.0, 1e6, "give at least 1")?;
        Ok(within("health.max_share", self.max_share, 0.0, 1.0, "give 0 to 1")?)
    }
}

/// Why an instance was ejected.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reason {
    /// This many failures in a row.
    Consecutive(u32),
    /// An error rate far above that of the others.
    Rate {
        /// Its own.
        own: f64,
        /// Theirs, together.
        others: f64,
    },
}

#[derive(Clone, Debug)]
struct Record {
    window: Window,
    run: u32,
    until: Option<Tick>,
    times: u32,
}

/// Passive outlier ejection over one pool. An instance comes back by itself when its time is over.
#[derive(Clone, Debug)]
pub struct Ejector {
    config: EjectorConfig,
    records: Vec<Record>,
}

impl Ejector {
    /// A pool of `instances` in good standing.
    #[must_use]
    pub fn new(config: EjectorConfig, instances: usize) -> Self {
        let fresh = Record { window: Window::new(config.window_ms), run: 0, until: None, times: 0 };
        Self { config, records: vec![fresh; instances] }
    }

    /// Takes an answer of instance `index` (unknown ones are ignored); says so when it is ejected for it.
    pub fn record(&mut self, index: usize, good: bool, now: Tick) -> Option<Reason> {
        let record = self.records.get_mut(index)?;
        record.window.record(good, now);
        record.run = if good { 0 } else { record.run.saturating_add(1) };
        if good || self.ejected_until(index, now).is_some() || !self.room(now) {
            return None;
        }
        let reason = self.judge(index, now)?;
        self.eject(index, now);
        Some(reason)
    }

    fn judge(&self, index: usize, now: Tick) -> Option<Reason> {
        let own = self.records.get(index)?;
        if own.run >= self.config.consecutive {
            return Some(Reason::Consecutive(own.run));
        }
        let (good, bad) = own.window.counts(now);
        if good + bad < self.config.min_answers {
            return None;
        }
        let (mut others_good, mut others_bad) = (0, 0);
        for (_, other) in self.records.iter().enumerate().filter(|(at, _)| *at != index) {
            let (good, bad) = other.window.counts(now);
            others_good += good;
            others_bad += bad;
        }
        let (own, others) = (share(bad, good), share(others_bad, others_good));
        let outlier = own >= self.config.min_rate && own >= self.config.factor * others;
        outlier.then_some(Reason::Rate { own, others })
    }

    /// Whether one more may be ejected.
    fn room(&self, now: Tick) -> bool {
        let most = (self.config.max_share * self.records.len() as f64) as usize;
        self.ejected(now) < most
    }

    fn eject(&mut self, index: usize, now: Tick) {
        let (base_ms, max_ms) = (self.config.base_ms, self.config.max_ms);
        let Some(record) = self.records.get_mut(index) else { return };
        if record.until.is_some_and(|until| until.plus_ms(max_ms) <= now) {
            record.times = 0;
        }
        record.times = record.times.saturating_add(1);
        record.until = Some(now.plus_ms(base_ms.saturating_mul(u64::from(record.times)).min(max_ms)));
        record.run = 0;
        record.window.clear();
    }

    /// Until when instance `index` is ejected; none when it is not.
    #[must_use]
    pub fn ejected_until(&self, index: usize, now: Tick) -> Option<Tick> {
        self.records.get(index)?.until.filter(|until| *until > now)
    }

    /// How many are ejected.
    #[must_use]
    pub fn ejected(&self, now: Tick) -> usize {
        (0..self.records.len()).filter(|index| self.ejected_until(*index, now).is_some()).count()
    }
}

fn share(part: u64, rest: u64) -> f64 {
    if part == 0 { 0.0 } else { part as f64 / (part + rest) as f64 }
}

/// How an instance is probed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbeConfig {
    /// Between two probes, in milliseconds; each interval is drawn from ± 10 %.
    pub interval_ms: u64,
    /// A probe without a result for this long has failed, in milliseconds.
    pub timeout_ms: u64,
    /// Failures in a row that take it down.
    pub fall: u32,
    /// Successes in a row that bring it back.
    pub rise: u32,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self { interval_ms: 10_000, timeout_ms: 2_000, fall: 3, rise: 2 }
    }
}

impl ProbeConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first field out of range.
    pub fn check(&self) -> Result<(), Error> {
        within("probe.interval_ms", self.interval_ms as f64, 1.0, 1e9, "give 1 to 1e9 ms")?;
        within("probe.timeout_ms", self.timeout_ms as f64, 1.0, 1e9, "give 1 to 1e9 ms")?;
        within("probe.fall", f64::from(self.fall), 1.0, 1e6, "give at least 1")?;
        Ok(within("probe.rise", f64::from(self.rise), 1.0, 1e6, "give at least 1")?)
    }
}

/// The probe schedule and verdict of one instance.
#[derive(Clone, Debug)]
pub struct Probes {
    config: ProbeConfig,
    seed: Seed,
    due: Tick,
    sent: Option<Tick>,
    up: bool,
    streak: u32,
}

impl Probes {
    /// An instance that counts as up; its first probe falls at random into the first interval, so that a fleet is
    /// not probed all at once.
    #[must_use]
    pub fn new(config: ProbeConfig, seed: Seed, now: Tick) -> Self {
        let due = now.plus_ms((seed.unit() * config.interval_ms as f64) as u64);
        Self { config, seed, due, sent: None, up: true, streak: 0 }
    }

    /// The next moment at which something is to be done: send a probe, or write off the one that is out.
    #[must_use]
    pub const fn due(&self) -> Tick {
        match self.sent {
            Some(sent) => sent.plus_ms(self.config.timeout_ms),
            None => self.due,
        }
    }

    /// Whether a probe is to be sent now; if so it counts as sent. One that is overdue is first taken as failed.
    pub fn poll(&mut self, now: Tick) -> bool {
        if self.sent.is_some() && self.due() <= now {
            self.result(false, now);
        }
        let send = self.sent.is_none() && self.due <= now;
        if send {
            self.sent = Some(now);
        }
        send
    }

    /// Takes the result of the probe that is out, and says whether the instance went down or came back by it; one that
    /// was not sent (or was written off) is ignored.
    pub fn result(&mut self, good: bool, now: Tick) -> bool {
        let Some(sent) = self.sent.take() else { return false };
        self.seed = self.seed.next();
        let interval = self.config.interval_ms as f64 * (0.9 + 0.2 * self.seed.unit());
        self.due = sent.plus_ms(interval as u64).max(now);
        self.streak = if good == self.up { 0 } else { self.streak.saturating_add(1) };
        let enough = if self.up { self.config.fall } else { self.config.rise };
        let turned = self.streak >= enough.max(1);
        if turned {
            self.up = good;
            self.streak = 0;
        }
        turned
    }

    /// Whether the instance counts as up.
    #[must_use]
    pub const fn up(&self) -> bool {
        self.up
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Tick {
        Tick(0).plus_ms(ms)
    }

    #[test]
    fn ejections_grow_and_are_forgotten() {
        let mut ejector = Ejector::new(EjectorConfig { max_ms: 25_000, ..EjectorConfig::default() }, 2);
        let fail = |ejector: &mut Ejector, ms| {
            (0..5).filter_map(|_| ejector.record(0, false, at(ms))).last().unwrap();
            ejector.ejected_until(0, at(ms)).unwrap()
        };
        assert_eq!(fail(&mut ejector, 0), at(10_000));
        assert_eq!(ejector.ejected_until(0, at(10_000)), None);
        assert_eq!(fail(&mut ejector, 10_000), at(30_000));
        assert_eq!(fail(&mut ejector, 30_000), at(55_000));
        assert_eq!(fail(&mut ejector, 80_000), at(90_000));
        assert_eq!(ejector.record(9, false, at(0)), None);
    }

    #[test]
    fn a_rate_ejects_only_an_outlier() {
        let mut ejector = Ejector::new(EjectorConfig::default(), 3);
        let answer = |ejector: &mut Ejector, index, bad_every: u64| {
            (0..60).filter_map(|n| ejector.record(index, n % bad_every != 0, at(n * 10))).next_back()
        };
        assert_eq!(answer(&mut ejector, 1, 10), None, "a tenth is under the least rate");
        assert_eq!(answer(&mut ejector, 2, 10), None);
        let Some(Reason::Rate { own, others }) = answer(&mut ejector, 0, 2) else { panic!("not ejected") };
        assert!(own >= 0.3 && others <= 0.11, "{own} {others}");
        let mut all_bad = Ejector::new(EjectorConfig::default(), 3);
        assert!((0..60).all(|n| (0..3).all(|i| all_bad.record(i, n % 2 == 0, at(n)).is_none())));
    }

    #[test]
    fn probes_fall_rise_and_time_out() {
        let config = ProbeConfig { interval_ms: 1000, timeout_ms: 200, fall: 2, rise: 2 };
        let mut probes = Probes::new(config, Seed(5), at(0));
        assert!(probes.due() < at(1000));
        let mut now = at(1000);
        let mut answer = |probes: &mut Probes, good: Option<bool>| {
            now = now.max(probes.due());
            assert!(probes.poll(now) && !probes.poll(now));
            match good {
                Some(good) => {
                    let before = probes.up();
                    assert_eq!(probes.result(good, now), before != probes.up());
                }
                None => {
                    now = now.plus_ms(200);
                    assert!(!probes.poll(now), "written off, and the next is not due yet");
                }
            }
            probes.up()
        };
        let ups: Vec<bool> = [Some(true), Some(false), Some(true), Some(false), None, Some(true), Some(true)]
            .map(|good| answer(&mut probes, good))
            .to_vec();
        assert_eq!(ups, [true, true, true, true, false, false, true]);
        probes.result(false, now);
        assert!(probes.up(), "a result nobody asked for is ignored");
    }

    proptest! {
        #[test]
        fn never_more_than_the_share(
            n in 1usize..12, share in 0.0f64..=1.0,
            answers in prop::collection::vec((0usize..12, any::<bool>(), 0u64..3000), 0..300),
        ) {
            let config = EjectorConfig { max_share: share, consecutive: 2, ..EjectorConfig::default() };
            let mut ejector = Ejector::new(config, n);
            let mut now = 0;
            for (index, good, step) in answers {
                now += step;
                ejector.record(index, good, at(now));
                prop_assert!(ejector.ejected(at(now)) <= (share * n as f64) as usize);
            }
        }
    }
}
