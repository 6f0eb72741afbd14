//! Measures of order: which of two users scores higher.

/// Users by score, highest first.
fn order(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    order
}

/// Counts of (others, defaults) by falling score, users of one score together.
fn steps(scores: &[f64], labels: &[bool]) -> Vec<(f64, f64)> {
    let mut steps: Vec<(f64, f64)> = Vec::new();
    let mut last = f64::NAN;
    for i in order(scores) {
        if scores[i] != last {
            steps.push((0.0, 0.0));
            last = scores[i];
        }
        if let Some((others, defaults)) = steps.last_mut() {
            *(if labels[i] { defaults } else { others }) += 1.0;
        }
    }
    steps
}

/// The probability that a default scores higher than another user, ties counted half; `None` when one outcome is missing
/// or a score is no number.
#[must_use]
pub fn auc(scores: &[f64], labels: &[bool]) -> Option<f64> {
    if scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let (mut above, mut area, mut others) = (0.0, 0.0, 0.0);
    for (negative, positive) in steps(scores, labels) {
        area += negative * (above + positive / 2.0);
        above += positive;
        others += negative;
    }
    (above > 0.0 && others > 0.0).then(|| area / (above * others))
}

/// Largest distance between the cumulative shares of defaults and of others.
#[must_use]
pub fn ks(scores: &[f64], labels: &[bool]) -> f64 {
    let steps = steps(scores, labels);
    let total = steps.iter().fold((0.0, 0.0), |t, s| (t.0 + s.0, t.1 + s.1));
    let (mut so_far, mut most) = ((0.0, 0.0), 0.0f64);
    for step in steps {
        so_far = (so_far.0 + step.0, so_far.1 + step.1);
        most = most.max((so_far.1 / f64::max(total.1, 1.0) - so_far.0 / f64::max(total.0, 1.0)).abs());
    }
    most
}

/// Precision averaged over the recalls at which it changes.
#[must_use]
pub fn average_precision(scores: &[f64], labels: &[bool]) -> f64 {
    let steps = steps(scores, labels);
    let defaults: f64 = steps.iter().map(|s| s.1).sum();
    let (mut seen, mut hits, mut sum) = (0.0, 0.0, 0.0);
    for (negative, positive) in steps {
        seen += negative + positive;
        hits += positive;
        sum += positive * hits / seen;
    }
    sum / f64::max(defaults, 1.0)
}

/// Share of all defaults that are in the highest-scored share of users. Of users of one score who are taken in part only,
/// defaults count by that part, for which of them come first says nothing.
#[must_use]
pub fn recall_at(scores: &[f64], labels: &[bool], share: f64) -> f64 {
    let mut left = (scores.len() as f64 * share).round();
    let defaults = labels.iter().filter(|l| **l).count().max(1);
    let mut hits = 0.0;
    for (negative, positive) in steps(scores, labels) {
        let part = (left / (negative + positive)).clamp(0.0, 1.0);
        hits += positive * part;
        left -= negative + positive;
    }
    hits / defaults as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn auc_is_the_share_of_pairs(rows in prop::collection::vec((0u8..6, any::<bool>()), 2..40)) {
            let scores: Vec<f64> = rows.iter().map(|r| f64::from(r.0)).collect();
            let labels: Vec<bool> = rows.iter().map(|r| r.1).collect();
            let (mut right, mut pairs) = (0.0, 0.0);
            for i in 0..rows.len() {
                for j in 0..rows.len() {
                    if labels[i] && !labels[j] {
                        pairs += 1.0;
                        right += if scores[i] > scores[j] { 1.0 } else if scores[i] == scores[j] { 0.5 } else { 0.0 };
                    }
                }
            }
            match auc(&scores, &labels) {
                Some(found) => prop_assert!((found - right / pairs).abs() < 1e-12),
                None => prop_assert!(pairs == 0.0),
            }
        }
    }

    #[test]
    fn known_values() {
        let (scores, labels) = ([0.9, 0.8, 0.7, 0.6], [true, false, true, false]);
        assert_eq!(auc(&scores, &labels), Some(0.75));
        assert_eq!(ks(&scores, &labels), 0.5);
        assert!((average_precision(&scores, &labels) - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
        assert_eq!(recall_at(&scores, &labels, 0.5), 0.5);
        assert_eq!(recall_at(&[0.2; 4], &labels, 0.25), 0.25);
        // Weights that became NaN rank nobody.
        assert_eq!(auc(&[f64::NAN; 4], &[true, true, false, false]), None);
    }
}
