//! Connections to upstreams, each driven by the request that borrows it.
//!
//! An ordinary client gives every connection a task of its own and moves each piece of an answer through a channel:
//! one task hop and one write per token. Here a connection lies in the [`Pool`] without a task; [`Pool::send`] takes
//! it out, polls it while it waits for the head of the answer, and hands it on inside [`UpstreamBody`], which polls
//! it for the rest and gathers all that is ready into one piece. At the end the body puts the connection back;
//! dropped earlier, it closes it, so that an upstream stops working for a client that left.
//!
//! Invariant: a connection has exactly one owner, the pool or one exchange, and only a connection that stands
//! between two messages is in the pool.

mod body;
mod dns;
mod endpoint;
mod exchange;
mod link;
mod outgoing;
mod pool;
mod public;
mod race;
mod tls;

pub use body::UpstreamBody;
pub use endpoint::{Endpoint, Scheme};
pub use outgoing::Outgoing;
pub use pool::{Pool, PoolLimits, PoolStats, Target};
pub use public::is_public;
pub use tls::TlsConfig;

use std::time::Duration;

/// How long an exchange may take, by part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// Look-up, TCP and TLS set-up.
    pub connect: Duration,
    /// From sending to the head of the answer.
    pub head: Duration,
    /// Between two pieces of the answer's body.
    pub idle: Duration,
    /// From sending to the end of the answer's body.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 5 s to connect, 120 s to the head, 60 s between pieces, 30 min in all: a long generation is normal.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            head: Duration::from_secs(120),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(1800),
        }
    }
}
