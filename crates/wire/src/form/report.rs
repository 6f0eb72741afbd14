//! What could not cross from one dialect to another, said aloud.
//!
//! Paths name fields of the form ([`super::Request`], [`super::Response`]) as they serialise:
//! `messages[1].parts[0].cache`, `sampling.top_k`, `tools[2].strict`. A round trip keeps what no report mentions.

use serde::Serialize;
use std::borrow::Cow;

/// Most losses kept in one report; more are counted.
pub const LOSSES_MAX: usize = 256;

/// What happened to a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is gone.
    Dropped,
    /// Something near it was written.
    Approximated,
}

/// One value that did not cross whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Loss {
    /// The field, as a path in the form.
    pub path: String,
    /// What kind of value stood there.
    pub kind: &'static str,
    /// What happened to it.
    pub outcome: Outcome,
    /// Why.
    pub why: Cow<'static, str>,
}

/// Everything that did not cross whole.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Report {
    /// The losses, in the order in which they were met.
    pub losses: Vec<Loss>,
    /// Losses beyond [`LOSSES_MAX`].
    pub omitted: usize,
}

impl Report {
    /// Nothing lost so far.
    #[must_use]
    pub const fn new() -> Self {
        Self { losses: Vec::new(), omitted: 0 }
    }

    /// Notes a value that is gone.
    pub fn dropped(
        &mut self,
        path: impl Into<String>,
        kind: &'static str,
        why: impl Into<Cow<'static, str>>,
    ) {
        self.note(path.into(), kind, Outcome::Dropped, why.into());
    }

    /// Notes a value that became something near it.
    pub fn approximated(
        &mut self,
        path: impl Into<String>,
        kind: &'static str,
        why: impl Into<Cow<'static, str>>,
    ) {
        self.note(path.into(), kind, Outcome::Approximated, why.into());
    }

    /// Notes a tool that another provider runs.
    pub fn foreign_tool(&mut self, n: usize) {
        self.dropped(format!("tools[{n}]"), "provider tool", "only its own provider runs it");
    }

    /// Notes the signature of a tool call, where there is one: it means nothing to others.
    pub fn call_signature(&mut self, path: &str, signature: Option<&str>) {
        if signature.is_some() {
            let path = format!("{path}.body.tool_call.signature");
            self.dropped(path, "string", "only its provider can check it");
        }
    }

    /// Whether everything crossed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.losses.is_empty()
    }

    /// Whether a loss stands at `path`, above it or below it.
    #[must_use]
    pub fn mentions(&self, path: &str) -> bool {
        let inside = |long: &str, short: &str| {
            long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.omitted > 0
            || self.losses.iter().any(|loss| inside(path, &loss.path) || inside(&loss.path, path))
    }

    fn note(&mut self, path: String, kind: &'static str, outcome: Outcome, why: Cow<'static, str>) {
        let loss = Loss { path, kind, outcome, why };
        if self.losses.contains(&loss) {
            return;
        }
        if self.losses.len() < LOSSES_MAX {
            self.losses.push(loss);
        } else {
            self.omitted += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_reached_and_counted() {
        let mut report = Report::new();
        for n in 0..LOSSES_MAX + 3 {
            report.dropped(format!("messages[{n}]"), "object", "test");
        }
        assert_eq!((report.losses.len(), report.omitted), (LOSSES_MAX, 3));
    }

    #[test]
    fn mentions_by_whole_path_steps() {
        let mut report = Report::new();
        report.dropped("tools[1].strict", "boolean", "test");
        for (path, is) in
            [("tools[1].strict", true), ("tools[1]", true), ("tools", true), ("tools[1].str", false)]
        {
            assert_eq!(report.mentions(path), is, "{path}");
        }
    }
}
