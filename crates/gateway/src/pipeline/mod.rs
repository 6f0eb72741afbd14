//! One request, phase by phase, top to bottom.
//!
//! authenticate → characterise → signal → decide → shape → select → place → dispatch → validate → settle → record.
//! Each phase is a function from what it needs to what it found; [`converse`] is the whole story. What has no phase
//! of its own here: *shape*, *place* and *validate* run once per attempt inside [`dispatch`], because each attempt may
//! speak another dialect to another instance.

mod admit;
mod authenticate;
mod back;
mod cached;
mod choose;
mod decide;
mod evaluate;
mod govern;
mod heard;
mod journey;
mod local;
mod responses;
mod risk;
mod send;
pub(crate) mod settle;
mod tokens;
mod validate;

pub(crate) use authenticate::{Caller, authenticate, presented};
pub(crate) use back::stream::Streaming;
pub(crate) use choose::Demand;
pub(crate) use decide::explain_request;
pub(crate) use evaluate::{Evaluation, evaluate};
pub(crate) use govern::{may_use, may_use_here};
pub(crate) use responses::{
    Recent, blocking, delete as delete_response, get as get_response, items as response_items,
};
pub(crate) use settle::limits;

use back::{answer, calls, filter, output, receipt, relay, stream, watch};
use send::{attempt, dispatch, flight, mask, members, outgoing, reach, shape};

use crate::config::provider::Limit;
use crate::fleet::Site;
use crate::observe::TraceContext;
use crate::reply::Reply;
use crate::snapshot::{ModelEntry, Snapshot};
use crate::state::{InFlight, Shared};
use crate::worker::Worker;
use admit::{Ours, admit};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use journey::{End, Journey};
use settle::{Closing, sell};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokens::Tokens;
use tollgate_core::{Fault, FaultKind, Tick};
use tollgate_net::body::{BodyError, BodyLimits};
use tollgate_net::server::RequestBody;
use tollgate_wire::Dialect;
use tollgate_wire::form::Options;
use tollgate_wire::view::RequestView;
use validate::{Validation, answered};

pub(crate) const AUTHENTICATE: usize = 0;
pub(crate) const CHARACTERISE: usize = 1;
pub(crate) const SIGNAL: usize = 2;
pub(crate) const DECIDE: usize = 3;
pub(crate) const SHAPE: usize = 4;
pub(crate) const SELECT: usize = 5;
pub(crate) const PLACE: usize = 6;
pub(crate) const DISPATCH: usize = 7;
pub(crate) const VALIDATE: usize = 8;
pub(crate) const SETTLE: usize = 9;
pub(crate) const RECORD: usize = 10;

/// The fault of a request that finds no room.
pub(crate) fn full() -> Fault {
    Fault::caller(FaultKind::Unavailable, "too many requests in flight; try again soon")
}

/// What every attempt of one request shares.
pub(crate) struct Context<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) view: &'a RequestView,
    /// The same with personal data replaced, where the route or a class of data asks for it.
    pub(crate) masked: Option<Box<mask::Masked>>,
    /// The stored answer that the request continues.
    pub(crate) previous: Option<String>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) caller: &'a Caller,
    pub(crate) peer: IpAddr,
    pub(crate) trace: TraceContext,
    pub(crate) demand: Demand,
    pub(crate) gate: govern::Gate,
    /// Micro-dollars that earlier attempts cost, or may have cost.
    pub(crate) risked_micro: AtomicU64,
    pub(crate) started: Tick,
    pub(crate) created_s: u64,
}

impl Context<'_> {
    /// Milliseconds left of the request's total time.
    pub(crate) fn remaining_ms(&self, now: Tick) -> u64 {
        let spent = now.since_ns(self.started) / 1_000_000;
        self.snapshot.settings.timeouts.total_ms.saturating_sub(spent)
    }

    /// A number for who asks: the caller, else the peer.
    pub(crate) fn asker(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match &*self.caller.id {
            "" => self.peer.hash(&mut hasher),
            id => id.hash(&mut hasher),
        }
        hasher.finish()
    }

    /// What is at stake with the next attempt.
    pub(crate) fn stake(&self) -> govern::Stake<'_> {
        self.demand.stake(self.risked_micro.load(Ordering::Relaxed))
    }

    /// The request as it goes to a place.
    pub(crate) fn view_at(&self, model: Option<&ModelEntry>, site: &Site) -> &RequestView {
        let Some(masked) = &self.masked else { return self.view };
        let needs =
            model.is_none_or(|model| self.gate.masks(&self.snapshot, model, &self.stake(), site.index));
        masked.view(needs).unwrap_or(self.view)
    }

    /// The instance that a goal names.
    pub(crate) fn site(&self, goal: &choose::Goal) -> Option<&Site> {
        self.snapshot.fleet.pools.get(goal.pool)?.sites.get(goal.member)
    }

    /// How to translate the request for an upstream.
    pub(crate) fn translation(&self, upstream_model: &str, spells: Limit) -> Options {
        Options {
            model: Some(upstream_model.to_owned()),
            stream: Some(self.view.stream),
            // As where a request has none: the name that everybody reads, unless newer models take the other alone.
            legacy_max_tokens: spells != Limit::Completion,
            ..Options::default()
        }
    }

    /// How to translate the answer for the caller.
    pub(crate) fn answer_options(&self) -> Options {
        let echo = (self.view.dialect == Dialect::OpenaiResponses)
            .then(|| tollgate_wire::openai_responses::echo(&self.view.body).ok())
            .flatten()
            .map(|echo| match &self.previous {
                Some(id) => echo.with("previous_response_id", id.as_str()),
                None => echo,
            });
        Options {
            created: Some(self.created_s),
            include_usage: self.view.include_usage,
            echo,
            ..Options::default()
        }
    }
}

