//! The cache on a request's way: looked at once the models are known, filled when an answer is whole.
//!
//! Nothing here is done without `cache:` in the configuration. A request that is not to be answered twice ([`ask`]) passes by,
//! with the reason; of equal ones that come together one goes upstream. What is kept is decided at the end, off the
//! thread that serves ([`fill`]): a whole answer in words, that ended well, to a question without personal data.

mod ask;
mod fill;
mod replay;

pub(crate) use fill::Fill;
pub(crate) use replay::Hit;

use super::authenticate::Caller;
use super::choose::ModelPlan;
use super::decide::Decided;
use super::journey::Journey;
use super::risk;
use super::settle::{self, Keep, Spent};
use crate::config::CacheSettings;
use crate::encoder::EncoderPool;
use crate::kept::{Flight, Kept, Lead};
use crate::observe::metrics::OutcomeLabel;
use crate::snapshot::Snapshot;
use crate::state::Shared;
use ask::Asked;
use http::HeaderMap;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tollgate_cache::{Found, Question, Search};
use tollgate_wire::view::RequestView;

/// Questions of one group up to which they are searched where the request is served.
const SEARCH_HERE_MAX: usize = 2_000;

/// What came of looking, as it is recorded and told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Note {
    /// `hit`, `miss` or `bypass`.
    pub(crate) outcome: &'static str,
    /// How it was found, or why it was not looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) how: Option<&'static str>,
    /// How close the question is, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cosine: Option<f32>,
    /// Seconds since the answer was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age_s: Option<i64>,
    /// The request to which it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<String>,
}

impl Note {
    const fn plain(outcome: &'static str, how: Option<&'static str>) -> Self {
        Self { outcome, how, cosine: None, age_s: None, request: None }
    }

    /// As the header tells it: `hit; exact`, `hit; similar=0.973`, `miss`, `bypass; tools`.
    pub(crate) fn told(&self) -> String {
        match (self.how, self.cosine) {
            (Some(how), Some(cosine)) => format!("{}; {how}={cosine:.3}", self.outcome),
            (Some(how), None) => format!("{}; {how}", self.outcome),
            (None, _) => self.outcome.to_owned(),
        }
    }
}

/// What looking came to.
pub(crate) enum Looked {
    /// A kept answer.
    Hit(Box<Hit>),
    /// None; what the answer that will be given may become.
    Miss(Option<Box<Fill>>),
}

/// What is asked, by whom, and where it would go.
pub(crate) struct Request<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) view: &'a RequestView,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) caller: &'a Caller,
    pub(crate) decided: &'a Decided,
    pub(crate) plan: &'a ModelPlan,
    /// Whether it continues a stored answer.
    pub(crate) continued: bool,
    /// Whether personal data in it is masked on its way.
    pub(crate) masked: bool,
}

impl Request<'_> {
    /// The kept answer, counted as a request and, for its caller, stored like one that was made.
    pub(crate) async fn answered(&self, keep: Option<&Keep>, journey: &mut Journey) -> Result<Looked, Spent> {
        let mut looked = look(self, journey).await;
        if let Looked::Hit(hit) = &mut looked {
            hit.reservation = Some(settle::reserve_free(self.shared, self.caller, self.shared.clock.now())?);
            if let Some(keep) = keep {
                super::responses::store(self.shared, keep.clone(), &hit.whole, journey.arrived);
            }
        }
        Ok(looked)
    }
}

