//! Text of a request as the lexical signals see it: scopes, case folding, characters and words.
//!
//! A scope's parts are joined by newlines, so that no word runs from one part into the next.
//!
//! ```text
//! users = "Summarise this" + "\n" + "in French"   folded = "summarise this\nin french"
//! ```

mod chars;
mod fold;
mod loose;
mod scope;
mod typed;
mod words;

pub(crate) use chars::{is_boundary_needed, is_cjk, is_joined};
pub(crate) use fold::fold;
pub(crate) use loose::{is_ignorable, loosen, loosen_phrase, loosen_shown};
pub(crate) use scope::{Scope, TextKey, join};
pub(crate) use typed::Typed;
pub(crate) use words::{Word, Words, count_words};

/// The longest prefix of `text` that has at most `max` bytes and ends on a character boundary.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The longest suffix of `text` that has at most `max` bytes and starts on a character boundary.
pub(crate) fn cut_front(text: &str, max: usize) -> &str {
    let mut start = text.len().saturating_sub(max);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_on_character_boundaries() {
        assert_eq!((cut("aé", 2), cut("aé", 3), cut("", 5)), ("a", "aé", ""));
        assert_eq!((cut_front("éa", 2), cut_front("éa", 3), cut_front("é", 1)), ("a", "éa", ""));
    }
}
