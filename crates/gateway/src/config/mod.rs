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
mod features;
mod locality;
mod models;
mod money;
mod pools;
mod settle;

pub(crate) use check::last_written;
pub use check::public_without_keys;
pub use default::{DEFAULT, DEFAULT_INSTANCES, default_settings, simulate};
pub use features::cache::CacheSettings;
pub use features::output::OutputSettings;
pub use features::safety::SafetySettings;
pub use features::sources::{EndpointSettings, FolderSettings, SourceKind, SourceSettings};
pub use features::support::{InferenceSettings, SupportSettings};
pub use features::x402::{SaleSettings, X402Settings};
pub use locality::{BaseUrl, Locality};
pub use provider::{Auth, PROVIDERS, ProviderRow};
pub use settings::{
    Authority, Budget, BudgetScope, EncoderSettings, Instance, Model, Pool, Price, Provider, Settings,
};
pub(crate) use settle::may_be_told;
pub use settle::{Receiver, Signer, Signers};
pub use written::{SafetyFailure, SourceApi, SupportAct};

use std::fmt;
use std::path::{Path, PathBuf};

/// Largest configuration file, in bytes.
pub const FILE_MAX: u64 = 4 << 20;
/// Most times that one configuration is read to find what else is wrong with it.
const READS_MAX: usize = 50;
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
            write!(f, "{newline}{}:", self.path.display())?;
            if p.line > 0 {
                write!(f, "{}:{}:", p.line, p.column)?;
            }
            f.write_str(" ")?;
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
    read(&text(path)?, path)
}

/// Reads and checks a configuration without its secrets, for whoever asks what it says and calls nobody: those that
/// are not here come second, as problems that keep only a gateway from starting.
///
/// # Errors
/// [`ConfigError`] with every other problem found.
pub fn load_without_secrets(path: &Path) -> Result<(Settings, Vec<Problem>), ConfigError> {
    let mut lacking = Vec::new();
    let settings = checked(&text(path)?, path, Some(&mut lacking))?;
    Ok((settings, lacking))
}

fn text(path: &Path) -> Result<String, ConfigError> {
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
    std::fs::read_to_string(path).map_err(|e| fail(format!("cannot be read: {e}"), "write it as UTF-8"))
}

/// Checks the text of a configuration; `path` names it in errors and resolves relative paths.
///
/// # Errors
/// [`ConfigError`] with every problem found.
pub fn read(text: &str, path: &Path) -> Result<Settings, ConfigError> {
    checked(text, path, None)
}

fn checked(text: &str, path: &Path, lacking: Option<&mut Vec<Problem>>) -> Result<Settings, ConfigError> {
    let file = parse(text).map_err(|problems| ConfigError { path: path.into(), problems })?;
    check::check(&file, path, lacking).map_err(|mut problems| {
        for problem in problems.iter_mut().filter(|p| p.line == 0) {
            (problem.line, problem.column) = place_of(text, &problem.field).unwrap_or_default();
        }
        ConfigError { path: path.into(), problems }
    })
}

/// Line and column of the key that a path such as `limits.json_depth` ends in, each key being looked for behind its parent's.
fn place_of(text: &str, field: &str) -> Option<(u64, u64)> {
    let (mut from, mut found) = (0, 0);
    for key in field.split('.') {
        let rest = text.get(from..)?;
        let (at, _) = rest.match_indices(key).find(|(at, _)| is_key(text, from + at, key.len()))?;
        (found, from) = (from + at, from + at + key.len());
    }
    let before = text.get(..found)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Some((u64::try_from(line).ok()?, u64::try_from(column).ok()?))
}

/// Whether the word at `at` is written as a key, and not in a comment.
fn is_key(text: &str, at: usize, length: usize) -> bool {
    let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + length..).unwrap_or_default());
    let line = before.rsplit('\n').next().unwrap_or_default();
    after.trim_start_matches(' ').starts_with(':')
        && line.chars().next_back().is_none_or(|c| c == ' ' || c == '{' || c == ',')
        && !line.contains('#')
}

/// Reads the fields. One that cannot be read is noted and blanked out, so that the others are read all the same.
fn parse(text: &str) -> Result<written::File, Vec<Problem>> {
    if text.trim().is_empty() {
        return Ok(written::File::default());
    }
    let (mut left, mut problems) = (text.to_owned(), Vec::new());
    for _ in 0..READS_MAX {
        let error = match serde_saphyr::from_str(&left) {
            Ok(file) if problems.is_empty() => return Ok(file),
            Ok(_) => return Err(problems),
            Err(error) => error,
        };
        let (problem, finding) = problem(&error, &left);
        // What is empty or missing now may be what was blanked out.
        if problems.is_empty() || finding == Finding::Field {
            problems.push(problem.clone());
        }
        let rest = without(&left, problem.line).filter(|rest| finding != Finding::Other && *rest != left);
        match rest {
            Some(rest) => left = rest,
            None => break,
        }
    }
    Err(problems)
}

