//! One step: the gradient of a batch, on a few threads and added in order, and what it changes.

use super::super::forward::{Input, Weights};
use super::super::inputs::Histories;
use super::super::layout::Layout;
use super::super::{NetConfig, Network, Rows};
use super::{Adam, NORM_MAX, Run, one_cycle};
use crate::evaluate::sigmoid;
use tollgate_core::Seed;

impl Run<'_> {
    /// One step; answers the sum of the losses before it.
    pub(super) fn step(
        &mut self,
        from: &Histories<'_>,
        put: &Rows<'_>,
        batch: &[u32],
        adam: &mut Adam,
        steps: usize,
    ) -> f64 {
        let (config, done) = (self.config, adam.steps);
        let layout = Layout::of(&self.network.shape);
        let seed = config.seed.derive(&format!("step {done}"));
        let (mut gradient, loss) = self.network.gradient(from, put, self.labels, batch, config, seed);
        gradient[layout.line.clone()].fill(0.0);
        bound(&mut gradient);
        let rate = one_cycle(config.rate, done as f32 / steps as f32);
        let fixed = self.network.weights[layout.line.clone()].to_vec();
        adam.step(&mut self.network.weights, &gradient, rate, config.decay);
        self.network.weights[layout.line.clone()].copy_from_slice(&fixed);
        loss
    }
}

/// Shortens a gradient to [`NORM_MAX`].
pub(super) fn bound(gradient: &mut [f32]) {
    let norm = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
    if norm > NORM_MAX {
        gradient.iter_mut().for_each(|g| *g *= NORM_MAX / norm);
    }
}

impl Network {
    /// Mean gradient of the log loss over a batch, and the sum of its losses.
    fn gradient(
        &self,
        from: &Histories<'_>,
        put: &Rows<'_>,
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
            let given = self.fused(put, users);
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
        summed(layout.total, shards.len(), config.threads, &one)
    }
}

/// The sum of the gradients and losses of all places, in their order whichever thread was first.
pub(super) fn summed(
    size: usize,
    count: usize,
    threads: usize,
    one: &(impl Fn(usize) -> (Vec<f32>, f64) + Sync),
) -> (Vec<f32>, f64) {
    let mut sum = (vec![0.0; size], 0.0);
    for (gradient, loss) in in_order(count, threads, one) {
        sum.0.iter_mut().zip(gradient).for_each(|(s, g)| *s += g);
        sum.1 += loss;
    }
    sum
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
        let joined = |worker: std::thread::ScopedJoinHandle<'_, Vec<(usize, T)>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(joined).collect()
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
pub(super) fn shuffled(users: &[u32], seed: Seed) -> Vec<u32> {
    let mut order = users.to_vec();
    let mut draw = seed;
    for last in (1..order.len()).rev() {
        draw = draw.next();
        order.swap(last, (draw.unit() * (last + 1) as f64) as usize);
    }
    order
}
