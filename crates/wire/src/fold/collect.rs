//! Events into one answer.

use crate::error::WireError;
use crate::form::{Body, Delta, Event, Failure, Open, Part, Response, Thought, broken};

/// Most bytes of text, reasoning and arguments collected for one answer.
pub const FOLD_BYTES_MAX: usize = 64 << 20;
/// Most parts collected for one answer.
pub const PARTS_MAX: usize = 4096;
/// Most summaries of one piece of reasoning.
const SUMMARIES_MAX: usize = 65;

/// Collects the events of one answer.
#[derive(Debug, Default)]
pub struct Collector {
    response: Response,
    bytes: usize,
    ended: bool,
}

impl Collector {
    /// What was collected so far.
    #[must_use]
    pub const fn response(&self) -> &Response {
        &self.response
    }

    /// Takes one event.
    ///
    /// # Errors
    /// When a bound is reached, or an event names a part that was not opened.
    pub fn push(&mut self, event: &Event) -> Result<(), WireError> {
        match event {
            Event::Start { id, model, created, service_tier } => {
                self.response.id.clone_from(id);
                self.response.model.clone_from(model);
                self.response.created = *created;
                self.response.service_tier.clone_from(service_tier);
            }
            Event::Open { part, open } => self.open(*part, open)?,
            Event::Delta { part, delta } => self.grow(*part, delta)?,
            Event::Close { .. } => {}
            Event::Usage(usage) => {
                self.response.usage = Some(self.response.usage.unwrap_or_default().updated(*usage));
            }
            Event::Stop(stop) => self.response.stop = Some(stop.clone()),
            Event::End => self.ended = true,
            Event::Failed(failure) => self.response.failure = Some(failure.clone()),
        }
        Ok(())
    }

    /// Gives the answer the last touches that a whole answer gets when it is read.
    pub fn settle(&mut self) {
        self.response.settle_stop();
        for part in &mut self.response.parts {
            if let Body::Reasoning(thought) = &mut part.body
                && thought.signature.is_none()
                && thought.encrypted.is_none()
            {
                thought.origin = None;
            }
        }
    }

    /// The whole answer.
    ///
    /// # Errors
    /// When it failed or broke off.
    pub fn finish(mut self) -> Result<Response, WireError> {
        if let Some(failure) = self.response.failure {
            return Err(broken(failure.message));
        }
        if !self.ended {
            return Err(broken(Failure::truncated().message));
        }
        self.settle();
        Ok(self.response)
    }

    fn open(&mut self, part: usize, open: &Open) -> Result<(), WireError> {
        if part != self.response.parts.len() {
            return Err(broken("parts are opened out of order"));
        }
        if part >= PARTS_MAX {
            return Err(over("parts of the answer", part, PARTS_MAX));
        }
        self.response.parts.push(match open {
            Open::Text => Part::text(""),
            Open::Refusal => Part::of(Body::Refusal(String::new())),
            Open::Reasoning { item } => {
                Part::of(Body::Reasoning(Thought { item: item.clone(), ..Thought::default() }))
            }
            Open::ToolCall { id, name, signature } => Part::of(Body::ToolCall {
                id: id.clone(),
                name: name.clone(),
                arguments: String::new(),
                signature: signature.clone(),
            }),
            Open::Other { dialect, value } => {
                Part::of(Body::Other { dialect: *dialect, value: value.clone() })
            }
        });
        Ok(())
    }

    fn grow(&mut self, part: usize, delta: &Delta) -> Result<(), WireError> {
        self.bytes += match delta {
            Delta::Text(text) | Delta::Summary(_, text) | Delta::Arguments(text) => text.len(),
            Delta::Signature(_, text) | Delta::Encrypted(_, text) => text.len(),
            Delta::Citation(_) => 64,
            Delta::Logprobs(tokens) => 64 * tokens.len(),
        };
        if self.bytes > FOLD_BYTES_MAX {
            return Err(over("bytes of the answer", self.bytes, FOLD_BYTES_MAX));
        }
        let body = self.response.parts.get_mut(part).map(|part| &mut part.body);
        match (body.ok_or_else(|| broken("a piece came for a part that is not open"))?, delta) {
            (Body::Text { text, .. } | Body::Refusal(text), Delta::Text(more)) => text.push_str(more),
            (Body::Text { citations, .. }, Delta::Citation(citation)) => citations.push(citation.clone()),
            (Body::Text { logprobs, .. }, Delta::Logprobs(tokens)) => logprobs.extend(tokens.iter().cloned()),
            (Body::ToolCall { arguments, .. }, Delta::Arguments(more)) => arguments.push_str(more),
            (Body::Reasoning(thought), delta) => think(thought, delta),
            _ => {}
        }
        Ok(())
    }
}

fn think(thought: &mut Thought, delta: &Delta) {
    match delta {
        Delta::Text(more) => thought.text.push_str(more),
        Delta::Summary(n, more) if *n < SUMMARIES_MAX => {
            if thought.summary.len() <= *n {
                thought.summary.resize(n + 1, String::new());
            }
            if let Some(summary) = thought.summary.get_mut(*n) {
                summary.push_str(more);
            }
        }
        Delta::Signature(origin, more) => {
            thought.origin = *origin;
            thought.signature.get_or_insert_default().push_str(more);
        }
        Delta::Encrypted(origin, more) => {
            thought.origin = *origin;
            thought.encrypted.get_or_insert_default().push_str(more);
        }
        _ => {}
    }
}

fn over(what: &'static str, size: usize, limit: usize) -> WireError {
    WireError::TooLarge { what: what.into(), size: size as u64, limit: limit as u64 }
}
