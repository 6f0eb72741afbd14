//! Classifiers of whole texts: a model with context, a small head on what its pooling gives, and a probability for each label.
//!
//! Trained classifiers are too sure of themselves; dividing their logits by a temperature that is fitted on texts they have not
//! seen repairs most of it (Guo et al. 2017) and changes no ranking.

use crate::contextual::{Contextual, Pooling};
use crate::kernel::{Activation, AddNorm, ByteRows, Kernel, Norm};
use crate::linear::Linear;
use crate::tokenize::Token;
use crate::{Card, EncodeError, Windows};
use std::ops::Range;

/// Temperatures beyond these are a fault of whoever fitted them.
const TEMPERATURES: Range<f32> = 0.01..100.0;

/// Texts to probabilities of labels. Pure, as an encoder is.
pub struct Classifier {
    pub(crate) body: Contextual,
    pub(crate) pooling: Pooling,
    pub(crate) head: Head,
    pub(crate) card: Card,
    pub(crate) labels: Vec<String>,
    /// Whether each label has a probability of its own, instead of all sharing one.
    pub(crate) each: bool,
    pub(crate) temperature: f32,
}

/// What stands on states: of a text that was pooled, or of each token.
pub(crate) struct Head {
    /// What comes before the last layer.
    pub(crate) dense: Option<(Linear, Form)>,
    pub(crate) classify: Linear,
    pub(crate) kernel: Kernel,
}

/// How the dense layer's outputs go on.
pub(crate) enum Form {
    /// BERT's pooler.
    Tanh,
    /// ModernBERT's head.
    Normed(Activation, Norm),
}

impl Head {
    /// The logits of each of `states`, row by row.
    pub(crate) fn logits(&self, mut states: Vec<f32>) -> Vec<f32> {
        let (mut bytes, mut out) = (ByteRows::default(), Vec::new());
        if let Some((dense, form)) = &self.dense {
            let activation = match form {
                Form::Tanh => Activation::None,
                Form::Normed(activation, _) => *activation,
            };
            dense.apply(self.kernel, &states, activation, (&mut bytes, &mut out));
            states.clone_from(&out);
            match form {
                Form::Tanh => states.iter_mut().for_each(|x| *x = x.tanh()),
                Form::Normed(_, norm) => self.kernel.run(AddNorm { rows: &mut states, added: &[], norm }),
            }
        }
        self.classify.apply(self.kernel, &states, Activation::None, (&mut bytes, &mut out));
        out
    }
}

impl Classifier {
    /// What it is: the digest is that of body, head and temperature, `dims` the number of labels.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The labels, in the order of everything else here.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// What logits are divided by.
    #[must_use]
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// The probability of each label of `text`, of which [`Card::max_tokens`] are read: they add up to 1, or each stands alone
    /// where a text may have several (`problem_type` multi_label_classification) or there is only one.
    #[must_use]
    pub fn classify(&self, text: &str) -> Vec<f32> {
        self.probabilities(&self.logits(text))
    }

    /// What [`Self::classify`] makes probabilities of; what a temperature is fitted on.
    #[must_use]
    pub fn logits(&self, text: &str) -> Vec<f32> {
        self.of(&self.body.tokens(text, self.body.room()))
    }

    /// The same for windows over the whole of `text`: the bytes of each, and its probabilities.
    #[must_use]
    pub fn classify_windows(&self, text: &str, windows: Windows) -> Vec<(Range<usize>, Vec<f32>)> {
        let cut = self.body.windows(text, windows);
        cut.into_iter().map(|(bytes, tokens)| (bytes, self.probabilities(&self.of(&tokens)))).collect()
    }

    /// What [`Self::classify`] makes of two texts, such as a question and its answer: `[CLS] first [SEP] second [SEP]`, the second
    /// with token types of its own where the model tells them apart. Where they are too long together, the longer one is cut first.
    #[must_use]
    pub fn classify_pair(&self, first: &str, second: &str) -> Vec<f32> {
        self.probabilities(&self.logits_of_pair(first, second))
    }

    /// What [`Self::classify_pair`] makes probabilities of.
    #[must_use]
    pub fn logits_of_pair(&self, first: &str, second: &str) -> Vec<f32> {
        let room = self.body.room_of_pair();
        let (first, second) = (self.body.tokens(first, room), self.body.tokens(second, room));
        let (kept, kept_of_second) = cut_longest(first.len(), second.len(), room);
        self.of_pair(first.get(..kept).unwrap_or_default(), second.get(..kept_of_second).unwrap_or_default())
    }

