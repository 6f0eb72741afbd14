//! The way back: the answer's head, its bytes as they come, and everything that happens once at its end.
//!
//! [`answer`] writes the head, a [`relay`] watches and translates, a [`filter`] changes whole events, and
//! [`stream`] is the body that owns the load guard and the settlement.

pub(super) mod answer;
pub(super) mod calls;
pub(super) mod filter;
pub(super) mod relay;
pub(super) mod stream;
