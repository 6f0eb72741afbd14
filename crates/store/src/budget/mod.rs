//! Budgets in requests, tokens and money: reserve an estimate, then settle what was used.
//!
//! The [`Ledger`] lives in memory and is exact under concurrency: at the moment of a reservation
//! `settled + reserved + asked <= limit` for every budget of the payer, or nothing is reserved. A [`Reservation`]
//! is a value that is used up by settling it; dropping it releases it. What is settled goes to the window in which
//! it was reserved, also beyond the estimate (the excess is recorded as overrun). Reservations are never written
//! down, so a crash leaves none behind; settled counters go through the writer with the next group, so a kill
//! loses at most what was settled since the last one (`group_ms` and one commit), an orderly end nothing.
//!
//! What happens when a budget is spent is the caller's policy; the [`Refusal`] names the budget, its limit, its
//! window and when it resets. A caller that goes on past a spent budget names it in [`Ledger::reserve_beside`]: every
//! other budget still holds.
//!
//! ```
//! use tollgate_core::Timestamp;
//! use tollgate_store::budget::{Ledger, Limit, Limits, Meter, Payer, Target, Usage, Window};
//! let limit = Limit { target: Target::EachKey, meter: Meter::Tokens, window: Window::Day, limit: 100 };
//! let ledger = Ledger::new(Limits::new([limit]), 10);
//! let payer = Payer { key: Some("key_1".into()), tenant: None };
//! let held = ledger.reserve(&payer, Usage { requests: 1, tokens: 80, micro: 0 }, Timestamp(0)).unwrap();
//! assert!(ledger.reserve(&payer, Usage { requests: 1, tokens: 30, micro: 0 }, Timestamp(0)).is_err());
//! held.settle(Usage { requests: 1, tokens: 50, micro: 0 });
//! assert_eq!(ledger.left_share(&payer, Timestamp(0)).ppm(), 500_000);
//! ```
#![deny(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::indexing_slicing
)]

mod account;
mod ledger;
mod limits;
mod table;
mod window;

pub use account::SpanRow;
pub use ledger::{AccountView, Ledger, Refusal, Reservation};
pub use limits::{Limit, Limits, Line, Meter, Payer, Subject, Target, Usage};
pub(crate) use table::{expire, load, save};
pub use window::Window;
