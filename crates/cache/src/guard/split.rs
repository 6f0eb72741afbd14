//! A question in words: signs of calculation are words where they stand between numbers, and so is every character of a script
//! that writes no spaces.

use super::words::OPERATORS;

/// One word of a text.
pub(super) struct Word {
    /// In small letters, without apostrophes.
    pub(super) plain: String,
    pub(super) named: bool,
    /// A sentence begins with it.
    pub(super) first: bool,
}

/// Whether a letter is one of the script that the lists are written in.
pub(super) const fn is_latin(c: char) -> bool {
    c.is_ascii() || matches!(c, '\u{aa}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}

/// Whether a character is a word by itself: scripts that write no spaces.
const fn is_alone(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{312f}'
        | '\u{31a0}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// A text with signs of calculation and characters that are words by themselves between blanks, so that words part there. A minus
/// stays with its number where it is a sign of it.
fn parted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let (mut before, mut last) = (' ', ' ');
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let mut ahead = rest.clone();
        let next = ahead.clone().next().unwrap_or(' ');
        let behind = ahead.find(|c| !c.is_whitespace()).unwrap_or(' ');
        let number = |c: char| c.is_ascii_digit() || matches!(c, '(' | ')');
        let between = (number(last) || number(behind))
            && (last.is_alphanumeric() || last == ')')
            && (behind.is_alphanumeric() || matches!(behind, '(' | '-'));
        // A hyphen within a number or a name is a part of it.
        let spaced = c != '-' || before == ' ' && next == ' ';
        let sign = c == '-' && next.is_ascii_digit() && !before.is_alphanumeric() && before != ')';
        if is_alone(c) || OPERATORS.contains(c) && between && spaced && !sign {
            out.extend([' ', if c == '/' { '÷' } else { c }, ' ']);
        } else {
            // What is no sign between numbers parts words, as it does in text.
            out.push(if sign { '−' } else { c });
        }
        before = c;
        if !c.is_whitespace() {
            last = c;
        }
    }
    out
}

/// The words of a text, in order.
pub(super) fn split(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut first = true;
    for raw in parted(text).split(|c: char| c.is_whitespace() || "()[]{}\"“”;,:/—–".contains(c)) {
        if raw.chars().count() == 1 && OPERATORS.contains(raw) {
            words.push(Word { plain: raw.to_owned(), named: false, first: false });
            continue;
        }
        // Signs that belong to a name or an amount stay: c++, c#, 5 %, $3.
        let bare = raw.trim_matches(|c: char| !c.is_alphanumeric() && !"+#%$€£−".contains(c));
        if bare.is_empty() {
            continue;
        }
        let numeric = bare.bytes().any(|b| b.is_ascii_digit());
        let kept = bare.chars().filter(|c| numeric || !matches!(c, '\'' | '’' | '.' | '-'));
        let plain = kept.flat_map(char::to_lowercase).collect();
        let named = bare.chars().any(char::is_uppercase) && bare.chars().count() > 1;
        words.push(Word { plain, named, first });
        first = raw.ends_with(['.', '?', '!']);
    }
    words
}
