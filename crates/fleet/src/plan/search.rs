//! The best fleet of a space, exactly.
//!
//! A pool's cost depends on its own two edges only: the boundary and γ below it and those above it. So the best fleet is
//! a shortest path over (boundary, γ) nodes, one pool an edge, and its length is exact for every combination of
//! boundaries, γ and profiles. Bounds keep most pools from ever being sized: an edge whose fluid cost already exceeds the
//! best known path to its end is left out, and so is a profile whose fluid cost exceeds the best of its edge.

use super::demand::{Cut, Demand, Load};
use super::problem::{Goal, Problem};
use super::steady::{Binding, Pool};
use crate::Error;
use crate::power::Usage;

/// Most nodes (boundaries times γ) of a search.
pub const NODES_MAX: usize = 4096;

/// The upper end of a pool.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Node {
    boundary: u32,
    gamma: f64,
    /// The longest request that may be compressed down to the boundary.
    top: u32,
}

/// A pool of a fleet that was found.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) cut: Cut,
    /// γ at its upper end.
    pub(super) gamma: f64,
    pub(super) profile: usize,
    /// Instances that must be up, and instances that are paid for.
    pub(super) needed: u32,
    pub(super) instances: u32,
    pub(super) binding: Binding,
    pub(super) load: Load,
    pub(super) cost: i64,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Effort {
    /// Fleets in the space: every choice of boundaries, γ and profiles.
    pub fleets: u64,
    /// Pools that were sized.
    pub sized: u64,
    /// Pools that a bound ruled out before.
    pub bounded: u64,
}

/// A search over one problem.
pub(super) struct Search<'a> {
    problem: &'a Problem,
    demand: Demand,
    nodes: Vec<Node>,
    pub(super) effort: Effort,
}

/// The best path to a node: its cost, and its last pool with the node before it.
#[derive(Clone)]
struct Reached {
    cost: i64,
    from: Option<usize>,
    pool: Chosen,
}

impl<'a> Search<'a> {
    pub(super) fn new(problem: &'a Problem) -> Result<Self, Error> {
        let space = &problem.space;
        let mut boundaries: Vec<u32> = if space.pools > 1 {
            space.boundaries.iter().copied().filter(|b| *b < space.context).collect()
        } else {
            Vec::new()
        };
        boundaries.sort_unstable();
        boundaries.dedup();
        let mut nodes = Vec::new();
        for boundary in boundaries {
            for &gamma in &space.gammas {
                let top = ((f64::from(boundary) * gamma) as u32).min(space.context);
                nodes.push(Node { boundary, gamma, top });
            }
        }
        nodes.push(Node { boundary: space.context, gamma: 1.0, top: space.context });
        if nodes.len() > NODES_MAX {
            return Err(Error::TooMany {
                what: "boundaries times γ",
                limit: NODES_MAX,
                fix: "give fewer of either",
            });
        }
        let mut search = Self { problem, demand: Demand::new(problem), nodes, effort: Effort::default() };
        search.effort.fleets = search.fleets();
        Ok(search)
    }

    /// The cheapest fleet; `None` when no fleet of the space meets every objective.
    pub(super) fn best(&mut self) -> Option<Vec<Chosen>> {
        self.best_of(1)
    }

    /// The cheapest fleet of at least so many pools.
    pub(super) fn best_of(&mut self, least: usize) -> Option<Vec<Chosen>> {
        let last = self.nodes.len() - 1;
        let mut layers: Vec<Vec<Option<Reached>>> = Vec::new();
        let mut incumbent = i64::MAX;
        for pools in 1..=self.problem.space.pools {
            let mut layer: Vec<Option<Reached>> = vec![None; self.nodes.len()];
            // Only the last node ends a fleet, and a last layer needs no others.
            let first = if pools == self.problem.space.pools { last } else { 0 };
            for (to, reached) in layer.iter_mut().enumerate().skip(first) {
                *reached = self.reach(layers.last(), to, incumbent);
            }
            if pools >= least {
                incumbent = incumbent.min(layer[last].as_ref().map_or(i64::MAX, |r| r.cost));
            }
            let ended = layer.iter().all(Option::is_none);
            layers.push(layer);
            if ended {
                break;
            }
        }
        let depth = (least - 1..layers.len())
            .min_by_key(|&d| layers[d][last].as_ref().map_or(i64::MAX, |r| r.cost))?;
        let mut fleet = Vec::new();
        let (mut at, mut layer) = (Some(last), depth + 1);
        while let Some(node) = at {
            layer = layer.checked_sub(1)?;
            let reached = layers[layer][node].as_ref()?;
            fleet.push(reached.pool.clone());
            at = reached.from;
        }
        fleet.reverse();
        Some(fleet)
    }

