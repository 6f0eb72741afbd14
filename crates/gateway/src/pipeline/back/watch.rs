//! What becomes of one answer: metered, translated where dialects differ, held back where the policy has not allowed it yet.
//!
//! The meter sees what the upstream sent; whatever judges sees what the caller is about to get.

use crate::pipeline::Context;
use crate::pipeline::answer::in_public;
use crate::pipeline::attempt::losses;
use crate::pipeline::calls::{Calls, Stop};
use crate::pipeline::filter::{Filter, Whole, linked, renamed};
use crate::pipeline::output::Guard;
use crate::pipeline::tokens::Tokens;
use bytes::Bytes;
use tollgate_core::{Fault, FaultKind, Tick};
use tollgate_policy::{Clearance, Denial, OutputRule};
use tollgate_wire::form::{Options, Report};
use tollgate_wire::meter::{EVENT_BYTES_MAX, Finish, Framing, Meter, Reading};
use tollgate_wire::{Dialect, error, translate};

/// Bytes per token where the upstream does not count.
const BYTES_PER_TOKEN: u64 = 4;

/// What happens to an answer's bytes.
enum Mode {
    /// Same dialect: forwarded as they are, in whole events.
    Same(Whole),
    /// Same dialect, but event by event: the usage event that only we asked for is left out, or our id stands in place
    /// of the upstream's.
    Filter(Filter),
    /// Another dialect.
    Translate(Box<translate::Stream>),
}

/// Watches one answer and says what to forward of it.
pub(crate) struct Watch {
    meter: Meter,
    mode: Mode,
    inbound: Dialect,
    outbound: Dialect,
    options: Options,
    /// The caller wants a stream, whatever the upstream sends.
    stream_wanted: bool,
    prompt_tokens: u64,
    /// The answer that the request continues; upstreams know nothing of it.
    previous: Option<String>,
    /// Holds tool calls back until the policy has allowed them, where it governs tools.
    calls: Option<Box<Calls>>,
    /// Looks at what is said, where the route's rules ask for it.
    guard: Option<Box<Guard>>,
    /// What of a whole answer could not cross.
    lost: Vec<String>,
}

impl Watch {
    pub(crate) fn new(
        ctx: &Context<'_>,
        outbound: Dialect,
        streamed: bool,
        strip_usage: bool,
        (governed, rules): (Option<Clearance>, &[OutputRule]),
    ) -> Self {
        let inbound = ctx.view.dialect;
        let mut options = ctx.answer_options();
        if inbound == Dialect::OpenaiResponses {
            // Answers are stored here, so their ids are ours: two upstreams may well give the same.
            options.id = Some(format!("resp_{:016x}{:08x}", ctx.trace.span, ctx.created_s & 0xffff_ffff));
        }
        let mode = if inbound != outbound && streamed {
            match translate::Stream::new(outbound, inbound, options.clone()) {
                Ok(stream) => Mode::Translate(Box::new(stream)),
                // Both are dialects of conversations, or the request could not have been translated.
                Err(_) => Mode::Same(Whole::default()),
            }
        } else if strip_usage || options.id.is_some() {
            Mode::Filter(Filter { strip_usage, previous: ctx.previous.clone(), ..Filter::default() })
        } else {
            Mode::Same(Whole::default())
        };
        let framing = if streamed { Framing::Sse } else { Framing::Json };
        Self {
            meter: Meter::bounded(
                outbound,
                framing,
                EVENT_BYTES_MAX,
                ctx.snapshot.settings.limits.answer_bytes,
            ),
            mode,
            inbound,
            outbound,
            options,
            stream_wanted: ctx.view.stream,
            prompt_tokens: ctx.demand.prompt_tokens,
            previous: ctx.previous.clone(),
            calls: governed.map(|clearance| Box::new(Calls::new(clearance, inbound))),
            guard: Guard::new(&ctx.snapshot, &ctx.shared.clock, inbound, rules).map(Box::new),
            lost: Vec::new(),
        }
    }

    /// The denial that stopped the answer.
    pub(crate) fn denial(&self) -> Option<&Denial> {
        self.calls.as_ref()?.stop()?.denial()
    }

    /// What looks at what is said.
    pub(crate) fn guard(&self) -> Option<&Guard> {
        self.guard.as_deref()
    }

    /// Whether a call is held back, or the first words are.
    pub(crate) fn waits(&self) -> bool {
        self.calls.as_ref().is_some_and(|calls| calls.holds())
            || self.guard.as_ref().is_some_and(|guard| guard.unbegun())
    }

    /// Whether anything is held back.
    fn holds(&self) -> bool {
        self.calls.as_ref().is_some_and(|calls| calls.holds())
            || self.guard.as_ref().is_some_and(|guard| guard.holds())
    }

