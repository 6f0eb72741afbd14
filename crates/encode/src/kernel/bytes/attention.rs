//! Attention in bytes: queries, keys and values are quantised, and so are the weights that the softmax gives.

use super::super::math::{ROUND, exp, highest, total};
use super::super::{GROUP, HEAD_MAX, Heads, Simd, TILE, Task, WIDTH};
use super::product::scaled;
use super::{BytePanels, ByteRows};

/// What attention works in; kept from call to call.
#[derive(Debug, Default)]
pub(crate) struct ByteAttentionScratch {
    queries: ByteRows,
    keys: BytePanels,
    values: BytePanels,
    spare: ByteRows,
    scores: Vec<f32>,
    weights: Vec<u8>,
}

/// One attention over all heads.
pub(crate) struct ByteAttention<'a> {
    /// `3 · count · width` numbers a token: queries, keys, values.
    pub(crate) mixed: &'a [f32],
    pub(crate) heads: Heads,
    pub(crate) scratch: &'a mut ByteAttentionScratch,
    /// `count · width` numbers a token.
    pub(crate) out: &'a mut [f32],
}

impl Task for ByteAttention<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let (width, stride) = (self.heads.width, 3 * self.heads.total());
        let count = self.mixed.len() / stride.max(1);
        if count == 0 {
            return;
        }
        let padded = count.next_multiple_of(WIDTH);
        self.scratch.scores.resize(padded, 0.0);
        self.scratch.weights.resize(TILE * padded, 0);
        // The softmax wants queries · keys / √width.
        let factors = [1.0 / (width as f32).sqrt(); HEAD_MAX];
        for head in 0..self.heads.count {
            let first = head * width;
            let shape = (stride, count, width);
            let ByteAttentionScratch { queries, keys, values, spare, .. } = &mut *self.scratch;
            queries.reset(count, width);
            for (index, row) in self.mixed.chunks_exact(stride).enumerate() {
                queries.set(simd, index, &row[first..first + width], &factors[..width]);
            }
            keys.keys(simd, &self.mixed[self.heads.total() + first..], shape, spare);
            values.values(simd, &self.mixed[2 * self.heads.total() + first..], shape);
            let mut row = 0;
            while row < count {
                row += match count - row {
                    TILE.. => self.block::<S, TILE>(simd, first, row, count),
                    4.. => self.block::<S, 4>(simd, first, row, count),
                    _ => self.block::<S, 1>(simd, first, row, count),
                };
            }
        }
    }
}

impl ByteAttention<'_> {
    #[inline(always)]
    fn block<S: Simd, const R: usize>(&mut self, simd: S, first: usize, row: usize, count: usize) -> usize {
        let (width, total) = (self.heads.width, self.heads.total());
        let seen = self.heads.seen(row..row + R, count);
        let base = seen.start / WIDTH * WIDTH;
        let length = seen.end.next_multiple_of(WIDTH) - base;
        let ByteAttentionScratch { queries, keys, values, scores, weights, .. } = &mut *self.scratch;
        scores.resize(R * length, 0.0);
        let mut sums = [[0; WIDTH]; R];
        for (index, panel) in keys.iter().skip(base / WIDTH).take(length / WIDTH).enumerate() {
            simd.byte_tile(&queries.bytes[row * queries.stride..], queries.stride, panel, &mut sums);
            let columns = base + index * WIDTH..base + (index + 1) * WIDTH;
            for (r, sums) in sums.iter().enumerate() {
                let at = r * length + index * WIDTH;
                let found = scaled::<S>(
                    sums,
                    &keys.sums[columns.clone()],
                    &keys.scales[columns.clone()],
                    queries.scales[row + r],
                );
                scores[at..at + WIDTH].copy_from_slice(&found);
            }
        }
        let mut shares = [0.0; R];
        for (r, share) in shares.iter_mut().enumerate() {
            let own = self.heads.seen(row + r..row + r + 1, count);
            let weights = &mut weights[r * length..(r + 1) * length];
            let scores = &mut scores[r * length..(r + 1) * length];
            *share = 1.0 / softmax(simd, scores, own.start - base..own.end - base, weights);
        }
        let steps = base / GROUP..seen.end.div_ceil(GROUP);
        for (index, panel) in values.iter().enumerate() {
            simd.byte_tile(weights, length, &panel[steps.clone()], &mut sums);
            let columns = index * WIDTH..(index + 1) * WIDTH;
            let part = WIDTH.min(width - index * WIDTH);
            for (r, sums) in sums.iter().enumerate() {
                let at = (row + r) * total + first + index * WIDTH;
                let scales = &values.scales[columns.clone()];
                for ((out, sum), scale) in self.out[at..at + part].iter_mut().zip(sums).zip(scales) {
                    *out = *sum as f32 * (scale * shares[r]);
                }
            }
        }
        R
    }
}

/// `weights` become `e^(score - highest)` in parts of [`Simd::LEVELS`] within `own`, 0 elsewhere; returns their sum.
#[inline(always)]
fn softmax<S: Simd>(simd: S, scores: &mut [f32], own: std::ops::Range<usize>, weights: &mut [u8]) -> f32 {
    weights[..own.start].fill(0);
    weights[own.end..].fill(0);
    let (scores, weights) = (&mut scores[own.clone()], &mut weights[own]);
    let most = highest(scores, |x| x);
    for (score, weight) in scores.iter_mut().zip(weights) {
        let shifted = exp(simd, *score - most) * S::LEVELS + ROUND;
        *weight = shifted.to_bits() as u8;
        *score = shifted - ROUND;
    }
    total(scores)
}
