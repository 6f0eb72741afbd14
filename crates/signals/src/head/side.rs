//! The two sides of a head: linear models over n-grams and over a vector, in eight bits a weight.

use super::{GRAMS_MAX, Grams};
use serde::{Deserialize, Serialize};

/// Steps of a quantised weight to each side of zero.
const STEPS: f32 = 127.0;
/// Weight of the rarest kept gram, from the commonest's 1: what one step of a stored rarity is worth.
const RARITY_STEP: f32 = 1.0 / 16.0;

/// Weights of the labels in eight bits: `weight = step of the label × stored`.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Weights {
    /// Rows of one weight a label.
    pub(super) rows: Vec<i8>,
    /// Worth of one step, by label.
    pub(super) steps: Vec<f32>,
    /// Added to each label.
    pub(super) bias: Vec<f32>,
    /// What the sums are divided by before they become probabilities.
    pub(super) temperature: f32,
}

impl Weights {
    /// Rounds rows of one weight a label to steps of the label's largest weight.
    fn quantise(rows: &[f32], bias: &[f32], temperature: f32) -> Self {
        let labels = bias.len().max(1);
        let mut largest = vec![0.0_f32; labels];
        for row in rows.chunks_exact(labels) {
            largest.iter_mut().zip(row).for_each(|(most, weight)| *most = most.max(weight.abs()));
        }
        let steps: Vec<f32> =
            largest.iter().map(|most| if *most > 0.0 { most / STEPS } else { 1.0 / STEPS }).collect();
        let stored = rows.chunks_exact(labels).flat_map(|row| {
            row.iter().zip(&steps).map(|(weight, step)| (weight / step).round().clamp(-STEPS, STEPS) as i8)
        });
        Self { rows: stored.collect(), steps, bias: bias.to_vec(), temperature }
    }

    /// Sums of `value × row`, by label, with the bias, cooled by the temperature.
    fn logits(&self, values: impl Iterator<Item = (usize, f32)>) -> Vec<f32> {
        let labels = self.bias.len().max(1);
        let mut sums = vec![0.0_f32; labels];
        for (at, value) in values {
            if let Some(row) = self.rows.get(at * labels..(at + 1) * labels) {
                sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += value * f32::from(*weight));
            }
        }
        let sums = sums.iter().zip(&self.steps).zip(&self.bias);
        sums.map(|((sum, step), bias)| (sum * step + bias) / self.temperature).collect()
    }
}

/// A linear model over hashed n-grams. A gram counts `(1 + ln n) · rarity` for its `n` occurrences, and the counts of a text
/// are scaled to length one over the grams that are kept.
#[derive(Clone, PartialEq, Debug)]
pub struct GramSide {
    /// Kept grams, ascending.
    pub(super) keys: Vec<u32>,
    /// Rarity of each, in steps.
    pub(super) rarity: Vec<u8>,
    pub(super) weights: Weights,
    /// Whether the look of the text as a whole is read, too.
    pub(super) surface: bool,
    slots: Vec<u16>,
}

impl GramSide {
    /// A side from what was learned: grams ascending, the rarity of each, rows of one weight a label.
    #[must_use]
    pub fn new(
        keys: Vec<u32>,
        rarity: &[f32],
        rows: &[f32],
        bias: &[f32],
        temperature: f32,
        surface: bool,
    ) -> Self {
        let rarity = rarity.iter().map(|value| Self::rarity_step(*value)).collect();
        Self::assemble(keys, rarity, Weights::quantise(rows, bias, temperature), surface)
    }

    pub(super) fn assemble(keys: Vec<u32>, rarity: Vec<u8>, weights: Weights, surface: bool) -> Self {
        let mut side = Self { slots: vec![0; Self::table(keys.len())], keys, rarity, weights, surface };
        for at in 0..side.keys.len().min(GRAMS_MAX) {
            let mut slot = side.first(side.keys[at]);
            while side.slots[slot] != 0 {
                slot = (slot + 1) & (side.slots.len() - 1);
            }
            side.slots[slot] = at as u16 + 1;
        }
        side
    }

    /// The stored step of a rarity.
    pub(crate) fn rarity_step(value: f32) -> u8 {
        (value / RARITY_STEP).round().clamp(1.0, 255.0) as u8
    }

    /// What a stored step is worth.
    pub(crate) fn rarity_of(step: u8) -> f32 {
        f32::from(step) * RARITY_STEP
    }

    /// Slots for so many grams: a power of two, at most half full.
    fn table(grams: usize) -> usize {
        (2 * grams).next_power_of_two().max(2)
    }

    fn first(&self, key: u32) -> usize {
        (key.wrapping_mul(0x9e37_79b1) >> 7) as usize & (self.slots.len() - 1)
    }

