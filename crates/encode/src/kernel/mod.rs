//! Arithmetic on rows of numbers, with the instructions that the processor has.
//!
//! The idea: everything but the innermost tiles of matrix products is written once, as plain loops in a [`Task`]; running
//! the task under a [`Kernel`] compiles those loops for that instruction set and takes its tiles. So one text serves all
//! processors, and what needs intrinsics is a few dozen lines each.
//!
//! Invariant: a `Kernel` other than `Plain` exists only on a processor that has its instructions, as only
//! [`Kernel::all`] makes one.

mod bytes;
mod f32s;
mod heads;
mod math;
#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;
mod product;
mod rows;
#[cfg(test)]
mod tests;
mod tiles;
mod turn;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use bytes::{ByteAttention, ByteAttentionScratch, BytePanels, ByteRows, Bytes, Quantise};
pub(crate) use f32s::{Attention, AttentionScratch, Floats, Panels};
pub(crate) use heads::Heads;
pub(crate) use math::Activation;
pub(crate) use product::Product;
pub(crate) use rows::{AddNorm, Gate, Norm};
pub(crate) use turn::{Turn, Turns};

/// Columns of a panel: two registers of sixteen.
const WIDTH: usize = 32;
/// Rows of a tile.
const TILE: usize = 8;
/// Bytes that one instruction multiplies and adds up in each column.
const GROUP: usize = 4;

/// Parts of a fold over a row, so that it is vector instructions.
const LANES: usize = 16;

/// Most numbers of an attention's head.
pub(crate) const HEAD_MAX: usize = 256;

/// One row of a panel: a number, or a group of bytes, for each of its columns. Aligned, as a load across a cache line
/// costs two.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Step<T>([T; WIDTH]);

/// An instruction set that this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Which);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// The innermost loops, and how the loops around them round.
pub(crate) trait Simd: Copy {
    /// Whether a multiplication and an addition round once.
    const FUSED: bool;

    /// What is added to a byte of activations.
    const OFFSET: u8;
    /// Into how many parts the weights of a softmax are rounded: what an unsigned byte holds, or a signed one.
    const LEVELS: f32;

    /// `sums[r][c] = Σ_k rows[r·stride + k] · panel[k][c]` over `R` rows and one panel of [`WIDTH`] columns.
    fn tile<const R: usize>(
        self,
        rows: &[f32],
        stride: usize,
        panel: &[Step<f32>],
        sums: &mut [[f32; WIDTH]; R],
    );

    /// The same over groups of bytes: those of `rows` as they are, 0 to 255 where [`Self::OFFSET`] is not 0 and signed
    /// elsewhere; those of `panel` signed, never -128.
    fn byte_tile<const R: usize>(
        self,
        rows: &[u8],
        stride: usize,
        panel: &[Step<u32>],
        sums: &mut [[i32; WIDTH]; R],
    );

    /// The sum of the parts of a fold.
    #[inline(always)]
    fn total(self, parts: [f32; LANES]) -> f32 {
        halved(parts, |a, b| a + b)
    }

    /// The largest of the parts of a fold.
    #[inline(always)]
    fn highest(self, parts: [f32; LANES]) -> f32 {
        halved(parts, |a, b| if a > b { a } else { b })
    }

    /// What sums of bytes stand for, plus `bias`: each sum, less the offset of the activations times its column's sum of
    /// weights, times its column's scale and the row's.
    #[inline(always)]
    fn scaled(
        self,
        (sums, weights): (&[i32; WIDTH], &[i32; WIDTH]),
        (scales, scale): (&[f32; WIDTH], f32),
        bias: &[f32; WIDTH],
        values: &mut [f32; WIDTH],
    ) {
        for column in 0..WIDTH {
            let sum = sums[column] - i32::from(Self::OFFSET) * weights[column];
            values[column] = sum as f32 * (scales[column] * scale) + bias[column];
        }
    }
}

/// Halves are joined until one number is left.
#[inline(always)]
fn halved(mut parts: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            parts[i] = join(parts[i], parts[i + half]);
        }
    }
    parts[0]
}

/// Work that can be compiled for each instruction set. `run` must be `#[inline(always)]`, or it is compiled for none.
pub(crate) trait Task {
    /// Does it.
    fn run<S: Simd>(self, simd: S);
}

impl Kernel {
    /// The kernels that this processor can run, fastest first; the last is the plain one.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if x86::has_avx512() {
                all.push(Self(Which::Avx512));
            }
            if x86::has_avx2() {
                all.push(Self(Which::Avx2));
            }
        }
        #[cfg(target_arch = "aarch64")]
        all.push(Self(Which::Neon));
        all.push(Self(Which::Plain));
        all
    }

    /// The fastest kernel of this processor.
    #[must_use]
    pub fn detect() -> Self {
        Self::all().first().copied().unwrap_or(Self(Which::Plain))
    }

    /// Its name, such as `avx512-vnni`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Which::Plain => "plain",
            #[cfg(target_arch = "x86_64")]
            Which::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Which::Avx512 => "avx512-vnni",
            #[cfg(target_arch = "aarch64")]
            Which::Neon => "neon",
        }
    }

    /// Whether attention in bytes keeps the 8 bits that the weights of a softmax need.
    pub(crate) fn attends_in_bytes(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        if self.0 == Which::Avx512 {
            return true;
        }
        false
    }

    /// Runs `task` with this instruction set.
    pub(crate) fn run(self, task: impl Task) {
        match self.0 {
            Which::Plain => task.run(plain::Plain),
            #[cfg(target_arch = "x86_64")]
            Which::Avx2 => x86::run_avx2(task),
            #[cfg(target_arch = "x86_64")]
            Which::Avx512 => x86::run_avx512(task),
            #[cfg(target_arch = "aarch64")]
            Which::Neon => neon::run(task),
        }
    }
}
