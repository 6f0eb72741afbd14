//! Items and content parts of the Responses dialect into the form.

use crate::Dialect::OpenaiResponses;
use crate::error::WireError;
use crate::form::{
    Body, Fields, Json, Media, Message, Part, Role, Source, Thought, missing, parts_of, wrong,
};
use crate::openai_chat::parts::{read_citation, read_file};

/// Reads a list of items as messages: a run of the model's items becomes one message.
pub(super) fn read_items(items: Vec<Json>, path: &str) -> Result<Vec<Message>, WireError> {
    let mut messages: Vec<Message> = Vec::new();
    for (n, item) in items.into_iter().enumerate() {
        let message = read_item(item, format!("{path}[{n}]"))?;
        match messages.last_mut() {
            Some(last) if last.role == Role::Assistant && message.role == Role::Assistant => {
                last.parts.extend(message.parts);
                last.extra.members.extend(message.extra.members);
                last.extra.dialect = last.extra.dialect.or(message.extra.dialect);
            }
            _ => messages.push(message),
        }
    }
    Ok(messages)
}

/// Reads one item as a message.
pub(super) fn read_item(json: Json, path: String) -> Result<Message, WireError> {
    let whole = json.clone();
    let mut fields = Fields::of(json, path)?;
    let kind = fields.text("type")?.unwrap_or_else(|| "message".to_owned());
    // An item's status says nothing that its place does not.
    fields.take("status");
    let (role, body) = match kind.as_str() {
        "message" => return read_message(fields),
        "function_call" => {
            fields.take("id");
            let (id, name) = (fields.need_text("call_id")?, fields.need_text("name")?);
            let arguments = fields.text("arguments")?.unwrap_or_default();
            (Role::Assistant, Body::ToolCall { id, name, arguments, signature: None })
        }
        "function_call_output" => {
            fields.take("id");
            let output = fields.take("output");
            let parts = read_content(output, &fields.at("output"))?;
            let (id, name) = (fields.need_text("call_id")?, fields.text("name")?);
            (Role::Tool, Body::ToolResult { id, name, parts, error: false })
        }
        "reasoning" => (Role::Assistant, Part::thought(read_thought(&mut fields)?).body),
        // What a provider's own tool was given or gave; its outputs go back to the model as they are.
        _ => {
            return Ok(Message::of(
                Role::Assistant,
                vec![Part::of(Body::Other { dialect: OpenaiResponses, value: whole })],
            ));
        }
    };
    Ok(Message::of(role, vec![Part { extra: fields.rest(OpenaiResponses), ..Part::of(body) }]))
}

fn read_message(mut fields: Fields) -> Result<Message, WireError> {
    let role = fields.need_text("role")?;
    let role = match role.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" | "developer" => Role::System,
        _ => {
            return Err(wrong(&fields.at("role"), &Json::from(role), "user, assistant, system or developer"));
        }
    };
    fields.take("id");
    let content = fields.take("content");
    let parts = read_content(content, &fields.at("content"))?;
    Ok(Message { extra: fields.rest(OpenaiResponses), ..Message::of(role, parts) })
}

/// Reads `{id, summary, content, encrypted_content}`.
pub(super) fn read_thought(fields: &mut Fields) -> Result<Thought, WireError> {
    let item = fields.text("id")?;
    let texts = |fields: &mut Fields, key: &str| -> Result<Vec<String>, WireError> {
        let parts = fields.list(key)?;
        Ok(parts.iter().filter_map(|part| part.get("text")?.as_str().map(str::to_owned)).collect())
    };
    let (summary, text) = (texts(fields, "summary")?, texts(fields, "content")?.concat());
    let encrypted = fields.text("encrypted_content")?;
    Ok(Thought { text, summary, signature: None, encrypted, origin: Some(OpenaiResponses), item })
}

/// Reads `content` or `output`: a string or an array of parts.
pub(super) fn read_content(json: Option<Json>, path: &str) -> Result<Vec<Part>, WireError> {
    parts_of(json, path, read_part)
}

/// Reads one content part.
pub(super) fn read_part(json: Json, path: String) -> Result<Part, WireError> {
    let whole = json.clone();
    let mut fields = Fields::of(json, path)?;
    let kind = fields.need_text("type")?;
    let body = match kind.as_str() {
        "input_text" | "text" => Part::text(fields.need_text("text")?).body,
        "output_text" => Body::Text {
            text: fields.need_text("text")?,
            citations: fields
                .list("annotations")?
                .into_iter()
                .map(|c| read_citation(c, OpenaiResponses))
                .collect(),
            logprobs: fields.list("logprobs")?,
        },
        "refusal" => Body::Refusal(fields.need_text("refusal")?),
        "input_image" => {
            let source = match (fields.text("image_url")?, fields.text("file_id")?) {
                (Some(url), _) => Source::from_url(url),
                (None, Some(id)) => Source::File { dialect: OpenaiResponses, id },
                (None, None) => return Err(missing(&fields.at("image_url"), "an address or a data URI")),
            };
            Body::Image(Media {
                source,
                detail: fields.text("detail")?.filter(|detail| detail != "auto"),
                name: None,
            })
        }
        "input_file" => Body::Document(read_file(&mut fields, OpenaiResponses)?),
        "input_audio" => {
            let at = fields.at("input_audio");
            let mut audio = fields.object("input_audio")?.ok_or_else(|| missing(&at, "an object"))?;
            let mime = format!("audio/{}", audio.text("format")?.unwrap_or_default());
            Body::Audio(Media::of(Source::Base64 { mime, data: audio.need_text("data")? }))
        }
        _ => return Ok(Part::of(Body::Other { dialect: OpenaiResponses, value: whole })),
    };
    Ok(Part { body, cache: None, extra: fields.rest(OpenaiResponses) })
}
