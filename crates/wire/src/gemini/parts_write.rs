//! The form's parts into parts of the Gemini dialect.

use crate::Dialect::Gemini;
use crate::form::{Body, Json, Media, Part, Report, Source, Thought, arguments_object};

/// Media types of addresses, by their ending.
const ENDINGS: [(&str, &str); 9] = [
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".gif", "image/gif"),
    (".webp", "image/webp"),
    (".pdf", "application/pdf"),
    (".txt", "text/plain"),
    (".mp3", "audio/mpeg"),
    (".wav", "audio/wav"),
];

/// Writes one part; `name_of` knows the name of a call.
pub(super) fn write_part<'a>(
    part: &Part,
    path: &str,
    name_of: impl Fn(&str) -> Option<&'a str>,
    report: &mut Report,
) -> Option<Json> {
    if part.cache.is_some() {
        report.dropped(format!("{path}.cache"), "object", "the gemini dialect caches by itself");
    }
    let mut json = match &part.body {
        Body::Text { text, citations, logprobs } => {
            if !citations.is_empty() {
                report.dropped(
                    format!("{path}.body.text.citations"),
                    "array",
                    "gemini text carries no citations",
                );
            }
            if !logprobs.is_empty() {
                report.dropped(
                    format!("{path}.body.text.logprobs"),
                    "array",
                    "gemini text carries no log probabilities",
                );
            }
            Json::object().with("text", text.as_str())
        }
        Body::Refusal(text) => {
            report.approximated(path, "refusal", "written as text");
            Json::object().with("text", text.as_str())
        }
        Body::ToolCall { id, name, arguments, signature } => {
            write_call(id, name, arguments, signature.as_deref(), path, report)
        }
        Body::ToolResult { id, name, parts, error } => {
            let name = name.as_deref().or_else(|| name_of(id));
            write_result((id, name), parts, *error, path, report)
        }
        Body::Reasoning(thought) => write_thought(thought, path, report)?,
        Body::Image(media) => write_media(media, "image/png", path, report)?,
        Body::Document(media) => write_media(media, "application/pdf", path, report)?,
        Body::Audio(media) => write_media(media, "audio/wav", path, report)?,
        Body::Other { dialect: Gemini, value } => return Some(value.clone()),
        Body::Other { .. } => {
            report.dropped(path, part.kind(), "the gemini dialect has no such part");
            return None;
        }
    };
    part.extra.put(Gemini, &format!("{path}.extra"), &mut json, report);
    Some(json)
}

/// Writes a call; arguments that are no JSON object are kept under one key.
pub(super) fn write_call(
    id: &str,
    name: &str,
    arguments: &str,
    signature: Option<&str>,
    path: &str,
    report: &mut Report,
) -> Json {
    let (args, whole) = arguments_object(arguments);
    if !whole {
        report.approximated(
            path,
            "tool call",
            "the arguments are no JSON object; kept as text under \"unparsed_arguments\"",
        );
    }
    let call = Json::object().with("id", id).with("name", name).with("args", args);
    Json::object().with("functionCall", call).maybe("thoughtSignature", signature)
}

fn write_result(
    (id, name): (&str, Option<&str>),
    parts: &[Part],
    error: bool,
    path: &str,
    report: &mut Report,
) -> Json {
    if name.is_none() {
        report.approximated(path, "tool result", "no call with its id stands before it: its name is unknown");
    }
    let text: Vec<&str> = parts.iter().filter_map(Part::as_text).collect();
    if text.len() > 1 {
        report.approximated(
            format!("{path}.body.tool_result.parts"),
            "array",
            "the texts are joined by line feeds",
        );
    }
    let key = if error { "error" } else { "output" };
    let mut json = Json::object()
        .with("id", id)
        .with("name", name.unwrap_or("unknown"))
        .with("response", Json::object().with(key, text.join("\n")));
    let rest = parts.iter().enumerate().filter(|(_, part)| part.as_text().is_none());
    let media: Vec<Json> = rest
        .filter_map(|(n, part)| {
            write_part(part, &format!("{path}.body.tool_result.parts[{n}]"), |_| None, report)
        })
        .collect();
    if !media.is_empty() {
        json.set("parts", media);
    }
    Json::object().with("functionResponse", json)
}

fn write_thought(thought: &Thought, path: &str, report: &mut Report) -> Option<Json> {
    let signature = thought.signature_of(Gemini);
    if thought.encrypted.is_some() || thought.signature.is_some() && signature.is_none() {
        report.dropped(format!("{path}.body.reasoning"), "signature", "only its provider can check it");
    }
    if !thought.summary.is_empty() && !thought.text.is_empty() {
        report.dropped(
            format!("{path}.body.reasoning.summary"),
            "array",
            "the gemini dialect shows one text only",
        );
    }
    let shown = thought.shown();
    if shown.is_empty() && signature.is_none() {
        return None;
    }
    Some(Json::object().with("text", shown).with("thought", true).maybe("thoughtSignature", signature))
}

fn write_media(media: &Media, otherwise: &str, path: &str, report: &mut Report) -> Option<Json> {
    if media.detail.is_some() {
        report.dropped(
            format!("{path}.body.image.detail"),
            "string",
            "the gemini dialect has no image detail",
        );
    }
    let name = media.name.as_deref();
    let file = |uri: &str| {
        let ending = uri.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        let mime = ENDINGS.iter().find(|(end, _)| ending.ends_with(end)).map_or(otherwise, |(_, mime)| *mime);
        let data = Json::object().with("mimeType", mime).with("fileUri", uri).maybe("displayName", name);
        Json::object().with("fileData", data)
    };
    Some(match &media.source {
        Source::Base64 { mime, data } => {
            let mime = if mime.is_empty() { otherwise } else { mime };
            let data =
                Json::object().with("mimeType", mime).with("data", data.as_str()).maybe("displayName", name);
            Json::object().with("inlineData", data)
        }
        Source::Url(url) => {
            report.approximated(path, "address", "its media type is taken from its ending");
            file(url)
        }
        Source::File { dialect: Gemini, id } => file(id),
        Source::Text(text) => {
            report.approximated(path, "document", "written as a text part");
            Json::object().with("text", text.as_str())
        }
        Source::File { .. } => {
            report.dropped(path, "file", "the file store belongs to another provider");
            return None;
        }
    })
}
