//! Multinomial logistic regression on sparse or dense rows.
//!
//! Minimised: `Σ weight · cross-entropy / Σ weight + |W|² / (2 · strength · n)`; the bias is not penalised. A target is a
//! distribution, so that a measured share is learned as it is.

use super::lbfgs::minimise;

/// The gradient at which fitting ends, as a share of the first.
const TOLERANCE: f64 = 2e-4;

/// Rows of values, and how weights act on them. A weight stands for a column and a label; in which order is the design's own.
pub(super) trait Design {
    /// How many columns there are.
    fn width(&self) -> usize;

    /// How many rows.
    fn count(&self) -> usize;

    /// Adds what `weights` make of a row to the sum of each label.
    fn add(&self, row: usize, weights: &[f32], sums: &mut [f32]);

    /// Adds a row times each label's error to the gradient of the weights.
    fn spread(&self, row: usize, errors: &[f32], gradient: &mut [f32]);

    /// Where the weight of a column and a label stands.
    fn place(&self, column: usize, label: usize, labels: usize) -> usize;
}

/// Rows with few values each.
#[derive(Debug)]
pub(super) struct Sparse {
    starts: Vec<usize>,
    values: Vec<(u32, f32)>,
    width: usize,
}

impl Sparse {
    /// No rows of this many columns.
    pub(super) fn new(width: usize) -> Self {
        Self { starts: vec![0], values: Vec::new(), width }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: impl IntoIterator<Item = (u32, f32)>) {
        self.values.extend(row);
        self.starts.push(self.values.len());
    }

    fn row(&self, row: usize) -> &[(u32, f32)] {
        match self.starts.get(row..row + 2) {
            Some([from, to]) => self.values.get(*from..*to).unwrap_or_default(),
            _ => &[],
        }
    }
}

impl Design for Sparse {
    fn width(&self) -> usize {
        self.width
    }

    fn count(&self) -> usize {
        self.starts.len() - 1
    }

    fn add(&self, row: usize, weights: &[f32], sums: &mut [f32]) {
        let labels = sums.len();
        for (column, x) in self.row(row) {
            let from = *column as usize * labels;
            let own = weights.get(from..from + labels).unwrap_or_default();
            sums.iter_mut().zip(own).for_each(|(sum, w)| *sum += x * w);
        }
    }

    fn spread(&self, row: usize, errors: &[f32], gradient: &mut [f32]) {
        let labels = errors.len();
        for (column, x) in self.row(row) {
            let from = *column as usize * labels;
            let own = gradient.get_mut(from..from + labels).unwrap_or_default();
            own.iter_mut().zip(errors).for_each(|(g, error)| *g += x * error);
        }
    }

    fn place(&self, column: usize, label: usize, labels: usize) -> usize {
        column * labels + label
    }
}

/// Lanes in which a dense product is summed: a fixed order, so that the same rows give the same bits.
const LANES: usize = 16;

/// Rows of which every value counts, such as vectors of an encoder.
#[derive(Debug)]
pub(super) struct Dense {
    values: Vec<f32>,
    width: usize,
}

impl Dense {
    /// No rows of this many columns.
    pub(super) const fn new(width: usize) -> Self {
        Self { values: Vec::new(), width }
    }

    /// Adds a row, which has the design's width.
    pub(super) fn push(&mut self, row: &[f32]) {
        self.values.extend_from_slice(row);
    }

    fn row(&self, row: usize) -> &[f32] {
        self.values.get(row * self.width..(row + 1) * self.width).unwrap_or_default()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (mut left, mut right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (x, y) in left.by_ref().zip(right.by_ref()) {
        for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += x * y;
        }
    }
    let rest: f32 = left.remainder().iter().zip(right.remainder()).map(|(x, y)| x * y).sum();
    lanes.iter().sum::<f32>() + rest
}

impl Design for Dense {
    fn width(&self) -> usize {
        self.width
    }