/// A request that got through every phase before its answer.
enum Ready {
    /// A model answers.
    Answer(Box<Answered>),
    /// The policy answers.
    Fixed { answer: tollgate_policy::Answer, stream: bool },
    /// The gateway's own encoder answers.
    Local(local::Embedded),
    /// An answer that was kept is given again.
    Kept(Box<cached::Hit>),
}

struct Answered {
    answer: attempt::Answer,
    reservation: Option<tollgate_store::budget::Reservation>,
    prompt_bytes: usize,
    keep: Option<settle::Keep>,
    in_flight: InFlight,
    fill: Option<Box<cached::Fill>>,
    validation: Option<Validation>,
}

/// Answers one model request.
pub(crate) async fn converse(
    worker: &Worker,
    dialect: Dialect,
    request: Request<RequestBody>,
    peer: IpAddr,
) -> Response<Reply> {
    let shared = worker.shared().clone();
    let mut journey = Journey::begin(&shared, dialect, request.headers());
    let (parts, body) = request.into_parts();
    match steps(worker, dialect, (&parts, body), peer, &mut journey).await {
        Ok(Ready::Answer(ready)) => {
            let Answered { answer, reservation, prompt_bytes, keep, in_flight, fill, validation } = *ready;
            let closing = Closing { shared, journey, reservation, prompt_bytes, keep, in_flight, fill };
            answer::send(answer, closing, dialect, validation)
        }
        Ok(Ready::Kept(hit)) => answer::kept(journey, *hit),
        Ok(Ready::Local(embedded)) => answer::local(journey, embedded),
        Ok(Ready::Fixed { answer, stream }) => answer::fixed(journey, &answer, stream),
        Err(refusal) => answer::refuse(journey, *refusal),
    }
}

