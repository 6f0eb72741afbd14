//! From examples to a head, with predictions for every example by a model that did not see it.

use super::folds::{fold_of, group};
use super::logistic::{Dense, Sparse, Target, fit};
use super::vocabulary::Vocabulary;
use super::{Config, Example};
use crate::head::{Card, GramSide, Grams, Head, Scores, VectorSide};
use tollgate_core::Digest;

/// How far training is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// This fold is being predicted, of so many.
    Fold(usize, usize),
    /// All examples are being fitted.
    Whole,
}

/// A head, and what its kind predicts for texts that it did not see.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The head, of all examples that count.
    pub head: Head,
    /// For every example the probabilities of a head of the other folds.
    pub unseen: Vec<Scores>,
    /// The same of its n-gram side alone: what is said where no encoder is; all labels alike where there is no such side.
    pub without_vectors: Vec<Scores>,
}

/// The examples with their grams.
type Read<'e> = (&'e Example, &'e Grams);

/// One head without temperatures.
fn one(rows: &[Read<'_>], labels: &[String], config: &Config) -> (Option<GramSide>, Option<VectorSide>) {
    let rows: Vec<Read<'_>> = rows.iter().copied().filter(|(example, _)| example.weight > 0.0).collect();
    let count = labels.len();
    let mut frequent = vec![0.0_f32; count];
    for (example, _) in &rows {
        if let Some(sum) = frequent.get_mut(example.label) {
            *sum += example.weight;
        }
    }
    let mean = frequent.iter().sum::<f32>() / count.max(1) as f32;
    let factor = |label: usize| match frequent.get(label) {
        Some(sum) if config.balanced && *sum > 0.0 => mean / sum,
        _ => 1.0,
    };
    let target = |example: &Example| Target {
        label: example.label,
        share: example.share.filter(|_| count == 2),
        weight: example.weight * factor(example.label),
    };
    let targets: Vec<Target> = rows.iter().map(|(example, _)| target(example)).collect();
    let grams = (config.grams > 0).then(|| {
        let kept = Vocabulary::choose(&rows, count, config.least, config.grams);
        let mut design = Sparse::new(kept.keys.len());
        rows.iter().for_each(|(_, grams)| design.push(kept.row(grams)));
        let fitted = fit(&design, &targets, count, config.strength);
        let rarity: Vec<f32> = kept.rarity.iter().map(|step| GramSide::rarity_of(*step)).collect();
        GramSide::new(kept.keys, &rarity, &fitted.rows, &fitted.bias, 1.0, config.surface)
    });
    (grams, vector_side(&rows, &target, labels, config))
}

/// The vector side, of those examples that have a vector.
fn vector_side(
    rows: &[Read<'_>],
    target: &dyn Fn(&Example) -> Target,
    labels: &[String],
    config: &Config,
) -> Option<VectorSide> {
    let width = rows.iter().find_map(|(example, _)| example.vector.as_ref()).map_or(0, Vec::len);
    let (mut design, mut targets) = (Dense::new(width), Vec::new());
    for (example, vector) in rows.iter().filter_map(|(e, _)| Some((e, e.vector.as_ref()?))) {
        if vector.len() == width {
            design.push(vector);
            targets.push(target(example));
        }
    }
    (width > 0).then(|| {
        let fitted = fit(&design, &targets, labels.len(), config.vector_strength);
        VectorSide::new(&config.encoder, config.probe.clone(), &fitted.rows, &fitted.bias, 1.0)
    })
}

/// The temperature at which sums fit the labels best: the least mean cross-entropy, by golden sections of its logarithm.
fn temperature(sums: &[(Vec<f32>, &Example)]) -> f32 {
    let loss = |log: f64| -> f64 {
        let cool = log.exp() as f32;
        let each = sums.iter().filter(|(_, example)| example.weight > 0.0).map(|(sums, example)| {
            let scores = Scores::softmax(&sums.iter().map(|sum| sum / cool).collect::<Vec<_>>());
            let of = |label| f64::from(scores.of(label).max(1e-9)).ln();
            match example.share {
                Some(share) => -(f64::from(share) * of(1) + f64::from(1.0 - share) * of(0)),
                None => -of(example.label),
            }
        });
        each.sum()
    };
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (-3.0_f64, 3.0_f64);
    let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
    let (mut at_a, mut at_b) = (loss(a), loss(b));
    for _ in 0..30 {
        if at_a < at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - golden * (high - low);
            at_a = loss(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + golden * (high - low);
            at_b = loss(b);
        }
    }
    f64::midpoint(low, high).exp() as f32
}

/// What the vector side counts: the share of the least mean cross-entropy on some of the examples, in steps of a twentieth.
fn share(
    config: &Config,
    by_grams: &[Option<Scores>],
    by_vector: &[Option<Scores>],
    examples: &[Example],
    counts: &dyn Fn(usize) -> bool,
) -> f32 {
    const STEPS: u8 = 20;
    if !config.pooled {
        return 0.5;
    }
    let sides = by_grams.iter().zip(by_vector).zip(examples).enumerate();
    let both: Vec<(&Scores, &Scores, usize)> = sides
        .filter(|(at, (_, example))| counts(*at) && example.weight > 0.0)
        .filter_map(|(_, ((one, other), example))| Some((one.as_ref()?, other.as_ref()?, example.label)))
        .collect();
    let loss = |share: f32| -> f64 {
        let one = |(a, b, label): &(&Scores, &Scores, usize)| {
            -f64::from(a.pool(b, share).of(*label).max(1e-9)).ln()
        };
        both.iter().map(one).sum()
    };
    let tried = (0..=STEPS).map(|step| f32::from(step) / f32::from(STEPS)).map(|share| (share, loss(share)));
    tried.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0.5, |(share, _)| share)
}

/// Trains a head, telling `progress` how far it is.
pub fn train(
    examples: &[Example],
    labels: &[String],
    config: &Config,
    progress: &mut dyn FnMut(Step),
) -> Trained {
    let grams: Vec<Grams> = examples.iter().map(|example| read(example, config.surface)).collect();
    let rows: Vec<Read<'_>> = examples.iter().zip(&grams).collect();
    let folds = config.folds.max(2);
    let fold: Vec<usize> = examples.iter().map(|e| fold_of(&group(e), config.seed, folds)).collect();
    let mut by_grams: Vec<Vec<f32>> = vec![Vec::new(); examples.len()];
    let mut by_vector = by_grams.clone();
    for held in 0..folds {
        progress(Step::Fold(held, folds));
        let others: Vec<Read<'_>> =
            rows.iter().zip(&fold).filter(|(_, fold)| **fold != held).map(|(row, _)| *row).collect();
        let (gram_side, vector_side) = one(&others, labels, config);
        for (at, (example, grams)) in rows.iter().enumerate().filter(|(at, _)| fold.get(*at) == Some(&held)) {
            if let (Some(side), Some(slot)) = (&gram_side, by_grams.get_mut(at)) {
                *slot = side.logits(grams);
            }
            if let (Some(side), Some(slot), Some(vector)) =
                (&vector_side, by_vector.get_mut(at), &example.vector)
            {
                *slot = side.logits(vector);
            }
        }
    }
    progress(Step::Whole);
    let (mut grams, mut vector) = one(&rows, labels, config);
    let cool = |sums: &[Vec<f32>]| {
        let with: Vec<(Vec<f32>, &Example)> = sums
            .iter()
            .zip(examples)
            .filter(|(sums, _)| !sums.is_empty())
            .map(|(s, e)| (s.clone(), e))
            .collect();
        temperature(&with)
    };
    let settled = |sums: &[Vec<f32>], temperature: f32| -> Vec<Option<Scores>> {
        let one = |sums: &Vec<f32>| {
            let cooled: Vec<f32> = sums.iter().map(|sum| sum / temperature).collect();
            (!sums.is_empty()).then(|| Scores::softmax(&cooled))
        };
        sums.iter().map(one).collect()
    };
    let (by_grams, by_vector) = {
        let (warm_grams, warm_vector) = (cool(&by_grams), cool(&by_vector));
        grams.iter_mut().for_each(|side| side.cool(warm_grams));
        vector.iter_mut().for_each(|side| side.cool(warm_vector));
        (settled(&by_grams, warm_grams), settled(&by_vector, warm_vector))
    };
    let alike = || Scores(vec![1.0 / labels.len().max(1) as f32; labels.len()]);
    // What is said of a text that was held out has a share that was fitted on the other folds.
    let shares: Vec<f32> = (0..folds)
        .map(|held| share(config, &by_grams, &by_vector, examples, &|at| fold.get(at) != Some(&held)))
        .collect();
    let whole = share(config, &by_grams, &by_vector, examples, &|_| true);
    vector.iter_mut().for_each(|side| side.weigh(whole));
    let unseen = by_grams.iter().zip(&by_vector).zip(&fold).map(|(sides, fold)| match sides {
        (Some(one), Some(other)) => one.pool(other, shares.get(*fold).copied().unwrap_or(whole)),
        (Some(only), None) | (None, Some(only)) => only.clone(),
        (None, None) => alike(),
    });
    let unseen = unseen.collect();
    let without_vectors = by_grams.into_iter().map(|scores| scores.unwrap_or_else(alike)).collect();
    let head = Head::new(about(examples, labels, config), labels.to_vec(), grams, vector);
    Trained { head, unseen, without_vectors }
}

fn read(example: &Example, surface: bool) -> Grams {
    let grams = Grams::of(example.read());
    if surface { grams.with_surface(example.read()) } else { grams }
}

/// What a finished head says of examples.
#[must_use]
pub fn apply(head: &Head, examples: &[Example]) -> Vec<Scores> {
    let surface = head.grams().is_some_and(GramSide::surface);
    examples.iter().map(|e| head.classify(&read(e, surface), e.vector.as_deref())).collect()
}

fn about(examples: &[Example], labels: &[String], config: &Config) -> Card {
    let used: Vec<&Example> = examples.iter().filter(|e| e.weight > 0.0).collect();
    let mut sources: Vec<String> = used.iter().map(|e| e.source.clone()).filter(|s| !s.is_empty()).collect();
    sources.sort_unstable();
    sources.dedup();
    let parts = used
        .iter()
        .flat_map(|e| [e.text.as_bytes(), labels.get(e.label).map_or(&[][..], |label| label.as_bytes())]);
    Card {
        name: config.name.clone(),
        seed: config.seed.0,
        data: Digest::of_parts(parts).to_string(),
        rows: used.len() as u64,
        sources,
    }
}
