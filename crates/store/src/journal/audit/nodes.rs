//! Hashes of a log's tree, from its tiles.

use super::LogFolder;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use tollgate_pay::log::{Hash, Nodes, Tile, node_hash};

/// Tiles kept while a proof is made; a proof touches about two per level.
const TILES_MAX: usize = 64;

/// See the module.
pub(super) struct Files<'a> {
    folder: &'a LogFolder,
    size: u64,
    tiles: Mutex<BTreeMap<Tile, Vec<Hash>>>,
}

impl<'a> Files<'a> {
    pub(super) fn new(folder: &'a LogFolder, size: u64) -> Self {
        Self { folder, size, tiles: Mutex::default() }
    }
}

impl Nodes for Files<'_> {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        let Some((tile, place)) = Tile::holding(level, index, self.size) else {
            // Levels between tiles are made from those below; at level 0 there is nothing below.
            let (below, left) = (level.checked_sub(1)?, index.checked_mul(2)?);
            return Some(node_hash(&self.node(below, left)?, &self.node(below, left.checked_add(1)?)?));
        };
        let mut tiles = self.tiles.lock();
        if !tiles.contains_key(&tile) {
            let (held, bytes) = self.folder.held(tile, Tile::path).ok()?;
            let hashes = held.hashes(&bytes).ok()?;
            if tiles.len() >= TILES_MAX {
                tiles.pop_first();
            }
            tiles.insert(tile, hashes);
        }
        tiles.get(&tile)?.get(place).copied()
    }
}