async fn steps(
    worker: &Worker,
    dialect: Dialect,
    (parts, body): (&Parts, RequestBody),
    peer: IpAddr,
    journey: &mut Journey,
) -> Result<Ready, Box<answer::Refusal>> {
    let shared = worker.shared();
    let snapshot = shared.snapshot.load_full();
    let in_flight = shared.enter(snapshot.settings.limits.in_flight).ok_or_else(full)?;

    let caller = sell::caller(shared, &snapshot, &parts.headers, peer, journey.arrived)?;
    journey.authenticated(&caller);
    journey.lap(AUTHENTICATE);

    let body = read_body(body, parts, shared, &snapshot).await?;
    journey.resume();
    journey.receipt = receipt::Receipt::begin(&snapshot.settings, &parts.headers, &body)?;
    let (view, keep, previous) = responses::view(shared, &snapshot, dialect, body, &caller).await?;
    let known = decide::characterise(shared, &view, &caller, journey.time());
    journey.characterised(&view, &known);
    journey.lap(CHARACTERISE);

    let weigh =
        async |session: &Arc<str>| risk::weigh(shared, &snapshot, &view, &caller, session, journey).await;
    let mut decided =
        decide::decide(shared, &snapshot, &view, &parts.headers, &caller, &known, weigh).await?;
    journey.decided(&decided);
    risk::follow(&snapshot, &mut decided, journey)?;
    let mut gate = admitted(&snapshot, &caller, &decided, &view, journey)?;
    if let Some(answer) = &decided.effects().answer {
        return Ok(Ready::Fixed { answer: answer.clone(), stream: view.stream });
    }
    if let Some(embedded) =
        local::answer(shared, &view, &caller, known.prompt_tokens, &mut gate, journey).await?
    {
        return Ok(Ready::Local(embedded));
    }
    let by_route = &decided.effects().mask;
    let place = (&view, &parts.headers);
    let answers =
        mask::looked_through(shared, &snapshot, place, &caller, (&known, &decided.answers, by_route), &gate)
            .await;
    let masked = mask::masked(shared, &snapshot, place, &caller, (&known, &answers, by_route), &mut gate)?;
    let mut demand = known.demand(shared, &snapshot, &view, &decided.route, &caller);
    let pool = decided.effects().pool.as_deref();
    let ours = Ours { shared, snapshot: &snapshot, now: journey.time() };
    let models = risk::models(&snapshot, journey, &demand, &mut gate, pool).unwrap_or_else(|| {
        decide::models(&snapshot, &view, decided.effects(), &demand, &caller, journey.seed(), &mut gate)
    });
    journey.governed(&gate);
    let plan = models?;
    let asked = cached::Request {
        shared,
        snapshot: &snapshot,
        view: &view,
        headers: &parts.headers,
        caller: &caller,
        decided: &decided,
        plan: &plan,
        continued: previous.is_some(),
        masked: masked.is_some(),
    };
    let fill = match asked.answered(keep.as_ref(), journey).await? {
        cached::Looked::Hit(hit) => return Ok(Ready::Kept(hit)),
        cached::Looked::Miss(fill) => fill,
    };
    let models = admit(&ours, &caller, &mut demand, plan, &mut gate, pool);
    journey.governed(&gate);
    let (models, promised) = models?;
    journey.promise(promised);
    let by = (&models, decided.effects());
    sell::sell(&ours, shared, (&caller, &view), parts, &mut demand, by, journey).await?;
    journey.story.models = Some(models.reason.clone());
    journey.lap(SELECT);

    let ctx = Context {
        worker,
        shared,
        view: &view,
        masked,
        previous,
        headers: &parts.headers,
        caller: &caller,
        peer,
        trace: journey.trace,
        demand,
        gate,
        risked_micro: AtomicU64::new(0),
        started: journey.start,
        created_s: u64::try_from(journey.arrived.seconds()).unwrap_or(0),
        snapshot: snapshot.clone(),
    };
    let validation = Validation::wanted(shared, &snapshot, &view);
    let answer = answered(&ctx, &models, decided.effects(), validation.as_ref(), journey).await;
    let answer = answer.map_err(|failure| answer::unanswered(failure, journey))?;
    let (reservation, prompt_bytes) = (journey.promised(), known.prompt_bytes);
    let answered = Answered { answer, reservation, prompt_bytes, keep, in_flight, fill, validation };
    Ok(Ready::Answer(Box::new(answered)))
}

/// Lets the caller in, as far as the policy governs it.
fn admitted(
    snapshot: &Snapshot,
    caller: &Caller,
    decided: &decide::Decided,
    view: &RequestView,
    journey: &mut Journey,
) -> Result<govern::Gate, Fault> {
    let mut gate = govern::Gate::of(snapshot, caller, &decided.decision);
    let admitted = gate.admit(view);
    journey.governed(&gate);
    admitted.map(|()| gate)
}

async fn read_body(
    body: RequestBody,
    parts: &Parts,
    shared: &Shared,
    snapshot: &Snapshot,
) -> Result<Bytes, Fault> {
    let limits = &snapshot.settings.limits;
    if let Some(encoding) = parts.headers.get(http::header::CONTENT_ENCODING).filter(|e| *e != "identity") {
        let message = format!("content-encoding {encoding:?} is not read; send the body uncompressed");
        let fault = Fault::caller(FaultKind::BadRequest, message).at("content-encoding");
        return Err(fault.quoting("an encoding that is not read"));
    }
    let bounds = BodyLimits {
        max_bytes: limits.body_bytes,
        grace: Duration::from_millis(limits.body_ms),
        ..BodyLimits::default()
    };
    let read = tollgate_net::body::read(body, &bounds, &shared.bodies, limits.bodies_bytes).await;
    read.map_err(|error| body_fault(&error))
}

/// A body that could not be read, as a fault.
pub(crate) fn body_fault(error: &BodyError) -> Fault {
    let kind = match error {
        BodyError::TooLarge { .. } => FaultKind::TooLarge,
        BodyError::TooSlow { .. } => FaultKind::Timeout,
        BodyError::NoRoom { .. } => FaultKind::Unavailable,
        BodyError::Broken(_) => FaultKind::BadRequest,
    };
    Fault::caller(kind, error.to_string())
}

/// The end of a request that was never sent.
fn unsent(status: u16, fault: Option<FaultKind>) -> End {
    End { status, fault, tokens: Tokens::default(), first_content: None }
}
