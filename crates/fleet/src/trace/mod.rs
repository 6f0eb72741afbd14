//! Recorded workloads: rows to requests, streaming, with every bad row counted and the first ones kept.
//!
//! A [`Layout`] says which columns or keys hold what; [`Reader`] finds the layout from the first line. Reading holds
//! one row at a time. A row is never dropped in silence: [`Reader::report`] tells how many were read, how many were
//! bad, and which and why. [`Profile`] is what a trace amounts to: bounded, whatever the length of the trace.
//!
//! ```
//! use tollgate_fleet::trace::Reader;
//! let text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,44\n2023-11-16 18:15:50.99,oops,9\n";
//! let mut reader = Reader::new("trace.csv", text.as_bytes())?;
//! let requests: Vec<_> = reader.by_ref().collect::<Result<_, _>>()?;
//! assert_eq!((requests.len(), requests[0].total_tokens()), (1, 418));
//! assert_eq!(reader.report().samples[0].to_string(), "row 2: ContextTokens: `oops` is not a number of tokens");
//! # Ok::<(), tollgate_fleet::Error>(())
//! ```

pub mod archive;
mod golden;
mod layout;
mod lines;
mod measured;
mod profile;
mod reader;
mod report;
mod row;
pub mod servegen;

pub use golden::{GoldenOutcome, GoldenRun, golden};
pub use layout::{LAYOUTS, Layout, Shape, TimeUnit};
pub use lines::MAX_LINE_BYTES;
pub use measured::{Measured, PerformancePoint, PowerMeasured, ServedRequest, SiliconPoint, Table};
pub use profile::{MAX_TRACKED, Profile};
pub use reader::{MAX_CLASSES, Reader};
pub use report::{BadRow, MAX_SAMPLES, Reason, Report};
