//! Every kernel against sums written out in 64 bits, and the kernels of bytes against each other to the last bit.

use super::*;
use proptest::prelude::*;

fn numbers(seed: u64, count: usize, scale: f32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| scale * next()).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn near(found: &[f32], wanted: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (index, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!((f64::from(*found) - wanted).abs() <= tolerance, "{what} {index}: {found} {wanted}");
    }
}

/// What quantising with one scale a row makes of it.
fn coarse(row: &[f32]) -> Vec<f32> {
    let most = row.iter().fold(0f32, |m, x| m.max(x.abs()));
    let factor = if most > 0.0 { 127.0 / most } else { 0.0 };
    row.iter().map(|x| (x * factor).round_ties_even() * (most / 127.0)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_product_is_the_sum_of_products(rows in 1usize..20, inputs in 1usize..70, outputs in 1usize..70, seed: u64) {
        let (x, w, bias) =
            (numbers(seed, rows * inputs, 3.0), numbers(seed ^ 1, outputs * inputs, 1.0), numbers(seed ^ 2, outputs, 1.0));
        let each = |f: &dyn Fn(&[f32]) -> Vec<f32>| -> Vec<f64> {
            let parts = |m: &[f32]| m.chunks(inputs).map(f).collect::<Vec<_>>();
            let (x, w) = (parts(&x), parts(&w));
            x.iter().flat_map(|x| w.iter().zip(&bias).map(|(w, b)| dot(x, w) + f64::from(*b)).collect::<Vec<_>>()).collect()
        };
        let (exact, quantised) = (each(&<[f32]>::to_vec), each(&coarse));
        let (panels, byte_panels) = (Panels::pack(&w, outputs, inputs), BytePanels::pack(&w, outputs, &vec![1.0; inputs]));
        let mut plain: Option<Vec<f32>> = None;
        for kernel in Kernel::all().into_iter().rev() {
            let mut out = vec![0.0; rows * outputs];
            let activation = Activation::None;
            kernel.run(Product { operands: Floats { rows: &x, weights: &panels }, bias: &bias, activation, out: &mut out });
            near(&out, &exact, 1e-4, kernel.name());
            let mut bytes = ByteRows::default();
            kernel.run(Quantise { rows: &x, factors: &vec![1.0; inputs], into: &mut bytes });
            kernel.run(Product { operands: Bytes { rows: &bytes, weights: &byte_panels }, bias: &bias, activation, out: &mut out });
            near(&out, &quantised, 1e-3, kernel.name());
            let plain = plain.get_or_insert_with(|| out.clone());
            prop_assert_eq!(&*plain, &out, "{}", kernel.name());
        }
    }

    #[test]
    fn attention_is_the_softmax_over_what_a_token_sees(
        count in 1usize..80, heads in 1usize..4, width in prop::sample::select(vec![8usize, 12, 32, 64]),
        reach in prop::option::of(0usize..20), seed: u64,
    ) {
        let total = heads * width;
        let mixed = numbers(seed, count * 3 * total, 2.0);
        let heads = Heads { count: heads, width, reach };
        let wanted = attention(&mixed, heads, count);
        for kernel in Kernel::all() {
            let mut out = vec![0.0; count * total];
            // Twice, so that what a scratch holds from a longer text is seen to do nothing.
            let (mut scratch, mut byte_scratch) = Default::default();
            let longer = numbers(!seed, 90 * 3 * total, 50.0);
            let mut spare = vec![0.0; 90 * total];
            kernel.run(Attention { mixed: &longer, heads, scratch: &mut scratch, out: &mut spare });
            kernel.run(Attention { mixed: &mixed, heads, scratch: &mut scratch, out: &mut out });
            near(&out, &wanted, 1e-4, kernel.name());
            kernel.run(ByteAttention { mixed: &longer, heads, scratch: &mut byte_scratch, out: &mut spare });
            kernel.run(ByteAttention { mixed: &mixed, heads, scratch: &mut byte_scratch, out: &mut out });
            near(&out, &wanted, 0.12, kernel.name());
            let error: f64 = out.iter().zip(&wanted).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum();
            prop_assert!((error / out.len() as f64).sqrt() < 0.025, "{} {error}", kernel.name());
        }
    }

    #[test]
    fn a_norm_has_mean_0_and_variance_1_before_scale_and_shift(rows in 1usize..5, width in 1usize..50, seed: u64) {
        let norm = Norm { scale: numbers(seed ^ 1, width, 2.0), shift: numbers(seed ^ 2, width, 1.0), epsilon: 1e-5 };
        let (x, added) = (numbers(seed, rows * width, 5.0), numbers(seed ^ 3, rows * width, 5.0));
        let mut wanted = Vec::new();
        for (x, added) in x.chunks(width).zip(added.chunks(width)) {
            let row: Vec<f64> = x.iter().zip(added).map(|(a, b)| f64::from(a + b)).collect();
            let mean = row.iter().sum::<f64>() / width as f64;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
            wanted.extend(row.iter().zip(norm.scale.iter().zip(&norm.shift)).map(|(x, (scale, shift))| {
                (x - mean) / (variance + 1e-5).sqrt() * f64::from(*scale) + f64::from(*shift)
            }));
        }
        for kernel in Kernel::all() {
            let mut out = x.clone();
            kernel.run(AddNorm { rows: &mut out, added: &added, norm: &norm });
            near(&out, &wanted, 1e-3, kernel.name());
        }
    }
}

fn attention(mixed: &[f32], heads: Heads, count: usize) -> Vec<f64> {
    let total = heads.total();
    let part = |token: usize, which: usize, head: usize| {
        let at = token * 3 * total + which * total + head * heads.width;
        &mixed[at..at + heads.width]
    };
    let mut out = vec![0.0; count * total];
    for token in 0..count {
        for head in 0..heads.count {
            let sees = |other: &usize| heads.reach.is_none_or(|reach| other.abs_diff(token) <= reach);
            let weights: Vec<(usize, f64)> = (0..count)
                .filter(sees)
                .map(|key| {
                    (key, (dot(part(token, 0, head), part(key, 1, head)) / (heads.width as f64).sqrt()).exp())
                })
                .collect();
            let sum: f64 = weights.iter().map(|w| w.1).sum();
            for (key, weight) in weights {
                for (i, value) in part(key, 2, head).iter().enumerate() {
                    out[token * total + head * heads.width + i] += weight / sum * f64::from(*value);
                }
            }
        }
    }
    out
}

#[test]
fn rows_of_nothing_and_of_huge_numbers_are_computed() {
    for kernel in Kernel::all() {
        for rows in [vec![0.0; 40], vec![f32::MAX / 1e3; 40]] {
            let mut bytes = ByteRows::default();
            kernel.run(Quantise { rows: &rows, factors: &[1.0; 40], into: &mut bytes });
            let weights = BytePanels::pack(&[1.0; 80], 2, &[1.0; 40]);
            let mut out = [f32::NAN; 2];
            let activation = Activation::None;
            let operands = Bytes { rows: &bytes, weights: &weights };
            kernel.run(Product { operands, bias: &[], activation, out: &mut out });
            assert!(
                (out[0] / (40.0 * rows[0]).max(1e-9) - if rows[0] > 0.0 { 1.0 } else { 0.0 }).abs() < 1e-5
            );
        }
    }
}
