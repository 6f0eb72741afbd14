//! What a folder of folded histories says of itself, in `fold.json`.

use super::caps::Caps;
use super::sources::SourceFile;
use crate::error::{Result, RiskError};
use crate::ingest::{Mapping, Report};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of the layout.
///
/// Since 2 barred payments are left out before merchants are put together, and the files are known by their digests.
pub(super) const VERSION: u32 = 2;
/// Where a block lies, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// First byte in `blocks.bin`.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// Users.
    pub users: u64,
    /// Merchants, each with its user, and pooled remainders.
    pub groups: u64,
    /// Behaviours listed.
    pub listed: u64,
    /// Behaviours pooled.
    pub pooled: u64,
}

/// What a folder of folded histories says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Layout.
    pub version: u32,
    /// The files that it was made from.
    pub sources: Vec<SourceFile>,
    /// How it was read.
    pub mapping: Mapping,
    /// Caps.
    pub caps: Caps,
    /// Parts by user: user `u` is in block `u % parts`.
    pub parts: u64,
    /// Whether all parts are set aside.
    pub read: bool,
    /// What was read and refused.
    pub report: Report,
    /// Blocks done.
    pub blocks: Vec<Block>,
}

impl Card {
    /// Whether every part is folded.
    #[must_use]
    pub const fn done(&self) -> bool {
        self.read && self.blocks.len() as u64 == self.parts
    }
}

/// Reads the card of a folder of folded histories.
///
/// # Errors
/// There is none, or it is of another version.
pub fn open_card(folder: &Path) -> Result<Card> {
    let path = folder.join("fold.json");
    let bytes = std::fs::read(&path).map_err(|e| RiskError::file(&path, e))?;
    let problem = |e: serde_json::Error| RiskError::format(path.display().to_string(), e.to_string());
    let card: Version = serde_json::from_slice(&bytes).map_err(problem)?;
    if card.version != VERSION {
        return Err(RiskError::format(
            path.display().to_string(),
            format!(
                "is of version {}; this program reads {VERSION}: remove the folder and fold again",
                card.version
            ),
        ));
    }
    serde_json::from_slice(&bytes).map_err(problem)
}

/// What every version of a card says.
#[derive(Deserialize)]
struct Version {
    version: u32,
}
