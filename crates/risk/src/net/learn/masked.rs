//! Learning without outcomes: some fields are hidden and guessed from the rest of the history.
//!
//! Of a behaviour the amount and the days since the last one at its merchant are hidden, and guessed as one of eight
//! classes each from the behaviour and its merchant; of a merchant words and category are hidden, and the category is
//! guessed from what was paid there and from the user's other merchants. Hidden amounts are in no statistic of the
//! merchant. The guessing heads are thrown away. Source of the idea: Devlin et al. 2019; of hiding fields of payments:
//! Padhi et al. 2021 (TabBERT).

use super::super::forward::Weights;
use super::super::inputs::Histories;
use super::super::kernels::{add, back, outer, product, softmax, sum_rows};
use super::super::layout::Layout;
use super::super::shard::{Hide, Shard};
use super::super::{NetConfig, Network};
use super::kept::Kept;
use super::source::Source;
use super::step::{bound, shuffled, summed};
use super::{Adam, Progress, one_cycle};
use crate::error::Result;
use std::ops::Range;

/// Share of behaviours, and of merchants, that are hidden.
const SHARE: f64 = 0.15;
/// Classes of amounts, and of gaps.
const CLASSES: usize = 8;
/// Where classes of scaled amounts end: eighths of a normal distribution.
const AMOUNTS: [f32; CLASSES - 1] = [-1.15, -0.67, -0.32, 0.0, 0.32, 0.67, 1.15];
/// Where classes of gaps end, in days.
const GAPS: [f32; CLASSES - 1] = [0.5, 1.5, 3.0, 6.0, 10.0, 20.0, 45.0];

/// Where the weights of the guessing heads lie, behind those of the network.
struct Heads {
    behaviour: Range<usize>,
    behaviour_bias: Range<usize>,
    merchant: Range<usize>,
    merchant_bias: Range<usize>,
    categories: usize,
    width: usize,
}

impl Heads {
    fn of(network: &Network) -> Self {
        let (d, categories) = (network.shape.width, network.shape.categories + 1);
        let mut next = network.weights.len();
        let mut part = |count: usize| {
            next += count;
            next - count..next
        };
        Self {
            behaviour: part(2 * d * 2 * CLASSES),
            behaviour_bias: part(2 * CLASSES),
            merchant: part(d * categories),
            merchant_bias: part(categories),
            categories,
            width: d,
        }
    }

    const fn end(&self) -> usize {
        self.merchant_bias.end
    }
}

impl Network {
    /// Learns to guess hidden fields of the users' histories, and keeps everything but the guessing heads.
    pub(super) fn guess(
        &mut self,
        source: &mut Source<'_>,
        users: &[u32],
        config: &NetConfig,
        (kept, progress): (&Kept, &mut Progress),
    ) -> Result<()> {
        let heads = Heads::of(self);
        let size = self.weights.len();
        if progress.masked == 0 {
            let mut draw = config.seed.derive("guess");
            let weights = (size..heads.end()).map(|_| {
                draw = draw.next();
                (draw.unit() as f32 - 0.5) * 0.1
            });
            progress.weights = self.weights.iter().copied().chain(weights).collect();
            progress.adam = Adam::new(heads.end());
        }
        let parts = source.divided(users);
        let steps = parts.iter().map(|own| own.len().div_ceil(config.batch)).sum::<usize>() * config.masked;
        for pass in progress.masked..config.masked {
            let seed = config.seed.derive(&format!("guess {pass}"));
            for part in source.order(seed) {
                source.with(part, &mut |from| {
                    for batch in shuffled(&parts[part], seed).chunks(config.batch) {
                        let (w, done) = (&progress.weights, progress.adam.steps);
                        let hide = Hide { share: SHARE, seed: seed.derive(&format!("step {done}")) };
                        let (mut gradient, _) = self.guessed(&heads, from, w, batch, config.threads, hide);
                        bound(&mut gradient);
                        let rate = one_cycle(config.rate, done as f32 / steps as f32);
                        progress.adam.step(&mut progress.weights, &gradient, rate, 0.0);
                    }
                })?;
            }
            progress.masked = pass + 1;
            if progress.masked < config.masked {
                kept.save(progress)?;
            }
        }
        // The offset and the line are not of what fields say of each other: they stay, as does what no guess reached.
        self.weights.copy_from_slice(&progress.weights[..size]);
        Ok(())
    }

    /// The gradient of the mean loss of guessing, and the sum over shards of that loss.
    fn guessed(
        &self,
        heads: &Heads,
        from: &Histories<'_>,
        w: &[f32],
        batch: &[u32],
        threads: usize,
        hide: Hide,
    ) -> (Vec<f32>, f64) {
        let layout = Layout::of(&self.shape);
        let weights = Weights { shape: &self.shape, layout: &layout, w };
        let shards = from.shards(batch);
        let one = |place: usize| {
            let users = shards[place];
            let shard = from.shard_without(users, Some(hide));
            let mut gradient = vec![0.0; heads.end()];
            let share = users.len() as f32 / batch.len() as f32;
            let loss = weights.guess(heads, (from, &shard), share, &mut gradient);
            (gradient, loss)
        };
        summed(heads.end(), shards.len(), threads, &one)
    }
}

