//! Training: users in shards, gradients added in order, the best epoch kept; part by part where histories lie in a folder.
//!
//! Invariant: everything drawn follows from the seed and the number of the epoch or step, so a run that was stopped and
//! goes on from what was kept ends with the same weights as one that was not, on any number of threads.

mod adam;
mod kept;
mod masked;
mod source;
mod step;

use super::inputs::Scales;
use super::layout::{Layout, Shape};
use super::{NetConfig, Network, fused_columns};
use crate::dataset::Dataset;
use crate::error::{Result, RiskError};
use crate::evaluate::auc;
use crate::feature::{FeatureSpace, Matrix};
use crate::linear::Logistic;
use crate::shelf::Shelf;
use crate::train::CHOICE_MIN;
use adam::{Adam, one_cycle};
use kept::Kept;
use source::Source;
use step::shuffled;

/// Largest norm of a step's gradient.
const NORM_MAX: f32 = 2.0;

/// How far training is, and everything it goes on from.
#[derive(Debug, Clone, Default, PartialEq)]
struct Progress {
    /// Passes of guessing hidden fields that are done.
    masked: usize,
    /// Passes over the training users that are done.
    epochs: usize,
    /// Weights; while fields are guessed, those of the guessing heads too.
    weights: Vec<f32>,
    adam: Adam,
    /// The best AUC on held-out users, its weights and its epoch.
    best: f64,
    kept: Vec<f32>,
    kept_epoch: usize,
    /// Whether there is nothing left to do.
    ended: bool,
}

impl Network {
    /// Learns from `train` and keeps the epoch that ranks `held` best, where that has defaults enough to choose by; else the
    /// last.
    ///
    /// The fused features enter twice: through the head, and by the weights of `line`, a logistic regression on the same
    /// users that stays as it is, so that the network learns what it leaves. `step` hears of each epoch: its number, the
    /// mean loss, and the AUC on `held`.
    ///
    /// # Errors
    /// There are no histories to learn from; what was kept of a stopped run cannot be used.
    pub fn train(
        data: &Dataset,
        features: &Matrix,
        space: &FeatureSpace,
        users: (&[u32], &[u32]),
        line: &Logistic,
        config: &NetConfig,
        step: &mut dyn FnMut(usize, f64, f64),
    ) -> Result<Self> {
        Self::train_from(&mut Shelf::Whole(data), features, space, users, line, config, step)
    }

    /// The same from a shelf of histories.
    ///
    /// # Errors
    /// As [`Network::train`]; a part cannot be read.
    pub fn train_from(
        shelf: &mut Shelf<'_>,
        features: &Matrix,
        space: &FeatureSpace,
        (train, held): (&[u32], &[u32]),
        line: &Logistic,
        config: &NetConfig,
        step: &mut dyn FnMut(usize, f64, f64),
    ) -> Result<Self> {
        if shelf.payments() == 0 || train.is_empty() {
            return Err(RiskError::Data(
                "a network needs users with payments; leave it out with --no-network".into(),
            ));
        }
        let labels: Vec<bool> = shelf.about().users.labels.iter().map(|l| *l == Some(true)).collect();
        let mut network = Self::fresh(shelf, features, space, (train, line), config)?;
        network.begin(&labels, train, line);
        let kept = Kept::open(config, &network, &labels, (train, held))?;
        let mut progress = kept.load()?.unwrap_or_default();
        if progress.ended {
            network.weights = progress.kept;
            return Ok(network);
        }
        let lookup = space.lookup(&shelf.about().names);
        let mut source = Source::new(shelf, &lookup, &network);
        if progress.masked < config.masked {
            network.guess(&mut source, train, config, (&kept, &mut progress))?;
        }
        let mut run = Run { network, features, labels: &labels, config, kept: &kept };
        run.epochs(&mut source, (train, held), progress, step)?;
        Ok(run.network)
    }

    /// A network that has learned nothing.
    fn fresh(
        shelf: &mut Shelf<'_>,
        features: &Matrix,
        space: &FeatureSpace,
        (train, line): (&[u32], &Logistic),
        config: &NetConfig,
    ) -> Result<Self> {
        let numbers = space.numbers.len();
        let columns = fused_columns(features, config.switches, numbers);
        let shape = Shape {
            width: config.width,
            head: config.head,
            words: space.words.len(),
            categories: space.categories.len(),
            numbers,
            features: if config.switches.fused { features.width() } else { 0 },
            fused: columns.len(),
            switches: config.switches,
            within: config.within,
        };
        Ok(Self {
            weights: Layout::of(&shape).start(config.seed),
            shape,
            space: space.clone(),
            scales: Scales::learn_from(shelf, train)?,
            scaler: line.scaler.clone(),
            columns,
            caps: config.caps,
        })
    }

