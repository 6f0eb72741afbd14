//! A Responses request into the form.

use super::items::read_items;
use crate::Dialect::OpenaiResponses;
use crate::error::WireError;
use crate::form::{
    Effort, Fields, Format, Json, Message, Part, Request, Role, Sampling, Thinking, Tool, ToolChoice, syntax,
    wrong,
};
use crate::openai_chat::request_read::{read_schema, read_shared};

/// Reads the body of `POST /v1/responses`.
///
/// # Errors
/// When it is not JSON, or a member that the form knows has the wrong kind of value.
pub fn read_request(body: &[u8]) -> Result<Request, WireError> {
    let mut fields = Fields::of(Json::parse(body).map_err(|e| syntax(&e))?, "")?;
    let mut request = Request { model: fields.text("model")?, ..Request::default() };
    request.system.extend(fields.text("instructions")?.map(Part::text));
    let messages = match fields.take("input") {
        None => Vec::new(),
        Some(Json::String(text)) => vec![Message::of(Role::User, vec![Part::text(text)])],
        Some(Json::Array(items)) => read_items(items, "input")?,
        Some(other) => return Err(wrong("input", &other, "a string or an array of items")),
    };
    for message in messages {
        if message.role == Role::System && request.messages.is_empty() {
            request.system.extend(message.parts);
        } else {
            request.messages.push(message);
        }
    }
    request.tools = fields.each("tools", read_tool)?;
    request.tool_choice = fields.take("tool_choice").map(read_choice).transpose()?;
    request.sampling = Sampling {
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        max_tokens: fields.count("max_output_tokens")?,
        top_logprobs: fields.count("top_logprobs")?,
        ..Sampling::default()
    };
    read_text(&mut fields, &mut request)?;
    read_reasoning(&mut fields, &mut request)?;
    read_shared(&mut fields, &mut request)?;
    request.previous_response_id = fields.text("previous_response_id")?;
    request.extra = fields.rest(OpenaiResponses);
    Ok(request)
}

/// Reads `text`; what is not its format stays with the extras.
fn read_text(fields: &mut Fields, request: &mut Request) -> Result<(), WireError> {
    let Some(mut text) = fields.object("text")? else { return Ok(()) };
    if let Some(mut format) = text.object("format")? {
        let kind = format.need_text("type")?;
        request.format = Some(match kind.as_str() {
            "text" => Format::Text,
            "json_object" => Format::JsonObject,
            "json_schema" => read_schema(&mut format)?,
            _ => {
                return Err(wrong(&format.at("type"), &Json::from(kind), "text, json_object or json_schema"));
            }
        });
    }
    let rest = text.rest(OpenaiResponses).members;
    if !rest.is_empty() {
        fields.put("text", Json::Object(rest));
    }
    Ok(())
}

fn read_reasoning(fields: &mut Fields, request: &mut Request) -> Result<(), WireError> {
    let Some(mut reasoning) = fields.object("reasoning")? else { return Ok(()) };
    let mut thinking = Thinking::default();
    if let Some(word) = reasoning.text("effort")? {
        let effort = Effort::parse(&word);
        thinking.effort = Some(effort.ok_or_else(|| {
            wrong("reasoning.effort", &Json::from(word), "none, minimal, low, medium, high, xhigh or max")
        })?);
    }
    let (summary, older) = (reasoning.text("summary")?, reasoning.text("generate_summary")?);
    thinking.summary = summary.or(older);
    request.thinking = (thinking != Thinking::default()).then_some(thinking);
    let rest = reasoning.rest(OpenaiResponses).members;
    if !rest.is_empty() {
        fields.put("reasoning", Json::Object(rest));
    }
    Ok(())
}

fn read_tool(json: Json, path: String) -> Result<Tool, WireError> {
    if json.get("type").and_then(Json::as_str) != Some("function") {
        return Ok(Tool::BuiltIn { dialect: OpenaiResponses, value: json });
    }
    let mut fields = Fields::of(json, path)?;
    fields.take("type");
    let (name, description) = (fields.need_text("name")?, fields.text("description")?);
    let (schema, strict) = (fields.take("parameters"), fields.flag("strict")?);
    Ok(Tool::Function { name, description, schema, strict, cache: None, extra: fields.rest(OpenaiResponses) })
}

fn read_choice(json: Json) -> Result<ToolChoice, WireError> {
    Ok(match &json {
        Json::String(word) => match word.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            _ => return Err(wrong("tool_choice", &json, "auto, none, required or an object")),
        },
        Json::Object(_) => {
            match (json.get("type").and_then(Json::as_str), json.get("name").and_then(Json::as_str)) {
                (Some("function"), Some(name)) => ToolChoice::Named(name.to_owned()),
                _ => ToolChoice::Other { dialect: OpenaiResponses, value: json },
            }
        }
        _ => return Err(wrong("tool_choice", &json, "auto, none, required or an object")),
    })
}
