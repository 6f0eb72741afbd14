//! The live page: sums over a window, a time series, and the newest requests.

use serde::{Deserialize, Serialize};
use tollgate_core::Timestamp;

/// Windows that the page offers, in minutes.
pub const WINDOWS: &[u32] = &[15, 60, 360, 1440];

/// The step, in seconds, at which a window of `minutes` has at most 120 points and at least 30.
#[must_use]
pub const fn step_s(minutes: u32) -> u32 {
    const STEPS: &[u32] = &[10, 30, 60, 300, 900, 3600, 21_600];
    let mut at = 0;
    while at + 1 < STEPS.len() && minutes as u64 * 60 / STEPS[at] as u64 > 120 {
        at += 1;
    }
    STEPS[at]
}

/// What the live page shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveView {
    /// Length of the window of [`Self::tiles`] and [`Self::series`].
    pub window_minutes: u32,
    /// The window's sums.
    pub tiles: Tiles,
    /// The window step by step, oldest first.
    pub series: Vec<SeriesPoint>,
    /// Seconds of one step.
    pub step_s: u32,
    /// The newest requests that pass the filter, newest first; at most [`crate::page::ROWS_MAX`] are shown.
    pub rows: Vec<RequestRow>,
    /// Position from which older rows go on; `None` at the end of the log.
    pub next: Option<i64>,
    /// Whether this page starts at the newest request; only then new rows are added to it.
    pub newest: bool,
    /// The filter in force.
    pub filter: Filter,
    /// Route names to offer in the filter.
    pub routes: Vec<String>,
    /// Model names to offer in the filter.
    pub models: Vec<String>,
    /// A command that sends a first request.
    pub curl: String,
}

/// The filter of the table; an empty text takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Only this route.
    pub route: String,
    /// Only this model.
    pub model: String,
    /// Only this key id.
    pub key: String,
    /// Only where this stands in the request, session or trace id.
    pub id: String,
}

impl Filter {
    /// Whether it takes all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.route.is_empty() && self.model.is_empty() && self.key.is_empty() && self.id.is_empty()
    }
}

/// Headline numbers over the window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tiles {
    /// Requests.
    pub requests: u64,
    /// Those that an upstream or the gateway failed.
    pub errors: u64,
    /// Those that ended on the caller's side: refused, or left by it.
    pub refused: u64,
    /// Median time to the first content byte.
    pub ttft_p50_us: Option<u64>,
    /// 99 of 100 are not slower.
    pub ttft_p99_us: Option<u64>,
    /// Median of our own part.
    pub overhead_p50_us: Option<u64>,
    /// 99 of 100 are not slower.
    pub overhead_p99_us: Option<u64>,
    /// Prompt tokens, cached ones included.
    pub prompt_tokens: u64,
    /// Of them, read from a cache.
    pub cached_tokens: u64,
    /// Completion tokens.
    pub completion_tokens: u64,
    /// Cost in millionths.
    pub cost_micro: u64,
}

/// One step of the time series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SeriesPoint {
    /// Start of the step.
    pub start: Timestamp,
    /// Requests.
    pub requests: u64,
    /// Of them, failed by an upstream or the gateway.
    pub errors: u64,
    /// Of them, refused, or left by the caller.
    pub refused: u64,
    /// Prompt tokens.
    pub prompt_tokens: u64,
    /// Completion tokens.
    pub completion_tokens: u64,
    /// Median time to the first content byte.
    pub ttft_p50_us: Option<u64>,
    /// 99 of 100 are not slower.
    pub ttft_p99_us: Option<u64>,
}

/// One request in a table; field for field what `/api/v1/decisions` and `/api/v1/live` call it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestRow {
    /// Position in the log.
    pub seq: i64,
    /// The request id.
    pub id: String,
    /// When it arrived.
    pub time: Timestamp,
    /// The caller's key id.
    pub key: Option<String>,
    /// The policy's route.
    pub route: Option<String>,
    /// The model that was chosen.
    pub model: Option<String>,
    /// The pool.
    pub pool: Option<String>,
    /// The instance.
    pub instance: Option<String>,
    /// HTTP status that the caller got.
    pub status: u16,
    /// Word of the fault kind.
    pub fault: Option<String>,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// Prompt tokens, cached ones included.
    pub prompt_tokens: u64,
    /// Of them, read from a cache.
    pub cached_tokens: u64,
    /// Completion tokens.
    pub completion_tokens: u64,
    /// Cost in millionths.
    pub cost_micro: u64,
    /// To the first content byte.
    pub ttft_us: Option<u64>,
    /// To the last byte.
    pub total_us: u64,
    /// Our own part.
    pub overhead_us: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_window_has_too_many_points() {
        for minutes in WINDOWS.iter().copied().chain([1, 5, 44_640]) {
            let points = minutes * 60 / step_s(minutes);
            assert!((6..=124).contains(&points), "{minutes} minutes: {points}");
        }
    }
}
