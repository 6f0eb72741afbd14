//! One tree: the leaf whose split gains most is split next.

use super::bins::{BINS, Binned};
use super::boost::TreeParams;
use serde::{Deserialize, Serialize};

/// A tree as arrays; node 0 is the root.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// The feature that a node asks for; -1 at a leaf.
    pub feature: Vec<i32>,
    /// Values up to this go left, as do missing ones.
    pub threshold: Vec<f32>,
    /// The left node; the right one follows it.
    pub left: Vec<u32>,
    /// What a leaf adds to the logit.
    pub value: Vec<f32>,
}

impl Tree {
    /// What the tree adds to the logit of a row.
    #[must_use]
    pub fn answer(&self, row: &[f32]) -> f32 {
        let mut node = 0;
        while let Some(feature) = self.feature.get(node).and_then(|f| usize::try_from(*f).ok()) {
            let value = row.get(feature).copied().unwrap_or(f32::NAN);
            let right = value > self.threshold[node];
            node = self.left[node] as usize + usize::from(right);
        }
        self.value.get(node).copied().unwrap_or(0.0)
    }

    /// Whether every child lies behind its parent, so that [`Tree::answer`] ends.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let n = self.feature.len();
        let alike = [self.threshold.len(), self.left.len(), self.value.len()].iter().all(|l| *l == n);
        alike
            && self
                .feature
                .iter()
                .zip(&self.left)
                .enumerate()
                .all(|(i, (f, l))| *f < 0 || (*l as usize > i && (*l as usize) + 1 < n))
    }
}

#[derive(Clone, Copy, Default)]
struct Cell {
    gradient: f64,
    hessian: f64,
    count: u32,
}

impl Cell {
    fn add(&mut self, other: Self) {
        self.gradient += other.gradient;
        self.hessian += other.hessian;
        self.count += other.count;
    }

    fn less(self, other: Self) -> Self {
        Self {
            gradient: self.gradient - other.gradient,
            hessian: self.hessian - other.hessian,
            count: self.count - other.count,
        }
    }

    fn worth(self, l2: f64) -> f64 {
        self.gradient * self.gradient / (self.hessian + l2)
    }
}

/// A place to split a leaf.
#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    feature: usize,
    bin: u8,
}

struct Leaf {
    node: usize,
    rows: Vec<u32>,
    histogram: Vec<Cell>,
    total: Cell,
    best: Option<Split>,
}

/// Grows trees over the same binned rows.
pub(super) struct Grower<'a> {
    pub(super) binned: &'a Binned,
    pub(super) params: &'a TreeParams,
    pub(super) features: Vec<usize>,
}

impl Grower<'_> {
    /// Grows a tree on the rows given; answers it and the value it has for each of them.
    pub(super) fn grow(&self, rows: Vec<u32>, gradients: &[(f32, f32)]) -> Tree {
        let mut tree = Tree::default();
        let mut leaves = vec![self.leaf(push(&mut tree), rows, gradients)];
        while leaves.len() < self.params.leaves {
            let best = leaves.iter().enumerate().filter_map(|(i, l)| l.best.map(|s| (i, s.gain)));
            // Of equal gains the first leaf: the result must not depend on anything but the data.
            let Some((at, _)) = best.fold(None, |a: Option<(usize, f64)>, b| match a {
                Some(a) if a.1 >= b.1 => Some(a),
                _ => Some(b),
            }) else {
                break;
            };
            let leaf = leaves.swap_remove(at);
            let Some(split) = leaf.best else { break };
            let (left, right) = self.divide(&mut tree, leaf, split, gradients);
            leaves.push(left);
            leaves.push(right);
        }
        for leaf in leaves {
            tree.value[leaf.node] =
                (-leaf.total.gradient / (leaf.total.hessian + self.params.l2) * self.params.rate) as f32;
        }
        tree
    }

    fn divide(&self, tree: &mut Tree, leaf: Leaf, split: Split, gradients: &[(f32, f32)]) -> (Leaf, Leaf) {
        let bins = &self.binned.bins[split.feature];
        let (left, right): (Vec<u32>, Vec<u32>) =
            leaf.rows.iter().partition(|row| bins[**row as usize] <= split.bin);
        let (l, r) = (push(tree), push(tree));
        tree.feature[leaf.node] = split.feature as i32;
        let edges = &self.binned.edges[split.feature];
        tree.threshold[leaf.node] = match split.bin {
            0 => f32::NEG_INFINITY,
            bin => edges.get(usize::from(bin) - 1).copied().unwrap_or(f32::INFINITY),
        };
        tree.left[leaf.node] = l as u32;
        // Only the smaller side is counted; the other is what is left of the parent.
        let small_left = left.len() <= right.len();
        let (small, large) = if small_left { (left, right) } else { (right, left) };
        let (small_node, large_node) = if small_left { (l, r) } else { (r, l) };
        let small = self.leaf(small_node, small, gradients);
        let mut histogram = leaf.histogram;
        histogram.iter_mut().zip(&small.histogram).for_each(|(a, b)| *a = a.less(*b));
        let total = leaf.total.less(small.total);
        let best = self.best(&histogram, total);
        let large = Leaf { node: large_node, rows: large, histogram, total, best };
        if small_left { (small, large) } else { (large, small) }
    }

    fn leaf(&self, node: usize, rows: Vec<u32>, gradients: &[(f32, f32)]) -> Leaf {
        let mut histogram = vec![Cell::default(); self.features.len() * (BINS + 1)];
        for (feature, cells) in self.features.iter().zip(histogram.chunks_exact_mut(BINS + 1)) {
            let bins = &self.binned.bins[*feature];
            for row in &rows {
                let (g, h) = gradients[*row as usize];
                let cell = &mut cells[usize::from(bins[*row as usize])];
                cell.gradient += f64::from(g);
                cell.hessian += f64::from(h);
                cell.count += 1;
            }
        }
        let mut total = Cell::default();
        for row in &rows {
            let (g, h) = gradients[*row as usize];
            total.add(Cell { gradient: f64::from(g), hessian: f64::from(h), count: 1 });
        }
        let best = self.best(&histogram, total);
        Leaf { node, rows, histogram, total, best }
    }

    fn best(&self, histogram: &[Cell], total: Cell) -> Option<Split> {
        let p = self.params;
        let mut best: Option<Split> = None;
        let whole = total.worth(p.l2);
        for (feature, cells) in self.features.iter().zip(histogram.chunks_exact(BINS + 1)) {
            let mut left = Cell::default();
            let last = self.binned.edges[*feature].len();
            for (bin, cell) in cells.iter().enumerate().take(last + 1) {
                left.add(*cell);
                if cell.count == 0 || left.count < p.child_min {
                    continue;
                }
                let right = total.less(left);
                if right.count < p.child_min {
                    break;
                }
                if left.hessian.min(right.hessian) < p.hessian_min {
                    continue;
                }
                let gain = left.worth(p.l2) + right.worth(p.l2) - whole;
                if gain > p.gain_min && best.is_none_or(|b| gain > b.gain) {
                    best = Some(Split { gain, feature: *feature, bin: bin as u8 });
                }
            }
        }
        best
    }
}

fn push(tree: &mut Tree) -> usize {
    tree.feature.push(-1);
    tree.threshold.push(0.0);
    tree.left.push(0);
    tree.value.push(0.0);
    tree.feature.len() - 1
}
