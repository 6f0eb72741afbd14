//! Expected output length, from completed answers.
//!
//! Per (category, prompt-length bucket) a histogram with logarithmic bins, as in DDSketch (Masson, Rim, Lee, VLDB
//! 2019): bin i holds lengths in (γ^(i−1), γ^i] with γ = 2^¼, so a quantile is off by at most (γ−1)/(γ+1) ≈ 9 %.
//! Old answers fade: each histogram halves its counts whenever they reach [`FADE_AT`]. Placement uses P75. A cell
//! with fewer than [`ENOUGH`] answers borrows from its prompt-length bucket over all categories, then from all.

use std::collections::BTreeMap;

/// Bins: lengths up to 2^(72/4) = 262,144 tokens.
const BINS: usize = 73;
/// Prompt-length buckets: under 256 tokens, then one per factor of 4, the last from 262,144 on.
const BUCKETS: usize = 7;
/// Answers that make a cell trustworthy.
const ENOUGH: f32 = 20.0;
/// Sum of counts at which they are halved.
const FADE_AT: f32 = 1000.0;
/// Most categories; further ones only feed the cells over all categories.
const CATEGORIES_MAX: usize = 256;
/// Expected output before anything was observed, at P50 and P75.
const PRIOR: (f64, f64) = (200.0, 400.0);

/// γ = 2^¼.
const GAMMA: f64 = 1.189_207_115_002_721;
/// The centre of each bin: 2·γ^i / (γ + 1).
const CENTRES: [f64; BINS] = {
    let mut centres = [0.0; BINS];
    let (mut at, mut centre) = (0, 2.0 / (GAMMA + 1.0));
    while at < BINS {
        centres[at] = centre;
        centre *= GAMMA;
        at += 1;
    }
    centres
};

#[derive(Clone, Debug)]
struct Histogram {
    counts: [f32; BINS],
    total: f32,
}

impl Histogram {
    const EMPTY: Self = Self { counts: [0.0; BINS], total: 0.0 };

    fn add(&mut self, bin: usize) {
        if let Some(count) = self.counts.get_mut(bin.min(BINS - 1)) {
            *count += 1.0;
            self.total += 1.0;
        }
        if self.total >= FADE_AT {
            self.counts.iter_mut().for_each(|c| *c /= 2.0);
            self.total = self.counts.iter().sum();
        }
    }

    /// P50 and P75 in one pass: each the centre of the bin it falls in.
    fn quantiles(&self) -> Option<(f64, f64)> {
        if self.total < ENOUGH {
            return None;
        }
        let centre = |bin: usize| if bin == 0 { 1.0 } else { CENTRES.get(bin).copied().unwrap_or(f64::MAX) };
        let (half, most) = (0.5 * f64::from(self.total), 0.75 * f64::from(self.total));
        let (mut sum, mut median) = (0.0, None);
        for (bin, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
            sum += f64::from(*count);
            if sum >= half && median.is_none() {
                median = Some(bin);
            }
            if sum >= most {
                return Some((centre(median.unwrap_or(bin)), centre(bin)));
            }
        }
        None
    }
}

/// The bin of an output length.
fn bin(tokens: u64) -> usize {
    (4.0 * (tokens.max(1) as f64).log2()).ceil() as usize
}

/// The bucket of a prompt length: 0 below 256, then the power of 4.
fn bucket(prompt_tokens: f64) -> usize {
    let over = (prompt_tokens.max(64.0) / 64.0) as u64;
    (over.max(1).ilog2() as usize / 2).min(BUCKETS - 1)
}

/// Running quantiles of output length by category and prompt length.
#[derive(Clone, Debug)]
pub struct OutputLength {
    cells: BTreeMap<String, Box<[Histogram; BUCKETS]>>,
    buckets: Box<[Histogram; BUCKETS]>,
    all: Histogram,
}

impl Default for OutputLength {
    fn default() -> Self {
        Self::new()
    }
}

