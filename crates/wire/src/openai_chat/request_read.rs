//! A chat request into the form.

use super::parts::{read_content, read_reasoning};
use crate::Dialect::OpenaiChat;
use crate::error::WireError;
use crate::form::{
    Body, Effort, Extra, Fields, Format, Json, Message, Part, Request, Role, Sampling, Thinking, Tool,
    ToolChoice, missing, syntax, wrong,
};

/// Reads the body of `POST /v1/chat/completions`.
///
/// # Errors
/// When it is not JSON, or a member that the form knows has the wrong kind of value.
pub fn read_request(body: &[u8]) -> Result<Request, WireError> {
    let json = Json::parse(body).map_err(|e| syntax(&e))?;
    let mut fields = Fields::of(json, "")?;
    let mut request = Request { model: fields.text("model")?, ..Request::default() };
    for (n, json) in fields.list("messages")?.into_iter().enumerate() {
        let message = read_message(json, format!("messages[{n}]"))?;
        if message.role == Role::System && request.messages.is_empty() && message.name.is_none() {
            request.system.extend(message.parts);
        } else {
            request.messages.push(message);
        }
    }
    request.tools = fields.each("tools", read_tool)?;
    request.tool_choice = fields.take("tool_choice").map(read_choice).transpose()?;
    request.sampling = read_sampling(&mut fields)?;
    request.format = fields.object("response_format")?.map(read_format).transpose()?;
    if let Some(word) = fields.text("reasoning_effort")? {
        let effort = Effort::parse(&word);
        let effort = effort.ok_or_else(|| {
            wrong("reasoning_effort", &Json::from(word), "none, minimal, low, medium, high, xhigh or max")
        })?;
        request.thinking = Some(Thinking { effort: Some(effort), ..Thinking::default() });
    }
    read_shared(&mut fields, &mut request)?;
    request.extra = fields.rest(OpenaiChat);
    Ok(request)
}

/// What both of OpenAI's dialects spell alike.
pub(crate) fn read_shared(fields: &mut Fields, request: &mut Request) -> Result<(), WireError> {
    request.parallel_tool_calls = fields.flag("parallel_tool_calls")?;
    request.metadata = fields.take("metadata");
    let (safety, user) = (fields.text("safety_identifier")?, fields.text("user")?);
    request.user = safety.or(user);
    request.service_tier = fields.text("service_tier")?;
    request.stream = fields.flag("stream")?.unwrap_or(false);
    // How a stream reports usage is between the caller and its own dialect's writer (`Options::include_usage`).
    fields.take("stream_options");
    request.store = fields.flag("store")?;
    Ok(())
}

fn read_sampling(fields: &mut Fields) -> Result<Sampling, WireError> {
    let (newer, older) = (fields.count("max_completion_tokens")?, fields.count("max_tokens")?);
    Ok(Sampling {
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        top_k: fields.number("top_k")?,
        stop: fields.texts("stop")?,
        seed: fields.number("seed")?,
        presence_penalty: fields.number("presence_penalty")?,
        frequency_penalty: fields.number("frequency_penalty")?,
        max_tokens: newer.or(older),
        n: fields.count("n")?.filter(|n| *n != 1),
        logprobs: fields.flag("logprobs")?,
        top_logprobs: fields.count("top_logprobs")?,
    })
}

fn read_message(json: Json, path: String) -> Result<Message, WireError> {
    let mut fields = Fields::of(json, path)?;
    let role = fields.need_text("role")?;
    let content = fields.take("content");
    let at = fields.at("content");
    let (role, parts) = match role.as_str() {
        "system" | "developer" => (Role::System, read_content(content, &at)?),
        "user" => (Role::User, read_content(content, &at)?),
        "assistant" => (Role::Assistant, read_assistant(content, &mut fields)?),
        "tool" => {
            let id = fields.need_text("tool_call_id")?;
            let parts = read_content(content, &at)?;
            let name = fields.text("name")?;
            (Role::Tool, vec![Part::of(Body::ToolResult { id, name, parts, error: false })])
        }
        other => {
            let wanted = "system, developer, user, assistant or tool";
            return Err(wrong(&fields.at("role"), &Json::from(other), wanted));
        }
    };
    let name = fields.text("name")?;
    Ok(Message { role, parts, name, extra: fields.rest(OpenaiChat) })
}

