//! Dispatch, one attempt: shape for this model, send to this instance, hold back until the first content.

use crate::config::provider::Limit;
use crate::fleet::Site;
use crate::observe::Phases;
use crate::pipeline::choose::Goal;
use crate::pipeline::flight::Flight;
use crate::pipeline::mask::Masked;
use crate::pipeline::members::Carried;
use crate::pipeline::relay::Relay;
use crate::pipeline::shape::{Wish, shape};
use crate::pipeline::watch::Watch;
use crate::pipeline::{Context, DISPATCH, SHAPE, members, outgoing};
use crate::threads::large::LARGE;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tollgate_core::{Blame, Fault, FaultKind, Retry, Tick};
use tollgate_net::upstream::{Outgoing, Timeouts, UpstreamBody};
use tollgate_net::{Class, Error as NetError, Wait};
use tollgate_policy::{Clearance, Effects};
use tollgate_select::circuit::{Detail, Outcome};
use tollgate_select::retry::Stage;
use tollgate_wire::Dialect;
use tollgate_wire::error::{Classified, classify};
use tollgate_wire::form::Report;
use tollgate_wire::translate;

pub(crate) use super::failure::Failure;

/// Largest error body that is read from an upstream, in bytes.
const ERROR_BODY_MAX: usize = 64 << 10;
/// How long the body of an error is waited for: the status says enough to go elsewhere.
const ERROR_BODY_WAIT: Duration = Duration::from_secs(1);
/// Most bytes of lifecycle events held back before the first content.
const HELD_MAX: usize = 256 << 10;

/// An answer whose first content has come (or that is whole).
pub(crate) enum Answer {
    /// A whole body, already metered.
    Whole { headers: HeaderMap, body: Bytes, watch: Box<Watch>, flight: Flight },
    /// A stream, to be relayed.
    Stream { headers: HeaderMap, relay: Box<Relay>, flight: Flight },
}

impl Answer {
    /// When all of it had come; a stream goes on.
    pub(crate) const fn came(&self) -> Option<Tick> {
        match self {
            Self::Whole { flight, .. } => flight.first(),
            Self::Stream { .. } => None,
        }
    }
}

/// What is sent where, for one attempt.
struct Letter {
    dialect: Dialect,
    outgoing: Outgoing,
    body: Bytes,
    /// The model's name at the provider.
    model: String,
    spells: Limit,
    strip_usage: bool,
    lost: Vec<String>,
    /// What judges the calls of the answer: the roles that allow the place and the offered tools.
    governed: Option<Clearance>,
}

impl Letter {
    /// Translates the body, one that is large beside the threads that serve.
    async fn translate(&mut self, ctx: &Context<'_>) -> Result<(), Fault> {
        let (from, to, options) = (ctx.view.dialect, self.dialect, ctx.translation(&self.model, self.spells));
        let (bytes, body) = (self.body.len(), std::mem::take(&mut self.body));
        let work = move || translate::request(from, to, &body, &options).map_err(|e| e.fault());
        let crossed = ctx.shared.large.work(bytes, work).await?;
        self.lost.extend(losses(&crossed.report));
        self.body = crossed.body.into();
        Ok(())
    }
}

