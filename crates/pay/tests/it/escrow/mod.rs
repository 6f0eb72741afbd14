//! Escrows: contracts, the whole table of the state machine, orders and their forgeries, rails, and the simulator.

mod agents;
mod contract;
mod fair;
mod orders;
mod owners;
mod rails;
mod scene;
mod simulated;
mod table;
mod together;
mod witnesses;
