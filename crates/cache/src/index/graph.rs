//! A hierarchical navigable small world: each row is linked to near ones in layers, the upper ones sparse.
//!
//! Source: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small
//! World graphs" (arXiv 1603.09320): algorithms 1 (insert), 2 (search in a layer) and 4 (choice of neighbours by
//! heuristic). A row's highest layer is drawn from its place, so that the same rows give the same graph. Removed rows stay as stepping
//! stones.

use super::{Row, Rows, product};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use tollgate_core::Seed;

/// Links of a row in the upper layers, and in the lowest (the paper's M and M_max0).
const LINKS: usize = 16;
const LINKS_LOWEST: usize = 32;
/// Rows kept in view while inserting and searching (the paper's ef).
const VIEW_INSERT: usize = 128;
const VIEW_SEARCH: usize = 128;
/// Highest layer: enough for 16^8 rows.
const LAYER_MAX: usize = 8;

/// A row by its likeness: heaps order by it.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Near {
    cosine: f32,
    place: u32,
}

impl Eq for Near {}

impl Ord for Near {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.cosine.total_cmp(&other.cosine).then(other.place.cmp(&self.place))
    }
}

impl PartialOrd for Near {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// By place and layer, lowest first.
    links: Vec<Vec<Vec<u32>>>,
    /// Where a search begins: a row of the highest layer.
    entry: Option<u32>,
}

/// The highest layer of a row: geometric with mean 1 / ln M, as the paper draws it.
fn layer_of(place: u32) -> usize {
    let unit = 1.0 - Seed(u64::from(place)).unit();
    let layer = -unit.ln() / (LINKS as f64).ln();
    (layer as usize).min(LAYER_MAX)
}

impl Graph {
    /// Rows that are linked: those at the first places.
    pub(super) const fn linked(&self) -> usize {
        self.links.len()
    }

    /// Links the row at the next free place.
    pub(super) fn insert(&mut self, rows: &Rows, place: u32) {
        let top = layer_of(place);
        self.links.push(vec![Vec::new(); top + 1]);
        let Some(mut at) = self.entry else {
            self.entry = Some(place);
            return;
        };
        let vector = rows.vector(place);
        let highest = self.top(at);
        for layer in (top + 1..=highest).rev() {
            at = self.walk(rows, vector, at, layer);
        }
        for layer in (0..=top.min(highest)).rev() {
            let found = self.layer(rows, vector, at, layer, VIEW_INSERT);
            at = found.first().map_or(at, |near| near.place);
            let most = if layer == 0 { LINKS_LOWEST } else { LINKS };
            let chosen = chosen(rows, &found, LINKS);
            for near in &chosen {
                self.link(rows, near.place, place, layer, most);
            }
            if let Some(slot) = self.slot(place, layer) {
                *slot = chosen.iter().map(|near| near.place).collect();
            }
        }
        if top > highest {
            self.entry = Some(place);
        }
    }

    /// Up to `count` live rows, the nearest first.
    pub(super) fn search(&self, rows: &Rows, query: &[f32], count: usize) -> Vec<(Row, f32)> {
        let Some(mut at) = self.entry else { return Vec::new() };
        for layer in (1..=self.top(at)).rev() {
            at = self.walk(rows, query, at, layer);
        }
        let found = self.layer(rows, query, at, 0, VIEW_SEARCH.max(count));
        let live = found.into_iter().filter_map(|near| Some((rows.name(near.place)?, near.cosine)));
        live.take(count).collect()
    }

    fn top(&self, place: u32) -> usize {
        self.links.get(place as usize).map_or(0, |layers| layers.len().saturating_sub(1))
    }

    fn neighbours(&self, place: u32, layer: usize) -> &[u32] {
        self.links.get(place as usize).and_then(|layers| layers.get(layer)).map_or(&[], Vec::as_slice)
    }

    fn slot(&mut self, place: u32, layer: usize) -> Option<&mut Vec<u32>> {
        self.links.get_mut(place as usize)?.get_mut(layer)
    }

    /// From `at` to the nearest row of a layer that greedy steps reach.
    fn walk(&self, rows: &Rows, query: &[f32], mut at: u32, layer: usize) -> u32 {
        let mut best = product(rows.vector(at), query);
        loop {
            let near =
                self.neighbours(at, layer).iter().map(|next| (*next, product(rows.vector(*next), query)));
            match near.max_by(|a, b| a.1.total_cmp(&b.1)) {
                Some((next, cosine)) if cosine > best => (at, best) = (next, cosine),
                _ => return at,
            }
        }
    }

    /// The nearest rows of a layer with `view` in sight, the nearest first.
    fn layer(&self, rows: &Rows, query: &[f32], from: u32, layer: usize, view: usize) -> Vec<Near> {
        let first = Near { cosine: product(rows.vector(from), query), place: from };
        let mut seen = HashSet::from([from]);
        let mut ahead = BinaryHeap::from([first]);
        let mut best = BinaryHeap::from([Reverse(first)]);
        while let Some(near) = ahead.pop() {
            let worst = best.peek().map_or(f32::MIN, |Reverse(worst)| worst.cosine);
            if best.len() >= view && near.cosine < worst {
                break;
            }
            for place in self.neighbours(near.place, layer) {
                if !seen.insert(*place) {
                    continue;
                }
                let next = Near { cosine: product(rows.vector(*place), query), place: *place };
                let worst = best.peek().map_or(f32::MIN, |Reverse(worst)| worst.cosine);
                if best.len() < view || next.cosine > worst {
                    ahead.push(next);
                    best.push(Reverse(next));
                    if best.len() > view {
                        best.pop();
                    }
                }
            }
        }
        let mut found: Vec<Near> = best.into_iter().map(|Reverse(near)| near).collect();
        found.sort_by(|a, b| b.cmp(a));
        found
    }

    /// Links `from` to `to`, dropping the least useful link where there are more than `most`.
    fn link(&mut self, rows: &Rows, from: u32, to: u32, layer: usize, most: usize) {
        let Some(slot) = self.slot(from, layer) else { return };
        slot.push(to);
        if slot.len() <= most {
            return;
        }
        let vector = rows.vector(from);
        let near = |place: &u32| Near { cosine: product(rows.vector(*place), vector), place: *place };
        let mut all: Vec<Near> = slot.iter().map(near).collect();
        all.sort_by(|a, b| b.cmp(a));
        *slot = chosen(rows, &all, most).iter().map(|near| near.place).collect();
    }
}

/// Up to `most` of `found`, each nearer to the row than to any chosen before: links that lead in many directions. What is
/// left over fills up, nearest first.
fn chosen(rows: &Rows, found: &[Near], most: usize) -> Vec<Near> {
    let mut chosen: Vec<Near> = Vec::with_capacity(most);
    let mut rest = Vec::new();
    for near in found {
        if chosen.len() == most {
            break;
        }
        let vector = rows.vector(near.place);
        let own = chosen.iter().all(|other| product(rows.vector(other.place), vector) < near.cosine);
        if own { chosen.push(*near) } else { rest.push(*near) }
    }
    let room = most - chosen.len();
    chosen.extend(rest.into_iter().take(room));
    chosen
}
