//! What a route does when it is chosen: candidate models and edits, or a fixed answer.
//!
//! Invariant: a route has either candidate models or an answer, never both and never neither.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tollgate_core::signal::Param;

/// How much a reasoning model should think.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Reasoning off.
    None,
    /// The least the model offers.
    Minimal,
    /// Little.
    Low,
    /// The usual.
    Medium,
    /// Much.
    High,
}

impl Effort {
    /// The words, in order.
    pub const WORDS: [&'static str; 5] = ["none", "minimal", "low", "medium", "high"];

    /// The effort that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "none" => Self::None,
            "minimal" => Self::Minimal,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            _ => return None,
        })
    }
}

/// A model that may answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// Its name as the gateway knows it.
    pub model: String,
    /// Its share among the candidates, at least 1; 1 when not given.
    pub weight: u32,
    /// Reasoning effort, when the policy sets one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub effort: Option<Effort>,
}

/// How one candidate is picked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// The first that is available.
    #[default]
    Static,
    /// At random, in proportion to the weights.
    Weighted,
}

/// A change to the system prompt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "mode", content = "text", rename_all = "snake_case")]
pub enum SystemEdit {
    /// Put after what is there.
    Append(String),
    /// Put before what is there.
    Prepend(String),
    /// Put in place of what is there.
    Replace(String),
}

/// A change to the headers sent upstream; names are lower case.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum HeaderEdit {
    /// Set to a value, replacing any.
    Set {
        /// Header name.
        name: String,
        /// Its value, printable ASCII.
        value: String,
    },
    /// Leave out.
    Remove {
        /// Header name.
        name: String,
    },
}

/// A change to a top-level parameter of the request body.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum ParamEdit {
    /// Set to a value, replacing any.
    Set {
        /// Parameter name.
        name: String,
        /// Its value.
        value: Param,
    },
    /// Lower to `at` when it is larger or absent.
    Cap {
        /// Parameter name.
        name: String,
        /// Largest value.
        at: f64,
    },
    /// Leave out.
    Remove {
        /// Parameter name.
        name: String,
    },
}

/// A filter on the offered tools, by name; `*` stands for anything. Filters apply in order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "op", content = "names", rename_all = "snake_case")]
pub enum ToolFilter {
    /// Keep only these.
    Keep(Vec<String>),
    /// Leave these out.
    Drop(Vec<String>),
}

impl ToolFilter {
    /// Whether a tool of this name stays.
    #[must_use]
    pub fn allows(&self, tool: &str) -> bool {
        let listed = |names: &[String]| names.iter().any(|pattern| like(pattern, tool));
        match self {
            Self::Keep(names) => listed(names),
            Self::Drop(names) => !listed(names),
        }
    }
}

/// What follows when a signal holds in an answer; the later ones weigh more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputAct {
    /// It is recorded.
    Audit,
    /// The caller is told beside the answer.
    Annotate,
    /// The safer model answers instead, as long as nothing of the answer was handed on; then as [`Self::Block`].
    Safer,
    /// The answer ends there.
    Block,
}

impl OutputAct {
    /// Every act with its word.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("audit", Self::Audit),
        ("annotate", Self::Annotate),
        ("safer", Self::Safer),
        ("block", Self::Block),
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Annotate => "annotate",
            Self::Safer => "safer",
            Self::Block => "block",
        }
    }
}

/// A rule on what a model says: `output block harmful`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OutputRule {
    /// What follows.
    pub act: OutputAct,
    /// The signal, by name; one of [`crate::Policy::output_specs`].
    pub signal: String,
}

/// A fixed answer; no model is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// HTTP status, 200 to 599.
    pub status: u16,
    /// What to say.
    pub text: String,
}

/// Everything a route does.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Effects {
    /// Candidate models in the order written; empty only with an answer.
    pub models: Vec<Candidate>,
    /// How one is picked.
    pub algorithm: Algorithm,
    /// The pool that must serve it, when the policy names one.
    pub pool: Option<String>,
    /// System prompt edits, in order.
    pub system: Vec<SystemEdit>,
    /// Types of personal data that are replaced before anything is sent, of [`tollgate_core::signal::PERSONAL`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub mask: Vec<String>,
    /// Header edits, in order.
    pub headers: Vec<HeaderEdit>,
    /// Parameter edits, in order.
    pub params: Vec<ParamEdit>,
    /// Tool filters, in order; a tool stays when every filter allows it.
    pub tools: Vec<ToolFilter>,
    /// Rules on what the model says, those of the whole policy first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub output: Vec<OutputRule>,
    /// A fixed answer.
    pub answer: Option<Answer>,
}

/// A route as decided.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Route {
    /// Its name; `default` for the default.
    pub name: String,
    /// Its tier; routes without one come after all that have one.
    pub tier: Option<u32>,
    /// Its priority; higher comes first within a tier.
    pub priority: i32,
    /// What it does.
    pub effects: Effects,
    /// What is noted on it: keys and texts that nothing in the engine reads.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub notes: BTreeMap<String, String>,
}

/// Whether `text` fits `pattern`, where `*` stands for any run of characters. Linear in both for each star.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|head| text.strip_prefix(head)) else { return false };
    let mut middle: Vec<&str> = parts.collect();
    let Some(tail) = middle.pop() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit() {
        for (pattern, text, fits) in [
            ("read_*", "read_file", true),
            ("read_*", "spread_file", false),
            ("*", "", true),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("shell", "shell", true),
            ("shell", "shells", false),
        ] {
            assert_eq!(like(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn filters_keep_and_drop() {
        let keep = ToolFilter::Keep(vec!["search".into(), "read_*".into()]);
        assert!(keep.allows("read_file") && !keep.allows("shell"));
        assert!(!ToolFilter::Drop(vec!["shell".into()]).allows("shell"));
    }
}
