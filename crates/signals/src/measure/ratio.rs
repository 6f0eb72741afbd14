//! Shares of a text, from one pass over its characters and one over its lines.
//!
//! | share | of |
//! |---|---|
//! | `code` | bytes of lines inside fences or that look like code, of all bytes |
//! | `cjk`, `digits`, `punctuation` | characters that are not white space |
//! | `upper` | capitals, of letters |
//! | `unique_words` | distinct words among the first [`WORDS_MAX`] words |

use crate::text::{Words, cut, is_cjk};
use std::collections::BTreeSet;

/// Words that `unique_words` looks at; the share falls with length, so a bounded sample also compares better.
const WORDS_MAX: usize = 2000;
/// Bytes that hold so many words in all but odd texts.
const WORDS_BYTES: usize = 32 << 10;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Share {
    Code,
    Cjk,
    Digits,
    Upper,
    Punctuation,
    UniqueWords,
}

impl Share {
    /// The words of the catalogue.
    pub(crate) const WORDS: [(&'static str, Self); 6] = [
        ("code", Self::Code),
        ("cjk", Self::Cjk),
        ("digits", Self::Digits),
        ("upper", Self::Upper),
        ("punctuation", Self::Punctuation),
        ("unique_words", Self::UniqueWords),
    ];

    /// This share of `text`, in [0, 1]; 0 for an empty text.
    pub(crate) fn of(self, profile: &Profile, text: &str) -> f64 {
        let (part, whole) = match self {
            Self::Code => (code_bytes(text), text.len() as u64),
            Self::Cjk => (profile.cjk, profile.visible),
            Self::Digits => (profile.digits, profile.visible),
            Self::Punctuation => (profile.punctuation, profile.visible),
            Self::Upper => (profile.upper, profile.letters),
            Self::UniqueWords => unique_words(text),
        };
        if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
    }
}

/// Counts of character classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Profile {
    visible: u64,
    letters: u64,
    upper: u64,
    digits: u64,
    cjk: u64,
    punctuation: u64,
}

impl Profile {
    /// Of an empty text.
    pub(crate) const EMPTY: Self =
        Self { visible: 0, letters: 0, upper: 0, digits: 0, cjk: 0, punctuation: 0 };

    /// Counts the characters of `text`. Linear.
    pub(crate) fn of(text: &str) -> Self {
        let mut ascii = [0_u64; 128];
        let mut profile = Self::default();
        for c in text.chars() {
            if let Some(slot) = ascii.get_mut(c as usize) {
                *slot += 1;
            } else if is_cjk(c) {
                profile.cjk += 1;
                profile.letters += 1;
                profile.visible += 1;
            } else {
                profile.add(c, 1);
            }
        }
        for (c, times) in ascii.iter().enumerate() {
            profile.add(c as u8 as char, *times);
        }
        profile
    }

    fn add(&mut self, c: char, times: u64) {
        let count = |condition: bool| if condition { times } else { 0 };
        let letter = c.is_alphabetic();
        let visible = !c.is_whitespace() && !c.is_control();
        self.visible += count(visible);
        self.letters += count(letter);
        self.upper += count(c.is_uppercase());
        self.digits += count(c.is_numeric());
        let mark = if c.is_ascii() { c.is_ascii_punctuation() } else { is_punctuation(c) };
        self.punctuation += count(mark);
    }
}

/// General, supplemental, CJK and full-width punctuation, and the marks of Latin-1.
const fn is_punctuation(c: char) -> bool {
    matches!(c as u32,
        0xa1 | 0xa7 | 0xab | 0xb6 | 0xb7 | 0xbb | 0xbf | 0x2010..=0x2027 | 0x2030..=0x205e | 0x2e00..=0x2e7f
        | 0x3001..=0x3003 | 0x3008..=0x3011 | 0x3014..=0x301f | 0x30fb | 0xfe30..=0xfe6b
        | 0xff01..=0xff0f | 0xff1a..=0xff20 | 0xff3b..=0xff40 | 0xff5b..=0xff65)
}

/// Bytes of lines that are inside a fence or look like code.
fn code_bytes(text: &str) -> u64 {
    let (mut bytes, mut fenced) = (0, false);
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let fence = trimmed.starts_with("```") || trimmed.starts_with("~~~");
        if fence || fenced || looks_like_code(trimmed) {
            bytes += line.len() as u64;
        }
        fenced ^= fence;
    }
    bytes
}

/// A line ends like a statement or starts like one. Looks at both ends only, so long lines cost nothing.
fn looks_like_code(line: &str) -> bool {
    const STARTS: &[&str] = &[
        "def ",
        "class ",
        "import ",
        "from ",
        "fn ",
        "pub ",
        "let ",
        "const ",
        "var ",
        "function ",
        "#include",
        "return ",
        "package ",
        "public ",
        "private ",
        "static ",
        "SELECT ",
        "INSERT INTO ",
        "CREATE TABLE ",
        "</",
        "//",
        "/*",
        "#!",
        "elif ",
        "} else",
        "async ",
        "await ",
        "@",
    ];
    let statement = line.ends_with([';', '{', '}']) || line.ends_with(");") || line.ends_with("/>");
    let block = line.ends_with(':')
        && ["if ", "for ", "while ", "def ", "class ", "try", "else", "with "]
            .iter()
            .any(|s| line.starts_with(s));
    let start = STARTS.iter().any(|s| line.starts_with(s)) && has_code_mark(line);
    statement || block || start
}

/// A mark that prose rarely has, within the first 120 bytes: so that "let us go" is not code.
fn has_code_mark(line: &str) -> bool {
    cut(line, 120).contains(['(', '=', '{', '<', ';', '*', '_', '"', '/', '#'])
}

fn unique_words(text: &str) -> (u64, u64) {
    let sample = crate::text::fold(cut(text, WORDS_BYTES));
    let words = Words::of(&sample);
    let used = words.0.get(..words.0.len().min(WORDS_MAX)).unwrap_or_default();
    let distinct: BTreeSet<&str> = used.iter().map(|w| w.of(&sample)).collect();
    (distinct.len() as u64, used.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_by_hand() {
        for (share, text, wanted) in [
            (Share::Upper, "HELLO you", 5.0 / 8.0),
            (Share::Upper, "123", 0.0),
            (Share::Digits, "ab 12", 0.5),
            (Share::Digits, "", 0.0),
            (Share::Cjk, "中文 ab", 0.5),
            (Share::Cjk, "한글", 1.0),
            (Share::Punctuation, "a, b。", 0.5),
            (Share::UniqueWords, "A a b 中 中", 0.6),
            (Share::Code, "```\nx\n```\n", 1.0),
            (Share::Code, "let us go home", 0.0),
            (Share::Code, "let x = 1;\n", 1.0),
        ] {
            let got = share.of(&Profile::of(text), text);
            assert!((got - wanted).abs() < 1e-9, "{share:?} of {text:?}: {got}");
        }
    }

    #[test]
    fn unique_words_look_at_a_bounded_sample() {
        let text: String = (0..WORDS_MAX + 500).map(|i| format!("w{i} ")).collect();
        assert_eq!(unique_words(&text), (WORDS_MAX as u64, WORDS_MAX as u64));
        let long = "ab ".repeat(1 << 20);
        assert_eq!(unique_words(&long), (1, WORDS_MAX as u64));
    }
}
