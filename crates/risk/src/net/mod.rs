//! The network on folded histories, with kernels of our own on ragged buffers.
//!
//! Every behaviour is encoded from all its fields (words and category of its kind, amount, time, gap, deviation from its
//! own merchant); attention pools the behaviours of a merchant; merchants attend to each other; a head reads them beside
//! the user's aggregates; words times (1, time, deviation, product) are added to the logit. Cost is linear in behaviours:
//! nothing is padded. One thread or many give the same weights, because gradients are added in the order of the users.
//! The design follows LBSF (arXiv 2411.15056); sizes and the wide path are our own.

mod attention;
mod backward;
mod forward;
mod inputs;
mod kernels;
mod layout;
mod learn;
mod shard;
mod within;

#[cfg(test)]
mod tests;

pub use inputs::Scales;
pub use layout::{Shape, Switches, Within};

use crate::dataset::Dataset;
use crate::feature::{FeatureSpace, Lookup, Matrix};
use crate::fold::Caps;
use crate::linear::Scaler;
use forward::{Input, Weights};
use inputs::Histories;
use layout::Layout;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tollgate_core::Seed;

/// How a network is made and trained.
#[derive(Debug, Clone, PartialEq)]
pub struct NetConfig {
    /// Width of behaviours and merchants.
    pub width: usize,
    /// Width of the head.
    pub head: usize,
    /// Passes over the training users.
    pub epochs: usize,
    /// Users per step.
    pub batch: usize,
    /// Highest rate of the one-cycle schedule.
    pub rate: f32,
    /// Decoupled weight decay (Loshchilov and Hutter 2019).
    pub decay: f32,
    /// Share of the head's inputs that a training step leaves out.
    pub dropout: f64,
    /// Epochs without a better AUC on held-out users after which training ends.
    pub patience: usize,
    /// Caps on histories.
    pub caps: Caps,
    /// Parts left out.
    pub switches: Switches,
    /// How long merchants are read.
    pub within: Within,
    /// Passes over the training users' histories in which hidden fields are guessed, before outcomes are looked at.
    pub masked: usize,
    /// The file that progress is kept in, and gone on from.
    pub kept: Option<PathBuf>,
    /// Threads; 0 for as many as there are cores.
    pub threads: usize,
    /// From which everything drawn follows.
    pub seed: Seed,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            width: 32,
            head: 32,
            epochs: 6,
            batch: 128,
            rate: 2e-3,
            decay: 0.05,
            dropout: 0.1,
            patience: 2,
            caps: Caps::default(),
            switches: Switches::default(),
            within: Within::default(),
            masked: 0,
            kept: None,
            threads: 0,
            seed: Seed(1),
        }
    }
}

/// A trained network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Sizes and switches.
    pub shape: Shape,
    /// Words and categories.
    pub space: FeatureSpace,
    /// How amounts and numbers are scaled.
    pub scales: Scales,
    /// How features are scaled.
    pub scaler: Scaler,
    /// Columns of the features that the head reads.
    pub columns: Vec<u32>,
    /// Caps on histories.
    pub caps: Caps,
    /// All weights; in files they lie apart.
    #[serde(skip)]
    pub weights: Vec<f32>,
}

/// Which features the head reads; words and categories of merchants reach it by their own paths.
fn fused_columns(features: &Matrix, switches: Switches, numbers: usize) -> Vec<u32> {
    if !switches.fused {
        return Vec::new();
    }
    let wanted =
        |name: &String| !name.starts_with("word:") && (numbers > 0 || !name.starts_with("category:"));
    (0u32..).zip(&features.names).filter(|(_, name)| wanted(name)).map(|(i, _)| i).collect()
}

/// Writes the scaled features of a user.
type Rows<'a> = dyn Fn(u32, &mut [f32]) + Sync + 'a;

/// Scaled features of some users: all of them, and those that the head reads.
#[derive(Debug, Default)]
struct Fused {
    all: Vec<f32>,
    chosen: Vec<f32>,
}

impl Network {
    /// Names, shapes and weights of the parts, for files.
    #[must_use]
    pub fn parts(&self) -> Vec<(&'static str, [usize; 2], &[f32])> {
        let layout = Layout::of(&self.shape);
        let part = |(name, range, shape): &(&'static str, std::ops::Range<usize>, [usize; 2])| {
            (*name, *shape, self.weights.get(range.clone()).unwrap_or_default())
        };
        layout.parts().iter().map(part).collect()
    }

    /// How many weights the shape has.
    #[must_use]
    pub fn size(&self) -> usize {
        Layout::of(&self.shape).total
    }

    /// Features of the users given, scaled by `put`, which writes a user's row.
    fn fused(&self, put: &Rows<'_>, users: &[u32]) -> Fused {
        let width = self.shape.features;
        let mut out = Fused { all: vec![0.0; users.len() * width], chosen: Vec::new() };
        if width > 0 {
            for (user, row) in users.iter().zip(out.all.chunks_exact_mut(width)) {
                put(*user, row);
                out.chosen.extend(self.columns.iter().map(|c| row.get(*c as usize).copied().unwrap_or(0.0)));
            }
        }
        out
    }

    /// A user's row, scaled when it is asked for.
    fn scaled<'a>(&'a self, features: &'a Matrix) -> impl Fn(u32, &mut [f32]) + Sync + 'a {
        |user, row| self.scaler.apply(features.row(user as usize), row)
    }

    /// Logits of the users given.
    #[must_use]
    pub fn logits(&self, data: &Dataset, features: &Matrix, users: &[u32]) -> Vec<f64> {
        self.logits_with(data, &self.space.lookup(&data.names), features, users)
    }

    /// The same with what [`Network::space`] knows of the data set's dictionaries.
    pub(crate) fn logits_with(
        &self,
        data: &Dataset,
        lookup: &Lookup,
        features: &Matrix,
        users: &[u32],
    ) -> Vec<f64> {
        let from = Histories::new(data, lookup, &self.shape, &self.scales, self.caps);
        self.logits_from(&from, &self.scaled(features), users)
    }

    fn logits_from(&self, from: &Histories<'_>, put: &Rows<'_>, users: &[u32]) -> Vec<f64> {
        let layout = Layout::of(&self.shape);
        let weights = Weights { shape: &self.shape, layout: &layout, w: &self.weights };
        let mut out = Vec::with_capacity(users.len());
        for users in from.shards(users) {
            let shard = from.shard(users);
            let given = self.fused(put, users);
            let input = Input { from, shard: &shard, features: &given.all, fused: &given.chosen, mask: None };
            let tape = weights.forward(&input);
            out.extend(tape.logits.iter().map(|x| f64::from(*x)));
        }
        out
    }
}
