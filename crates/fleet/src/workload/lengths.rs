//! Prompt and output lengths together, as at most [`MAX_CELLS`] weighted cells.
//!
//! A cell holds requests whose total differs by less than 1/16 and whose output differs by less than 1/4, and keeps
//! their means, so overall means are exact and a draw is at most that far from a real request.

use super::{Cdf, Request};
use crate::{Error, error::within, rng::Stream};
use std::collections::BTreeMap;

/// Sub-buckets of a power of two, as a power of two itself: totals finer than outputs, as boundaries cut totals.
const TOTAL_BITS: u32 = 4;
const OUTPUT_BITS: u32 = 2;

/// The most cells that there can be: each bucket of totals with each bucket of outputs.
pub const MAX_CELLS: usize = buckets(TOTAL_BITS) * buckets(OUTPUT_BITS);

/// How many buckets cover `u32` with `2^bits` of them for each power of two.
const fn buckets(bits: u32) -> usize {
    ((33 - bits) << bits) as usize
}

/// The bucket of a value: exact below `2^bits`, then `2^bits` equal parts of each power of two.
fn bucket(value: u32, bits: u32) -> u16 {
    let exponent = value.checked_ilog2().unwrap_or(0);
    if exponent < bits {
        return value as u16;
    }
    let shift = exponent - bits;
    (((shift + 1) << bits) + (value >> shift) - (1 << bits)) as u16
}

/// Requests that are alike.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cell {
    /// Mean prompt, in tokens.
    pub prompt_tokens: f64,
    /// Mean output, in tokens.
    pub output_tokens: f64,
    /// Share of all requests.
    pub weight: f64,
}

impl Cell {
    /// Mean prompt and output together.
    #[must_use]
    pub fn total_tokens(&self) -> f64 {
        self.prompt_tokens + self.output_tokens
    }
}

/// The joint distribution of prompt and output.
#[derive(Clone, PartialEq, Debug)]
pub struct JointLengths {
    /// By rising total; weights sum to 1.
    cells: Vec<Cell>,
    /// Running sums of the weights, for draws.
    cumulative: Vec<f64>,
    max_total_tokens: u32,
}

impl JointLengths {
    /// # Errors
    /// [`Error::Empty`] where no cell has a weight above 0.
    pub fn of_cells(mut cells: Vec<Cell>, max_total_tokens: u32) -> Result<Self, Error> {
        cells.retain(|cell| cell.weight > 0.0);
        let sum: f64 = cells.iter().map(|cell| cell.weight).sum();
        if cells.is_empty() || !sum.is_finite() {
            return Err(Error::Empty { what: "the length distribution", fix: "give at least one request" });
        }
        cells.sort_by(|a, b| a.total_tokens().total_cmp(&b.total_tokens()));
        let mut running = 0.0;
        let mut cumulative = Vec::with_capacity(cells.len());
        for cell in &mut cells {
            cell.weight /= sum;
            running += cell.weight;
            cumulative.push(running);
        }
        Ok(Self { cells, cumulative, max_total_tokens })
    }

    /// Lengths where only totals are known: a share of each total is output (the reference takes 0.2 for all; real
    /// traces have 0.01 to 0.5, so say which).
    ///
    /// # Errors
    /// [`Error::Setting`] where the share is not in 0..1.
    pub fn of_totals(cdf: &Cdf, output_share: f64) -> Result<Self, Error> {
        within("output share", output_share, 0.0, 0.999, "give the share of output in all tokens, as 0.2")?;
        let mut cells = Vec::new();
        for (low, high, mass) in cdf.segments().filter(|&(_, _, mass)| mass > 0.0) {
            let pieces = ((high - low) / (low / 16).max(1)).clamp(1, 32);
            let width = f64::from(high - low) / f64::from(pieces);
            for piece in 0..pieces {
                let total = (f64::from(low) + width * (f64::from(piece) + 0.5)).max(2.0);
                let output = (total * output_share).max(1.0);
                let weight = mass / f64::from(pieces);
                cells.push(Cell { prompt_tokens: total - output, output_tokens: output, weight });
            }
        }
        Self::of_cells(cells, cdf.max_tokens())
    }

    /// The cells, by rising total; weights sum to 1.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The longest request seen.
    #[must_use]
    pub fn max_total_tokens(&self) -> u32 {
        self.max_total_tokens
    }

    /// The mean prompt, in tokens.
    #[must_use]
    pub fn mean_prompt(&self) -> f64 {
        self.mean_of(|cell| cell.prompt_tokens)
    }

    /// The mean output, in tokens.
    #[must_use]
    pub fn mean_output(&self) -> f64 {
        self.mean_of(|cell| cell.output_tokens)
    }

    /// The mean of a function of the cells.
    pub fn mean_of(&self, f: impl Fn(&Cell) -> f64) -> f64 {
        self.cells.iter().map(|cell| cell.weight * f(cell)).sum()
    }

    /// Those with more than `low` and at most `high` tokens in total, and their share; `None` where there are none.
    #[must_use]
    pub fn between(&self, low: u32, high: u32) -> Option<(f64, Self)> {
        let inside = |cell: &&Cell| {
            let total = cell.total_tokens();
            total > f64::from(low) && total <= f64::from(high)
        };
        let cells: Vec<Cell> = self.cells.iter().filter(inside).copied().collect();
        let mass = cells.iter().map(|cell| cell.weight).sum();
        Some((mass, Self::of_cells(cells, self.max_total_tokens.min(high)).ok()?))
    }

