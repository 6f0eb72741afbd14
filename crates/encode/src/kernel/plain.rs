//! Tiles in plain Rust: every processor, and what the others are tested against.

use super::{Simd, WIDTH};

#[derive(Clone, Copy)]
pub(super) struct Plain;

impl Simd for Plain {
    const FUSED: bool = false;

    #[inline(always)]
    fn tile<const R: usize>(
        self,
        rows: &[f32],
        stride: usize,
        panel: &[[f32; WIDTH]],
        sums: &mut [[f32; WIDTH]; R],
    ) {
        for (row, sums) in rows.chunks(stride).zip(sums) {
            *sums = [0.0; WIDTH];
            for (x, weights) in row.iter().zip(panel) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += x * weight;
                }
            }
        }
    }
}
