//! What every encoder answers, whatever computes it.

use crate::EncodeError;
use std::ops::Range;
use tollgate_core::Digest;

/// What an encoder is: two encoders with equal cards give comparable vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The name given to it, usually its folder's.
    pub name: String,
    /// Digest of the weights and vocabulary that were loaded, and of how they are computed.
    pub digest: Digest,
    /// Length of each vector.
    pub dims: usize,
    /// Most tokens read of one text, special tokens included; what follows is not read.
    pub max_tokens: usize,
    /// Arithmetic and kernel, such as `int8 avx512-vnni`.
    pub kernel: String,
}

/// How a long text is cut into windows that overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Most tokens of a window, special tokens not counted; at least 1.
    pub tokens: usize,
    /// Tokens that a window shares with the one before; less than `tokens`.
    pub overlap: usize,
    /// Most windows. When a text has more, first and last are kept and the others spread evenly between them.
    pub most: usize,
}

/// One window of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The bytes of the text that it covers.
    pub bytes: Range<usize>,
    /// Its vector, of length 1.
    pub vector: Vec<f32>,
}

/// The last hidden state of each token of a text, without the special tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenStates {
    /// The bytes of the text that each token stands for.
    pub spans: Vec<Range<usize>>,
    /// `spans.len()` rows of `dims` numbers.
    pub states: Vec<f32>,
    /// Length of a row.
    pub dims: usize,
}

/// Texts to vectors of length 1. Pure: the same text gives the same vector.
pub trait TextEncoder: Send + Sync {
    /// What this encoder is.
    fn card(&self) -> &Card;

    /// The vector of `text`: [`Card::dims`] numbers with Euclidean norm 1 (all zero when a text has no token).
    fn embed(&self, text: &str) -> Vec<f32>;

    /// The vectors of `texts`, in order.
    fn embed_all(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        texts.iter().map(|text| self.embed(text)).collect()
    }

    /// The vectors of overlapping windows over the whole of `text`; empty when it has no token.
    fn embed_windows(&self, text: &str, windows: Windows) -> Vec<Window>;

    /// How many tokens `text` has, special tokens included, as if no limit held.
    fn count_tokens(&self, text: &str) -> usize;

    /// Hidden states for heads that label tokens.
    ///
    /// # Errors
    /// [`EncodeError::Unsupported`] where the encoder has no context for a token (static vectors).
    fn token_states(&self, text: &str) -> Result<TokenStates, EncodeError>;
}

impl Windows {
    /// The token ranges of the windows over `count` tokens: they cover all of them unless `most` is reached.
    #[must_use]
    pub fn ranges(&self, count: usize) -> Vec<Range<usize>> {
        let size = self.tokens.max(1);
        let step = size.saturating_sub(self.overlap).max(1);
        if count == 0 || self.most == 0 {
            return Vec::new();
        }
        let total = count.saturating_sub(size).div_ceil(step) + 1;
        let kept = total.min(self.most);
        let window = |index: usize| {
            // The last one ends at the end, so that no window is a stub.
            let start = (index * step).min(count.saturating_sub(size));
            start..(start + size).min(count)
        };
        if kept == 1 {
            return vec![window(0)];
        }
        (0..kept).map(|i| window(i * (total - 1) / (kept - 1))).collect()
    }
}

/// Scales `vector` to length 1; a vector of zeros stays, and one whose length is no finite number becomes one: it is like nothing.
pub fn normalise(vector: &mut [f32]) {
    let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    if !norm.is_finite() {
        vector.fill(0.0);
    } else if norm > 0.0 {
        for value in vector {
            *value /= norm;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_length_is_like_nothing() {
        for odd in [f32::NAN, f32::INFINITY, 1e30] {
            let mut vector = [1.0, odd, -2.0];
            normalise(&mut vector);
            assert_eq!(vector, [0.0; 3], "{odd}");
        }
        let mut vector = [3.0, 0.0, 4.0];
        normalise(&mut vector);
        assert_eq!(vector, [0.6, 0.0, 0.8]);
    }

    #[test]
    fn windows_cover_everything_and_end_at_the_end() {
        for count in 1..70 {
            for (tokens, overlap) in [(1, 0), (8, 2), (10, 9), (16, 20)] {
                let ranges = Windows { tokens, overlap, most: 1000 }.ranges(count);
                let mut reached = 0;
                for range in &ranges {
                    assert!(range.start <= reached && range.len() <= tokens, "{count} {tokens} {ranges:?}");
                    reached = range.end;
                }
                assert_eq!(reached, count);
            }
        }
    }

    #[test]
    fn a_bound_keeps_first_and_last_and_spreads_the_rest() {
        let ranges = Windows { tokens: 10, overlap: 0, most: 3 }.ranges(95);
        assert_eq!(ranges, [0..10, 40..50, 85..95]);
        assert_eq!(Windows { tokens: 10, overlap: 0, most: 1 }.ranges(95), vec![0..10]);
        assert!(Windows { tokens: 10, overlap: 0, most: 0 }.ranges(95).is_empty());
    }
}
