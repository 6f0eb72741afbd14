//! Signals that compare a text's vector with examples by cosine: caps on the unit sphere, and where they meet.
//!
//! The texts that fire such a signal have vectors within arccos t of one of its examples. The caps around u and v with
//! thresholds a and b share a point if and only if angle(u, v) ≤ arccos a + arccos b; the point on the way from u to v
//! shows it. Caps that do not meet make the signals exclude each other, whatever the text; caps that do may fire both,
//! even where the examples say different things.

use super::relations::Relation;
use crate::Policy;
use serde::Serialize;
use std::f64::consts::PI;
use tollgate_core::signal::SignalSpec;

/// Most numbers of vectors that are compared; pairs of signals beyond that are counted as unsettled.
const MAX_NUMBERS: usize = 500_000_000;
/// Room for rounding, in radians: a hundredth of the angle that f32 vectors of some hundred numbers are wrong by.
const ROUNDING: f64 = 1e-6;

/// One example of a signal.
#[derive(Clone, PartialEq, Debug)]
pub struct Example {
    /// Its text.
    pub text: String,
    /// Its vector; any length but zero, all of one dimension.
    pub vector: Vec<f32>,
}

/// What a signal compares with.
#[derive(Clone, PartialEq, Debug)]
pub struct Caps {
    /// The examples.
    pub examples: Vec<Example>,
    /// Least cosine to the best example at which the signal can fire, in [-1, 1].
    pub threshold: f64,
}

/// Where the vectors come from: whoever holds the encoder.
pub trait Exemplars {
    /// The caps of a signal; absent when it does not compare vectors.
    fn caps(&self, spec: &SignalSpec) -> Option<Caps>;
}

/// No signal compares vectors.
pub struct NoVectors;

impl Exemplars for NoVectors {
    fn caps(&self, _spec: &SignalSpec) -> Option<Caps> {
        None
    }
}

/// Two caps that share a point.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Meeting {
    /// The two signals.
    pub signals: [String; 2],
    /// The example of each at the centre of its cap.
    pub examples: [String; 2],
    /// Angle between the two, in radians.
    pub angle: f64,
    /// Radius of each cap, arccos of its threshold, in radians.
    pub radii: [f64; 2],
    /// A unit vector in both caps.
    pub vector: Vec<f32>,
}

/// What the geometry says: pairs of signals that meet, and that exclude each other.
#[derive(Default)]
pub(super) struct Geometry {
    pub(super) meetings: Vec<((u32, u32), Meeting)>,
    pub(super) apart: Vec<Relation>,
    /// Pairs that were not compared.
    pub(super) unsettled: usize,
}

/// Caps with the directions of their examples, as long as all have one.
struct Bank {
    caps: Caps,
    units: Option<Vec<Vec<f64>>>,
}

/// Compares every pair of signals that have caps.
pub(super) fn geometry(policy: &Policy, exemplars: &dyn Exemplars) -> Geometry {
    let banks: Vec<(u32, &SignalSpec, Bank)> = (0u32..)
        .zip(policy.specs())
        .filter_map(|(at, spec)| exemplars.caps(spec).map(|caps| (at, spec, Bank::of(caps))))
        .collect();
    let mut found = Geometry::default();
    let mut numbers = 0_usize;
    let pairs = banks
        .iter()
        .enumerate()
        .flat_map(|(at, first)| banks.iter().skip(at + 1).map(move |second| (first, second)));
    for ((a, one, first), (b, other, second)) in pairs {
        numbers = numbers.saturating_add(first.size().saturating_mul(second.caps.examples.len()));
        if numbers > MAX_NUMBERS {
            found.unsettled += 1;
            continue;
        }
        match meet(first, second) {
            Closest::Meet(u, v, angle) => {
                let radii = [first.caps.radius(), second.caps.radius()];
                let vector = between(&u.vector, &v.vector, angle, radii);
                let meeting = Meeting {
                    signals: [one.name.clone(), other.name.clone()],
                    examples: [u.text.clone(), v.text.clone()],
                    angle,
                    radii,
                    vector,
                };
                found.meetings.push(((*a, *b), meeting));
            }
            Closest::Apart => found.apart.push(Relation::Excludes(*a, *b)),
            Closest::Unknown => {}
        }
    }
    found
}

