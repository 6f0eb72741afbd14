//! A messages request into the form.

use super::parts::read_content;
use crate::Dialect::Anthropic;
use crate::error::WireError;
use crate::form::{
    Body, Effort, Extra, Fields, Format, Json, Message, Part, Request, Role, Sampling, Thinking, Tool,
    ToolChoice, syntax, wrong,
};

/// Reads the body of `POST /v1/messages`.
///
/// # Errors
/// When it is not JSON, or a member that the form knows has the wrong kind of value.
pub fn read_request(body: &[u8]) -> Result<Request, WireError> {
    let mut fields = Fields::of(Json::parse(body).map_err(|e| syntax(&e))?, "")?;
    let mut request = Request { model: fields.text("model")?, ..Request::default() };
    let system = fields.take("system");
    request.system = read_content(system, "system")?;
    for (n, json) in fields.list("messages")?.into_iter().enumerate() {
        read_message(json, format!("messages[{n}]"), &mut request.messages)?;
    }
    request.tools = fields.each("tools", read_tool)?;
    if let Some(choice) = fields.object("tool_choice")? {
        read_choice(choice, &mut request)?;
    }
    request.sampling = Sampling {
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        top_k: fields.number("top_k")?,
        stop: fields.texts("stop_sequences")?,
        max_tokens: fields.count("max_tokens")?,
        ..Sampling::default()
    };
    read_thinking(&mut fields, &mut request)?;
    read_metadata(&mut fields, &mut request)?;
    request.service_tier = fields.text("service_tier")?;
    request.stream = fields.flag("stream")?.unwrap_or(false);
    request.extra = fields.rest(Anthropic);
    Ok(request)
}

fn read_message(json: Json, path: String, messages: &mut Vec<Message>) -> Result<(), WireError> {
    let mut fields = Fields::of(json, path)?;
    let role = fields.need_text("role")?;
    let role = match role.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return Err(wrong(&fields.at("role"), &Json::from(role), "user, assistant or system")),
    };
    let content = fields.take("content");
    let parts = read_content(content, &fields.at("content"))?;
    let (results, rest): (Vec<Part>, Vec<Part>) =
        parts.into_iter().partition(|part| matches!(part.body, Body::ToolResult { .. }));
    let only_results = !results.is_empty() && rest.is_empty();
    messages.extend(results.into_iter().map(|part| Message::of(Role::Tool, vec![part])));
    if !only_results {
        messages.push(Message { extra: fields.rest(Anthropic), ..Message::of(role, rest) });
    }
    Ok(())
}

fn read_tool(json: Json, path: String) -> Result<Tool, WireError> {
    if !matches!(json.get("type").and_then(Json::as_str), None | Some("custom")) {
        return Ok(Tool::BuiltIn { dialect: Anthropic, value: json });
    }
    let mut fields = Fields::of(json, path)?;
    fields.take("type");
    let (name, description) = (fields.need_text("name")?, fields.text("description")?);
    let (schema, strict, cache) =
        (fields.take("input_schema"), fields.flag("strict")?, fields.take("cache_control"));
    let extra: Extra = fields.rest(Anthropic);
    Ok(Tool::Function { name, description, schema, strict, cache, extra })
}

fn read_choice(mut choice: Fields, request: &mut Request) -> Result<(), WireError> {
    let kind = choice.need_text("type")?;
    request.parallel_tool_calls = choice.flag("disable_parallel_tool_use")?.map(|off| !off);
    request.tool_choice = Some(match kind.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice.need_text("name")?),
        _ => return Err(wrong(&choice.at("type"), &Json::from(kind), "auto, any, none or tool")),
    });
    Ok(())
}

fn read_thinking(fields: &mut Fields, request: &mut Request) -> Result<(), WireError> {
    let mut read = Thinking::default();
    if let Some(mut thinking) = fields.object("thinking")? {
        let kind = thinking.need_text("type")?;
        match kind.as_str() {
            "enabled" => read.budget = thinking.count("budget_tokens")?,
            "adaptive" => read.adaptive = true,
            "disabled" => read.effort = Some(Effort::None),
            _ => return Err(wrong(&thinking.at("type"), &Json::from(kind), "enabled, adaptive or disabled")),
        }
        read.summary = thinking.text("display")?.map(|word| match word.as_str() {
            "omitted" => "none".to_owned(),
            _ => "auto".to_owned(),
        });
    }
    if let Some(mut output) = fields.object("output_config")? {
        if let Some(word) = output.text("effort")? {
            let effort = Effort::parse(&word);
            let effort = effort.ok_or_else(|| {
                wrong("output_config.effort", &Json::from(word), "low, medium, high, xhigh or max")
            })?;
            read.effort = read.effort.or(Some(effort));
        }
        if let Some(mut format) = output.object("format")? {
            let schema = format.take("schema").unwrap_or_else(Json::object);
            request.format = Some(Format::JsonSchema { name: None, description: None, schema, strict: None });
        }
    }
    request.thinking = (read != Thinking::default()).then_some(read);
    Ok(())
}

fn read_metadata(fields: &mut Fields, request: &mut Request) -> Result<(), WireError> {
    let Some(mut metadata) = fields.object("metadata")? else { return Ok(()) };
    request.user = metadata.text("user_id")?;
    let rest = metadata.rest(Anthropic).members;
    request.metadata = (!rest.is_empty()).then_some(Json::Object(rest));
    Ok(())
}
