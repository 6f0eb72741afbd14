//! Risk over turns.

use super::Word;
use serde::Deserialize;

/// Risk that adds up over the turns of conversations and the requests of callers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Safety {
    /// The model that answers what is a risk, whatever was chosen.
    pub safer_model: Word,
    /// Share by which a turn that is more suspicious than the risk so far moves it, above 0 to 1.
    #[serde(default = "rise")]
    pub rise: f64,
    /// Share by which a less suspicious one does.
    #[serde(default = "fall")]
    pub fall: f64,
    /// Seconds in which half of a risk is forgotten.
    #[serde(default = "half_life_s")]
    pub half_life_s: u64,
    /// Risk from which the safer model answers.
    #[serde(default = "safer_from")]
    pub safer_from: f64,
    /// Risk from which it does so without tools and with a lower temperature.
    #[serde(default = "narrow_from")]
    pub narrow_from: f64,
    /// Risk from which the conversation is stopped.
    #[serde(default = "stop_from")]
    pub stop_from: f64,
    /// Highest temperature from `narrow_from` on.
    #[serde(default = "temperature")]
    pub temperature: f64,
    /// What happens with a request that is too long to be read.
    #[serde(default)]
    pub on_failure: SafetyFailure,
}

const fn rise() -> f64 {
    0.4
}

const fn fall() -> f64 {
    0.02
}

const fn half_life_s() -> u64 {
    1_800
}

const fn safer_from() -> f64 {
    0.35
}

const fn narrow_from() -> f64 {
    0.55
}

const fn stop_from() -> f64 {
    0.8
}

const fn temperature() -> f64 {
    0.2
}

/// What happens with what a safety signal cannot read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SafetyFailure {
    /// It is refused.
    #[default]
    Reject,
    /// It goes on.
    Pass,
}
