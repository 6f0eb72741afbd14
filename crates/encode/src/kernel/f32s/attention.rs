//! Attention of one sequence: `softmax(queries · keysᵀ / √width) · values`, head by head (Vaswani et al. 2017).

use super::super::math::{exp, highest, sum};
use super::super::tiles::{Tiled, each_tile};
use super::super::{Heads, Simd, TILE, Task, WIDTH};
use super::Panels;

/// What attention works in; kept from call to call.
#[derive(Debug, Default)]
pub(crate) struct AttentionScratch {
    keys: Panels,
    values: Panels,
    scores: Vec<f32>,
}

/// One attention over all heads.
pub(crate) struct Attention<'a> {
    /// `3 · count · width` numbers a token.
    pub(crate) mixed: &'a [f32],
    pub(crate) heads: Heads,
    pub(crate) scratch: &'a mut AttentionScratch,
    /// `count · width` numbers a token.
    pub(crate) out: &'a mut [f32],
}

impl Task for Attention<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let (width, total) = (self.heads.width, self.heads.total());
        let stride = 3 * total;
        let count = self.mixed.len() / stride.max(1);
        if count == 0 {
            return;
        }
        self.scratch.scores.resize(TILE * count.next_multiple_of(WIDTH), 0.0);
        for head in 0..self.heads.count {
            let first = head * width;
            self.scratch.keys.transpose(&self.mixed[total + first..], stride, count, width);
            self.scratch.values.copy(&self.mixed[2 * total + first..], stride, width, count);
            each_tile(simd, count, &mut Head { attention: &mut self, first, count });
        }
    }
}

/// One head, whose numbers begin at `first` of a row.
struct Head<'a, 'b> {
    attention: &'a mut Attention<'b>,
    first: usize,
    count: usize,
}

impl Tiled for Head<'_, '_> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize>(&mut self, simd: S, row: usize) {
        let Attention { mixed, heads, scratch, out } = &mut *self.attention;
        let (first, width, total) = (self.first, heads.width, heads.total());
        let seen = heads.seen(row..row + R, self.count);
        // Whole panels of keys; what lies beside `seen` is masked.
        let base = seen.start / WIDTH * WIDTH;
        let length = seen.end.next_multiple_of(WIDTH) - base;
        let AttentionScratch { keys, values, scores } = &mut **scratch;
        for index in 0..length / WIDTH {
            let mut sums = [[0.0; WIDTH]; R];
            let rows = &mixed[row * 3 * total + first..];
            simd.tile(rows, 3 * total, keys.panel(base / WIDTH + index), &mut sums);
            for (r, sums) in sums.iter().enumerate() {
                let at = r * length + index * WIDTH;
                scores[at..at + WIDTH].copy_from_slice(sums);
            }
        }
        let scale = 1.0 / (width as f32).sqrt();
        let mut weights = [0.0; R];
        for (r, weight) in weights.iter_mut().enumerate() {
            let own = heads.seen(row + r..row + r + 1, self.count);
            let scores = &mut scores[r * length..(r + 1) * length];
            *weight = 1.0 / softmax(simd, scores, own.start - base..own.end - base, scale);
        }
        let inner = seen.start - base;
        for index in 0..width.div_ceil(WIDTH) {
            let mut sums = [[0.0; WIDTH]; R];
            simd.tile(&scores[inner..], length, &values.panel(index)[seen.clone()], &mut sums);
            for (r, sums) in sums.iter().enumerate() {
                let at = (row + r) * total + first + index * WIDTH;
                let part = WIDTH.min(width - index * WIDTH);
                for (out, sum) in out[at..at + part].iter_mut().zip(sums) {
                    *out = sum * weights[r];
                }
            }
        }
    }
}

/// Scores within `own` become `e^(scale · (score - highest))`, all others 0; returns their sum.
#[inline(always)]
fn softmax<S: Simd>(simd: S, scores: &mut [f32], own: std::ops::Range<usize>, scale: f32) -> f32 {
    scores[..own.start].fill(0.0);
    scores[own.end..].fill(0.0);
    let scores = &mut scores[own];
    let most = highest(simd, scores);
    for score in scores.iter_mut() {
        *score = exp(simd, (*score - most) * scale);
    }
    sum(simd, scores, |x| x)
}
