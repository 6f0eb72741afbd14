//! Which of three shapes a workload has: it says what a boundary between a short and a long pool can save.
//!
//! The shapes are those of FleetOpt (arXiv 2603.16514), which names an example of each and no thresholds; those here
//! put its examples (Azure 2023, LMSYS, an agent mix) where it puts them.

use super::Cdf;

/// The boundary that shapes are judged at where none is given, in tokens.
pub const USUAL_BOUNDARY: u32 = 4096;
/// From this share below the boundary on, most traffic is short.
const MOST: f64 = 0.8;
/// Below this share, the long requests are the workload.
const HALF: f64 = 0.6;
/// A tail whose P99 exceeds the median by more than this factor is long.
const LONG_TAIL: f64 = 8.0;

/// The shape of a workload.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Archetype {
    /// Nearly all requests are short and none is very long: a short pool takes them; compressing the borderline pays.
    ConcentratedBelow,
    /// Lengths spread over orders of magnitude: a boundary saves most.
    Dispersed,
    /// Many requests are long: a long pool carries the cost, whatever the boundary.
    ConcentratedAbove,
}

impl Archetype {
    /// The shape of a distribution, seen from a boundary.
    #[must_use]
    pub fn of(cdf: &Cdf, boundary: u32) -> Self {
        let below = cdf.at(f64::from(boundary));
        if below < HALF {
            Self::ConcentratedAbove
        } else if below >= MOST && cdf.quantile(0.99) <= LONG_TAIL * cdf.quantile(0.5) {
            Self::ConcentratedBelow
        } else {
            Self::Dispersed
        }
    }

    /// As reports name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ConcentratedBelow => "concentrated below",
            Self::Dispersed => "dispersed",
            Self::ConcentratedAbove => "concentrated above",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_is_told() {
        let cdf = |knots: &[(u32, f64)]| Cdf::new(knots.to_vec()).unwrap();
        let below = cdf(&[(1000, 0.4), (4000, 0.9), (8000, 1.0)]);
        let spread = cdf(&[(300, 0.5), (4000, 0.9), (60_000, 1.0)]);
        let above = cdf(&[(4000, 0.3), (60_000, 1.0)]);
        assert_eq!(Archetype::of(&below, USUAL_BOUNDARY), Archetype::ConcentratedBelow);
        assert_eq!(Archetype::of(&spread, USUAL_BOUNDARY), Archetype::Dispersed);
        assert_eq!(Archetype::of(&above, USUAL_BOUNDARY), Archetype::ConcentratedAbove);
    }
}
