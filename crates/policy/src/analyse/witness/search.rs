//! Branch and prune: claims over ranges.

use super::ranges::{Range, Ranges};
use crate::decide::Verdict;
use crate::decide::facts::Facts as _;
use crate::decide::leaf::compare;
use crate::decide::number::Numbers as _;
use crate::syntax::tree::Cmp;
use crate::table::{Contest, Num, Table};
use std::collections::BTreeSet;

/// What is claimed of the signals.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Claim<'t> {
    /// The number is at least `bound`, or is not.
    AtLeast { num: &'t Num, bound: f64, holds: bool },
    /// The left number is at least (strict: more than) the right one, or is not.
    Pair { left: &'t Num, right: &'t Num, strict: bool, holds: bool },
    /// The member of the group fires, or does not.
    Member { group: u32, member: u32, holds: bool },
    /// One signal's number is at most another's.
    Order { small: u32, large: u32 },
}

/// How a search ended.
pub(crate) enum Search<'w> {
    /// At every point of these ranges that [`Ranges::say`] picks, every claim holds.
    Found(Ranges<'w>),
    /// No point of the ranges makes every claim hold.
    Never,
    GaveUp,
}

impl Claim<'_> {
    /// The signals that it depends on.
    pub(crate) fn reads(&self, table: &Table) -> BTreeSet<u32> {
        let mut found = Vec::new();
        match self {
            Self::AtLeast { num, .. } => table.collect_num(num, &mut found),
            Self::Pair { left, right, .. } => {
                table.collect_num(left, &mut found);
                table.collect_num(right, &mut found);
            }
            Self::Member { group, .. } => table.collect_num(&Num::Entropy(*group), &mut found),
            Self::Order { small, large } => found.extend([*small, *large]),
        }
        found.into_iter().collect()
    }

    /// What a member reads that is claimed to fire.
    fn favours(&self, table: &Table) -> Option<Vec<u32>> {
        let Self::Member { group, member, holds: true } = self else { return None };
        let mut found = Vec::new();
        table.collect_num(table.groups.get(*group as usize)?.members.get(*member as usize)?, &mut found);
        Some(found)
    }

    /// Whether it is true everywhere on the ranges, or false everywhere.
    fn on(&self, ranges: &mut Ranges<'_>) -> Option<bool> {
        ranges.touch(1);
        let (known, wanted) = match *self {
            Self::AtLeast { num, bound, holds } => {
                let found = ranges.number(num);
                (compare(Cmp::Ge, (found.low, found.high), (bound, bound)), holds)
            }
            Self::Pair { left, right, strict, holds } => {
                let (left, right) = (ranges.number(left), ranges.number(right));
                let cmp = if strict { Cmp::Gt } else { Cmp::Ge };
                (compare(cmp, (left.low, left.high), (right.low, right.high)), holds)
            }
            Self::Member { group, member, holds } => (wins(ranges, group, member), holds),
            Self::Order { small, large } => {
                let huge = crate::table::HUGE;
                let (small, large) = (ranges.value(small, huge), ranges.value(large, huge));
                (compare(Cmp::Le, (small.low, small.high), (large.low, large.high)), true)
            }
        };
        known.map(|known| known == wanted)
    }
}

/// Whether a member of a group fires: the shares' bounds decide where the strengths are not settled.
fn wins(ranges: &mut Ranges<'_>, group: u32, member: u32) -> Option<bool> {
    match ranges.member(group, member).verdict {
        Verdict::True => return Some(true),
        Verdict::False => return Some(false),
        Verdict::Unknown => {}
    }
    let held = ranges.table().groups.get(group as usize)?;
    let strengths: Vec<(f64, f64)> = held
        .members
        .iter()
        .map(|num| {
            let bounds = ranges.number(num);
            (bounds.low, bounds.high)
        })
        .collect();
    let (low, high) = *strengths.get(member as usize)?;
    let others = || strengths.iter().enumerate().filter(|(at, _)| *at != member as usize).map(|(_, s)| *s);
    if high <= 0.0 && held.contest.default() != Some(member) {
        return Some(false);
    }
    let beaten = || others().any(|(other_low, _)| other_low > high);
    // What the share, or its lead over the next, must reach; the next does not matter to the share alone.
    let (least, lead) = match held.contest {
        Contest::Exclusive { .. } | Contest::Winner { .. } if beaten() => return Some(false),
        Contest::Winner { .. } => {
            let strongest = low > 0.0 && others().all(|(_, other)| other < low);
            return strongest.then_some(true);
        }
        Contest::Exclusive { margin } => (margin, true),
        Contest::Above { threshold } => (threshold, false),
    };
    // A share, and its lead over another, is largest with the member high and the rest low.
    let part = |strength: f64| ((strength - high) / held.temperature).exp();
    let rest: f64 = others().map(|(other, _)| part(other)).sum();
    let best_rival = if lead { others().map(|(other, _)| part(other)).fold(0.0, f64::max) } else { 0.0 };
    // A little room for rounding: what is decided here must be so to the last bit.
    if (1.0 - best_rival) / (1.0 + rest) < least - 1e-9 {
        return Some(false);
    }
    let worst = |strength: f64| ((strength - low) / held.temperature).exp();
    let rival = if lead { others().map(|(_, other)| worst(other)).fold(0.0, f64::max) } else { 0.0 };
    let rest: f64 = others().map(|(_, other)| worst(other)).sum();
    let sure = low > 0.0 && rival < 1.0 - 1e-9 && (1.0 - rival) / (1.0 + rest) > least + 1e-9;
    sure.then_some(true)
}

