//! Server-sent events (WHATWG HTML, "Server-sent events"): a framer for chunks split at any byte, and a writer.
//!
//! Any split of a stream into chunks gives the same events. An event that lies in one chunk is not copied, unless
//! its data spans several lines. What an incomplete event may hold is bounded.
//!
//! ```
//! use tollgate_wire::sse::Framer;
//! let mut framer = Framer::default();
//! framer.push("event: a\nda".into());
//! assert_eq!(framer.next_event(), Ok(None));
//! framer.push("ta: 1\n\n: note\n\n".into());
//! let event = framer.next_event().unwrap().unwrap();
//! assert_eq!((event.name.as_deref(), &event.data[..]), (Some("a".as_bytes()), "1".as_bytes()));
//! ```

mod boundary;
mod lines;

pub use boundary::Boundary;
pub(crate) use lines::data_lines;

use crate::WireError;
use bytes::{Buf, Bytes, BytesMut};

/// Most bytes of one event by default.
pub const EVENT_BYTES_MAX: usize = 8 << 20;
/// Most bytes of one line by default.
pub const LINE_BYTES_MAX: usize = 8 << 20;

/// One dispatched event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Event {
    /// The `event` field; absent means `message`.
    pub name: Option<Bytes>,
    /// The `data` lines joined by line feeds.
    pub data: Bytes,
    /// The `id` field.
    pub id: Option<Bytes>,
    /// The `retry` field in milliseconds.
    pub retry_ms: Option<u64>,
}

/// Turns chunks into events.
#[derive(Debug)]
pub struct Framer {
    boundary: Boundary,
    /// The unread rest of the last chunk.
    chunk: Bytes,
    /// The start of an event whose end has not come.
    carry: BytesMut,
    event_max: usize,
    line_max: usize,
    /// Bytes of the stream taken so far.
    taken: u64,
    begun: bool,
}

impl Default for Framer {
    fn default() -> Self {
        Self::new(EVENT_BYTES_MAX, LINE_BYTES_MAX)
    }
}

impl Framer {
    /// A framer with its own bounds in bytes for one event and one line.
    #[must_use]
    pub fn new(event_max: usize, line_max: usize) -> Self {
        Self {
            boundary: Boundary::default(),
            chunk: Bytes::new(),
            carry: BytesMut::new(),
            event_max,
            line_max,
            taken: 0,
            begun: false,
        }
    }

    /// Gives the next chunk. Read all events before the next one: an unread rest is copied.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            let mut joined = BytesMut::with_capacity(self.chunk.len() + chunk.len());
            joined.extend_from_slice(&self.chunk);
            joined.extend_from_slice(&chunk);
            self.chunk = joined.freeze();
        }
    }

    /// The next whole event, or `None` until more is pushed. Comments and events without data are passed over.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] when an event or a line passes its bound; the stream cannot be read further.
    pub fn next_event(&mut self) -> Result<Option<Event>, WireError> {
        while !self.chunk.is_empty() {
            let Some(end) = self.boundary.next_end(&self.chunk) else {
                self.check(self.carry.len() + self.chunk.len())?;
                self.carry.extend_from_slice(&self.chunk);
                self.taken += self.chunk.len() as u64;
                self.chunk = Bytes::new();
                return Ok(None);
            };
            self.check(self.carry.len() + end)?;
            self.taken += end as u64;
            let head = self.chunk.split_to(end);
            let block = if self.carry.is_empty() {
                head
            } else {
                self.carry.extend_from_slice(&head);
                self.carry.split().freeze()
            };
            if let Some(event) = self.event(block)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Ends the stream: the event whose closing blank line never came, if it has data.
    ///
    /// The standard drops such an event; some servers end their last one so, hence the caller decides.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] as for [`Framer::next_event`].
    pub fn finish(&mut self) -> Result<Option<Event>, WireError> {
        if let Some(event) = self.next_event()? {
            return Ok(Some(event));
        }
        let rest = self.carry.split().freeze();
        self.event(rest)
    }

    fn check(&self, size: usize) -> Result<(), WireError> {
        if size <= self.event_max {
            return Ok(());
        }
        let what = format!("a server-sent event in bytes (at byte {} of the stream)", self.taken).into();
        Err(WireError::TooLarge { what, size: size as u64, limit: self.event_max as u64 })
    }

    fn event(&mut self, mut block: Bytes) -> Result<Option<Event>, WireError> {
        if !self.begun {
            self.begun = true;
            if block.starts_with(b"\xef\xbb\xbf") {
                block.advance(3);
            }
        }
        let mut event = Event::default();
        let mut lines = 0usize;
        let mut joined = BytesMut::new();
        for line in lines::Lines(&block) {
            if line.len() > self.line_max {
                let what = "a line of a server-sent event in bytes".into();
                return Err(WireError::TooLarge {
                    what,
                    size: line.len() as u64,
                    limit: self.line_max as u64,
                });
            }
            let (field, value) = lines::field(line);
            match field {
                b"data" => {
                    match lines {
                        0 => event.data = block.slice_ref(value),
                        1 => {
                            joined.extend_from_slice(&event.data);
                            joined.extend_from_slice(b"\n");
                            joined.extend_from_slice(value);
                        }
                        _ => {
                            joined.extend_from_slice(b"\n");
                            joined.extend_from_slice(value);
                        }
                    }
                    lines += 1;
                }
                b"event" => event.name = (!value.is_empty()).then(|| block.slice_ref(value)),
                b"id" if !value.contains(&0) => event.id = Some(block.slice_ref(value)),
                b"retry" if value.iter().all(u8::is_ascii_digit) => {
                    event.retry_ms = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
                }
                _ => {}
            }
        }
        if lines > 1 {
            event.data = joined.freeze();
        }
        Ok((lines > 0).then_some(event))
    }
}

/// Appends one event; line feeds in `data` become several `data` lines. Carriage returns are line ends too, as a
/// reader would take them.
pub fn write_event(out: &mut Vec<u8>, name: Option<&str>, data: &[u8]) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend(name.bytes().filter(|b| !matches!(b, b'\n' | b'\r')));
        out.push(b'\n');
    }
    let mut rest = data;
    loop {
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
        rest = match after {
            [b'\r', b'\n', after @ ..] | [_, after @ ..] => after,
            [] => break,
        };
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests;