/// Looks for a kept answer.
async fn look(request: &Request<'_>, journey: &mut Journey) -> Looked {
    let (Some(kept), Some(settings)) = (&request.shared.kept, &request.snapshot.settings.cache) else {
        return Looked::Miss(None);
    };
    let why = if risk::shapes(journey) { Some("risk") } else { ask::passes_by(request, settings) };
    if let Some(why) = why {
        note(request.shared, journey, Note::plain("bypass", Some(why)));
        return Looked::Miss(None);
    }
    let asked = ask::asked(request, settings);
    let (mut lead, mut vector) = (None, None);
    if !ask::wants_fresh(request.headers) {
        journey.lap(super::SHAPE);
        let found = match exact(request, settings, kept, &asked, &mut lead).await {
            Some(found) => Some(found),
            None => alike(request, settings, kept, &asked, &mut vector).await,
        };
        // What was waited for is not our own time.
        journey.resume();
        if let Some((found, how)) = found
            && let Some(hit) = replay::of(request, &found, age_s(&found, journey))
        {
            let request_id = Some(found.answer.request.clone());
            let (cosine, age_s) = (found.cosine, Some(hit.age_s));
            note(
                request.shared,
                journey,
                Note { outcome: "hit", how: Some(how), cosine, age_s, request: request_id },
            );
            return Looked::Hit(Box::new(hit));
        }
    }
    note(request.shared, journey, Note::plain("miss", None));
    let fill = asked.ttl_s.map(|ttl_s| Fill::new(request, kept, &asked, (ttl_s, lead, vector)));
    Looked::Miss(fill.map(Box::new))
}

fn age_s(found: &Found, journey: &Journey) -> i64 {
    journey.arrived.seconds().saturating_sub(found.answer.created.seconds()).max(0)
}

fn note(shared: &Shared, journey: &mut Journey, note: Note) {
    let outcome = if note.outcome == "hit" { note.how.unwrap_or("hit") } else { note.outcome };
    shared.metrics.cache.get_or_create(&OutcomeLabel { outcome }).inc();
    journey.story.cache = Some(note);
}

/// The answer to exactly this request, or to an equal one that is under way.
async fn exact(
    request: &Request<'_>,
    settings: &CacheSettings,
    kept: &Arc<Kept>,
    asked: &Asked,
    lead: &mut Option<Lead>,
) -> Option<(Found, &'static str)> {
    let clock = &request.shared.clock;
    let find = || kept.cache.exact(&asked.keys.exact, clock.now());
    if let Some(found) = find() {
        return Some((found, "exact"));
    }
    if settings.wait_ms == 0 {
        return None;
    }
    match kept.join(asked.keys.exact) {
        Flight::Lead(first) => *lead = Some(first),
        Flight::Wait(mut told) => {
            // Its end is told by its going away; who waited too long goes alone.
            let _ = tokio::time::timeout(Duration::from_millis(settings.wait_ms), told.changed()).await;
        }
    }
    // It may have been filled between the first look and the join.
    find().map(|found| (found, "joined"))
}

/// The answer to a question that asks the same.
async fn alike(
    request: &Request<'_>,
    settings: &CacheSettings,
    kept: &Arc<Kept>,
    asked: &Asked,
    vector: &mut Option<Vec<f32>>,
) -> Option<(Found, &'static str)> {
    let (text, gist) = asked.question.as_ref()?;
    let (least, group) = (settings.rules.threshold(asked.category)?, asked.keys.group?);
    let others = kept.cache.questions(&group);
    if others == 0 {
        return None;
    }
    let encoder = request.shared.encoder.as_ref()?;
    let embedded = embed(encoder, text).await?;
    let question = Question { group, gist: gist.clone(), vector: embedded.clone() };
    *vector = Some(embedded);
    let now = request.shared.clock.now();
    let found = if others <= SEARCH_HERE_MAX {
        kept.cache.alike(&Search { question: &question, least, now })
    } else {
        let kept = kept.clone();
        let search = move || kept.cache.alike(&Search { question: &question, least, now });
        tokio::task::spawn_blocking(search).await.ok().flatten()
    };
    found.map(|found| (found, "similar"))
}

async fn embed(encoder: &EncoderPool, text: &str) -> Option<Vec<f32>> {
    // A busy encoder costs a miss, nothing else.
    encoder.embed(vec![text.to_owned()]).await.ok()?.vectors.pop()
}
