//! Receipts of usage: what an answer took, signed by this gateway, for a task that somebody pays by evidence.
//!
//! Its subject is the body's digest: of a whole answer it stands in the head, of a stream that ended well in a comment behind its end,
//! about all that came before that comment. A caller that pays by evidence says which task it is of (`tollgate-task:
//! CONTRACT:NONCE`); the receipt then carries the task's binding.

use crate::config::Settings;
use crate::pipeline::journey::Journey;
use crate::pipeline::tokens::Tokens;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use tollgate_core::{Digest, Fault, FaultKind};
use tollgate_produce::{Key, Task, Usage, output};

/// Where the receipt is: base64 of an envelope (DSSE).
pub(crate) const RECEIPT: HeaderName = HeaderName::from_static("tollgate-receipt");
const TASK: HeaderName = HeaderName::from_static("tollgate-task");

/// What is known before the answer.
#[derive(Debug)]
pub(crate) struct Receipt {
    key: Key,
    task: Option<Task>,
    request_body: Digest,
    /// What passed of a stream.
    passed: Sha256,
}

impl Receipt {
    /// For a request with this body; none where receipts are not configured.
    pub(crate) fn begin(
        settings: &Settings,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Option<Box<Self>>, Fault> {
        let Some(key) = &settings.receipts else { return Ok(None) };
        let said = headers.get(TASK).map(|text| text.to_str().ok().and_then(|text| text.parse().ok()));
        let wrong = "write the contract's digest, a colon and its nonce, each as 64 hexadecimal digits";
        let task = said
            .map(|task| task.ok_or_else(|| Fault::caller(FaultKind::BadRequest, wrong).at("tollgate-task")));
        let (task, passed) = (task.transpose()?, Sha256::new());
        Ok(Some(Box::new(Self { key: key.clone(), task, request_body: output(body), passed })))
    }

    /// The header's value for an answer.
    pub(crate) fn sign(&self, journey: &Journey, tokens: Tokens, answer: &[u8]) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.signed(journey, tokens, output(answer))?).ok()
    }

    /// Sees a piece of a stream pass.
    pub(crate) fn see(&mut self, bytes: &[u8]) {
        self.passed.update(bytes);
    }

    /// The comment behind the end of a stream.
    pub(crate) fn note(self, journey: &Journey, tokens: Tokens) -> Option<Bytes> {
        let passed = Digest(self.passed.clone().finalize().into());
        self.signed(journey, tokens, passed).map(|signed| format!(": {RECEIPT}: {signed}\n\n").into())
    }

    /// The envelope of the receipt for an answer with this digest, in base64.
    fn signed(&self, journey: &Journey, tokens: Tokens, answer_body: Digest) -> Option<String> {
        let price = journey.price.as_ref()?;
        let usage = Usage {
            model: price.model.to_string(),
            request: journey.id.as_str().to_owned(),
            request_body: self.request_body,
            answer_body,
            input_tokens: tokens.prompt,
            cached_tokens: tokens.cached,
            output_tokens: tokens.completion,
            exact: tokens.exact,
            cost_micro: price.cost_micro(tokens),
            at: journey.time(),
        };
        let envelope = usage.statement(self.task.as_ref()).envelope(&self.key);
        Some(STANDARD.encode(envelope))
    }
}
