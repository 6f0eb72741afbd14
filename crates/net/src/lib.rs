//! Sockets: listeners per core, and upstream connections driven by the request that uses them.
//!
//! The part of the hot path that knows HTTP/1.1, TCP and TLS but nothing of language models.
//!
//! - [`server`]: one thread, runtime and listener per core; bounded, supervised, drained connections.
//! - [`body`]: a request body read whole, within a size, a deadline and a lowest rate.
//! - [`upstream`]: a [`upstream::Pool`] of connections that have no task of their own. The request that borrows one
//!   polls it, so an answer costs no task hop, and all that is ready leaves in one write.
//! - [`headers`]: what a proxy must not forward.
//! - [`client`]: `GET` and `POST` for probes.
//!
//! Invariant: no buffer, table, connection count or wait is without a bound, and each bound has a name in
//! [`server::Limits`], [`upstream::PoolLimits`], [`upstream::Timeouts`] or [`body::BodyLimits`].
//!
//! ```
//! use tollgate_net::upstream::Endpoint;
//! let endpoint: Endpoint = "https://api.example.com/v1".parse().unwrap();
//! assert_eq!((endpoint.host.as_str(), endpoint.port, endpoint.is_tls()), ("api.example.com", 443, true));
//! ```

pub mod body;
pub mod client;
mod error;
pub mod headers;
mod io;
pub mod server;
mod timer;
pub mod upstream;

pub use error::{Class, Error, Wait};
