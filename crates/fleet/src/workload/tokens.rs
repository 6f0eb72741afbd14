//! Exact counts of total tokens.

use super::{Cdf, MAX_KNOTS};
use crate::Error;

/// Totals are counted exactly up to here (8 MiB of counters at most); larger ones count as this many.
pub const MAX_EXACT_TOKENS: usize = 1 << 20;

/// How many requests had how many tokens.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TokenCounts {
    counts: Vec<u64>,
    requests: u64,
}

impl TokenCounts {
    /// One more request of this many tokens.
    pub fn add(&mut self, tokens: u32) {
        let at = (tokens as usize).min(MAX_EXACT_TOKENS);
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
        self.requests += 1;
    }

    /// Takes back one request that was added, as a sliding window does; nothing where there is none.
    pub fn remove(&mut self, tokens: u32) {
        let at = (tokens as usize).min(MAX_EXACT_TOKENS);
        if let Some(count) = self.counts.get_mut(at).filter(|count| **count > 0) {
            *count -= 1;
            self.requests -= 1;
        }
    }

    /// How many requests were counted.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// The most tokens of any of them; 0 where there are none.
    #[must_use]
    pub fn max_tokens(&self) -> u32 {
        self.counts.iter().rposition(|&count| count > 0).unwrap_or(0) as u32
    }

    /// The smallest number of tokens that at least this share of requests does not exceed.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u32 {
        let wanted = share * self.requests as f64;
        let mut sum = 0;
        let reaches = |&count: &u64| {
            sum += count;
            sum as f64 >= wanted && sum > 0
        };
        self.counts.iter().position(reaches).unwrap_or(0) as u32
    }

    /// The distribution at these tokens: the share at most as many, exactly. Tokens beyond the longest request are
    /// added where the last is shorter.
    ///
    /// # Errors
    /// [`Error::Empty`] where nothing was counted; what [`Cdf::new`] refuses.
    pub fn cdf_at(&self, tokens: &[u32]) -> Result<Cdf, Error> {
        if self.requests == 0 {
            return Err(Error::Empty { what: "the workload", fix: "give at least one request" });
        }
        let mut sum = 0;
        let mut next = 0;
        let mut knots = Vec::with_capacity(tokens.len() + 1);
        for &knot in tokens {
            let end = (knot as usize + 1).min(self.counts.len());
            sum += self.counts.get(next..end).unwrap_or_default().iter().sum::<u64>();
            next = end.max(next);
            knots.push((knot, sum as f64 / self.requests as f64));
        }
        let longest = self.max_tokens();
        if tokens.last().is_none_or(|&last| last < longest) {
            knots.push((longest, 1.0));
        }
        Cdf::new(knots)
    }

    /// The distribution at eight points of each power of two and at the longest request.
    ///
    /// # Errors
    /// [`Error::Empty`] where nothing was counted.
    pub fn cdf(&self) -> Result<Cdf, Error> {
        let longest = self.max_tokens().max(1);
        let mut tokens = Vec::new();
        let mut knot = 1_u32;
        while knot < longest && tokens.len() < MAX_KNOTS - 1 {
            tokens.push(knot);
            knot += 1 << knot.ilog2().saturating_sub(3);
        }
        tokens.push(longest);
        self.cdf_at(&tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_quantiles_are_exact() {
        let mut counts = TokenCounts::default();
        for tokens in [5, 5, 10, 2_000_000] {
            counts.add(tokens);
        }
        assert_eq!(counts.cdf_at(&[4, 5, 20]).unwrap().knots()[..3], [(4, 0.0), (5, 0.5), (20, 0.75)]);
        assert_eq!((counts.quantile(0.5), counts.quantile(0.51), counts.quantile(1.0)), (5, 10, 1 << 20));
        counts.remove(10);
        counts.remove(11);
        assert_eq!((counts.requests(), counts.quantile(0.6)), (3, 5));
        counts.remove(2_000_000);
        let cdf = counts.cdf().unwrap();
        assert_eq!((cdf.max_tokens(), cdf.at(4.0)), (5, 0.0));
        assert!(TokenCounts::default().cdf().is_err());
    }
}