/// Sends the request to one instance. The ticket of the instance is completed here on failure and handed on with
/// the answer otherwise.
pub(crate) async fn attempt(
    ctx: &Context<'_>,
    goal: &Goal,
    effects: &Effects,
    now: Tick,
    phases: &mut Phases,
) -> Result<(Answer, Vec<String>), Failure> {
    let Some(site) = ctx.site(goal) else {
        return Err(Failure::early(Fault::internal("the instance is gone")));
    };
    let mut letter = letter(ctx, site, goal, effects).map_err(Failure::early)?;
    if letter.dialect != ctx.view.dialect {
        // On the heap: most requests need no translation.
        Box::pin(letter.translate(ctx)).await.map_err(Failure::early)?;
    }
    let Letter { dialect, outgoing, body, strip_usage, lost, governed, .. } = letter;
    let shaped = ctx.shared.clock.tick();
    phases.add(SHAPE, shaped.since_ns(now));
    let mut flight = Flight::begin(ctx, goal, now).map_err(Failure::early)?;
    let timeouts = timeouts(ctx, now);
    let target = ctx.worker.target(&ctx.snapshot, site).map_err(|e| Failure::early(net_fault(&e)))?;
    phases.add(DISPATCH, ctx.shared.clock.tick().since_ns(shaped));
    // Requests that arrived together are all worked out before the first of them is sent: the sends then follow each
    // other at once, and an upstream that slept is woken for all of them, not for each. One alone need not wait.
    if ctx.shared.in_flight.load(Ordering::Relaxed) > 1 {
        tokio::task::yield_now().await;
    }
    let response = match target.send(outgoing.body(body), &timeouts).await {
        Ok(response) => response,
        Err(error) => {
            let refused = matches!(error.class(), Class::Connect);
            let detail = Detail { refused, ..Detail::default() };
            let failure = flight.fail(net_fault(&error), detail, Stage::Connecting, lost);
            return Err(Failure { reached: comes_through(error.class()), ..failure });
        }
    };
    let (parts, body) = response.into_parts();
    if parts.status != StatusCode::OK {
        let same_dialect = dialect == ctx.view.dialect;
        let refused = refused(ctx, flight, (parts.status, &parts.headers), body, same_dialect, lost);
        // On the heap: most requests are not refused.
        return Err(Box::pin(refused).await);
    }
    let streamed = ctx.view.stream && is_event_stream(&parts.headers);
    let headers = outgoing::clean_answer(parts.headers);
    let rules = (governed, effects.output.as_slice());
    let watch = Box::new(Watch::new(ctx, dialect, streamed, strip_usage, rules));
    if streamed {
        let mut relay = Relay::new(body, watch, ctx.shared.clock.clone());
        match hold_back(ctx, &mut relay, now).await {
            Ok(()) => {
                flight.first_content();
                if let Err((fault, stage)) = first_judged(ctx, &mut relay).await {
                    let failure = flight.fail(fault, Detail::default(), stage, lost);
                    return Err(failure.of(&relay.watch));
                }
                Ok((Answer::Stream { headers, relay: Box::new(relay), flight }, lost))
            }
            Err((fault, stage)) => {
                let failure = flight.fail(fault, Detail::default(), stage, lost);
                Err(failure.of(&relay.watch))
            }
        }
    } else {
        let body = body.collect(ctx.snapshot.settings.limits.answer_bytes).await;
        Box::pin(whole(ctx, flight, headers, body, watch, lost)).await.map_err(|failure| *failure)
    }
}

async fn whole(
    ctx: &Context<'_>,
    mut flight: Flight,
    headers: HeaderMap,
    body: Result<Bytes, NetError>,
    mut watch: Box<Watch>,
    mut lost: Vec<String>,
) -> Result<(Answer, Vec<String>), Box<Failure>> {
    let body = match body {
        Ok(body) => body,
        Err(error) => {
            let fault = if error.class() == Class::TooLarge { too_long(ctx) } else { net_fault(&error) };
            return Err(Box::new(flight.fail(fault, Detail::default(), Stage::HeadersSeen, lost)));
        }
    };
    flight.first_content();
    let read = if body.len() < LARGE {
        watch.whole(body)
    } else {
        let work = move || {
            let read = watch.whole(body);
            Ok((watch, read))
        };
        match ctx.shared.large.work(LARGE, work).await {
            Ok((back, read)) => {
                watch = back;
                read
            }
            Err(fault) => {
                return Err(Box::new(flight.fail(fault, Detail::default(), Stage::HeadersSeen, lost)));
            }
        }
    };
    match read {
        Ok(body) => {
            lost.append(&mut watch.lost());
            Ok((Answer::Whole { headers, body, watch, flight }, lost))
        }
        Err(fault) => {
            let failure = flight.fail(fault, Detail::default(), Stage::HeadersSeen, lost);
            Err(Box::new(failure.of(&watch)))
        }
    }
}

/// An answer that is longer than is passed on: the instance did its work, and any other would do the same.
fn too_long(ctx: &Context<'_>) -> Fault {
    let most = ctx.snapshot.settings.limits.answer_bytes;
    let message =
        format!("the answer is longer than {most} bytes (`limits.answer_bytes`): ask for less at once");
    Fault { blame: Blame::Us, ..Fault::upstream(FaultKind::UpstreamFailed, message) }.retry(Retry::Never)
}

