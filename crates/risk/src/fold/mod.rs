//! Folding: behaviours to users → merchants → behaviours, in memory or out of core.

mod block;
mod caps;
mod folded;
mod folder;
mod held;
mod radix;
mod spill;

pub use block::{decode, encode};
pub use caps::{Caps, capped};
pub use folded::{Folded, Older, REST};
pub use folder::{Block, Card, FoldJob, FoldProgress, open_card, read_block};
pub(crate) use folder::{block_checksum, open_names};
pub use radix::order;
