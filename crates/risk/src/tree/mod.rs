//! Boosted trees with histogram splits: logistic loss, leaf-wise growth.
//!
//! The method is gradient boosting (Friedman 2001) with second-order leaves (Chen and Guestrin 2016) and leaf-wise growth
//! over binned features (Ke et al. 2017). One thread and a seed: the same data give the same trees.

mod bins;
mod boost;
mod grow;

pub use boost::{Forest, TreeParams};
pub use grow::Tree;