    /// The best way to a node with one more pool than the layer before.
    fn reach(&mut self, before: Option<&Vec<Option<Reached>>>, to: usize, incumbent: i64) -> Option<Reached> {
        let Some(before) = before else {
            let pool = self.edge(None, to, incumbent)?;
            return Some(Reached { cost: pool.cost, from: None, pool });
        };
        let mut best: Option<Reached> = None;
        for (from, reached) in before.iter().enumerate().take(to) {
            let Some(reached) = reached else { continue };
            let limit =
                best.as_ref().map_or(incumbent, |b| b.cost.min(incumbent)).saturating_sub(reached.cost);
            if limit <= 0 {
                continue;
            }
            if let Some(pool) = self.edge(Some(from), to, limit) {
                best = Some(Reached { cost: reached.cost.saturating_add(pool.cost), from: Some(from), pool });
            }
        }
        best
    }

    fn cut(&self, from: Option<usize>, to: usize) -> Option<Cut> {
        let (low, low_top) = from.map_or((0, 0), |f| (self.nodes[f].boundary, self.nodes[f].top));
        let node = self.nodes[to];
        // A band that reaches beyond the pool above would skip it: a smaller γ says the same.
        (low < node.boundary && low_top <= node.boundary).then_some(Cut {
            low,
            low_top,
            high: node.boundary,
            high_top: node.top,
        })
    }

    /// The cheapest pool between two nodes that costs less than `limit`.
    fn edge(&mut self, from: Option<usize>, to: usize, limit: i64) -> Option<Chosen> {
        let cut = self.cut(from, to)?;
        let mut best: Option<Chosen> = None;
        let mut load: Option<(u32, Load)> = None;
        for index in 0..self.problem.profiles.len() {
            let chunk = self.problem.profiles[index].chunk;
            if load.as_ref().is_none_or(|l| l.0 != chunk) {
                load = Some((chunk, self.demand.load(cut, chunk)?));
            }
            let Some((_, load)) = &load else { continue };
            let limit = best.as_ref().map_or(limit, |b| b.cost);
            let found = self.size(cut, index, load, limit);
            if let Some(found) = found {
                best = Some(Chosen { gamma: self.nodes[to].gamma, ..found });
            }
        }
        best
    }

    fn size(&mut self, cut: Cut, index: usize, load: &Load, limit: i64) -> Option<Chosen> {
        let problem = self.problem;
        let profile = &problem.profiles[index];
        let pool = Pool::new(problem, profile, load, cut.high)?;
        if self.floor(&pool, pool.fluid()) >= limit {
            self.effort.bounded += 1;
            return None;
        }
        self.effort.sized += 1;
        let (needed, binding) = pool.instances()?;
        let instances = with_spares(needed, problem.limits.availability, problem.limits.confidence);
        let cost = self.cost(&pool, needed, instances);
        let chosen =
            Chosen { cut, gamma: 1.0, profile: index, needed, instances, binding, load: load.clone(), cost };
        (cost < limit && instances <= problem.limits.instances).then_some(chosen)
    }

    /// No fleet of so many instances, or more, costs less: their price, or their idle power.
    fn floor(&self, pool: &Pool<'_>, instances: u32) -> i64 {
        match self.problem.goal {
            Goal::Cost => price(pool, instances),
            Goal::Power => {
                let usage = self.problem.site.usage(pool.profile, f64::from(instances), 0.0, 0.0);
                (usage.facility_w * 1000.0) as i64
            }
        }
    }

