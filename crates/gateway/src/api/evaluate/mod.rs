//! What the vLLM Semantic Router's clients and probes ask: `POST /api/v1/eval` and `/api/v1/classify/{task}`.
//!
//! An evaluation is a decision of the gateway's own engine on its own policy; only the shape of the answer is
//! another's. Names are those that the policy's labels and notes give (an imported policy keeps the originals), and
//! where it gives none, its own.

mod answer;
mod classify;
mod named;
mod personal;
mod text;
mod trace;

pub(super) use classify::classify;

use super::caller::who;
use super::{Answered, json};
use crate::pipeline::{self, Caller, Evaluation};
use crate::snapshot::Snapshot;
use crate::state::Shared;
use crate::worker::Worker;
use answer::Asked;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use tollgate_core::{Fault, FaultKind};
use tollgate_wire::Dialect;
use tollgate_wire::peek::{Limits, peek};

/// Members of an evaluation that are handed to the decision as they are.
const PASSED: &[&str] =
    &["tools", "tool_choice", "response_format", "max_tokens", "max_completion_tokens", "metadata", "user"];

/// What an evaluation may ask for besides.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wishes {
    /// The tree of every decision.
    trace: bool,
}

fn bad(message: String, field: &'static str) -> Fault {
    Fault::caller(FaultKind::BadRequest, message).at(field)
}

/// A JSON object.
fn object(body: &Bytes, example: &str) -> Result<Map<String, Value>, Fault> {
    serde_json::from_slice(body).map_err(|e| bad(format!("{e}; send {example}"), "body"))
}

/// The member `options`, or its default.
fn options<T: Default + serde::de::DeserializeOwned>(
    asked: &Map<String, Value>,
    key: &'static str,
) -> Result<T, Fault> {
    match asked.get(key) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(options) => serde_json::from_value(options.clone()).map_err(|e| bad(e.to_string(), key)),
    }
}

/// `POST /api/v1/eval`: `{text | messages, model?, tools?, functions?, metadata?, options?}`; `?trace=true` asks for the
/// tree of every decision, as `options.trace` does.
pub(super) async fn eval(worker: &Worker, parts: &Parts, body: Bytes, peer: IpAddr) -> Answered {
    let (caller, snapshot) = who(worker, parts, peer)?;
    let by_query = parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "trace=true"));
    let bytes = body.len();
    let asker = Asker { shared: worker.shared().clone(), headers: parts.headers.clone(), caller, snapshot };
    let work = async move || {
        let members = object(&body, "{\"text\": …} or {\"messages\": […]}")?;
        let wishes: Wishes = options(&members, "options")?;
        let (found, asked) = asker.evaluated(&members).await?;
        let asked = Asked { trace: wishes.trace || by_query, ..asked };
        Ok(answer::evaluation(&asker.snapshot, &found, &asked))
    };
    json(StatusCode::OK, &worker.shared().large.work_that_waits(bytes, work).await?)
}

/// Who asks, and of what.
struct Asker {
    shared: Arc<Shared>,
    headers: HeaderMap,
    caller: Caller,
    snapshot: Arc<Snapshot>,
}

impl Asker {
    /// What the policy in force makes of a request in the incumbent's shape.
    async fn evaluated(&self, members: &Map<String, Value>) -> Result<(Evaluation, Asked), Fault> {
        let chat = serde_json::to_vec(&chat(members)?).map_err(|e| Fault::internal(e.to_string()))?;
        let view = peek(Dialect::OpenaiChat, chat.into(), &Limits::default()).map_err(|e| e.fault())?;
        let found =
            pipeline::evaluate(&self.shared, &self.snapshot, &view, &self.headers, &self.caller).await?;
        let text = view.last_user().map(|message| {
            let texts: Vec<_> = message.text.iter().map(|text| view.text(*text)).collect();
            texts.join("\n")
        });
        let model = view.model().unwrap_or_default().into_owned();
        Ok((found, Asked { text: text.unwrap_or_default(), model, trace: false }))
    }
}

/// The evaluation as a chat request.
fn chat(asked: &Map<String, Value>) -> Result<Map<String, Value>, Fault> {
    let messages = match (asked.get("messages"), asked.get("text")) {
        (Some(messages @ Value::Array(list)), _) if !list.is_empty() => messages.clone(),
        (None | Some(Value::Null | Value::Array(_)), Some(Value::String(text))) => {
            json!([{"role": "user", "content": text}])
        }
        _ => return Err(bad("give `text`, or `messages` with at least one message".into(), "text")),
    };
    let mut chat = Map::new();
    let model =
        asked.get("model").and_then(Value::as_str).filter(|model| !model.is_empty()).unwrap_or("auto");
    chat.insert("model".into(), json!(model));
    chat.insert("messages".into(), messages);
    for name in PASSED {
        if let Some(value) = asked.get(*name).filter(|value| !value.is_null()) {
            chat.insert((*name).to_owned(), value.clone());
        }
    }
    // The older spelling of tools.
    if let (None, Some(Value::Array(functions))) = (asked.get("tools"), asked.get("functions")) {
        let tools = functions.iter().map(|function| json!({"type": "function", "function": function}));
        chat.insert("tools".into(), tools.collect());
    }
    Ok(chat)
}
