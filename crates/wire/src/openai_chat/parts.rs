//! Message parts of the chat dialect, both ways.

use crate::Dialect::{self, OpenaiChat};
use crate::error::WireError;
use crate::form::{
    Body, Citation, Fields, Json, Media, Part, Report, Source, Thought, data_uri, missing, parts_of,
};

/// `reasoning_details[].format` and whose it is.
const FORMATS: [(&str, Dialect); 3] = [
    ("anthropic-claude-v1", Dialect::Anthropic),
    ("openai-responses-v1", Dialect::OpenaiResponses),
    ("google-gemini-v1", Dialect::Gemini),
];

/// Reads `content`: a string or an array of parts.
pub(super) fn read_content(json: Option<Json>, path: &str) -> Result<Vec<Part>, WireError> {
    parts_of(json, path, read_part)
}

fn read_part(json: Json, path: String) -> Result<Part, WireError> {
    let whole = json.clone();
    let mut fields = Fields::of(json, path)?;
    let kind = fields.need_text("type")?;
    let body = match kind.as_str() {
        "text" => Part::text(fields.need_text("text")?).body,
        "refusal" => Body::Refusal(fields.need_text("refusal")?),
        "image_url" => {
            let mut image = fields.object("image_url")?.ok_or_else(|| missing(fields.path(), "an image"))?;
            let mut media = Media::of(Source::from_url(image.need_text("url")?));
            media.detail = image.text("detail")?.filter(|detail| detail != "auto");
            Body::Image(media)
        }
        "input_audio" => {
            let mut audio = fields.object("input_audio")?.ok_or_else(|| missing(fields.path(), "audio"))?;
            let mime = format!("audio/{}", audio.text("format")?.unwrap_or_default());
            Body::Audio(Media::of(Source::Base64 { mime, data: audio.need_text("data")? }))
        }
        "file" => {
            let mut file = fields.object("file")?.ok_or_else(|| missing(fields.path(), "a file"))?;
            Body::Document(read_file(&mut file, OpenaiChat)?)
        }
        _ => return Ok(Part::of(Body::Other { dialect: OpenaiChat, value: whole })),
    };
    let cache = fields.take("cache_control");
    Ok(Part { body, cache, extra: fields.rest(OpenaiChat) })
}

/// Reads `file_data`, `file_url` or `file_id`, and the name.
pub(crate) fn read_file(file: &mut Fields, dialect: Dialect) -> Result<Media, WireError> {
    let name = file.text("filename")?;
    let data = file.text("file_data")?.map(|data| match Source::from_url(data) {
        Source::Url(data) => Source::Base64 { mime: String::new(), data },
        inline => inline,
    });
    let source = match (data, file.text("file_url")?, file.text("file_id")?) {
        (Some(data), ..) => data,
        (None, Some(url), _) => Source::Url(url),
        (None, None, Some(id)) => Source::File { dialect, id },
        (None, None, None) => return Err(missing(&file.at("file_data"), "a data URI")),
    };
    Ok(Media { source, detail: None, name })
}

/// Writes parts as `content`: a string when it is one plain text, an array otherwise.
pub(super) fn write_content(parts: &[&Part], path: &str, report: &mut Report) -> Json {
    if let [part] = parts
        && let Some(text) = part.as_text()
    {
        hanging(part, &format!("{path}[0]"), report);
        return Json::from(text);
    }
    Json::Array(
        parts
            .iter()
            .enumerate()
            .filter_map(|(n, part)| write_part(part, &format!("{path}[{n}]"), report))
            .collect(),
    )
}

/// Reports what hangs on a part and has no place here.
fn hanging(part: &Part, path: &str, report: &mut Report) {
    if part.cache.is_some() {
        report.dropped(format!("{path}.cache"), "object", "the chat dialect caches by itself");
    }
    part.extra.put(OpenaiChat, &format!("{path}.extra"), &mut Json::object(), report);
    if let Body::Text { citations, .. } = &part.body
        && !citations.is_empty()
    {
        report.dropped(
            format!("{path}.body.text.citations"),
            "array",
            "a chat request cannot repeat citations",
        );
    }
}

/// Writes one part of a user or tool message.
pub(super) fn write_part(part: &Part, path: &str, report: &mut Report) -> Option<Json> {
    hanging(part, path, report);
    let tagged = |kind: &str| Json::object().with("type", kind);
    let mut json = match &part.body {
        Body::Text { text, .. } => tagged("text").with("text", text.as_str()),
        Body::Refusal(text) => tagged("refusal").with("refusal", text.as_str()),
        Body::Image(media) => {
            let url = match &media.source {
                Source::Url(url) => url.clone(),
                Source::Base64 { mime, data } => data_uri(mime, data),
                Source::File { .. } | Source::Text(_) => {
                    report.dropped(path, "image", "the file store belongs to another provider");
                    return None;
                }
            };
            tagged("image_url")
                .with("image_url", Json::object().with("url", url).maybe("detail", media.detail.as_deref()))
        }
        Body::Audio(Media { source: Source::Base64 { mime, data }, .. }) => {
            let format = mime.rsplit('/').next().unwrap_or_default();
            tagged("input_audio")
                .with("input_audio", Json::object().with("data", data.as_str()).with("format", format))
        }
        Body::Document(media) => return write_file(media, path, report),
        Body::Other { dialect: OpenaiChat, value } => return Some(value.clone()),
        _ => {
            report.dropped(path, part.kind(), "the chat dialect has no such part");
            return None;
        }
    };
    part.extra.put(OpenaiChat, &format!("{path}.extra"), &mut json, report);
    Some(json)
}