/// Rows to classify, and the gradient of what they were made of.
struct Rows {
    x: Vec<f32>,
    /// Per row: its logits' gradient, filled in when it is judged.
    errors: Vec<f32>,
}

impl Weights<'_> {
    /// Adds the gradient of `share` times the mean loss to `out`, and answers that loss.
    fn guess(&self, heads: &Heads, given: (&Histories<'_>, &Shard), share: f32, out: &mut [f32]) -> f64 {
        let (shard, d) = (given.1, heads.width);
        let tape = self.body(given.0, shard);
        let (behaviours, merchants) = (&shard.hidden.behaviours, &shard.hidden.merchants);
        let each = share / (behaviours.len() + merchants.len()).max(1) as f32;
        let mut loss = 0.0;
        let (mut read, mut related) = (vec![0.0; tape.h.len()], vec![0.0; tape.related.len()]);

        let group = |event: u32| shard.groups.partition_point(|start| *start <= event as usize) - 1;
        let row = |at: &[f32], i: usize| at[i * d..(i + 1) * d].to_vec();
        let x = behaviours.iter().flat_map(|(event, ..)| {
            [row(&tape.h, *event as usize), row(&tape.related, group(*event))].concat()
        });
        let mut rows =
            self.classified((&heads.behaviour, &heads.behaviour_bias), x.collect(), behaviours.len());
        for ((_, amount, days), error) in behaviours.iter().zip(rows.errors.chunks_exact_mut(2 * CLASSES)) {
            let (amounts, gaps) = error.split_at_mut(CLASSES);
            loss += wrong(amounts, Some(class(&AMOUNTS, *amount)), each);
            loss += wrong(gaps, days.map(|days| class(&GAPS, days)), each);
        }
        let back =
            self.classified_back((&heads.behaviour, &heads.behaviour_bias), &rows, behaviours.len(), out);
        for ((event, ..), g) in behaviours.iter().zip(back.chunks_exact(2 * d)) {
            let (event, group) = (*event as usize, group(*event));
            add(&mut read[event * d..(event + 1) * d], 1.0, &g[..d]);
            add(&mut related[group * d..(group + 1) * d], 1.0, &g[d..]);
        }

        let x = merchants.iter().flat_map(|(group, _)| row(&tape.related, *group as usize));
        rows = self.classified((&heads.merchant, &heads.merchant_bias), x.collect(), merchants.len());
        for ((_, category), error) in merchants.iter().zip(rows.errors.chunks_exact_mut(heads.categories)) {
            loss += wrong(error, Some(*category as usize), each);
        }
        let back = self.classified_back((&heads.merchant, &heads.merchant_bias), &rows, merchants.len(), out);
        for ((group, _), g) in merchants.iter().zip(back.chunks_exact(d)) {
            add(&mut related[*group as usize * d..(*group as usize + 1) * d], 1.0, g);
        }
        self.body_back(given, &tape, related, Some(&read), out);
        loss
    }

    /// Logits of rows by a linear head.
    fn classified(&self, (head, bias): (&Range<usize>, &Range<usize>), x: Vec<f32>, count: usize) -> Rows {
        let mut errors: Vec<f32> = (0..count).flat_map(|_| self.w[bias.clone()].iter().copied()).collect();
        product(&x, &self.w[head.clone()], &mut errors, count, bias.len(), 1.0);
        Rows { x, errors }
    }

    /// Adds the gradient of a head, and answers that of its rows.
    fn classified_back(
        &self,
        (head, bias): (&Range<usize>, &Range<usize>),
        rows: &Rows,
        count: usize,
        out: &mut [f32],
    ) -> Vec<f32> {
        sum_rows(&rows.errors, &mut out[bias.clone()]);
        outer(&rows.x, &rows.errors, &mut out[head.clone()], count);
        let mut input = vec![0.0; rows.x.len()];
        back(&rows.errors, &self.w[head.clone()], &mut input, count, head.len() / bias.len(), 0.0);
        input
    }
}

fn class(ends: &[f32], value: f32) -> usize {
    ends.iter().filter(|end| value > **end).count()
}

