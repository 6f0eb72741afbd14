//! Cumulative lengths as the reference keeps them: knots that need neither start at 0 nor end at 1.

use crate::Error;

/// Knots of (total tokens, share of requests of at most that length), in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Knots(pub Vec<(u32, f64)>);

impl Knots {
    /// Reads `[[tokens, share], …]`, or an object that holds it as `cdf`; unlike a [`crate::workload::Cdf`] the
    /// knots need neither rise nor end at 1.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] where it is neither.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum File {
            Bare(Vec<(f64, f64)>),
            Named { cdf: Vec<(f64, f64)> },
        }
        match serde_json::from_slice(bytes) {
            Ok(File::Bare(knots) | File::Named { cdf: knots }) => {
                Ok(Self(knots.into_iter().map(|(tokens, share)| (tokens as u32, share)).collect()))
            }
            Err(_) => Err(Error::Format {
                place: "CDF".into(),
                problem: "it is not a list of [tokens, share] pairs".into(),
                fix: "write [[1024, 0.5], [8192, 1.0]], or the same under the key `cdf`".into(),
            }),
        }
    }

    /// The share at or below a length: linear between knots, from (0, 0), 1 beyond the last.
    #[must_use]
    pub fn at(&self, tokens: u32) -> f64 {
        if tokens == 0 {
            return 0.0;
        }
        let mut before = (0, 0.0);
        for &(knot, share) in &self.0 {
            if tokens <= knot {
                if knot == before.0 {
                    return share;
                }
                let way = f64::from(tokens) - f64::from(before.0);
                return before.1 + (share - before.1) * way / (f64::from(knot) - f64::from(before.0));
            }
            before = (knot, share);
        }
        1.0
    }

    /// Knots of a list of total lengths: about every fiftieth, with its rank to six digits.
    ///
    /// `None` for an empty list.
    #[must_use]
    pub fn of_lengths(mut totals: Vec<u32>) -> Option<Self> {
        totals.sort_unstable();
        let n = totals.len();
        let last = *totals.last()?;
        let mut knots: Vec<(u32, f64)> = Vec::new();
        for i in (0..n).step_by((n / 50).max(1)) {
            if knots.last().is_none_or(|k| k.0 != totals[i]) {
                knots.push((totals[i], rounded((i + 1) as f64 / n as f64, 6)));
            }
        }
        knots.push((last, 1.0));
        Some(Self(knots))
    }

    /// The knots up to a boundary, scaled so that the last of them is 1: no knot is put at the boundary itself.
    pub(super) fn below(&self, boundary: u32) -> Self {
        let kept: Vec<(u32, f64)> = self.0.iter().filter(|k| k.0 <= boundary).copied().collect();
        match kept.last() {
            Some(&(_, last)) => Self(kept.iter().map(|&(t, f)| (t, f / last)).collect()),
            None => Self(vec![(boundary, 1.0)]),
        }
    }

    /// The knots above a boundary, scaled from the interpolated share there; `None` when (almost) nothing is.
    pub(super) fn above(&self, boundary: u32) -> Option<Self> {
        let (start, rest) = (self.at(boundary), 1.0 - self.at(boundary));
        let scaled = |f: f64| ((f - start) / rest).clamp(0.0, 1.0);
        let mut kept: Vec<(u32, f64)> =
            self.0.iter().filter(|k| k.0 > boundary).map(|&(t, f)| (t, scaled(f))).collect();
        kept.last_mut()?.1 = 1.0;
        (rest > 1e-6).then_some(Self(kept))
    }
}

/// A number rounded to some decimals, half to even on its exact value, as the reference prints and stores it.
#[must_use]
pub fn rounded(value: f64, decimals: usize) -> f64 {
    format!("{value:.decimals$}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_linear_between_knots() {
        let knots = Knots(vec![(100, 0.5), (200, 0.5), (300, 0.9)]);
        let at = |t| knots.at(t);
        assert_eq!([at(0), at(50), at(100), at(150), at(250), at(301)], [0.0, 0.25, 0.5, 0.5, 0.7, 1.0]);
    }

    #[test]
    fn slices_are_scaled() {
        let knots = Knots(vec![(100, 0.5), (200, 0.75), (300, 1.0)]);
        assert_eq!(knots.below(250).0, [(100, 0.5 / 0.75), (200, 1.0)]);
        assert_eq!(knots.below(99).0, [(99, 1.0)], "no knot below: everything has the boundary's length");
        assert_eq!(knots.above(200).map(|k| k.0), Some(vec![(300, 1.0)]));
        assert_eq!(knots.above(300), None);
    }

    #[test]
    fn a_list_of_lengths_becomes_about_fifty_knots() {
        let knots = Knots::of_lengths((1..=1000).collect()).unwrap();
        assert_eq!((knots.0.len(), knots.0[1], knots.0[50]), (51, (21, 0.021), (1000, 1.0)));
        assert_eq!(Knots::of_lengths(vec![7; 9]).unwrap().0, [(7, 0.111_111), (7, 1.0)]);
        assert_eq!(Knots::of_lengths(Vec::new()), None);
    }

    #[test]
    fn rounding_goes_to_even_on_the_exact_value() {
        assert_eq!([rounded(0.25, 1), rounded(0.35, 1), rounded(24.349_999, 1)], [0.2, 0.3, 24.3]);
    }
}
