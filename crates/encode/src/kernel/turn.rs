//! Rotary positions (Su et al. 2021): queries and keys are turned by angles that grow with their position, so that their
//! product depends on how far apart they are.

use super::{Heads, Simd, Task};

/// Cosines and sines by position.
#[derive(Debug)]
pub(crate) struct Turns {
    /// Half as many as a head has numbers.
    half: usize,
    /// For each position `half` cosines, then as many sines.
    table: Vec<f32>,
}

impl Turns {
    /// Of the first `positions` positions, for heads of `width` numbers. Number `i` turns with number `i + width / 2`, at
    /// position `p` by `p / base^(2 i / width)`.
    pub(crate) fn new(width: usize, positions: usize, base: f32) -> Self {
        let half = width / 2;
        let mut table = Vec::with_capacity(positions * 2 * half);
        for position in 0..positions {
            let angle =
                |i: usize| position as f64 / f64::from(base).powf(2.0 * i as f64 / (2.0 * half as f64));
            table.extend((0..half).map(|i| angle(i).cos() as f32));
            table.extend((0..half).map(|i| angle(i).sin() as f32));
        }
        Self { half, table }
    }
}

/// Turns the queries and keys of a sequence that begins at position 0.
pub(crate) struct Turn<'a> {
    /// Queries, keys and values of each token.
    pub(crate) mixed: &'a mut [f32],
    pub(crate) heads: Heads,
    pub(crate) turns: &'a Turns,
}

impl Task for Turn<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let (half, total) = (self.turns.half, self.heads.total());
        let rows = self.mixed.chunks_exact_mut((3 * total).max(1));
        for (row, turns) in rows.zip(self.turns.table.chunks_exact((2 * half).max(1))) {
            let (cosines, sines) = turns.split_at(half);
            for head in row[..2 * total].chunks_exact_mut(2 * half) {
                let (left, right) = head.split_at_mut(half);
                for (((x, y), cosine), sine) in left.iter_mut().zip(right).zip(cosines).zip(sines) {
                    (*x, *y) = (*x * cosine - *y * sine, *y * cosine + *x * sine);
                }
            }
        }
    }
}
