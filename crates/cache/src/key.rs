//! What makes two requests one: digests of everything that changes an answer.
//!
//! A value counts as it is written, white space outside of strings left out, and members in any order. Another spelling of
//! the same number or text is another request: a miss, never a wrong answer. Left out is only how an answer is framed
//! ([`FRAMING`]).

use std::ops::Range;
use tollgate_core::Digest;

/// Members that say how an answer comes, not what it is.
pub const FRAMING: &[&str] = &["stream", "stream_options"];

/// What must be equal beside the request itself: named parts, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(Vec<(String, String)>);

impl Scope {
    /// With one more part.
    #[must_use]
    pub fn part(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// With a list of words, in any order.
    #[must_use]
    pub fn words<'w>(self, name: &str, words: impl IntoIterator<Item = &'w str>) -> Self {
        let mut words: Vec<&str> = words.into_iter().collect();
        words.sort_unstable();
        // Lengths keep two words apart from one that holds both.
        let joined: Vec<String> = words.iter().map(|word| format!("{}:{word}", word.len())).collect();
        self.part(name, joined.concat())
    }
}

/// A request's body in parts.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    /// All of it.
    pub body: &'a [u8],
    /// Top-level members, each with the bytes of its value.
    pub members: Vec<(&'a str, Range<usize>)>,
    /// The bytes of the last question inside of a value, without quotes; none where only an equal request will do.
    pub question: Option<Range<usize>>,
}

/// The keys of one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keys {
    /// Of the whole request.
    pub exact: Digest,
    /// Of everything but the question.
    pub group: Option<Digest>,
}

impl Keys {
    /// Digests a request.
    #[must_use]
    pub fn of(scope: &Scope, parts: &Parts<'_>) -> Self {
        let mut members: Vec<_> = parts.members.iter().filter(|(name, _)| !FRAMING.contains(name)).collect();
        members.sort_by_key(|(name, _)| *name);
        let digest = |role: &str, without: Option<&Range<usize>>| {
            let mut all: Vec<Vec<u8>> = vec![role.into()];
            for (name, value) in &scope.0 {
                all.extend([name.clone().into_bytes(), value.clone().into_bytes()]);
            }
            for (name, value) in &members {
                all.push(name.as_bytes().to_vec());
                all.push(squeezed(parts.body, value, without));
            }
            Digest::of_parts(all.iter().map(Vec::as_slice))
        };
        Self {
            exact: digest("exact", None),
            group: parts.question.as_ref().map(|question| digest("group", Some(question))),
        }
    }
}

/// A JSON value without white space outside of strings, and without the bytes of `without`.
fn squeezed(body: &[u8], value: &Range<usize>, without: Option<&Range<usize>>) -> Vec<u8> {
    let bytes = body.get(value.clone()).unwrap_or_default();
    let mut out = Vec::with_capacity(bytes.len());
    let (mut text, mut escaped) = (false, false);
    for (at, byte) in bytes.iter().enumerate() {
        let left_out = without.is_some_and(|range| range.contains(&(value.start + at)));
        if !left_out && (text || !byte.is_ascii_whitespace()) {
            out.push(*byte);
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(scope: &Scope, body: &str, question: Option<&str>) -> Keys {
        let value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(body).unwrap();
        let find = |needle: &str| {
            let at = body.find(needle).unwrap();
            at..at + needle.len()
        };
        // Values of the tests are unique texts of their bodies.
        let mut members = Vec::new();
        let names: Vec<String> = value.keys().cloned().collect();
        for name in &names {
            let key = body.find(&format!("\"{name}\"")).unwrap() + name.len() + 3;
            let mut depth = 0;
            let mut text = false;
            let end = body[key..]
                .char_indices()
                .find(|(_, c)| {
                    match c {
                        '"' => text = !text,
                        '[' | '{' if !text => depth += 1,
                        ']' | '}' if !text && depth > 0 => depth -= 1,
                        ',' | '}' if !text && depth == 0 => return true,
                        _ => {}
                    }
                    false
                })
                .map_or(body.len(), |(at, _)| key + at);
            members.push((name.as_str(), key..end));
        }
        Keys::of(scope, &Parts { body: body.as_bytes(), members, question: question.map(find) })
    }

    const BODY: &str =
        r#"{"model":"m","temperature":0.2,"messages":[{"role":"user","content":"why is that"}]}"#;

    #[test]
    fn order_white_space_and_framing_do_not_matter() {
        let scope = Scope::default().part("caller", "a");
        let same = keys(&scope, BODY, Some("why is that"));
        for other in [
            r#"{"messages": [ {"role":"user", "content":"why is that"}], "model":"m", "temperature":0.2}"#,
            r#"{"model":"m","stream":true,"temperature":0.2,"messages":[{"role":"user","content":"why is that"}]}"#,
            r#"{"model":"m","stream_options":{"include_usage":true},"temperature":0.2,"messages":[{"role":"user","content":"why is that"}]}"#,
        ] {
            assert_eq!(keys(&scope, other, Some("why is that")), same, "{other}");
        }
    }

    #[test]
    fn everything_else_does_and_the_question_only_to_the_exact_key() {
        let scope = Scope::default().part("caller", "a");
        let base = keys(&scope, BODY, Some("why is that"));
        for (from, to) in [
            ("\"m\"", "\"n\""),
            ("0.2", "0.3"),
            ("0.2", "0.20"),
            ("\"user\"", "\"system\""),
            ("\"temperature\"", "\"top_p\""),
            ("{\"model\"", "{\"seed\":1,\"model\""),
            ("{\"model\"", "{\"tools\":[],\"model\""),
        ] {
            let other = keys(&scope, &BODY.replacen(from, to, 1), Some("why is that"));
            assert_ne!(other.exact, base.exact, "{from} {to}");
            assert_ne!(other.group, base.group, "{from} {to}");
        }
        let other = keys(&scope, &BODY.replace("why is", "how  is"), Some("how  is that"));
        assert_ne!(other.exact, base.exact);
        assert_eq!(other.group, base.group);
        // Blanks in a text are part of it.
        let spaced = keys(&scope, &BODY.replace("why is", "why  is"), Some("why  is that"));
        assert_ne!(spaced.exact, base.exact);
    }

    #[test]
    fn every_part_of_the_scope_matters_and_no_two_can_be_confused() {
        let scopes = [
            Scope::default(),
            Scope::default().part("caller", "a"),
            Scope::default().part("caller", "ab"),
            Scope::default().part("tenant", "a"),
            Scope::default().part("caller", "a").part("tenant", "a"),
            Scope::default().words("roles", ["a", "b"]),
            Scope::default().words("roles", ["a1:b"]),
            Scope::default().words("roles", ["ab"]),
        ];
        let all: std::collections::BTreeSet<_> = scopes.iter().map(|s| keys(s, BODY, None).exact).collect();
        assert_eq!(all.len(), scopes.len());
        assert_eq!(Scope::default().words("r", ["b", "a"]), Scope::default().words("r", ["a", "b"]));
    }

    proptest! {
        #[test]
        fn another_text_is_another_key(a in "[a-z \\\\nt]{0,12}", b in "[a-z \\\\nt]{0,12}") {
            let text = |t: &str| serde_json::to_string(t).unwrap();
            let (x, y) = (text(&a), text(&b));
            let of = |t: &str| Keys::of(&Scope::default(), &Parts {
                body: t.as_bytes(), members: vec![("input", 0..t.len())], question: None,
            });
            prop_assert_eq!(of(&x).exact == of(&y).exact, a == b);
        }
    }
}