/// Reads until the first content: until then another instance can still take over without the caller noticing. What
/// the head took of the time since the dispatch `begun` is gone.
async fn hold_back(ctx: &Context<'_>, relay: &mut Relay, begun: Tick) -> Result<(), (Fault, Stage)> {
    let most = Duration::from_millis(ctx.snapshot.settings.timeouts.first_content_ms);
    let left = most.saturating_sub(Duration::from_nanos(ctx.shared.clock.tick().since_ns(begun)));
    let read = async {
        while !relay.watch.content_seen() {
            if !relay.pull().await? {
                break;
            }
            if relay.held_bytes() > HELD_MAX {
                break;
            }
        }
        Ok(())
    };
    let done = match tokio::time::timeout(left, read).await {
        Ok(done) => done,
        Err(_) => {
            Err(Fault::upstream(FaultKind::Timeout, format!("no content within {} ms", most.as_millis())))
        }
    };
    let stage = if relay.held_bytes() > 0 { Stage::LifecycleSeen } else { Stage::HeadersSeen };
    done.map_err(|fault| (fault, stage))?;
    if relay.watch.content_seen() || relay.watch.complete() {
        return Ok(());
    }
    match relay.watch.failure() {
        Some(fault) => Err((fault, stage)),
        None if relay.ended() => {
            Err((Fault::upstream(FaultKind::UpstreamFailed, "the stream ended before any content"), stage))
        }
        None => Ok(()),
    }
}

/// Where a stream begins with tool calls, or its words are looked at, reads until the first are judged: what is denied can
/// then still be refused with a status of its own. Gives up waiting, not the answer, when that takes long.
async fn first_judged(ctx: &Context<'_>, relay: &mut Relay) -> Result<(), (Fault, Stage)> {
    let settings = &ctx.snapshot.settings;
    let guarded = relay.watch.guard().map_or(u64::MAX, |_| settings.output.hold_ms);
    let most = Duration::from_millis(settings.timeouts.first_content_ms.min(guarded));
    let read = async {
        while relay.watch.waits() && relay.held_bytes() <= HELD_MAX && relay.pull().await? {}
        Ok(())
    };
    let done = tokio::time::timeout(most, read).await;
    done.unwrap_or(Ok(())).map_err(|fault| (fault, Stage::LifecycleSeen))
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.get(..17).is_some_and(|k| k.eq_ignore_ascii_case("text/event-stream"))
}

fn letter(ctx: &Context<'_>, site: &Site, goal: &Goal, effects: &Effects) -> Result<Letter, Fault> {
    let row = site.provider.row;
    let inbound = ctx.view.dialect;
    let Some(dialect) = row.dialect_for(inbound) else {
        let message = format!("provider {} does not serve {}", site.provider.name, inbound.word());
        return Err(Fault::upstream(FaultKind::BadRequest, message));
    };
    let upstream_model = site.models.get(&*goal.model_name).map_or(&*goal.model_name, String::as_str);
    let meter_stream = inbound == Dialect::OpenaiChat
        && ctx.view.stream
        && !ctx.view.include_usage
        && (dialect != inbound || row.quirks.stream_usage);
    let model = ctx.snapshot.models.get(goal.model);
    if model.is_some_and(|model| !ctx.caller.buys_model(&model.name)) {
        return Err(Fault::internal("a model that is not sold would answer a buyer"));
    }
    let mut governed = model.and_then(|model| ctx.gate.at(&ctx.snapshot, model, &ctx.stake(), site.index));
    let restricted = ctx.gate.restricts();
    let view = ctx.view_at(model, site);
    let mut withheld = if restricted { members::withheld(view, &site.provider) } else { Vec::new() };
    let mut lost: Vec<String> =
        withheld.iter().map(|name| members::told("member", name, members::ROUTES)).collect();
    if let Some(name) = members::later(view).filter(|name| !withheld.iter().any(|held| held == name)) {
        lost.push(members::told("member", name, members::AT_ONCE));
        withheld.push(name.to_owned());
    }
    let masks = ctx.masked.as_deref().filter(|_| !std::ptr::eq(view, ctx.view));
    let carried = match (masks.is_some() || ctx.gate.classifies(), ctx.caller.buys.is_some(), restricted) {
        (true, ..) => Carried::Closed,
        (_, true, _) => Carried::Sold,
        (_, _, true) => Carried::Known,
        _ => Carried::All,
    };
    lost.extend(masks.and_then(Masked::told));
    let limit = model.and_then(|model| ctx.limit(model, site, effects));
    let added = limit.filter(|_| ctx.demand.ceiling.stated().is_none());
    let why = "the ceiling of cost, a budget or a payment holds no more";
    lost.extend(added.map(|(name, most)| format!("{name} set to {most}: {why}")));
    let effort = goal.effort;
    let mut wish = Wish {
        model: upstream_model,
        effort,
        meter_stream,
        withheld: &withheld,
        limit,
        spells: row.quirks.limit,
        governed: governed.as_mut(),
    };
    let body = shape(view, effects, &mut wish)?;
    let (trace, carried) = (ctx.trace.outgoing(), (carried, &mut lost));
    let mut headers =
        outgoing::headers(ctx.headers, site, dialect == inbound, &effects.headers, trace, carried)?;
    if ctx.gate.bounds_cost() {
        let gone = members::withhold_flags(&mut headers);
        lost.extend(gone.iter().map(|flag| members::told("flag", flag, members::PRICED)));
    }
    let mut outgoing = outgoing::envelope(site, dialect, upstream_model, ctx.view.stream)?;
    *outgoing.headers_mut() = headers;
    let strip_usage = meter_stream && dialect == inbound;
    let model = if dialect == inbound { String::new() } else { upstream_model.to_owned() };
    let spells = row.quirks.limit;
    Ok(Letter { dialect, outgoing, body, model, spells, strip_usage, lost, governed })
}

