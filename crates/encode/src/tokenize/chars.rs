//! Unicode classes as sorted ranges, taken from the tables of `regex-syntax`.

use std::sync::LazyLock;

/// A set of characters.
pub(crate) struct Chars(Vec<(char, char)>);

impl Chars {
    /// The characters of a class such as `\p{Mn}`; none for what is no class.
    fn of(class: &str) -> Self {
        let Ok(parsed) = regex_syntax::parse(class) else { return Self(Vec::new()) };
        match parsed.into_kind() {
            regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
                Self(class.iter().map(|range| (range.start(), range.end())).collect())
            }
            _ => Self(Vec::new()),
        }
    }

    pub(crate) fn has(&self, c: char) -> bool {
        let after = self.0.partition_point(|(start, _)| *start <= c);
        after.checked_sub(1).and_then(|i| self.0.get(i)).is_some_and(|(_, end)| c <= *end)
    }
}

/// Marks that take no room of their own: accents once a letter is decomposed.
pub(crate) static ACCENTS: LazyLock<Chars> = LazyLock::new(|| Chars::of(r"\p{Mn}"));
/// Punctuation outside ASCII.
pub(crate) static PUNCTUATION: LazyLock<Chars> = LazyLock::new(|| Chars::of(r"\p{P}"));
/// Control, format, private and unassigned characters.
pub(crate) static OTHER: LazyLock<Chars> = LazyLock::new(|| Chars::of(r"\p{C}"));

/// Letters, and numbers of any kind.
pub(crate) static LETTERS: LazyLock<Chars> = LazyLock::new(|| Chars::of(r"\p{L}"));
/// See [`LETTERS`].
pub(crate) static NUMBERS: LazyLock<Chars> = LazyLock::new(|| Chars::of(r"\p{N}"));

/// Whether BERT's tokenizer sets `c` apart as a CJK ideograph (Hangul and kana are not).
pub(crate) fn is_ideograph(c: char) -> bool {
    matches!(u32::from(c),
        0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x20000..=0x2A6DF | 0x2A700..=0x2B73F | 0x2B740..=0x2B81F
        | 0x2B920..=0x2CEAF | 0xF900..=0xFAFF | 0x2F800..=0x2FA1F)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_their_names_say() {
        assert!(ACCENTS.has('\u{301}') && !ACCENTS.has('e') && !ACCENTS.has('\u{903}'));
        assert!(
            PUNCTUATION.has('¿') && PUNCTUATION.has('。') && !PUNCTUATION.has('+') && !PUNCTUATION.has('a')
        );
        assert!(OTHER.has('\u{200b}') && OTHER.has('\u{0}') && !OTHER.has(' ') && !OTHER.has('é'));
        assert!(Chars::of("(").0.is_empty());
    }
}
