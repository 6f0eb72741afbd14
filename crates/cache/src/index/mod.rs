//! The nearest vectors: a scan of all while they are few, a graph from [`GRAPH_FROM`] on.
//!
//! Vectors have length 1, so that the cosine is a product. A removed row is only marked; when as many rows are marked as
//! are left, all are copied anew, so memory stays within twice the rows. The graph is linked a few rows at a time from half
//! of [`GRAPH_FROM`] on, so no insertion pays for all of it; while rows are missing in it, all are scanned.
//!
//! ```
//! use tollgate_cache::index::Index;
//! let mut index = Index::new(2);
//! let (east, north) = (index.insert(&[1.0, 0.0]), index.insert(&[0.0, 1.0]));
//! assert_eq!(index.nearest(&[0.8, 0.6], 1, 0.5), [(east, 0.8)]);
//! index.remove(east);
//! assert_eq!(index.nearest(&[0.8, 0.6], 1, 0.5), [(north, 0.6)]);
//! ```

mod graph;

use graph::Graph;
use std::collections::HashMap;

/// Rows from which a graph is searched instead of all rows.
pub const GRAPH_FROM: usize = 100_000;

/// Rows that one insertion links at most: more than one, so that the graph catches up.
const LINK_STEPS: usize = 4;

/// The name of a row, given when it is inserted and never again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Row(u64);

/// See the module.
#[derive(Debug)]
pub struct Index {
    dims: usize,
    graph_from: usize,
    rows: Rows,
    graph: Graph,
    /// Where a live row stands.
    places: HashMap<Row, u32>,
    next: u64,
}

/// The vectors, one behind the other.
#[derive(Debug, Default)]
struct Rows {
    dims: usize,
    numbers: Vec<f32>,
    /// The row's name; none once it is removed.
    names: Vec<Option<Row>>,
}

impl Rows {
    fn vector(&self, place: u32) -> &[f32] {
        let start = place as usize * self.dims;
        self.numbers.get(start..start + self.dims).unwrap_or_default()
    }

    fn name(&self, place: u32) -> Option<Row> {
        self.names.get(place as usize).copied().flatten()
    }

    fn push(&mut self, name: Row, vector: &[f32]) -> u32 {
        let place = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        // A vector of another length is cut or filled up: it is near nothing then.
        self.numbers.extend(vector.iter().copied().chain(std::iter::repeat(0.0)).take(self.dims));
        self.names.push(Some(name));
        place
    }
}

/// The product of two vectors, in eight sums that the compiler keeps in one register.
fn product(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    for (x, y) in a8.iter().zip(b8) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

impl Index {
    /// An empty one for vectors of `dims` numbers.
    #[must_use]
    pub fn new(dims: usize) -> Self {
        Self::with_graph_from(dims, GRAPH_FROM)
    }

    /// One that searches a graph from so many rows on.
    #[must_use]
    pub fn with_graph_from(dims: usize, graph_from: usize) -> Self {
        let rows = Rows { dims, ..Rows::default() };
        Self { dims, graph_from, rows, graph: Graph::default(), places: HashMap::new(), next: 0 }
    }

    /// Rows that can be found.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Bytes that a row takes at most, with what of removed ones stays.
    #[must_use]
    pub const fn row_bytes(dims: usize) -> usize {
        2 * dims * size_of::<f32>()
    }

    /// Takes in a vector of length 1.
    pub fn insert(&mut self, vector: &[f32]) -> Row {
        let name = Row(self.next);
        self.next += 1;
        let place = self.rows.push(name, vector);
        self.places.insert(name, place);
        if self.rows.names.len() >= self.graph_from / 2 {
            let linked = self.graph.linked();
            for place in (linked..self.rows.names.len()).take(LINK_STEPS) {
                self.graph.insert(&self.rows, place as u32);
            }
        }
        name
    }

    /// Forgets a row.
    pub fn remove(&mut self, row: Row) {
        let Some(place) = self.places.remove(&row) else { return };
        if let Some(name) = self.rows.names.get_mut(place as usize) {
            *name = None;
        }
        if self.rows.names.len() > 2 * self.places.len() {
            self.compact();
        }
    }

    /// Up to `count` rows with a cosine of at least `least`, the nearest first. All of the nearest while there are fewer
    /// than [`GRAPH_FROM`]; nearly always beyond.
    #[must_use]
    pub fn nearest(&self, query: &[f32], count: usize, least: f32) -> Vec<(Row, f32)> {
        if !self.by_graph() {
            return self.scan(query, count, least);
        }
        let mut found = self.graph.search(&self.rows, query, count);
        found.retain(|(_, cosine)| *cosine >= least);
        found
    }

    /// Whether the graph is whole and there are rows enough for it to be worth its while.
    fn by_graph(&self) -> bool {
        let rows = self.rows.names.len();
        rows >= self.graph_from && self.graph.linked() == rows
    }

    /// The same from all rows, whatever their number.
    #[must_use]
    pub fn scan(&self, query: &[f32], count: usize, least: f32) -> Vec<(Row, f32)> {
        let mut best: Vec<(Row, f32)> = Vec::with_capacity(count + 1);
        for (place, name) in self.rows.names.iter().enumerate() {
            let Some(name) = name else { continue };
            let vector = self.rows.vector(place as u32);
            let cosine = product(vector, query);
            let bar = best.last().filter(|_| best.len() == count).map_or(least, |(_, cosine)| *cosine);
            // Turned around, as what is no number is neither.
            let near = cosine >= least && (best.len() < count || cosine > bar);
            if !near {
                continue;
            }
            let at = best.partition_point(|(_, other)| *other >= cosine);
            best.insert(at, (*name, cosine));
            best.truncate(count);
        }
        best
    }

    fn compact(&mut self) {
        let old = std::mem::replace(&mut self.rows, Rows { dims: self.dims, ..Rows::default() });
        self.places.clear();
        for (place, name) in old.names.iter().enumerate() {
            let Some(name) = name else { continue };
            let at = self.rows.push(*name, old.vector(place as u32));
            self.places.insert(*name, at);
        }
        self.graph = Graph::default();
    }
}

#[cfg(test)]
mod tests;