    fn find(&self, key: u32) -> Option<usize> {
        let mut slot = self.first(key);
        loop {
            let at = usize::from(*self.slots.get(slot)?).checked_sub(1)?;
            if self.keys.get(at) == Some(&key) {
                return Some(at);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    /// How many grams are kept.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether it reads the look of a text, too.
    #[must_use]
    pub const fn surface(&self) -> bool {
        self.surface
    }

    /// Sets the temperature.
    pub(crate) const fn cool(&mut self, temperature: f32) {
        self.weights.temperature = temperature;
    }

    pub(crate) fn logits(&self, grams: &Grams) -> Vec<f32> {
        let mut hits: Vec<u16> =
            grams.hashes().iter().filter_map(|gram| self.find(*gram)).map(|at| at as u16).collect();
        hits.sort_unstable();
        let counts = hits.chunk_by(|a, b| a == b).filter_map(|same| {
            let at = usize::from(*same.first()?);
            Some((at, Self::value(same.len(), *self.rarity.get(at)?)))
        });
        let counts: Vec<(usize, f32)> = counts.collect();
        let norm = counts.iter().map(|(_, value)| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        self.weights.logits(counts.iter().map(|(at, value)| (*at, value / norm)))
    }

    /// What `count` occurrences of a gram of this rarity count, before scaling.
    pub(crate) fn value(count: usize, rarity: u8) -> f32 {
        (1.0 + (count as f32).ln()) * Self::rarity_of(rarity)
    }
}

/// What an encoder is known by: its vector of [`PROBE`] begins with these numbers, in steps of 1/1000. The name of a folder
/// says nothing, and a digest of weights differs where the vectors do not.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Probe(pub Vec<i16>);

/// The text that an encoder is known by.
pub const PROBE: &str = "The quick brown fox jumps over the lazy dog, and 27 hens look on.";
/// Numbers of its vector that are kept.
const PROBE_DIMS: usize = 32;
/// Steps in which they are kept.
const PROBE_STEP: f32 = 1e-3;
/// The cosine from which on two vectors of the text are one encoder's: arithmetic in bytes stays well above it.
const PROBE_COSINE: f32 = 0.97;

impl Probe {
    /// What is kept of an encoder's vector of [`PROBE`].
    #[must_use]
    pub fn of(vector: &[f32]) -> Self {
        let step = |value: &f32| (value / PROBE_STEP).round().clamp(-32_000.0, 32_000.0) as i16;
        Self(vector.iter().take(PROBE_DIMS).map(step).collect())
    }

    /// Whether this is the same encoder's.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        let dot = |a: &Self, b: &Self| -> f32 {
            a.0.iter().zip(&b.0).map(|(x, y)| f32::from(*x) * f32::from(*y)).sum()
        };
        let norms = (dot(self, self) * dot(other, other)).sqrt();
        self.0.len() == other.0.len() && norms > 0.0 && dot(self, other) / norms >= PROBE_COSINE
    }
}

/// A linear model over a vector of the text encoder.
#[derive(Clone, PartialEq, Debug)]
pub struct VectorSide {
    /// The encoder whose vectors it was trained on.
    pub(super) encoder: String,
    /// What that encoder is known by; empty where the vectors are no encoder's.
    pub(super) probe: Probe,
    pub(super) weights: Weights,
    /// What it counts beside the n-gram side, in [0, 1].
    pub(super) share: f32,
}

impl VectorSide {
    /// A side from what was learned: a row of one weight a label for every dimension.
    #[must_use]
    pub fn new(encoder: &str, probe: Probe, rows: &[f32], bias: &[f32], temperature: f32) -> Self {
        Self {
            encoder: encoder.to_owned(),
            probe,
            weights: Weights::quantise(rows, bias, temperature),
            share: 0.5,
        }
    }

    /// What it counts beside the n-gram side, in [0, 1].
    #[must_use]
    pub const fn share(&self) -> f32 {
        self.share
    }

    /// Sets that.
    pub(crate) const fn weigh(&mut self, share: f32) {
        self.share = share;
    }

    /// What the encoder whose vectors it reads is known by.
    #[must_use]
    pub const fn probe(&self) -> &Probe {
        &self.probe
    }

    /// The encoder whose vectors it reads.
    #[must_use]
    pub fn encoder(&self) -> &str {
        &self.encoder
    }

    /// How long those vectors are.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.weights.rows.len() / self.weights.bias.len().max(1)
    }

    /// Sets the temperature.
    pub(crate) const fn cool(&mut self, temperature: f32) {
        self.weights.temperature = temperature;
    }

    pub(crate) fn logits(&self, vector: &[f32]) -> Vec<f32> {
        self.weights.logits(vector.iter().copied().enumerate())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoder_is_known_by_what_it_says_of_the_probe() {
        let vector: Vec<f32> = (0..384).map(|at| ((at * 37 % 101) as f32 - 50.0) / 1000.0).collect();
        let rough: Vec<f32> = vector.iter().enumerate().map(|(at, x)| x + (at % 3) as f32 * 0.002).collect();
        let other: Vec<f32> = vector.iter().rev().copied().collect();
        let probe = Probe::of(&vector);
        assert!(probe.agrees(&probe) && probe.agrees(&Probe::of(&rough)));
        assert!(!probe.agrees(&Probe::of(&other)) && !probe.agrees(&Probe::of(&vector[..8])));
        assert!(!Probe::default().agrees(&Probe::default()), "vectors that are no encoder's");
    }
}