fn write_file(media: &Media, path: &str, report: &mut Report) -> Option<Json> {
    let file = match &media.source {
        Source::Base64 { mime, data } => Json::object().with("file_data", data_uri(mime, data)),
        Source::File { dialect: OpenaiChat | Dialect::OpenaiResponses, id } => {
            Json::object().with("file_id", id.as_str())
        }
        Source::Text(text) => {
            report.approximated(path, "document", "written as a text part");
            return Some(Json::object().with("type", "text").with("text", text.as_str()));
        }
        Source::Url(_) | Source::File { .. } => {
            report.dropped(path, "document", "a chat file must be inline or in OpenAI's file store");
            return None;
        }
    };
    Some(Json::object().with("type", "file").with("file", file.maybe("filename", media.name.as_deref())))
}

/// Takes the reasoning members of a message or delta.
pub(super) fn read_reasoning(fields: &mut Fields) -> Result<Vec<Thought>, WireError> {
    let plain = [fields.text("reasoning_content")?, fields.text("reasoning")?].into_iter().flatten().next();
    let details = fields.list("reasoning_details")?;
    if details.is_empty() {
        let thought =
            plain.filter(|text| !text.is_empty()).map(|text| Thought { text, ..Thought::default() });
        return Ok(thought.into_iter().collect());
    }
    details
        .into_iter()
        .enumerate()
        .map(|(n, json)| read_detail(json, format!("{}[{n}]", fields.at("reasoning_details"))))
        .collect()
}

fn read_detail(json: Json, path: String) -> Result<Thought, WireError> {
    let mut fields = Fields::of(json, path)?;
    let format = fields.text("format")?.unwrap_or_default();
    Ok(Thought {
        text: fields.text("text")?.unwrap_or_default(),
        summary: fields.texts("summary")?,
        signature: fields.text("signature")?,
        encrypted: fields.text("data")?,
        origin: FORMATS.iter().find(|(word, _)| *word == format).map(|(_, dialect)| *dialect),
        item: fields.text("id")?,
    })
}

/// Writes thoughts as `reasoning_content`, and as `reasoning_details` when they hold more than text.
pub(super) fn write_reasoning(thoughts: &[&Thought], message: &mut Json) {
    // A thought without words leaves no trace in a stream, hence none here.
    let thoughts: Vec<&Thought> = thoughts.iter().copied().filter(|t| !t.is_empty()).collect();
    let shown: Vec<String> = thoughts.iter().map(|t| t.shown()).filter(|text| !text.is_empty()).collect();
    if !shown.is_empty() {
        message.set("reasoning_content", shown.join("\n\n"));
    }
    if thoughts.len() > 1
        || thoughts
            .iter()
            .any(|t| **t != Thought { text: t.text.clone(), origin: t.origin, ..Thought::default() })
    {
        message.set(
            "reasoning_details",
            thoughts.iter().enumerate().map(|(n, t)| write_detail(t, n)).collect::<Vec<_>>(),
        );
    }
}

/// Writes one thought as an element of `reasoning_details`.
pub(super) fn write_detail(thought: &Thought, index: usize) -> Json {
    let kind = match (thought.text.is_empty(), thought.summary.is_empty()) {
        (false, _) => "reasoning.text",
        (true, false) => "reasoning.summary",
        (true, true) if thought.encrypted.is_some() => "reasoning.encrypted",
        (true, true) => "reasoning.text",
    };
    let format = FORMATS.iter().find(|(_, d)| Some(*d) == thought.origin).map(|(word, _)| *word);
    let summary = match thought.summary.as_slice() {
        [] => None,
        [one] => Some(Json::from(one.as_str())),
        several => Some(Json::from(several.to_vec())),
    };
    Json::object()
        .with("type", kind)
        .maybe("text", (!thought.text.is_empty()).then_some(thought.text.as_str()))
        .maybe("summary", summary)
        .maybe("data", thought.encrypted.as_deref())
        .maybe("signature", thought.signature.as_deref())
        .maybe("id", thought.item.as_deref())
        .maybe("format", format)
        .with("index", index)
}

/// Reads `annotations`.
pub(crate) fn read_citation(json: Json, dialect: Dialect) -> Citation {
    let at = json.get("url_citation").unwrap_or(&json);
    let text = |key| at.get(key).and_then(Json::as_str).map(str::to_owned);
    let number = |key| at.get(key).and_then(Json::as_u64);
    match text("url") {
        Some(url) => Citation::Url {
            url,
            title: text("title").unwrap_or_default(),
            range: number("start_index").zip(number("end_index")),
            cited: None,
            encrypted: None,
        },
        None => Citation::Other { dialect, value: json },
    }
}

/// Writes a citation of a text that begins `shift` characters into the answer's text and is `len` long.
pub(super) fn write_citation(citation: &Citation, shift: u64, len: u64) -> Option<Json> {
    match citation {
        Citation::Url { url, title, range, .. } => {
            let (start, end) = range.unwrap_or((0, len));
            let page = Json::object()
                .with("end_index", shift + end)
                .with("start_index", shift + start)
                .with("title", title.as_str())
                .with("url", url.as_str());
            Some(Json::object().with("type", "url_citation").with("url_citation", page))
        }
        Citation::Other { dialect: OpenaiChat, value } => Some(value.clone()),
        Citation::Other { .. } => None,
    }
}