    /// What is made small: millionths of a dollar an hour, or milliwatts at the meter.
    fn cost(&self, pool: &Pool<'_>, needed: u32, instances: u32) -> i64 {
        let usage = usage(pool, needed, instances);
        match self.problem.goal {
            Goal::Cost => price(pool, instances).saturating_add(usage.tariff_micro_per_hour),
            Goal::Power => (usage.facility_w * 1000.0).ceil() as i64,
        }
    }

    /// Fleets in the space: paths of up to so many pools, each with any profile.
    fn fleets(&self) -> u64 {
        let last = self.nodes.len() - 1;
        let profiles = self.problem.profiles.len() as u64;
        let mut ways: Vec<u64> =
            (0..=last).map(|to| if self.cut(None, to).is_some() { profiles } else { 0 }).collect();
        let mut total = ways[last];
        for _ in 1..self.problem.space.pools {
            let next = (0..=last).map(|to| {
                let before = (0..to).filter(|&from| ways[from] > 0 && self.cut(Some(from), to).is_some());
                before.fold(0u64, |sum, from| sum.saturating_add(ways[from].saturating_mul(profiles)))
            });
            ways = next.collect();
            total = total.saturating_add(ways[last]);
        }
        total
    }
}

fn price(pool: &Pool<'_>, instances: u32) -> i64 {
    pool.profile.price_micro_per_hour.saturating_mul(i64::from(instances))
}

/// The energy that a pool uses: the needed instances share the work, spares idle.
pub(super) fn usage(pool: &Pool<'_>, needed: u32, instances: u32) -> Usage {
    let output = pool.load.rate * pool.load.output;
    let batch = pool.steady(needed).map_or(0.0, |s| s.batch);
    let site = &pool.problem.site;
    let working = site.usage(pool.profile, f64::from(needed), batch, output);
    let spare = site.usage(pool.profile, f64::from(instances - needed.min(instances)), 0.0, 0.0);
    Usage { gpu_w: working.gpu_w, ..site.sum([(&working, output), (&spare, 0.0)].into_iter()) }
}

/// The fewest instances of which `needed` are up with a probability, each being up independently.
pub(super) fn with_spares(needed: u32, availability: f64, confidence: f64) -> u32 {
    if availability >= 1.0 {
        return needed;
    }
    let down = 1.0 - availability;
    // P(at most s of needed + s are down) is P(at most s fail before `needed` succeed): negative binomial, so one more
    // spare is one more term.
    let mut ln_term = f64::from(needed) * availability.ln();
    let mut sum = ln_term.exp();
    for spares in 0..=needed.saturating_add(64) {
        if sum >= confidence {
            return needed.saturating_add(spares);
        }
        let next = f64::from(spares) + 1.0;
        ln_term += ((f64::from(needed) + next - 1.0) / next * down).ln();
        sum += ln_term.exp();
    }
    needed.saturating_mul(2).saturating_add(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spares_are_enough_and_no_more() {
        assert_eq!(with_spares(7, 1.0, 0.999), 7);
        // One instance up 99 % of the time meets 0.99, and two are needed for 0.999.
        assert_eq!([with_spares(1, 0.99, 0.99), with_spares(1, 0.99, 0.999)], [1, 2]);
        // P(at least `needed` of `total` are up), term by term of the binomial distribution.
        let enough = |needed: u32, total: u32, up: f64| -> f64 {
            let ln_factorial = |n: u32| (1..=n).map(|k| f64::from(k).ln()).sum::<f64>();
            let term = |k: u32| {
                let ways = ln_factorial(total) - ln_factorial(k) - ln_factorial(total - k);
                (ways + f64::from(k) * up.ln() + f64::from(total - k) * (1.0 - up).ln()).exp()
            };
            (needed..=total).map(term).sum()
        };
        for (availability, confidence) in [(0.95, 0.99), (0.5, 0.9), (0.999, 0.9999)] {
            for needed in 1..80 {
                let total = with_spares(needed, availability, confidence);
                assert!(enough(needed, total, availability) >= confidence - 1e-9, "{needed}: {total}");
                let fewer = total - 1;
                assert!(
                    fewer < needed || enough(needed, fewer, availability) < confidence + 1e-9,
                    "{needed}: {fewer} do"
                );
            }
        }
    }
}
