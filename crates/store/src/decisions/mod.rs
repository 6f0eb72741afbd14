//! The decision log: one row per request, enough to explain and replay it, and the sums that the console shows.
//!
//! ```
//! use tollgate_core::{Timestamp, id::RequestId};
//! use tollgate_store::{DecisionFilter, DecisionRecord, Location, Store, StoreConfig};
//! let store = Store::open(&Location::Memory, StoreConfig::default())?;
//! assert!(store.record(DecisionRecord::new(RequestId::from_bits(1), Timestamp(5), "openai_chat")));
//! store.flush()?;
//! assert_eq!(store.decisions(&DecisionFilter::default(), None, 10)?.rows.len(), 1);
//! # Ok::<(), tollgate_store::StoreError>(())
//! ```

mod grounds;
mod histogram;
mod query;
mod record;
mod summary;
mod write;

pub use grounds::BESIDE;
pub use query::{DecisionFilter, DecisionPage, PAGE_MAX};
pub use record::{DecisionRecord, DecisionRow, Payload, Render};
pub use summary::{GROUPS_MAX, GroupBy, POINTS_MAX, Point, Quantiles, Summary, SummaryRow, Sums};
pub(crate) use write::{Insertion, expire, trim};
