//! Power and energy: watts of a GPU against its batch, what a token costs in joules, money and carbon.
//!
//! A [`PowerCurve`] belongs to a GPU *and* a model *and* a tensor-parallel degree: the same H100 draws 690 W with a small
//! model on one GPU and 500 W with a large sparse one on eight. Curves go through measured points and follow, between
//! and beyond them, what all measured instances have in common ([`PowerShape`]); where nothing was measured they are reckoned from the
//! share of arithmetic that is in use. [`Site`] carries what the meter adds: cooling, tariff, carbon.
//! [`decode_only`] is the "1/W" curve of the literature, kept apart because it leaves out prefill, idle slots and hosts.

mod curve;
mod energy;
mod measured;
mod shape;

pub use curve::{PowerCurve, PowerPoint, Trend};
pub use energy::{DecodeOnly, Site, Usage, decode_only};
pub use measured::{Measured, all_measured, measured};
pub use shape::{MeasuredPower, PowerShape};
