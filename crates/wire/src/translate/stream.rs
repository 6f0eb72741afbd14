//! One stream into another, chunk by chunk.

use super::{Events, Order, Sink};
use crate::Dialect;
use crate::error::WireError;
use crate::form::{Event, Options, Report};

/// A stream being translated.
///
/// Whatever happens upstream, what comes out ends well: with the target dialect's end marker, or with its error
/// event when the upstream failed, broke off or could not be read.
#[derive(Debug)]
pub struct Stream {
    events: Events,
    order: Order,
    sink: Sink,
    report: Report,
    started: bool,
    failed: bool,
}

impl Stream {
    /// A translation of one stream.
    ///
    /// # Errors
    /// When a dialect holds no conversations.
    pub fn new(from: Dialect, to: Dialect, options: Options) -> Result<Self, WireError> {
        let (events, sink) = (Events::new(from)?, Sink::new(to, options)?);
        Ok(Self {
            events,
            order: Order::default(),
            sink,
            report: Report::new(),
            started: false,
            failed: false,
        })
    }

    /// The bytes that the next bytes of the upstream, split anywhere, make known.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        let events = self.events.push(chunk);
        self.write(events)
    }

    /// The bytes that the end of the upstream's bytes makes known.
    pub fn finish(&mut self) -> Vec<u8> {
        let events = self.events.finish();
        self.write(events)
    }

    /// Whether the answer is over, whole or failed; further bytes say nothing.
    #[must_use]
    pub const fn ended(&self) -> bool {
        self.events.ended()
    }

    /// Whether the answer failed or broke off.
    #[must_use]
    pub const fn failed(&self) -> bool {
        self.failed
    }

    /// What did not cross whole so far.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    fn write(&mut self, events: Vec<Event>) -> Vec<u8> {
        let (mut ordered, mut out) = (Vec::with_capacity(events.len()), Vec::new());
        for event in events {
            self.order.push(event, &mut ordered);
        }
        for event in ordered {
            self.failed |= matches!(event, Event::Failed(_));
            let first = !std::mem::replace(&mut self.started, true);
            if first && !matches!(event, Event::Start { .. } | Event::Failed(_)) {
                let start = Event::Start { id: None, model: None, created: None, service_tier: None };
                self.sink.write(&start, &mut self.report, &mut out);
            }
            self.sink.write(&event, &mut self.report, &mut out);
        }
        out
    }
}
