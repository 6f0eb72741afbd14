//! Signals whose answers somebody else gives: a reading says what is wanted, and takes it in.
//!
//! A decision that comes upon one which is not answered yet goes on as if it had failed (a source), or by words alone (a head
//! that reads vectors, too), and is thrown away: whoever decides asks for what was [wanted](Reading::wanted), hands it in
//! ([`Reading::answer`], [`Reading::embedded`]), and decides again. So only what the decision needs is asked, each text of a
//! source once and each text's vector once for all heads, and everything here stays a pure function.

use super::Reading;
use super::rules::flag;
use crate::content::Found;
use crate::names::{Names, TEXT_MAX, Unread};
use crate::set::Plan;
use crate::text::Scope;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use tollgate_core::signal::Signal;

/// Labels of a text with the probability of each.
pub type Labels = Vec<(String, f32)>;

/// What was said of a request's texts by others: sources' labels, and an encoder's vectors.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    sources: BTreeMap<(Box<str>, Scope), Answer>,
    /// None for a text of which the encoder gave no vector.
    vectors: BTreeMap<Box<str>, Option<Arc<[f32]>>>,
    names: Names,
}

impl Answers {
    /// The names of texts that were looked through.
    #[must_use]
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// The same, to be added to.
    pub const fn names_mut(&mut self) -> &mut Names {
        &mut self.names
    }
}

/// What one source said, or why it said nothing.
#[derive(Clone, Debug)]
struct Answer {
    labels: Result<Labels, String>,
    ns: u64,
}

/// What a decision came upon that is not answered yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted<'r> {
    /// The vectors of these texts; to be handed in with [`Reading::embedded`].
    Vectors(Vec<String>),
    /// The names in these texts; to be handed in with [`Reading::named`].
    Names(Vec<String>),
    /// What a source says of a text; to be handed in with [`Reading::answer`].
    Source {
        /// The source.
        name: &'r str,
        /// The text.
        text: &'r str,
    },
}

/// What is open of the encoder's.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Whether there is an encoder that can be asked.
    on: bool,
    /// Texts whose vectors were wanted.
    texts: RefCell<Vec<String>>,
    /// Whether somebody can look for names.
    names_on: bool,
    /// Texts whose names were wanted.
    named: RefCell<Vec<String>>,
    /// Nanoseconds of encoding that no signal has on its account yet.
    owed: Cell<u64>,
}

impl<'a> Reading<'a> {
    /// Says that there is an encoder whose vectors heads read: they are then [wanted](Self::wanted).
    pub const fn with_encoder(&mut self, on: bool) {
        self.open.on = on;
    }

    /// Says that there is an encoder by whose states names are found: they are then [wanted](Self::wanted). Without one, a signal of
    /// types that have no form fails.
    pub const fn with_names(&mut self, on: bool) {
        self.open.names_on = on;
    }

    /// What signals that were read are still missing: vectors and names, which are cheap, before a source; of several sources the
    /// first.
    #[must_use]
    pub fn wanted(&self) -> Option<Wanted<'_>> {
        let texts = self.open.texts.borrow();
        if !texts.is_empty() {
            return Some(Wanted::Vectors(texts.clone()));
        }
        let named = self.open.named.borrow();
        if !named.is_empty() {
            return Some(Wanted::Names(named.clone()));
        }
        let set = self.set;
        match &set.signals.get(self.wanted.get()?)?.plan {
            Plan::Asked { source, scope, .. } => {
                Some(Wanted::Source { name: source, text: self.texts.raw(*scope) })
            }
            _ => None,
        }
    }

    /// Takes in the vectors of the texts that were wanted, in their order, and how many nanoseconds they took; a text without
    /// one is read by its words alone. What was read without them is forgotten.
    pub fn embedded(&mut self, vectors: Vec<Option<Vec<f32>>>, ns: u64) {
        let texts = self.open.texts.take();
        let mut vectors = vectors.into_iter();
        for text in texts {
            let vector = vectors.next().flatten().map(Arc::from);
            self.answers.vectors.insert(text.into(), vector);
        }
        self.open.owed.set(self.open.owed.get().saturating_add(ns));
        self.wanted.take();
        self.forget(|plan| plan.reads_vectors() || matches!(plan, Plan::Asked { .. }));
    }

    /// Takes in the names of the texts that were wanted, in their order, and how many nanoseconds they took; of a text without any said
    /// nobody knows. What was read without them is forgotten.
    pub fn named(&mut self, found: Vec<Option<Vec<Found>>>, ns: u64) {
        let texts = self.open.named.take();
        let mut found = found.into_iter();
        for text in texts {
            self.answers.names.know(text, found.next().flatten());
        }
        self.open.owed.set(self.open.owed.get().saturating_add(ns));
        self.wanted.take();
        self.forget(|plan| plan.reads_names() || matches!(plan, Plan::Asked { .. }));
    }

    /// The names of a text, where they are known; where they could be, they are wanted from now on.
    ///
    /// # Errors
    /// Why nobody can say.
    pub(super) fn names(&self, text: &str) -> Result<&[Found], &'static str> {
        if text.len() > TEXT_MAX {
            return Err("the text is over 24 KiB: too long to be looked through for names");
        }
        match self.answers.names.of(text) {
            Some(Ok(found)) => Ok(found),
            Some(Err(Unread)) => Err("the encoder did not look for names in time"),
            None if !self.open.names_on => Err("names are found by an encoder, and there is none"),
            None => {
                let mut wanted = self.open.named.borrow_mut();
                if wanted.iter().all(|other| other != text) {
                    wanted.push(text.to_owned());
                }
                Err("names were not looked for")
            }
        }
    }

    /// Takes in what a source said that was wanted, and how many nanoseconds that took; what was read without it is forgotten.
    pub fn answer(&mut self, labels: Result<Labels, String>, ns: u64) {
        let Some(index) = self.wanted.take() else { return };
        let set = self.set;
        let Some(Plan::Asked { source, scope, .. }) = set.signals.get(index).map(|signal| &signal.plan)
        else {
            return;
        };
        self.answers.sources.insert((source.clone(), *scope), Answer { labels, ns });
        self.forget(|plan| matches!(plan, Plan::Asked { .. }));
    }

    /// Forgets the signals that were read by some plans.
    fn forget(&mut self, open: impl Fn(&Plan) -> bool) {
        let set = self.set;
        self.done.retain(|(index, ..)| !set.signals.get(*index).is_some_and(|signal| open(&signal.plan)));
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

    /// The vector of a text, where it is known; where it could be, it is wanted from now on.
    pub(super) fn vector(&self, text: &str) -> Option<&[f32]> {
        match self.answers.vectors.get(text) {
            Some(vector) => vector.as_deref(),
            None => {
                let mut wanted = self.open.texts.borrow_mut();
                if self.open.on && !text.trim().is_empty() && wanted.iter().all(|other| other != text) {
                    wanted.push(text.to_owned());
                }
                None
            }
        }
    }

    /// The time of encoding that the signal which is computed now has to answer for.
    pub(super) fn owed(&self, plan: &Plan) -> u64 {
        if plan.reads_vectors() || plan.reads_names() { self.open.owed.take() } else { 0 }
    }

    /// A signal of a source: what it says, and the time that asking took.
    pub(super) fn asked(
        &self,
        index: usize,
        (source, scope): (&str, Scope),
        is: &[Box<str>],
        threshold: f64,
    ) -> (u64, Signal) {
        match self.answers.sources.get(&(source.into(), scope)) {
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
