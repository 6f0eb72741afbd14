//! A block of attention: every row of a group looks at all rows of its group, and what it finds is added to it.
//!
//! One piece serves merchants (grouped by user) and the behaviours of long merchants (grouped by merchant). Source of the
//! form: Vaswani et al. 2017, one head, with a bias that the caller gives each pair.

use super::kernels::{add, back, dot, outer, product, softmax, softmax_back};
use std::ops::Range;

/// Where a block's weights lie, each square.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) query: Range<usize>,
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
    pub(super) mix: Range<usize>,
}

/// What a block leaves.
#[derive(Debug, Clone, Default)]
pub(super) struct BlockTape {
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    /// Shares, row by row, group after group.
    shares: Vec<f32>,
    mixed: Vec<f32>,
}

impl Block {
    /// Adds to `out`, which holds `x`, what each row finds in its group; rows are `d` wide.
    pub(super) fn forward(
        &self,
        (w, x, d): (&[f32], &[f32], usize),
        groups: &[Range<usize>],
        bias: impl Fn(usize, usize) -> f32,
        out: &mut [f32],
    ) -> BlockTape {
        let count = x.len() / d;
        let through = |part: &Range<usize>| {
            let mut out = vec![0.0; count * d];
            product(x, &w[part.clone()], &mut out, count, d, 0.0);
            out
        };
        let mut tape = BlockTape {
            query: through(&self.query),
            key: through(&self.key),
            value: through(&self.value),
            shares: Vec::new(),
            mixed: vec![0.0; count * d],
        };
        let root = 1.0 / (d as f32).sqrt();
        for range in groups {
            for a in range.clone() {
                let start = tape.shares.len();
                let query = &tape.query[a * d..(a + 1) * d];
                for b in range.clone() {
                    tape.shares.push(dot(query, &tape.key[b * d..(b + 1) * d]) * root + bias(a, b));
                }
                let row = &mut tape.shares[start..];
                softmax(row);
                let out = &mut tape.mixed[a * d..(a + 1) * d];
                for (share, b) in row.iter().zip(range.clone()) {
                    add(out, *share, &tape.value[b * d..(b + 1) * d]);
                }
            }
        }
        product(&tape.mixed, &w[self.mix.clone()], out, count, d, 1.0);
        tape
    }

    /// Turns the gradient after the block into that before it, and adds that of the weights to `out`; `biased` hears the
    /// gradient of each pair's bias.
    pub(super) fn backward(
        &self,
        (w, x, d): (&[f32], &[f32], usize),
        groups: &[Range<usize>],
        tape: &BlockTape,
        gradient: &mut [f32],
        out: &mut [f32],
        mut biased: impl FnMut(usize, usize, f32, &mut [f32]),
    ) {
        let count = x.len() / d;
        outer(&tape.mixed, gradient, &mut out[self.mix.clone()], count);
        let mut mixed = vec![0.0; count * d];
        back(gradient, &w[self.mix.clone()], &mut mixed, count, d, 0.0);
        let root = 1.0 / (d as f32).sqrt();
        let [mut query, mut key, mut value] = [(); 3].map(|()| vec![0.0; count * d]);
        let (mut at, mut scores) = (0, Vec::new());
        for range in groups {
            for a in range.clone() {
                let shares = &tape.shares[at..at + range.len()];
                at += range.len();
                let g = &mixed[a * d..(a + 1) * d];
                scores.clear();
                scores.extend(range.clone().map(|b| dot(g, &tape.value[b * d..(b + 1) * d])));
                softmax_back(shares, &mut scores);
                for ((share, score), b) in shares.iter().zip(&scores).zip(range.clone()) {
                    add(&mut value[b * d..(b + 1) * d], *share, g);
                    add(&mut query[a * d..(a + 1) * d], score * root, &tape.key[b * d..(b + 1) * d]);
                    add(&mut key[b * d..(b + 1) * d], score * root, &tape.query[a * d..(a + 1) * d]);
                    biased(a, b, *score, out);
                }
            }
        }
        for (part, g) in [(&self.query, &query), (&self.key, &key), (&self.value, &value)] {
            outer(x, g, &mut out[part.clone()], count);
            back(g, &w[part.clone()], gradient, count, d, 1.0);
        }
    }
}
