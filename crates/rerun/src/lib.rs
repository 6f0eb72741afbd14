//! Runs that repeat: a module of WebAssembly with an input gives the same code and output everywhere, or is refused everywhere.
//!
//! So nobody has to be believed who says what came of a run: whoever has module and input runs it again. Nothing that could differ is
//! let in. A module sees its input and writes its output, by three functions, and has no clock, no randomness, no files and no
//! network; floating point is refused, since the bits of what is no number differ between processors, and so are vectors and threads.
//! Fuel bounds the time, and memory, tables, calls, output and the module itself have bounds of their own; a start function runs
//! within them too.
//!
//! The functions are imports of `tollgate`: `input_size() -> i32`, `input(to, from, length)`, which copies a part of the input into
//! the module's memory, and `output(from, length)`, which adds to the output. The module exports `memory` and `run() -> i32`; what
//! `run` returns is its code, and 0 says that all is well.
#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing,
        reason = "tests"
    )
)]

mod run;

pub use run::run;

use sha2::{Digest as _, Sha256};

/// Largest module, in bytes.
pub const MODULE_MAX: usize = 4 << 20;
/// Largest input, in bytes.
pub const INPUT_MAX: usize = 16 << 20;

/// How much a run may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Fuel: about one for each instruction.
    pub fuel: u64,
    /// Bytes of memory, in pages of 64 KiB.
    pub memory: usize,
    /// Bytes of output.
    pub output: usize,
}

impl Default for Bounds {
    /// About a second of time, 64 MiB of memory, a megabyte of output.
    fn default() -> Self {
        Self { fuel: 1 << 28, memory: 64 << 20, output: 1 << 20 }
    }
}

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// What `run` returned.
    pub code: i32,
    /// What it wrote.
    pub output: Vec<u8>,
    /// Fuel that it took.
    pub fuel: u64,
}

impl Run {
    /// SHA-256 that names all of it: module, input, the fuel that was allowed, code and output.
    #[must_use]
    pub fn digest(&self, module: &[u8], input: &[u8], bounds: &Bounds) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"tollgate/execution/v1\0");
        for part in [module, input, &bounds.fuel.to_be_bytes(), &self.code.to_be_bytes(), &self.output] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

/// Why there is no run.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RunError {
    /// Module or input is too large.
    #[error("the {what} has {is} bytes, at most {most} do")]
    TooLarge {
        /// Which.
        what: &'static str,
        /// How many.
        is: usize,
        /// At most.
        most: usize,
    },
    /// It is no module, or uses what is not the same everywhere.
    #[error("it is no module that can be run here: {0}")]
    Module(String),
    /// It wants something else than its input and output.
    #[error("it imports {module}.{name}: only tollgate.input_size, input and output are there")]
    Import {
        /// From where.
        module: String,
        /// What.
        name: String,
    },
    /// It does not export what it must.
    #[error("it exports no {0}")]
    Export(&'static str),
    /// A bound was reached.
    #[error("it needs more {0} than is allowed")]
    Bound(&'static str),
    /// It failed by itself.
    #[error("it fails: {0}")]
    Trap(String),
}
