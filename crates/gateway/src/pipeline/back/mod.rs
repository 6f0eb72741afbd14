//! The way back: the answer's head, its bytes as they come, and everything that happens once at its end.
//!
//! [`answer`] writes the head, a [`relay`] passes the bytes on as a
//! [`watch`] meters and translates them, a [`filter`] changes whole events, [`calls`]
//! and [`output`] hold back what the policy has not allowed yet, and [`stream`] is the body that owns the load guard and the settlement.

pub(super) mod answer;
pub(super) mod calls;
pub(super) mod filter;
pub(super) mod output;
pub(super) mod receipt;
pub(super) mod relay;
pub(super) mod stream;
pub(super) mod watch;