/// Turns logits into the gradient of `each` times the log loss, nothing where there is no right class; answers the loss.
fn wrong(logits: &mut [f32], right: Option<usize>, each: f32) -> f64 {
    let Some(right) = right else {
        logits.fill(0.0);
        return 0.0;
    };
    softmax(logits);
    let loss = -f64::from(logits[right].max(1e-12)).ln();
    logits[right] -= 1.0;
    logits.iter_mut().for_each(|x| *x *= each);
    loss * f64::from(each)
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::small;
    use super::super::Shelf;
    use super::*;
    use crate::linear::Logistic;
    use tollgate_core::Seed;

    /// Every part that guessing reaches, by finite differences; and guesses get better.
    #[test]
    fn gradients_of_guesses_are_those_of_finite_differences() {
        let (data, space, features) = small(12, 60.0);
        let users: Vec<u32> = (0..12).collect();
        let labels: Vec<bool> = data.users.labels.iter().map(|l| *l == Some(true)).collect();
        let line = Logistic::fit(&features, &labels, &users, 10.0);
        let config =
            NetConfig { width: 4, head: 3, masked: 30, batch: 4, rate: 2e-2, ..NetConfig::default() };
        let mut shelf = Shelf::Whole(&data);
        let mut network = Network::fresh(&mut shelf, &features, &space, (&users, &line), &config).unwrap();
        let heads = Heads::of(&network);
        let mut draw = Seed(4);
        let mut w: Vec<f32> = network.weights.clone();
        w.resize(heads.end(), 0.0);
        w.iter_mut().for_each(|w| {
            draw = draw.next();
            *w += (draw.unit() as f32 - 0.5) * 0.3;
        });
        let lookup = space.lookup(&data.names);
        let from = Histories::new(&data, &lookup, &network.shape, &network.scales, network.caps);
        let hide = Hide { share: 0.3, seed: Seed(2) };
        let shard = from.shard_without(&users[..3], Some(hide));
        assert!(!shard.hidden.behaviours.is_empty() && !shard.hidden.merchants.is_empty());
        let layout = Layout::of(&network.shape);
        let value = |w: &[f32], out: &mut [f32]| {
            Weights { shape: &network.shape, layout: &layout, w }.guess(&heads, (&from, &shard), 1.0, out)
        };
        let mut gradient = vec![0.0; w.len()];
        value(&w, &mut gradient);
        let parts = layout.parts().iter().map(|(name, range, _)| (*name, range.clone()));
        let own = [("behaviour", heads.behaviour.clone()), ("category", heads.merchant.clone())];
        let mut reached = 0;
        for (name, range) in parts.chain(own) {
            for i in range.clone().step_by(range.len().div_ceil(10).max(1)) {
                let h = 1e-2;
                let mut moved = w.clone();
                let mut at = |x: f32| {
                    moved[i] = x;
                    value(&moved, &mut vec![0.0; w.len()])
                };
                let numeric = (at(w[i] + h) - at(w[i] - h)) / (2.0 * f64::from(h));
                let found = f64::from(gradient[i]);
                let close = (numeric - found).abs() < 1e-3 + 0.02 * numeric.abs();
                assert!(close, "{name}[{}]: {found} is not {numeric}", i - range.start);
                reached += usize::from(found != 0.0);
            }
        }
        assert!(reached > 60, "{reached}");

        let loss = |network: &Network, w: &[f32]| network.guessed(&heads, &from, w, &users, 1, hide).1;
        let kept = Kept::open(&config, &network, &labels, (&users, &[])).unwrap();
        let mut progress = Progress::default();
        let mut source = Source::new(&mut shelf, &lookup, &network);
        let before = loss(&network, &w);
        network.guess(&mut source, &users, &config, (&kept, &mut progress)).unwrap();
        let after = loss(&network, &progress.weights);
        assert!(after < before * 0.9, "{before} {after}");
    }

    /// What is hidden is in no field and in no statistic: other amounts there give the same shard.
    #[test]
    fn what_is_hidden_cannot_be_read() {
        let (mut data, space, features) = small(4, 60.0);
        let users: Vec<u32> = (0..4).collect();
        let labels = vec![false; 4];
        let line = Logistic::fit(&features, &labels, &users, 10.0);
        let network = Network::fresh(
            &mut Shelf::Whole(&data),
            &features,
            &space,
            (&users, &line),
            &NetConfig::default(),
        )
        .unwrap();
        let lookup = space.lookup(&data.names);
        let hide = Hide { share: 0.4, seed: Seed(7) };
        let laid = |data: &crate::Dataset| {
            let from = Histories::new(data, &lookup, &network.shape, &network.scales, network.caps);
            from.shard_without(&users, Some(hide))
        };
        let first = laid(&data);
        let mut order = Vec::new();
        for user in 0..4 {
            order.extend(data.folded.listed_of(user));
        }
        for (event, ..) in &first.hidden.behaviours {
            data.folded.events.amount[order[*event as usize]] += 5_000;
        }
        let second = laid(&data);
        assert_eq!((&first.x, &first.stats, &first.wide), (&second.x, &second.stats, &second.wide));
        assert_ne!(first.hidden.behaviours[0].1, second.hidden.behaviours[0].1);
    }
}
