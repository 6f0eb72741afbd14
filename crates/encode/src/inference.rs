//! Whether one text follows from another: a classifier of pairs that was trained on natural language inference.
//!
//! A premise that is longer than the model reads is read in windows. What follows from one of them follows from the whole, and what
//! one of them contradicts is contradicted; so each probability is the highest of any window.

use crate::tokenize::Token;
use crate::{Card, Classifier, EncodeError, Windows};

/// Most windows of a premise that [`Inference::judge`] reads: each is a pass of the model.
const WINDOWS_MAX: usize = 32;

/// What is said of a premise and a hypothesis.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Inferred {
    /// Probability that the hypothesis follows from the premise.
    pub entailment: f32,
    /// Probability that the premise says otherwise; 0 where the model does not tell that from saying nothing.
    pub contradiction: f32,
}

impl Inferred {
    /// Entailment of what is either entailed or contradicted: how a model of inference tells whether a label fits a text (Yin et al.
    /// 2019), as silence on it is no reason against it.
    #[must_use]
    pub fn lean(self) -> f32 {
        let said = self.entailment + self.contradiction;
        if said > 0.0 { self.entailment / said } else { 0.0 }
    }
}

/// See the module.
pub struct Inference {
    classifier: Classifier,
    entails: usize,
    contradicts: Option<usize>,
}

impl Inference {
    /// A classifier one of whose labels begins with `entail`, and one with `contradict` where it has three; letter case does not
    /// count.
    ///
    /// # Errors
    /// [`EncodeError::Unsupported`] when it has no such label.
    pub fn of(classifier: Classifier) -> Result<Self, EncodeError> {
        let starts = |word: &str| {
            let like = |label: &String| label.to_lowercase().starts_with(word);
            classifier.labels().iter().position(like)
        };
        let (entails, contradicts) = (starts("entail"), starts("contradict"));
        let Some(entails) = entails else {
            let labels = classifier.labels().join(", ");
            let problem = format!("the labels {labels}; inference has one that begins with entail");
            return Err(EncodeError::unsupported(&classifier.card().name, problem));
        };
        Ok(Self { classifier, entails, contradicts })
    }

    /// What the classifier is.
    #[must_use]
    pub fn card(&self) -> &Card {
        self.classifier.card()
    }

    /// Whether `hypothesis` follows from `premise`: the highest probabilities of any of 32 windows, which have gaps where the premise
    /// is longer; 0 where either has no token.
    #[must_use]
    pub fn judge(&self, premise: &str, hypothesis: &str) -> Inferred {
        let higher = |most: Inferred, found: Inferred| Inferred {
            entailment: most.entailment.max(found.entailment),
            contradiction: most.contradiction.max(found.contradiction),
        };
        self.windows(premise, hypothesis, WINDOWS_MAX).into_iter().fold(Inferred::default(), higher)
    }

    /// What is said in each window of `premise`, at most `most` and then with gaps between them, of `hypothesis`, of which as much is
    /// read as is half of what the model reads; none where either has no token.
    #[must_use]
    pub fn windows(&self, premise: &str, hypothesis: &str, most: usize) -> Vec<Inferred> {
        let body = &self.classifier.body;
        let room = body.room_of_pair();
        let hypothesis = body.tokens(hypothesis, room / 2);
        if hypothesis.is_empty() {
            return Vec::new();
        }
        let premise = body.all_tokens(premise);
        let tokens = room - hypothesis.len();
        let windows = Windows { tokens, overlap: tokens / 4, most };
        let one = |window| self.window(premise.get(window).unwrap_or_default(), &hypothesis);
        windows.ranges(premise.len()).into_iter().map(one).collect()
    }

    fn window(&self, premise: &[Token], hypothesis: &[Token]) -> Inferred {
        let shares = self.classifier.probabilities(&self.classifier.of_pair(premise, hypothesis));
        let share = |at: usize| shares.get(at).copied().unwrap_or_default();
        Inferred { entailment: share(self.entails), contradiction: self.contradicts.map_or(0.0, share) }
    }
}
