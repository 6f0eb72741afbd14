//! From JSON to a typed request, field by field.

use super::{Ask, AskError, Format, MESSAGES_MAX, Message, Tool, ToolChoice};
use serde_json::Value;
use tollgate_core::Digest;

fn wrong<T>(field: impl Into<String>, message: impl Into<String>) -> Result<T, AskError> {
    Err(AskError { field: field.into(), message: message.into() })
}

impl Ask {
    /// Reads a chat completion request.
    ///
    /// # Errors
    /// [`AskError`] for JSON that does not parse and for each field that has the wrong type or value.
    pub fn parse(body: &[u8]) -> Result<Self, AskError> {
        let value: Value = match serde_json::from_slice(body) {
            Ok(value) => value,
            Err(e) => return wrong("body", format!("is not JSON: {e}")),
        };
        let model = match value.get("model").and_then(Value::as_str) {
            Some(model) if !model.is_empty() => model.to_owned(),
            _ => return wrong("model", "must be a non-empty string"),
        };
        if value.get("n").is_some_and(|n| !n.is_null() && n.as_u64() != Some(1)) {
            return wrong("n", "must be 1: this server gives one answer");
        }
        let limit = match number(&value, "max_completion_tokens")? {
            None => number(&value, "max_tokens")?,
            given => given,
        };
        if limit == Some(0) {
            return wrong("max_tokens", "must be at least 1");
        }
        let options = value.get("stream_options");
        let mut ask = Self {
            model,
            messages: messages(&value)?,
            tools: tools(&value)?,
            tool_choice: tool_choice(&value)?,
            parallel_calls: flag(&value, "parallel_tool_calls")?.unwrap_or(true),
            max_tokens: limit,
            min_tokens: number(&value, "min_tokens")?,
            ignore_eos: flag(&value, "ignore_eos")?.unwrap_or(false),
            stop: stop(&value)?,
            stream: flag(&value, "stream")?.unwrap_or(false),
            include_usage: options.and_then(|o| o.get("include_usage")) == Some(&Value::Bool(true)),
            format: format(&value)?,
            temperature: fraction(&value, "temperature", 2.0)?,
            top_p: fraction(&value, "top_p", 1.0)?,
            seed: value.get("seed").and_then(Value::as_i64).unwrap_or(0).cast_unsigned(),
            effort: value.get("reasoning_effort").and_then(Value::as_str).map(str::to_owned),
            digest: Digest([0; 32]),
        };
        ask.digest = ask.shape();
        Ok(ask)
    }
}

fn flag(value: &Value, key: &'static str) -> Result<Option<bool>, AskError> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(b)) => Ok(Some(*b)),
        Some(_) => wrong(key, "must be true or false"),
    }
}

fn fraction(value: &Value, key: &'static str, most: f64) -> Result<Option<f64>, AskError> {
    match value.get(key).filter(|v| !v.is_null()).map(Value::as_f64) {
        None => Ok(None),
        Some(Some(x)) if (0.0..=most).contains(&x) => Ok(Some(x)),
        Some(_) => wrong(key, format!("must be a number from 0 to {most}")),
    }
}

fn number(value: &Value, key: &'static str) -> Result<Option<u32>, AskError> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(v) => match v.as_u64() {
            Some(n) => Ok(Some(u32::try_from(n).unwrap_or(u32::MAX))),
            None => wrong(key, "must be a whole number, 0 or more"),
        },
    }
}

fn stop(value: &Value) -> Result<Vec<String>, AskError> {
    match value.get("stop") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(many)) if many.iter().all(Value::is_string) => {
            Ok(many.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        Some(_) => wrong("stop", "must be a string or an array of strings"),
    }
}

fn messages(value: &Value) -> Result<Vec<Message>, AskError> {
    let Some(list) = value.get("messages").and_then(Value::as_array) else {
        return wrong("messages", "must be an array of messages");
    };
    if list.is_empty() || list.len() > MESSAGES_MAX {
        return wrong("messages", format!("must hold 1 to {MESSAGES_MAX} messages, not {}", list.len()));
    }
    list.iter().enumerate().map(|(i, m)| message(m, i)).collect()
}

fn message(value: &Value, i: usize) -> Result<Message, AskError> {
    let role = value.get("role").and_then(Value::as_str).unwrap_or_default();
    if !["system", "developer", "user", "assistant", "tool", "function"].contains(&role) {
        return wrong(format!("messages[{i}].role"), "must be system, developer, user, assistant or tool");
    }
    let mut message = Message { role: role.to_owned(), ..Message::default() };
    match value.get("content") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => message.text.clone_from(text),
        Some(Value::Array(parts)) => {
            for (j, part) in parts.iter().enumerate() {
                content_part(part, &mut message, || format!("messages[{i}].content[{j}]"))?;
            }
        }
        Some(_) => return wrong(format!("messages[{i}].content"), "must be a string or an array of parts"),
    }
    if let Some(calls) = value.get("tool_calls").filter(|calls| !calls.is_null()) {
        message.calls = calls.to_string();
    }
    Ok(message)
}

