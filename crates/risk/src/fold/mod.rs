//! Folding: behaviours to users → merchants → behaviours, in memory or out of core.

mod block;
mod caps;
mod card;
mod folded;
mod folder;
mod held;
mod radix;
mod sources;
mod spill;

pub use block::{decode, encode};
pub use caps::{Caps, capped};
pub use card::{Block, Card, open_card};
pub use folded::{Folded, Older, REST};
pub use folder::{FoldJob, FoldProgress, read_block};
pub(crate) use folder::{block_checksum, open_names};
pub use radix::order;
pub use sources::SourceFile;
pub(crate) use sources::same;
