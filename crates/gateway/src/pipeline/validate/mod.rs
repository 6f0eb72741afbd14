//! Validate: whether what was answered is supported by what there was to answer from.
//!
//! Asked of requests that want facts and bring a context, where `support:` is configured. Each sentence of the finished answer is
//! judged beside the context; a whole answer that is not supported may be withheld, or another model asked once; a stream has
//! gone by then, so its caller is told at its end. What came of it is counted for the model and the subject.

mod context;

use super::Context;
use super::attempt::{Answer, Failure};
use super::choose::{ModelPlan, ModelWhy, Offer};
use super::dispatch::dispatch;
use super::journey::Journey;
use crate::config::{SupportAct, SupportSettings};
use crate::observe::metrics::SupportLabels;
use crate::snapshot::Snapshot;
use crate::state::Shared;
use crate::support::Inferring;
use bytes::{Bytes, BytesMut};
use serde::Serialize;
use std::pin::Pin;
use std::sync::Arc;
use tollgate_core::{Fault, FaultKind};
use tollgate_policy::Effects;
use tollgate_select::circuit::Outcome;
use tollgate_select::instance::Completion;
use tollgate_signals::content::{asks_for_facts, subject};
use tollgate_signals::support::{Sentence, Verdict, judge};
use tollgate_wire::form::{Body, Response};
use tollgate_wire::translate::read_response;
use tollgate_wire::view::RequestView;
use tollgate_wire::{Dialect, fold};

/// Most sentences that a record names.
const SPANS_MAX: usize = 32;
/// Longest stream that is judged, in bytes; it says the same in many more bytes than the answer has.
const STREAM_MAX: usize = 2 << 20;

/// What came of judging one answer.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Checked {
    /// The model that answered.
    pub(crate) model: Arc<str>,
    /// Sentences that state something.
    pub(crate) statements: usize,
    /// Those that the context supports.
    pub(crate) supported: usize,
    /// Those that it contradicts.
    pub(crate) contradicted: usize,
    /// Bytes in the answer's text of those that are not supported; never words.
    pub(crate) unsupported: Vec<[usize; 2]>,
    /// Whether some of it was not read: it is too long, or no answer that can be.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unread: bool,
    /// Whether that is enough.
    pub(crate) enough: bool,
    /// Why a model of inference that is configured has not judged it: words alone did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by_words: Option<String>,
}

impl Checked {
    fn of(sentences: &[Sentence], model: &Arc<str>, least: f64) -> Self {
        let count = |wanted: Verdict| sentences.iter().filter(|sentence| sentence.verdict == wanted).count();
        let (supported, contradicted) = (count(Verdict::Supported), count(Verdict::Contradicted));
        let statements = supported + contradicted + count(Verdict::Unsupported);
        let bad = |sentence: &&Sentence| !matches!(sentence.verdict, Verdict::Supported | Verdict::Nothing);
        let unread = count(Verdict::Unread) > 0;
        let span = |sentence: &Sentence| [sentence.bytes.start, sentence.bytes.end];
        Self {
            model: model.clone(),
            statements,
            supported,
            contradicted,
            unsupported: sentences.iter().filter(bad).take(SPANS_MAX).map(span).collect(),
            unread,
            // An answer that states nothing claims nothing; what was not read may claim anything.
            enough: !unread && supported as f64 >= least * statements as f64,
            by_words: None,
        }
    }

    /// Of an answer that cannot be read.
    fn unread(model: &Arc<str>) -> Self {
        Self { unread: true, enough: false, ..Self::of(&[], model, 0.0) }
    }

    /// As the caller is told: `3/4; contradicted=1`.
    pub(crate) fn told(&self) -> String {
        let unread = if self.unread { "; unread" } else { "" };
        format!("{}/{}; contradicted={}{unread}", self.supported, self.statements, self.contradicted)
    }
}

/// What an answer will be judged by.
pub(crate) struct Validation {
    settings: SupportSettings,
    context: Arc<str>,
    domain: &'static str,
    inference: Option<Arc<Inferring>>,
}

/// Judging that goes on beside the thread that serves.
pub(crate) type Judging = Pin<Box<dyn Future<Output = Option<Checked>> + Send>>;

impl Validation {
    /// Whether, and by what, the answer to a request is judged.
    pub(crate) fn wanted(shared: &Shared, snapshot: &Snapshot, view: &RequestView) -> Option<Self> {
        let settings = snapshot.settings.support.clone()?;
        let context = context::of(view)?;
        let question =
            view.last_user()?.text.iter().map(|text| view.text(*text)).collect::<Vec<_>>().join("\n");
        let domain = subject(&question);
        let inference = shared.inference.clone();
        asks_for_facts(&question).then(|| Self { settings, context: context.into(), domain, inference })
    }

    /// Judges what the caller gets; none where it says nothing that could be judged.
    pub(crate) fn judging(&self, dialect: Dialect, answer: Bytes, model: &Arc<str>) -> Judging {
        let (context, model, least) = (self.context.clone(), model.clone(), self.settings.least);
        let inference = self.inference.clone();
        Box::pin(async move {
            let beside = context.clone();
            let work = move || {
                let text = response(dialect, &answer).map(|response| words(&response))?;
                Some(text.map(|text| (judge(&text, &beside), Arc::from(text))))
            };
            let Some(said) = tokio::task::spawn_blocking(work).await.ok().flatten() else {
                return Some(Checked::unread(&model));
            };
            let (mut sentences, text) = said?;
            let missed = match inference {
                Some(inference) => inference.join(context, text, &mut sentences).await.err(),
                None => None,
            };
            let by_words = missed.map(|shed| shed.to_string());
            Some(Checked { by_words, ..Checked::of(&sentences, &model, least) })
        })
    }

