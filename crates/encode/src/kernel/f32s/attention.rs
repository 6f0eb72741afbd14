//! Attention of one sequence: `softmax(queries · keysᵀ / √width) · values`, head by head (Vaswani et al. 2017).

use super::super::math::{exp, highest, total};
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

impl Attention<'_> {
    #[inline(always)]
    fn block<S: Simd, const R: usize>(&mut self, simd: S, first: usize, row: usize, count: usize) -> usize {
        let (width, total) = (self.heads.width, self.heads.total());
        let seen = self.heads.seen(row..row + R, count);
        // Whole panels of keys; what lies beside `seen` is masked.
        let base = seen.start / WIDTH * WIDTH;
        let length = seen.end.next_multiple_of(WIDTH) - base;
        let AttentionScratch { keys, values, scores } = &mut *self.scratch;
        let mut sums = [[0.0; WIDTH]; R];
        let panels = keys.iter().skip(base / WIDTH).take(length / WIDTH);
        for (index, panel) in panels.enumerate() {
            simd.tile(&self.mixed[row * 3 * total + first..], 3 * total, panel, &mut sums);
            for (r, sums) in sums.iter().enumerate() {
                let at = r * length + index * WIDTH;
                scores[at..at + WIDTH].copy_from_slice(sums);
            }
        }
        let scale = 1.0 / (width as f32).sqrt();
        let mut weights = [0.0; R];
        for (r, weight) in weights.iter_mut().enumerate() {
            let own = self.heads.seen(row + r..row + r + 1, count);
            let scores = &mut scores[r * length..(r + 1) * length];
            *weight = 1.0 / softmax(simd, scores, own.start - base..own.end - base, scale);
        }
        let inner = seen.start - base..seen.end - base;
        for (index, panel) in values.iter().enumerate() {
            simd.tile(&scores[inner.start..], length, &panel[seen.clone()], &mut sums);
            for (r, sums) in sums.iter().enumerate() {
                let at = (row + r) * total + first + index * WIDTH;
                let part = WIDTH.min(width - index * WIDTH);
                for (out, sum) in self.out[at..at + part].iter_mut().zip(sums) {
                    *out = sum * weights[r];
                }
            }
        }
        R
    }
}

/// Scores within `own` become `e^(scale · (score - highest))`, all others 0; returns their sum.
#[inline(always)]
fn softmax<S: Simd>(simd: S, scores: &mut [f32], own: std::ops::Range<usize>, scale: f32) -> f32 {
    scores[..own.start].fill(0.0);
    scores[own.end..].fill(0.0);
    let scores = &mut scores[own];
    let most = highest(scores, |x| x);
    for score in scores.iter_mut() {
        *score = exp(simd, (*score - most) * scale);
    }
    total(scores)
}
