//! Multinomial logistic regression on sparse or dense rows.
//!
//! Minimised: `Σ weight · cross-entropy / Σ weight + |W|² / (2 · strength · n)`; the bias is not penalised. A target is a
//! distribution, so that a measured share is learned as it is.

use super::lbfgs::minimise;

/// The gradient at which fitting ends, as a share of the first.
const TOLERANCE: f64 = 2e-4;

/// Rows of values, in order of rows.
#[derive(Debug, Default)]
pub(super) struct Rows {
    starts: Vec<usize>,
    values: Vec<(u32, f32)>,
    width: usize,
}

impl Rows {
    /// No rows of this many columns.
    pub(super) fn new(width: usize) -> Self {
        Self { starts: vec![0], values: Vec::new(), width }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: impl IntoIterator<Item = (u32, f32)>) {
        self.values.extend(row);
        self.starts.push(self.values.len());
    }

    fn iter(&self) -> impl Iterator<Item = &[(u32, f32)]> {
        self.starts.windows(2).map(|ends| match ends {
            [from, to] => self.values.get(*from..*to).unwrap_or_default(),
            _ => &[],
        })
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
pub(super) fn fit(rows: &Rows, targets: &[Target], labels: usize, strength: f64) -> Fitted {
    let penalised = rows.width * labels;
    let total: f64 = targets.iter().map(|t| f64::from(t.weight)).sum::<f64>().max(f64::MIN_POSITIVE);
    let penalty = 1.0 / (strength * targets.len().max(1) as f64);
    let mut sums = vec![0.0_f32; labels];
    let mut weights = minimise(vec![0.0; penalised + labels], TOLERANCE, &mut |at, gradient| {
        let (matrix, bias) = at.split_at(penalised);
        let (to_matrix, to_bias) = gradient.split_at_mut(penalised);
        to_matrix.iter_mut().zip(matrix).for_each(|(g, w)| *g = penalty as f32 * w);
        to_bias.fill(0.0);
        let mut value = 0.5 * penalty * matrix.iter().map(|w| f64::from(*w) * f64::from(*w)).sum::<f64>();
        for (row, target) in rows.iter().zip(targets) {
            sums.copy_from_slice(bias);
            for (column, x) in row {
                let from = *column as usize * labels;
                let weights = matrix.get(from..from + labels).unwrap_or_default();
                sums.iter_mut().zip(weights).for_each(|(sum, w)| *sum += x * w);
            }
            let share = f64::from(target.weight) / total;
            value += share * f64::from(to_errors(&mut sums, target));
            sums.iter_mut().for_each(|error| *error *= share as f32);
            for (column, x) in row {
                let from = *column as usize * labels;
                let own = to_matrix.get_mut(from..from + labels).unwrap_or_default();
                own.iter_mut().zip(&sums).for_each(|(g, error)| *g += x * error);
            }
            to_bias.iter_mut().zip(&sums).for_each(|(g, error)| *g += error);
        }
        value
    });
    let bias = weights.split_off(penalised);
    Fitted { rows: weights, bias }
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
        let mut rows = Rows::new(1);
        let targets: Vec<Target> = (0..100).map(|i| target(usize::from(i >= 70))).collect();
        (0..100).for_each(|_| rows.push([]));
        let fitted = fit(&rows, &targets, 2, 10.0);
        let odds = fitted.bias[0] - fitted.bias[1];
        assert!((odds - (70.0_f32 / 30.0).ln()).abs() < 0.01, "{odds}");
        let soft: Vec<Target> = (0..10).map(|_| Target { label: 0, share: Some(0.3), weight: 1.0 }).collect();
        let mut rows = Rows::new(1);
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
        let mut rows = Rows::new(3);
        let targets: Vec<Target> = (0..30).map(|i| target(i % 3)).collect();
        (0..30_u32).for_each(|i| rows.push([(i % 3, 1.0)]));
        let fitted = fit(&rows, &targets, 3, 100.0);
        for column in 0..3 {
            let row = &fitted.rows[column * 3..column * 3 + 3];
            assert!((0..3).filter(|other| *other != column).all(|other| row[column] > row[other] + 2.0));
        }
    }
}
