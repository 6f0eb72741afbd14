//! Cutting rows into tiles: as many rows at a time as an instruction set has registers for.

use super::{Simd, TILE};

/// Work on tiles of rows.
pub(super) trait Tiled {
    /// Does `R` rows from `row` on.
    fn tile<S: Simd, const R: usize>(&mut self, simd: S, row: usize);
}

/// Does `count` rows.
#[inline(always)]
pub(super) fn each_tile<S: Simd>(simd: S, count: usize, work: &mut impl Tiled) {
    let mut row = 0;
    while count - row >= TILE {
        work.tile::<S, TILE>(simd, row);
        row += TILE;
    }
    if count - row >= 4 {
        work.tile::<S, 4>(simd, row);
        row += 4;
    }
    while row < count {
        work.tile::<S, 1>(simd, row);
        row += 1;
    }
}