fn timeouts(ctx: &Context<'_>, now: Tick) -> Timeouts {
    let set = &ctx.snapshot.settings.timeouts;
    let left = ctx.remaining_ms(now).max(1);
    let head = if ctx.view.stream { set.first_content_ms.min(left) } else { left };
    Timeouts {
        connect: Duration::from_millis(set.connect_ms.min(left)),
        head: Duration::from_millis(head),
        idle: Duration::from_millis(set.idle_ms),
        total: Duration::from_millis(left),
    }
}

async fn refused(
    ctx: &Context<'_>,
    flight: Flight,
    (status, headers): (StatusCode, &HeaderMap),
    body: UpstreamBody,
    same_dialect: bool,
    lost: Vec<String>,
) -> Failure {
    let body = body.beginning(ERROR_BODY_MAX, ERROR_BODY_WAIT).await;
    let Classified { fault, of_request, retry_after_ms } = classify(Some(status.as_u16()), &body);
    let asked = tollgate_net::headers::retry_after_ms(headers, ctx.shared.clock.now());
    let retry_after_ms = asked.or(retry_after_ms);
    // Words that are not JSON (a proxy's page, say) would not be read as an error: ours say the same.
    let readable = serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
    let said = (same_dialect && fault.blame == Blame::Caller && readable).then_some((status, body));
    let detail = Detail { refused: false, retry_after_ms, doubted_by: of_request.then(|| ctx.asker()) };
    let mut failure = flight.fail(fault, detail, Stage::HeadersSeen, lost);
    failure.said = said;
    // Who gives up waiting for what it asked for itself may have worked all the same.
    failure.refused = failure.fault.kind != FaultKind::Timeout;
    failure.retry_after_ms = retry_after_ms;
    failure
}

/// What could not cross, in words.
pub(crate) fn losses(report: &Report) -> Vec<String> {
    let lines = report.losses.iter().map(|l| format!("{} {}: {}", l.path, outcome_word(l.outcome), l.why));
    let more = (report.omitted > 0).then(|| format!("and {} more", report.omitted));
    lines.chain(more).collect()
}

const fn outcome_word(outcome: tollgate_wire::form::Outcome) -> &'static str {
    match outcome {
        tollgate_wire::form::Outcome::Dropped => "dropped",
        tollgate_wire::form::Outcome::Approximated => "approximated",
    }
}

/// Whether anything of a request may have reached the upstream that failed so.
const fn comes_through(class: Class) -> bool {
    !matches!(
        class,
        Class::Dns
            | Class::Connect
            | Class::Tls
            | Class::Pool
            | Class::Config
            | Class::Timeout(Wait::Connect)
    )
}

/// A transport error as a fault. Until the caller has seen content an answer has no effect that a second attempt could
/// double, so another instance may always be tried.
pub(crate) fn net_fault(error: &NetError) -> Fault {
    error.fault().retry(Retry::Elsewhere)
}

/// The outcome that an instance is told of.
pub(crate) fn outcome_of(fault: &Fault, detail: Detail) -> Outcome {
    Outcome::of(fault.kind, fault.blame, detail)
}
