//! Small pieces of arithmetic on ragged buffers, forward and backward.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

/// `out = a · b + keep · out`, with `a` of `rows` rows and `out` of `columns` columns.
pub(super) fn product(a: &[f32], b: &[f32], out: &mut [f32], rows: usize, columns: usize, keep: f32) {
    if rows == 0 || columns == 0 {
        return;
    }
    let inner = a.len() / rows;
    let views = (
        ArrayView2::from_shape((rows, inner), a),
        ArrayView2::from_shape((inner, columns), b),
        ArrayViewMut2::from_shape((rows, columns), out),
    );
    let (Ok(a), Ok(b), Ok(mut out)) = views else {
        debug_assert!(false, "lengths are products of the shapes");
        return;
    };
    general_mat_mul(1.0, &a, &b, keep, &mut out);
}

/// `out += aᵀ · b` over `rows` rows: the gradient of a weight.
pub(super) fn outer(a: &[f32], b: &[f32], out: &mut [f32], rows: usize) {
    if rows == 0 || a.is_empty() || b.is_empty() {
        return;
    }
    let (m, n) = (a.len() / rows, b.len() / rows);
    let views = (
        ArrayView2::from_shape((rows, m), a),
        ArrayView2::from_shape((rows, n), b),
        ArrayViewMut2::from_shape((m, n), out),
    );
    let (Ok(a), Ok(b), Ok(mut out)) = views else {
        debug_assert!(false, "lengths are products of the shapes");
        return;
    };
    general_mat_mul(1.0, &a.t(), &b, 1.0, &mut out);
}

/// `out = a · bᵀ + keep · out`, with `b` of `columns` rows: the gradient of an input.
pub(super) fn back(a: &[f32], b: &[f32], out: &mut [f32], rows: usize, columns: usize, keep: f32) {
    if rows == 0 || columns == 0 {
        return;
    }
    let inner = a.len() / rows;
    let views = (
        ArrayView2::from_shape((rows, inner), a),
        ArrayView2::from_shape((columns, inner), b),
        ArrayViewMut2::from_shape((rows, columns), out),
    );
    let (Ok(a), Ok(b), Ok(mut out)) = views else {
        debug_assert!(false, "lengths are products of the shapes");
        return;
    };
    general_mat_mul(1.0, &a, &b.t(), keep, &mut out);
}

/// A smooth rectifier without an exponential: x times a gate, ½(1 + x / (1 + |x|)).
pub(super) fn gated(z: &[f32], out: &mut [f32]) {
    for (out, x) in out.iter_mut().zip(z) {
        *out = x * (0.5 + 0.5 * x / (1.0 + x.abs()));
    }
}

/// Multiplies a gradient by the slope of [`gated`] at `z`.
pub(super) fn gated_back(z: &[f32], gradient: &mut [f32]) {
    for (g, x) in gradient.iter_mut().zip(z) {
        let low = 1.0 / (1.0 + x.abs());
        *g *= 0.5 + 0.5 * x * low * (1.0 + low);
    }
}

pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums that do not wait for each other.
    let mut sums = [0.0f32; 8];
    let (ac, at) = a.as_chunks::<8>();
    let (bc, bt) = b.as_chunks::<8>();
    for (x, y) in ac.iter().zip(bc) {
        for i in 0..8 {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum::<f32>() + at.iter().zip(bt).map(|(x, y)| x * y).sum::<f32>()
}

/// `out += scale · a`.
pub(super) fn add(out: &mut [f32], scale: f32, a: &[f32]) {
    for (o, x) in out.iter_mut().zip(a) {
        *o += scale * x;
    }
}

/// Adds all rows to one.
pub(super) fn sum_rows(rows: &[f32], out: &mut [f32]) {
    for row in rows.chunks_exact(out.len()) {
        add(out, 1.0, row);
    }
}

/// Scores to shares that sum to one.
pub(super) fn softmax(scores: &mut [f32]) {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for s in scores.iter_mut() {
        *s = (*s - most).exp();
        sum += *s;
    }
    for s in scores.iter_mut() {
        *s /= sum;
    }
}

/// From the gradient of shares to that of scores, in place.
pub(super) fn softmax_back(shares: &[f32], gradient: &mut [f32]) {
    let mean = dot(shares, gradient);
    for (g, s) in gradient.iter_mut().zip(shares) {
        *g = s * (*g - mean);
    }
}
