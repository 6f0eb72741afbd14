//! The lines and fields of one event.

use smallvec::SmallVec;

/// The non-empty lines of a block, without their LF, CR or CRLF.
pub(super) struct Lines<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.0.is_empty() {
            let end = memchr::memchr2(b'\n', b'\r', self.0).unwrap_or(self.0.len());
            let (line, rest) = self.0.split_at(end);
            self.0 = rest.get(1..).unwrap_or_default();
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    }
}

/// Field name and value of a line; one space after the colon is dropped, a comment has an empty name.
pub(super) fn field(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        Some(colon) => {
            let value = line.get(colon + 1..).unwrap_or_default();
            (line.get(..colon).unwrap_or_default(), value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, b""),
    }
}

/// The `data` lines of a block: one in every LLM stream, hence the inline place.
pub(crate) fn data_lines(block: &[u8]) -> SmallVec<[&[u8]; 1]> {
    Lines(block).map(field).filter(|(name, _)| *name == b"data").map(|(_, value)| value).collect()
}
