//! Training heads: labelled texts to a [`Head`](crate::head::Head), judged on texts that it has not seen.
//!
//! The grams that tell labels apart are chosen by a likelihood ratio, a multinomial logistic regression is fitted over
//! them by L-BFGS, and the temperature is fitted on predictions for texts that were held out. Everything is repeated
//! inside each fold, the choice of grams included, so that what is reported was predicted by models that never saw the
//! text; texts of one group (repeats, templates, one conversation) are never on both sides.
//!
//! Invariant: the same texts, configuration and seed give the same bytes. Nothing here reads a clock or a file.
//!
//! ```
//! use tollgate_signals::learn::{Config, Example, train};
//! let text = |i: u32| format!("{} {i}", if i % 2 == 0 { "multiply the matrices" } else { "bake a cake" });
//! let rows: Vec<_> = (0..40).map(|i| Example::new(text(i), i as usize % 2)).collect();
//! let labels = ["math".to_owned(), "other".to_owned()];
//! let trained = train(&rows, &labels, &Config { grams: 200, ..Config::default() }, &mut |_| {});
//! assert_eq!(trained.head.classify_text("multiply this matrix").best().0, 0);
//! ```

mod card;
mod fit;
mod folds;
mod lbfgs;
mod logistic;
mod measure;
mod vocabulary;

pub use card::{Sheet, card};
pub use fit::{Step, Trained, apply, train};
pub use folds::fold_of;
pub use measure::{
    Interval, Quality, Reliability, auroc, between_sources, interval, quality, recall_at, reliability,
    spearman,
};

use crate::head::Probe;
use tollgate_core::Seed;

/// Most labelled texts that are trained on at once.
pub const EXAMPLES_MAX: usize = 200_000;
/// Bytes of a text that are read in training: what the first window of the running program reads, four times over.
pub const TEXT_MAX: usize = 4096;

/// One labelled text.
#[derive(Clone, PartialEq, Debug)]
pub struct Example {
    /// The text.
    pub text: String,
    /// Its label; for a soft one that with the larger share.
    pub label: usize,
    /// For a measured quantity between two labels, the share of the second; what is told apart is then how large it is.
    pub share: Option<f32>,
    /// What it counts; 0 where it is only judged and not learned from.
    pub weight: f32,
    /// Texts of one group stand on one side of every split; empty where the text is its own group.
    pub group: String,
    /// Which set it comes from.
    pub source: String,
    /// Its language, where the set says.
    pub language: String,
    /// Its vector, where there is an encoder.
    pub vector: Option<Vec<f32>>,
}

impl Example {
    /// A text that is its own group.
    #[must_use]
    pub fn new(text: impl Into<String>, label: usize) -> Self {
        Self {
            text: text.into(),
            label,
            share: None,
            weight: 1.0,
            group: String::new(),
            source: String::new(),
            language: String::new(),
            vector: None,
        }
    }

    /// From this set.
    #[must_use]
    pub fn from(mut self, source: &str) -> Self {
        source.clone_into(&mut self.source);
        self
    }

    /// The bytes that are read.
    pub(crate) fn read(&self) -> &str {
        crate::text::cut(&self.text, TEXT_MAX)
    }
}

/// How a head is trained.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// The head's name.
    pub name: String,
    /// From which the folds follow.
    pub seed: Seed,
    /// Parts of which each is predicted by a model of the others; at least two.
    pub folds: usize,
    /// Most grams that are kept.
    pub grams: usize,
    /// Fewest texts that a gram must occur in.
    pub least: usize,
    /// Strength of the n-gram side's fit against its penalty: the penalty is `|w|² / (2 · strength · n)`.
    pub strength: f64,
    /// The same for the vector side.
    pub vector_strength: f64,
    /// Whether what the vector side counts beside n-grams is fitted, on predictions for texts that were held out; else a half.
    pub pooled: bool,
    /// Whether rare labels count as much as frequent ones.
    pub balanced: bool,
    /// Whether the look of a text as a whole is read.
    pub surface: bool,
    /// The encoder of the examples' vectors; empty where they have none.
    pub encoder: String,
    /// What that encoder is known by.
    pub probe: Probe,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "head".into(),
            seed: Seed(1),
            folds: 5,
            grams: 8192,
            least: 2,
            strength: 10.0,
            vector_strength: 10.0,
            pooled: false,
            balanced: false,
            surface: false,
            encoder: String::new(),
            probe: Probe::default(),
        }
    }
}
