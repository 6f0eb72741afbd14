//! Queues in closed form: who waits, for how long, and how a wait adds to what follows it.
//!
//! [`erlang_c`] is the probability of waiting for real numbers of servers up to 1e6, to 1e-12 relative, in constant
//! time. [`Batch`] is the same question for instances that slow down as they fill. [`Wait`] is the distribution of
//! the wait, [`Sum`] that of a wait and an independent discrete time after it. Times are seconds, rates per second,
//! and "load" is arrival rate times mean service time. Nothing here knows of GPUs.
//!
//! ```
//! use tollgate_fleet::queue::{Wait, erlang_c};
//!
//! assert!((erlang_c(10.0, 8.0) - 0.409_180_150_796_443_5).abs() < 1e-15);
//! let wait = Wait::of_servers(100.0, 95.0, 1.0, 1.0, 1.0);
//! assert!((wait.quantile(0.99) - 0.784_970_8).abs() < 1e-7);
//! ```

mod batch;
mod erlang;
mod special;
mod sum;
mod wait;

pub use batch::Batch;
pub use erlang::{erlang_b, erlang_c};
pub use sum::Sum;
pub use wait::Wait;
