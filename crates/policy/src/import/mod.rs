//! Configurations of other routers, read into the language.
//!
//! An import gives the text of a policy that compiles, where the file has models also a part of a configuration, and
//! the list of what has no equivalent: each [`Gap`] with its place in the file, its value and what follows. The
//! policy runs on the one engine; nothing of the file is consulted later.
//!
//! Invariant: every member of the file was either read or is in the list of gaps.
//!
//! ```
//! use tollgate_policy::import::{Source, import};
//! let text = "version: v0.3\nproviders:\n  defaults: {default_model: m}\n  models: [{name: m, backend_refs: [{endpoint: h}]}]\nspeed: 9\n";
//! let found = import(Source::VllmSr, text).unwrap();
//! assert!(found.policy.contains("default {"));
//! assert_eq!((found.gaps[0].line, found.gaps[0].path.as_str()), (5, "speed"));
//! ```

mod gaps;
mod limits;
mod litellm;
mod money;
mod openrouter;
mod patterns;
mod repair;
mod span;
mod vsr;
mod write;
mod yaml;

pub use gaps::{Gap, GapKind};

use gaps::Gaps;
use thiserror::Error;

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The configuration of the vLLM Semantic Router, contract `version: v0.3`.
    VllmSr,
    /// The `config.yaml` of the LiteLLM proxy.
    LiteLlm,
    /// Requests with provider preferences as OpenRouter takes them (`model`, `models`, `provider`), YAML or JSON.
    OpenRouter,
}

/// What came of a file.
#[derive(Clone, PartialEq, Debug)]
pub struct Import {
    /// A policy that compiles, in the one layout.
    pub policy: String,
    /// Providers, models and budgets for `tollgate.yaml`; absent when the file has none.
    pub config: Option<String>,
    /// What has no equivalent, in the order of the file.
    pub gaps: Vec<Gap>,
    /// How many more gaps there are than are listed.
    pub more_gaps: usize,
}

/// Why a file cannot be imported.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("line {line}: {message}")]
pub struct ImportError {
    /// Line, from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

fn fault(line: u32, message: &str) -> ImportError {
    ImportError { line, message: message.to_owned() }
}

/// Reads a file of another router. Bounded in time and memory; never panics.
///
/// # Errors
/// [`ImportError`] when the text is no such file, or larger or deeper than the bounds; a field that is not understood
/// is a gap, not an error.
pub fn import(source: Source, text: &str) -> Result<Import, ImportError> {
    let root = yaml::read(text)?;
    let mut gaps = Gaps::default();
    let (policy, config) = match source {
        Source::VllmSr => vsr::import(&root, &mut gaps)?,
        Source::LiteLlm => litellm::import(&root, &mut gaps)?,
        Source::OpenRouter => openrouter::import(&root, &mut gaps)?,
    };
    let policy = repair::repair(policy, &root, &mut gaps);
    gaps.unread(&root);
    let (gaps, more_gaps) = gaps.finish();
    let laid_out = crate::fmt("imported", &policy).map_err(|error| fault(1, &error.to_string()))?;
    if laid_out.len() > crate::limits::MAX_BYTES {
        let message = format!(
            "the policy would have {} bytes; at most {} are read",
            laid_out.len(),
            crate::limits::MAX_BYTES
        );
        return Err(fault(1, &message));
    }
    Ok(Import { policy: laid_out, config, gaps, more_gaps })
}
