//! One answer into events.

use crate::Dialect;
use crate::error::WireError;
use crate::form::{Body, Delta, Event, Open, Options, Part, Report, Response};
use crate::translate::{Sink, read_response};

/// The bytes of a stream that says a whole answer, in the answer's own dialect.
///
/// # Errors
/// When the body cannot be read as an answer of the dialect.
pub fn unfold(dialect: Dialect, body: &[u8], options: &Options) -> Result<Vec<u8>, WireError> {
    let response = read_response(dialect, body)?;
    let (mut sink, mut out, mut report) = (Sink::new(dialect, options.clone())?, Vec::new(), Report::new());
    for event in events(&response) {
        sink.write(&event, &mut report, &mut out);
    }
    Ok(out)
}

/// The events that say an answer, each part in one piece.
#[must_use]
pub fn events(response: &Response) -> Vec<Event> {
    let mut out = vec![Event::Start {
        id: response.id.clone(),
        model: response.model.clone(),
        created: response.created,
        service_tier: response.service_tier.clone(),
    }];
    // The prompt's share of the usage is known when an answer begins; dialects that open with it can say so.
    out.extend(response.usage.map(Event::Usage));
    let mut number = 0;
    for part in &response.parts {
        if let Some(open) = open(part) {
            out.push(Event::Open { part: number, open });
            let deltas = deltas(part).into_iter();
            out.extend(deltas.map(|delta| Event::Delta { part: number, delta }));
            out.push(Event::Close { part: number });
            number += 1;
        }
    }
    match &response.failure {
        Some(failure) => out.push(Event::Failed(failure.clone())),
        None => {
            out.extend(response.stop.clone().map(Event::Stop));
            out.push(Event::End);
        }
    }
    out
}

fn open(part: &Part) -> Option<Open> {
    Some(match &part.body {
        Body::Text { .. } => Open::Text,
        Body::Refusal(_) => Open::Refusal,
        Body::Reasoning(thought) => Open::Reasoning { item: thought.item.clone() },
        Body::ToolCall { id, name, signature, .. } => {
            Open::ToolCall { id: id.clone(), name: name.clone(), signature: signature.clone() }
        }
        Body::Other { dialect, value } => Open::Other { dialect: *dialect, value: value.clone() },
        Body::Image(_) | Body::Document(_) | Body::Audio(_) | Body::ToolResult { .. } => return None,
    })
}

fn deltas(part: &Part) -> Vec<Delta> {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    match &part.body {
        Body::Text { text, citations, logprobs } => {
            let logprobs = (!logprobs.is_empty()).then(|| Delta::Logprobs(logprobs.clone()));
            let citations = citations.iter().cloned().map(Delta::Citation);
            some(text).map(Delta::Text).into_iter().chain(logprobs).chain(citations).collect()
        }
        Body::Refusal(text) => some(text).map(Delta::Text).into_iter().collect(),
        Body::ToolCall { arguments, .. } => some(arguments).map(Delta::Arguments).into_iter().collect(),
        Body::Reasoning(thought) => {
            let summaries =
                thought.summary.iter().enumerate().map(|(n, text)| Delta::Summary(n, text.clone()));
            let signature = thought.signature.clone().map(|s| Delta::Signature(thought.origin, s));
            let encrypted = thought.encrypted.clone().map(|s| Delta::Encrypted(thought.origin, s));
            let text = some(&thought.text).map(Delta::Text);
            text.into_iter().chain(summaries).chain(signature).chain(encrypted).collect()
        }
        _ => Vec::new(),
    }
}
