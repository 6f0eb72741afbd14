//! The shape of the last text event: its bytes with holes for what differs from event to event.

use crate::json::plain_run;
use crate::view::TextSpan;
use smallvec::SmallVec;

/// Longest event that is remembered, in bytes.
const EVENT_MAX: usize = 4096;
/// The key of the Responses dialect's counter. An unescaped quote cannot stand inside a string, so wherever these
/// bytes are found they are a key.
const COUNTER: &[u8] = br#""sequence_number":"#;
/// The key (and first quote) of OpenAI's random padding.
const PADDING: &[u8] = br#""obfuscation":""#;

/// What may differ at one place of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hole {
    /// The text that is counted.
    Text,
    /// A string that is not.
    Padding,
    /// Digits.
    Counter,
}

/// The bytes of the last event that held one text and nothing else of interest, without what is in its holes.
///
/// A new event with the same bytes around other text means the same, so it need not be read.
#[derive(Debug, Default)]
pub(super) struct Template {
    /// All bytes outside the holes.
    fixed: Vec<u8>,
    /// Where in `fixed` each hole is, in order.
    holes: SmallVec<[(usize, Hole); 3]>,
}

impl Template {
    /// Remembers `block`, whose data starts at `start` and has its text at `text`.
    pub(super) fn learn(&mut self, block: &[u8], start: usize, text: TextSpan) {
        self.fixed.clear();
        self.holes.clear();
        // Only an event that ends with its blank line in LF form may be taken without looking for its end.
        if block.len() > EVENT_MAX || !block.ends_with(b"\n\n") || text.escaped {
            return;
        }
        let mut holes: SmallVec<[(usize, usize, Hole); 3]> = SmallVec::new();
        holes.push((start + text.span.start as usize, start + text.span.end as usize, Hole::Text));
        for (key, hole) in [(COUNTER, Hole::Counter), (PADDING, Hole::Padding)] {
            if let Some(at) = memchr::memmem::find(block, key) {
                let from = at + key.len();
                holes.push((from, from + hole.run(block.get(from..).unwrap_or_default()), hole));
            }
        }
        holes.sort_unstable_by_key(|(from, _, _)| *from);
        let mut done = 0;
        for (from, to, hole) in holes {
            self.fixed.extend_from_slice(block.get(done..from).unwrap_or_default());
            self.holes.push((self.fixed.len(), hole));
            done = to;
        }
        self.fixed.extend_from_slice(block.get(done..).unwrap_or_default());
    }

    /// When `bytes` start with an event of this shape: its length and the bytes of its text.
    #[inline]
    pub(super) fn matches(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        if self.holes.is_empty() {
            return None;
        }
        let (mut rest, mut done, mut text) = (bytes, 0, 0);
        for (upto, hole) in &self.holes {
            rest = rest.strip_prefix(self.fixed.get(done..*upto)?)?;
            // A text with escapes ends its run early, so that what follows differs: it is left to the reader.
            let run = hole.run(rest);
            text += if *hole == Hole::Text { run } else { 0 };
            rest = rest.get(run..)?;
            done = *upto;
        }
        rest = rest.strip_prefix(self.fixed.get(done..)?)?;
        Some((bytes.len() - rest.len(), text))
    }
}

impl Hole {
    /// How many leading bytes fill it.
    #[inline]
    fn run(self, bytes: &[u8]) -> usize {
        match self {
            Self::Counter => bytes.iter().take_while(|b| b.is_ascii_digit()).count(),
            Self::Text | Self::Padding => plain_run(bytes),
        }
    }
}
