//! Parts of the Gemini dialect into the form.

use crate::Dialect::Gemini;
use crate::error::WireError;
use crate::form::{Body, Fields, Json, Media, Part, Source, Thought, arguments_text};

/// Gives ids to calls that come without one.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// What ids are made of: the answer's id without prefix; empty for a request.
    pub(super) stem: String,
    made: usize,
    /// Calls that have no result yet: id and name.
    waiting: Vec<(String, String)>,
}

impl Ids {
    /// Ids made of `stem`.
    pub(super) fn of(stem: Option<&str>) -> Self {
        Self { stem: stem.unwrap_or_default().to_owned(), ..Self::default() }
    }

    pub(super) fn call(&mut self, id: Option<String>, name: &str) -> String {
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| {
            self.made += 1;
            let n = self.made - 1;
            if self.stem.is_empty() { format!("call_{n}") } else { format!("call_{}_{n}", self.stem) }
        });
        self.waiting.push((id.clone(), name.to_owned()));
        id
    }

    fn result(&mut self, id: Option<String>, name: &str) -> String {
        let id = id.filter(|id| !id.is_empty());
        let at = self.waiting.iter().position(|(call, of)| id.as_ref().map_or(of == name, |id| id == call));
        let found = at.map(|at| self.waiting.remove(at).0);
        id.or(found).unwrap_or_else(|| format!("call_{name}"))
    }
}

/// Reads one part.
pub(super) fn read_part(json: Json, path: String, ids: &mut Ids) -> Result<Part, WireError> {
    let whole = json.clone();
    let mut fields = Fields::of(json, path)?;
    let thought = fields.flag("thought")?.unwrap_or(false);
    let body = if fields.has("functionCall") {
        match fields.object("functionCall")? {
            Some(call) => read_call(call, fields.text("thoughtSignature")?, ids)?,
            None => Body::Other { dialect: Gemini, value: whole },
        }
    } else if fields.has("functionResponse") {
        match fields.object("functionResponse")? {
            Some(response) => read_result(response, ids)?,
            None => Body::Other { dialect: Gemini, value: whole },
        }
    } else if fields.has("inlineData") || fields.has("fileData") {
        read_media(&mut fields)?
    } else if thought {
        let text = fields.text("text")?.unwrap_or_default();
        let signature = fields.text("thoughtSignature")?;
        Part::thought(Thought { text, signature, origin: Some(Gemini), ..Thought::default() }).body
    } else if fields.has("text") {
        Part::text(fields.need_text("text")?).body
    } else {
        return Ok(Part::of(Body::Other { dialect: Gemini, value: whole }));
    };
    Ok(Part { body, cache: None, extra: fields.rest(Gemini) })
}

fn read_call(mut call: Fields, signature: Option<String>, ids: &mut Ids) -> Result<Body, WireError> {
    let name = call.need_text("name")?;
    let arguments = arguments_text(&call.take("args").unwrap_or_else(Json::object));
    let id = ids.call(call.text("id")?, &name);
    Ok(Body::ToolCall { id, name, arguments, signature })
}

/// Reads a result: `{"output": text}` and `{"error": text}` are texts, anything else is its JSON text.
fn read_result(mut result: Fields, ids: &mut Ids) -> Result<Body, WireError> {
    let name = result.need_text("name")?;
    let id = ids.result(result.text("id")?, &name);
    let response = result.take("response").unwrap_or_else(Json::object);
    let (text, error) = match &response {
        Json::Object(members) => match members.as_slice() {
            [(key, Json::String(text))] if key == "output" || key == "error" => {
                (text.clone(), key == "error")
            }
            _ => (response.to_text(), false),
        },
        other => (other.to_text(), false),
    };
    let mut parts = vec![Part::text(text)];
    for json in result.list("parts")? {
        let mut fields = Fields::of(json, result.at("parts"))?;
        parts.push(Part::of(read_media(&mut fields)?));
    }
    Ok(Body::ToolResult { id, name: Some(name), parts, error })
}

fn read_media(fields: &mut Fields) -> Result<Body, WireError> {
    let inline = fields.object("inlineData")?;
    let (mime, source, name) = match inline {
        Some(mut data) => {
            let mime = data.text("mimeType")?.unwrap_or_default();
            let source = Source::Base64 { mime: mime.clone(), data: data.need_text("data")? };
            (mime, source, data.text("displayName")?)
        }
        None => {
            let mut data = fields
                .object("fileData")?
                .ok_or_else(|| crate::form::missing(&fields.at("fileData"), "an object"))?;
            let uri = data.need_text("fileUri")?;
            let own = uri.contains("generativelanguage.googleapis.com") || uri.starts_with("gs://");
            let source = if own { Source::File { dialect: Gemini, id: uri } } else { Source::Url(uri) };
            (data.text("mimeType")?.unwrap_or_default(), source, data.text("displayName")?)
        }
    };
    let media = Media { source, detail: None, name };
    Ok(match mime.split('/').next() {
        Some("image") => Body::Image(media),
        Some("audio") => Body::Audio(media),
        _ => Body::Document(media),
    })
}
