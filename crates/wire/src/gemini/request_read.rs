//! A Gemini request into the form.

use super::parts::{Ids, read_part};
use crate::Dialect::Gemini;
use crate::error::WireError;
use crate::form::{
    Body, Effort, Fields, Format, Json, Message, Part, Request, Role, Sampling, Thinking, Tool, ToolChoice,
    syntax, wrong,
};

/// Reads the body of `generateContent`. Model and stream stand in the path.
///
/// # Errors
/// When it is not JSON, or a member that the form knows has the wrong kind of value.
pub fn read_request(body: &[u8]) -> Result<Request, WireError> {
    let mut fields = Fields::of(Json::parse(body).map_err(|e| syntax(&e))?, "")?;
    let mut request = Request { model: fields.text("model")?, ..Request::default() };
    let mut ids = Ids::default();
    let system = match fields.object("systemInstruction")? {
        Some(system) => Some(system),
        None => fields.object("system_instruction")?,
    };
    if let Some(mut system) = system {
        request.system = read_parts(system.list("parts")?, "systemInstruction.parts", &mut ids)?;
    }
    for (n, content) in fields.list("contents")?.into_iter().enumerate() {
        read_content(content, format!("contents[{n}]"), &mut ids, &mut request.messages)?;
    }
    for (n, tool) in fields.list("tools")?.into_iter().enumerate() {
        read_tools(tool, format!("tools[{n}]"), &mut request.tools)?;
    }
    if let Some(mut config) = fields.object("toolConfig")? {
        read_choice(&mut config, &mut request)?;
    }
    if let Some(mut config) = fields.object("generationConfig")? {
        read_config(&mut config, &mut request)?;
        let rest = config.rest(Gemini).members;
        if !rest.is_empty() {
            fields.put("generationConfig", Json::Object(rest));
        }
    }
    request.extra = fields.rest(Gemini);
    Ok(request)
}

fn read_parts(parts: Vec<Json>, path: &str, ids: &mut Ids) -> Result<Vec<Part>, WireError> {
    parts.into_iter().enumerate().map(|(n, part)| read_part(part, format!("{path}[{n}]"), ids)).collect()
}

fn read_content(
    json: Json,
    path: String,
    ids: &mut Ids,
    messages: &mut Vec<Message>,
) -> Result<(), WireError> {
    let mut fields = Fields::of(json, path)?;
    let role = match fields.text("role")?.as_deref() {
        None | Some("user" | "function") => Role::User,
        Some("model") => Role::Assistant,
        Some(other) => return Err(wrong(&fields.at("role"), &Json::from(other), "user or model")),
    };
    let parts = fields.list("parts")?;
    let parts = read_parts(parts, &fields.at("parts"), ids)?;
    let (results, rest): (Vec<Part>, Vec<Part>) =
        parts.into_iter().partition(|part| matches!(part.body, Body::ToolResult { .. }));
    let only_results = !results.is_empty() && rest.is_empty();
    messages.extend(results.into_iter().map(|part| Message::of(Role::Tool, vec![part])));
    if !only_results {
        messages.push(Message { extra: fields.rest(Gemini), ..Message::of(role, rest) });
    }
    Ok(())
}

fn read_tools(json: Json, path: String, tools: &mut Vec<Tool>) -> Result<(), WireError> {
    let mut fields = Fields::of(json, path)?;
    for (n, json) in fields.list("functionDeclarations")?.into_iter().enumerate() {
        let mut function = Fields::of(json, format!("{}[{n}]", fields.at("functionDeclarations")))?;
        let (name, description) = (function.need_text("name")?, function.text("description")?);
        let (open_api, schema) = (function.take("parameters"), function.take("parametersJsonSchema"));
        let schema = schema.or(open_api.map(lower_types));
        let extra = function.rest(Gemini);
        tools.push(Tool::Function { name, description, schema, strict: None, cache: None, extra });
    }
    let rest = fields.rest(Gemini).members.into_iter();
    tools.extend(
        rest.map(|(key, value)| Tool::BuiltIn { dialect: Gemini, value: Json::object().with(&key, value) }),
    );
    Ok(())
}

/// A schema whose types are spelled in upper case, as JSON Schema spells them.
fn lower_types(schema: Json) -> Json {
    match schema {
        Json::Object(members) => Json::Object(
            members
                .into_iter()
                .map(|(key, value)| match (key.as_str(), value) {
                    ("type", Json::String(word)) => (key, Json::String(word.to_ascii_lowercase())),
                    (_, value) => (key, lower_types(value)),
                })
                .collect(),
        ),
        Json::Array(items) => Json::Array(items.into_iter().map(lower_types).collect()),
        other => other,
    }
}

fn read_choice(config: &mut Fields, request: &mut Request) -> Result<(), WireError> {
    let Some(mut calling) = config.object("functionCallingConfig")? else { return Ok(()) };
    let mode = calling.text("mode")?.unwrap_or_default();
    let names = calling.texts("allowedFunctionNames")?;
    request.tool_choice = Some(match (mode.as_str(), names.as_slice()) {
        ("ANY", [name]) => ToolChoice::Named(name.clone()),
        ("ANY", []) => ToolChoice::Required,
        ("NONE", _) => ToolChoice::None,
        ("AUTO", _) => ToolChoice::Auto,
        _ => {
            let value = Json::object().with("mode", mode).with("allowedFunctionNames", names);
            ToolChoice::Other { dialect: Gemini, value }
        }
    });
    Ok(())
}

fn read_config(config: &mut Fields, request: &mut Request) -> Result<(), WireError> {
    request.sampling = Sampling {
        temperature: config.number("temperature")?,
        top_p: config.number("topP")?,
        top_k: config.number("topK")?,
        stop: config.texts("stopSequences")?,
        seed: config.number("seed")?,
        presence_penalty: config.number("presencePenalty")?,
        frequency_penalty: config.number("frequencyPenalty")?,
        max_tokens: config.count("maxOutputTokens")?,
        n: config.count("candidateCount")?.filter(|n| *n != 1),
        logprobs: config.flag("responseLogprobs")?,
        top_logprobs: config.count("logprobs")?,
    };
    let schema = config.take("responseJsonSchema").or_else(|| config.take("responseSchema").map(lower_types));
    request.format = match (config.text("responseMimeType")?.as_deref(), schema) {
        (_, Some(schema)) => Some(Format::JsonSchema { name: None, description: None, schema, strict: None }),
        (Some("application/json"), None) => Some(Format::JsonObject),
        (Some(_), None) => Some(Format::Text),
        (None, None) => None,
    };
    let Some(mut thinking) = config.object("thinkingConfig")? else { return Ok(()) };
    let mut read = Thinking::default();
    if let Some(budget) = thinking.number("thinkingBudget")? {
        // -1 lets the model decide.
        read.adaptive = budget.as_i64() == Some(-1);
        read.budget = crate::form::whole(&budget);
    }
    read.effort = thinking.text("thinkingLevel")?.as_deref().and_then(Effort::parse);
    read.summary =
        thinking.flag("includeThoughts")?.map(|show| if show { "auto" } else { "none" }.to_owned());
    request.thinking = Some(read);
    Ok(())
}
