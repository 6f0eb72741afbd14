//! Pools with their instances, and models with their prices.

use serde::{Deserialize, Serialize};
use tollgate_core::Timestamp;

/// What the page of pools shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolsView {
    /// The pools, smallest boundary first.
    pub pools: Vec<PoolView>,
    /// The models.
    pub models: Vec<ModelView>,
    /// Tokens of the prompt for which the expected time to first content is shown; a request's own is on its page.
    pub prompt_tokens: u64,
}

/// One pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolView {
    /// Its name.
    pub name: String,
    /// Most total tokens of a request that belongs here; `None` without a boundary.
    pub max_total_tokens: Option<u64>,
    /// What happens to borderline requests and when it spills, in words; empty when nothing does.
    pub rule: String,
    /// How an instance is picked, in words.
    pub placement: String,
    /// Its expected wait.
    pub wait_ms: Option<f64>,
    /// Its instances.
    pub instances: Vec<InstanceView>,
}

/// Whether an instance takes requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// It does.
    #[default]
    Up,
    /// Its circuit is half open: single requests try whether it works again.
    HalfOpen,
    /// Its circuit is open.
    Open,
    /// It is ejected as an outlier.
    Ejected,
    /// Its active probes fail.
    Down,
    /// It asked for a pause.
    Cooling,
    /// It refuses our credentials or account.
    Refusing,
}

impl InstanceState {
    /// Every state.
    pub const ALL: &'static [Self] =
        &[Self::Up, Self::HalfOpen, Self::Open, Self::Ejected, Self::Down, Self::Cooling, Self::Refusing];

    /// The word that is shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
            Self::Ejected => "ejected",
            Self::Down => "down",
            Self::Cooling => "cooling",
            Self::Refusing => "refusing",
        }
    }

    /// What it means, for people.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Up => "takes requests",
            Self::HalfOpen => "single requests try whether it works again",
            Self::Open => "too many failures in a row; no requests until its pause is over",
            Self::Ejected => "fails more often than its peers; no requests until its pause is over",
            Self::Down => "its active probes fail",
            Self::Cooling => "it asked for a pause",
            Self::Refusing => "it refuses our credentials or account",
        }
    }
}

/// One instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceView {
    /// Its name.
    pub name: String,
    /// Its provider.
    pub provider: String,
    /// Its base URL, without credentials.
    pub url: String,
    /// Whether it takes requests.
    pub state: InstanceState,
    /// Until when it does not.
    pub until: Option<Timestamp>,
    /// Requests in flight.
    pub in_flight: u32,
    /// Most requests at once, when known.
    pub slots: Option<u32>,
    /// Moving average of the time to the first content byte.
    pub ttft_ms: Option<f64>,
    /// Moving average of the time per output token.
    pub tpot_ms: Option<f64>,
    /// Expected time to the first content byte of a request of 1,000 tokens that came now.
    pub expected_ttft_ms: Option<f64>,
    /// Share of good answers in the recent window, in [0, 1].
    pub success: Option<f64>,
    /// Answers in that window.
    pub answers: u64,
    /// Recent times to the first content byte in milliseconds, oldest first; `None` where none came.
    pub spark_ttft_ms: Vec<Option<f64>>,
    /// Models that it serves.
    pub models: Vec<String>,
}

/// One model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelView {
    /// Its name.
    pub name: String,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// Pools whose instances serve it.
    pub pools: Vec<String>,
    /// Its context window in tokens.
    pub context_tokens: Option<u64>,
    /// What it can do: `tools`, `images` and so on.
    pub capabilities: Vec<String>,
    /// Price of a million prompt tokens, in millionths.
    pub input_micro: u64,
    /// Price of a million cached prompt tokens, in millionths.
    pub cached_micro: u64,
    /// Price of a million completion tokens, in millionths.
    pub output_micro: u64,
}
