//! The policy editor: the text in force, and what a check says of a text.

use serde::{Deserialize, Serialize};
use tollgate_core::Timestamp;

/// What the policy page shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyView {
    /// The policy's text in force.
    pub text: String,
    /// Its digest.
    pub digest: String,
    /// The file that it comes from; `None` for the embedded one.
    pub file: Option<String>,
    /// When it was put in force.
    pub loaded: Timestamp,
    /// Why it cannot be changed here; `None` when it can.
    pub read_only: Option<String>,
    /// Set while a newer text was refused and this one is kept.
    pub last_good: Option<LastGood>,
    /// What a check says of [`Self::text`].
    pub report: CheckReport,
}

/// A newer text was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastGood {
    /// When.
    pub refused: Timestamp,
    /// Why, one problem per line.
    pub reason: String,
}

/// The answer of `POST /api/v1/policy/check`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// Whether the text may be put in force.
    pub ok: bool,
    /// Digest of the text.
    pub digest: String,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
    /// How its tests went.
    pub tests: Vec<TestLine>,
    /// What it declares.
    pub outline: Vec<OutlineItem>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The text cannot be put in force.
    #[default]
    Error,
    /// It can, but something is likely not meant.
    Warning,
    /// It can, and something is worth knowing.
    Note,
}

impl Severity {
    /// The word that is shown and sent.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One finding. Lines and columns count from 1, columns in characters; the end is excluded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// First line.
    pub line: u32,
    /// First column.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// Column after the last.
    pub end_column: u32,
    /// What is wrong.
    pub message: String,
    /// How to put it right.
    pub help: Option<String>,
}

/// How one test of the policy went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestLine {
    /// Its line.
    pub line: u32,
    /// Whether it passed.
    pub ok: bool,
    /// The route that was expected.
    pub expected: String,
    /// The route that was chosen.
    pub got: String,
    /// Why.
    pub explanation: String,
}

/// One declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutlineItem {
    /// `signal`, `route` and so on.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its line.
    pub line: u32,
}
