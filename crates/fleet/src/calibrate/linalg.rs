//! Symmetric positive systems of equations.

use crate::Error;

/// A square matrix, row by row.
#[derive(Clone, Debug)]
pub(super) struct Square {
    pub(super) size: usize,
    pub(super) cells: Vec<f64>,
}

impl Square {
    /// The matrix whose lower triangle is `cell(row, column)`.
    pub(super) fn lower(size: usize, mut cell: impl FnMut(usize, usize) -> f64) -> Self {
        let mut cells = vec![0.0; size * size];
        for row in 0..size {
            for column in 0..=row {
                cells[row * size + column] = cell(row, column);
            }
        }
        Self { size, cells }
    }

    /// Cholesky's factor in place: `A = L Lᵀ` from its lower triangle.
    ///
    /// # Errors
    /// [`Error::Infeasible`] where the matrix is not positive definite.
    pub(super) fn factor(mut self) -> Result<Self, Error> {
        let n = self.size;
        for row in 0..n {
            let (above, from_row) = self.cells.split_at_mut(row * n);
            let this = &mut from_row[..n];
            for column in 0..row {
                let other = &above[column * n..column * n + column];
                let dot = dot(&this[..column], other);
                this[column] = (this[column] - dot) / above[column * n + column];
            }
            let pivot = this[row] - dot(&this[..row], &this[..row]);
            if pivot.is_nan() || pivot <= 0.0 {
                return Err(Error::Infeasible { why: format!("row {row} depends on the rows before it") });
            }
            this[row] = pivot.sqrt();
        }
        Ok(self)
    }

    /// Solves `L Lᵀ x = b`.
    pub(super) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let n = self.size;
        let mut x = b.to_vec();
        for row in 0..n {
            let line = &self.cells[row * n..row * n + row];
            x[row] = (x[row] - dot(line, &x[..row])) / self.cells[row * n + row];
        }
        for row in (0..n).rev() {
            let value = x[row] / self.cells[row * n + row];
            x[row] = value;
            let line = &self.cells[row * n..row * n + row];
            x[..row].iter_mut().zip(line).for_each(|(x, l)| *x -= l * value);
        }
        x
    }
}

/// Four sums side by side: a processor adds several at once when none waits for another.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (left, right) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in left.zip(right) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_solves_what_is_positive_and_refuses_the_rest() {
        let size = 20;
        let cell = |r: usize, c: usize| 1.0 / (1.0 + r.abs_diff(c) as f64) + if r == c { 0.5 } else { 0.0 };
        let want: Vec<f64> = (0..size).map(|i| (i as f64).sin()).collect();
        let b: Vec<f64> = (0..size).map(|r| (0..size).map(|c| cell(r, c) * want[c]).sum()).collect();
        let found = Square::lower(size, cell).factor().unwrap().solve(&b);
        assert!(found.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-10), "{found:?}");
        assert!(Square::lower(2, |_, _| 1.0).factor().is_err());
    }
}
