//! Letters that look like Latin ones, read as what they look like.
//!
//! Only inside words that mix them with Latin letters, or that are made of nothing else and stand among Latin words: a
//! Russian or Greek text stays what it is. The pairs are those of Unicode's confusables (UTS 39) that are letters of Greek,
//! Cyrillic or Armenian with the look of one small or capital Latin letter.

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
        _ => return None,
    })
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
}
