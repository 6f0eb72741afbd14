//! The cache of answers.

use super::Word;
use serde::Deserialize;

/// Answers that are kept for requests that ask the same.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Seconds that an answer is kept.
    pub ttl_s: u64,
    /// Most answers.
    pub entries: usize,
    /// Most bytes of all of them, with the vectors of their questions.
    pub bytes: usize,
    /// Most bytes of one answer.
    pub answer_bytes: usize,
    /// Who may get an answer that another one asked for: nobody, who has the same tenant, or everyone.
    pub share: CacheShare,
    /// Least cosine of two questions that may be the same, 0.8 to 1, with `encoder`; absent = only equal requests hit.
    pub similar: Option<f64>,
    /// How long a request waits for an equal one that is under way, in milliseconds; 0 = not at all.
    pub wait_ms: u64,
    /// Whether answers are written to the database too, so that a restart keeps them.
    pub persist: bool,
    /// What categories of questions have of their own.
    pub categories: Vec<CacheCategory>,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            ttl_s: 3_600,
            entries: 10_000,
            bytes: 256 << 20,
            answer_bytes: 1 << 20,
            share: CacheShare::Caller,
            similar: None,
            wait_ms: 10_000,
            persist: true,
            categories: Vec::new(),
        }
    }
}

/// Who may get an answer that another one asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheShare {
    /// Nobody: each caller has answers of its own.
    #[default]
    Caller,
    /// Who has the same tenant.
    Tenant,
    /// Everyone, callers without a key included.
    Everyone,
}

/// What one category of questions has of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheCategory {
    /// The subject, as `domain` has it, such as `health` or `computer science`.
    pub domain: Word,
    /// Seconds that an answer is kept; 0 = never; absent = as for all.
    pub ttl_s: Option<u64>,
    /// Least cosine; above 1 = only equal requests hit; absent = as for all.
    pub similar: Option<f64>,
}
