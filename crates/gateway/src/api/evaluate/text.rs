//! What one text is, apart from any policy: by the same word lists, patterns and heads that policies ask.

use serde_json::{Map, Value, json};
use tollgate_signals::content::{self, Content, Found};
use tollgate_signals::safety::{Looks, Suspicion};

/// From this on a text is an attack: the default of the `jailbreak` signal.
const ATTACK: f64 = 0.7;

/// A text that was read.
pub(super) struct Read<'t> {
    pub(super) text: &'t str,
    content: Content,
}

impl<'t> Read<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self { text, content: Content::of(text) }
    }

    /// The subject and how sure it is: not at all where no word of any was found.
    pub(super) fn subject(&self) -> (&'static str, f64) {
        let (label, confidence) = self.content.subject;
        let found = self.content.subjects.iter().any(|(_, share)| *share > 0.0);
        (label, if found { confidence } else { 0.0 })
    }

    /// The share of every subject.
    pub(super) fn subjects(&self) -> Map<String, Value> {
        self.content.subjects.iter().map(|(label, share)| ((*label).to_owned(), json!(share))).collect()
    }

    /// Personal data that has a form, in its order.
    pub(super) fn personal(&self) -> &[Found] {
        &self.content.personal
    }

    /// Whether it attacks the model's instructions, and how sure that is: patterns or the trained head, whichever is surer.
    /// A text that is too long to be read is taken for one: nothing says that it is none.
    pub(super) fn attack(&self) -> (bool, f64) {
        let patterns = match self.content.attacks.len() {
            0 => 0.0,
            found => content::certainty(found),
        };
        let looks = Looks { attack: true, hazard: false };
        let head = Suspicion::of(self.text, looks).map_or(1.0, |found| f64::from(found.attack));
        let risk = patterns.max(head);
        (risk >= ATTACK, risk)
    }

    /// Whether an answer would state facts that can be looked up, and how sure that is.
    pub(super) fn facts(&self) -> (bool, f64) {
        match self.content.facts {
            0 => (false, 0.0),
            found => (true, content::certainty(found)),
        }
    }

    /// What it says of an answer before it, and how sure that is.
    pub(super) const fn feedback(&self) -> Option<(&'static str, f64)> {
        self.content.feedback
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_no_head_read_is_not_safe() {
        assert_eq!(Read::of(&"word ".repeat(1 << 20)).attack(), (true, 1.0));
        assert!(!Read::of("What is the capital of Australia?").attack().0);
    }
}
