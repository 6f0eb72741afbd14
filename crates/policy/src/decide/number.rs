//! Numbers with bounds: scores, bands and groups while some of their signals are unread.
//!
//! Every operation is monotone in each argument and rounds to nearest, which is monotone too; so the bounds hold for
//! the number that comes out once everything is read, to the last bit.

use super::facts::Facts;
use super::leaf::{compare, holds};
use super::outcome::Verdict;
use super::run::Tri;
use super::truth::Truth as _;
use crate::syntax::tree::Cmp;
use crate::table::{Contest, Group, HUGE, NONE, Num, Score};
use smallvec::SmallVec;

/// Bounds of a number, and the cheapest unread signal that can narrow them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Bounds {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) need: u32,
}

impl Bounds {
    /// Nothing known.
    pub(super) const OPEN: Self = Self { low: -HUGE, high: HUGE, need: NONE };

    fn plus(self, other: Self) -> Self {
        Self::within(self.low + other.low, self.high + other.high, self.need.min(other.need))
    }

    pub(crate) const fn at(value: f64) -> Self {
        Self { low: value, high: value, need: NONE }
    }

    pub(crate) const fn within(low: f64, high: f64, need: u32) -> Self {
        Self { low, high, need }
    }

    pub(crate) fn is_point(&self) -> bool {
        self.low >= self.high
    }
}

/// Numbers over what is known of signals.
pub(crate) trait Numbers<'t>: Facts<'t> {
    fn number(&mut self, num: &Num) -> Bounds {
        match num {
            Num::Const(value) => Bounds::at(*value),
            Num::Value { signal, most } => self.value(*signal, *most),
            Num::Confidence(signal) => self.confidence(*signal),
            Num::Strength(signal) => self.strength(*signal),
            Num::Score(score) => self.score(*score),
            Num::Flag(node) => match self.flag(*node) {
                Tri { verdict: Verdict::Unknown, need, .. } => Bounds::within(0.0, 1.0, need),
                tri => Bounds::at(f64::from(u8::from(tri.verdict == Verdict::True))),
            },
            Num::FlagConfidence(node) => confidence(self.flag(*node)),
            Num::Band(band) => match self.band(*band) {
                Tri { verdict: Verdict::Unknown, need, .. } => Bounds::within(0.0, 1.0, need),
                tri => Bounds::at(f64::from(u8::from(tri.verdict == Verdict::True))),
            },
            Num::BandConfidence(band) => confidence(self.band(*band)),
            Num::Entropy(group) => self.entropy(*group),
            Num::Sum(parts) => {
                let mut sum = Bounds::at(0.0);
                for part in parts {
                    sum = sum.plus(self.number(part));
                }
                sum
            }
            Num::Scale(by, inner) => {
                let inner = self.number(inner);
                let (a, b) = (cut(by * inner.low), cut(by * inner.high));
                Bounds::within(a.min(b), a.max(b), inner.need)
            }
            Num::Min(parts) => self.fold(parts, f64::min),
            Num::Max(parts) => self.fold(parts, f64::max),
        }
    }

    /// What a named condition is worth.
    fn flag(&mut self, node: u32) -> Tri {
        let tri = self.node(node);
        self.named(node, tri)
    }

    /// A score, where its rule says so cut to [0, 1]; its parts start at `start` among those of all scores.
    fn score_now(&mut self, index: u32, start: usize) -> Bounds {
        let Some(Score { of, cut, alone }) = self.table().scores.get(index as usize) else {
            return Bounds::at(0.0);
        };
        let parts = of.parts();
        let mut inner = Bounds::at(0.0);
        for (at, (num, alone)) in parts.iter().zip(alone).enumerate() {
            let part = self.part(start + at, num, *alone);
            inner = if parts.len() == 1 { part } else { inner.plus(part) };
        }
        if !cut {
            return inner.settled();
        }
        Bounds { low: inner.low.clamp(0.0, 1.0), high: inner.high.clamp(0.0, 1.0), ..inner }.settled()
    }

    fn fold(&mut self, parts: &[Num], pick: fn(f64, f64) -> f64) -> Bounds {
        let mut found: Option<Bounds> = None;
        for part in parts {
            let part = self.number(part);
            found = Some(found.map_or(part, |held| {
                let need = held.need.min(part.need);
                Bounds::within(pick(held.low, part.low), pick(held.high, part.high), need)
            }));
        }
        found.unwrap_or(Bounds::at(0.0)).settled()
    }

    /// Whether the band holds; its confidence is 1 / (1 + exp(-slope x distance to the nearest bound)).
    fn band_now(&mut self, index: u32) -> Tri {
        let Some(band) = self.table().bands.get(index as usize) else { return Tri::NO };
        let value = self.number(&band.of);
        let mut verdict = Some(true);
        for (cmp, bound) in &band.bounds {
            match compare(*cmp, (value.low, value.high), (*bound, *bound)) {
                Some(true) => {}
                Some(false) => return Tri::NO,
                None => verdict = None,
            }
        }
        let confidence = |at: f64| {
            let distance = band.bounds.iter().map(|(cmp, bound)| match cmp {
                Cmp::Lt | Cmp::Le => bound - at,
                _ => at - bound,
            });
            let nearest = distance.fold(HUGE, f64::min);
            1.0 / (1.0 + (-band.slope * nearest).exp())
        };
        if value.is_point() && verdict.is_some() {
            return Tri::yes(confidence(value.low));
        }
        match verdict {
            // The distance to the nearest bound is concave, so its least value is at an end of the range.
            Some(_) => Tri {
                verdict: Verdict::True,
                low: confidence(value.low).min(confidence(value.high)),
                high: 1.0,
                need: NONE,
                refine: value.need,
            },
            None => {
                Tri { verdict: Verdict::Unknown, low: 0.0, high: 1.0, need: value.need, refine: value.need }
            }
        }
    }

