//! Trained heads: a text, and where there is an encoder its vector, to the probability of every label.
//!
//! A head is a linear model of a few KB to a few tens of KB. Its n-gram side counts hashed words, pairs of words and
//! runs of characters ([`Grams`]); its vector side reads the one embedding that all heads share. Each side has its own
//! temperature, fitted on texts that it was not trained on, so that its probabilities mean what they say; where both
//! can be asked the mean of the two is the answer, and without an encoder the n-gram side answers alone.
//!
//! Invariants: an answer is a distribution (finite, sums to 1); the same bytes give the same head on every machine; a
//! file is read within fixed bounds, or refused with what is wrong with it.
//!
//! ```
//! use tollgate_signals::head::{Grams, shipped};
//! let head = shipped("domain").unwrap();
//! let found = head.classify(&Grams::of("Let A be an n by n matrix with real eigenvalues. Prove that the polynomial has a root."), None);
//! assert_eq!(head.labels()[found.best().0], "math");
//! ```

mod file;
mod grams;
mod model;
mod shipped;
mod side;
mod windows;

pub use file::HeadError;
pub use grams::{BUCKETS, Grams};
pub use model::{Card, Head, Scores};
pub use shipped::{SHIPPED, reads_vectors_of, shipped};
pub use side::{GramSide, PROBE, Probe, VectorSide};
pub use windows::windows;

/// Most labels of a head.
pub const LABELS_MAX: usize = 64;
/// Most n-grams of a head.
pub const GRAMS_MAX: usize = 65_535;
/// Largest vector that a head reads.
pub const DIMS_MAX: usize = 4096;