    /// A draw: prompt and output tokens, each at least 1.
    pub fn draw(&self, stream: &mut Stream) -> (u32, u32) {
        let u = stream.unit();
        let index = self.cumulative.partition_point(|&c| c <= u).min(self.cells.len() - 1);
        let cell = &self.cells[index];
        // Rounds as `round` does what is not negative, without a call to it.
        let whole = |tokens: f64| ((tokens + 0.5) as u32).max(1);
        (whole(cell.prompt_tokens), whole(cell.output_tokens))
    }
}

/// Counts requests into cells, in memory that does not grow with their number.
#[derive(Clone, Debug, Default)]
pub struct LengthCounter {
    cells: BTreeMap<(u16, u16), Sums>,
    max_total_tokens: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    requests: u64,
    prompt_tokens: u64,
    output_tokens: u64,
}

impl LengthCounter {
    /// One more request.
    pub fn add(&mut self, request: &Request) {
        let total = request.total_tokens();
        let key = (bucket(total, TOTAL_BITS), bucket(request.output_tokens, OUTPUT_BITS));
        let sums = self.cells.entry(key).or_default();
        sums.requests += 1;
        sums.prompt_tokens += u64::from(request.prompt_tokens);
        sums.output_tokens += u64::from(request.output_tokens);
        self.max_total_tokens = self.max_total_tokens.max(total);
    }

    /// How many requests were counted.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.cells.values().map(|sums| sums.requests).sum()
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (&key, more) in &other.cells {
            let sums = self.cells.entry(key).or_default();
            sums.requests += more.requests;
            sums.prompt_tokens += more.prompt_tokens;
            sums.output_tokens += more.output_tokens;
        }
        self.max_total_tokens = self.max_total_tokens.max(other.max_total_tokens);
    }

    /// What was counted.
    ///
    /// # Errors
    /// [`Error::Empty`] where nothing was.
    pub fn lengths(&self) -> Result<JointLengths, Error> {
        let cell = |sums: &Sums| {
            let requests = sums.requests as f64;
            Cell {
                prompt_tokens: sums.prompt_tokens as f64 / requests,
                output_tokens: sums.output_tokens as f64 / requests,
                weight: requests,
            }
        };
        JointLengths::of_cells(self.cells.values().map(cell).collect(), self.max_total_tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tollgate_core::Seed;

    fn request(prompt_tokens: u32, output_tokens: u32) -> Request {
        Request { prompt_tokens, output_tokens, ..Request::default() }
    }

    proptest! {
        #[test]
        fn buckets_rise_and_are_narrow(a in any::<u32>(), b in any::<u32>(), bits in 0u32..6) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(bucket(low, bits) <= bucket(high, bits));
            prop_assert!(usize::from(bucket(high, bits)) < buckets(bits));
            if bucket(low, bits) == bucket(high, bits) {
                prop_assert!(u64::from(high - low) << bits <= u64::from(low));
            }
        }

        #[test]
        fn means_are_exact(lengths in proptest::collection::vec((1u32..200_000, 1u32..5_000), 1..200)) {
            let mut counter = LengthCounter::default();
            lengths.iter().for_each(|&(p, o)| counter.add(&request(p, o)));
            let joint = counter.lengths().unwrap();
            let n = lengths.len() as f64;
            let mean = lengths.iter().map(|&(p, _)| f64::from(p)).sum::<f64>() / n;
            prop_assert!((joint.mean_prompt() - mean).abs() < 1e-9 * mean);
            prop_assert_eq!(joint.max_total_tokens(), lengths.iter().map(|&(p, o)| p + o).max().unwrap());
            prop_assert!(joint.cells().is_sorted_by(|a, b| a.total_tokens() <= b.total_tokens()));
        }
    }

    #[test]
    fn draws_have_the_means() {
        let mut counter = LengthCounter::default();
        (1..500).for_each(|i| counter.add(&request(i * 7, 1 + i % 90)));
        let joint = counter.lengths().unwrap();
        let mut stream = Stream::new(Seed(9), "lengths");
        let n = 40_000;
        let mean = (0..n).map(|_| f64::from(joint.draw(&mut stream).0)).sum::<f64>() / f64::from(n);
        assert!((mean / joint.mean_prompt() - 1.0).abs() < 0.02, "{mean}");
    }

    #[test]
    fn totals_split_by_a_stated_share() {
        let cdf = Cdf::new(vec![(1000, 0.5), (9000, 1.0)]).unwrap();
        let joint = JointLengths::of_totals(&cdf, 0.25).unwrap();
        assert!((joint.mean_of(Cell::total_tokens) / cdf.mean() - 1.0).abs() < 0.01);
        assert!((joint.mean_output() / joint.mean_prompt() - 1.0 / 3.0).abs() < 0.01);
        let (share, below) = joint.between(0, 1000).unwrap();
        assert!((share - 0.5).abs() < 1e-9 && below.max_total_tokens() == 1000);
        assert!(joint.between(9000, 10_000).is_none());
        assert!(JointLengths::of_totals(&cdf, 1.5).is_err());
    }
}
