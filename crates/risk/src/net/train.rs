//! Training: users in shards, gradients added in order, the best epoch kept.

use super::adam::{Adam, one_cycle};
use super::forward::{Input, Weights};
use super::inputs::{Histories, Scales};
use super::layout::{Layout, Shape};
use super::{NetConfig, Network, fused_columns};
use crate::dataset::Dataset;
use crate::error::{Result, RiskError};
use crate::evaluate::{auc, sigmoid};
use crate::feature::{FeatureSpace, Matrix};
use crate::linear::Logistic;
use crate::train::CHOICE_MIN;
use tollgate_core::Seed;

/// Largest norm of a step's gradient.
const NORM_MAX: f32 = 2.0;

impl Network {
    /// Learns from `train` and keeps the epoch that ranks `held` best, where that has defaults enough to choose by; else the
    /// last.
    ///
    /// The fused features enter twice: through the head, and by the weights of `line`, a logistic regression on the same
    /// users that stays as it is, so that the network learns what it leaves. `step` hears of each epoch: its number, the mean loss, and the AUC on `held`.
    ///
    /// # Errors
    /// There are no histories to learn from.
    pub fn train(
        data: &Dataset,
        features: &Matrix,
        space: &FeatureSpace,
        (train, held): (&[u32], &[u32]),
        line: &Logistic,
        config: &NetConfig,
        step: &mut dyn FnMut(usize, f64, f64),
    ) -> Result<Self> {
        if data.folded.events.is_empty() || train.is_empty() {
            return Err(RiskError::Data(
                "a network needs users with payments; leave it out with --no-network".into(),
            ));
        }
        let numbers = data.folded.events.numbers.len();
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
        };
        let layout = Layout::of(&shape);
        let mut network = Self {
            weights: layout.start(config.seed),
            shape,
            space: space.clone(),
            scales: Scales::learn(data, train),
            scaler: line.scaler.clone(),
            columns,
            caps: config.caps,
        };
        let lookup = space.lookup(&data.names);
        let from = Histories::new(data, &lookup, &network.shape, &network.scales, config.caps);
        let labels: Vec<bool> = data.users.labels.iter().map(|l| *l == Some(true)).collect();
        network.begin(&layout, &labels, train, line);
        let truth: Vec<bool> = held.iter().map(|u| labels[*u as usize]).collect();
        let choose = truth.iter().filter(|l| **l).count() >= CHOICE_MIN;
        let mut adam = Adam::new(layout.total);
        let steps = train.len().div_ceil(config.batch) * config.epochs;
        let (mut done, mut best, mut kept) = (0usize, f64::NEG_INFINITY, (network.weights.clone(), 0));
        for epoch in 0..config.epochs {
            let mut loss = 0.0;
            for batch in shuffled(train, config.seed.derive(&format!("epoch {epoch}"))).chunks(config.batch) {
                let seed = config.seed.derive(&format!("step {done}"));
                let (mut gradient, sum) = network.gradient(&from, features, &labels, batch, config, seed);
                gradient[layout.line.clone()].fill(0.0);
                let norm = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
                if norm > NORM_MAX {
                    gradient.iter_mut().for_each(|g| *g *= NORM_MAX / norm);
                }
                let rate = one_cycle(config.rate, done as f32 / steps as f32);
                let fixed = network.weights[layout.line.clone()].to_vec();
                adam.step(&mut network.weights, &gradient, rate, config.decay);
                network.weights[layout.line.clone()].copy_from_slice(&fixed);
                loss += sum;
                done += 1;
            }
            let found = auc(&network.logits_from(&from, features, held), &truth).unwrap_or(epoch as f64);
            step(epoch, loss / train.len() as f64, found);
            if found > best || !choose {
                best = found;
                kept = (network.weights.clone(), epoch);
            } else if epoch >= kept.1 + config.patience {
                break;
            }
        }
        network.weights = kept.0;
        Ok(network)
    }

    /// The offset begins at the logit of the share of defaults, or everything at the line.
    fn begin(&mut self, layout: &Layout, labels: &[bool], train: &[u32], line: &Logistic) {
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

    /// Mean gradient of the log loss over a batch, and the sum of its losses.
    fn gradient(
        &self,
        from: &Histories<'_>,
        features: &Matrix,
        labels: &[bool],
        batch: &[u32],
        config: &NetConfig,
        seed: Seed,
    ) -> (Vec<f32>, f64) {
        let layout = Layout::of(&self.shape);
        let weights = Weights { shape: &self.shape, layout: &layout, w: &self.weights };
        let shards = from.shards(batch);
        let one = |place: usize| {
            let users = shards[place];
            let shard = from.shard(users);
            let given = self.fused(features, users);
            let mask = mask(
                users.len() * 3 * self.shape.width,
                config.dropout,
                seed.derive(&format!("shard {place}")),
            );
            let (features, fused) = (&given.all, &given.chosen);
            let input = Input { from, shard: &shard, features, fused, mask: mask.as_deref() };
            let tape = weights.forward(&input);
            let mut loss = 0.0;
            let errors: Vec<f32> = tape
                .logits
                .iter()
                .zip(users)
                .map(|(x, user)| {
                    let (p, y) = (sigmoid(f64::from(*x)), labels[*user as usize]);
                    loss -= if y { p.max(1e-12).ln() } else { (1.0 - p).max(1e-12).ln() };
                    (p - f64::from(u8::from(y))) as f32 / batch.len() as f32
                })
                .collect();
            let mut gradient = vec![0.0; layout.total];
            weights.backward(&input, &tape, &errors, &mut gradient);
            (gradient, loss)
        };
        let mut sum = (vec![0.0; layout.total], 0.0);
        // In the order of the shards, whichever thread was first.
        for (gradient, loss) in in_order(shards.len(), config.threads, &one) {
            sum.0.iter_mut().zip(gradient).for_each(|(s, g)| *s += g);
            sum.1 += loss;
        }
        sum
    }
}

/// Runs `one` for each place on a few threads; answers in the order of places.
fn in_order<T: Send>(count: usize, threads: usize, one: &(impl Fn(usize) -> T + Sync)) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = if threads == 0 { cores } else { threads }.min(count).max(1);
    if threads == 1 {
        return (0..count).map(one).collect();
    }
    let mut all: Vec<(usize, T)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || (worker..count).step_by(threads).map(|i| (i, one(i))).collect::<Vec<_>>())
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, answer)| answer).collect()
}

/// Zero for a share of places, more than one for the others, so that the mean stays.
fn mask(count: usize, share: f64, seed: Seed) -> Option<Vec<f32>> {
    let mut draw = seed;
    (share > 0.0).then(|| {
        let kept = (1.0 / (1.0 - share)) as f32;
        (0..count)
            .map(|_| {
                draw = draw.next();
                if draw.unit() < share { 0.0 } else { kept }
            })
            .collect()
    })
}

/// Users in an order drawn from the seed (Fisher and Yates).
fn shuffled(users: &[u32], seed: Seed) -> Vec<u32> {
    let mut order = users.to_vec();
    let mut draw = seed;
    for last in (1..order.len()).rev() {
        draw = draw.next();
        order.swap(last, (draw.unit() * (last + 1) as f64) as usize);
    }
    order
}
