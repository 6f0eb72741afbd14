//! The smallest value that a JSON schema allows, for structured output and tool arguments.
//!
//! Covers what strict structured output uses: types, `enum`, `const`, `anyOf`/`oneOf` (first branch), `allOf`
//! (merged objects), `$ref` into the same document, bounds on numbers, strings and arrays, common formats.
//! `pattern` is not solved; recursion ends at [`DEPTH_MAX`] with null.

use serde_json::{Map, Value, json};

/// Deepest nesting that is followed.
const DEPTH_MAX: u32 = 24;
/// Most items or characters that a lower bound can ask for.
const LEAST_MAX: u64 = 1000;

/// A minimal instance of `schema`.
#[must_use]
pub fn instance(schema: &Value) -> Value {
    value(schema, schema, 0)
}

fn value(schema: &Value, root: &Value, depth: u32) -> Value {
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let found = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return found.map_or(Value::Null, |s| value(s, root, depth + 1));
    }
    if let Some(fixed) = schema.get("const") {
        return fixed.clone();
    }
    for key in ["enum", "examples"] {
        if let Some(first) = schema.get(key).and_then(|v| v.get(0)) {
            return first.clone();
        }
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(branches) = schema.get(key).and_then(Value::as_array) {
            return shallowest(branches, root, depth);
        }
    }
    if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
        return merged(schema, parts, root, depth);
    }
    match type_of(schema) {
        "object" => object(schema, root, depth),
        "array" => array(schema, root, depth),
        "string" => string(schema),
        "integer" => number(schema, true),
        "number" => number(schema, false),
        "boolean" => Value::Bool(false),
        _ => Value::Null,
    }
}

/// The type, or what the keywords imply. Of several types the first that is not null.
fn type_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => {
            let mut names = names.iter().filter_map(Value::as_str);
            names.find(|name| *name != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() || schema.get("required").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ if schema == &json!({}) || schema == &Value::Bool(true) => "object",
        _ => "string",
    }
}

/// A branch that ends the recursion (null, scalars) before one that may go on.
fn shallowest(branches: &[Value], root: &Value, depth: u32) -> Value {
    let recursive = |branch: &&Value| branch.get("$ref").is_some();
    let chosen = if depth > DEPTH_MAX / 4 { branches.iter().find(|b| !recursive(b)) } else { None };
    chosen.or(branches.first()).map_or(Value::Null, |s| value(s, root, depth + 1))
}

fn merged(schema: &Value, parts: &[Value], root: &Value, depth: u32) -> Value {
    let mut whole = Map::new();
    if schema.get("properties").is_some() {
        whole.extend(fields(schema, root, depth));
    }
    for part in parts {
        match value(part, root, depth + 1) {
            Value::Object(fields) => whole.extend(fields),
            scalar => return scalar,
        }
    }
    Value::Object(whole)
}

fn object(schema: &Value, root: &Value, depth: u32) -> Value {
    Value::Object(fields(schema, root, depth))
}

fn fields(schema: &Value, root: &Value, depth: u32) -> Map<String, Value> {
    let required = schema.get("required").and_then(Value::as_array);
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    let open = Value::Object(Map::new());
    names
        .map(|name| {
            let of = schema.get("properties").and_then(|p| p.get(name)).unwrap_or(&open);
            (name.to_owned(), value(of, root, depth + 1))
        })
        .collect()
}

fn array(schema: &Value, root: &Value, depth: u32) -> Value {
    let least = bound(schema, "minItems").unwrap_or(0).min(LEAST_MAX);
    let prefix = schema.get("prefixItems").and_then(Value::as_array);
    let open = Value::Object(Map::new());
    let items = (0..usize::try_from(least).unwrap_or(0)).map(|i| {
        let of = prefix.and_then(|p| p.get(i)).or(schema.get("items")).unwrap_or(&open);
        value(of, root, depth + 1)
    });
    Value::Array(items.collect())
}

fn bound(schema: &Value, key: &str) -> Option<u64> {
    schema.get(key).and_then(Value::as_u64)
}