impl Bank {
    fn of(caps: Caps) -> Self {
        let units = caps.examples.iter().map(|example| unit(&example.vector)).collect();
        Self { caps, units }
    }

    /// How many numbers its vectors have together.
    fn size(&self) -> usize {
        self.caps.examples.iter().map(|example| example.vector.len()).sum()
    }
}

impl Caps {
    fn radius(&self) -> f64 {
        self.threshold.clamp(-1.0, 1.0).acos()
    }

    /// Whether a vector lies in one of the caps.
    #[must_use]
    pub fn hold(&self, vector: &[f32]) -> bool {
        let near = |example: &Example| {
            angle(&example.vector, vector).is_some_and(|angle| angle <= self.radius() + ROUNDING)
        };
        self.examples.iter().any(near)
    }
}

enum Closest<'c> {
    Meet(&'c Example, &'c Example, f64),
    Apart,
    /// A vector is missing, has no direction or another dimension.
    Unknown,
}

fn meet<'c>(first: &'c Bank, second: &'c Bank) -> Closest<'c> {
    let (Some(us), Some(vs)) = (&first.units, &second.units) else { return Closest::Unknown };
    let mut closest: Option<(usize, usize, f64)> = None;
    for (i, u) in us.iter().enumerate() {
        for (j, v) in vs.iter().enumerate() {
            if u.len() != v.len() {
                return Closest::Unknown;
            }
            let angle = between_units(u, v);
            if closest.is_none_or(|(_, _, held)| angle < held) {
                closest = Some((i, j, angle));
            }
        }
    }
    let Some((i, j, angle)) = closest else { return Closest::Unknown };
    let reach = first.caps.radius() + second.caps.radius();
    match (first.caps.examples.get(i), second.caps.examples.get(j)) {
        (Some(u), Some(v)) if angle <= reach => Closest::Meet(u, v, angle),
        _ if angle > reach + ROUNDING => Closest::Apart,
        _ => Closest::Unknown,
    }
}

/// The angle between two vectors in [0, π]; absent where one has no direction or their dimensions differ. By
/// 2·atan2(|u-v|, |u+v|) of the unit vectors, which is exact where arccos is not: near 0 and π (W. Kahan).
fn angle(u: &[f32], v: &[f32]) -> Option<f64> {
    if u.len() != v.len() {
        return None;
    }
    Some(between_units(&unit(u)?, &unit(v)?))
}

fn between_units(u: &[f64], v: &[f64]) -> f64 {
    let (mut apart, mut along) = (0.0, 0.0);
    for (x, y) in u.iter().zip(v) {
        apart += (x - y) * (x - y);
        along += (x + y) * (x + y);
    }
    2.0 * apart.sqrt().atan2(along.sqrt())
}

/// The unit vector of a direction; absent where there is none.
pub(super) fn unit(of: &[f32]) -> Option<Vec<f64>> {
    let length = of.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    length.is_normal().then(|| of.iter().map(|x| f64::from(*x) / length).collect())
}

