//! GPUs and models with a source for every figure.
//!
//! The figures are data (`gpus.yaml`, `models.yaml`), shipped inside the program; a file of the same shape adds to or
//! replaces them. Nothing is defaulted: a figure that a row lacks is an error that names it, or `None` where the
//! type says that it may be unknown.

pub mod check;
mod config;
mod file;
mod gpu;
mod model;

pub use config::{Imported, from_config};
pub use file::{Catalogue, MAX_ROWS, Source};
pub use gpu::Gpu;
pub use model::{Attention, Dtype, Experts, Model, Sliding};
