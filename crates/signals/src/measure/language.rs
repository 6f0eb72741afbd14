//! Language of a text, as ISO 639-1, `und` when unsure.
//!
//! Scripts that one language (nearly) owns are decided by script; the rest by a linear classifier over character
//! n-grams (the whichlang crate, 16 languages). It always names a language, so the sample and its two halves are
//! asked: a name that neither half supports is `und`. Code and URLs are left out of the sample.

use crate::text::{cut, is_cjk};
use whichlang::{Lang, detect_language};

/// Bytes of the turn that are looked at.
const SAMPLE_BYTES: usize = 2 << 10;
/// Fewest letters to say anything, for alphabets and for CJK.
const LETTERS_MIN: usize = 12;
const CJK_MIN: usize = 2;

/// A language code and how sure it is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Language {
    pub(crate) code: &'static str,
    pub(crate) confidence: f64,
}

const UND: Language = Language { code: "und", confidence: 0.0 };

const fn code(lang: Lang) -> &'static str {
    match lang {
        Lang::Ara => "ar",
        Lang::Cmn => "zh",
        Lang::Deu => "de",
        Lang::Eng => "en",
        Lang::Fra => "fr",
        Lang::Hin => "hi",
        Lang::Ita => "it",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Nld => "nl",
        Lang::Por => "pt",
        Lang::Rus => "ru",
        Lang::Spa => "es",
        Lang::Swe => "sv",
        Lang::Tur => "tr",
        Lang::Vie => "vi",
    }
}

/// Scripts of one main language, and letters that only one language of a script uses.
fn by_script(c: char) -> Option<&'static str> {
    Some(match c as u32 {
        0x3041..=0x3096 | 0x30a1..=0x30fa => "ja",
        0x1100..=0x11ff | 0x3131..=0x318e | 0xac00..=0xd7a3 => "ko",
        0x370..=0x3ff | 0x1f00..=0x1fff => "el",
        0x530..=0x58f => "hy",
        0x590..=0x5ff => "he",
        0x980..=0x9ff => "bn",
        0xb80..=0xbff => "ta",
        0xc00..=0xc7f => "te",
        0xe00..=0xe7f => "th",
        0x10a0..=0x10ff => "ka",
        0x1780..=0x17ff => "km",
        0x404 | 0x406 | 0x407 | 0x454 | 0x456 | 0x457 | 0x490 | 0x491 => "uk",
        _ => return None,
    })
}

/// The start of `text` without fenced code, URLs and inline code.
fn sample(text: &str) -> String {
    let mut out = String::new();
    let mut fenced = false;
    for line in cut(text, 4 * SAMPLE_BYTES).lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        for word in line.split_whitespace().filter(|w| !w.contains("://") && !w.starts_with('`')) {
            out.push_str(cut(word, 64));
            out.push(' ');
            if out.len() >= SAMPLE_BYTES {
                return out;
            }
        }
    }
    out
}

/// The language of `text`.
pub(crate) fn language(text: &str) -> Language {
    let sample = sample(text);
    let (mut letters, mut cjk) = (0, 0);
    let mut scripts: Vec<(&'static str, usize)> = Vec::new();
    for c in sample.chars().filter(|c| c.is_alphabetic()) {
        letters += 1;
        cjk += usize::from(is_cjk(c));
        if let Some(code) = by_script(c) {
            match scripts.iter_mut().find(|(known, _)| *known == code) {
                Some((_, count)) => *count += 1,
                None => scripts.push((code, 1)),
            }
        }
    }
    if cjk < CJK_MIN && letters < LETTERS_MIN {
        return UND;
    }
    // Kana among Han makes Japanese; a few foreign letters in a text of another script do not.
    let share = |code: &str| if matches!(code, "ja" | "uk") { 25 } else { 2 };
    if let Some((code, _)) = scripts.iter().find(|(code, count)| count * share(code) >= letters) {
        return Language { code, confidence: 0.95 };
    }
    if 2 * cjk >= letters {
        return Language { code: "zh", confidence: 0.95 };
    }
    by_classifier(&sample)
}

fn by_classifier(sample: &str) -> Language {
    let whole = detect_language(sample);
    let head = cut(sample, sample.len() / 2);
    let tail = sample.get(head.len()..).unwrap_or_default();
    let agree = [head, tail].into_iter().filter(|half| detect_language(half) == whole).count();
    match agree {
        2 => Language { code: code(whole), confidence: 0.95 },
        1 => Language { code: code(whole), confidence: 0.7 },
        _ => UND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_languages() {
        for (text, code) in [
            ("Please summarise the following article in three sentences.", "en"),
            ("Guten Morgen, könnten Sie mir bitte diese Rechnung erklären?", "de"),
            ("Pouvez-vous m'expliquer comment fonctionne cette machine ?", "fr"),
            ("¿Puedes explicarme cómo funciona la fotosíntesis?", "es"),
            ("Puoi spiegarmi come funziona la fotosintesi nelle piante?", "it"),
            ("Você pode me explicar como funciona a fotossíntese?", "pt"),
            ("Kun je mij uitleggen hoe dit apparaat werkt?", "nl"),
            ("Объясните, пожалуйста, как работает этот алгоритм.", "ru"),
            ("Поясніть, будь ласка, як працює цей алгоритм.", "uk"),
            ("请解释一下这个算法是怎么工作的。", "zh"),
            ("このアルゴリズムの仕組みを説明してください。", "ja"),
            ("이 알고리즘이 어떻게 작동하는지 설명해 주세요.", "ko"),
            ("Μπορείς να εξηγήσεις τον αλγόριθμο;", "el"),
            ("اشرح لي كيف تعمل هذه الخوارزمية من فضلك", "ar"),
            ("退款", "zh"),
            ("ok", "und"),
            ("", "und"),
            ("12345 67890 !!! 🔥🔥🔥", "und"),
            ("Explain this code:\n```python\ndef f(x): return x\n``` https://example.com/a/b", "en"),
        ] {
            assert_eq!(language(text).code, code, "{text}");
        }
    }

    #[test]
    fn the_sample_is_bounded() {
        assert!(sample(&"word ".repeat(100_000)).len() < SAMPLE_BYTES + 80);
        assert!(sample(&"x".repeat(1 << 20)).len() < SAMPLE_BYTES + 80);
    }
}
