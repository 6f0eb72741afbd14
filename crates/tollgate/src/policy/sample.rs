//! Requests to count over: one JSON a line.

use super::explain::said;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use tollgate_gateway::clock::SystemClock;
use tollgate_policy::{Policy, Traffic};
use tollgate_signals::{Input, Reading, SignalSet};
use tollgate_wire::Dialect;
use tollgate_wire::peek::{Limits, peek};
use tollgate_wire::view::RequestView;

/// Counts the routes of `policy` that hold together over the requests in a file.
pub(super) fn count<'p>(policy: &'p Policy, signals: &SignalSet, path: &Path) -> Result<Traffic<'p>> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let clock = SystemClock::new();
    let mut traffic = Traffic::new(policy);
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let place = || format!("{}:{number}", path.display());
        let line = line.with_context(place)?;
        if line.trim().is_empty() {
            continue;
        }
        let (text, view) = request(&line).with_context(place)?;
        let mut reading = Reading::new(signals, &Input::new(&view), &clock);
        traffic.see(&text, &mut reading);
    }
    Ok(traffic)
}

/// What is shown of a request, and the request.
fn request(line: &str) -> Result<(String, RequestView)> {
    let value: Value = serde_json::from_str(line).context("not JSON")?;
    if let Some(text) = value.get("text").and_then(Value::as_str) {
        return Ok((text.to_owned(), said(text)?));
    }
    let dialect = if value.get("input").is_some() {
        Dialect::OpenaiResponses
    } else if value.get("messages").is_some() && value.get("system").is_some() {
        Dialect::Anthropic
    } else if value.get("messages").is_some() {
        Dialect::OpenaiChat
    } else {
        bail!("neither {{\"text\": \"...\"}} nor a request's body with messages or input");
    };
    let view = peek(dialect, Bytes::from(line.to_owned()), &Limits::default())
        .with_context(|| format!("no {} request", dialect.word()))?;
    Ok((last_words(&value), view))
}

/// The last text that a user says.
fn last_words(body: &Value) -> String {
    let list = body.get("messages").or_else(|| body.get("input"));
    let said = |message: &Value| -> Option<String> {
        let content = message.get("content")?;
        let parts = content.as_array().into_iter().flatten().filter_map(|part| part.get("text")?.as_str());
        content.as_str().map(str::to_owned).or_else(|| Some(parts.collect::<Vec<_>>().join(" ")))
    };
    match list {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(messages)) => {
            let user = messages.iter().rev().find(|m| m.get("role").and_then(Value::as_str) == Some("user"));
            user.and_then(said).unwrap_or_default()
        }
        _ => String::new(),
    }
}
