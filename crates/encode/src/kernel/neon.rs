//! NEON, which every 64-bit Arm processor has.
#![expect(unsafe_code, reason = "loads and stores through pointers")]

use super::{GROUP, Simd, Step, Task, WIDTH};
use std::arch::aarch64::*;

/// Columns of one register.
const LANES: usize = 4;

/// Runs `task` with these instructions.
pub(super) fn run(task: impl Task) {
    task.run(Neon);
}

#[derive(Clone, Copy)]
struct Neon;

impl Simd for Neon {
    const FUSED: bool = true;
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
        assert!(rows.len() >= (R - 1) * stride + panel.len());
        for column in (0..WIDTH).step_by(2 * LANES) {
            // SAFETY: the assertion and the step of the loop are what the function asks for.
            unsafe { tile(rows, stride, panel, column, sums) }
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
        assert!(rows.len() >= (R - 1) * stride + panel.len() * GROUP);
        for column in (0..WIDTH).step_by(2 * LANES) {
            // SAFETY: as in `tile`.
            unsafe { byte_tile(rows, stride, panel, column, sums) }
        }
    }
}

/// # Safety
/// `rows` holds `R` rows of at least `panel.len()` numbers, `stride` apart; `column + 8` is at most [`WIDTH`].
#[target_feature(enable = "neon")]
#[inline]
unsafe fn tile<const R: usize>(
    rows: &[f32],
    stride: usize,
    panel: &[Step<f32>],
    column: usize,
    sums: &mut [[f32; WIDTH]; R],
) {
    let mut left = [vdupq_n_f32(0.0); R];
    let mut right = [vdupq_n_f32(0.0); R];
    for (k, step) in panel.iter().enumerate() {
        // SAFETY: the step's 8 numbers from `column` are within it; `r · stride + k` is within `rows`.
        unsafe {
            let step = step.0.as_ptr().add(column);
            let (a, b) = (vld1q_f32(step), vld1q_f32(step.add(LANES)));
            for r in 0..R {
                let x = *rows.get_unchecked(r * stride + k);
                left[r] = vfmaq_n_f32(left[r], a, x);
                right[r] = vfmaq_n_f32(right[r], b, x);
            }
        }
    }
    for (r, sums) in sums.iter_mut().enumerate() {
        // SAFETY: the 8 numbers from `column` are within a row of `sums`.
        unsafe {
            let sums = sums.as_mut_ptr().add(column);
            vst1q_f32(sums, left[r]);
            vst1q_f32(sums.add(LANES), right[r]);
        }
    }
}

/// # Safety
/// `rows` holds `R` rows of at least `panel.len()` groups, `stride` bytes apart; `column + 8` is at most [`WIDTH`].
#[target_feature(enable = "neon")]
#[inline]
unsafe fn byte_tile<const R: usize>(
    rows: &[u8],
    stride: usize,
    panel: &[Step<u32>],
    column: usize,
    sums: &mut [[i32; WIDTH]; R],
) {
    let mut left = [vdupq_n_s32(0); R];
    let mut right = [vdupq_n_s32(0); R];
    for (k, step) in panel.iter().enumerate() {
        // SAFETY: the step's 8 groups from `column` are within it; the group at `r · stride + 4 k` is within `rows`.
        unsafe {
            let step = step.0.as_ptr().add(column).cast::<i8>();
            let (a, b) = (vld1q_s8(step), vld1q_s8(step.add(LANES * GROUP)));
            for r in 0..R {
                let x = rows.as_ptr().add(r * stride + k * GROUP).cast::<i32>().read_unaligned();
                let x = vreinterpretq_s8_s32(vdupq_n_s32(x));
                left[r] = vaddq_s32(left[r], groups(x, a));
                right[r] = vaddq_s32(right[r], groups(x, b));
            }
        }
    }
    for (r, sums) in sums.iter_mut().enumerate() {
        // SAFETY: the 8 numbers from `column` are within a row of `sums`.
        unsafe {
            let sums = sums.as_mut_ptr().add(column);
            vst1q_s32(sums, left[r]);
            vst1q_s32(sums.add(LANES), right[r]);
        }
    }
}

/// The sum of the products of each group of four signed bytes.
#[target_feature(enable = "neon")]
#[inline]
fn groups(x: int8x16_t, weights: int8x16_t) -> int32x4_t {
    let low = vpaddlq_s16(vmull_s8(vget_low_s8(x), vget_low_s8(weights)));
    let high = vpaddlq_s16(vmull_high_s8(x, weights));
    vpaddq_s32(low, high)
}
