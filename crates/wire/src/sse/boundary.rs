//! Where events end.

/// Where a scan of a stream stands between two bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// At the start of a line.
    Start,
    /// Inside a line.
    Line,
    /// After a CR that ended a line; an LF here belongs to it.
    LineCr,
    /// After a CR that ended an event; an LF here belongs to it.
    EventCr,
}

/// Finds the ends of events in chunks split at any byte, for LF, CR and CRLF line ends.
///
/// A blank line ends an event. When its CR is the last byte of a chunk the event ends at once, without waiting
/// to see whether an LF follows; that LF is later taken as part of the same line end.
#[derive(Clone, Debug)]
pub struct Boundary(At);

impl Default for Boundary {
    fn default() -> Self {
        Self(At::Start)
    }
}

impl Boundary {
    /// Offset just past the first event end in `bytes`, which continue what was given before. `None`: all of
    /// `bytes` were taken and no event ended.
    pub fn next_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            if self.0 == At::Line {
                let step = memchr::memchr2(b'\n', b'\r', bytes.get(at..)?)?;
                at += step;
            }
            let byte = *bytes.get(at)?;
            at += 1;
            self.0 = match (self.0, byte) {
                (At::Line | At::LineCr, b'\n') | (At::EventCr, b'\n') => At::Start,
                (At::Line, b'\r') => At::LineCr,
                (At::Start, b'\n') => return Some(at),
                (At::Start | At::LineCr | At::EventCr, b'\r') => {
                    self.0 = At::EventCr;
                    if bytes.get(at) == Some(&b'\n') {
                        self.0 = At::Start;
                        at += 1;
                    }
                    return Some(at);
                }
                _ => At::Line,
            };
        }
    }

    /// Whether the next byte begins an event.
    pub(crate) fn is_start(&self) -> bool {
        self.0 == At::Start
    }

    /// How many leading bytes of `chunk` end with a whole event; 0 when no event ends in it.
    ///
    /// A pass-through forwards that many and holds the rest until more comes (or the source pauses), so that
    /// whole events are written together.
    pub fn complete_up_to(&mut self, chunk: &[u8]) -> usize {
        let mut done = 0;
        while let Some(end) = self.next_end(chunk.get(done..).unwrap_or_default()) {
            done += end;
        }
        done
    }
}
