//! Products and attention in 32-bit floating point.

mod attention;
mod panels;
mod product;

pub(crate) use attention::{Attention, AttentionScratch};
pub(crate) use panels::Panels;
pub(crate) use product::Floats;