/// What a problem of reading is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finding {
    /// One field, which cannot be read.
    Field,
    /// A field without a value.
    Empty,
    /// Something else, such as the grammar: nothing behind it can be trusted.
    Other,
}

/// What the reader says.
fn problem(error: &serde_saphyr::Error, text: &str) -> (Problem, Finding) {
    let full = error.without_snippet().to_string();
    let said = full.rsplit_once(" at line ").map_or(full.as_str(), |(m, _)| m);
    let (line, column) = error.location().map_or((0, 0), |l| (l.line(), l.column()));
    let (field, value) = written_at(text, line, column).unwrap_or_default();
    let finding = match wrong_kind(said) {
        Some(_) if value.is_empty() => Finding::Empty,
        Some(_) => Finding::Field,
        None if said.starts_with("unknown ") => Finding::Field,
        None => Finding::Other,
    };
    let (message, fix) = in_words(said, value);
    (Problem { line, column, field: field.into(), message, fix }, finding)
}

/// The text with the field of a line blanked out: what stands behind its indentation, and the lines below that belong to
/// it. An item in braces goes whole.
fn without(text: &str, line: u64) -> Option<String> {
    let row = usize::try_from(line).ok()?.checked_sub(1)?;
    let start = text.split_inclusive('\n').take(row).map(str::len).sum();
    let (before, here) = text.split_at_checked(start)?;
    let field = here.trim_start_matches([' ', '-']);
    let indent = here.len() - field.len();
    let dashed = here.get(..indent)?.contains('-');
    let belongs = |below: &&str| {
        let words = below.trim_start_matches(' ');
        let depth = below.len() - words.len();
        words.trim().is_empty() || depth > indent || (depth == indent && !dashed && words.starts_with("- "))
    };
    let mut lines = here.split_inclusive('\n');
    let first = lines.next()?;
    let kept = if field.starts_with('{') { "" } else { first.get(..indent)? };
    let gone = lines.clone().take_while(belongs).count();
    let blank = "\n".repeat(gone + 1);
    Some([before, kept, &blank, &lines.skip(gone).collect::<String>()].concat())
}

/// The key and the value that are written where a value could not be read; nothing where a key itself is wrong.
fn written_at(text: &str, line: u64, column: u64) -> Option<(&str, &str)> {
    let line = text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let at = line.char_indices().nth(usize::try_from(column).ok()?.checked_sub(1)?)?.0;
    let (before, value) = line.split_at(at);
    let key = before.trim_end().strip_suffix(':')?.trim_end();
    let start = key.rfind([' ', '{', ',']).map_or(0, |blank| blank + 1);

    let ends = if value.starts_with(['[', '{']) { &['#'][..] } else { &[',', '}', ']', '#'] };
    let end = value.find(ends).unwrap_or(value.len());
    Some((key.get(start..)?, value.get(..end)?.trim()))
}

/// What should stand where the reader found a value of the wrong kind, and how to write it.
fn wrong_kind(said: &str) -> Option<(&'static str, &'static str)> {
    Some(match said {
        "invalid floating point" => ("a number", "write one, such as 1.5"),
        "invalid boolean" => ("true or false", "write one of them"),
        "expected sequence start" => ("a list", "write its items in [brackets], or one a line behind `- `"),
        "expected mapping start" => ("a group of fields", "write {key: value}, or one field a line"),
        "expected string scalar" => {
            ("a word", "write one, in quotes where it is more than letters and digits")
        }
        _ if said.starts_with("invalid u") => ("a whole number", "write one from 0 up, such as 60"),
        _ => return None,
    })
}

/// The reader's words in the user's, with the value and what to write instead.
fn in_words(said: &str, value: &str) -> (String, String) {
    match wrong_kind(said) {
        Some((what, fix)) => (format!("{value:?} is not {what}"), fix.to_owned()),
        None => {
            let fix = meant(said).map(|word| format!("did you mean `{word}`?"));
            (said.to_owned(), fix.unwrap_or_default())
        }
    }
}

/// The likely word in "unknown … `word`, expected one of a, b, c".
fn meant(said: &str) -> Option<&str> {
    let (_, rest) = said.strip_prefix("unknown ")?.split_once('`')?;
    let (word, expected) = rest.split_once("`, expected ")?;
    let known = expected.trim_start_matches("one of ").split(", ");
    tollgate_policy::nearest(word, known.map(|k| k.trim_matches('`')))
}

#[cfg(test)]
mod tests;
