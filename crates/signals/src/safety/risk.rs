//! The risk that adds up over the turns of a conversation and over the requests of a caller.
//!
//! Each turn's suspicion moves an exponential mean, `risk ← risk + weight · (suspicion − risk)` where the turn is more
//! suspicious than the mean, and slower downwards; between turns it decays by half in a fixed time. So one odd turn is
//! forgiven, several in a row are not, and many small ones do what one large one does.
//!
//! ```
//! use tollgate_signals::safety::{Answer, Risk, RiskConfig};
//! let config = RiskConfig::default();
//! let mut risk = Risk::default();
//! risk.see(0.6, 0, &config);
//! assert_eq!(risk.answer(&config), Answer::Pass);
//! (1..6).for_each(|turn| risk.see(0.6, turn * 1000, &config));
//! assert!(risk.answer(&config) > Answer::Pass);
//! ```

use serde::{Deserialize, Serialize};

/// What a risk comes to: each step contains the ones before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Nothing.
    Pass,
    /// A safer model answers.
    Safer,
    /// And with less freedom: a lower temperature, no tools.
    Narrow,
    /// The conversation is stopped and flagged.
    Stop,
}

/// How risk adds up.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct RiskConfig {
    /// Weight of a turn that is more suspicious than the mean, in (0, 1].
    pub rise: f64,
    /// Weight of a turn that is less so.
    pub fall: f64,
    /// Milliseconds after which half of a risk is forgotten.
    pub half_life_ms: u64,
    /// Risk from which a safer model answers, freedom is narrowed, and the conversation stops; ascending.
    pub steps: [f64; 3],
}

impl Default for RiskConfig {
    fn default() -> Self {
        Self { rise: 0.4, fall: 0.02, half_life_ms: 30 * 60 * 1000, steps: [0.35, 0.55, 0.8] }
    }
}

/// The risk of one conversation or caller.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Risk {
    mean: f64,
    seen_ms: u64,
}

impl Risk {
    /// The risk at a time, decayed since the last turn.
    #[must_use]
    pub fn at(&self, now_ms: u64, config: &RiskConfig) -> f64 {
        let halves = now_ms.saturating_sub(self.seen_ms) as f64 / config.half_life_ms.max(1) as f64;
        self.mean * 0.5_f64.powf(halves)
    }

    /// A turn of this suspicion, in [0, 1], at this time.
    pub fn see(&mut self, suspicion: f64, now_ms: u64, config: &RiskConfig) {
        let before = self.at(now_ms, config);
        let suspicion = if suspicion.is_finite() { suspicion.clamp(0.0, 1.0) } else { 1.0 };
        let weight = if suspicion > before { config.rise } else { config.fall };
        self.mean = before + weight * (suspicion - before);
        self.seen_ms = self.seen_ms.max(now_ms);
    }

    /// What it comes to, as of the last turn.
    #[must_use]
    pub fn answer(&self, config: &RiskConfig) -> Answer {
        match config.steps {
            [_, _, stop] if self.mean >= stop => Answer::Stop,
            [_, narrow, _] if self.mean >= narrow => Answer::Narrow,
            [safer, ..] if self.mean >= safer => Answer::Safer,
            _ => Answer::Pass,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(turns: &[f64], gap_ms: u64) -> Answer {
        let (config, mut risk) = (RiskConfig::default(), Risk::default());
        for (at, turn) in turns.iter().enumerate() {
            risk.see(*turn, at as u64 * gap_ms, &config);
        }
        risk.answer(&config)
    }

    #[test]
    fn one_odd_turn_is_forgiven_and_a_series_is_not() {
        assert_eq!(after(&[0.0, 0.7, 0.0, 0.0], 1000), Answer::Pass);
        assert_eq!(after(&[0.5; 4], 1000), Answer::Safer);
        assert_eq!(after(&[0.7; 6], 1000), Answer::Narrow);
        assert_eq!(after(&[0.95; 6], 1000), Answer::Stop);
        // A slow escalation is caught before its last step.
        assert!(after(&[0.1, 0.3, 0.5, 0.6, 0.7, 0.8], 1000) >= Answer::Safer);
        // Ordinary turns between attacks wash nothing off.
        let washed: Vec<f64> = (0..40).map(|at| if at % 5 == 0 { 0.95 } else { 0.0 }).collect();
        assert!(after(&washed, 1000) >= Answer::Narrow);
        // The same over two days is not.
        assert_eq!(after(&[0.5; 4], 12 * 3_600_000), Answer::Pass);
    }

    proptest! {
        #[test]
        fn stays_within_its_turns(turns in proptest::collection::vec(0.0..1.0_f64, 1..40), gap in 0_u64..10_000_000) {
            let (config, mut risk) = (RiskConfig::default(), Risk::default());
            let most = turns.iter().copied().fold(0.0, f64::max);
            for (at, turn) in turns.iter().enumerate() {
                risk.see(*turn, at as u64 * gap, &config);
                prop_assert!((0.0..=most).contains(&risk.at(at as u64 * gap, &config)));
            }
        }

        /// A more suspicious series is never less of a risk.
        #[test]
        fn more_suspicion_is_more_risk(turns in proptest::collection::vec(0.0..0.9_f64, 1..20), at in 0_usize..20) {
            let config = RiskConfig::default();
            let run = |turns: &[f64]| {
                let mut risk = Risk::default();
                turns.iter().for_each(|turn| risk.see(*turn, 0, &config));
                risk.at(0, &config)
            };
            let mut worse = turns.clone();
            if let Some(turn) = worse.get_mut(at) { *turn += 0.1; }
            prop_assert!(run(&worse) >= run(&turns) - 1e-12);
        }
    }
}
