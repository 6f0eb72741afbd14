//! Logistic regression with a squared penalty, by Newton's method.

use super::scale::Scaler;
use crate::evaluate::sigmoid;
use crate::feature::Matrix;
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

/// Newton steps: the loss is convex and settles in a few.
const STEPS: usize = 12;
/// Penalties tried, from strong to weak, in units of one user.
const PENALTIES: [f64; 7] = [3000.0, 1000.0, 300.0, 100.0, 30.0, 10.0, 3.0];

/// A sum of scaled features.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    /// How features are scaled.
    pub scaler: Scaler,
    /// Weight per feature.
    pub weights: Vec<f64>,
    /// Added to the sum.
    pub offset: f64,
    /// The penalty that was chosen.
    pub penalty: f64,
}

impl Logistic {
    /// Logits of `held` by models learned from `rows`, for each penalty that may be chosen, from strong to weak.
    #[must_use]
    pub fn path(features: &Matrix, labels: &[bool], rows: &[u32], held: &[u32]) -> Vec<(f64, Vec<f64>)> {
        let scaler = Scaler::fit(features, rows);
        let (x, held) = (scaled(&scaler, features, rows), scaled(&scaler, features, held));
        let truth: Vec<bool> = rows.iter().map(|i| labels[*i as usize]).collect();
        let mut weights = Array1::zeros(features.width() + 1);
        let mut each = |penalty: &f64| {
            weights = newton(&x, &truth, *penalty, weights.clone());
            (*penalty, held.dot(&weights).to_vec())
        };
        PENALTIES.iter().map(&mut each).collect()
    }

    /// Learns from the rows given.
    #[must_use]
    pub fn fit(features: &Matrix, labels: &[bool], rows: &[u32], penalty: f64) -> Self {
        let scaler = Scaler::fit(features, rows);
        let truth: Vec<bool> = rows.iter().map(|i| labels[*i as usize]).collect();
        let x = scaled(&scaler, features, rows);
        let weights = newton(&x, &truth, penalty, Array1::zeros(features.width() + 1)).to_vec();
        let (weights, offset) = weights.split_at(features.width());
        Self { scaler, weights: weights.to_vec(), offset: offset.first().copied().unwrap_or(0.0), penalty }
    }

    /// The logit of a row.
    #[must_use]
    pub fn logit(&self, row: &[f32]) -> f64 {
        let mut scaled = vec![0.0; self.scaler.width()];
        self.scaler.apply(row, &mut scaled);
        self.offset + scaled.iter().zip(&self.weights).map(|(x, w)| f64::from(*x) * w).sum::<f64>()
    }
}

/// Scaled rows with a last column of ones.
fn scaled(scaler: &Scaler, features: &Matrix, rows: &[u32]) -> Array2<f64> {
    let width = features.width();
    let mut out = Array2::ones((rows.len(), width + 1));
    let mut line = vec![0.0; width];
    for (row, mut target) in rows.iter().zip(out.rows_mut()) {
        scaler.apply(features.row(*row as usize), &mut line);
        target.iter_mut().zip(&line).for_each(|(t, v)| *t = f64::from(*v));
    }
    out
}

/// Minimises the log loss plus `penalty / 2` times the squared weights (the last, the offset, is free).
///
/// A step that does not lower the loss is halved.
#[must_use]
pub fn newton(x: &Array2<f64>, truth: &[bool], penalty: f64, start: Array1<f64>) -> Array1<f64> {
    let width = x.ncols();
    let mut weights = start;
    let loss = |weights: &Array1<f64>, z: &Array1<f64>| {
        let fit: f64 = z.iter().zip(truth).map(|(z, l)| softplus(if *l { -z } else { *z })).sum();
        fit + penalty / 2.0 * weights.iter().take(width - 1).map(|w| w * w).sum::<f64>()
    };
    let mut z = x.dot(&weights);
    let mut before = loss(&weights, &z);
    for _ in 0..STEPS {
        let p = z.mapv(sigmoid);
        let error: Array1<f64> = p.iter().zip(truth).map(|(p, l)| p - f64::from(u8::from(*l))).collect();
        let mut gradient = x.t().dot(&error);
        let curve = p.mapv(|p| (p * (1.0 - p)).max(1e-9).sqrt());
        let weighted = x * &curve.insert_axis(ndarray::Axis(1));
        let mut hessian = weighted.t().dot(&weighted);
        for i in 0..width {
            let ridge = if i + 1 == width { 1e-6 } else { penalty };
            hessian[(i, i)] += ridge;
            if i + 1 < width {
                gradient[i] += penalty * weights[i];
            }
        }
        let Some(step) = solve(hessian, gradient) else { break };
        let mut size = 1.0;
        let moved = loop {
            let next = &weights - &(&step * size);
            let next_z = x.dot(&next);
            let after = loss(&next, &next_z);
            if after <= before || size < 1e-3 {
                break (next, next_z, after);
            }
            size /= 2.0;
        };
        let gained = before - moved.2;
        (weights, z, before) = moved;
        if gained < 1e-7 * before.abs() {
            break;
        }
    }
    weights
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Solves a symmetric positive system (Cholesky); `None` where it is not positive.
fn solve(mut a: Array2<f64>, mut b: Array1<f64>) -> Option<Array1<f64>> {
    let n = b.len();
    for j in 0..n {
        for i in j..n {
            let (upper, lower) = (a.row(j), a.row(i));
            let dot: f64 = upper.iter().take(j).zip(lower.iter().take(j)).map(|(x, y)| x * y).sum();
            let value = a[(i, j)] - dot;
            if i == j {
                if value <= 0.0 {
                    return None;
                }
                a[(j, j)] = value.sqrt();
            } else {
                a[(i, j)] = value / a[(j, j)];
            }
        }
    }
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| a[(i, k)] * b[k]).sum();
        b[i] = (b[i] - dot) / a[(i, i)];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| a[(k, i)] * b[k]).sum();
        b[i] = (b[i] - dot) / a[(i, i)];
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::Seed;

    #[test]
    fn a_system_is_solved() {
        let a = Array2::from_shape_vec((2, 2), vec![4.0, 2.0, 2.0, 3.0]).unwrap();
        let x = solve(a, Array1::from(vec![10.0, 8.0])).unwrap();
        assert!((x[0] - 1.75).abs() < 1e-12 && (x[1] - 1.5).abs() < 1e-12);
    }

    /// At the minimum the gradient of the penalised loss is zero.
    #[test]
    fn newton_ends_where_the_gradient_does() {
        let mut seed = Seed(1);
        let mut unit = || {
            seed = seed.next();
            seed.unit()
        };
        let rows = 400;
        let mut x = Array2::ones((rows, 4));
        let mut truth = Vec::new();
        for i in 0..rows {
            (0..3).for_each(|j| x[(i, j)] = unit() * 2.0 - 1.0);
            truth.push(unit() < sigmoid(2.0 * x[(i, 0)] - x[(i, 1)] - 1.0));
        }
        let weights = newton(&x, &truth, 2.0, Array1::zeros(4));
        let p = x.dot(&weights).mapv(sigmoid);
        for j in 0..4 {
            let fit: f64 = (0..rows).map(|i| (p[i] - f64::from(u8::from(truth[i]))) * x[(i, j)]).sum();
            let penalty = if j == 3 { 0.0 } else { 2.0 * weights[j] };
            assert!((fit + penalty).abs() < 1e-4, "{j}: {}", fit + penalty);
        }
        assert!(weights[0] > 1.0 && weights[1] < -0.3);
    }
}
