//! Tests on texts, sets and groups: `is`, `in`, `like`, `has`, and `topic is code`.

use super::names::{Checker, Meaning, shorten};
use crate::limits;
use crate::syntax::tree::{Name, Text, WordTest};
use crate::table::{Leaf, Test};
use crate::text::diagnostic::Diagnostic;
use crate::text::span::Span;
use crate::text::suggest::nearest;
use tollgate_core::signal::{Kind, ValueType};

/// Values of facts whose words are fixed; a word outside can never be true.
const FIXED: &[(Kind, &[&str])] = &[
    (Kind::Dialect, &["openai_chat", "openai_responses", "anthropic", "openai_embeddings"]),
    (Kind::RequestKind, &["chat", "agent", "computer_use", "batch"]),
    (Kind::Shape, &["prefill_heavy", "decode_heavy"]),
];

/// The words of a kind whose words are fixed.
pub(crate) fn fixed_words(kind: Kind) -> Option<&'static [&'static str]> {
    FIXED.iter().find(|(fixed, _)| *fixed == kind).map(|(_, words)| *words)
}

impl<'a> Checker<'a, '_> {
    pub(super) fn words(
        &mut self,
        subject: Name<'a>,
        test: WordTest,
        words: &[Text<'a>],
        span: Span,
    ) -> Option<Leaf> {
        let meaning = self.resolve(subject)?;
        let Meaning::Signal(signal) = meaning else {
            let help = match meaning {
                Meaning::Group(_) => "name the member without quotes",
                Meaning::Score(_) => "compare it with a number",
                _ => "write its name alone",
            };
            let message = format!("`{}` has no words", subject.text);
            self.push(Diagnostic::error("type", subject.span, message).help(help));
            return None;
        };
        let kind = self.spec(signal)?.kind;
        let is_set = matches!(test, WordTest::Has | WordTest::HasAny | WordTest::HasAll);
        match (kind.info().value, is_set) {
            (ValueType::Text, false) | (ValueType::Set, true) => {}
            (value, _) => {
                self.wrong_words(subject, value);
                return None;
            }
        }
        if words.is_empty() {
            self.push(Diagnostic::error("bad-value", span, "the list is empty, so this is never true"));
            return None;
        }
        if test != WordTest::Like {
            self.fixed_words(kind, words);
        }
        let list: Vec<String> = words.iter().map(|word| word.value.clone().into_owned()).collect();
        let test = match test {
            WordTest::Is | WordTest::In => Test::OneOf(list),
            WordTest::Like => Test::Like(list),
            WordTest::Has | WordTest::HasAny => Test::HasAny(list),
            WordTest::HasAll => Test::HasAll(list),
        };
        Some(Leaf::Signal { signal, test })
    }

    fn wrong_words(&mut self, subject: Name<'a>, value: ValueType) {
        let name = subject.text;
        let (what, help) = match value {
            ValueType::Flag => ("true or false", format!("write `{name}` or `not {name}`")),
            ValueType::Number => ("a number", format!("compare it: {name} > 0")),
            ValueType::Text => ("one text", format!("write {name} is \"...\" or {name} in [...]")),
            ValueType::Set => ("a set", format!("write {name} has \"...\", has any [...] or has all [...]")),
        };
        let message = format!("`{name}` is {what}");
        self.push(Diagnostic::error("type", subject.span, message).help(help));
    }

    fn fixed_words(&mut self, kind: Kind, words: &[Text<'a>]) {
        let Some(known) = fixed_words(kind) else { return };
        for word in words.iter().filter(|word| !known.contains(&&*word.value)) {
            let message = format!("`{}` is never {:?}", kind.word(), shorten(&word.value));
            let meant = nearest(&word.value, known.iter().copied());
            let all = || Some(format!("it is one of {}", known.join(", ")));
            self.push(Diagnostic::error("bad-value", word.span, message).meant(meant, all));
        }
    }

    /// `group is member`.
    pub(super) fn member(&mut self, group: Name<'a>, member: Name<'a>) -> Option<Leaf> {
        let meaning = self.resolve(group)?;
        self.expand(group);
        let Meaning::Group(index) = meaning else {
            let message = format!("`{}` is no group", group.text);
            let found = Diagnostic::error("type", group.span, message);
            self.push(found.help(format!(
                "put the text in quotes: {} is \"{}\"",
                group.text,
                shorten(member.text)
            )));
            return None;
        };
        let members = self.members.get(index as usize).map(Vec::as_slice).unwrap_or_default();
        if let Some(at) = members.iter().position(|name| *name == member.text) {
            debug_assert!(members.len() <= limits::MAX_MEMBERS);
            return Some(Leaf::Member { group: index, member: super::expr::index(at) });
        }
        let message = format!("`{}` is no member of `{}`", shorten(member.text), group.text);
        let help = format!("its members are {}", members.join(", "));
        let meant = nearest(member.text, members.iter().copied());
        self.push(Diagnostic::error("unknown-name", member.span, message).meant(meant, || Some(help)));
        None
    }
}
