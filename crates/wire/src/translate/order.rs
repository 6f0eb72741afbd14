//! Parts one after the other.
//!
//! Chat tool calls may interleave; the other dialects write one part at a time. Events of a part that begins while
//! another is open are held until that one closes. What is held is bounded.

use crate::form::{Delta, Event, Failure};
use std::collections::VecDeque;

/// Most bytes of pieces held back.
pub const HELD_BYTES_MAX: usize = 8 << 20;
/// Bytes that an event counts for besides its text.
const EVENT_BYTES: usize = 64;

/// Puts parts in order.
#[derive(Debug, Default)]
pub struct Order {
    open: Option<usize>,
    held: VecDeque<Event>,
    bytes: usize,
    failed: bool,
}

impl Order {
    /// Takes an event and appends what may be said now.
    pub fn push(&mut self, event: Event, out: &mut Vec<Event>) {
        if self.failed {
            return;
        }
        match part_of(&event) {
            Some(part) if self.open.is_some_and(|open| open != part) => self.hold(event, out),
            Some(part) => {
                let closes = matches!(event, Event::Close { .. });
                self.open = (!closes).then_some(part);
                out.push(event);
                if closes {
                    self.release(out);
                }
            }
            None => {
                if matches!(event, Event::End | Event::Failed(_)) {
                    out.extend(self.open.take().map(|part| Event::Close { part }));
                    self.release(out);
                    out.extend(self.open.take().map(|part| Event::Close { part }));
                }
                out.push(event);
            }
        }
    }

    fn hold(&mut self, event: Event, out: &mut Vec<Event>) {
        self.bytes += EVENT_BYTES + size(&event);
        if self.bytes > HELD_BYTES_MAX {
            self.failed = true;
            self.held.clear();
            out.extend(self.open.take().map(|part| Event::Close { part }));
            out.push(Event::Failed(Failure::of(
                "",
                "interleaved tool calls are larger than this gateway holds",
            )));
            return;
        }
        self.held.push_back(event);
    }

    /// Says the held events of the next part, and of those after it as long as each one closes.
    fn release(&mut self, out: &mut Vec<Event>) {
        while self.open.is_none() {
            let Some(part) = self.held.front().and_then(part_of) else { return };
            self.open = Some(part);
            let mut rest = VecDeque::new();
            for event in std::mem::take(&mut self.held) {
                if part_of(&event) == Some(part) {
                    self.bytes = self.bytes.saturating_sub(EVENT_BYTES + size(&event));
                    if matches!(event, Event::Close { .. }) {
                        self.open = None;
                    }
                    out.push(event);
                } else {
                    rest.push_back(event);
                }
            }
            self.held = rest;
        }
    }
}

const fn part_of(event: &Event) -> Option<usize> {
    match event {
        Event::Open { part, .. } | Event::Delta { part, .. } | Event::Close { part } => Some(*part),
        _ => None,
    }
}

fn size(event: &Event) -> usize {
    match event {
        Event::Delta {
            delta: Delta::Text(text) | Delta::Arguments(text) | Delta::Summary(_, text), ..
        } => text.len(),
        Event::Delta { delta: Delta::Signature(_, text) | Delta::Encrypted(_, text), .. } => text.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Open;

    fn open(part: usize) -> Event {
        Event::Open { part, open: Open::Text }
    }

    fn delta(part: usize, text: &str) -> Event {
        Event::Delta { part, delta: Delta::Text(text.to_owned()) }
    }

    fn ordered(events: Vec<Event>) -> Vec<Event> {
        let (mut order, mut out) = (Order::default(), Vec::new());
        events.into_iter().for_each(|event| order.push(event, &mut out));
        out
    }

    #[test]
    fn interleaved_parts_come_out_whole() {
        let (a, b) = (Event::Close { part: 0 }, Event::Close { part: 1 });
        let mixed = vec![
            open(0),
            open(1),
            delta(1, "x"),
            delta(0, "a"),
            delta(1, "y"),
            a.clone(),
            b.clone(),
            Event::End,
        ];
        let whole = vec![open(0), delta(0, "a"), a, open(1), delta(1, "x"), delta(1, "y"), b, Event::End];
        assert_eq!(ordered(mixed), whole);
    }

    #[test]
    fn the_end_closes_what_is_open() {
        let out = ordered(vec![open(0), open(1), Event::End]);
        assert_eq!(out, [open(0), Event::Close { part: 0 }, open(1), Event::Close { part: 1 }, Event::End]);
    }

    #[test]
    fn what_is_held_is_bounded() {
        let big = "x".repeat(HELD_BYTES_MAX / 4);
        let mut events = vec![open(0), open(1)];
        events.extend((0..5).map(|_| delta(1, &big)));
        assert!(matches!(ordered(events).last(), Some(Event::Failed(_))));
    }
}
