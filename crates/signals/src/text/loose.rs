//! A second reading of a text, for phrases however they are typed.
//!
//! What says how letters look, and nothing of what they say, is taken out: compatibility forms become one (NFKC,
//! Unicode Standard Annex 15: wide letters, ligatures, accents that stand apart), characters that show nothing go
//! (`Default_Ignorable_Code_Point` of DerivedCoreProperties.txt), and between words every run of white space,
//! underscores and hyphens is one space. A name in camel case is read as it is, and once more in words at the end.
//!
//! ```text
//! date_of\n birth  ->  date of birth        {"dateOfBirth": 1}  ->  {"dateOfBirth": 1}\ndate Of Birth
//! ```

use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// Characters of no look of their own, among letters (Unicode 16, `Default_Ignorable_Code_Point`).
pub(crate) const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Hyphens and dashes that are not ASCII, and the minus sign.
pub(super) const fn is_dash(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// What a character does to the words around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A small letter or a digit.
    Small,
    Capital,
    /// A letter without case.
    Letter,
    /// Underscores and hyphens of all lengths: what ties words to one name.
    Tie,
    Space,
    Other,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            '_' | '-' => Self::Tie,
            c if is_dash(c) => Self::Tie,
            c if c.is_whitespace() => Self::Space,
            c if c.is_lowercase() || c.is_numeric() => Self::Small,
            c if c.is_uppercase() => Self::Capital,
            c if c.is_alphabetic() => Self::Letter,
            _ => Self::Other,
        }
    }

    const fn parts(self) -> bool {
        matches!(self, Self::Tie | Self::Space)
    }
}

static ASCII: LazyLock<[Class; 128]> =
    LazyLock::new(|| std::array::from_fn(|b| Class::of(char::from(b as u8))));

/// One space for every run of white space and ties; names in camel case once more behind a newline each. What need not
/// change is copied in runs.
fn squeeze(text: &str) -> String {
    let ascii = &*ASCII;
    let (mut out, mut split) = (String::with_capacity(text.len()), String::new());
    let (mut copied, mut name, mut humps, mut before) = (0, 0, false, Class::Other);
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        let (class, next) = match ascii.get(usize::from(*byte)) {
            Some(class) => (*class, at + 1),
            None => {
                let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
                (Class::of(c), at + c.len_utf8())
            }
        };
        if class.parts() && (*byte != b' ' || before.parts()) {
            out.push_str(text.get(copied..at).unwrap_or_default());
            if !before.parts() {
                out.push(' ');
            }
            copied = next;
        }
        humps |= class == Class::Capital && before == Class::Small;
        if matches!(class, Class::Other | Class::Space) {
            if std::mem::take(&mut humps) {
                split_name(text.get(name..at).unwrap_or_default(), &mut split);
            }
            name = next;
        }
        (before, at) = (class, next);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    if humps {
        split_name(text.get(name..).unwrap_or_default(), &mut split);
    }
    out.push_str(&split);
    out
}

/// The words of a name, behind a newline.
fn split_name(name: &str, split: &mut String) {
    split.push('\n');
    let mut before = Class::Other;
    for c in name.chars() {
        let class = Class::of(c);
        if class == Class::Tie && before != Class::Tie || class == Class::Capital && before == Class::Small {
            split.push(' ');
        }
        if class != Class::Tie {
            split.push(c);
        }
        before = class;
    }
}

/// Compatibility forms as one, and what shows nothing taken out: up to eleven times the bytes of `text`. Linear.
pub(crate) fn loosen_shown(text: &str) -> impl Iterator<Item = char> {
    let shown = text.chars().filter(|c| !is_ignorable(*c)).nfkc();
    shown.filter(|c| !is_ignorable(*c))
}

/// `text` in that reading; letter case stays. Linear; ASCII is looked up in no table of Unicode.
pub(crate) fn loosen(text: &str) -> String {
    if text.is_ascii() { squeeze(text) } else { squeeze(&loosen_shown(text).collect::<String>()) }
}

/// A phrase as [`loosen`] reads it; none where nothing but its own spelling counts: it starts or ends with what
/// ties words (`--force`), or nothing of it is left.
pub(crate) fn loosen_phrase(phrase: &str) -> Option<String> {
    let read = loosen(phrase);
    // A name in camel case is looked for as it is written.
    let read = read.lines().next().unwrap_or_default().to_owned();
    (!read.is_empty() && !read.starts_with(' ') && !read.ends_with(' ')).then_some(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_phrase_read_the_same() {
        for text in [
            "date of\nbirth",
            "date  of \t birth",
            "date\u{a0}of\u{202f}birth",
            "date_of_birth",
            "date-of-birth",
            "date\u{2011}of\u{2013}birth",
            "d\u{ad}ate o\u{200b}f bir\u{2060}th",
            "ｄａｔｅ ｏｆ ｂｉｒｔｈ",
            "date of bi\u{fe0f}rth",
        ] {
            assert_eq!(loosen(text), "date of birth", "{text:?}");
        }
        assert_eq!(loosen("nu\u{301}mero"), "n\u{fa}mero");
        assert_eq!(loosen("{\"dateOfBirth\": 1}"), "{\"dateOfBirth\": 1}\ndate Of Birth");
        assert_eq!(loosen("user_dateOf_Birth x"), "user dateOf Birth x\nuser date Of Birth");
        assert_eq!(loosen("Birth McDonald iPhone"), "Birth McDonald iPhone\nMc Donald\ni Phone");
    }

    #[test]
    fn phrases_that_only_their_spelling_tells_stay() {
        assert_eq!(loosen_phrase("--force"), None);
        assert_eq!(loosen_phrase("\u{200b}"), None);
        assert_eq!(loosen_phrase("trade-off").as_deref(), Some("trade off"));
        assert_eq!(loosen_phrase("dateOfBirth").as_deref(), Some("dateOfBirth"));
    }

    proptest! {
        /// Read twice is read once, but for names in camel case.
        #[test]
        fn reading_is_idempotent(text in "[a-c0 é_\n\u{ad}\u{301}ﬁ-]{0,40}") {
            let once = loosen(&text);
            prop_assert_eq!(loosen(&once), once.clone());
        }
    }
}
