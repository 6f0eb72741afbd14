//! What an operator or a test asks: models, metrics, the journal, standing faults.

use super::rules::Rule;
use crate::api::error::ApiError;
use crate::config::ModelRow;
use crate::server::State;
use crate::server::body::SimBody;
use crate::server::route::{Received, json, typed};
use http::{Method, Response};
use serde_json::{Value, json as value};

fn row(state: &State, model: &ModelRow) -> Value {
    let window = model.context.unwrap_or(state.config.engine.max_model_len);
    value!({"id": model.name, "object": "model", "created": state.config.created, "owned_by": "tollgate-sim",
        "max_model_len": window})
}

/// `GET /v1/models`.
pub(in crate::server) fn models(state: &State) -> String {
    let rows: Vec<Value> = state.config.models.iter().map(|m| row(state, m)).collect();
    value!({"object": "list", "data": rows}).to_string()
}

/// `GET /v1/models/NAME`.
pub(in crate::server) fn model(state: &State, name: &str) -> Result<String, ApiError> {
    let found = state.config.models.iter().find(|m| m.name == name);
    let missing = || ApiError::new(404, format!("The model `{name}` does not exist."));
    Ok(row(state, found.ok_or_else(missing)?).to_string())
}

/// `GET /metrics`.
pub(in crate::server) fn metrics(state: &State) -> Response<SimBody> {
    let name = state.config.models.first().map(|m| m.name.as_str()).unwrap_or_default();
    let text = state.stats.lock().print(name);
    typed(200, "text/plain; version=0.0.4; charset=utf-8", SimBody::whole(text))
}

/// Everything under `/sim/`.
pub(in crate::server) fn handle(state: &State, received: &Received) -> Result<Response<SimBody>, ApiError> {
    let parts = &received.parts;
    match (parts.uri.path(), &parts.method) {
        ("/sim/requests", &Method::GET) => {
            let (entries, all) = state.journal.lock().last(last(parts.uri.query())?);
            Ok(json(200, value!({"total": all, "requests": entries}).to_string()))
        }
        ("/sim/requests", &Method::DELETE) => {
            state.journal.lock().clear();
            Ok(json(200, "{}"))
        }
        ("/sim/faults", &Method::GET) => {
            Ok(json(200, value!({"faults": state.rules.lock().list()}).to_string()))
        }
        ("/sim/faults", &Method::POST) => {
            let rule: Rule = serde_json::from_slice(&received.body)
                .map_err(|e| ApiError::new(400, format!("the rule does not parse: {e}")))?;
            state.rules.lock().add(rule).map_err(|e| ApiError::new(400, e.to_string()))?;
            Ok(json(200, "{}"))
        }
        ("/sim/faults", &Method::DELETE) => {
            state.rules.lock().clear();
            Ok(json(200, "{}"))
        }
        ("/sim/state", &Method::GET) => Ok(json(200, engine_state(state).to_string())),
        (path, method) => {
            Err(ApiError { code: None, ..ApiError::new(404, format!("there is no {method} {path}")) })
        }
    }
}

/// `last=N` of the query; all when absent.
fn last(query: Option<&str>) -> Result<usize, ApiError> {
    let Some(text) = query.and_then(|q| q.split('&').find_map(|pair| pair.strip_prefix("last="))) else {
        return Ok(usize::MAX);
    };
    text.parse().map_err(|_| ApiError::new(400, format!("last={text}: must be a whole number")))
}

fn engine_state(state: &State) -> Value {
    let stats = state.stats.lock();
    let (load, totals) = (stats.load, stats.totals);
    value!({
        "instance": state.config.instance,
        "running": load.running, "waiting": load.waiting, "blocks_held": load.blocks_held, "blocks": load.blocks,
        "steps": totals.steps, "prompt_tokens": totals.prompt_tokens, "cached_tokens": totals.cached_tokens,
        "output_tokens": totals.output_tokens, "preemptions": totals.preemptions, "finished": totals.finished,
        "cancelled": totals.cancelled,
    })
}
