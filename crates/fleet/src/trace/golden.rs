//! Runs of another simulator that are kept as what it must answer (BLIS's golden outputs): targets for parity, not measurements.
//!
//! ```
//! let text = br#"{"experiments": [{"id": "1", "model": "m", "hardware": "H100", "tp": 1, "max_num_seqs": 128,
//!     "max_num_batched_tokens": 2048, "total_kv_blocks": 7463, "expected": {"completed_requests": 10,
//!     "total_input_tokens": 900, "total_output_tokens": 100, "ttft_mean_ms": 9.5, "ttft_p99_ms": 11.0,
//!     "itl_mean_ms": 6.9, "e2e_mean_ms": 80.0, "e2e_p99_ms": 95.0}}]}"#;
//! let runs = tollgate_fleet::trace::golden("runs.json", text)?;
//! assert_eq!((runs[0].name.as_str(), runs[0].outcome.completed), ("1", 10));
//! # Ok::<(), tollgate_fleet::Error>(())
//! ```

use crate::Error;
use serde::Deserialize;

/// Most runs of a file.
const RUNS_MAX: usize = 10_000;

/// One run: what was served on what, and what came of it.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct GoldenRun {
    /// Its name, or the kind of its workload where it has none.
    #[serde(alias = "id", alias = "workload")]
    pub name: String,
    /// Model, as a repository path.
    pub model: String,
    /// GPU.
    pub hardware: String,
    /// Degree of tensor parallelism.
    #[serde(rename = "tp")]
    pub tensor_parallel: u32,
    /// Most sequences of a batch.
    #[serde(alias = "max_num_seqs", alias = "max-num-seqs")]
    pub sequences: u32,
    /// Most tokens of an iteration.
    #[serde(alias = "max_num_batched_tokens", alias = "max-num-batched-tokens")]
    pub batched_tokens: u32,
    /// Blocks of the KV cache.
    #[serde(alias = "total_kv_blocks", alias = "total-kv-blocks")]
    pub blocks: u64,
    /// What came of it.
    #[serde(alias = "expected", alias = "metrics")]
    pub outcome: GoldenOutcome,
}

/// What came of a run, all requests together.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
pub struct GoldenOutcome {
    /// Requests that ended.
    #[serde(rename = "completed_requests")]
    pub completed: u64,
    /// Their prompt tokens.
    #[serde(rename = "total_input_tokens")]
    pub prompt_tokens: u64,
    /// Their output tokens.
    #[serde(rename = "total_output_tokens")]
    pub output_tokens: u64,
    /// Mean time to the first token, milliseconds.
    pub ttft_mean_ms: f64,
    /// Its 99th percentile.
    pub ttft_p99_ms: f64,
    /// Mean time between tokens, milliseconds.
    pub itl_mean_ms: f64,
    /// Mean time from arrival to the last token, milliseconds.
    pub e2e_mean_ms: f64,
    /// Its 99th percentile.
    pub e2e_p99_ms: f64,
}

/// A file of runs.
#[derive(Deserialize)]
struct File {
    #[serde(alias = "tests", alias = "experiments")]
    runs: Vec<serde_json::Value>,
}

/// The runs of a file, in its order: an object with a list `tests` or `experiments`.
///
/// # Errors
/// [`Error::Format`] names the run that is not one; [`Error::TooMany`] beyond ten thousand.
pub fn golden(place: &str, json: &[u8]) -> Result<Vec<GoldenRun>, Error> {
    let refused = |place: String, problem: serde_json::Error| Error::Format {
        place,
        problem: problem.to_string(),
        fix: "give the golden file of a simulator, with a list `tests` or `experiments`".into(),
    };
    let file: File = serde_json::from_slice(json).map_err(|problem| refused(place.to_owned(), problem))?;
    if file.runs.len() > RUNS_MAX {
        return Err(Error::TooMany { what: "golden runs", limit: RUNS_MAX, fix: "split the file" });
    }
    // A run may say both its name and its workload: the name counts.
    let one = |(at, mut run): (usize, serde_json::Value)| {
        let named = run.get("id").is_some_and(serde_json::Value::is_string);
        if let (true, Some(fields)) = (named, run.as_object_mut()) {
            fields.remove("workload");
        }
        serde_json::from_value(run).map_err(|problem| refused(format!("{place}, run {}", at + 1), problem))
    };
    file.runs.into_iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_run_is_named() {
        let error = golden("g.json", br#"{"tests": [{"model": "m"}]}"#).unwrap_err().to_string();
        assert!(error.starts_with("g.json, run 1: missing field"), "{error}");
        assert!(golden("g.json", b"[]").unwrap_err().to_string().contains("`tests` or `experiments`"));
        assert!(golden("g.json", b"{\"experiments\": []}").unwrap().is_empty());
    }
}
