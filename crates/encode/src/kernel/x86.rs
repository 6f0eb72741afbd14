//! Tiles for AVX2 and AVX-512, and running tasks with them.
#![expect(
    unsafe_code,
    reason = "intrinsics that load and store through pointers, and calls of code for features that were detected"
)]

use super::{Simd, Task, WIDTH};
use std::arch::x86_64::*;

/// Only [`run_avx512`] makes one.
#[derive(Clone, Copy)]
struct Avx512(());

/// Only [`run_avx2`] makes one.
#[derive(Clone, Copy)]
struct Avx2(());

pub(super) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vnni")
        && has_avx2()
}

pub(super) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

pub(super) fn run_avx512(task: impl Task) {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
    fn inner(task: impl Task) {
        task.run(Avx512(()));
    }
    assert!(has_avx512(), "a kernel is only made where its instructions are");
    // SAFETY: the features were found on this processor in the line above.
    unsafe { inner(task) }
}

pub(super) fn run_avx2(task: impl Task) {
    #[target_feature(enable = "avx2,fma")]
    fn inner(task: impl Task) {
        task.run(Avx2(()));
    }
    assert!(has_avx2(), "a kernel is only made where its instructions are");
    // SAFETY: the features were found on this processor in the line above.
    unsafe { inner(task) }
}

impl Simd for Avx512 {
    const FUSED: bool = true;

    #[inline(always)]
    fn tile<const R: usize>(
        self,
        rows: &[f32],
        stride: usize,
        panel: &[[f32; WIDTH]],
        sums: &mut [[f32; WIDTH]; R],
    ) {
        assert!(rows.len() >= (R - 1) * stride + panel.len());
        // SAFETY: `self` exists only where the features were detected; every read is within `rows` by the assertion, or
        // within a row of `panel`, and every write is to a row of `sums`.
        unsafe { tile_avx512(rows, stride, panel, sums) }
    }
}

/// # Safety
/// `rows` holds `R` rows of at least `panel.len()` numbers, `stride` apart.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn tile_avx512<const R: usize>(
    rows: &[f32],
    stride: usize,
    panel: &[[f32; WIDTH]],
    sums: &mut [[f32; WIDTH]; R],
) {
    let mut left = [_mm512_setzero_ps(); R];
    let mut right = [_mm512_setzero_ps(); R];
    for (k, weights) in panel.iter().enumerate() {
        // SAFETY: `weights` holds 32 numbers; `r · stride + k` is within `rows` by this function's contract.
        unsafe {
            let (a, b) = (_mm512_loadu_ps(weights.as_ptr()), _mm512_loadu_ps(weights.as_ptr().add(16)));
            for r in 0..R {
                let x = _mm512_set1_ps(*rows.get_unchecked(r * stride + k));
                left[r] = _mm512_fmadd_ps(x, a, left[r]);
                right[r] = _mm512_fmadd_ps(x, b, right[r]);
            }
        }
    }
    for r in 0..R {
        // SAFETY: each row of `sums` holds 32 numbers.
        unsafe {
            _mm512_storeu_ps(sums[r].as_mut_ptr(), left[r]);
            _mm512_storeu_ps(sums[r].as_mut_ptr().add(16), right[r]);
        }
    }
}

impl Simd for Avx2 {
    const FUSED: bool = true;

    #[inline(always)]
    fn tile<const R: usize>(
        self,
        rows: &[f32],
        stride: usize,
        panel: &[[f32; WIDTH]],
        sums: &mut [[f32; WIDTH]; R],
    ) {
        assert!(rows.len() >= (R - 1) * stride + panel.len());
        // Sixteen registers: four rows of two at a time, twice for the panel's halves.
        for (group, sums) in sums.chunks_mut(4).enumerate() {
            let rows = &rows[group * 4 * stride..];
            for half in [0, 16] {
                // SAFETY: `self` exists only where the features were detected; every read is within `rows` by the
                // assertion, or within a row of `panel`, and every write is to a row of `sums`.
                unsafe {
                    match &mut *sums {
                        [a, b, c, d] => tile_avx2::<4>(rows, stride, panel, half, [a, b, c, d]),
                        fewer => {
                            for (r, sums) in fewer.iter_mut().enumerate() {
                                tile_avx2::<1>(&rows[r * stride..], stride, panel, half, [sums]);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// # Safety
/// `rows` holds `R` rows of at least `panel.len()` numbers, `stride` apart; `half` is 0 or 16.
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn tile_avx2<const R: usize>(
    rows: &[f32],
    stride: usize,
    panel: &[[f32; WIDTH]],
    half: usize,
    sums: [&mut [f32; WIDTH]; R],
) {
    let mut left = [_mm256_setzero_ps(); R];
    let mut right = [_mm256_setzero_ps(); R];
    for (k, weights) in panel.iter().enumerate() {
        // SAFETY: `half + 16` is at most 32, the length of `weights`; `r · stride + k` is within `rows`.
        unsafe {
            let weights = weights.as_ptr().add(half);
            let (a, b) = (_mm256_loadu_ps(weights), _mm256_loadu_ps(weights.add(8)));
            for r in 0..R {
                let x = _mm256_set1_ps(*rows.get_unchecked(r * stride + k));
                left[r] = _mm256_fmadd_ps(x, a, left[r]);
                right[r] = _mm256_fmadd_ps(x, b, right[r]);
            }
        }
    }
    for (r, sums) in sums.into_iter().enumerate() {
        // SAFETY: `half + 16` is at most 32, the length of a row of `sums`.
        unsafe {
            let sums = sums.as_mut_ptr().add(half);
            _mm256_storeu_ps(sums, left[r]);
            _mm256_storeu_ps(sums.add(8), right[r]);
        }
    }
}
