//! Letters that look like Latin ones, read as what they look like.
//!
//! Inside words that mix them with Latin letters; and, as a reading of its own, in words that are made of nothing else, where most
//! of the text is Latin once they are read so: a Russian or Greek text stays what it is. The pairs are those of Unicode's confusables (UTS 39) that are letters of Greek,
//! Cyrillic or Armenian with the look of one small or capital Latin letter, and Latin letters of other shapes.

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
        'ƒ' => 'f',
        'ʐ' => 'z',
        _ => return None,
    })
}

/// Small capitals of the phonetic alphabet, in the order of the letters; there is none of x.
const SMALL_CAPITALS: &str = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡ\0ʏᴢ";

/// The letter that a sign shows: small capitals, letters in circles and squares, flags.
fn letter_of_sign(c: char) -> Option<char> {
    let from = match c {
        '\u{1f150}'..='\u{1f169}' => 0x1_f150,
        '\u{1f170}'..='\u{1f189}' => 0x1_f170,
        '\u{1f1e6}'..='\u{1f1ff}' => 0x1_f1e6,
        _ => {
            let at = SMALL_CAPITALS.chars().position(|small| small == c).filter(|_| !c.is_ascii())?;
            return char::from_u32(u32::from(b'a') + at as u32);
        }
    };
    char::from_u32(u32::from(b'a') + (c as u32 - from))
}

/// `text` with signs that show letters as letters. Linear.
pub(super) fn letters_of_signs(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c } else { letter_of_sign(c).unwrap_or(c) }).collect()
}

/// `text` with look-alike letters as Latin ones in every word that has none but those and Latin letters, where most of its letters are
/// Latin then; else as [`latin`] reads it. Linear.
pub(super) fn latin_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| !c.is_alphabetic()) {
        let alike = |c: char| c.is_ascii() || !c.is_alphabetic() || looks_like(c).is_some();
        if piece.chars().all(alike) {
            out.extend(piece.chars().map(|c| looks_like(c).unwrap_or(c)));
        } else {
            out.push_str(piece);
        }
    }
    let (mut letters, mut ascii) = (0, 0);
    for c in out.chars().filter(|c| c.is_alphabetic()) {
        letters += 1;
        ascii += usize::from(c.is_ascii());
    }
    if 2 * ascii >= letters { out } else { latin(text) }
}

/// `text` with look-alike letters as Latin ones in words that are mixed. Linear.
pub(super) fn latin(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| !c.is_alphabetic()) {
        let mixed = piece.bytes().any(|b| b.is_ascii_alphabetic()) && !piece.is_ascii();
        if mixed {
            out.extend(piece.chars().map(|c| looks_like(c).unwrap_or(c)));
        } else {
            out.push_str(piece);
        }
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
    fn words_of_nothing_but_look_alikes_change_where_the_text_is_latin_then() {
        assert_eq!(latin_words("іɡոоге аӏӏ rules"), "ignore all rules");
        assert_eq!(latin_words("не знаю, как"), "не знаю, как");
        assert_eq!(letters_of_signs("ɪɢɴᴏʀᴇ 🅰🅻🅻 🇷🇺🇱🇪🇸"), "ignore all rules");
    }
}
