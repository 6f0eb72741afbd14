//! Tiles in plain Rust: every processor, and what the others are tested against.

use super::{GROUP, Simd, Step, WIDTH};

#[derive(Clone, Copy)]
pub(super) struct Plain;

impl Simd for Plain {
    const FUSED: bool = false;
    const OFFSET: u8 = 0;
    const LEVELS: f32 = 127.0;

    #[inline(always)]
    fn tile<const R: usize>(
        self,
        rows: &[f32],
        stride: usize,
        panel: &[Step<f32>],
        sums: &mut [[f32; WIDTH]; R],
    ) {
        for (row, sums) in rows.chunks(stride).zip(sums) {
            // Sums of its own stay in registers.
            let mut own = [0.0; WIDTH];
            for (x, weights) in row.iter().zip(panel) {
                for (sum, weight) in own.iter_mut().zip(&weights.0) {
                    *sum += x * weight;
                }
            }
            *sums = own;
        }
    }

    #[inline(always)]
    fn byte_tile<const R: usize>(
        self,
        rows: &[u8],
        stride: usize,
        panel: &[Step<u32>],
        sums: &mut [[i32; WIDTH]; R],
    ) {
        for (row, sums) in rows.chunks(stride).zip(sums) {
            let mut own = [0; WIDTH];
            for (group, weights) in row.as_chunks::<GROUP>().0.iter().zip(panel) {
                let x = group.map(|byte| i32::from(byte.cast_signed()));
                for (sum, weights) in own.iter_mut().zip(&weights.0) {
                    let w = weights.to_le_bytes().map(|byte| i32::from(byte.cast_signed()));
                    *sum += x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
                }
            }
            *sums = own;
        }
    }
}
