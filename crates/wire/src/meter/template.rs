//! The shape of the last text event: what comes before its text and what comes after.

use crate::json::plain_run;
use crate::view::TextSpan;

/// Longest event that is remembered, in bytes.
const EVENT_MAX: usize = 4096;

/// Bytes before and after the text of the last event that held one text and nothing else of interest.
///
/// A new event with the same bytes around another string means the same, so it need not be read.
#[derive(Debug, Default)]
pub(super) struct Template {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Template {
    /// Remembers `block`, whose data starts at `start` and has its text at `text`.
    pub(super) fn learn(&mut self, block: &[u8], start: usize, text: TextSpan) {
        let (from, to) = (start + text.span.start as usize, start + text.span.end as usize);
        self.before.clear();
        self.after.clear();
        if let (true, Some(before), Some(after)) =
            (block.len() <= EVENT_MAX, block.get(..from), block.get(to..))
        {
            // Only an event that ends with its blank line in LF form may be taken without its boundary.
            if after.ends_with(b"\n\n") {
                self.before.extend_from_slice(before);
                self.after.extend_from_slice(after);
            }
        }
    }

    /// When `bytes` start with an event of this shape: its length and the bytes of its decoded text.
    #[inline]
    pub(super) fn matches(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        if self.before.is_empty() {
            return None;
        }
        let inside = bytes.strip_prefix(self.before.as_slice())?;
        let run = plain_run(inside);
        let rest = inside.get(run..)?;
        // A text with escapes is left to the reader.
        rest.starts_with(&self.after).then_some((self.before.len() + run + self.after.len(), run))
    }
}
