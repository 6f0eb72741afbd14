//! Attention in bytes: queries, keys and values are quantised, and so are the weights that the softmax gives.

use super::super::math::{ROUND, exp, highest, sum};
use super::super::tiles::{Tiled, each_tile};
use super::super::{GROUP, HEAD_MAX, Heads, Simd, TILE, Task, WIDTH};
use super::{BytePanels, ByteRows};

/// No bias, and no offset.
const NOTHING: ([f32; WIDTH], [i32; WIDTH]) = ([0.0; WIDTH], [0; WIDTH]);

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
        self.scratch.scores.resize(TILE * padded, 0.0);
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
            each_tile(simd, count, &mut Head { attention: &mut self, first, count });
        }
    }
}

/// One head, whose numbers begin at `first` of a row.
struct Head<'a, 'b> {
    attention: &'a mut ByteAttention<'b>,
    first: usize,
    count: usize,
}

impl Tiled for Head<'_, '_> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize>(&mut self, simd: S, row: usize) {
        let (heads, first) = (self.attention.heads, self.first);
        let (width, total) = (heads.width, heads.total());
        let seen = heads.seen(row..row + R, self.count);
        let base = seen.start / WIDTH * WIDTH;
        let length = seen.end.next_multiple_of(WIDTH) - base;
        let ByteAttentionScratch { queries, keys, values, scores, weights, .. } =
            &mut *self.attention.scratch;
        let mut sums = [[0; WIDTH]; R];
        for index in 0..length / WIDTH {
            let panel = base / WIDTH + index;
            let rows = &queries.bytes[row * queries.stride..];
            simd.byte_tile(rows, queries.stride, keys.panel(panel), &mut sums);
            let (offsets, scales) = keys.columns(panel);
            for (r, sums) in sums.iter().enumerate() {
                let found = &mut scores[r * length..(r + 1) * length].as_chunks_mut().0[index];
                simd.scaled((sums, offsets), (scales, queries.scales[row + r]), &NOTHING.0, found);
            }
        }
        let mut shares = [0.0; R];
        for (r, share) in shares.iter_mut().enumerate() {
            let own = heads.seen(row + r..row + r + 1, self.count);
            let weights = &mut weights[r * length..(r + 1) * length];
            let scores = &mut scores[r * length..(r + 1) * length];
            *share = 1.0 / softmax(simd, scores, own.start - base..own.end - base, weights);
        }
        let steps = base / GROUP..seen.end.div_ceil(GROUP);
        for index in 0..width.div_ceil(WIDTH) {
            simd.byte_tile(weights, length, &values.panel(index)[steps.clone()], &mut sums);
            let (_, scales) = values.columns(index);
            let part = WIDTH.min(width - index * WIDTH);
            for ((r, sums), share) in sums.iter().enumerate().zip(&shares) {
                let at = (row + r) * total + first + index * WIDTH;
                let out = &mut self.attention.out[at..at + part];
                let mut spare = [0.0; WIDTH];
                let whole = out.len() == WIDTH;
                let found = out.first_chunk_mut().unwrap_or(&mut spare);
                // Weights of a softmax are what they are, without an offset.
                simd.scaled((sums, &NOTHING.1), (scales, *share), &NOTHING.0, found);
                if !whole {
                    out.copy_from_slice(&spare[..part]);
                }
            }
        }
    }
}

/// `weights` become `e^(score - highest)` in parts of [`Simd::LEVELS`] within `own`, 0 elsewhere; returns their sum.
#[inline(always)]
fn softmax<S: Simd>(simd: S, scores: &mut [f32], own: std::ops::Range<usize>, weights: &mut [u8]) -> f32 {
    weights[..own.start].fill(0);
    weights[own.end..].fill(0);
    let (scores, weights) = (&mut scores[own.clone()], &mut weights[own]);
    let most = highest(simd, scores);
    for (score, weight) in scores.iter_mut().zip(weights) {
        let shifted = exp(simd, *score - most) * S::LEVELS + ROUND;
        *weight = shifted.to_bits() as u8;
        *score = shifted - ROUND;
    }
    sum(simd, scores, |x| x)
}