fn string(schema: &Value) -> Value {
    let by_format = match schema.get("format").and_then(Value::as_str) {
        Some("date") => "2026-01-01",
        Some("time") => "00:00:00Z",
        Some("date-time") => "2026-01-01T00:00:00Z",
        Some("duration") => "PT0S",
        Some("email") => "sim@example.com",
        Some("hostname") => "example.com",
        Some("ipv4") => "127.0.0.1",
        Some("ipv6") => "::1",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        Some("uri") => "https://example.com/",
        _ => "",
    };
    let least = bound(schema, "minLength").unwrap_or(0).min(LEAST_MAX);
    let most = bound(schema, "maxLength").unwrap_or(u64::MAX);
    let mut text = if by_format.is_empty() && most >= 3 { "sim".to_owned() } else { by_format.to_owned() };
    while (text.chars().count() as u64) < least {
        text.push('x');
    }
    Value::String(text)
}

fn number(schema: &Value, whole: bool) -> Value {
    let get = |key: &str| schema.get(key).and_then(Value::as_f64);
    let above = get("exclusiveMinimum").map(|m| if whole { m.floor() + 1.0 } else { m + 1.0 });
    let below = get("exclusiveMaximum").map(|m| if whole { m.ceil() - 1.0 } else { m - 1.0 });
    let (low, high) = (get("minimum").or(above), get("maximum").or(below));
    let mut chosen = low.unwrap_or(0.0_f64.min(high.unwrap_or(0.0)));
    if let (Some(low), Some(high)) = (low, high)
        && low > high
    {
        // Exclusive bounds less than 1 apart: the middle lies between them.
        chosen =
            f64::midpoint(get("exclusiveMinimum").unwrap_or(low), get("exclusiveMaximum").unwrap_or(high));
    }
    let step = get("multipleOf").filter(|step| *step > 0.0).unwrap_or(if whole { 1.0 } else { 0.0 });
    if step > 0.0 {
        chosen = (chosen / step).ceil() * step;
    }
    if chosen.fract() == 0.0 && chosen.abs() < 9e15 { json!(chosen as i64) } else { json!(chosen) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_minimal_instances() {
        let cases = [
            (json!({"type": "object", "properties": {"a": {"type": "integer"}}}), json!({})),
            (
                json!({"type": "object", "required": ["a", "b"], "properties": {
                    "a": {"type": "integer", "minimum": 3}, "b": {"enum": ["x", "y"]}}}),
                json!({"a": 3, "b": "x"}),
            ),
            (
                json!({"type": "array", "minItems": 2, "items": {"type": ["null", "boolean"]}}),
                json!([false, false]),
            ),
            (json!({"type": "string", "minLength": 5}), json!("simxx")),
            (json!({"type": "string", "maxLength": 2}), json!("")),
            (json!({"type": "string", "format": "date"}), json!("2026-01-01")),
            (json!({"type": "integer", "exclusiveMinimum": 4, "multipleOf": 5}), json!(5)),
            (json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}), json!(0.5)),
            (json!({"type": "integer", "maximum": -2}), json!(-2)),
            (json!({"anyOf": [{"const": 7}, {"type": "null"}]}), json!(7)),
            (
                json!({"allOf": [{"required": ["a"], "properties": {"a": {"const": 1}}},
                                 {"required": ["b"], "properties": {"b": {"type": "null"}}}]}),
                json!({"a": 1, "b": null}),
            ),
            (json!({"$ref": "#/$defs/t", "$defs": {"t": {"type": "boolean"}}}), json!(false)),
        ];
        for (schema, expected) in cases {
            assert_eq!(instance(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn recursion_ends() {
        let tree = json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "required": ["next"],
            "properties": {"next": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}}}}});
        assert!(
            instance(&tree)
                .to_string()
                .ends_with(&format!("null{}", "}".repeat(instance(&tree).to_string().matches('{').count())))
        );
        let endless = json!({"$ref": "#"});
        assert_eq!(instance(&endless), Value::Null);
        let huge = json!({"type": "array", "minItems": 18446744073709551615_u64, "items": {"const": 1}});
        assert_eq!(instance(&huge).as_array().map(Vec::len), Some(1000));
    }
}