/// The unit vector on the way from `u` to `v` that divides the angle as the radii do.
fn between(u: &[f32], v: &[f32], angle: f64, radii: [f64; 2]) -> Vec<f32> {
    let reach = radii[0] + radii[1];
    let share = if reach > 0.0 { radii[0] / reach } else { 0.5 };
    let (from, mut to) = (unit(u).unwrap_or_default(), unit(v).unwrap_or_default());
    if PI - angle < 1e-6 {
        // Opposite points: every way is as long; the one over the axis that u has least of will do.
        let least = from
            .iter()
            .enumerate()
            .min_by(|(_, x), (_, y)| x.abs().total_cmp(&y.abs()))
            .map_or(0, |(at, _)| at);
        to = (0..from.len()).map(|at| f64::from(u8::from(at == least))).collect();
    }
    // From u in the direction of v, at a right angle to u.
    let along: f64 = from.iter().zip(&to).map(|(x, y)| x * y).sum();
    let side: Vec<f64> = from.iter().zip(&to).map(|(x, y)| y - along * x).collect();
    let size = side.iter().map(|x| x * x).sum::<f64>().sqrt();
    let (cosine, sine) = ((share * angle).cos(), if size > 0.0 { (share * angle).sin() / size } else { 0.0 });
    from.iter().zip(&side).map(|(x, y)| (cosine * x + sine * y) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn caps(vector: Vec<f32>, threshold: f64) -> Caps {
        Caps { examples: vec![Example { text: "x".into(), vector }], threshold }
    }

    #[test]
    fn caps_on_a_circle() {
        let at = |degrees: f64| vec![degrees.to_radians().cos() as f32, degrees.to_radians().sin() as f32];
        let cap = |degrees: f64, radius: f64| caps(at(degrees), radius.to_radians().cos());
        for (first, second, meets) in [
            (cap(0.0, 30.0), cap(50.0, 30.0), true),
            (cap(0.0, 30.0), cap(70.0, 30.0), false),
            (cap(0.0, 10.0), cap(70.0, 61.0), true),
            (cap(0.0, 10.0), cap(180.0, 169.0), false),
            (cap(0.0, 10.0), cap(180.0, 171.0), true),
            (cap(10.0, 0.5), cap(10.0, 0.5), true),
        ] {
            let said = format!("{first:?} {second:?}");
            let (first, second) = (Bank::of(first), Bank::of(second));
            assert_eq!(matches!(meet(&first, &second), Closest::Meet(..)), meets, "{said}");
            assert_eq!(matches!(meet(&first, &second), Closest::Apart), !meets);
        }
        let (nowhere, flat) = (Bank::of(caps(vec![0.0, 0.0], 0.5)), Bank::of(caps(vec![1.0], 0.5)));
        let one = Bank::of(cap(0.0, 1.0));
        assert!(
            matches!(meet(&nowhere, &one), Closest::Unknown) && matches!(meet(&flat, &one), Closest::Unknown)
        );
    }

    fn direction() -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec(-1.0f32..1.0, 6)
            .prop_filter("has a direction", |v| v.iter().any(|x| x.abs() > 0.1))
    }

    proptest! {
        /// The point between two caps that meet lies in both; caps that are apart share none of many points.
        #[test]
        fn meetings_are_real(u in direction(), v in direction(), a in -0.5f64..0.99, b in -0.5f64..0.99, tries in proptest::collection::vec(direction(), 200)) {
            let (first, second) = (caps(u.clone(), a), caps(v.clone(), b));
            match meet(&Bank::of(first.clone()), &Bank::of(second.clone())) {
                Closest::Meet(u, v, angle) => {
                    let point = between(&u.vector, &v.vector, angle, [first.radius(), second.radius()]);
                    prop_assert!(first.hold(&point) && second.hold(&point), "{point:?}");
                }
                Closest::Apart => {
                    // The way between the two is where a shared point would be; random points besides.
                    for step in 0..=100 {
                        let angle = angle(&u, &v).unwrap_or(0.0);
                        let share = f64::from(step) / 100.0;
                        let point = between(&u, &v, angle, [share, 1.0 - share]);
                        prop_assert!(!(first.hold(&point) && second.hold(&point)));
                    }
                    prop_assert!(!tries.iter().any(|point| first.hold(point) && second.hold(point)));
                }
                Closest::Unknown => {}
            }
        }
    }
}