    /// Strengths of the members; the second part is the cheapest unread signal, with `None` for open ones.
    fn strengths(&mut self, group: &Group) -> (SmallVec<[Option<f64>; 8]>, u32) {
        let mut need = NONE;
        let mut found = SmallVec::new();
        for member in &group.members {
            let bounds = self.number(member);
            need = need.min(if bounds.is_point() { NONE } else { bounds.need });
            found.push(bounds.is_point().then_some(bounds.low));
        }
        (found, need)
    }

    /// `group is member`: the member is the strongest by the margin, or reaches the threshold, and is not of strength 0.
    fn member(&mut self, index: u32, member: u32) -> Tri {
        let Some(group) = self.table().groups.get(index as usize) else { return Tri::NO };
        let (strengths, need) = self.strengths(group);
        let zero = |at: u32| strengths.get(at as usize).copied().flatten().is_some_and(|s| s <= 0.0);
        if zero(member) && group.contest.default() != Some(member) {
            return Tri::NO;
        }
        if let Contest::Above { threshold } = group.contest {
            let Some(shares) = softmax(group, &strengths) else { return Tri::open(need) };
            let share = shares.get(member as usize).copied().unwrap_or(0.0);
            return if holds(Cmp::Ge, share, threshold) { Tri::yes(share) } else { Tri::NO };
        }
        match settle(group, &strengths) {
            None => Tri::open(need),
            Some(Some((winner, share))) if winner == member as usize => Tri::yes(share),
            Some(_) => Tri::NO,
        }
    }

    /// Whether any member of the group fires.
    fn fires(&mut self, index: u32) -> Tri {
        let Some(group) = self.table().groups.get(index as usize) else { return Tri::NO };
        let (strengths, need) = self.strengths(group);
        match settle(group, &strengths) {
            None => Tri::open(need),
            Some(Some((_, share))) => Tri::yes(share),
            Some(None) => Tri::NO,
        }
    }

    /// Shannon entropy of the group's shares, divided by that of equal shares.
    fn entropy(&mut self, index: u32) -> Bounds {
        let Some(group) = self.table().groups.get(index as usize) else { return Bounds::at(0.0) };
        let (strengths, need) = self.strengths(group);
        let Some(shares) = softmax(group, &strengths) else { return Bounds::within(0.0, 1.0, need) };
        let sum: f64 = shares.iter().filter(|share| **share > 0.0).map(|share| -share * share.ln()).sum();
        Bounds::at((sum / (shares.len().max(2) as f64).ln()).clamp(0.0, 1.0))
    }
}

impl<'t, F: Facts<'t>> Numbers<'t> for F {}

impl Bounds {
    /// Bounds that met need no more reading.
    fn settled(self) -> Self {
        Self { need: if self.is_point() { NONE } else { self.need }, ..self }
    }
}

/// Keeps a number within plus and minus [`HUGE`], so that sums stay finite.
fn cut(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(-HUGE, HUGE) }
}

/// The confidence of what holds, else 0.
fn confidence(tri: Tri) -> Bounds {
    match tri {
        Tri { verdict: Verdict::Unknown, high, need, .. } => Bounds::within(0.0, high, need),
        Tri { verdict: Verdict::False, .. } => Bounds::at(0.0),
        tri => Bounds::within(tri.low, tri.high, tri.refine),
    }
}

/// Softmax of the strengths at the group's temperature, over *all* members of an exclusive group, over those that
/// hold where the winner is sought; absent while one is open.
fn softmax(group: &Group, strengths: &[Option<f64>]) -> Option<SmallVec<[f64; 8]>> {
    let known: SmallVec<[f64; 8]> = strengths.iter().copied().collect::<Option<_>>()?;
    let most = known.iter().copied().fold(0.0, f64::max);
    let competes = |strength: f64| strength > 0.0 || !matches!(group.contest, Contest::Winner { .. });
    let part = |s: &f64| if competes(*s) { ((s - most) / group.temperature).exp() } else { 0.0 };
    let parts: SmallVec<[f64; 8]> = known.iter().map(part).collect();
    let sum: f64 = parts.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    Some(parts.iter().map(|part| part / sum).collect())
}

/// The surest member that fires with its share, if one does; the outer level is absent while a strength is open.
fn settle(group: &Group, strengths: &[Option<f64>]) -> Option<Option<(usize, f64)>> {
    let shares = softmax(group, strengths)?;
    let mut best: Option<(usize, f64)> = None;
    let mut second = 0.0_f64;
    for (at, share) in shares.iter().enumerate() {
        match best {
            Some((_, held)) if *share <= held => second = second.max(*share),
            _ => {
                second = best.map_or(0.0, |(_, held)| held);
                best = Some((at, *share));
            }
        }
    }
    let strength = |at: usize| strengths.get(at).copied().flatten().filter(|strength| *strength > 0.0);
    let (at, share) = best?;
    let competing = strengths.iter().flatten().filter(|strength| **strength > 0.0).count();
    Some(match (group.contest, strength(at)) {
        (Contest::Exclusive { margin }, Some(_)) => {
            holds(Cmp::Ge, share - second, margin).then_some((at, share))
        }
        (Contest::Above { threshold }, Some(_)) => holds(Cmp::Ge, share, threshold).then_some((at, share)),
        // There is nothing to share where only one competes.
        (Contest::Winner { softmax: true, .. }, Some(_)) if competing > 1 => Some((at, share)),
        (Contest::Winner { .. }, Some(own)) => Some((at, own.min(1.0))),
        (contest, None) => contest.default().map(|at| (at as usize, 1.0)),
    })
}
