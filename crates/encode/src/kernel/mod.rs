//! Arithmetic on rows of numbers, with the instructions that the processor has.
//!
//! The idea: everything but the innermost tiles of matrix products is written once, as plain loops in a [`Task`]; running
//! the task under a [`Kernel`] compiles those loops for that instruction set and takes its tiles. So one text serves all
//! processors, and what needs intrinsics is a few dozen lines each.
//!
//! Invariant: a `Kernel` other than `Plain` exists only on a processor that has its instructions, as only
//! [`Kernel::all`] makes one.

mod attention;
mod math;
mod panels;
mod plain;
mod product;
mod rows;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use attention::{Attention, AttentionScratch, Heads};
pub(crate) use math::Activation;
pub(crate) use panels::Panels;
use panels::WIDTH;
pub(crate) use product::Product;
pub(crate) use rows::{AddNorm, Norm};

/// Rows of a tile.
pub(crate) const TILE: usize = 8;

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
}

/// The innermost loops, and how the loops around them round.
pub(crate) trait Simd: Copy {
    /// Whether a multiplication and an addition round once.
    const FUSED: bool;

    /// `sums[r][c] = Σ_k rows[r·stride + k] · panel[k][c]` over `R` rows and one panel of [`WIDTH`] columns.
    fn tile<const R: usize>(
        self,
        rows: &[f32],
        stride: usize,
        panel: &[[f32; WIDTH]],
        sums: &mut [[f32; WIDTH]; R],
    );
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
        }
    }

    /// Runs `task` with this instruction set.
    pub(crate) fn run(self, task: impl Task) {
        match self.0 {
            Which::Plain => task.run(plain::Plain),
            #[cfg(target_arch = "x86_64")]
            Which::Avx2 => x86::run_avx2(task),
            #[cfg(target_arch = "x86_64")]
            Which::Avx512 => x86::run_avx512(task),
        }
    }
}
