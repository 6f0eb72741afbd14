//! Writing the language: quoted texts, numbers, names that collide with nothing.

use std::collections::HashSet;
use tollgate_core::signal::Kind;

/// A text in quotes.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A pattern in quotes: raw where that can be, as people write expressions.
pub(crate) fn pattern(text: &str) -> String {
    if text.contains('\\') && !text.contains(['\'', '\n', '\r']) { format!("'{text}'") } else { quote(text) }
}

/// A list of texts in quotes.
pub(crate) fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(quote).collect();
    format!("[{}]", texts.join(", "))
}

/// A number without exponent, within what the language takes.
pub(crate) fn number(value: f64) -> String {
    let most = crate::limits::MAX_NUMBER;
    let value = value.clamp(-most, most);
    // Twelve places are more than any threshold has, and hide what binary fractions add.
    let text = format!("{value:.12}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A text for a comment: one line, bounded.
pub(crate) fn comment(text: &str) -> String {
    let words: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Hands out identifiers.
#[derive(Debug, Default)]
pub(crate) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// An identifier like `wanted` that nothing else has.
    pub(crate) fn give(&mut self, wanted: &str) -> String {
        let mut base: String =
            wanted.chars().take(80).map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if base.is_empty() || base.starts_with(|c: char| c.is_ascii_digit()) {
            base.insert(0, '_');
        }
        let free = |name: &str, taken: &HashSet<String>| {
            !taken.contains(name) && Kind::parse(name).is_none() && !crate::check::is_reserved(name)
        };
        let mut name = base.clone();
        let mut next = 2_u32;
        while !free(&name, &self.taken) {
            name = format!("{base}_{next}");
            next += 1;
        }
        self.taken.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_free_and_valid() {
        let mut names = Names::default();
        let given: Vec<_> =
            ["a-b", "a.b", "tokens", "route", "9x", "", "法律"].map(|name| names.give(name)).into();
        assert_eq!(given, ["a_b", "a_b_2", "tokens_2", "route_2", "_9x", "_", "__"]);
    }

    #[test]
    fn texts_and_numbers_are_written_as_they_are_read() {
        for text in ["a\"b\\c\nd", "'", "\\b(x|y)\\b", "it's \\d"] {
            for written in [quote(text), pattern(text)] {
                let mut report = crate::Report::default();
                let read = crate::syntax::decode(&written, crate::Span::default(), &mut report);
                assert_eq!((read.as_ref(), report.errors()), (text, 0), "{written}");
            }
        }
        for (value, text) in [(0.1 + 0.2, "0.3"), (-0.25, "-0.25"), (1e20, "1000000000000"), (0.0, "0")] {
            assert_eq!(number(value), text);
        }
    }
}
