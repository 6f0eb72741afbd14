//! The two sides of a head: linear models over n-grams and over a vector, in eight bits a weight.

use super::{GRAMS_MAX, Grams};

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

/// A linear model over a vector of the text encoder.
#[derive(Clone, PartialEq, Debug)]
pub struct VectorSide {
    /// The encoder whose vectors it was trained on.
    pub(super) encoder: String,
    pub(super) weights: Weights,
}

impl VectorSide {
    /// A side from what was learned: a row of one weight a label for every dimension.
    #[must_use]
    pub fn new(encoder: &str, rows: &[f32], bias: &[f32], temperature: f32) -> Self {
        Self { encoder: encoder.to_owned(), weights: Weights::quantise(rows, bias, temperature) }
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
