//! The lines of a trace: requests in any dialect, texts, and decisions of the log.

use anyhow::{Context, Result};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tollgate_policy::Recorded;
use tollgate_wire::Dialect;
use tollgate_wire::peek::{Limits, peek};
use tollgate_wire::view::RequestView;

/// Characters of a request that are shown.
const SHOWN: usize = 60;

/// One request of a trace.
pub(super) struct Entry {
    /// What is decided on.
    pub(super) what: What,
    /// The caller's roles.
    pub(super) roles: Vec<String>,
    /// The start of what the user said, or the request's id.
    pub(super) shown: String,
    /// The model that the caller names, when it names one itself.
    pub(super) pinned: Option<String>,
}

/// What a request is decided on.
pub(super) enum What {
    /// The request itself.
    Request(Box<RequestView>),
    /// Its recorded signals, prompt and completion tokens.
    Record(Box<Recorded>, u64, u64),
    /// Nothing: it was refused before it was decided.
    Nothing,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    request: Option<&'a RawValue>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    dialect: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    decision: Option<Value>,
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    requested_model: Option<String>,
    #[serde(borrow, default)]
    rows: Option<&'a RawValue>,
}

/// The requests of one line; a list counts as many.
pub(super) fn read(line: &str, dialect: Dialect) -> Result<Vec<Entry>> {
    if line.starts_with('[') {
        let all: Vec<&RawValue> = serde_json::from_str(line).context("this is not JSON")?;
        return all.into_iter().map(|one| one_of(one.get(), dialect)).collect();
    }
    let read: Line<'_> = serde_json::from_str(line).context("this is no JSON object")?;
    match read.rows {
        Some(rows) => self::read(rows.get(), dialect),
        None => Ok(vec![one_of(line, dialect)?]),
    }
}

fn one_of(text: &str, dialect: Dialect) -> Result<Entry> {
    let mut line: Line<'_> = serde_json::from_str(text).context("this is no JSON object")?;
    if let Some(decision) = line.decision.take() {
        return of_log(&decision, line);
    }
    let dialect = match &line.dialect {
        Some(word) => crate::wire::dialect(word).map_err(|e| anyhow::anyhow!("{e}"))?,
        None => dialect,
    };
    let body = match (line.request, &line.text) {
        (Some(request), _) => Bytes::copy_from_slice(request.get().as_bytes()),
        (None, Some(text)) => {
            json!({"model": "auto", "messages": [{"role": "user", "content": text}]}).to_string().into()
        }
        (None, None) => Bytes::copy_from_slice(text.as_bytes()),
    };
    let dialect = if line.text.is_some() && line.request.is_none() { Dialect::OpenaiChat } else { dialect };
    let view = peek(dialect, body, &Limits::default())
        .with_context(|| format!("this is no {} request", dialect.word()))?;
    let shown = said(&view);
    let pinned = view.model().map(|model| model.into_owned());
    Ok(Entry { what: What::Request(Box::new(view)), roles: line.roles, shown, pinned })
}

/// A decision of the log. The roles that counted are among what governed it.
fn of_log(decision: &Value, line: Line<'_>) -> Result<Entry> {
    let what = match decision.get("recorded").filter(|recorded| !recorded.is_null()) {
        Some(recorded) => {
            let recorded = Recorded::deserialize(recorded).context("the record of signals")?;
            What::Record(Box::new(recorded), line.prompt_tokens, line.completion_tokens)
        }
        None => What::Nothing,
    };
    let governed = decision.get("governed").and_then(Value::as_array).into_iter().flatten();
    let held = governed.filter_map(|guard| guard.as_str()?.strip_prefix("role ").map(str::to_owned));
    let roles = line.roles.into_iter().chain(held).collect();
    Ok(Entry { what, roles, shown: line.id.unwrap_or_default(), pinned: line.requested_model })
}

/// The start of what the user said last.
fn said(view: &RequestView) -> String {
    let last = view.messages.iter().rev().find(|m| m.role == tollgate_wire::view::Role::User);
    let text =
        last.and_then(|m| m.text.first()).map(|span| view.text(*span).into_owned()).unwrap_or_default();
    text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
