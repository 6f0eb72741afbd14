//! Which characters make words, and which scripts write words without spaces.
//!
//! The rule for a literal's edges: a letter of a spaced script must not touch another letter of a spaced script
//! (`cat` is not in `concat`), while scripts without spaces need no boundary (`python` is in `用python写`).

/// Whether `c` belongs to Chinese, Japanese or Korean writing: there each character counts as a word.
pub(crate) const fn is_cjk(c: char) -> bool {
    matches!(c as u32,
        0x1100..=0x11ff | 0x2e80..=0x2fdf | 0x3005..=0x3007 | 0x3021..=0x3029 | 0x3031..=0x3035
        | 0x3041..=0x3096 | 0x309d..=0x309f | 0x30a1..=0x30fa | 0x30fc..=0x30ff | 0x3105..=0x318e
        | 0x31a0..=0x31bf | 0x31f0..=0x31ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xa960..=0xa97c
        | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xff66..=0xff9f | 0x20000..=0x323af)
}

/// Thai, Lao, Tibetan, Myanmar and Khmer: written without spaces between words.
const fn is_unspaced_south(c: char) -> bool {
    matches!(c as u32, 0x0e00..=0x0fff | 0x1000..=0x109f | 0x1780..=0x17ff)
}

/// Whether `c` is part of a word: letters, digits, marks, joiners and the underscore (Unicode's `\w`).
pub(crate) fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    regex_syntax::try_is_word_character(c).unwrap_or(false)
}

/// Whether `c` is part of a word of a script that writes spaces between words.
pub(crate) fn is_joined(c: char) -> bool {
    is_word(c) && !is_cjk(c) && !is_unspaced_south(c)
}

/// Whether a literal that has `edge` at its edge must stand on a word boundary there.
pub(crate) fn is_boundary_needed(edge: Option<char>) -> bool {
    edge.is_some_and(is_joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_characters() {
        for (c, word, cjk, joined) in [
            ('a', true, false, true),
            ('_', true, false, true),
            ('-', false, false, false),
            ('é', true, false, true),
            ('\u{301}', true, false, true),
            ('中', true, true, false),
            ('カ', true, true, false),
            ('ー', true, true, false),
            ('한', true, true, false),
            ('ก', true, false, false),
            ('🔥', false, false, false),
            ('。', false, false, false),
            ('・', false, false, false),
        ] {
            assert_eq!((is_word(c), is_cjk(c), is_joined(c)), (word, cjk, joined), "{c:?}");
        }
    }
}
