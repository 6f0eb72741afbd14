//! Cumulative lengths as the reference keeps them: knots that need neither start at 0 nor end at 1.

use crate::Error;
use serde_json::value::RawValue;

/// The longest length that is computed with, tokens.
pub(super) const TOKENS_MAX: u32 = 1 << 30;
/// Most knots of a file: every draw of a simulation walks over them.
const KNOTS_MAX: usize = 10_000;

/// Knots of (total tokens, share of requests of at most that length), in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Knots(pub Vec<(u32, f64)>);

impl Knots {
    /// Reads `[[tokens, share], …]`, or an object that holds it as `cdf`; unlike a [`crate::workload::Cdf`] the
    /// knots need neither rise nor end at 1.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] where it is neither, and for lengths that are not whole numbers of 0 to 2³⁰ tokens or shares
    /// outside 0 to 1; [`Error::TooMany`] beyond 10,000 knots.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        let Some(knots) = pairs(bytes) else {
            return Err(Error::Format {
                place: "CDF".into(),
                problem: "it is not a list of [tokens, share] pairs".into(),
                fix: "write [[1024, 0.5], [8192, 1.0]], or the same under the key `cdf`".into(),
            });
        };
        if knots.len() > KNOTS_MAX {
            return Err(Error::TooMany { what: "the CDF", limit: KNOTS_MAX, fix: "give fewer knots" });
        }
        let read = |(at, (tokens, share)): (usize, (f64, f64))| {
            let refused =
                |problem, fix: String| Error::Format { place: format!("CDF knot {at}"), problem, fix };
            if tokens.fract() != 0.0 || !(0.0..=f64::from(TOKENS_MAX)).contains(&tokens) {
                let fix = format!("give a whole number from 0 to {TOKENS_MAX}");
                return Err(refused(format!("its length is {tokens} tokens"), fix));
            }
            if !(0.0..=1.0).contains(&share) {
                return Err(refused(format!("its share is {share}"), "give a share from 0 to 1".into()));
            }
            Ok((tokens as u32, share))
        };
        knots.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Refuses knots that cannot be computed with.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.0.is_empty() {
            return Err(Error::Empty { what: "the length distribution", fix: "give at least one knot" });
        }
        let longest = self.0.iter().map(|k| k.0).max().unwrap_or(0);
        length("knots", longest.into())
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

/// The pairs of a file, with shares to their last bit: what `serde_json` makes of a long decimal may be the neighbour of the
/// nearest number, and the reference reads the nearest.
fn pairs(bytes: &[u8]) -> Option<Vec<(f64, f64)>> {
    type Pairs<'a> = Vec<(f64, &'a RawValue)>;
    #[derive(serde::Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        cdf: Pairs<'a>,
    }
    let bare = serde_json::from_slice::<Pairs<'_>>(bytes).ok();
    let written = bare.or_else(|| serde_json::from_slice::<Named<'_>>(bytes).ok().map(|named| named.cdf))?;
    written.into_iter().map(|(tokens, share)| Some((tokens, share.get().parse().ok()?))).collect()
}

/// A length must be one that can be computed with.
pub(super) fn length(field: &'static str, tokens: f64) -> Result<(), Error> {
    Ok(crate::error::within(field, tokens, 0.0, TOKENS_MAX.into(), "give at most 1,073,741,824 tokens")?)
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
    fn lengths_and_shares_that_are_none_are_refused() {
        for (text, word) in [
            ("[[512, 0.5], [-1, 1.0]]", "knot 1: its length is -1 tokens"),
            ("[[512.5, 1.0]]", "knot 0: its length is 512.5 tokens"),
            ("[[4294967295, 1.0]]", "from 0 to 1073741824"),
            ("[[1e30, 1.0]]", "its length is 1"),
            ("[[512, 1.5]]", "knot 0: its share is 1.5"),
            ("[[512]]", "not a list"),
            ("[[512, \"1\"]]", "not a list"),
        ] {
            let error = Knots::from_json(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
        let many = format!("[{}[9,1]]", "[9,1],".repeat(KNOTS_MAX));
        assert!(matches!(Knots::from_json(many.as_bytes()), Err(Error::TooMany { limit: KNOTS_MAX, .. })));
        let whole = Knots::from_json(b"{\"cdf\": [[0, 0], [512.0, 0.5], [256, 0.9]]}").unwrap();
        let exact = Knots::from_json(b"[[9, 0.9482847003642829], [12, 1.0]]").unwrap();
        assert_eq!(exact.0[0].1, 0.948_284_700_364_282_9, "the nearest number, not its neighbour");
        assert_eq!(whole.0, [(0, 0.0), (512, 0.5), (256, 0.9)], "neither rising nor ending at 1");
        assert!(Knots(Vec::new()).check().is_err() && Knots(vec![(u32::MAX, 1.0)]).check().is_err());
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
