//! What one simulated server is: its models, its engine, its bounds.

use crate::SimError;
use crate::engine::EngineConfig;
use crate::text::TokenCount;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use tollgate_core::Seed;

/// One served model. All models of a server share its engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRow {
    /// The name that requests ask for.
    pub name: String,
    /// Whether it thinks aloud before it answers.
    #[serde(default)]
    pub reasoning: bool,
    /// Its context window in tokens; the engine's when absent.
    #[serde(default)]
    pub context: Option<u32>,
}

impl ModelRow {
    /// A plain model with the engine's context window.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), reasoning: false, context: None }
    }
}

/// A simulated server. The default serves `sim-small` on a free loopback port in real time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimConfig {
    /// Where to listen; port 0 means any free one.
    pub listen: SocketAddr,
    /// The name of this instance, part of every answer.
    pub instance: String,
    /// The served models, at least one.
    pub models: Vec<ModelRow>,
    /// Whether a request for an unknown model is answered under that name instead of with 404.
    pub any_model: bool,
    /// Virtual seconds per real second; 0 answers as fast as possible.
    pub speed: f64,
    /// From which all text follows.
    pub seed: Seed,
    /// `created` of every answer, in seconds, so that equal requests get equal bytes.
    pub created: i64,
    /// Least tokens of an ordinary answer.
    pub least_tokens: u32,
    /// How tokens are counted.
    pub tokens: TokenCount,
    /// Components of an embedding when the request names no number.
    pub dimensions: u32,
    /// The engine.
    pub engine: EngineConfig,
    /// A key that requests must carry (`authorization: Bearer`, `x-api-key` or `x-goog-api-key`).
    pub api_key: Option<String>,
    /// Most open connections; more wait in the listener's queue.
    pub max_connections: u32,
    /// Largest request body in bytes.
    pub max_body: usize,
    /// Requests that `GET /sim/requests` remembers.
    pub journal: usize,
    /// Whether it remembers bodies too, cut at 64 KiB each.
    pub journal_bodies: bool,
    /// How long a stop waits for open streams, in milliseconds.
    pub drain_ms: u64,
    /// A GGUF file whose text is the answer, instead of the simulated one.
    #[cfg(feature = "gguf")]
    pub gguf: Option<std::path::PathBuf>,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            instance: "sim-0".into(),
            models: vec![ModelRow::named("sim-small")],
            any_model: false,
            speed: 1.0,
            seed: Seed(0),
            created: 1_767_225_600,
            least_tokens: 24,
            tokens: TokenCount::Pieces,
            dimensions: 256,
            engine: EngineConfig::default(),
            api_key: None,
            max_connections: 16_384,
            max_body: 32 << 20,
            journal: 256,
            journal_bodies: false,
            drain_ms: 5_000,
            #[cfg(feature = "gguf")]
            gguf: None,
        }
    }
}

impl SimConfig {
    /// A server for tests: these models, as fast as possible.
    #[must_use]
    pub fn fast(models: &[&str]) -> Self {
        let models = models.iter().map(|name| ModelRow::named(name)).collect();
        Self { models, speed: 0.0, ..Self::default() }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`SimError::Config`] that names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), SimError> {
        self.engine.check()?;
        if !self.speed.is_finite() || self.speed < 0.0 {
            return Err(SimError::config(
                "speed",
                &self.speed,
                "0 (as fast as possible) or a positive number",
            ));
        }
        let plain = |name: &str| !name.is_empty() && !name.contains('+');
        if let Some(bad) = self.models.iter().find(|m| !plain(&m.name)) {
            return Err(SimError::config("models.name", &bad.name, "not empty and without `+`"));
        }
        if self.models.is_empty() {
            return Err(SimError::config("models", "empty", "a list with at least one model"));
        }
        if !(1..=4096).contains(&self.dimensions) {
            return Err(SimError::config("dimensions", &self.dimensions, "a number from 1 to 4096"));
        }
        if self.max_connections == 0 {
            return Err(SimError::config("max_connections", &0, "at least 1"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_wrong() {
        assert!(SimConfig::default().check().is_ok());
        let cases = [
            (SimConfig { speed: f64::NAN, ..SimConfig::default() }, "speed"),
            (SimConfig { speed: -1.0, ..SimConfig::default() }, "speed"),
            (SimConfig::fast(&[]), "models"),
            (SimConfig::fast(&["a+b"]), "models.name"),
            (SimConfig { dimensions: 0, ..SimConfig::default() }, "dimensions"),
            (SimConfig { max_connections: 0, ..SimConfig::default() }, "max_connections"),
        ];
        for (config, field) in cases {
            assert!(config.check().unwrap_err().to_string().starts_with(field), "{field}");
        }
    }
}
