//! The distribution of total tokens (prompt and output) as knots with straight lines between them.

use crate::{Error, rng::Stream};

/// The most knots that a distribution has.
pub const MAX_KNOTS: usize = 4096;

/// `F(t)`: the share of requests with at most `t` tokens; linear between knots, from (0, 0).
#[derive(Clone, PartialEq, Debug)]
pub struct Cdf {
    knots: Vec<(u32, f64)>,
}

impl Cdf {
    /// A distribution from `(tokens, share at most)`, the last share being 1.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::TooMany`], or [`Error::Format`] where tokens do not rise, shares fall, or the last
    /// share is not 1.
    pub fn new(knots: Vec<(u32, f64)>) -> Result<Self, Error> {
        let Some(&(_, last)) = knots.last() else {
            return Err(Error::Empty { what: "the CDF", fix: "give knots as [tokens, share]" });
        };
        if knots.len() > MAX_KNOTS {
            return Err(Error::TooMany { what: "CDF knots", limit: MAX_KNOTS, fix: "give fewer knots" });
        }
        let mut before = (0, 0.0);
        for (index, &(tokens, share)) in knots.iter().enumerate() {
            let place = || format!("CDF knot {}", index + 1);
            if tokens <= before.0 {
                let problem = format!("{tokens} tokens follow {}", before.0);
                return Err(Error::Format { place: place(), problem, fix: "tokens must rise".into() });
            }
            if share.is_nan() || share < before.1 || share > 1.0 {
                let problem = format!("a share of {share} follows {}", before.1);
                return Err(Error::Format { place: place(), problem, fix: "shares rise from 0 to 1".into() });
            }
            before = (tokens, share);
        }
        if last < 1.0 {
            let problem = format!("the last share is {last}");
            let fix = "end with the longest request and a share of 1".into();
            return Err(Error::Format { place: format!("CDF knot {}", knots.len()), problem, fix });
        }
        Ok(Self { knots })
    }

