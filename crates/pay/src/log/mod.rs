//! The tamper-evident log: a Merkle tree over entries, signed checkpoints, proofs, and receipts that check offline.
//!
//! Hashing is RFC 6962 (leaf `0x00`, node `0x01`, SHA-256); the files are those of C2SP: tlog-tiles, tlog-checkpoint,
//! signed-note, tlog-cosignature, tlog-witness, tlog-policy and tlog-proof. Whoever trusts only a log's key can check that an entry is in the log
//! (inclusion) and that the log only ever grew (consistency).
//!
//! ```
//! use tollgate_pay::log::{Frontier, Memory, inclusion, leaf_hash, verify_inclusion};
//! let mut nodes = Memory::default();
//! let mut tree = Frontier::default();
//! for entry in ["a", "b", "c"] {
//!     tree.push_into(leaf_hash(entry.as_bytes()), &mut |level, index, hash| nodes.put(level, index, hash));
//! }
//! let proof = inclusion(&nodes, 1, 3).ok_or("no such entry")?;
//! verify_inclusion(leaf_hash(b"b"), 1, 3, &proof, tree.root())?;
//! assert!(verify_inclusion(leaf_hash(b"x"), 1, 3, &proof, tree.root()).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoint;
mod key;
mod note;
mod policy;
mod proof;
mod receipt;
mod tile;
mod tiler;
mod tree;
mod witness;

pub use checkpoint::Checkpoint;
pub use key::{Role, SigningKey, VerifyingKey};
pub use note::{Note, SIGNATURES_MAX, Signature};
pub use policy::{Policy, Trusted};
pub use proof::{consistency, inclusion, range_root, verify_consistency, verify_inclusion};
pub use receipt::Receipt;
pub use tile::{TILE_WIDTH, Tile, bundle, unbundle};
pub use tiler::{LogFile, Tiler};
pub use tree::{Frontier, Hash, Memory, Nodes, leaf_hash, node_hash};
pub use witness::{AddCheckpoint, Answered, Cosigned, Witness};
