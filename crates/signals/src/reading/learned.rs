//! Signals of trained heads.
//!
//! Heads of the last user turn share its grams; heads of safety share the windows of a scope's whole text. Where there is an
//! encoder, all of them read its vectors too; a vector that is not there yet is [wanted](Reading::wanted).

use super::Reading;
use super::rules::flag;
use crate::content::{OTHER, SUBJECT_LEAST, SUBJECTS, certainty};
use crate::head::{Head, shipped};
use crate::safety::Suspicion;
use crate::set::Told;
use crate::text::Scope;
use tollgate_core::signal::{Signal, Value};

/// From this on a yes is one.
const YES: f32 = 0.5;

/// Why a safety head does not answer.
const TOO_LONG: &str =
    "the text, or what it reads as, is over 4 MiB: too long to be read for attacks and hazards";

impl Reading<'_> {
    /// The likeliest subject, where the head is sure enough of it; else `other`.
    pub(super) fn subject(&self, wanted: u32, threshold: f64) -> Signal {
        let empty = self.texts.raw(Scope::LastUser).trim().is_empty();
        let (at, sure) = match shipped("domain").filter(|_| !empty) {
            None => (OTHER, 0.0),
            Some(head) => match head.classify(self.texts.grams(), self.page_vector(head)).best() {
                (_, sure) if sure < SUBJECT_LEAST => (OTHER, 1.0 - sure),
                best => best,
            },
        };
        let sure = f64::from(sure);
        let matched = wanted >> at & 1 == 1 && sure >= threshold && sure > 0.0;
        let shown = (self.evidence && matched)
            .then(|| SUBJECTS.get(at).map(|(label, _)| format!("{label} {sure:.2}")));
        flag(matched, if matched { sure } else { 1.0 - sure }, shown.flatten())
    }

    /// The vector of what heads read of the last user turn, for a head that reads one.
    fn page_vector(&self, head: &Head) -> Option<&[f32]> {
        head.vector().and_then(|_| self.vector(self.texts.page()))
    }

    /// What is suspected of a scope's text, by words and, where there is an encoder, by the vectors of its worst windows.
    fn suspicion(&self, scope: Scope) -> Option<Suspicion> {
        Some(self.texts.scan(scope)?.judge(&|window| self.vector(window)))
    }

    pub(super) fn told(&self, told: Told) -> Signal {
        let text = self.texts.raw(Scope::LastUser);
        let yes = match shipped(told.head()).filter(|_| !text.trim().is_empty()) {
            None => 0.0,
            Some(head) if head.grams().is_some_and(crate::head::GramSide::surface) => {
                let grams = self.texts.grams().clone().with_surface(self.texts.page());
                head.classify(&grams, self.page_vector(head)).of(1)
            }
            Some(head) => head.classify(self.texts.grams(), self.page_vector(head)).of(1),
        };
        let sure = f64::from(yes);
        if told == Told::Difficulty {
            return Signal { confidence: 1.0, ..Signal::number(sure) };
        }
        flag(yes >= YES, if yes >= YES { sure } else { 1.0 - sure }, None)
    }

    /// Patterns or the head, whichever is surer.
    pub(super) fn jailbreak(&self, scope: Scope, patterns: &[u32], threshold: f64, head: bool) -> Signal {
        let found = patterns.iter().filter(|id| self.texts.regex(scope, **id)).count();
        let by_patterns = if found > 0 { certainty(found) } else { 0.0 };
        let mut sure = by_patterns;
        if head && (sure < 1.0) {
            match self.suspicion(scope) {
                Some(suspicion) => sure = sure.max(f64::from(suspicion.attack)),
                None if sure < threshold || sure == 0.0 => return failed(),
                None => {}
            }
        }
        let matched = sure > 0.0 && sure >= threshold;
        let shown = (self.evidence && matched).then(|| match found {
            0 => format!("head {sure:.2}"),
            _ => format!("{found} patterns"),
        });
        flag(matched, if matched { sure } else { 1.0 - sure.min(1.0) }, shown)
    }

    pub(super) fn hazard(&self, scope: Scope, classes: &[Box<str>], threshold: f64) -> Signal {
        let Some(suspicion) = self.suspicion(scope) else { return failed() };
        let wanted = |class: &str| classes.is_empty() || classes.iter().any(|wanted| **wanted == *class);
        let found = suspicion.classes.iter().find(|(class, _)| wanted(class));
        let sure = match found {
            Some((_, sure)) if !classes.is_empty() => f64::from(*sure),
            None if !classes.is_empty() => 0.0,
            _ => f64::from(suspicion.hazard),
        };
        let matched = sure > 0.0 && sure >= threshold;
        let likeliest = found.map_or("", |(class, _)| *class);
        let shown = (self.evidence && matched).then(|| format!("{likeliest} {sure:.2}"));
        flag(matched, if matched { sure } else { 1.0 - sure }, shown)
    }
}

fn failed() -> Signal {
    Signal { value: Value::Flag(false), ..Signal::failed(TOO_LONG) }
}
