//! Work on whole rows: layer norms, and gates.

use super::math::sum;
use super::{Activation, Simd, Task};

/// Scale, shift and ε of a layer norm (Ba et al. 2016). No `shift` is a shift of 0.
#[derive(Debug)]
pub(crate) struct Norm {
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
    pub(crate) epsilon: f32,
}

impl Norm {
    #[inline(always)]
    fn apply<S: Simd>(&self, simd: S, row: &mut [f32]) {
        let count = row.len() as f32;
        let mean = sum(simd, row, |x| x) / count;
        let variance = sum(simd, row, |x| (x - mean) * (x - mean)) / count;
        let factor = 1.0 / (variance + self.epsilon).sqrt();
        for (x, scale) in row.iter_mut().zip(&self.scale) {
            *x = (*x - mean) * factor * scale;
        }
        for (x, shift) in row.iter_mut().zip(&self.shift) {
            *x += shift;
        }
    }
}

/// `rows = norm(rows + added)`, row by row; an empty `added` adds nothing.
pub(crate) struct AddNorm<'a> {
    pub(crate) rows: &'a mut [f32],
    pub(crate) added: &'a [f32],
    pub(crate) norm: &'a Norm,
}

impl Task for AddNorm<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.norm.scale.len().max(1);
        for (x, added) in self.rows.iter_mut().zip(self.added) {
            *x += added;
        }
        for row in self.rows.chunks_exact_mut(width) {
            self.norm.apply(simd, row);
        }
    }
}

/// `out = activation(first half) · second half` of each row (a gated linear unit, Shazeer 2020).
pub(crate) struct Gate<'a> {
    /// Rows of twice `width` numbers; the first halves are overwritten.
    pub(crate) rows: &'a mut [f32],
    pub(crate) width: usize,
    pub(crate) activation: Activation,
    pub(crate) out: &'a mut [f32],
}

impl Task for Gate<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.width.max(1);
        for (row, out) in self.rows.chunks_exact_mut(2 * width).zip(self.out.chunks_exact_mut(width)) {
            let (first, second) = row.split_at_mut(width);
            self.activation.apply(simd, first);
            for ((out, x), gate) in out.iter_mut().zip(&*first).zip(&*second) {
                *out = x * gate;
            }
        }
    }
}
