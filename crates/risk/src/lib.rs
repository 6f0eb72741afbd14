//! History to score: the probability that a payer defaults, from long payment histories folded by merchant.
//!
//! [`ingest`] reads files and refuses what is not whole or not known at the decision; [`fold`] groups each user's
//! behaviours by merchant; [`feature`] makes a history a row of numbers; [`linear`] and [`tree`] learn from rows, [`net`] from
//! the histories themselves; [`online`] scores one user at a time; [`monitor`] watches what is scored, [`report`] shows it, [`terms`] makes scores credit lines and escrow terms; [`evaluate`] says how good scores are; [`train`] fits all of them, chooses on held-out users and
//! keeps a [`model`]; [`generate`] makes histories whose best possible score is known. The folding follows LBSF (Qiao et al., arXiv 2411.15056); sizes and details are our own.

pub mod block;
pub mod dataset;
mod digest;
pub mod error;
pub mod evaluate;
pub mod explain;
pub mod feature;
pub mod fold;
pub mod generate;
pub mod ingest;
pub mod linear;
pub mod model;
pub mod monitor;
pub mod net;
pub mod online;
pub mod parquet;
pub mod report;
pub mod shelf;
pub mod table;
pub mod terms;
pub mod train;
pub mod tree;

pub use dataset::Dataset;
pub use error::{Result, RiskError};