/// Reads the members of an assistant message, in the order in which a model produces them.
pub(super) fn read_assistant(content: Option<Json>, fields: &mut Fields) -> Result<Vec<Part>, WireError> {
    let mut parts: Vec<Part> = read_reasoning(fields)?.into_iter().map(Part::thought).collect();
    let said = read_content(content, &fields.at("content"))?;
    let alone = said.len() > 1;
    parts.extend(said.into_iter().filter(|part| alone || part.as_text() != Some("")));
    if let Some(text) = fields.text("refusal")? {
        parts.push(Part::of(Body::Refusal(text)));
    }
    for (n, call) in fields.list("tool_calls")?.into_iter().enumerate() {
        parts.push(read_call(call, format!("{}[{n}]", fields.at("tool_calls")))?);
    }
    Ok(parts)
}

fn read_call(json: Json, path: String) -> Result<Part, WireError> {
    let whole = json.clone();
    let mut fields = Fields::of(json, path)?;
    let Some(mut function) = fields.object("function")? else {
        return Ok(Part::of(Body::Other { dialect: OpenaiChat, value: whole }));
    };
    let id = fields.text("id")?.unwrap_or_default();
    let name = function.need_text("name")?;
    let arguments = match function.take("arguments") {
        None => String::new(),
        Some(Json::String(text)) => text,
        // Some servers write the arguments as an object; its JSON text says the same.
        Some(other) => other.to_text(),
    };
    let signature = read_signature(&mut fields);
    fields.take("type");
    fields.take("index");
    Ok(Part { extra: fields.rest(OpenaiChat), ..Part::of(Body::ToolCall { id, name, arguments, signature }) })
}

/// Takes `extra_content.google.thought_signature`.
pub(super) fn read_signature(call: &mut Fields) -> Option<String> {
    let content = call.take("extra_content")?;
    content.get("google")?.get("thought_signature")?.as_str().map(str::to_owned)
}

fn read_tool(json: Json, path: String) -> Result<Tool, WireError> {
    let whole = json.clone();
    let mut fields = Fields::of(json, path)?;
    let Some(mut function) = fields.object("function")? else {
        return Ok(Tool::BuiltIn { dialect: OpenaiChat, value: whole });
    };
    let cache = fields.take("cache_control").or_else(|| function.take("cache_control"));
    let tool = Tool::Function {
        name: function.need_text("name")?,
        description: function.text("description")?,
        schema: function.take("parameters"),
        strict: function.flag("strict")?,
        cache,
        extra: Extra::default(),
    };
    let more = function.rest(OpenaiChat);
    Ok(match tool {
        Tool::Function { name, description, schema, strict, cache, .. } => {
            Tool::Function { name, description, schema, strict, cache, extra: more }
        }
        built_in @ Tool::BuiltIn { .. } => built_in,
    })
}

fn read_choice(json: Json) -> Result<ToolChoice, WireError> {
    Ok(match &json {
        Json::String(word) => match word.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            _ => return Err(wrong("tool_choice", &json, "auto, none, required or an object")),
        },
        Json::Object(_) => match json.get("function").and_then(|f| f.get("name")).and_then(Json::as_str) {
            Some(name) => ToolChoice::Named(name.to_owned()),
            None => ToolChoice::Other { dialect: OpenaiChat, value: json },
        },
        _ => return Err(wrong("tool_choice", &json, "auto, none, required or an object")),
    })
}

fn read_format(mut fields: Fields) -> Result<Format, WireError> {
    let kind = fields.need_text("type")?;
    match kind.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::JsonObject),
        "json_schema" => {
            let mut named = fields
                .object("json_schema")?
                .ok_or_else(|| missing(&fields.at("json_schema"), "an object with name and schema"))?;
            read_schema(&mut named)
        }
        _ => Err(wrong(&fields.at("type"), &Json::from(kind), "text, json_object or json_schema")),
    }
}

/// Reads `{name, description, schema, strict}`.
pub(crate) fn read_schema(named: &mut Fields) -> Result<Format, WireError> {
    Ok(Format::JsonSchema {
        name: named.text("name")?,
        description: named.text("description")?,
        schema: named.take("schema").unwrap_or_else(Json::object),
        strict: named.flag("strict")?,
    })
}
