//! A stream on its way to the caller, with everything that must happen once at its end.

use crate::pipeline::flight::Flight;
use crate::pipeline::journey::{CALLER_LEFT, End};
use crate::pipeline::output::Guard;
use crate::pipeline::relay::Relay;
use crate::pipeline::responses::Capture;
use crate::pipeline::settle::Closing;
use crate::pipeline::validate::{Judging, Passed};
use bytes::Bytes;
use std::task::{Context, Poll};
use tollgate_core::FaultKind;
use tollgate_select::circuit::{Detail, Outcome};
use tollgate_select::instance::Completion;

/// The body of a streamed answer: owns the load guard and the settlement.
pub(crate) struct Streaming {
    relay: Relay,
    flight: Flight,
    capture: Option<Capture>,
    closing: Option<Closing>,
    /// What passed, where it is judged at the end.
    passed: Option<Passed>,
    judging: Option<Judging>,
}

impl Streaming {
    pub(crate) fn new(
        relay: Relay,
        flight: Flight,
        capture: Option<Capture>,
        closing: Closing,
        passed: Option<Passed>,
    ) -> Self {
        Self { relay, flight, capture, closing: Some(closing), passed, judging: None }
    }

    /// The next bytes; `None` at the end, after everything is settled.
    pub(crate) fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let next = std::task::ready!(self.relay.poll_next(task));
        match &next {
            Some(bytes) => {
                if let Some(passed) = self.passed.as_mut() {
                    passed.see(bytes);
                }
                if let Some(capture) = self.capture.as_mut() {
                    capture.see(bytes);
                }
                if let Some(fill) = self.closing.as_mut().and_then(|closing| closing.fill.as_mut()) {
                    fill.see(bytes);
                }
                if let Some(receipt) =
                    self.closing.as_mut().and_then(|closing| closing.journey.receipt.as_mut())
                {
                    receipt.see(bytes);
                }
            }
            None => {
                let note = std::task::ready!(self.poll_judged(task));
                let note = self.receipted(note);
                self.finish();
                return Poll::Ready(note);
            }
        }
        Poll::Ready(next)
    }

    /// What the context says of the stream, now that all of it has passed: a comment behind its end.
    fn poll_judged(&mut self, task: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let (Some(passed), Some(closing)) = (self.passed.as_mut(), self.closing.as_mut()) else {
            return Poll::Ready(None);
        };
        if self.judging.is_none() {
            let model = closing.journey.price.as_ref().map(|tag| tag.model.clone());
            let well = self.relay.fault().is_none();
            self.judging =
                model.filter(|_| well).and_then(|model| passed.judging(closing.journey.dialect, &model));
        }
        let checked = match self.judging.as_mut() {
            Some(judging) => std::task::ready!(judging.as_mut().poll(task)),
            None => None,
        };
        let note = checked.map(|checked| {
            let note = format!(": x-tollgate-support: {}\n\n", checked.told());
            passed.validation.note(&mut closing.journey, checked);
            note.into()
        });
        (self.passed, self.judging) = (None, None);
        Poll::Ready(note)
    }

    /// What follows the stream's end, with the receipt of one that ended well behind it.
    fn receipted(&mut self, note: Option<Bytes>) -> Option<Bytes> {
        let well = self.relay.fault().is_none();
        let Some(closing) = self.closing.as_mut().filter(|_| well) else { return note };
        let Some(mut receipt) = closing.journey.receipt.take() else { return note };
        let note = note.unwrap_or_default();
        receipt.see(&note);
        closing.journey.resume();
        let receipt = receipt.note(&closing.journey, self.relay.watch.tokens()).unwrap_or_default();
        let all = [note, receipt].concat();
        (!all.is_empty()).then(|| all.into())
    }

    fn finish(&mut self) {
        let Some(mut closing) = self.closing.take() else { return };
        if let Some(denial) = self.relay.watch.denial() {
            closing.journey.denied(denial);
        }
        let tokens = self.relay.watch.tokens();
        let fault = self.relay.fault();
        let (outcome, kind) = match fault {
            None => (Outcome::Success, None),
            Some(fault) => (crate::pipeline::attempt::outcome_of(fault, Detail::default()), Some(fault.kind)),
        };
        let end =
            if fault.is_none() { Completion::answered(tokens.completion) } else { Completion::broken() };
        self.flight.complete(outcome, end);
        self.close(closing, 200, kind);
    }

    fn close(&mut self, mut closing: Closing, status: u16, fault: Option<FaultKind>) {
        // The time since the first content was the upstream's and the caller's, not the gateway's.
        closing.journey.resume();
        if let Some(last) = closing.journey.story.attempts.last_mut() {
            last.lost.append(&mut self.relay.watch.lost());
        }
        closing.journey.found(self.relay.watch.guard().map(Guard::found).unwrap_or_default());
        let end =
            End { status, fault, tokens: self.relay.watch.tokens(), first_content: self.flight.first() };
        if status == 200 && fault.is_none() && self.relay.watch.ended_well() {
            closing.fill(None, end.tokens);
        }
        let answer = self.capture.take().and_then(Capture::answer);
        closing.close(end, answer.as_deref());
    }
}

impl Drop for Streaming {
    /// The caller left: what passed is settled, and the instance is not to blame.
    fn drop(&mut self) {
        if let Some(closing) = self.closing.take() {
            self.flight.complete(Outcome::Blameless, Completion::broken());
            // Over, but the caller never asked for the end marker's frame: that is a whole answer all the same.
            let whole = self.relay.ended() && self.relay.fault().is_none();
            self.close(closing, if whole { 200 } else { CALLER_LEFT }, None);
        }
    }
}
