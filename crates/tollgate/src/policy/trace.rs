//! The lines of a trace: requests in any dialect, texts, and decisions of the log.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use tollgate_policy::Recorded;
use tollgate_wire::Dialect;
use tollgate_wire::peek::{Limits, peek};
use tollgate_wire::view::RequestView;

/// Longest line of a trace, in bytes.
const LINE_MAX: u64 = 32 << 20;
/// Characters of a request that are shown.
const SHOWN: usize = 60;

/// One request of a trace.
pub(in crate::policy) struct Entry {
    /// What is decided on.
    pub(in crate::policy) what: What,
    /// The caller's roles.
    pub(in crate::policy) roles: Vec<String>,
    /// The start of what the user said, or the request's id.
    pub(in crate::policy) shown: String,
    /// The model that the caller names, when it names one itself.
    pub(in crate::policy) pinned: Option<String>,
}

/// What a request is decided on.
pub(in crate::policy) enum What {
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
    /// Also where it is null: what was refused before it was decided is a line of the log too.
    #[serde(default, deserialize_with = "given")]
    decision: Option<Value>,
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    requested_model: Option<String>,
    /// What a row of the log has and no request: where it went, and how long it took.
    #[serde(borrow, default)]
    route: Option<&'a RawValue>,
    #[serde(borrow, default)]
    total_us: Option<&'a RawValue>,
    #[serde(borrow, default)]
    rows: Option<&'a RawValue>,
}

/// Takes each request of a file, with the number of its line; `-` is standard input.
pub(in crate::policy) fn each(
    path: &Path,
    dialect: Dialect,
    mut take: impl FnMut(usize, &Entry),
) -> Result<()> {
    each_line(path, |number, line| {
        let found = read(line, dialect).with_context(|| format!("{}:{number}", path.display()))?;
        found.iter().for_each(|entry| take(number, entry));
        Ok(())
    })
}

fn given<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

/// The requests of one line; a list counts as many.
fn read(line: &str, dialect: Dialect) -> Result<Vec<Entry>> {
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
    let told = line.decision.as_ref().is_some_and(|decision| !decision.is_null());
    if !told && line.total_us.is_some() && line.route.is_some() {
        bail!("this decision has no signals; use `tollgate decisions export --signals`");
    }
    if let Some(decision) = line.decision.take() {
        return of_log(&decision, line);
    }
    let dialect = match &line.dialect {
        Some(word) => crate::wire::dialect(word).map_err(|e| anyhow::anyhow!("{e}"))?,
        None => of_shape(line.request.map_or(text, RawValue::get)).unwrap_or(dialect),
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

/// The dialect that a body's members give away.
fn of_shape(body: &str) -> Option<Dialect> {
    #[derive(Deserialize)]
    struct Members {
        input: Option<IgnoredAny>,
        system: Option<IgnoredAny>,
    }
    let Members { input, system } = serde_json::from_str(body).ok()?;
    match (input, system) {
        (Some(_), _) => Some(Dialect::OpenaiResponses),
        (None, Some(_)) => Some(Dialect::Anthropic),
        (None, None) => None,
    }
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

/// Reads a file line by line; a whole list or object over several lines counts as one, and has the number of its first.
fn each_line(path: &Path, mut take: impl FnMut(usize, &str) -> Result<()>) -> Result<()> {
    let cannot = || format!("cannot read {}", path.display());
    let mut reader: Box<dyn BufRead> = match path.to_str() {
        Some("-") => Box::new(BufReader::new(std::io::stdin())),
        _ => Box::new(BufReader::new(std::fs::File::open(path).with_context(cannot)?)),
    };
    let (mut number, mut start, mut line, mut held) = (0, 0, String::new(), String::new());
    loop {
        line.clear();
        if reader.by_ref().take(LINE_MAX + 1).read_line(&mut line).with_context(cannot)? == 0 {
            break;
        }
        number += 1;
        if (line.len() + held.len()) as u64 > LINE_MAX {
            bail!("{}:{number}: a line is longer than {LINE_MAX} bytes", path.display());
        }
        let whole = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
        match line.trim() {
            "" if held.is_empty() => {}
            one if held.is_empty() && whole(one) => take(number, one)?,
            one if held.is_empty() && !one.starts_with(['{', '[']) => {
                bail!("{}:{number}: this is no JSON object", path.display())
            }
            more => {
                start = if held.is_empty() { number } else { start };
                held.push_str(more);
                // Indented JSON ends with the bracket that opened it, at the margin: only there is the whole read again.
                if line.starts_with([']', '}']) && whole(&held) {
                    take(start, &std::mem::take(&mut held))?;
                } else {
                    held.push('\n');
                }
            }
        }
    }
    match serde_json::from_str::<IgnoredAny>(&held) {
        _ if held.is_empty() => Ok(()),
        Ok(_) => take(start, &held),
        Err(error) => {
            let told = error.to_string();
            let why = told.split(" at line ").next().unwrap_or_default();
            bail!("{}:{}: this is not JSON: {why}", path.display(), start + broken(&error) - 1)
        }
    }
}

/// The line, from 1, that makes a text no JSON: the one that is not completed where the next cannot follow.
fn broken(error: &serde_json::Error) -> usize {
    match (error.is_eof(), error.column()) {
        (true, _) => 1,
        (false, 0 | 1) => error.line().saturating_sub(1).max(1),
        (false, _) => error.line().max(1),
    }
}