    fn count(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    fn add(&self, row: usize, weights: &[f32], sums: &mut [f32]) {
        let row = self.row(row);
        for (sum, own) in sums.iter_mut().zip(weights.chunks_exact(self.width.max(1))) {
            *sum += dot(row, own);
        }
    }

    fn spread(&self, row: usize, errors: &[f32], gradient: &mut [f32]) {
        let row = self.row(row);
        for (error, own) in errors.iter().zip(gradient.chunks_exact_mut(self.width.max(1))) {
            own.iter_mut().zip(row).for_each(|(g, x)| *g += x * error);
        }
    }

    fn place(&self, column: usize, label: usize, _: usize) -> usize {
        label * self.width + column
    }
}

/// What a row is taught: the distribution over labels, and how much that counts.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) label: usize,
    /// Share of the second of two labels, where it is a measured one.
    pub(super) share: Option<f32>,
    pub(super) weight: f32,
}

impl Target {
    fn at(&self, label: usize) -> f32 {
        match self.share {
            Some(share) if label == 1 => share,
            Some(share) => 1.0 - share,
            None => f32::from(u8::from(label == self.label)),
        }
    }
}

/// What was fitted: rows of one weight a label, by column, and the bias of each label.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) rows: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// Fits.
pub(super) fn fit(rows: &impl Design, targets: &[Target], labels: usize, strength: f64) -> Fitted {
    let penalised = rows.width() * labels;
    let total: f64 = targets.iter().map(|t| f64::from(t.weight)).sum::<f64>().max(f64::MIN_POSITIVE);
    let penalty = 1.0 / (strength * targets.len().max(1) as f64);
    let mut sums = vec![0.0_f32; labels];
    let mut weights = minimise(vec![0.0; penalised + labels], TOLERANCE, &mut |at, gradient| {
        let (matrix, bias) = at.split_at(penalised);
        let (to_matrix, to_bias) = gradient.split_at_mut(penalised);
        to_matrix.iter_mut().zip(matrix).for_each(|(g, w)| *g = penalty as f32 * w);
        to_bias.fill(0.0);
        let mut value = 0.5 * penalty * matrix.iter().map(|w| f64::from(*w) * f64::from(*w)).sum::<f64>();
        for (row, target) in (0..rows.count()).zip(targets) {
            sums.copy_from_slice(bias);
            rows.add(row, matrix, &mut sums);
            let share = f64::from(target.weight) / total;
            value += share * f64::from(to_errors(&mut sums, target));
            sums.iter_mut().for_each(|error| *error *= share as f32);
            rows.spread(row, &sums, to_matrix);
            to_bias.iter_mut().zip(&sums).for_each(|(g, error)| *g += error);
        }
        value
    });
    let bias = weights.split_off(penalised);
    let by_column = (0..rows.width()).flat_map(|column| (0..labels).map(move |label| (column, label)));
    let at = |(column, label)| weights.get(rows.place(column, label, labels)).copied().unwrap_or(0.0);
    Fitted { rows: by_column.map(at).collect(), bias }
}

/// Turns sums into probabilities less the target; the cross-entropy.
fn to_errors(sums: &mut [f32], target: &Target) -> f32 {
    let top = sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let whole = sums.iter().map(|sum| (sum - top).exp()).sum::<f32>();
    let log = top + whole.ln();
    let mut loss = 0.0;
    for (label, sum) in sums.iter_mut().enumerate() {
        let wanted = target.at(label);
        loss += wanted * (log - *sum);
        *sum = (*sum - log).exp() - wanted;
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(label: usize) -> Target {
        Target { label, share: None, weight: 1.0 }
    }

    /// With one constant column and no penalty to speak of the fit is the share of each label.
    #[test]
    fn learns_shares() {
        let mut rows = Sparse::new(1);
        let targets: Vec<Target> = (0..100).map(|i| target(usize::from(i >= 70))).collect();
        (0..100).for_each(|_| rows.push([]));
        let fitted = fit(&rows, &targets, 2, 10.0);
        let odds = fitted.bias[0] - fitted.bias[1];
        assert!((odds - (70.0_f32 / 30.0).ln()).abs() < 0.01, "{odds}");
        let soft: Vec<Target> = (0..10).map(|_| Target { label: 0, share: Some(0.3), weight: 1.0 }).collect();
        let mut rows = Sparse::new(1);
        (0..10).for_each(|_| rows.push([]));
        let fitted = fit(&rows, &soft, 2, 10.0);
        assert!((fitted.bias[0] - fitted.bias[1] - (70.0_f32 / 30.0).ln()).abs() < 0.01);
    }

    /// The gradient against finite differences, through the errors that it is made of.
    #[test]
    fn errors_are_the_gradient_of_the_loss() {
        let at = [0.3_f32, -1.2, 0.7];
        let target = Target { label: 2, share: None, weight: 1.0 };
        let mut errors = at;
        to_errors(&mut errors, &target);
        for i in 0..3 {
            let (mut up, mut down) = (at, at);
            up[i] += 1e-2;
            down[i] -= 1e-2;
            let slope = (to_errors(&mut up, &target) - to_errors(&mut down, &target)) / 2e-2;
            assert!((slope - errors[i]).abs() < 1e-3, "{slope} {}", errors[i]);
        }
    }

    #[test]
    fn separates_what_can_be_separated() {
        let mut rows = Sparse::new(3);
        let targets: Vec<Target> = (0..30).map(|i| target(i % 3)).collect();
        (0..30_u32).for_each(|i| rows.push([(i % 3, 1.0)]));
        let fitted = fit(&rows, &targets, 3, 100.0);
        for column in 0..3 {
            let row = &fitted.rows[column * 3..column * 3 + 3];
            assert!((0..3).filter(|other| *other != column).all(|other| row[column] > row[other] + 2.0));
        }
    }

    /// Both designs fit the same rows alike.
    #[test]
    fn dense_rows_are_fitted_as_sparse_ones() {
        let value = |row: usize, column: usize| ((row * 31 + column * 17) % 23) as f32 / 23.0 - 0.5;
        let (mut sparse, mut dense) = (Sparse::new(19), Dense::new(19));
        // All labels are there: the offset of one that no row has grows without end.
        let targets: Vec<Target> = (0..40).map(|row| target(row % 3)).collect();
        for row in 0..40 {
            let values: Vec<f32> = (0..19).map(|column| value(row, column)).collect();
            sparse.push(values.iter().enumerate().map(|(at, x)| (at as u32, *x)));
            dense.push(&values);
        }
        let (one, other) = (fit(&sparse, &targets, 3, 5.0), fit(&dense, &targets, 3, 5.0));
        let near =
            |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() < 0.05);
        assert!(near(&one.rows, &other.rows) && near(&one.bias, &other.bias), "{one:?} {other:?}");
    }
}
