//! Features as small numbers: at most 255 bins of about equal counts.

use crate::feature::Matrix;

/// Most bins of a feature; one more number is for a value that is missing.
pub(super) const BINS: usize = 255;

/// Binned rows, feature by feature.
pub(super) struct Binned {
    /// Per feature the upper edge of each bin but the last.
    pub(super) edges: Vec<Vec<f32>>,
    /// Per feature the bin of each row; 0 is a missing value.
    pub(super) bins: Vec<Vec<u8>>,
    pub(super) rows: usize,
}

impl Binned {
    /// Bins the rows given.
    pub(super) fn of(features: &Matrix, rows: &[u32]) -> Self {
        let (mut edges, mut bins) = (Vec::new(), Vec::new());
        for column in 0..features.width() {
            let values: Vec<f32> = features.column(column, rows).collect();
            let edge = cut(&values);
            bins.push(values.iter().map(|v| bin(&edge, *v)).collect());
            edges.push(edge);
        }
        Self { edges, bins, rows: rows.len() }
    }
}

fn bin(edges: &[f32], value: f32) -> u8 {
    // At most 254 edges, so the bin fits.
    if value.is_nan() { 0 } else { 1 + edges.partition_point(|edge| *edge < value) as u8 }
}

/// Edges between values so that bins hold about equal counts.
fn cut(values: &[f32]) -> Vec<f32> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    sorted.sort_by(f32::total_cmp);
    let mut edges: Vec<f32> = Vec::new();
    let wanted = BINS - 1;
    let mut at = 0;
    let mut left = wanted;
    while at < sorted.len() && left > 0 {
        let size = (sorted.len() - at).div_ceil(left).max(1);
        let value = sorted[(at + size - 1).min(sorted.len() - 1)];
        at = sorted.partition_point(|v| *v <= value);
        if let Some(next) = sorted.get(at) {
            // Halfway, so that values between those seen fall on the near side.
            let middle = value + (next - value) / 2.0;
            edges.push(if middle < *next { middle } else { value });
        }
        left -= 1;
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_get_a_bin_each_and_many_get_equal_counts() {
        let edges = cut(&[1.0, 1.0, 2.0, 5.0, 5.0, f32::NAN]);
        assert_eq!(edges, [1.5, 3.5]);
        assert_eq!([f32::NAN, 1.0, 1.6, 9.0].map(|v| bin(&edges, v)), [0, 1, 2, 3]);
        let many: Vec<f32> = (0..10_000u16).map(f32::from).collect();
        let edges = cut(&many);
        assert!((241..BINS).contains(&edges.len()));
        let mut counts = vec![0; 256];
        many.iter().for_each(|v| counts[usize::from(bin(&edges, *v))] += 1);
        assert!(counts.iter().all(|c| *c <= 45));
    }
}