    /// When what is held may go on although no more has come.
    pub(super) fn due(&self) -> Option<Tick> {
        self.guard.as_ref()?.due()
    }

    /// What an answer used that is not handed on, because it was stopped or cannot be read; nothing of one that only
    /// broke off.
    pub(crate) fn spent(&self) -> Option<Tokens> {
        let whole = self.reading().error.is_none() && self.reading().complete;
        (self.stopped().is_some() || whole).then(|| self.tokens())
    }

    /// Why the answer is not handed on.
    pub(super) fn stopped(&self) -> Option<Fault> {
        let by_calls = self.calls.as_ref().and_then(|calls| calls.stop()).map(Stop::fault);
        by_calls.or_else(|| self.guard.as_ref()?.fault())
    }

    /// What of the answer could not cross so far; told once.
    pub(crate) fn lost(&mut self) -> Vec<String> {
        match &self.mode {
            Mode::Translate(stream) => told(stream.report()),
            Mode::Same(_) | Mode::Filter(_) => std::mem::take(&mut self.lost),
        }
    }

    fn reading(&self) -> &Reading {
        self.meter.reading()
    }

    /// Whether text, reasoning or a tool call has come.
    pub(crate) fn content_seen(&self) -> bool {
        self.reading().content
    }

    /// Whether the answer's end was seen; some servers state a finish reason and leave out the end marker.
    pub(crate) fn complete(&self) -> bool {
        self.reading().error.is_none() && (self.reading().complete || self.reading().finish.is_some())
    }

    /// Whether the answer is whole and as the model meant it to end, and no rule has anything to say of it.
    pub(crate) fn ended_well(&self) -> bool {
        let found = self.guard.as_ref().is_some_and(|guard| !guard.found().is_empty());
        self.complete() && self.reading().finish == Some(Finish::Stop) && self.stopped().is_none() && !found
    }

    /// The error inside the answer.
    pub(crate) fn failure(&self) -> Option<Fault> {
        self.reading().error.as_ref().map(|classified| classified.fault.clone())
    }

    /// Whether the caller wants a stream although the upstream answered whole.
    pub(crate) const fn unfolds(&self) -> bool {
        self.stream_wanted
    }

    /// The whole answer of the Responses dialect that may be kept, from what the caller gets.
    pub(crate) fn answer_to_keep(&self, body: &[u8]) -> Option<Vec<u8>> {
        if self.inbound != Dialect::OpenaiResponses {
            return None;
        }
        if !self.stream_wanted {
            return Some(body.to_vec());
        }
        let mut capture = crate::pipeline::responses::Capture::default();
        capture.see(&Bytes::copy_from_slice(body));
        capture.answer()
    }

    /// Tokens as the upstream counted them, else estimated from what passed. An answer that broke off has no final
    /// count: what was stated at its start may be nothing at all.
    pub(crate) fn tokens(&self) -> Tokens {
        let passed = self.reading().output_bytes.div_ceil(BYTES_PER_TOKEN);
        let whole = self.complete();
        match &self.reading().usage {
            Some(usage) if whole => Tokens {
                prompt: usage.prompt,
                cached: usage.cached,
                written: usage.cache_write,
                written_1h: usage.cache_write_1h,
                completion: usage.completion,
                exact: true,
            },
            Some(usage) => Tokens {
                prompt: if usage.prompt == 0 { self.prompt_tokens } else { usage.prompt },
                cached: usage.cached,
                written: usage.cache_write,
                written_1h: usage.cache_write_1h,
                completion: usage.completion.max(passed),
                exact: false,
            },
            None => Tokens { prompt: self.prompt_tokens, completion: passed, ..Tokens::default() },
        }
    }

    /// Reads a whole answer and gives what the caller gets of it.
    pub(crate) fn whole(&mut self, body: Bytes) -> Result<Bytes, Fault> {
        self.meter.push(&body);
        self.meter.finish();
        if let Some(fault) = self.failure() {
            return Err(fault);
        }
        if self.reading().unread > 0 || !self.reading().complete {
            return Err(Fault::upstream(
                FaultKind::UpstreamFailed,
                "the upstream's answer is not JSON of its dialect",
            ));
        }
        let wrong = |e: tollgate_wire::WireError| Fault {
            unquoted: e.unquoted(),
            ..Fault::upstream(FaultKind::UpstreamFailed, e.to_string())
        };
        if self.stream_wanted {
            let (bytes, report) =
                translate::unfolded(self.outbound, self.inbound, &body, &self.options).map_err(wrong)?;
            self.lost = told(&report);
            return self.allowed(bytes.into());
        }
        if self.inbound == self.outbound {
            let body = match (&self.options.id, &self.reading().id) {
                (Some(ours), Some(theirs)) => renamed(&body, theirs, ours),
                _ => body,
            };
            return self.allowed(linked(body, self.previous.as_deref()));
        }
        let (bytes, report) =
            translate::response(self.outbound, self.inbound, &body, &self.options).map_err(wrong)?;
        self.lost = told(&report);
        self.allowed(bytes.into())
    }

