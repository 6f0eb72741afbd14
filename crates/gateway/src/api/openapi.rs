//! The OpenAPI 3.1 document, from the route table and the schemas of the `schemas` module.

use super::routes::{Access, ROUTES, Route, Row};
use super::schemas;
use serde_json::{Map, Value, json};

/// The whole document.
#[must_use]
pub fn document() -> Value {
    let mut paths = Map::new();
    for row in ROUTES.iter().filter(|r| !r.path.starts_with("/console")) {
        let item = paths.entry(row.path).or_insert_with(|| json!({}));
        item[row.method.to_lowercase()] = operation(row);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tollgate",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Model requests in four dialects, routed, explained and measured; settlement: accounts, agents, mandates, escrows and their log; and the administration of the gateway."
        },
        "paths": paths,
        "components": {
            "schemas": schemas::components(),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A virtual key; `x-api-key` works too."},
                "admin": {"type": "http", "scheme": "bearer", "description": "The admin secret."}
            }
        }
    })
}

fn operation(row: &Row) -> Value {
    let mut operation = json!({
        "operationId": format!("{:?}", row.route),
        "summary": row.summary,
        "responses": responses(row),
        "security": match row.access {
            Access::Public => json!([]),
            Access::Caller => json!([{"key": []}, {}]),
            Access::Admin => json!([{"admin": []}, {}]),
            Access::Settle(_) => json!([{"key": []}, {"admin": []}, {}]),
        },
    });
    if let Some(parameters) = parameters(row) {
        operation["parameters"] = parameters;
    }
    if let Some((content_type, schema)) = schemas::request(row.route) {
        operation["requestBody"] = json!({"required": true, "content": {content_type: {"schema": schema}}});
    }
    operation
}

fn parameters(row: &Row) -> Option<Value> {
    let mut list = Vec::new();
    if let Some((_, rest)) = row.path.split_once('{') {
        let name = rest.split('}').next().unwrap_or_default();
        list.push(json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}));
    }
    // Only a challenge must be told all that it is for.
    let required = row.route == Route::SettleChallenge;
    for (name, schema) in schemas::query(row.route) {
        list.push(json!({"name": name, "in": "query", "required": required, "schema": schema}));
    }
    if matches!(row.access, Access::Settle(_)) && row.method == "POST" {
        let schema = json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"});
        list.push(json!({"name": "Idempotency-Key", "in": "header", "required": true, "schema": schema}));
    }
    (!list.is_empty()).then_some(Value::Array(list))
}

fn responses(row: &Row) -> Value {
    let (status, content_type, schema) = schemas::response(row.route);
    let mut good = json!({"description": "Done"});
    if let Some(schema) = schema {
        good["content"] = json!({content_type: {"schema": schema}});
        if matches!(row.route, Route::Chat | Route::Responses | Route::Messages) {
            good["content"]["text/event-stream"] = json!({"schema": {"type": "string"}});
        }
    }
    let (kind, name) = match row.access {
        Access::Settle(_) => ("application/problem+json", "Problem"),
        _ => ("application/json", "Error"),
    };
    let schema = json!({"$ref": format!("#/components/schemas/{name}")});
    let error = json!({"description": "Refused or failed", "content": {kind: {"schema": schema}}});
    json!({status: good, "4XX": error, "5XX": error})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What changes something of settlement wants a key by which it is known again, and every error is a problem.
    #[test]
    fn writes_of_settlement_want_a_key_and_errors_are_problems() {
        let document = document();
        let mut writes = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            // Stripe's webhooks bring a key of their own, and no role.
            if !path.starts_with("/v1/settle/") || path == "/v1/settle/card/events" {
                continue;
            }
            for (method, operation) in item.as_object().unwrap() {
                let none = Vec::new();
                let parameters = operation["parameters"].as_array().unwrap_or(&none);
                let key = parameters.iter().find(|one| one["name"] == "Idempotency-Key");
                assert_eq!(key.is_some(), method != "get", "{method} {path}");
                assert!(key.is_none_or(|key| key["in"] == "header" && key["required"] == true), "{path}");
                writes += usize::from(method != "get");
                for status in ["4XX", "5XX"] {
                    let content = &operation["responses"][status]["content"];
                    let schema = &content["application/problem+json"]["schema"]["$ref"];
                    assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
                }
            }
        }
        assert!(writes > 8, "{writes} writes");
    }

    #[test]
    fn every_route_but_the_console_is_described_and_every_reference_resolves() {
        let document = document();
        let operations: usize =
            document["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
        assert_eq!(operations, ROUTES.iter().filter(|r| !r.path.starts_with("/console")).count());
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
