//! The share of traffic that may be retries.

use crate::Error;
use crate::error::within;
use serde::{Deserialize, Serialize};
use tollgate_core::Tick;

/// How many retries are allowed.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetConfig {
    /// Retries allowed per request, in [0, 1].
    pub ratio: f64,
    /// Retries allowed per second whatever the traffic, in [0, 1000].
    pub floor_per_s: f64,
    /// Most retries that can be saved up, in [1, 10000]; the budget starts full.
    pub cap: f64,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self { ratio: 0.2, floor_per_s: 1.0, cap: 10.0 }
    }
}

impl BudgetConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first field out of range.
    pub fn check(&self) -> Result<(), Error> {
        within("retry.budget.ratio", self.ratio, 0.0, 1.0, "give 0 to 1")?;
        within("retry.budget.floor_per_s", self.floor_per_s, 0.0, 1000.0, "give 0 to 1000")?;
        Ok(within("retry.budget.cap", self.cap, 1.0, 10_000.0, "give 1 to 10000")?)
    }
}

/// A token bucket filled by requests and by time. In any stretch of `s` seconds with `n` requests at most
/// `cap + ratio·n + floor·s` retries are granted, so an outage cannot be amplified beyond that.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    config: BudgetConfig,
    balance: f64,
    at: Tick,
}

impl RetryBudget {
    /// A full budget.
    #[must_use]
    pub const fn new(config: BudgetConfig, now: Tick) -> Self {
        Self { balance: config.cap, config, at: now }
    }

    fn pass_time(&mut self, now: Tick) {
        let seconds = now.since_ms(self.at) / 1000.0;
        self.balance = (self.balance + self.config.floor_per_s * seconds).min(self.config.cap);
        self.at = self.at.max(now);
    }

    /// A first attempt was made.
    pub fn deposit(&mut self, now: Tick) {
        self.pass_time(now);
        self.balance = (self.balance + self.config.ratio).min(self.config.cap);
    }

    /// Takes one retry; false when there is none.
    pub fn withdraw(&mut self, now: Tick) -> bool {
        self.pass_time(now);
        let granted = self.balance >= 1.0;
        if granted {
            self.balance -= 1.0;
        }
        granted
    }

    /// Retries saved up.
    #[must_use]
    pub const fn balance(&self) -> f64 {
        self.balance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn settings_are_checked() {
        assert!(BudgetConfig::default().check().is_ok());
        for bad in [f64::NAN, -0.1, 1.1] {
            let config = BudgetConfig { ratio: bad, ..BudgetConfig::default() };
            assert!(config.check().unwrap_err().to_string().starts_with("retry.budget.ratio"), "{bad}");
        }
        assert!(BudgetConfig { cap: 0.5, ..BudgetConfig::default() }.check().is_err());
    }

    proptest! {
        /// The bound holds in every stretch, not only from the start.
        #[test]
        fn retries_stay_within_the_bound(
            ratio in 0.0f64..=1.0, floor in 0.0f64..20.0, cap in 1.0f64..30.0,
            steps in prop::collection::vec((0u64..400, 0u32..4), 1..120),
        ) {
            let mut budget = RetryBudget::new(BudgetConfig { ratio, floor_per_s: floor, cap }, Tick(0));
            let (mut now, mut log) = (0u64, vec![]);
            for (step, retries) in steps {
                now += step;
                budget.deposit(Tick(0).plus_ms(now));
                let granted = (0..retries).filter(|_| budget.withdraw(Tick(0).plus_ms(now))).count();
                log.push((now, granted as f64));
                prop_assert!(budget.balance() >= 0.0 && budget.balance() <= cap);
            }
            for from in 0..log.len() {
                let granted: f64 = log[from..].iter().map(|l| l.1).sum();
                let seconds = (now - log[from].0) as f64 / 1000.0;
                let requests = (log.len() - from) as f64;
                prop_assert!(granted <= cap + ratio * requests + floor * seconds + 1e-9);
            }
        }
    }
}
