//! Configuration: what was written → what it means. Nothing here serves a request.
//!
//! [`load`] reads a file, checks it whole and returns either [`Settings`] or every problem found, each with line,
//! column, value and fix. The process swaps settings whole or keeps the last good ones.
//!
//! ```
//! let text = "models: [{name: a, provider: nowhere}]";
//! let problems = tollgate_gateway::config::read(text, "t.yaml".as_ref()).unwrap_err();
//! assert!(problems.to_string().contains("nowhere"));
//! ```

pub mod provider;
pub mod secret;
pub mod settings;
pub mod written;

mod check;
mod default;
mod locality;
mod models;
mod money;
mod pools;

pub use check::public_without_keys;
pub use default::{DEFAULT, DEFAULT_INSTANCES, default_settings};
pub use locality::Locality;
pub use provider::{Auth, PROVIDERS, ProviderRow};
pub use settings::{BaseUrl, Budget, BudgetScope, Instance, Model, Pool, Price, Provider, Settings};

use std::fmt;
use std::path::{Path, PathBuf};

/// Largest configuration file, in bytes.
pub const FILE_MAX: u64 = 4 << 20;
/// Budget windows.
pub const WINDOWS: &[&str] = &["minute", "hour", "day", "month", "total"];

/// One thing that is wrong with a configuration.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Problem {
    /// Line, from 1; 0 when it concerns the whole file.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// The field, as a path such as `pools[0].instances[1].provider`.
    pub field: String,
    /// What is wrong, with the value.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// Everything that is wrong with a configuration file.
#[derive(Clone, Debug, thiserror::Error)]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, p) in self.problems.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{}:{}:{}: ", self.path.display(), p.line, p.column)?;
            if !p.field.is_empty() {
                write!(f, "{}: ", p.field)?;
            }
            write!(f, "{}", p.message)?;
            if !p.fix.is_empty() {
                write!(f, "; {}", p.fix)?;
            }
        }
        Ok(())
    }
}

/// Reads and checks a configuration file.
///
/// # Errors
/// [`ConfigError`] with every problem found.
pub fn load(path: &Path) -> Result<Settings, ConfigError> {
    let fail = |message: String, fix: &str| ConfigError {
        path: path.into(),
        problems: vec![Problem { line: 0, column: 0, field: String::new(), message, fix: fix.into() }],
    };
    let size = std::fs::metadata(path)
        .map_err(|e| fail(format!("cannot be read: {e}"), "give the path of a readable file"))?
        .len();
    if size > FILE_MAX {
        return Err(fail(format!("has {size} bytes"), "a configuration may have 4 MiB"));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|e| fail(format!("cannot be read: {e}"), "write it as UTF-8"))?;
    read(&text, path)
}

/// Checks the text of a configuration; `path` names it in errors and resolves relative paths.
///
/// # Errors
/// [`ConfigError`] with every problem found.
pub fn read(text: &str, path: &Path) -> Result<Settings, ConfigError> {
    let file = parse(text).map_err(|problem| ConfigError { path: path.into(), problems: vec![problem] })?;
    check::check(&file, path).map_err(|problems| ConfigError { path: path.into(), problems })
}

fn parse(text: &str) -> Result<written::File, Problem> {
    if text.trim().is_empty() {
        return Ok(written::File::default());
    }
    serde_saphyr::from_str(text).map_err(|error| {
        let place = error.location();
        let full = error.without_snippet().to_string();
        let message = full.rsplit_once(" at line ").map_or(full.as_str(), |(m, _)| m).to_owned();
        Problem {
            line: place.map_or(0, |l| l.line()),
            column: place.map_or(0, |l| l.column()),
            field: String::new(),
            message,
            fix: String::new(),
        }
    })
}

#[cfg(test)]
mod tests;
