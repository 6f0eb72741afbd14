//! A whole Gemini answer, both ways.

use super::parts::{Ids, read_part};
use super::parts_write::write_part;
use super::{read_stop, read_usage, write_stop, write_usage};
use crate::Dialect::Gemini;
use crate::error::WireError;
use crate::form::{Body, Fields, Json, Options, Part, Report, Response, Stop, syntax};

/// Reads the body of a Gemini answer.
///
/// # Errors
/// When it is not JSON, or a member that the form knows has the wrong kind of value.
pub fn read_response(body: &[u8]) -> Result<Response, WireError> {
    let mut fields = Fields::of(Json::parse(body).map_err(|e| syntax(&e))?, "")?;
    let id = fields.text("responseId")?;
    let mut ids = Ids::of(id.as_deref());
    let mut response = Response { id, model: fields.text("modelVersion")?, ..Response::default() };
    response.stop = blocked(&fields.take("promptFeedback"));
    let mut rest = Vec::new();
    if let Some(candidate) = fields.list("candidates")?.into_iter().next() {
        let mut candidate = Fields::of(candidate, "candidates[0]")?;
        candidate.take("index");
        candidate.take("safetyRatings");
        if let Some(mut content) = candidate.object("content")? {
            let parts = content.list("parts")?.into_iter().enumerate();
            let path = content.at("parts");
            response.parts = parts
                .map(|(n, part)| read_part(part, format!("{path}[{n}]"), &mut ids))
                .collect::<Result<_, _>>()?;
        }
        if let Some(reason) = candidate.text("finishReason")? {
            response.stop = Some(read_stop(&reason));
        }
        rest = candidate.rest(Gemini).members;
    }
    response.usage = read_usage(fields.object("usageMetadata")?)?;
    response.settle_stop();
    response.extra = fields.rest(Gemini);
    if !rest.is_empty() {
        response.extra.dialect = Some(Gemini);
        response.extra.members.push(("candidate".to_owned(), Json::Object(rest)));
    }
    Ok(response)
}

/// A prompt that was blocked has no candidate and ends here.
pub(super) fn blocked(feedback: &Option<Json>) -> Option<Stop> {
    feedback.as_ref()?.get("blockReason")?;
    Some(Stop::ContentFilter)
}

/// Writes the body of a Gemini answer.
pub fn write_response(response: &Response, options: &Options, report: &mut Report) -> Json {
    let mut parts: Vec<Json> = Vec::new();
    for (n, part) in merged(&response.parts).iter().enumerate() {
        parts.extend(write_part(part, &format!("parts[{n}]"), |_| None, report));
    }
    let mut candidate = candidate(parts).with("finishReason", stop_word(response.stop.as_ref(), report));
    let mut extra = response.extra.clone();
    if extra.dialect == Some(Gemini)
        && let Some(at) = extra.members.iter().position(|(key, _)| key == "candidate")
        && let (_, Json::Object(members)) = extra.members.remove(at)
    {
        members.into_iter().for_each(|(key, value)| candidate.set(&key, value));
    }
    if response.service_tier.is_some() {
        report.dropped("service_tier", "string", "the gemini dialect has no such field");
    }
    let mut body = Json::object()
        .with("candidates", vec![candidate])
        .maybe("usageMetadata", usage(response, report))
        .with("modelVersion", options.answer_model(response.model.as_deref()))
        .with("responseId", options.answer_id(response.id.as_deref(), ""));
    extra.put(Gemini, "extra", &mut body, report);
    body
}

fn usage(response: &Response, report: &mut Report) -> Option<Json> {
    if response.usage.is_some_and(|usage| usage.cache_write.is_some()) {
        report.dropped("usage.cache_write", "number", "the gemini dialect does not count cache writes");
    }
    response.usage.map(write_usage)
}

/// A candidate with these parts.
pub(super) fn candidate(parts: Vec<Json>) -> Json {
    Json::object()
        .with("content", Json::object().with("parts", parts).with("role", "model"))
        .with("index", 0_u64)
}

/// The finish reason of a stop.
pub(super) fn stop_word(stop: Option<&Stop>, report: &mut Report) -> &'static str {
    let (word, why) = write_stop(stop);
    if let Some(why) = why {
        report.approximated("stop", "stop reason", why);
    }
    word
}

/// Neighbouring texts, and neighbouring thoughts up to a signature, are one part: a stream cannot tell them apart.
/// Blank ones are none.
fn merged(parts: &[Part]) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::with_capacity(parts.len());
    // A thought that shows nothing writes nothing, so it parts no texts; it stays in the list for the report.
    let silent = |part: &&Part| match &part.body {
        Body::Reasoning(thought) => thought.shown().is_empty() && thought.signature_of(Gemini).is_none(),
        _ => false,
    };
    for part in parts.iter().filter(|part| !silent(part)) {
        let both = out.last_mut().map(|last| (&mut last.body, &part.body));
        match (both, &part.body) {
            (_, Body::Text { text, .. } | Body::Refusal(text)) if text.is_empty() => {}
            (
                Some((
                    Body::Text { text, .. } | Body::Refusal(text),
                    Body::Text { text: more, .. } | Body::Refusal(more),
                )),
                _,
            ) => {
                text.push_str(more);
            }
            (Some((Body::Reasoning(thought), Body::Reasoning(more))), _)
                if thought.signature_of(Gemini).is_none() =>
            {
                let shown = thought.shown() + &more.shown();
                let before = std::mem::replace(thought, more.clone());
                thought.text = shown;
                thought.summary.clear();
                thought.encrypted = thought.encrypted.take().or(before.encrypted);
            }
            _ => out.push(part.clone()),
        }
    }
    out.extend(parts.iter().filter(silent).cloned());
    out
}
