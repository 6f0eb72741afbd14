//! AVX2 with FMA. Its product of bytes adds pairs into 16 bits; it cannot overflow there, as both factors are within ±127:
//! the sign of the second moves to the first, and 2 · 127² < 2¹⁵.
#![expect(
    unsafe_code,
    reason = "loads and stores through pointers, and a call of code for features that were detected"
)]

use super::super::{GROUP, Simd, Step, Task, WIDTH};
use std::arch::x86_64::*;

/// Columns of one register.
const LANES: usize = 8;
/// Rows at a time: with two registers of sums each they fit the sixteen there are.
const ROWS: usize = 4;

/// Only [`run`] makes one.
#[derive(Clone, Copy)]
struct Avx2(());

/// Runs `task` with these instructions.
pub(crate) fn run(task: impl Task) {
    #[target_feature(enable = "avx2,fma")]
    fn inner(task: impl Task) {
        task.run(Avx2(()));
    }
    assert!(super::has_avx2(), "a kernel is only made where its instructions are");
    // SAFETY: the features were found on this processor in the line above.
    unsafe { inner(task) }
}

impl Simd for Avx2 {
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
        for first in (0..R).step_by(ROWS) {
            for column in (0..WIDTH).step_by(2 * LANES) {
                let (rows, sums) = (&rows[first * stride..], &mut sums[first..R.min(first + ROWS)]);
                // SAFETY: `self` exists only where the features were detected; the assertion and the steps of the two
                // loops are what the functions ask for.
                unsafe {
                    match sums.len() {
                        ROWS => tile::<ROWS>(rows, stride, panel, column, sums),
                        _ => tile::<1>(rows, stride, panel, column, sums),
                    }
                }
            }
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
        for first in (0..R).step_by(ROWS) {
            for column in (0..WIDTH).step_by(2 * LANES) {
                let (rows, sums) = (&rows[first * stride..], &mut sums[first..R.min(first + ROWS)]);
                // SAFETY: as in `tile`.
                unsafe {
                    match sums.len() {
                        ROWS => byte_tile::<ROWS>(rows, stride, panel, column, sums),
                        _ => byte_tile::<1>(rows, stride, panel, column, sums),
                    }
                }
            }
        }
    }
}

/// # Safety
/// `rows` holds `R` rows of at least `panel.len()` numbers, `stride` apart; `column + 16` is at most [`WIDTH`].
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn tile<const R: usize>(
    rows: &[f32],
    stride: usize,
    panel: &[Step<f32>],
    column: usize,
    sums: &mut [[f32; WIDTH]],
) {
    let mut left = [_mm256_setzero_ps(); R];
    let mut right = [_mm256_setzero_ps(); R];
    for (k, step) in panel.iter().enumerate() {
        // SAFETY: the step's 16 numbers from `column` are within it; `r · stride + k` is within `rows`.
        unsafe {
            let step = step.0.as_ptr().add(column);
            let (a, b) = (_mm256_loadu_ps(step), _mm256_loadu_ps(step.add(LANES)));
            for r in 0..R {
                let x = _mm256_set1_ps(*rows.get_unchecked(r * stride + k));
                left[r] = _mm256_fmadd_ps(x, a, left[r]);
                right[r] = _mm256_fmadd_ps(x, b, right[r]);
            }
        }
    }
    for (r, sums) in sums.iter_mut().enumerate().take(R) {
        // SAFETY: the 16 numbers from `column` are within a row of `sums`.
        unsafe {
            let sums = sums.as_mut_ptr().add(column);
            _mm256_storeu_ps(sums, left[r]);
            _mm256_storeu_ps(sums.add(LANES), right[r]);
        }
    }
}

/// # Safety
/// `rows` holds `R` rows of at least `panel.len()` groups, `stride` bytes apart; `column + 16` is at most [`WIDTH`].
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn byte_tile<const R: usize>(
    rows: &[u8],
    stride: usize,
    panel: &[Step<u32>],
    column: usize,
    sums: &mut [[i32; WIDTH]],
) {
    let mut left = [_mm256_setzero_si256(); R];
    let mut right = [_mm256_setzero_si256(); R];
    for (k, step) in panel.iter().enumerate() {
        // SAFETY: the step's 16 groups from `column` are within it; the group at `r · stride + 4 k` is within `rows`.
        unsafe {
            let step = step.0.as_ptr().add(column);
            let (a, b) = (_mm256_loadu_si256(step.cast()), _mm256_loadu_si256(step.add(LANES).cast()));
            for r in 0..R {
                let x = rows.as_ptr().add(r * stride + k * GROUP).cast::<i32>().read_unaligned();
                let x = _mm256_set1_epi32(x);
                left[r] = _mm256_add_epi32(left[r], groups(x, a));
                right[r] = _mm256_add_epi32(right[r], groups(x, b));
            }
        }
    }
    for (r, sums) in sums.iter_mut().enumerate().take(R) {
        // SAFETY: the 16 numbers from `column` are within a row of `sums`.
        unsafe {
            let sums = sums.as_mut_ptr().add(column);
            _mm256_storeu_si256(sums.cast(), left[r]);
            _mm256_storeu_si256(sums.add(LANES).cast(), right[r]);
        }
    }
}

/// The sum of the products of each group of four signed bytes.
#[target_feature(enable = "avx2")]
#[inline]
fn groups(x: __m256i, weights: __m256i) -> __m256i {
    let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(x, weights));
    _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
}