/// A part of the ranges that is still open, with the claims that its surroundings leave undecided there: what holds on
/// the whole holds on each part, so a claim is looked at no further once it does.
struct Open<'w> {
    part: Ranges<'w>,
    claims: Vec<usize>,
}

/// Looks for a point of `ranges` where every claim holds, splitting at most `budget` times, for as long as the analysis
/// has steps left; what it evaluates is counted there.
pub(crate) fn search<'w>(ranges: &Ranges<'w>, claims: &[Claim<'_>], budget: usize) -> Search<'w> {
    let table = ranges.table();
    let reads: Vec<Vec<u32>> = claims.iter().map(|claim| claim.reads(table).into_iter().collect()).collect();
    let mut open = vec![Open { part: ranges.clone(), claims: (0..claims.len()).collect() }];
    let mut left = budget;
    while let Some(Open { mut part, claims: asked }) = open.pop() {
        if part.is_spent() {
            return Search::GaveUp;
        }
        let Some(undecided) = undecided(&mut part, claims, &asked) else { continue };
        if undecided.is_empty() {
            return Search::Found(part);
        }
        if let Some(point) = corners(&part, claims, &undecided) {
            return Search::Found(point);
        }
        if left == 0 {
            return Search::GaveUp;
        }
        left -= 1;
        let read = undecided.iter().filter_map(|at| reads.get(*at)).flatten();
        let widest = read.max_by_key(|signal| part.width(**signal));
        match widest.and_then(|signal| part.split(*signal)) {
            // The first half, of higher confidences and smaller numbers, is looked at first.
            Some([first, second]) => open.extend([
                Open { part: second, claims: undecided.clone() },
                Open { part: first, claims: undecided },
            ]),
            // A point on which a claim is open cannot be; if it is, nothing is claimed.
            None => return Search::GaveUp,
        }
    }
    Search::Never
}

/// Those of the `asked` claims that the ranges leave undecided; absent when one of them fails.
fn undecided(part: &mut Ranges<'_>, claims: &[Claim<'_>], asked: &[usize]) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    for at in asked {
        match claims.get(*at)?.on(part) {
            Some(true) => {}
            Some(false) => return None,
            None => found.push(*at),
        }
    }
    Some(found)
}

/// Whether a signal stands at its high end.
type Pick<'p> = &'p dyn Fn(u32, &Range) -> bool;

/// Most members of groups of which the corner is tried that favours them alone.
const MAX_FAVOURED: usize = 4;

/// A corner of the ranges where the undecided claims hold.
fn corners<'w>(part: &Ranges<'w>, claims: &[Claim<'_>], undecided: &[usize]) -> Option<Ranges<'w>> {
    let sure = |_: u32, range: &Range| matches!(range, Range::Sure(..) | Range::Maybe(_));
    let picks: [Pick<'_>; 4] = [&sure, &|_, _| true, &|_, _| false, &|s, r| !sure(s, r)];
    let holds = |point: &mut Ranges<'w>| {
        undecided.iter().all(|at| claims.get(*at).is_some_and(|c| c.on(point) == Some(true)))
    };
    let corner = |pick: Pick<'_>| {
        let mut point = part.corner(pick);
        holds(&mut point).then_some(point)
    };
    let favoured = || {
        let claimed = undecided.iter().filter_map(|at| claims.get(*at)?.favours(part.table()));
        claimed.take(MAX_FAVOURED).find_map(|own| corner(&|signal, _| own.contains(&signal)))
    };
    picks.into_iter().find_map(corner).or_else(favoured)
}