    /// Notes and counts what came of judging.
    pub(crate) fn note(&self, journey: &mut Journey, checked: Checked) {
        let shared = journey.shared().clone();
        if checked.statements > 0 {
            shared.rates.see(&checked.model, self.domain, checked.enough);
            let outcome = if checked.enough { "supported" } else { "unsupported" };
            let labels = SupportLabels { model: checked.model.clone(), domain: self.domain, outcome };
            shared.metrics.support.get_or_create(&labels).inc();
        }
        journey.story.support.push(checked);
    }

    /// Judges an answer before the caller gets it, and does what is configured where it is not supported.
    pub(crate) async fn follow(
        &self,
        ctx: &Context<'_>,
        answer: Answer,
        effects: &Effects,
        journey: &mut Journey,
    ) -> Result<Answer, Failure> {
        let Some(checked) = self.checked(ctx, &answer, journey).await else { return Ok(answer) };
        if checked.enough {
            return Ok(answer);
        }
        match self.settings.act {
            SupportAct::Annotate => Ok(answer),
            SupportAct::Block => {
                discard(ctx, answer, journey);
                let message = format!(
                    "the answer is withheld: of its {} statements the context supports {}",
                    checked.statements, checked.supported
                );
                Err(Failure::early(Fault::caller(FaultKind::Forbidden, message)))
            }
            SupportAct::Retry => match self.other(&ctx.snapshot, &checked.model) {
                None => Ok(answer),
                Some(plan) => {
                    discard(ctx, answer, journey);
                    journey.story.models = Some(plan.reason.clone());
                    let answer = dispatch(ctx, &plan, effects, journey).await?;
                    self.checked(ctx, &answer, journey).await;
                    Ok(answer)
                }
            },
        }
    }

    async fn checked(&self, ctx: &Context<'_>, answer: &Answer, journey: &mut Journey) -> Option<Checked> {
        let Answer::Whole { body, .. } = answer else { return None };
        let model = journey.price.as_ref()?.model.clone();
        let checked = self.judging(ctx.view.dialect, body.clone(), &model).await;
        journey.lap(super::VALIDATE);
        let checked = checked?;
        self.note(journey, checked.clone());
        Some(checked)
    }

    /// The model that is asked where `model` was not supported.
    fn other(&self, snapshot: &Snapshot, model: &str) -> Option<ModelPlan> {
        let name = self.settings.retry_model.as_ref().filter(|name| **name != *model)?;
        let offer = Offer { model: snapshot.model_index(name)?, weight: 1, effort: None };
        Some(ModelPlan { order: vec![offer], reason: ModelWhy::Support })
    }
}

/// An answer that the rules let pass and that was judged, as far as either is asked for before the caller gets it.
pub(crate) async fn answered(
    ctx: &Context<'_>,
    models: &ModelPlan,
    effects: &Effects,
    validation: Option<&Validation>,
    journey: &mut Journey,
) -> Result<Answer, Failure> {
    // What few requests need waits on the heap: the others do not carry room for it.
    let mut answered = dispatch(ctx, models, effects, journey).await;
    if let Some(safer) = answered.as_ref().err().and_then(|failure| failure.instead(&ctx.snapshot)) {
        journey.story.models = Some(safer.reason.clone());
        answered = Box::pin(dispatch(ctx, &safer, effects, journey)).await;
    }
    match validation {
        Some(validation) => Box::pin(validation.follow(ctx, answered?, effects, journey)).await,
        None => answered,
    }
}

/// An answer that nobody gets was paid for all the same.
fn discard(ctx: &Context<'_>, answer: Answer, journey: &mut Journey) {
    if let Answer::Whole { watch, mut flight, .. } = answer {
        let tokens = watch.tokens();
        flight.complete(Outcome::Success, Completion::answered(tokens.completion));
        let model = journey.price.as_ref().and_then(|tag| ctx.snapshot.model(&tag.model));
        journey.spend(model, tokens);
        journey.ended(true);
    }
}

/// A stream that is judged at its end: what passed of it so far.
pub(crate) struct Passed {
    pub(crate) validation: Validation,
    /// None once it is longer than is judged.
    bytes: Option<BytesMut>,
    judged: bool,
}

impl Passed {
    pub(crate) fn new(validation: Validation) -> Self {
        Self { validation, bytes: Some(BytesMut::new()), judged: false }
    }

    /// Sees a piece pass.
    pub(crate) fn see(&mut self, piece: &Bytes) {
        match self.bytes.as_mut() {
            Some(bytes) if bytes.len() + piece.len() <= STREAM_MAX => bytes.extend_from_slice(piece),
            _ => self.bytes = None,
        }
    }

    /// Judges what passed.
    pub(crate) fn judging(&mut self, dialect: Dialect, model: &Arc<str>) -> Option<Judging> {
        if std::mem::replace(&mut self.judged, true) {
            return None;
        }
        Some(match self.bytes.take() {
            Some(bytes) => self.validation.judging(dialect, bytes.freeze(), model),
            None => Box::pin(std::future::ready(Some(Checked::unread(model)))),
        })
    }
}

/// The whole answer that a caller got, in its dialect, as a stream or not. A stream begins with no brace.
pub(crate) fn response(dialect: Dialect, bytes: &[u8]) -> Option<Response> {
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        read_response(dialect, bytes).ok()
    } else {
        fold::fold_form(dialect, bytes).ok()
    }
}

/// What an answer says in words; none where it says nothing.
fn words(response: &Response) -> Option<String> {
    let text = |body: &Body| match body {
        Body::Text { text, .. } => Some(text.to_string()),
        _ => None,
    };
    let all: Vec<String> = response.parts.iter().filter_map(|part| text(&part.body)).collect();
    (!all.is_empty()).then(|| all.join("\n"))
}