impl OutputLength {
    /// Nothing observed yet.
    #[must_use]
    pub fn new() -> Self {
        Self { cells: BTreeMap::new(), buckets: Box::new([Histogram::EMPTY; BUCKETS]), all: Histogram::EMPTY }
    }

    /// Learns from one completed answer. Cut answers (`length`, aborted) should be left out by the caller.
    pub fn observe(&mut self, category: &str, prompt_tokens: f64, output_tokens: u64) {
        let at = bucket(prompt_tokens);
        let bin = bin(output_tokens);
        self.all.add(bin);
        if let Some(cell) = self.buckets.get_mut(at) {
            cell.add(bin);
        }
        if !self.cells.contains_key(category) {
            if self.cells.len() >= CATEGORIES_MAX {
                return;
            }
            self.cells.insert(category.to_owned(), Box::new([Histogram::EMPTY; BUCKETS]));
        }
        if let Some(cell) = self.cells.get_mut(category).and_then(|cells| cells.get_mut(at)) {
            cell.add(bin);
        }
    }

    /// Expected output tokens at P50 and P75 of the closest cell that has seen enough; never above `max_tokens`
    /// where the caller set one.
    #[must_use]
    pub fn expect(&self, category: &str, prompt_tokens: f64, max_tokens: Option<u64>) -> (f64, f64) {
        let at = bucket(prompt_tokens);
        let own = self.cells.get(category).and_then(|cells| cells.get(at));
        let sources = [own, self.buckets.get(at), Some(&self.all)];
        let found = sources.into_iter().flatten().find_map(Histogram::quantiles);
        let (p50, p75) = found.unwrap_or(PRIOR);
        let cap = max_tokens.map_or(f64::INFINITY, |m| m as f64);
        (p50.min(cap), p75.min(cap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn falls_back_until_a_cell_has_seen_enough() {
        let mut length = OutputLength::new();
        assert_eq!(length.expect("chat", 100.0, None), PRIOR);
        assert_eq!(length.expect("chat", 100.0, Some(50)), (50.0, 50.0));
        (0..20).for_each(|_| length.observe("chat", 100.0, 1000));
        (0..19).for_each(|_| length.observe("code", 100.0, 10));
        let near = |got: f64, wanted: f64| (got / wanted - 1.0).abs() < 0.1;
        assert!(near(length.expect("chat", 100.0, None).1, 1000.0));
        assert!(near(length.expect("code", 100.0, None).1, 1000.0), "19 answers are not enough");
        length.observe("code", 100.0, 10);
        assert!(near(length.expect("code", 100.0, None).1, 10.0));
        assert!(near(length.expect("other", 1e6, None).0, 10.0), "P50 of all traffic");
    }

    #[test]
    fn old_answers_fade() {
        let mut length = OutputLength::new();
        (0..5000).for_each(|_| length.observe("a", 10.0, 100));
        (0..3000).for_each(|_| length.observe("a", 10.0, 2000));
        assert!(length.expect("a", 10.0, None).0 > 1500.0);
    }

    #[test]
    fn memory_is_bounded() {
        let mut length = OutputLength::new();
        (0..2 * CATEGORIES_MAX).for_each(|i| length.observe(&format!("c{i}"), 10.0, 5));
        assert_eq!(length.cells.len(), CATEGORIES_MAX);
        length.observe("c0", f64::NAN, u64::MAX);
        assert_eq!([0.0, 255.0, 256.0, 1024.0, 1e9].map(bucket), [0, 0, 1, 2, 6]);
    }

    proptest! {
        /// Within one bin of the exact quantile.
        #[test]
        fn quantiles_are_close(mut seen in proptest::collection::vec(1_u64..100_000, 20..300)) {
            let mut length = OutputLength::new();
            seen.iter().for_each(|n| length.observe("a", 10.0, *n));
            seen.sort_unstable();
            let rank = (0.75 * seen.len() as f64).ceil() as usize;
            let exact = seen[rank - 1] as f64;
            let got = length.expect("a", 10.0, None).1;
            prop_assert!((got / exact - 1.0).abs() < 0.1, "{} for {}", got, exact);
        }
    }
}
