//! The strategies: each ranks the available instances by a score and keeps the lowest few.

use super::{InstanceView, PlaceReason, Placement};
use smallvec::SmallVec;
use tollgate_core::Seed;

type Order = SmallVec<[u16; 8]>;

/// Indices of the `keep` lowest scores, lowest first, ties in index order; `None` leaves an instance out. One pass with a
/// sorted list of at most `keep` entries; `score` gets the worst score still in it, so that it may give up early.
pub(super) fn lowest(
    views: &[InstanceView],
    keep: usize,
    mut score: impl FnMut(&InstanceView, f64) -> Option<(f64, f64)>,
) -> Order {
    let mut best: SmallVec<[((f64, f64), u16); 17]> = SmallVec::new();
    for (index, view) in views.iter().enumerate().take(usize::from(u16::MAX)) {
        let worst = best.last().filter(|_| best.len() == keep).map_or(f64::INFINITY, |last| last.0.0);
        let Some(mine) = score(view, worst) else { continue };
        let lower = |other: &((f64, f64), u16)| {
            other.0.0.total_cmp(&mine.0).then(other.0.1.total_cmp(&mine.1)).is_le()
        };
        if best.len() == keep && best.last().is_some_and(lower) {
            continue;
        }
        let at = best.iter().take_while(|other| lower(other)).count();
        best.insert(at, (mine, index as u16));
        best.truncate(keep);
    }
    best.iter().map(|(_, index)| *index).collect()
}

/// A draw for one instance from the seed of the decision.
fn draw(seed: Seed, view: &InstanceView) -> f64 {
    Seed(seed.0 ^ view.key).unit()
}

/// Exponential race: the arrival time of a clock with rate `weight`. The earliest is drawn in proportion to the weights,
/// and so is each next among the rest (Efraimidis and Spirakis 2006). None when it is surely later than `limit`:
/// `-ln(1 - u) ≥ u` saves most of the logarithms.
fn race(unit: f64, weight: f64, limit: f64) -> Option<f64> {
    if weight <= 0.0 {
        return (limit == f64::INFINITY).then_some(f64::INFINITY);
    }
    (unit / weight <= limit).then(|| -(1.0 - unit).max(f64::MIN_POSITIVE).ln() / weight)
}

fn available(view: &InstanceView) -> Option<&InstanceView> {
    view.standing.available().then_some(view)
}

pub(super) fn by_weight(views: &[InstanceView], keep: usize, seed: Seed) -> Placement {
    let order = lowest(views, keep, |view, worst| {
        let view = available(view)?;
        Some((race(draw(seed, view), view.safe_weight(), worst)?, 0.0))
    });
    Placement { order, reason: PlaceReason::Weight }
}

/// Equal times are told apart at random, else an idle pool would send everything to its first instance.
fn ttft_score(view: &InstanceView, seed: Seed) -> Option<(f64, f64)> {
    available(view).map(|view| {
        let ttft = if view.safe_weight() > 0.0 { view.ttft_ms() } else { f64::INFINITY };
        (ttft, draw(seed, view))
    })
}

pub(super) fn by_ttft(views: &[InstanceView], keep: usize, seed: Seed) -> Placement {
    Placement { order: lowest(views, keep, |view, _| ttft_score(view, seed)), reason: PlaceReason::LeastTtft }
}

/// Least added power among those in time, then the late ones by time; ties at random.
pub(super) fn by_energy(views: &[InstanceView], max_ttft_ms: f64, keep: usize, seed: Seed) -> Placement {
    let order = lowest(views, keep, |view, _| {
        let (ttft, draw) = ttft_score(view, seed)?;
        let in_time = ttft <= max_ttft_ms && !view.marginal_w.is_nan();
        Some(if in_time { (view.marginal_w.min(f64::MAX), draw) } else { (f64::INFINITY, ttft) })
    });
    Placement { order, reason: PlaceReason::LeastEnergy }
}

/// Two by weight, the one with less expected time first, then the rest by time (Mitzenmacher 2001).
pub(super) fn better_of_two(views: &[InstanceView], keep: usize, seed: Seed) -> Placement {
    let mut two = by_weight(views, 2, seed).order;
    let ttft = |index: u16| views.get(usize::from(index)).map_or(f64::INFINITY, InstanceView::ttft_ms);
    two.sort_by(|a, b| ttft(*a).total_cmp(&ttft(*b)));
    let order = continue_with(&two, views, keep, seed);
    Placement { order, reason: PlaceReason::BetterOfTwo }
}

/// `head` first, then the others by expected time.
fn continue_with(head: &[u16], views: &[InstanceView], keep: usize, seed: Seed) -> Order {
    let rest = lowest(views, keep, |view, _| ttft_score(view, seed));
    let others = rest.into_iter().filter(|index| !head.contains(index));
    head.iter().copied().chain(others).take(keep).collect()
}

/// Weighted rendezvous with bounded loads.
///
/// Each instance's rank for a prefix depends on the two keys and its weight alone, so removing one moves only its own
/// prefixes (Thaler and Ravishankar 1998). The first in that line whose requests in flight, this one included, stay
/// within `ceil(bound · fair share)` gets it (Mirrokni, Thorup and Zadimoghaddam 2018); the fair share is by weight among
/// the available, so with a bound of at least 1 there always is one.
pub(super) fn by_affinity(
    views: &[InstanceView],
    prefix: u64,
    bound: f64,
    keep: usize,
    seed: Seed,
) -> Placement {
    let (mut total, mut weights, mut owner) = (1.0, 0.0, None::<(f64, usize)>);
    for (index, view) in views.iter().enumerate().filter(|(_, view)| view.standing.available()) {
        total += f64::from(view.in_flight);
        weights += view.safe_weight();
        let best = owner.map_or(f64::INFINITY, |(best, _)| best);
        if let Some(rank) = line(view, prefix, best).filter(|rank| *rank < best) {
            owner = Some((rank, index));
        }
    }
    let Some((_, mut chosen)) = owner else { return by_ttft(views, keep, seed) };
    let per_weight = bound.max(1.0) * total / weights;
    let fits =
        |view: &InstanceView| f64::from(view.in_flight) + 1.0 <= (per_weight * view.safe_weight()).ceil();
    let mut steps = 0;
    if !views.get(chosen).is_some_and(fits) {
        // Rare: walk down the line.
        let mut ranked: Vec<(f64, usize)> = views
            .iter()
            .enumerate()
            .filter(|(_, view)| view.standing.available())
            .filter_map(|(index, view)| Some((line(view, prefix, f64::INFINITY)?, index)))
            .filter(|(rank, _)| rank.is_finite())
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let next = ranked.iter().position(|(_, index)| views.get(*index).is_some_and(fits));
        if let Some((at, (_, index))) = next.and_then(|at| Some((at, ranked.get(at)?))) {
            (steps, chosen) = (at, *index);
        }
    }
    let reason = if steps == 0 { PlaceReason::Affinity } else { PlaceReason::AffinityMoved(steps as u16) };
    Placement { order: continue_with(&[chosen as u16], views, keep, seed), reason }
}

/// Where an instance stands in a prefix's line; lower is earlier, none when surely later than `limit`.
fn line(view: &InstanceView, prefix: u64, limit: f64) -> Option<f64> {
    // Two rounds of mixing, so that keys that differ in few bits give independent draws.
    let hash = Seed(Seed(prefix).bits() ^ view.key);
    race(Seed(hash.bits()).unit(), view.safe_weight(), limit)
}