    /// A whole answer whose calls the policy allows.
    fn allowed(&mut self, answer: Bytes) -> Result<Bytes, Fault> {
        let mut answer = answer;
        if let Some(calls) = self.calls.as_mut() {
            if self.stream_wanted {
                answer = calls.end(answer);
            } else {
                calls.whole(&answer).map_err(|stop| stop.fault())?;
            }
        }
        if let (Some(guard), None) = (self.guard.as_mut(), self.calls.as_ref().and_then(|calls| calls.stop()))
        {
            if self.stream_wanted {
                answer = guard.end(&answer);
            } else {
                guard.whole(&answer);
            }
        }
        self.stopped().map_or(Ok(answer), Err)
    }

    /// What has waited long enough.
    pub(super) fn overdue(&mut self) -> Bytes {
        self.guard.as_mut().map(|guard| guard.overdue()).unwrap_or_default()
    }

    /// Sees a piece of a stream pass; gives what the caller gets of it, perhaps nothing.
    pub(super) fn feed(&mut self, chunk: &Bytes) -> Bytes {
        self.meter.push(chunk);
        let ready = self.through(chunk);
        let ready = match self.calls.as_mut() {
            Some(calls) => calls.feed(ready),
            None => ready,
        };
        match self.guard.as_mut() {
            Some(guard) => guard.feed(&ready),
            None => ready,
        }
    }

    fn through(&mut self, chunk: &Bytes) -> Bytes {
        match &mut self.mode {
            Mode::Same(whole) => whole.feed(chunk),
            Mode::Filter(filter) => {
                if filter.rename.is_none()
                    && let (Some(ours), Some(theirs)) = (&self.options.id, &self.meter.reading().id)
                {
                    filter.rename = Some((theirs.clone(), ours.clone()));
                }
                filter.feed(chunk)
            }
            Mode::Translate(stream) => stream.push(chunk).into(),
        }
    }

    /// The stream has ended, well or with `fault`; gives the last bytes and what went wrong, if anything.
    pub(super) fn end(&mut self, fault: Option<Fault>) -> (Bytes, Option<Fault>) {
        self.meter.finish();
        let inside = self.failure();
        let broken = || {
            Fault::upstream(FaultKind::UpstreamFailed, "the upstream's stream ended before its end marker")
        };
        let fault = fault.or(inside).or_else(|| (!self.complete()).then(broken));
        let tail = match &mut self.mode {
            // The translation's own end says what is wrong, in the caller's dialect.
            Mode::Translate(stream) => stream.finish().into(),
            Mode::Filter(filter) => filter.end(),
            Mode::Same(whole) => whole.end(),
        };
        let tail = match self.calls.as_mut() {
            // What broke off may end within a call.
            Some(calls) if fault.is_none() => calls.end(tail),
            Some(calls) => calls.see(tail),
            None => tail,
        };
        // Half an event in front of ours would make both unreadable, so it stays here.
        let ours = !matches!(self.mode, Mode::Translate(_));
        let tail = if ours && fault.is_some() { Bytes::new() } else { tail };
        let tail = self.guard.as_mut().map_or_else(|| tail.clone(), |guard| guard.end(&tail));
        // With a call held back the upstream's own last words, or the translation's, are held too.
        let cut = fault.clone().filter(|_| self.holds());
        let stopped = self.stopped();
        let guarded = self.guard.as_ref().filter(|guard| guard.fault().is_some());
        let last_words = guarded.map(|guard| guard.last_words()).unwrap_or_default();
        // An error event of the upstream's own has passed already.
        let said = self.meter.reading().error.is_some() || !ours;
        match stopped.or(cut).or_else(|| fault.clone().filter(|_| !said)) {
            Some(fault) => {
                let event = error::sse(self.inbound, &in_public(&fault), self.meter.reading().events);
                ([&tail[..], &last_words, &event].concat().into(), Some(fault))
            }
            None => (tail, fault),
        }
    }
}

/// What of an answer could not cross, but for what says nothing to a caller: members without a value, and the mark of the
/// server's build.
fn told(report: &Report) -> Vec<String> {
    let mut report = report.clone();
    report.losses.retain(|loss| loss.kind != "null" && loss.path != "extra.system_fingerprint");
    losses(&report)
}
