//! Content blocks of the messages dialect, both ways.

use crate::Dialect::Anthropic;
use crate::error::WireError;
use crate::form::{
    Body, Citation, Fields, Json, Media, Part, Report, Source, Thought, arguments_object, arguments_text,
    missing, wrong,
};

/// Reads `content`: a string or an array of blocks.
pub(super) fn read_content(content: Option<Json>, path: &str) -> Result<Vec<Part>, WireError> {
    match content {
        None => Ok(Vec::new()),
        Some(Json::String(text)) => Ok(vec![Part::text(text)]),
        Some(Json::Array(blocks)) => blocks
            .into_iter()
            .enumerate()
            .map(|(n, block)| read_block(block, format!("{path}[{n}]")))
            .collect(),
        Some(other) => Err(wrong(path, &other, "a string or an array of blocks")),
    }
}

/// Reads one block.
pub(super) fn read_block(json: Json, path: String) -> Result<Part, WireError> {
    let whole = json.clone();
    let mut fields = Fields::of(json, path)?;
    let kind = fields.need_text("type")?;
    let body = match kind.as_str() {
        "text" => {
            let citations = fields.list("citations")?.into_iter().map(read_citation).collect();
            Body::Text { text: fields.need_text("text")?, citations, logprobs: Vec::new() }
        }
        "image" => Body::Image(Media::of(read_source(&mut fields)?)),
        "document" => match whole.get("source").and_then(|s| s.get("type")).and_then(Json::as_str) {
            Some("content") => return Ok(Part::of(Body::Other { dialect: Anthropic, value: whole })),
            _ => Body::Document(Media {
                source: read_source(&mut fields)?,
                detail: None,
                name: fields.text("title")?,
            }),
        },
        "tool_use" => Body::ToolCall {
            id: fields.need_text("id")?,
            name: fields.need_text("name")?,
            arguments: arguments_text(&fields.take("input").unwrap_or_else(Json::object)),
            signature: None,
        },
        "tool_result" => {
            let content = fields.take("content");
            let parts = read_content(content, &fields.at("content"))?;
            let id = fields.need_text("tool_use_id")?;
            Body::ToolResult { id, name: None, parts, error: fields.flag("is_error")?.unwrap_or(false) }
        }
        "thinking" => {
            let signature = fields.text("signature")?.filter(|text| !text.is_empty());
            let text = fields.need_text("thinking")?;
            Part::thought(Thought { text, signature, origin: Some(Anthropic), ..Thought::default() }).body
        }
        "redacted_thinking" => {
            let encrypted = Some(fields.need_text("data")?);
            Body::Reasoning(Thought { encrypted, origin: Some(Anthropic), ..Thought::default() })
        }
        _ => return Ok(Part::of(Body::Other { dialect: Anthropic, value: whole })),
    };
    let cache = fields.take("cache_control");
    Ok(Part { body, cache, extra: fields.rest(Anthropic) })
}

fn read_source(fields: &mut Fields) -> Result<Source, WireError> {
    let path = fields.at("source");
    let mut source = fields.object("source")?.ok_or_else(|| missing(&path, "an object with a type"))?;
    let kind = source.need_text("type")?;
    Ok(match kind.as_str() {
        "base64" => Source::Base64 {
            mime: source.text("media_type")?.unwrap_or_default(),
            data: source.need_text("data")?,
        },
        "url" => Source::Url(source.need_text("url")?),
        "text" => Source::Text(source.need_text("data")?),
        "file" => Source::File { dialect: Anthropic, id: source.need_text("file_id")? },
        _ => return Err(wrong(&source.at("type"), &Json::from(kind), "base64, url, text, file or content")),
    })
}

/// Reads a citation: of a page when it is one of a search result.
pub(super) fn read_citation(json: Json) -> Citation {
    let text = |key| json.get(key).and_then(Json::as_str).map(str::to_owned);
    match (text("type").as_deref(), text("url")) {
        (Some("web_search_result_location"), Some(url)) => Citation::Url {
            url,
            title: text("title").unwrap_or_default(),
            range: None,
            cited: text("cited_text"),
            encrypted: text("encrypted_index").filter(|text| !text.is_empty()),
        },
        _ => Citation::Other { dialect: Anthropic, value: json },
    }
}

/// Writes a citation of `text`.
pub(super) fn write_citation(citation: &Citation, text: &str) -> Option<Json> {
    match citation {
        Citation::Other { dialect: Anthropic, value } => Some(value.clone()),
        Citation::Other { .. } => None,
        Citation::Url { url, title, range, cited, encrypted } => {
            let (from, to) = range.unwrap_or((0, u64::MAX));
            let of_text =
                || text.chars().skip(from as usize).take(to.saturating_sub(from) as usize).collect();
            Some(
                Json::object()
                    .with("type", "web_search_result_location")
                    .with("cited_text", cited.clone().unwrap_or_else(of_text))
                    .with("url", url.as_str())
                    .with("title", title.as_str())
                    .with("encrypted_index", encrypted.as_deref().unwrap_or_default()),
            )
        }
    }
}