fn content_part(part: &Value, into: &mut Message, field: impl Fn() -> String) -> Result<(), AskError> {
    match part.get("type").and_then(Value::as_str) {
        Some("text" | "refusal") => {
            let text = part.get("text").or(part.get("refusal")).and_then(Value::as_str);
            let Some(text) = text else { return wrong(field(), "a text part needs a string `text`") };
            if !into.text.is_empty() {
                into.text.push('\n');
            }
            into.text.push_str(text);
        }
        Some("image_url") => {
            let url = part.get("image_url").and_then(|u| u.get("url")).and_then(Value::as_str);
            let Some(url) = url else { return wrong(field(), "an image part needs `image_url.url`") };
            into.images.push(url.to_owned());
        }
        Some("input_audio" | "file") => {}
        _ => return wrong(field(), "must have type text, image_url, input_audio or file"),
    }
    Ok(())
}

fn tools(value: &Value) -> Result<Vec<Tool>, AskError> {
    let list = match value.get("tools") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return wrong("tools", "must be an array of tools"),
    };
    let mut found = Vec::with_capacity(list.len());
    for (i, tool) in list.iter().enumerate() {
        let function = tool.get("function");
        let Some(name) = function.and_then(|f| f.get("name")).and_then(Value::as_str) else {
            return wrong(format!("tools[{i}].function.name"), "must be a string");
        };
        let parameters = function.and_then(|f| f.get("parameters")).cloned();
        found.push(Tool { name: name.to_owned(), parameters: parameters.unwrap_or(Value::Bool(true)) });
    }
    Ok(found)
}

fn tool_choice(value: &Value) -> Result<ToolChoice, AskError> {
    let Some(choice) = value.get("tool_choice").filter(|c| !c.is_null()) else { return Ok(ToolChoice::Auto) };
    match choice.as_str() {
        Some("auto") => Ok(ToolChoice::Auto),
        Some("none") => Ok(ToolChoice::None),
        Some("required") => Ok(ToolChoice::Required),
        Some(_) => wrong("tool_choice", "must be auto, none, required or a function"),
        None => match choice.pointer("/function/name").and_then(Value::as_str) {
            Some(name) => Ok(ToolChoice::Named(name.to_owned())),
            None => wrong("tool_choice.function.name", "must be a string"),
        },
    }
}

fn format(value: &Value) -> Result<Format, AskError> {
    let Some(format) = value.get("response_format").filter(|f| !f.is_null()) else { return Ok(Format::Text) };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::JsonObject),
        Some("json_schema") => match format.pointer("/json_schema/schema") {
            Some(schema) => Ok(Format::JsonSchema(schema.clone())),
            None => wrong("response_format.json_schema.schema", "must be a JSON schema"),
        },
        _ => wrong("response_format.type", "must be text, json_object or json_schema"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_name_the_field() {
        let hello = json!([{"role": "user", "content": "hi"}]);
        let cases = [
            (json!({"messages": hello}), "model"),
            (json!({"model": "m"}), "messages"),
            (json!({"model": "m", "messages": []}), "messages"),
            (json!({"model": "m", "messages": [{"role": "me"}]}), "messages[0].role"),
            (json!({"model": "m", "messages": [{"role": "user", "content": 3}]}), "messages[0].content"),
            (
                json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "x"}]}]}),
                "messages[0].content[0]",
            ),
            (json!({"model": "m", "messages": hello, "n": 2}), "n"),
            (json!({"model": "m", "messages": hello, "max_tokens": -1}), "max_tokens"),
            (json!({"model": "m", "messages": hello, "max_tokens": 0}), "max_tokens"),
            (json!({"model": "m", "messages": hello, "stream": "yes"}), "stream"),
            (json!({"model": "m", "messages": hello, "stop": 1}), "stop"),
            (json!({"model": "m", "messages": hello, "tools": [{}]}), "tools[0].function.name"),
            (json!({"model": "m", "messages": hello, "tool_choice": "some"}), "tool_choice"),
            (json!({"model": "m", "messages": hello, "response_format": {}}), "response_format.type"),
        ];
        for (body, field) in cases {
            assert_eq!(Ask::parse(body.to_string().as_bytes()).unwrap_err().field, field, "{body}");
        }
        assert_eq!(Ask::parse(b"{").unwrap_err().field, "body");
    }
}
