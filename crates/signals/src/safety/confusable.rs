//! Letters that look like Latin ones, read as what they look like.
//!
//! [`latin`] changes words that mix them with Latin letters, and letters that are pictures of letters; [`folded`] words that
//! are made of nothing else, which a Russian or Greek text has, too, so that it is one reading more and never the only one.
//! The pairs are those of Unicode's confusables (UTS 39) that are letters of Greek, Cyrillic or Armenian with the look of one
//! small or capital Latin letter, the small capitals of phonetic extensions, and letters in circles, squares and flags.

/// What a character looks like.
const fn looks_like(c: char) -> Option<char> {
    Some(match c {
        'а' | 'ɑ' | 'α' => 'a',
        'Ь' | 'ь' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'ё' | 'є' => 'e',
        'ɡ' => 'g',
        'һ' | 'հ' => 'h',
        'і' | 'ı' | 'ι' | 'ї' => 'i',
        'ј' => 'j',
        'κ' | 'к' => 'k',
        'ӏ' => 'l',
        'м' => 'm',
        'ո' => 'n',
        'о' | 'ο' | 'օ' | 'σ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'г' => 'r',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ѡ' | 'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'С' | 'Ϲ' => 'C',
        'Е' | 'Ε' => 'E',
        'Н' | 'Η' => 'H',
        'І' | 'Ι' => 'I',
        'Ј' => 'J',
        'К' | 'Κ' => 'K',
        'М' | 'Μ' => 'M',
        'Ν' => 'N',
        'О' | 'Ο' => 'O',
        'Р' | 'Ρ' => 'P',
        'Ѕ' => 'S',
        'Т' | 'Τ' => 'T',
        'Х' | 'Χ' => 'X',
        'У' | 'Υ' => 'Y',
        'Ζ' => 'Z',
        'ᴀ' => 'a',
        'ʙ' => 'b',
        'ᴄ' => 'c',
        'ᴅ' => 'd',
        'ᴇ' => 'e',
        'ꜰ' => 'f',
        'ɢ' => 'g',
        'ʜ' => 'h',
        'ɪ' => 'i',
        'ᴊ' => 'j',
        'ᴋ' => 'k',
        'ʟ' => 'l',
        'ᴍ' => 'm',
        'ɴ' => 'n',
        'ᴏ' => 'o',
        'ᴘ' => 'p',
        'ʀ' => 'r',
        'ꜱ' => 's',
        'ᴛ' => 't',
        'ᴜ' => 'u',
        'ᴠ' => 'v',
        'ᴡ' => 'w',
        'ʏ' => 'y',
        'ᴢ' => 'z',
        _ => return None,
    })
}

/// The letter of a picture of one: white on a circle or a square, or of a flag. Compatibility forms know none of these.
fn pictured(c: char) -> Option<char> {
    let from = match c {
        '\u{1f150}'..='\u{1f169}' => 0x1f150,
        '\u{1f170}'..='\u{1f189}' => 0x1f170,
        '\u{1f1e6}'..='\u{1f1ff}' => 0x1f1e6,
        _ => return None,
    };
    char::from_u32(u32::from('a') + (c as u32 - from))
}

/// `text` with pictures of letters as letters, and look-alikes as Latin letters in words that are mixed. Linear.
pub(super) fn latin(text: &str) -> String {
    respelled(text, |word| word.bytes().any(|b| b.is_ascii_alphabetic()))
}

/// The same, also in words of which every letter looks like a Latin one; absent where that changes nothing. Linear.
pub(super) fn folded(text: &str) -> Option<String> {
    let all =
        |word: &str| word.chars().all(|c| !c.is_alphabetic() || c.is_ascii() || looks_like(c).is_some());
    let folded = respelled(text, |word| word.bytes().any(|b| b.is_ascii_alphabetic()) || all(word));
    (folded != text).then_some(folded)
}

/// `text` with look-alikes as Latin letters in words that are `wanted`.
fn respelled(text: &str, wanted: impl Fn(&str) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| !c.is_alphabetic()) {
        if piece.is_ascii() {
            out.push_str(piece);
            continue;
        }
        let change = wanted(piece);
        let letter = |c| pictured(c).or_else(|| looks_like(c).filter(|_| change)).unwrap_or(c);
        out.extend(piece.chars().map(letter));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mixed_words_change() {
        assert_eq!(latin("ignоrе аll"), "ignore all");
        assert_eq!(latin("не знаю, как"), "не знаю, как");
        assert_eq!(latin("naïve café"), "naïve café");
    }

    #[test]
    fn words_of_nothing_but_look_alikes_are_folded_beside_the_text() {
        assert_eq!(folded("іɡոоге аӏӏ ргеνіоυѕ").as_deref(), Some("ignore all previous"));
        assert_eq!(folded("ɪɢɴᴏʀᴇ ᴀʟʟ").as_deref(), Some("ignore all"));
        assert_eq!(latin("\u{1f178}\u{1f176} \u{1f1ee}\u{1f1f3}"), "ig in");
        assert_eq!(folded("не знаю, что"), None);
        assert_eq!(folded("plain text"), None);
    }
}
