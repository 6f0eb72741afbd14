//! AVX-512 with VNNI: one instruction multiplies 64 bytes in pairs and adds up each group of four.
#![expect(
    unsafe_code,
    reason = "loads and stores through pointers, and a call of code for features that were detected"
)]

use super::super::{GROUP, LANES, Simd, Step, Task, WIDTH};
use std::arch::x86_64::*;

/// Only [`run`] makes one.
#[derive(Clone, Copy)]
struct Avx512(());

/// Runs `task` with these instructions.
pub(crate) fn run(task: impl Task) {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
    fn inner(task: impl Task) {
        task.run(Avx512(()));
    }
    assert!(super::has_avx512(), "a kernel is only made where its instructions are");
    // SAFETY: the features were found on this processor in the line above.
    unsafe { inner(task) }
}

impl Simd for Avx512 {
    const FUSED: bool = true;
    // The first factor of `vpdpbusd` is unsigned.
    const OFFSET: u8 = 128;
    const LEVELS: f32 = 255.0;

    #[inline(always)]
    fn tile<const R: usize>(
        self,
        rows: &[f32],
        stride: usize,
        panel: &[Step<f32>],
        sums: &mut [[f32; WIDTH]; R],
    ) {
        assert!(rows.len() >= (R - 1) * stride + panel.len());
        // SAFETY: `self` exists only where the features were detected; the assertion is what the function asks for.
        unsafe { tile(rows, stride, panel, sums) }
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
        // SAFETY: `self` exists only where the features were detected; the assertion is what the function asks for.
        unsafe { byte_tile(rows, stride, panel, sums) }
    }

    #[inline(always)]
    fn total(self, parts: [f32; LANES]) -> f32 {
        // SAFETY: `self` exists only where the features were detected; there are 16 parts.
        unsafe { _mm512_reduce_add_ps(_mm512_loadu_ps(parts.as_ptr())) }
    }

    #[inline(always)]
    fn highest(self, parts: [f32; LANES]) -> f32 {
        // SAFETY: as in `total`.
        unsafe { _mm512_reduce_max_ps(_mm512_loadu_ps(parts.as_ptr())) }
    }

    #[inline(always)]
    fn scaled(
        self,
        sums: (&[i32; WIDTH], &[i32; WIDTH]),
        scales: (&[f32; WIDTH], f32),
        bias: &[f32; WIDTH],
        values: &mut [f32; WIDTH],
    ) {
        // SAFETY: `self` exists only where the features were detected.
        unsafe { scaled(sums, scales, bias, values) }
    }
}

/// # Safety
/// `rows` holds `R` rows of at least `panel.len()` numbers, `stride` apart.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn tile<const R: usize>(
    rows: &[f32],
    stride: usize,
    panel: &[Step<f32>],
    sums: &mut [[f32; WIDTH]; R],
) {
    let mut left = [_mm512_setzero_ps(); R];
    let mut right = [_mm512_setzero_ps(); R];
    for (k, step) in panel.iter().enumerate() {
        // SAFETY: a step holds 32 numbers, aligned; `r · stride + k` is within `rows` by this function's contract.
        unsafe {
            let (a, b) = (_mm512_load_ps(step.0.as_ptr()), _mm512_load_ps(step.0.as_ptr().add(16)));
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

/// # Safety
/// `rows` holds `R` rows of at least `panel.len()` groups, `stride` bytes apart.
#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
unsafe fn byte_tile<const R: usize>(
    rows: &[u8],
    stride: usize,
    panel: &[Step<u32>],
    sums: &mut [[i32; WIDTH]; R],
) {
    let mut left = [_mm512_setzero_si512(); R];
    let mut right = [_mm512_setzero_si512(); R];
    for (k, step) in panel.iter().enumerate() {
        // SAFETY: a step holds 32 groups, aligned; the group at `r · stride + 4 k` is within `rows` by this function's
        // contract.
        unsafe {
            let step = step.0.as_ptr();
            let (a, b) = (_mm512_load_si512(step.cast()), _mm512_load_si512(step.add(16).cast()));
            for r in 0..R {
                let x = rows.as_ptr().add(r * stride + k * GROUP).cast::<i32>().read_unaligned();
                let x = _mm512_set1_epi32(x);
                left[r] = _mm512_dpbusd_epi32(left[r], x, a);
                right[r] = _mm512_dpbusd_epi32(right[r], x, b);
            }
        }
    }
    for r in 0..R {
        // SAFETY: each row of `sums` holds 32 numbers.
        unsafe {
            _mm512_storeu_si512(sums[r].as_mut_ptr().cast(), left[r]);
            _mm512_storeu_si512(sums[r].as_mut_ptr().add(16).cast(), right[r]);
        }
    }
}

/// Written out, as compilers cut the plain loop into pieces that wait for each other.
#[target_feature(enable = "avx512f")]
#[inline]
fn scaled(
    (sums, weights): (&[i32; WIDTH], &[i32; WIDTH]),
    (scales, scale): (&[f32; WIDTH], f32),
    bias: &[f32; WIDTH],
    values: &mut [f32; WIDTH],
) {
    // The offset is 2⁷.
    const SHIFT: u32 = Avx512::OFFSET.trailing_zeros();
    for at in [0, 16] {
        // SAFETY: each of the five holds 16 numbers from `at` on.
        unsafe {
            let offset = _mm512_slli_epi32::<SHIFT>(_mm512_loadu_si512(weights.as_ptr().add(at).cast()));
            let sum = _mm512_sub_epi32(_mm512_loadu_si512(sums.as_ptr().add(at).cast()), offset);
            let scale = _mm512_mul_ps(_mm512_loadu_ps(scales.as_ptr().add(at)), _mm512_set1_ps(scale));
            let value = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale);
            let value = _mm512_add_ps(value, _mm512_loadu_ps(bias.as_ptr().add(at)));
            _mm512_storeu_ps(values.as_mut_ptr().add(at), value);
        }
    }
}
