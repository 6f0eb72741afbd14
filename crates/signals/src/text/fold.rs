//! Simple case folding: one character to one character, the same relation as `(?i)` of the regex crate.
//!
//! Simple folding (Unicode, CaseFolding.txt, status C and S) never changes the number of characters: `ẞ` folds to
//! `ß` and not to `ss`; `İ` and `ı` stay themselves, as they do not fold without a Turkish locale; `Σ`, `σ` and `ς`
//! fold together.

use std::sync::LazyLock;

/// Below this code point the folding is a table look-up (Latin, Greek, Cyrillic, Armenian).
const TABLE_END: usize = 0x600;

static TABLE: LazyLock<Vec<char>> =
    LazyLock::new(|| (0..TABLE_END).map(|c| char::from_u32(c as u32).map_or('\0', fold_char_slow)).collect());

fn single(mut mapped: impl Iterator<Item = char>, otherwise: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => otherwise,
    }
}

/// Upper, then lower, each only when it is one character: that brings every member of a case orbit together.
fn fold_char_slow(c: char) -> char {
    if matches!(c, 'İ' | 'ı') {
        return c;
    }
    let upper = single(c.to_uppercase(), c);
    let folded = single(upper.to_lowercase(), upper);
    // A few letters have a capital of more than one character, yet share their orbit with another letter.
    match folded {
        '\u{390}' => '\u{1fd3}',
        '\u{3b0}' => '\u{1fe3}',
        '\u{fb05}' => '\u{fb06}',
        'ẞ' => 'ß',
        other => other,
    }
}

fn fold_char(c: char) -> char {
    let code = c as usize;
    if code < TABLE_END {
        return TABLE.get(code).copied().unwrap_or(c);
    }
    match code {
        // General Indic to Myanmar, CJK with kana, Hangul: no case there.
        0x600..=0x109f | 0x2e80..=0xa63f | 0xac00..=0xd7ff | 0xf900..=0xfaff => c,
        _ => fold_char_slow(c),
    }
}

/// Bytes before the first that is not ASCII; whole chunks are looked at together.
fn ascii_prefix(bytes: &[u8]) -> usize {
    let chunks = bytes.chunks_exact(32).take_while(|chunk| chunk.is_ascii()).count() * 32;
    let rest = bytes.get(chunks..).unwrap_or_default();
    chunks + rest.iter().position(|b| !b.is_ascii()).unwrap_or(rest.len())
}

/// `text` with every character folded. Linear; runs of ASCII are copied whole.
pub(crate) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = ascii_prefix(rest.as_bytes());
        let (head, tail) = rest.split_at(ascii);
        let from = out.len();
        out.push_str(head);
        if let Some(copied) = out.get_mut(from..) {
            copied.make_ascii_lowercase();
        }
        rest = tail;
        let mut chars = rest.chars();
        while let Some(c) = chars.clone().next().filter(|c| !c.is_ascii()) {
            out.push(fold_char(c));
            chars.next();
        }
        rest = chars.as_str();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_what_is_hard_to_fold() {
        for (text, folded) in [
            ("HELLO World_9", "hello world_9"),
            ("STRAẞE Straße", "straße straße"),
            ("ΣΊΣΥΦΟΣ Σίσυφος", "σίσυφοσ σίσυφοσ"),
            ("İstanbul ISPARTA ı", "İstanbul isparta ı"),
            ("ПРИВЕТ", "привет"),
            ("\u{212a}elvin ſ µ", "kelvin s μ"),
            ("中文カナ한글🔥", "中文カナ한글🔥"),
            ("CAFE\u{301} É", "cafe\u{301} é"),
            ("Ǆ ǅ ǆ", "ǆ ǆ ǆ"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    /// The third-party opinion: characters that fold together are those that the regex crate's `(?i)` equates.
    #[test]
    fn agrees_with_the_regex_crate_on_every_character() {
        let mut changed = 0;
        for c in '\0'..=char::MAX {
            let folded = fold_char(c);
            assert_eq!(fold_char(folded), folded, "{c:?} must fold to a fixed point");
            let mut orbit =
                regex_syntax::hir::ClassUnicode::new([regex_syntax::hir::ClassUnicodeRange::new(c, c)]);
            if folded == c && !has_case(c) {
                continue;
            }
            orbit.case_fold_simple();
            for range in orbit.ranges() {
                for member in range.start()..=range.end() {
                    assert_eq!(fold_char(member), folded, "{c:?} and {member:?} are one letter");
                    changed += 1;
                }
            }
        }
        assert!(changed > 2000, "{changed}");
    }

    fn has_case(c: char) -> bool {
        c.to_lowercase().next() != Some(c) || c.to_uppercase().next() != Some(c) || (c as u32) < 0x600
    }
}
