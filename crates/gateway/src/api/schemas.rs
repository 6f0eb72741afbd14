//! JSON Schemas of requests and answers: what the OpenAPI document promises.

use super::routes::Route;
use serde_json::{Value, json};

fn named(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The schema of a route's request body, with its media type.
pub(super) fn request(route: Route) -> Option<(&'static str, Value)> {
    let name = match route {
        Route::Chat | Route::Explain => "ChatRequest",
        Route::Responses => "ResponsesRequest",
        Route::Messages => "MessagesRequest",
        Route::CountTokens => "CountTokensRequest",
        Route::Embeddings => "EmbeddingsRequest",
        Route::Evaluate => "EvaluateRequest",
        Route::Classify => "ClassifyRequest",
        Route::Feedback => "Feedback",
        Route::KeysCreate => "KeyRequest",
        Route::RiskScore => "RiskRequest",
        Route::X402Verify | Route::X402Settle => "X402Request",
        Route::PolicyPut | Route::PolicyCheck => return Some(("text/plain", json!({"type": "string"}))),
        _ => super::settle::schemas::request(route)?,
    };
    Some(("application/json", named(name)))
}

/// The status, media type and schema of a route's good answer.
pub(super) fn response(route: Route) -> (&'static str, &'static str, Option<Value>) {
    const JSON: &str = "application/json";
    if let Some((kind, schema)) = super::settle::schemas::response(route) {
        return ("200", kind, Some(schema));
    }
    match route {
        Route::Metrics => ("200", "application/openmetrics-text", Some(json!({"type": "string"}))),
        Route::Live => ("200", "text/event-stream", Some(json!({"type": "string"}))),
        Route::PolicyGet => ("200", "text/plain", Some(json!({"type": "string"}))),
        Route::Health | Route::Ready => ("200", JSON, Some(named("Status"))),
        Route::Models => ("200", JSON, Some(named("ModelList"))),
        Route::RiskScore => ("200", JSON, Some(named("RiskScore"))),
        Route::X402Verify => ("200", JSON, Some(json!({"type": "object", "required": ["isValid"]}))),
        Route::X402Settle => {
            ("200", JSON, Some(json!({"type": "object", "required": ["success", "transaction", "network"]})))
        }
        Route::X402Supported => {
            ("200", JSON, Some(json!({"type": "object", "required": ["kinds", "extensions", "signers"]})))
        }
        Route::CacheForget => ("200", JSON, Some(json!({"type": "object", "required": ["forgotten"]}))),
        Route::Support => ("200", JSON, Some(json!({"type": "object", "required": ["rates"]}))),
        Route::KeysCreate => ("201", JSON, Some(json!({"type": "object", "required": ["secret"]}))),
        _ => ("200", JSON, Some(json!({"type": "object"}))),
    }
}

/// The query parameters of a route.
pub(super) fn query(route: Route) -> Vec<(&'static str, Value)> {
    let count = json!({"type": "integer", "minimum": 1, "maximum": 1000});
    let text = json!({"type": "string"});
    match route {
        Route::Decisions => vec![
            ("limit", count),
            ("before", json!({"type": "integer", "minimum": 0})),
            ("route", text.clone()),
            ("model", text.clone()),
            ("key", text.clone()),
            ("id", text),
        ],
        Route::FleetAdvice => vec![
            ("gpu", text.clone()),
            ("model", text.clone()),
            ("ttft_ms", json!({"type": "number", "minimum": 1, "maximum": 1e7})),
            ("gamma", text.clone()),
            ("minutes", json!({"type": "integer", "minimum": 1, "maximum": 44640})),
            ("route", text.clone()),
            ("served", text),
        ],
        Route::CacheForget => ["owner", "tenant", "route", "model", "category"]
            .into_iter()
            .map(|name| (name, text.clone()))
            .chain([("before", json!({"type": "string", "format": "date-time"}))])
            .collect(),
        Route::Summary => vec![("minutes", json!({"type": "integer", "minimum": 1, "maximum": 44640}))],
        Route::ResponseItems => vec![
            ("limit", json!({"type": "integer", "minimum": 1, "maximum": 100})),
            ("after", text),
            ("order", json!({"enum": ["asc", "desc"]})),
        ],
        _ => super::settle::schemas::query(route),
    }
}

/// The named schemas.
pub(super) fn components() -> Value {
    let text = json!({"type": "string"});
    let object = json!({"type": "object"});
    let content = json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object", "required": ["type"]}}]});
    let role = |roles: &[&str]| json!({"enum": roles});
    let mut all = json!({
        "Error": {"type": "object", "required": ["error"], "properties": {"error": {
            "type": "object", "required": ["message", "type"], "properties": {"message": text, "type": text}}}},
        "Status": {"type": "object", "required": ["status"], "properties": {"status": text}},
        "ModelList": {"type": "object", "required": ["data"], "properties": {"data": {"type": "array", "items": object}}},
        "ChatRequest": {
            "type": "object", "required": ["model", "messages"], "properties": {
                "model": text,
                "messages": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["role"], "properties": {
                    "role": role(&["system", "developer", "user", "assistant", "tool"]), "content": content}}},
                "stream": {"type": "boolean"},
                "max_tokens": {"type": "integer", "minimum": 1},
                "temperature": {"type": "number", "minimum": 0, "maximum": 2}}},
        "ResponsesRequest": {
            "type": "object", "required": ["model", "input"], "properties": {
                "model": text,
                "input": {"anyOf": [text, {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["role", "content"],
                    "properties": {"role": role(&["system", "developer", "user", "assistant"]), "content": text}}}]},
                "stream": {"type": "boolean"},
                "max_output_tokens": {"type": "integer", "minimum": 16}}},
        "MessagesRequest": {
            "type": "object", "required": ["model", "messages", "max_tokens"], "properties": {
                "model": text,
                "max_tokens": {"type": "integer", "minimum": 1},
                "messages": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["role", "content"], "properties": {
                    "role": role(&["user", "assistant"]), "content": content}}},
                "stream": {"type": "boolean"}}},
        "CountTokensRequest": {
            "type": "object", "required": ["model", "messages"], "properties": {
                "model": text,
                "messages": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["role", "content"], "properties": {
                    "role": role(&["user", "assistant"]), "content": content}}}}},
        "EmbeddingsRequest": {
            "type": "object", "required": ["model", "input"], "properties": {
                "model": text,
                "input": {"anyOf": [text, {"type": "array", "minItems": 1, "items": text}]},
                "encoding_format": {"enum": ["float", "base64"]}}},
        "EvaluateRequest": {
            "type": "object", "properties": {
                "text": text, "messages": {"type": "array", "items": {"type": "object"}}, "model": text,
                "tools": {"type": "array", "items": {"type": "object"}},
                "metadata": {"type": "object"}, "options": {"type": "object", "properties": {"trace": {"type": "boolean"}}}}},
        "ClassifyRequest": {
            "type": "object", "properties": {
                "text": text, "texts": {"type": "array", "items": text, "maxItems": 1000}, "task_type": text}},
        "Feedback": {
            "type": "object", "required": ["request_id", "score"], "additionalProperties": false, "properties": {
                "request_id": text, "score": {"type": "number", "minimum": 0, "maximum": 1}, "comment": {"type": "string", "maxLength": 2000}}},
        "RiskRequest": {
            "type": "object", "required": ["at", "payments"], "additionalProperties": false, "properties": {
                "user": {"type": ["string", "null"]}, "at": {"type": "integer", "description": "The decision, in seconds since 1970"},
                "profile": {"type": "object", "additionalProperties": {"type": "number"}}, "reasons": {"type": "boolean"},
                "payments": {"type": "array", "maxItems": 20000, "items": {"type": "object", "additionalProperties": false, "properties": {
                    "time": {"type": ["integer", "null"]}, "merchant": text, "amount": {"type": ["integer", "null"], "description": "Minor units"},
                    "description": {"type": ["string", "null"]}, "name": {"type": ["string", "null"]}, "category": {"type": ["string", "null"]},
                    "numbers": {"type": "array", "items": {"type": "number"}}}}}}},
        "X402Request": {
            "type": "object",
            "required": ["x402Version", "paymentPayload", "paymentRequirements"],
            "properties": {
                "x402Version": {"type": "integer", "minimum": 1, "maximum": 2},
                "paymentPayload": {"type": "object"},
                "paymentRequirements": {"type": "object"},
            },
        },
        "RiskScore": {
            "type": "object", "required": ["probability", "points", "payments", "before_window", "refused", "model"], "properties": {
                "user": {"type": ["string", "null"]}, "probability": {"type": "number", "minimum": 0, "maximum": 1}, "points": {"type": "number"},
                "payments": {"type": "integer"}, "before_window": {"type": "integer"}, "model": text,
                "refused": {"type": "array", "items": {"type": "object"}}, "reasons": {"type": "array", "maxItems": 4, "items": {"type": "object"}}}},
        "KeyRequest": {
            "type": "object", "required": ["name"], "additionalProperties": false, "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 128},
                "roles": {"type": "array", "items": text}, "groups": {"type": "array", "items": text}, "scopes": {"type": "array", "items": text},
                "models": {"type": "array", "items": text},
                "tenant": text,
                "expires": {"type": "string", "description": "RFC 3339 time"}}},
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut all, super::settle::schemas::components()) {
        all.extend(more);
    }
    all
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_length_of_an_answer_is_the_callers_choice() {
        let schemas = super::components();
        let limits = [
            ("ChatRequest", "max_tokens"),
            ("ResponsesRequest", "max_output_tokens"),
            ("MessagesRequest", "max_tokens"),
        ];
        for (name, field) in limits {
            let schema = &schemas[name]["properties"][field];
            assert_eq!(schema["type"], "integer", "{name}.{field}");
            assert!(schema.get("maximum").is_none(), "{name}.{field}: {schema}");
        }
    }
}
