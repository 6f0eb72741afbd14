//! Signals whose answers somebody else gives: a reading says what is wanted, and takes it in.
//!
//! A decision that comes upon one which is not answered yet goes on as if it had failed, and is thrown away: whoever decides asks
//! for what was [wanted](Reading::wanted), hands it [in](Reading::answer), and decides again. So only what the decision needs
//! is asked, each text of a source once, and everything here stays a pure function.

use super::Reading;
use super::rules::flag;
use crate::set::Plan;
use crate::text::Scope;
use std::collections::BTreeMap;
use tollgate_core::signal::Signal;

/// Labels of a text with the probability of each.
pub type Labels = Vec<(String, f32)>;

/// What sources said of a request's texts.
#[derive(Clone, Debug, Default)]
pub struct Answers(BTreeMap<(Box<str>, Scope), Answer>);

/// What one source said, or why it said nothing.
#[derive(Clone, Debug)]
struct Answer {
    labels: Result<Labels, String>,
    ns: u64,
}

impl<'a> Reading<'a> {
    /// The source and the text that a signal which was read is about, where they are not answered yet: the first of several.
    #[must_use]
    pub fn wanted(&self) -> Option<(&'a str, &str)> {
        let set = self.set;
        match &set.signals.get(self.wanted.get()?)?.plan {
            Plan::Asked { source, scope, .. } => Some((source, self.texts.raw(*scope))),
            _ => None,
        }
    }

    /// Takes in what was wanted, and how many nanoseconds that took; what was read without it is forgotten.
    pub fn answer(&mut self, labels: Result<Labels, String>, ns: u64) {
        let Some(index) = self.wanted.take() else { return };
        let set = self.set;
        let Some(Plan::Asked { source, scope, .. }) = set.signals.get(index).map(|signal| &signal.plan)
        else {
            return;
        };
        self.answers.0.insert((source.clone(), *scope), Answer { labels, ns });
        let open = |index: usize| {
            matches!(set.signals.get(index).map(|signal| &signal.plan), Some(Plan::Asked { .. }))
        };
        self.done.retain(|(index, ..)| !open(*index));
        self.place.iter_mut().for_each(|place| *place = 0);
        for (at, (index, ..)) in self.done.iter().enumerate() {
            if let Some(place) = self.place.get_mut(*index) {
                *place = at as u32 + 1;
            }
        }
    }

    /// What was answered, for a further reading of the same request.
    #[must_use]
    pub const fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Begins with what another reading of the same request was answered.
    pub fn answered(&mut self, answers: &Answers) {
        self.answers = answers.clone();
    }

    /// A signal of a source: what it says, and the time that asking took.
    pub(super) fn asked(
        &self,
        index: usize,
        (source, scope): (&str, Scope),
        is: &[Box<str>],
        threshold: f64,
    ) -> (u64, Signal) {
        match self.answers.0.get(&(source.into(), scope)) {
            None => {
                self.wanted.set(self.wanted.get().or(Some(index)));
                (0, Signal::failed("the source was not asked"))
            }
            Some(Answer { labels: Err(why), ns }) => (*ns, Signal::failed(why.as_str())),
            Some(Answer { labels: Ok(labels), ns }) => {
                let named = labels.iter().filter(|(label, _)| is.iter().any(|wanted| **wanted == **label));
                let best = named.max_by(|a, b| a.1.total_cmp(&b.1));
                let Some((label, sure)) = best.map(|(label, sure)| (label, f64::from(*sure))) else {
                    let known: Vec<&str> = labels.iter().map(|(label, _)| label.as_str()).collect();
                    let why = format!("source {source} has no such label; it has {}", known.join(", "));
                    return (*ns, Signal::failed(why));
                };
                let matched = sure > 0.0 && sure >= threshold;
                let shown = (self.evidence && matched).then(|| format!("{label} {sure:.2}"));
                (*ns, flag(matched, if matched { sure } else { 1.0 - sure }, shown))
            }
        }
    }
}
