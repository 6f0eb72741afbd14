//! Features made alike: each mapped to a standard normal by its ranks, or shifted and divided.

use crate::feature::Matrix;
use serde::{Deserialize, Serialize};

/// Knots of a rank mapping.
const KNOTS: usize = 65;
/// Largest scaled value: an outlier must not carry a score alone.
const CLIP: f32 = 4.0;

/// How one feature is scaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Has one value only: left out.
    Constant,
    /// Minus the mean, over the deviation.
    Shift(f32, f32),
    /// Quantiles to those of a normal: values, ascending, and what each becomes.
    Ranks(Vec<f32>, Vec<f32>),
}

/// How all features are scaled.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// By column.
    pub scales: Vec<Scale>,
}

impl Scaler {
    /// Learns from the rows given. Features that are mostly one value (shares of rare words) are shifted; the others are
    /// ranked.
    #[must_use]
    pub fn fit(features: &Matrix, rows: &[u32]) -> Self {
        let scales = (0..features.width()).map(|column| {
            let mut values: Vec<f32> = features.column(column, rows).filter(|v| v.is_finite()).collect();
            values.sort_by(f32::total_cmp);
            scale(&values)
        });
        Self { scales: scales.collect() }
    }

    /// Scales a row into `out`; a missing value becomes the middle.
    pub fn apply(&self, row: &[f32], out: &mut [f32]) {
        for ((scale, value), out) in self.scales.iter().zip(row).zip(out) {
            *out = match scale {
                Scale::Shift(mean, deviation) if value.is_finite() => {
                    ((value - mean) / deviation).clamp(-CLIP, CLIP)
                }
                Scale::Ranks(at, becomes) if value.is_finite() => between(at, becomes, *value),
                _ => 0.0,
            };
        }
    }

    /// The value of each column that is scaled to zero: the middle of the users that were learned from. NaN where a column
    /// has one value only.
    #[must_use]
    pub fn middle(&self) -> Vec<f32> {
        let of = |scale: &Scale| match scale {
            Scale::Constant => f32::NAN,
            Scale::Shift(mean, _) => *mean,
            Scale::Ranks(at, becomes) => between(becomes, at, 0.0),
        };
        self.scales.iter().map(of).collect()
    }

    /// Whether every scale is whole: as many values as results, ascending, all numbers.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.scales.iter().all(|scale| match scale {
            Scale::Constant => true,
            Scale::Shift(mean, deviation) => mean.is_finite() && *deviation > 0.0,
            Scale::Ranks(at, becomes) => {
                at.len() == becomes.len()
                    && at.is_sorted_by(|a, b| a < b)
                    && at.iter().chain(becomes).all(|v| v.is_finite())
            }
        })
    }

    /// Columns.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.scales.len()
    }
}

fn scale(sorted: &[f32]) -> Scale {
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return Scale::Constant };
    if first == last {
        return Scale::Constant;
    }
    let n = sorted.len();
    let middle = sorted[n / 2];
    let same = sorted.partition_point(|v| *v <= middle) - sorted.partition_point(|v| *v < middle);
    if same * 4 > n {
        let mean = sorted.iter().map(|v| f64::from(*v)).sum::<f64>() / n as f64;
        let variance = sorted.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n as f64;
        return Scale::Shift(mean as f32, variance.sqrt().max(1e-9) as f32);
    }
    let (mut at, mut becomes) = (Vec::new(), Vec::new());
    for knot in 0..KNOTS {
        let share = (knot as f64 + 0.5) / KNOTS as f64;
        let value = sorted[((n - 1) as f64 * share).round() as usize];
        if at.last() == Some(&value) {
            continue;
        }
        // The middle of the ranks that a value takes.
        let (below, up_to) =
            (sorted.partition_point(|v| *v < value), sorted.partition_point(|v| *v <= value));
        at.push(value);
        becomes.push(normal_quantile((below + up_to) as f64 / 2.0 / n as f64) as f32);
    }
    Scale::Ranks(at, becomes)
}

fn between(at: &[f32], becomes: &[f32], value: f32) -> f32 {
    let above = at.partition_point(|x| *x < value);
    match above.checked_sub(1) {
        None => becomes.first().copied().unwrap_or(0.0),
        Some(below) if above == at.len() => becomes[below],
        Some(below) => {
            let part = (value - at[below]) / (at[above] - at[below]);
            becomes[below] + part * (becomes[above] - becomes[below])
        }
    }
}

/// The standard normal's quantile (Acklam's rational approximation, relative error below 1.2e-9).
#[must_use]
fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let poly = |c: &[f64], x: f64| c.iter().fold(0.0, |sum, c| sum * x + c);
    let p = p.clamp(1e-9, 1.0 - 1e-9);
    if p < 0.024_25 {
        let q = (-2.0 * p.ln()).sqrt();
        poly(&C, q) / (poly(&D, q) * q + 1.0)
    } else if p > 1.0 - 0.024_25 {
        -normal_quantile(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        poly(&A, r) * q / (poly(&B, r) * r + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_normal() {
        for (p, x) in
            [(0.5, 0.0), (0.975, 1.959_963_984_5), (0.001, -3.090_232_306_2), (0.2, -0.841_621_233_6)]
        {
            assert!((normal_quantile(p) - x).abs() < 1e-7, "{p}");
        }
    }

    #[test]
    fn ranks_forget_the_shape_and_keep_the_order() {
        let values: Vec<f32> = (0..1000u16).map(|i| f32::from(i).exp2().min(1e30).ln_1p().powi(3)).collect();
        let features = Matrix { names: vec!["a".into()], width: 1, values: values.clone(), rows: 1000 };
        let rows: Vec<u32> = (0..1000).collect();
        let scaler = Scaler::fit(&features, &rows);
        let at = |v: f32| {
            let mut out = [9.0];
            scaler.apply(&[v], &mut out);
            out[0]
        };
        assert!(values.windows(2).all(|w| at(w[0]) <= at(w[1])));
        assert!(at(values[0]) < -1.5 && at(f32::NAN) == 0.0);
        assert!(at(scaler.middle()[0]).abs() < 1e-3);
        let constant = Matrix { names: vec!["a".into()], width: 1, values: vec![3.0; 4], rows: 4 };
        assert_eq!(Scaler::fit(&constant, &[0, 1, 2, 3]).scales, [Scale::Constant]);
    }
}
