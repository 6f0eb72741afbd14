//! Places in a text as an editor counts them: lines from 0, and UTF-16 code units or bytes within a line.

use serde_json::{Value, json};

/// How an editor counts within a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Encoding {
    /// UTF-16 code units, the protocol's default.
    #[default]
    Utf16,
    /// Bytes.
    Utf8,
}

impl Encoding {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Utf16 => "utf-16",
            Self::Utf8 => "utf-8",
        }
    }
}

/// A text with its lines.
pub(super) struct Document {
    pub(super) text: String,
    starts: Vec<usize>,
    encoding: Encoding,
}

impl Document {
    pub(super) fn new(text: String, encoding: Encoding) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts, encoding }
    }

    /// Byte offset of a place; one past a line's end is taken as its end.
    pub(super) fn offset(&self, position: &Value) -> usize {
        let number = |key: &str| position.get(key).and_then(Value::as_u64).unwrap_or(0);
        let line = usize::try_from(number("line")).unwrap_or(usize::MAX);
        let Some(start) = self.starts.get(line).copied() else { return self.text.len() };
        let rest = self.text.get(start..).unwrap_or_default();
        let end = rest.find('\n').unwrap_or(rest.len());
        let mut left = number("character");
        for (at, c) in rest.get(..end).unwrap_or_default().char_indices() {
            let units = self.units(c);
            if left < units {
                return start + at;
            }
            left -= units;
        }
        start + end
    }

    const fn units(&self, c: char) -> u64 {
        match self.encoding {
            Encoding::Utf16 => c.len_utf16() as u64,
            Encoding::Utf8 => c.len_utf8() as u64,
        }
    }

    /// The place of a byte offset.
    pub(super) fn position(&self, offset: usize) -> Value {
        let offset = self.text.floor_char_boundary(offset.min(self.text.len()));
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        json!({"line": line, "character": before.chars().map(|c| self.units(c)).sum::<u64>()})
    }

    /// The range of a span.
    pub(super) fn range(&self, span: tollgate_policy::Span) -> Value {
        json!({"start": self.position(span.start as usize), "end": self.position(span.end as usize)})
    }

    /// Everything.
    pub(super) fn whole(&self) -> Value {
        json!({"start": self.position(0), "end": self.position(self.text.len())})
    }

    /// The word at an offset, with where it begins.
    pub(super) fn word(&self, offset: usize) -> Option<(usize, &str)> {
        let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (before, after) = self.text.split_at_checked(offset)?;
        let start = before
            .rfind(|c| !part(c))
            .map_or(0, |at| at + before.get(at..).and_then(|s| s.chars().next()).map_or(1, char::len_utf8));
        let end = offset + after.find(|c| !part(c)).unwrap_or(after.len());
        self.text.get(start..end).filter(|word| !word.is_empty()).map(|word| (start, word))
    }

    /// The line up to an offset.
    pub(super) fn line_before(&self, offset: usize) -> &str {
        let before = self.text.get(..offset).unwrap_or_default();
        before.rsplit('\n').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_go_there_and_back_in_both_encodings() {
        let text = "a😀é b\n\nlast";
        for encoding in [Encoding::Utf16, Encoding::Utf8] {
            let document = Document::new(text.into(), encoding);
            for (offset, _) in text.char_indices().chain([(text.len(), 'x')]) {
                assert_eq!(document.offset(&document.position(offset)), offset, "{encoding:?} {offset}");
            }
        }
        let document = Document::new(text.into(), Encoding::Utf16);
        assert_eq!(document.position(5), json!({"line": 0, "character": 3}), "the face is two units");
        assert_eq!(document.offset(&json!({"line": 0, "character": 99})), text.find('\n').unwrap());
        assert_eq!(document.offset(&json!({"line": 99, "character": 0})), text.len());
        assert_eq!(document.word(text.len() - 1), Some((text.len() - 4, "last")));
        assert_eq!(document.word(8), Some((8, "b")));
        assert_eq!(document.word(text.find('\n').unwrap() + 1), None);
    }
}
