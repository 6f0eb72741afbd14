//! Text encoders: a model folder in the layout of Hugging Face to vectors of length 1.
//!
//! The idea: the forward pass of small encoders is a few matrix products, so it is written here, on kernels chosen when a
//! model is loaded, instead of through a framework. Nothing is downloaded: [`load`] reads a folder that is there.
//!
//! Invariant: pure. The same folder, options and text give the same vector; a text's length is bounded by
//! [`Card::max_tokens`], whatever is sent.
//!
//! ```no_run
//! use tollgate_encode::{Options, TextEncoder, load};
//! # fn main() -> Result<(), tollgate_encode::EncodeError> {
//! let encoder = load("models/all-minilm-l6-v2".as_ref(), &Options::default())?;
//! let (a, b) = (encoder.embed("a cat sat"), encoder.embed("a cat was sitting"));
//! let cosine: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
//! assert!(cosine > 0.8);
//! # Ok(())
//! # }
//! ```

mod classify;
mod contextual;
mod encoder;
mod error;
mod folder;
mod inference;
mod kernel;
mod label;
mod linear;
mod lookup;
pub mod safetensors;
mod tokenize;
mod transformer;

pub use classify::{Classifier, fit_temperature};
pub use encoder::{Card, TextEncoder, TokenStates, Window, Windows, normalise};
pub use error::EncodeError;
pub use folder::{Labeller, Options, Precision, load, load_classifier, load_labeller};
pub use inference::{Inference, Inferred};
pub use kernel::Kernel;
pub use label::{Piece, TokenClassifier};
