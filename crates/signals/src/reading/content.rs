//! Signals of content, and counts of messages.

use super::Reading;
use super::rules::{evidence, flag};
use crate::content::{Examples, FEEDBACK, Feedback, OTHER, Personal, SUBJECTS, certainty, share};
use crate::set::Counted;
use crate::text::{Scope, TextKey};
use tollgate_core::signal::{Signal, Value};
use tollgate_wire::view::Role;

/// Word lists read the last user turn in any letter case.
const SAID: TextKey = TextKey { scope: Scope::LastUser, case: false };

impl Reading<'_> {
    pub(super) fn messages(&self, counted: Counted) -> Signal {
        let view = self.input.view;
        let is = |role: Role| match counted {
            Counted::User => role == Role::User,
            Counted::Assistant => role == Role::Assistant,
            Counted::System => role == Role::System,
            Counted::Tool => role == Role::Tool,
            Counted::NonUser => role != Role::User,
        };
        let separate = matches!(counted, Counted::System | Counted::NonUser) && !view.system.is_empty();
        let count = view.messages.iter().filter(|message| is(message.role)).count();
        Signal::number((count + usize::from(separate)) as f64)
    }

    pub(super) fn similar(&self, scope: Scope, examples: &Examples, threshold: f64) -> Signal {
        let score = examples.score(self.texts.fingerprint(scope));
        if score > 0.0 && score >= threshold {
            let shown = self.evidence.then(|| format!("likeness {score:.2}"));
            flag(true, score, shown)
        } else {
            flag(false, 1.0 - score, None)
        }
    }

    /// How many different words of each list were said.
    fn said(&self, lists: &[Vec<u32>]) -> Vec<usize> {
        let count = |list: &Vec<u32>| list.iter().filter(|id| self.texts.literal(SAID, **id) > 0).count();
        lists.iter().map(count).collect()
    }

    pub(super) fn domain(&self, wanted: u32, threshold: f64) -> Signal {
        let empty = self.texts.raw(Scope::LastUser).trim().is_empty();
        let (at, sure) = if empty { (OTHER, 0.0) } else { share(&self.said(&self.set.subjects)) };
        let matched = wanted >> at & 1 == 1 && sure >= threshold && sure > 0.0;
        let shown =
            (self.evidence && matched).then(|| SUBJECTS.get(at).map(|(label, _)| (*label).to_owned()));
        flag(matched, if matched { sure } else { 1.0 - sure }, shown.flatten())
    }

    /// One expression of several is enough.
    pub(super) fn facts(&self, patterns: &[u32]) -> Signal {
        let found = patterns.iter().filter(|id| self.texts.regex(Scope::LastUser, **id)).count();
        flag(found > 0, certainty(found.max(1)), None)
    }

    pub(super) fn feedback(&self, wanted: Feedback) -> Signal {
        let view = self.input.view;
        let answered = view.messages.iter().any(|message| message.role == Role::Assistant);
        let found = self.said(&self.set.feedback);
        let most = found.iter().copied().max().unwrap_or(0);
        let first = found.iter().position(|count| *count == most);
        let matched = answered && most > 0 && first == Some(wanted as usize);
        let shown = (self.evidence && matched)
            .then(|| FEEDBACK.get(wanted as usize).map(|(label, _)| (*label).to_owned()));
        flag(matched, if matched { certainty(most) } else { 1.0 }, shown.flatten())
    }

    pub(super) fn personal(&self, scope: Scope, forms: &[(Personal, u32)], named: &[&'static str]) -> Signal {
        // To the end, however much has the form only: whoever writes a text must not be able to hide data in it.
        let held = |personal: Personal, id: u32| {
            self.texts.regex(scope, id) && personal.is_in(self.texts.raw(scope))
                || self.texts.typed(scope).is_some_and(|typed| personal.is_in(typed))
        };
        let mut found: Vec<&str> = Personal::ALL
            .iter()
            .filter(|(_, personal)| forms.iter().any(|(wanted, id)| wanted == personal && held(*wanted, *id)))
            .map(|(word, _)| *word)
            .collect();
        if !named.is_empty() {
            match self.names(self.texts.raw(scope)) {
                Ok(names) => found.extend(named.iter().filter(|kind| names.iter().any(|f| f.kind == **kind))),
                // What has a form is enough to match; else nobody can say that there is nothing.
                Err(why) if found.is_empty() => {
                    return Signal { value: Value::Flag(false), ..Signal::failed(why) };
                }
                Err(_) => {}
            }
        }
        // The types are named, never the data.
        let shown = if self.evidence { evidence(found.iter().copied()) } else { None };
        flag(!found.is_empty(), 1.0, shown)
    }
}