/// Writes blocks as `content`: a string when it is one plain text, an array otherwise.
pub(super) fn write_content(parts: &[Part], path: &str, report: &mut Report) -> Json {
    if let [part] = parts
        && let Body::Text { text, citations, .. } = &part.body
        && part.cache.is_none()
        && citations.is_empty()
    {
        part.extra.put(Anthropic, &format!("{path}[0].extra"), &mut Json::object(), report);
        return Json::from(text.as_str());
    }
    let blocks = parts.iter().enumerate();
    Json::Array(blocks.filter_map(|(n, part)| write_block(part, &format!("{path}[{n}]"), report)).collect())
}

/// Writes one block of a request.
pub(super) fn write_block(part: &Part, path: &str, report: &mut Report) -> Option<Json> {
    let tagged = |kind: &str| Json::object().with("type", kind);
    let mut json = match &part.body {
        Body::Text { text, citations, .. } => {
            if text.trim().is_empty() {
                report.dropped(path, "text", "the messages dialect refuses blank text blocks");
                return None;
            }
            let written: Vec<Json> = citations.iter().filter_map(|c| write_citation(c, text)).collect();
            if written.len() < citations.len() {
                report.dropped(
                    format!("{path}.body.text.citations"),
                    "array",
                    "only its provider knows them",
                );
            }
            tagged("text")
                .with("text", text.as_str())
                .maybe("citations", (!written.is_empty()).then_some(written))
        }
        Body::Refusal(text) => {
            report.approximated(path, "refusal", "written as text");
            tagged("text").with("text", text.as_str())
        }
        Body::Image(media) => write_image(media, path, report)?,
        Body::Document(media) => write_document(media, path, report)?,
        Body::ToolCall { id, name, arguments, signature } => {
            report.call_signature(path, signature.as_deref());
            write_call(id, name, arguments, path, report)
        }
        Body::ToolResult { id, parts, error, .. } => {
            let json = tagged("tool_result").with("tool_use_id", id.as_str());
            let content = write_content(parts, &format!("{path}.body.tool_result.parts"), report);
            let empty = matches!(&content, Json::Array(blocks) if blocks.is_empty());
            json.maybe("content", (!empty).then_some(content)).maybe("is_error", error.then_some(true))
        }
        Body::Reasoning(thought) => write_thought(thought, path, report)?,
        Body::Other { dialect: Anthropic, value } => return Some(value.clone()),
        Body::Audio(_) | Body::Other { .. } => {
            report.dropped(path, part.kind(), "the messages dialect has no such part");
            return None;
        }
    };
    if let Some(cache) = &part.cache {
        json.set("cache_control", cache.clone());
    }
    part.extra.put(Anthropic, &format!("{path}.extra"), &mut json, report);
    Some(json)
}

/// Writes reasoning of an earlier turn: only what Anthropic itself signed or encrypted.
fn write_thought(thought: &Thought, path: &str, report: &mut Report) -> Option<Json> {
    if let Some(data) = thought.encrypted_of(Anthropic) {
        return Some(Json::object().with("type", "redacted_thinking").with("data", data));
    }
    let Some(signature) = thought.signature_of(Anthropic) else {
        report.dropped(path, "reasoning", "reasoning returns to Anthropic only under its own signature");
        return None;
    };
    let text = thought.text.as_str();
    Some(Json::object().with("type", "thinking").with("thinking", text).with("signature", signature))
}

/// Writes a call; arguments that are no JSON object are kept under one key.
pub(super) fn write_call(id: &str, name: &str, arguments: &str, path: &str, report: &mut Report) -> Json {
    let (input, whole) = arguments_object(arguments);
    if !whole {
        report.approximated(
            path,
            "tool call",
            "the arguments are no JSON object; kept as text under \"unparsed_arguments\"",
        );
    }
    Json::object().with("type", "tool_use").with("id", id).with("name", name).with("input", input)
}

fn write_image(media: &Media, path: &str, report: &mut Report) -> Option<Json> {
    if media.detail.is_some() {
        report.dropped(
            format!("{path}.body.image.detail"),
            "string",
            "the messages dialect has no image detail",
        );
    }
    let source = write_source(&media.source, path, "image", report)?;
    Some(Json::object().with("type", "image").with("source", source))
}

fn write_document(media: &Media, path: &str, report: &mut Report) -> Option<Json> {
    let source = write_source(&media.source, path, "document", report)?;
    Some(Json::object().with("type", "document").with("source", source).maybe("title", media.name.as_deref()))
}

fn write_source(source: &Source, path: &str, kind: &'static str, report: &mut Report) -> Option<Json> {
    let tagged = |kind: &str| Json::object().with("type", kind);
    Some(match source {
        Source::Url(url) => tagged("url").with("url", url.as_str()),
        Source::Base64 { mime, data } => {
            let mime = match (mime.as_str(), kind) {
                ("", "document") => "application/pdf",
                (mime, _) => mime,
            };
            tagged("base64").with("media_type", mime).with("data", data.as_str())
        }
        Source::Text(text) => tagged("text").with("media_type", "text/plain").with("data", text.as_str()),
        Source::File { dialect: Anthropic, id } => tagged("file").with("file_id", id.as_str()),
        Source::File { .. } => {
            report.dropped(path, kind, "the file store belongs to another provider");
            return None;
        }
    })
}
