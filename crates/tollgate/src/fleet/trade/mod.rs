//! What one good costs in another: boundary and γ against latency, prefill apart from decode, power against latency,
//! energy against context.

mod energy;
mod flex;
mod pareto;
mod split;

pub(super) use energy::{EnergyArgs, WINDOWS, curve, run as energy};
pub(super) use flex::{FlexArgs, LEVELS, deepest, run as flex};
pub(super) use pareto::{ParetoArgs, boundary_of, edges, run as pareto, without_fleet};
pub(super) use split::{SplitArgs, run as split};
