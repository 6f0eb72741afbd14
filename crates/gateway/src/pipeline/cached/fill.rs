//! What an answer becomes in the cache, once it is whole.
//!
//! It is read on a thread that serves nobody: folded where it was a stream, looked through for personal data, embedded where
//! a like question may find it. Those who wait for it go on when that is done, whatever it came to.

use super::Request;
use super::ask::Asked;
use crate::encoder::EncoderPool;
use crate::kept::{Kept, Lead};
use crate::pipeline::tokens::Tokens;
use crate::pipeline::validate::response;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use tollgate_cache::guard::Gist;
use tollgate_cache::{Answer, Keys, Question};
use tollgate_core::Timestamp;
use tollgate_signals::content::personal_data_of;
use tollgate_wire::Dialect;
use tollgate_wire::form::{Body, Options, Report, Response, Stop, Usage};
use tollgate_wire::translate::write_response;
use tollgate_wire::view::RequestView;

/// Longest prompt that is looked through for personal data, in bytes; the answer to a longer one is not kept.
const PROMPT_MAX: usize = 1 << 20;

/// See the module.
pub(crate) struct Fill {
    kept: Arc<Kept>,
    lead: Option<Lead>,
    keys: Keys,
    epoch: u64,
    view: RequestView,
    question: Option<(String, Gist)>,
    vector: Option<Vec<f32>>,
    encoder: Option<Arc<EncoderPool>>,
    ttl_s: u64,
    answer: Answer,
    /// What passed of a stream; none once it is larger than may be kept.
    passed: Option<BytesMut>,
    most: usize,
}

impl Fill {
    pub(super) fn new(
        request: &Request<'_>,
        kept: &Arc<Kept>,
        asked: &Asked,
        (ttl_s, lead, vector): (u64, Option<Lead>, Option<Vec<f32>>),
    ) -> Self {
        let encoder = request.shared.encoder.clone();
        let answer = Answer {
            route: request.decided.route.name.clone(),
            category: asked.category.to_owned(),
            owner: request.caller.id.to_string(),
            tenant: request.caller.tenant.to_string(),
            ..Answer::default()
        };
        let most = request.snapshot.settings.cache.as_ref().map_or(0, |cache| cache.bounds.answer_bytes);
        Self {
            kept: kept.clone(),
            lead,
            keys: asked.keys,
            epoch: kept.epoch(),
            view: request.view.clone(),
            question: asked.question.clone(),
            vector,
            encoder,
            ttl_s,
            answer,
            passed: Some(BytesMut::new()),
            // A stream says the same in many more bytes than the whole answer that is kept of it.
            most: most.saturating_mul(STREAM_SHARE),
        }
    }

    /// Sees a piece of a stream pass.
    pub(crate) fn see(&mut self, piece: &Bytes) {
        match self.passed.as_mut() {
            Some(passed) if passed.len() + piece.len() <= self.most => passed.extend_from_slice(piece),
            _ => self.passed = None,
        }
    }

    /// The answer is whole and went well; where it was a stream its pieces are what it is.
    pub(crate) fn done(
        mut self,
        whole: Option<&Bytes>,
        request: &str,
        (model, tokens): (&str, Tokens),
        now: Timestamp,
    ) {
        request.clone_into(&mut self.answer.request);
        model.clone_into(&mut self.answer.model);
        self.answer.created = now;
        let ttl_us = i64::try_from(self.ttl_s.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
        self.answer.expires = Timestamp(now.0.saturating_add(ttl_us));
        let passed = self.passed.take().map(BytesMut::freeze);
        let Some(bytes) = whole.cloned().or(passed) else { return };
        // At the end of the process there is nobody left to keep it for.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn_blocking(move || self.keep(&bytes, tokens)));
        }
    }

    fn keep(mut self, bytes: &Bytes, tokens: Tokens) {
        if let Some((body, response)) = whole(self.view.dialect, bytes, tokens)
            && words_only(&response)
            && !self.personal(&response)
        {
            self.answer.body = body;
            self.answer.id = response.id.unwrap_or_default();
            let question = self.question();
            self.kept.put(self.keys.exact, std::mem::take(&mut self.answer), question, self.epoch);
        }
        drop(self.lead.take());
    }

    fn question(&mut self) -> Option<Question> {
        let (group, (text, gist)) = (self.keys.group?, self.question.take()?);
        let vector = self.vector.take().or_else(|| self.embedded(text))?;
        Some(Question { group, gist, vector })
    }

    /// The vector of a text by the encoder's own threads: where they have no time, the answer is found by the same question only.
    fn embedded(&self, text: String) -> Option<Vec<f32>> {
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        runtime.block_on(self.encoder.as_ref()?.soon(vec![text])).pop()
    }

    /// Whether the conversation or the answer holds personal data that has a form, or cannot be looked through.
    fn personal(&self, response: &Response) -> bool {
        let holds = |text: &str| !personal_data_of(text, |kind| kind != "url").is_empty();
        let view = &self.view;
        let texts = view.system.iter().chain(view.messages.iter().flat_map(|message| &message.text));
        let said = response.parts.iter().any(|part| match &part.body {
            Body::Text { text, .. } => holds(text),
            _ => false,
        });
        view.body.len() > PROMPT_MAX || said || texts.chain(&view.aside).any(|text| holds(&view.text(*text)))
    }
}

/// How much larger than the answer a stream of it may be.
const STREAM_SHARE: usize = 32;

/// The whole answer that the caller got, in its dialect, and what it says. A stream begins with no brace.
fn whole(dialect: Dialect, bytes: &Bytes, tokens: Tokens) -> Option<(Bytes, Response)> {
    let mut response = response(dialect, bytes)?;
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        return Some((bytes.clone(), response));
    }
    // A chat stream only says what it used where that was asked for.
    let used = Usage {
        prompt: tokens.prompt,
        completion: tokens.completion,
        cached: Some(tokens.cached).filter(|cached| *cached > 0),
        ..Usage::default()
    };
    response.usage = response.usage.or(Some(used).filter(|_| tokens.exact));
    let json = write_response(dialect, &response, &Options::default(), &mut Report::new()).ok()?;
    Some((json.to_bytes().into(), response))
}

/// Whether an answer is nothing but words, and all of them.
fn words_only(response: &Response) -> bool {
    let words = |body: &Body| matches!(body, Body::Text { .. } | Body::Reasoning(_));
    let said = |body: &Body| matches!(body, Body::Text { text, .. } if !text.trim().is_empty());
    response.failure.is_none()
        && matches!(response.stop, Some(Stop::End | Stop::Sequence(_)))
        && response.parts.iter().all(|part| words(&part.body))
        && response.parts.iter().any(|part| said(&part.body))
}
