//! Relay: an upstream's stream on its way to the caller, watched, translated where dialects differ, never silent
//! about its end.
//!
//! Nothing waits here: what the upstream has sent goes on at once, in whole events. A stream that breaks ends with an
//! error event in the caller's dialect.

use crate::pipeline::Context;
use crate::pipeline::answer::in_public;
use crate::pipeline::attempt::net_fault;
use crate::pipeline::calls::Calls;
use crate::pipeline::filter::{Filter, Whole, linked, renamed};
use crate::pipeline::tokens::Tokens;
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context as Task, Poll};
use tollgate_core::{Fault, FaultKind};
use tollgate_net::upstream::UpstreamBody;
use tollgate_policy::{Clearance, Denial};
use tollgate_wire::form::Options;
use tollgate_wire::meter::{Finish, Framing, Meter, Reading};
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
}

impl Watch {
    pub(crate) fn new(
        ctx: &Context<'_>,
        outbound: Dialect,
        streamed: bool,
        strip_usage: bool,
        governed: Option<Clearance>,
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
            meter: Meter::new(outbound, framing),
            mode,
            inbound,
            outbound,
            options,
            stream_wanted: ctx.view.stream,
            prompt_tokens: ctx.demand.prompt_tokens,
            previous: ctx.previous.clone(),
            calls: governed.map(|clearance| Box::new(Calls::new(clearance, inbound))),
        }
    }

    /// The denial that stopped the answer.
    pub(crate) fn denial(&self) -> Option<&Denial> {
        self.calls.as_ref()?.stop()?.denial()
    }

    /// Whether a call is held back.
    pub(crate) fn holds(&self) -> bool {
        self.calls.as_ref().is_some_and(|calls| calls.holds())
    }

    /// What an answer used that is not handed on, because it was stopped or cannot be read; nothing of one that only
    /// broke off.
    pub(crate) fn spent(&self) -> Option<Tokens> {
        let whole = self.reading().error.is_none() && self.reading().complete;
        (self.stopped().is_some() || whole).then(|| self.tokens())
    }

    /// Why the answer is not handed on.
    fn stopped(&self) -> Option<Fault> {
        Some(self.calls.as_ref()?.stop()?.fault())
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

    /// Whether the answer is whole and as the model meant it to end.
    pub(crate) fn ended_well(&self) -> bool {
        self.complete() && self.reading().finish == Some(Finish::Stop) && self.stopped().is_none()
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
                completion: usage.completion,
                exact: true,
            },
            Some(usage) => Tokens {
                prompt: if usage.prompt == 0 { self.prompt_tokens } else { usage.prompt },
                cached: usage.cached,
                completion: usage.completion.max(passed),
                exact: false,
            },
            None => Tokens { prompt: self.prompt_tokens, cached: 0, completion: passed, exact: false },
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
            let (bytes, _) =
                translate::unfolded(self.outbound, self.inbound, &body, &self.options).map_err(wrong)?;
            return self.allowed(bytes.into());
        }
        if self.inbound == self.outbound {
            let body = match (&self.options.id, &self.reading().id) {
                (Some(ours), Some(theirs)) => renamed(&body, theirs, ours),
                _ => body,
            };
            return self.allowed(linked(body, self.previous.as_deref()));
        }
        let (bytes, _) =
            translate::response(self.outbound, self.inbound, &body, &self.options).map_err(wrong)?;
        self.allowed(bytes.into())
    }

    /// A whole answer whose calls the policy allows.
    fn allowed(&mut self, answer: Bytes) -> Result<Bytes, Fault> {
        let Some(calls) = self.calls.as_mut() else { return Ok(answer) };
        if self.stream_wanted {
            let events = calls.end(answer);
            return self.stopped().map_or(Ok(events), Err);
        }
        calls.whole(&answer).map_err(|stop| stop.fault())?;
        Ok(answer)
    }

    /// Sees a piece of a stream pass; gives what the caller gets of it, perhaps nothing.
    fn feed(&mut self, chunk: &Bytes) -> Bytes {
        self.meter.push(chunk);
        let ready = self.through(chunk);
        match self.calls.as_mut() {
            Some(calls) => calls.feed(ready),
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
    fn end(&mut self, fault: Option<Fault>) -> (Bytes, Option<Fault>) {
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
        // With a call held back the upstream's own last words, or the translation's, are held too.
        let cut = fault.clone().filter(|_| self.holds());
        if let Some(fault) = self.stopped().or(cut) {
            let event = error::sse(self.inbound, &in_public(&fault), self.meter.reading().events);
            return (event.into(), Some(fault));
        }
        match (&fault, &self.mode) {
            // An error event of the upstream's own has passed already. Half an event in front of ours would make
            // both unreadable, so it stays here.
            (Some(fault), Mode::Same(_) | Mode::Filter(_)) if self.meter.reading().error.is_none() => {
                let event = error::sse(self.inbound, &in_public(fault), self.meter.reading().events);
                (event.into(), Some(fault.clone()))
            }
            _ => (tail, fault),
        }
    }
}

/// An upstream's stream, with what was read of it before the caller got anything.
pub(crate) struct Relay {
    body: Option<UpstreamBody>,
    held: BytesMut,
    held_raw: usize,
    pub(crate) watch: Box<Watch>,
    fault: Option<Fault>,
}

impl Relay {
    pub(crate) fn new(body: UpstreamBody, watch: Box<Watch>) -> Self {
        Self { body: Some(body), held: BytesMut::new(), held_raw: 0, watch, fault: None }
    }

    /// Bytes read so far and not passed on.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.held_raw
    }

    /// Whether the upstream's bytes are at their end.
    pub(crate) const fn ended(&self) -> bool {
        self.body.is_none()
    }

    /// What went wrong, once the stream is over.
    pub(crate) const fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Reads one piece into the held bytes; `false` at the end.
    pub(crate) async fn pull(&mut self) -> Result<bool, Fault> {
        let Some(body) = self.body.as_mut() else { return Ok(false) };
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            Some(Ok(frame)) => {
                if let Ok(chunk) = frame.into_data() {
                    self.held_raw += chunk.len();
                    let out = self.watch.feed(&chunk);
                    self.held.extend_from_slice(&out);
                    if let Some(fault) = self.watch.stopped() {
                        return Err(fault);
                    }
                }
                Ok(true)
            }
            Some(Err(error)) => Err(net_fault(&error)),
            None => {
                self.body = None;
                let (tail, fault) = self.watch.end(None);
                self.held.extend_from_slice(&tail);
                if let Some(fault) = self.watch.stopped() {
                    return Err(fault);
                }
                self.fault = fault;
                Ok(false)
            }
        }
    }

    /// The next bytes for the caller; `None` when the stream is over.
    pub(crate) fn poll_next(&mut self, task: &mut Task<'_>) -> Poll<Option<Bytes>> {
        if !self.held.is_empty() {
            return Poll::Ready(Some(self.held.split().freeze()));
        }
        loop {
            let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
            let fault = match std::task::ready!(Pin::new(body).poll_frame(task)) {
                Some(Ok(frame)) => {
                    let Ok(chunk) = frame.into_data() else { continue };
                    let out = self.watch.feed(&chunk);
                    if self.watch.stopped().is_none() {
                        if out.is_empty() {
                            continue;
                        }
                        return Poll::Ready(Some(out));
                    }
                    self.watch.stopped()
                }
                Some(Err(error)) => Some(net_fault(&error)),
                None => None,
            };
            self.body = None;
            let (tail, fault) = self.watch.end(fault);
            self.fault = fault;
            if !tail.is_empty() {
                return Poll::Ready(Some(tail));
            }
        }
    }
}
