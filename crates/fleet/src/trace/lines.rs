//! Lines of bounded length from bytes.

use crate::Error;
use std::io::{BufRead, BufReader, Read};

/// The longest line that is read; a longer one is a bad row.
pub const MAX_LINE_BYTES: usize = 4 << 20;

/// A line, or that it was too long.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    Text(&'a [u8]),
    TooLong,
}

/// Reads line by line, without line ends and the byte-order mark; empty lines are skipped.
#[derive(Debug)]
pub(super) struct Lines<R> {
    place: String,
    bytes: BufReader<R>,
    line: Vec<u8>,
    first: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(place: &str, bytes: R) -> Self {
        Self {
            place: place.into(),
            bytes: BufReader::with_capacity(1 << 16, bytes),
            line: Vec::new(),
            first: true,
        }
    }

    /// The next line that is not empty; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, Error> {
        loop {
            self.line.clear();
            let limit = MAX_LINE_BYTES as u64 + 1;
            let read = (&mut self.bytes).take(limit).read_until(b'\n', &mut self.line);
            if read.map_err(|source| self.error(source))? == 0 {
                return Ok(None);
            }
            if self.line.len() as u64 == limit && self.line.last() != Some(&b'\n') {
                self.skip_line()?;
                self.first = false;
                return Ok(Some(Line::TooLong));
            }
            if std::mem::take(&mut self.first) && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            let end = self.line.trim_ascii_end().len();
            if end > 0 {
                return Ok(Some(Line::Text(&self.line[..end])));
            }
        }
    }

    fn skip_line(&mut self) -> Result<(), Error> {
        loop {
            let buffer = self.bytes.fill_buf();
            let buffer = match buffer {
                Ok(buffer) => buffer,
                Err(source) => return Err(Error::Read { place: self.place.clone(), source }),
            };
            let (skipped, done) = match buffer.iter().position(|&b| b == b'\n') {
                Some(at) => (at + 1, true),
                None => (buffer.len(), buffer.is_empty()),
            };
            self.bytes.consume(skipped);
            if done {
                return Ok(());
            }
        }
    }

    fn error(&self, source: std::io::Error) -> Error {
        Error::Read { place: self.place.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_without_ends_and_the_longest_is_bounded() {
        let mut bytes = b"\xef\xbb\xbfone\r\n\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', MAX_LINE_BYTES + 10));
        bytes.extend(b"\nlast");
        let mut lines = Lines::new("x", bytes.as_slice());
        assert_eq!(lines.next().unwrap(), Some(Line::Text(b"one")));
        assert_eq!(lines.next().unwrap(), Some(Line::TooLong));
        assert_eq!(lines.next().unwrap(), Some(Line::Text(b"last")));
        assert_eq!(lines.next().unwrap(), None);
    }
}
