//! Classes of requests with their objectives.

use crate::{Error, error::within};
use serde::{Deserialize, Serialize};

/// What a class of requests is promised. What is `None` is not promised.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// Time to the first token, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_ms: Option<f64>,
    /// Time per output token after the first, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot_ms: Option<f64>,
    /// Arrival to last token, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2e_ms: Option<f64>,
    /// The share of requests that must be within, in (0, 1): 0.99 is P99. Rejected requests are not within.
    pub percentile: f64,
}

impl Slo {
    /// The usual promise: P99 of the time to the first token.
    #[must_use]
    pub fn ttft(ms: f64) -> Self {
        Self { ttft_ms: Some(ms), tpot_ms: None, e2e_ms: None, percentile: 0.99 }
    }

    /// Whether a request with these times (milliseconds) is within.
    #[must_use]
    pub fn holds(&self, ttft_ms: f64, tpot_ms: f64, e2e_ms: f64) -> bool {
        let within = |limit: Option<f64>, value: f64| limit.is_none_or(|limit| value <= limit);
        within(self.ttft_ms, ttft_ms) && within(self.tpot_ms, tpot_ms) && within(self.e2e_ms, e2e_ms)
    }

    /// # Errors
    /// [`Error::Setting`] where a value is out of its range.
    pub fn check(&self) -> Result<(), Error> {
        within("slo.percentile", self.percentile, 1e-6, 1.0 - 1e-9, "give a share between 0 and 1, as 0.99")?;
        for (field, value) in
            [("slo.ttft_ms", self.ttft_ms), ("slo.tpot_ms", self.tpot_ms), ("slo.e2e_ms", self.e2e_ms)]
        {
            if let Some(value) = value {
                crate::error::positive(field, value)?;
            }
        }
        Ok(())
    }
}

/// A class: a name for people, a promise, and how it is told apart is the trace's business.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// As reports name it.
    pub name: String,
    /// What it is promised.
    pub slo: Slo,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_promised_counts() {
        let slo = Slo { tpot_ms: Some(50.0), ..Slo::ttft(500.0) };
        assert!(slo.holds(500.0, 50.0, 1e9));
        assert!(!slo.holds(500.1, 50.0, 0.0));
        assert!(!slo.holds(1.0, f64::NAN, 0.0));
        assert!(slo.check().is_ok());
        assert!(Slo { percentile: 99.0, ..slo }.check().is_err());
        assert!(Slo { e2e_ms: Some(-1.0), ..slo }.check().is_err());
    }
}
