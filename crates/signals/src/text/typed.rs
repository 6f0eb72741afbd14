//! A text as its numbers are typed: on one keyboard.
//!
//! Web pages, documents and other keyboards write the signs of a number in other characters: no-break and thin spaces, wide
//! digits, hyphens that do not break, hyphens and joiners that nobody sees. Here each such character is the ASCII one that it
//! stands for, or nothing, and every place can be found again in the text.

use super::loose::{is_dash, is_ignorable};
use unicode_normalization::UnicodeNormalization;

/// Where the decimal digits of scripts begin that write numbers in digits of their own (Unicode 16, `Nd`).
const ZEROS: [u32; 14] =
    [0x660, 0x6f0, 0x966, 0x9e6, 0xa66, 0xae6, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0x1040, 0x17e0];

/// A text that reads otherwise than it is written.
pub(crate) struct Typed {
    text: String,
    /// Places here and there, each where what follows is as in the text again; in order.
    places: Vec<(usize, usize)>,
}

impl Typed {
    /// The text so; none where nothing in it changes. Linear; ASCII is only looked over.
    pub(crate) fn of(raw: &str) -> Option<Self> {
        if raw.is_ascii() {
            return None;
        }
        let mut typed = Self { text: String::new(), places: Vec::new() };
        let mut copied = 0;
        for (at, c) in raw.char_indices().filter(|(_, c)| !c.is_ascii()) {
            let Some(stands) = stands_for(c) else { continue };
            typed.text.push_str(raw.get(copied..at).unwrap_or_default());
            typed.text.extend(stands);
            copied = at + c.len_utf8();
            typed.places.push((typed.text.len(), copied));
        }
        typed.text.push_str(raw.get(copied..).unwrap_or_default());
        (!typed.places.is_empty()).then_some(typed)
    }

    /// The text as it is read.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The place in the text as it is written.
    pub(crate) fn raw(&self, at: usize) -> usize {
        let next = self.places.partition_point(|(here, _)| *here <= at);
        let (here, there) =
            next.checked_sub(1).and_then(|last| self.places.get(last)).copied().unwrap_or_default();
        there + (at - here)
    }
}

/// What a character of no ASCII is typed as, where that is another: nothing, for one that does not show.
fn stands_for(c: char) -> Option<Option<char>> {
    let code = u32::from(c);
    match c {
        c if is_ignorable(c) => Some(None),
        // Han, kana and hangul: most text that is no ASCII.
        '\u{3041}'..='\u{d7ff}' => None,
        c if is_dash(c) => Some(Some('-')),
        c if c.is_whitespace() => Some(Some(' ')),
        // Small, wide, mathematical forms (NFKC, Unicode Standard Annex 15).
        '\u{fe50}'..='\u{fe6b}' | '\u{ff01}'..='\u{ff5e}' | '\u{1d400}'..='\u{1d7ff}' => {
            std::iter::once(c).nfkc().next().filter(char::is_ascii).map(Some)
        }
        _ => {
            let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code))?;
            char::from_digit(code - zero, 10).map(Some)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_otherwise_is_found_again() {
        for (raw, text) in [
            ("4111\u{a0}1111\u{202f}1", "4111 1111 1"),
            ("bob\u{ad}@x\u{200b}.org", "bob@x.org"),
            ("219\u{2011}09\u{2212}9999", "219-09-9999"),
            ("\u{ff14}\u{ff11}＠x", "41@x"),
            ("\u{660}\u{669}\u{6f1}é", "091é"),
        ] {
            let typed = Typed::of(raw).unwrap();
            assert_eq!(typed.text(), text);
            assert_eq!((typed.raw(0), typed.raw(text.len())), (0, raw.len()), "{raw:?}");
            assert!(
                (0..=text.len())
                    .filter(|at| text.is_char_boundary(*at))
                    .all(|at| raw.is_char_boundary(typed.raw(at)))
            );
        }
        for same in ["plain", "中文カナ한글 é", "а1б2"] {
            assert!(Typed::of(same).is_none(), "{same}");
        }
    }
}
