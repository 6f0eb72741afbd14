//! A head and its answers.

use super::Grams;
use super::side::{GramSide, VectorSide};
use serde::{Deserialize, Serialize};

/// Where a head comes from: enough to make it again.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// What it tells.
    pub name: String,
    /// From which everything drawn followed.
    pub seed: u64,
    /// Digest of the texts and labels, in order.
    pub data: String,
    /// How many there were.
    pub rows: u64,
    /// The sets they came from.
    #[serde(default)]
    pub sources: Vec<String>,
}

/// A trained head.
#[derive(Clone, PartialEq, Debug)]
pub struct Head {
    pub(super) card: Card,
    pub(super) labels: Vec<String>,
    pub(super) grams: Option<GramSide>,
    pub(super) vector: Option<VectorSide>,
}

/// The probability of every label, in the head's order.
#[derive(Clone, PartialEq, Debug)]
pub struct Scores(pub Vec<f32>);

impl Scores {
    /// The likeliest label and its probability; of equals the first.
    #[must_use]
    pub fn best(&self) -> (usize, f32) {
        let mut best = (0, 0.0);
        for (at, value) in self.0.iter().enumerate() {
            if *value > best.1 {
                best = (at, *value);
            }
        }
        best
    }

    /// The probability of one label; 0 for one that the head does not know.
    #[must_use]
    pub fn of(&self, label: usize) -> f32 {
        self.0.get(label).copied().unwrap_or(0.0)
    }

    /// The mean of two: of their logarithms, so that one side that is sure counts more than one that is not (a logarithmic
    /// opinion pool, Heskes 1998).
    #[must_use]
    pub fn mean(&self, other: &Self) -> Self {
        self.pool(other, 0.5)
    }

    /// The same where the other counts for this share of the whole, in [0, 1].
    #[must_use]
    pub fn pool(&self, other: &Self, share: f32) -> Self {
        let log = |value: &f32| value.max(f32::MIN_POSITIVE).ln();
        let logs = |(a, b): (&f32, &f32)| (1.0 - share) * log(a) + share * log(b);
        Self::softmax(&self.0.iter().zip(&other.0).map(logs).collect::<Vec<_>>())
    }

    /// Softmax of sums.
    #[must_use]
    pub fn softmax(sums: &[f32]) -> Self {
        let top = sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let raised: Vec<f32> = sums.iter().map(|sum| (sum - top).exp()).collect();
        let total: f32 = raised.iter().sum();
        Self(raised.iter().map(|value| value / total).collect())
    }
}

impl Head {
    /// A head of one side or two.
    #[must_use]
    pub const fn new(
        card: Card,
        labels: Vec<String>,
        grams: Option<GramSide>,
        vector: Option<VectorSide>,
    ) -> Self {
        Self { card, labels, grams, vector }
    }

    /// Where it comes from.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.card
    }

    /// Its labels.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The place of a label.
    #[must_use]
    pub fn label(&self, label: &str) -> Option<usize> {
        self.labels.iter().position(|known| known == label)
    }

    /// Its n-gram side.
    #[must_use]
    pub const fn grams(&self) -> Option<&GramSide> {
        self.grams.as_ref()
    }

    /// Its vector side.
    #[must_use]
    pub const fn vector(&self) -> Option<&VectorSide> {
        self.vector.as_ref()
    }

    /// The probability of every label. A vector of another length than the head's is not read; with neither side to ask
    /// every label is as likely.
    #[must_use]
    pub fn classify(&self, grams: &Grams, vector: Option<&[f32]>) -> Scores {
        let by_grams = self.grams.as_ref().map(|side| Scores::softmax(&side.logits(grams)));
        let share = self.vector.as_ref().map_or(0.5, VectorSide::share);
        match (by_grams, vector.and_then(|vector| self.by_vector(vector))) {
            (Some(one), Some(other)) => one.pool(&other, share),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => Scores(vec![1.0 / self.labels.len().max(1) as f32; self.labels.len()]),
        }
    }

    /// What the vector side alone says; none where the head has no such side, or for a vector of another length.
    #[must_use]
    pub fn by_vector(&self, vector: &[f32]) -> Option<Scores> {
        let side = self.vector.as_ref().filter(|side| vector.len() == side.dims())?;
        Some(Scores::softmax(&side.logits(vector)))
    }

    /// The grams of a text as this head reads them.
    #[must_use]
    pub fn read(&self, text: &str) -> Grams {
        let grams = Grams::of(text);
        if self.grams.as_ref().is_some_and(GramSide::surface) { grams.with_surface(text) } else { grams }
    }

    /// The probability of every label, for a text as a whole and without a vector.
    #[must_use]
    pub fn classify_text(&self, text: &str) -> Scores {
        self.classify(&self.read(text), None)
    }
}