    /// The offset begins at the logit of the share of defaults, or everything at the line.
    fn begin(&mut self, labels: &[bool], train: &[u32], line: &Logistic) {
        let layout = Layout::of(&self.shape);
        let offset = layout.out.end - 1;
        if self.shape.features > 0 && self.shape.features == line.weights.len() {
            self.weights[layout.line.clone()].iter_mut().zip(&line.weights).for_each(|(w, l)| *w = *l as f32);
            self.weights[offset] = line.offset as f32;
            return;
        }
        let defaults = train.iter().filter(|u| labels[**u as usize]).count() as f64;
        let share = (defaults + 0.5) / (train.len() as f64 + 1.0);
        self.weights[offset] = (share / (1.0 - share)).ln() as f32;
    }

    /// The rows of the users given, scaled once for all epochs; zero for the others.
    fn scaled_once(&self, features: &Matrix, users: &[&[u32]]) -> Vec<f32> {
        let width = self.shape.features;
        let mut out = vec![0.0; features.rows * width];
        if width > 0 {
            for user in users.iter().copied().flatten() {
                let at = *user as usize * width;
                self.scaler.apply(features.row(*user as usize), &mut out[at..at + width]);
            }
        }
        out
    }
}

/// What epochs share.
struct Run<'a> {
    network: Network,
    features: &'a Matrix,
    labels: &'a [bool],
    config: &'a NetConfig,
    kept: &'a Kept,
}

impl Run<'_> {
    fn epochs(
        &mut self,
        source: &mut Source<'_>,
        (train, held): (&[u32], &[u32]),
        mut progress: Progress,
        step: &mut dyn FnMut(usize, f64, f64),
    ) -> Result<()> {
        let scaled = self.network.scaled_once(self.features, &[train, held]);
        let width = self.network.shape.features;
        let put = |user: u32, row: &mut [f32]| {
            row.copy_from_slice(&scaled[user as usize * width..(user as usize + 1) * width]);
        };
        if progress.epochs == 0 {
            let weights = self.network.weights.clone();
            let adam = Adam::new(weights.len());
            let masked = progress.masked;
            progress = Progress {
                masked,
                kept: weights.clone(),
                weights,
                adam,
                best: f64::NEG_INFINITY,
                ..progress
            };
        }
        self.network.weights.clone_from(&progress.weights);
        let truth: Vec<bool> = held.iter().map(|u| self.labels[*u as usize]).collect();
        let choose = truth.iter().filter(|l| **l).count() >= CHOICE_MIN;
        let parts = source.divided(train);
        let steps =
            parts.iter().map(|own| own.len().div_ceil(self.config.batch)).sum::<usize>() * self.config.epochs;
        for epoch in progress.epochs..self.config.epochs {
            let seed = self.config.seed.derive(&format!("epoch {epoch}"));
            let mut loss = 0.0;
            for part in source.order(seed) {
                let users = shuffled(&parts[part], seed);
                source.with(part, &mut |from| {
                    for batch in users.chunks(self.config.batch) {
                        loss += self.step(from, &put, batch, &mut progress.adam, steps);
                    }
                })?;
            }
            let network = &self.network;
            let logits = source.gathered(held, &mut |from, users| network.logits_from(from, &put, users))?;
            let found = auc(&logits, &truth).unwrap_or(epoch as f64);
            step(epoch, loss / train.len() as f64, found);
            progress.epochs = epoch + 1;
            progress.weights.clone_from(&self.network.weights);
            if found > progress.best || !choose {
                progress.best = found;
                progress.kept.clone_from(&progress.weights);
                progress.kept_epoch = epoch;
            } else if epoch >= progress.kept_epoch + self.config.patience {
                progress.ended = true;
            }
            progress.ended |= progress.epochs == self.config.epochs;
            self.kept.save(&progress)?;
            if progress.ended {
                break;
            }
        }
        self.network.weights = progress.kept;
        Ok(())
    }
}