    pub(crate) fn of_pair(&self, first: &[Token], second: &[Token]) -> Vec<f32> {
        self.head.logits(self.body.pooled_pair(first, second, self.pooling))
    }

    fn of(&self, tokens: &[Token]) -> Vec<f32> {
        self.head.logits(self.body.pooled(tokens, self.pooling))
    }

    pub(crate) fn probabilities(&self, logits: &[f32]) -> Vec<f32> {
        match self.each {
            true => logits.iter().map(|x| 1.0 / (1.0 + (-x / self.temperature).exp())).collect(),
            false => softmax(logits, self.temperature),
        }
    }
}

/// How much is kept of two texts that have room for `room` tokens together: the longer one is cut to the length of the other, and
/// both evenly from there on.
fn cut_longest(first: usize, second: usize, room: usize) -> (usize, usize) {
    if first + second <= room {
        return (first, second);
    }
    let (short, half) = (first.min(second), room / 2);
    let (short, long) = if short <= half { (short, room - short) } else { (half, room - half) };
    if first <= second { (short, long) } else { (long, short) }
}

pub(crate) fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let parts: Vec<f32> = logits.iter().map(|x| ((x - most) / temperature).exp()).collect();
    let sum: f32 = parts.iter().sum();
    parts.into_iter().map(|part| part / sum).collect()
}

/// Refuses a temperature that no fit gives; `place` is how errors call where it stands.
pub(crate) fn checked(place: &str, temperature: f32) -> Result<f32, EncodeError> {
    match TEMPERATURES.contains(&temperature) {
        true => Ok(temperature),
        false => Err(EncodeError::format(
            place,
            format!(
                "temperature is {temperature}; it lies between {} and {}",
                TEMPERATURES.start, TEMPERATURES.end
            ),
        )),
    }
}

/// The temperature at which the softmax of `logits` finds the true labels least surprising: least mean of `-ln p`, by golden
/// section over its logarithm, as the loss has one valley. Rows whose label is no index count for nothing; 1 where there are
/// none.
#[must_use]
pub fn fit_temperature(rows: &[(Vec<f32>, usize)]) -> f32 {
    let loss = |log: f64| -> f64 {
        let temperature = log.exp();
        let surprise = |(logits, label): &(Vec<f32>, usize)| {
            let own = f64::from(*logits.get(*label)?);
            let parts = logits.iter().map(|x| ((f64::from(*x) - own) / temperature).exp());
            Some(parts.sum::<f64>().ln().min(1e6))
        };
        rows.iter().filter_map(surprise).sum()
    };
    if !rows.iter().any(|(logits, label)| *label < logits.len()) {
        return 1.0;
    }
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (f64::from(TEMPERATURES.start).ln(), f64::from(TEMPERATURES.end).ln());
    for _ in 0..60 {
        let (left, right) = (high - ratio * (high - low), low + ratio * (high - low));
        if loss(left) <= loss(right) { high = right } else { low = left }
    }
    (((low + high) / 2.0).exp() as f32).clamp(TEMPERATURES.start, TEMPERATURES.end * 0.999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_of_two_texts_is_cut_first() {
        let cases =
            [((3, 4, 10), (3, 4)), ((3, 40, 10), (3, 7)), ((40, 3, 10), (7, 3)), ((40, 50, 11), (5, 6))];
        for ((first, second, room), kept) in cases {
            assert_eq!(cut_longest(first, second, room), kept);
        }
        assert_eq!((cut_longest(50, 40, 11), cut_longest(9, 9, 0)), ((6, 5), (0, 0)));
    }

    /// Labels drawn as often as a softmax at temperature 2 says, so that 2 is what fits best.
    #[test]
    fn the_temperature_that_made_the_labels_is_found() {
        let mut rows = Vec::new();
        for step in 0..40 {
            let logits = vec![step as f32 / 5.0, 0.0, -1.0];
            for (label, share) in softmax(&logits, 2.0).into_iter().enumerate() {
                rows.extend(std::iter::repeat_n((logits.clone(), label), (share * 1000.0).round() as usize));
            }
        }
        let found = fit_temperature(&rows);
        assert!((found - 2.0).abs() < 0.02, "{found}");
        assert_eq!(fit_temperature(&[(vec![1.0], 4)]), 1.0);
        assert!(checked("x", fit_temperature(&[(vec![5.0, 0.0], 0)])).is_ok());
        assert!(checked("x", 0.0).is_err() && checked("x", f32::NAN).is_err());
    }
}
