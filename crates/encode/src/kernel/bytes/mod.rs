//! Products and attention in bytes.
//!
//! Weights are quantised once, activations as they come: each output and each row has a scale of its own, so that the largest
//! number becomes ±127. Sums are exact integers; only quantising loses anything. Where an instruction wants one factor
//! unsigned, activations are kept 128 higher and 128 times the sum of the weights is taken off afterwards.

mod attention;
mod panels;
mod product;
mod rows;

pub(crate) use attention::{ByteAttention, ByteAttentionScratch};
pub(crate) use panels::BytePanels;
pub(crate) use product::Bytes;
pub(crate) use rows::{ByteRows, Quantise};