    /// Reads `[[tokens, share], …]`, or an object that holds it as `cdf`.
    ///
    /// # Errors
    /// [`Error::Format`] where it is neither, and what [`Cdf::new`] refuses.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum File {
            Bare(Vec<(u32, f64)>),
            Named { cdf: Vec<(u32, f64)> },
        }
        match serde_json::from_slice(bytes) {
            Ok(File::Bare(knots) | File::Named { cdf: knots }) => Self::new(knots),
            Err(_) => Err(Error::Format {
                place: "CDF".into(),
                problem: "it is not a list of [tokens, share] pairs".into(),
                fix: "write [[1024, 0.5], [8192, 1.0]], or the same under the key `cdf`".into(),
            }),
        }
    }

    /// The knots as given.
    #[must_use]
    pub fn knots(&self) -> &[(u32, f64)] {
        &self.knots
    }

    /// The longest request.
    #[must_use]
    pub fn max_tokens(&self) -> u32 {
        self.knots.last().map_or(0, |&(tokens, _)| tokens)
    }

    /// `F(tokens)`.
    #[must_use]
    pub fn at(&self, tokens: f64) -> f64 {
        let next = self.knots.partition_point(|&(t, _)| f64::from(t) <= tokens);
        let (low, share_low) = self.before(next);
        let Some(&(high, share_high)) = self.knots.get(next) else { return 1.0 };
        let part = (tokens - f64::from(low)).max(0.0) / f64::from(high - low);
        share_low + part * (share_high - share_low)
    }

    /// The smallest `t` with `F(t) >= share`.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        let next = self.knots.partition_point(|&(_, s)| s < share);
        let (low, share_low) = self.before(next);
        let Some(&(high, share_high)) = self.knots.get(next) else { return f64::from(self.max_tokens()) };
        if share_high <= share_low {
            return f64::from(high);
        }
        let part = ((share - share_low) / (share_high - share_low)).max(0.0);
        f64::from(low) + part * f64::from(high - low)
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.segments().map(|(low, high, mass)| mass * f64::midpoint(f64::from(low), f64::from(high))).sum()
    }

    /// Each straight piece as `(from, to, mass)`.
    pub fn segments(&self) -> impl Iterator<Item = (u32, u32, f64)> + '_ {
        (0..self.knots.len()).map(|i| {
            let (low, share_low) = self.before(i);
            let (high, share_high) = self.knots[i];
            (low, high, share_high - share_low)
        })
    }

    /// The distribution of requests with more than `low` and at most `high` tokens, and their share; `None` where
    /// there are none.
    #[must_use]
    pub fn between(&self, low: u32, high: u32) -> Option<(f64, Self)> {
        let (share_low, share_high) = (self.at(f64::from(low)), self.at(f64::from(high)));
        let mass = share_high - share_low;
        if mass <= 0.0 || low >= high {
            return None;
        }
        let mut knots = Vec::with_capacity(self.knots.len() + 1);
        if low > 0 {
            knots.push((low, 0.0));
        }
        let inside = self.knots.iter().filter(|&&(t, _)| t > low && t < high);
        knots.extend(inside.map(|&(t, share)| (t, ((share - share_low) / mass).clamp(0.0, 1.0))));
        knots.push((high.min(self.max_tokens()), 1.0));
        knots.dedup_by_key(|&mut (t, _)| t);
        if let Some(last) = knots.last_mut() {
            last.1 = 1.0;
        }
        Some((mass, Self { knots }))
    }

    /// A draw: at least 1 token.
    pub fn draw(&self, stream: &mut Stream) -> u32 {
        (self.quantile(stream.unit()).ceil() as u32).max(1)
    }

    fn before(&self, index: usize) -> (u32, f64) {
        index.checked_sub(1).map_or((0, 0.0), |i| self.knots[i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tollgate_core::Seed;

    fn any_cdf() -> impl Strategy<Value = Cdf> {
        proptest::collection::btree_map(1u32..100_000, 0.0f64..1.0, 1..30).prop_map(|knots| {
            let mut shares: Vec<f64> = knots.values().copied().collect();
            shares.sort_by(f64::total_cmp);
            if let Some(last) = shares.last_mut() {
                *last = 1.0;
            }
            Cdf::new(knots.keys().copied().zip(shares).collect()).unwrap()
        })
    }

    proptest! {
        #[test]
        fn quantile_inverts(cdf in any_cdf(), share in 0.0f64..=1.0) {
            let tokens = cdf.quantile(share);
            prop_assert!((cdf.at(tokens) - share).abs() < 1e-9 || cdf.at(tokens) >= share);
        }

        #[test]
        fn parts_make_the_whole(cdf in any_cdf(), cut in 1u32..100_000) {
            let low = cdf.between(0, cut);
            let high = cdf.between(cut, cdf.max_tokens());
            let mean = [&low, &high].into_iter().flatten().map(|(mass, part)| mass * part.mean()).sum::<f64>();
            let mass = [&low, &high].into_iter().flatten().map(|(mass, _)| mass).sum::<f64>();
            prop_assert!((mass - 1.0).abs() < 1e-9);
            prop_assert!((mean - cdf.mean()).abs() < 1e-6 * cdf.mean(), "{mean} {}", cdf.mean());
        }
    }

    #[test]
    fn what_is_not_a_cdf_is_refused_with_its_place() {
        let cases: [(&[(u32, f64)], &str); 4] = [
            (&[], "empty"),
            (&[(10, 0.5), (10, 1.0)], "knot 2"),
            (&[(10, 0.5), (20, 0.4)], "share of 0.4"),
            (&[(10, 0.5)], "last share is 0.5"),
        ];
        for (knots, says) in cases {
            let error = Cdf::new(knots.to_vec()).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        assert!(Cdf::from_json(b"{\"cdf\": [[5, 1.0]]}").is_ok());
        assert!(Cdf::from_json(b"[[5, 1.0]]").is_ok());
        assert!(Cdf::from_json(b"{}").is_err());
    }

    #[test]
    fn draws_follow_it() {
        let cdf = Cdf::new(vec![(100, 0.25), (1000, 1.0)]).unwrap();
        let mut stream = Stream::new(Seed(5), "lengths");
        let n = 50_000;
        let mean = (0..n).map(|_| f64::from(cdf.draw(&mut stream))).sum::<f64>() / f64::from(n);
        assert!((mean - cdf.mean() - 0.5).abs() < 5.0, "{mean} {}", cdf.mean());
    }
}
