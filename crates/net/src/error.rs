//! What can go wrong between two sockets, and whether the same request may be sent again.

use std::fmt;
use tollgate_core::{Blame, Exposure, Fault, FaultKind, Retry};

/// Which wait ran out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// TCP and TLS set-up.
    Connect,
    /// From the request's last byte to the head of the answer.
    Head,
    /// Between two pieces of the answer's body.
    Idle,
    /// The whole exchange.
    Total,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Head => "head",
            Self::Idle => "idle",
            Self::Total => "total",
        })
    }
}

/// The kind of an [`Error`], for metrics, circuits and the table that maps errors to statuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// The name has no address.
    Dns,
    /// Nobody accepts connections there.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// The peer closed or reset the connection.
    Reset,
    /// A wait ran out.
    Timeout(Wait),
    /// The peer's bytes are not HTTP/1.1.
    Protocol,
    /// The answer is larger than allowed.
    TooLarge,
    /// The pool is closed or has no room for another connection.
    Pool,
    /// Something we were told is not usable: an address, a certificate file, a header.
    Config,
}

/// A failure of a listener or of an exchange with an upstream.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name has no address.
    #[error("no address for {host}: {source}")]
    Dns {
        /// The name looked up.
        host: String,
        /// The resolver's answer.
        source: std::io::Error,
    },
    /// Nobody accepts connections there.
    #[error("no connection to {to}: {source}")]
    Connect {
        /// `host:port`.
        to: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The TLS handshake failed.
    #[error("no tls session with {to}: {source}")]
    Tls {
        /// `host:port`.
        to: String,
        /// The certificate or protocol at fault.
        source: std::io::Error,
    },
    /// The peer closed or reset the connection.
    #[error("{to} closed the connection {}", if *answered { "inside its answer" } else { "before it answered" })]
    Reset {
        /// `host:port`.
        to: String,
        /// Nothing had been sent, or the connection had waited in the pool and nothing of an answer had come.
        safe: bool,
        /// At least one byte of the answer had come.
        answered: bool,
        /// What hyper saw.
        source: hyper::Error,
    },
    /// A wait ran out.
    #[error("{to} kept us waiting for more than {limit_ms} ms ({wait} timeout)")]
    Timeout {
        /// `host:port`.
        to: String,
        /// Which wait.
        wait: Wait,
        /// Its limit in milliseconds.
        limit_ms: u64,
    },
    /// The peer's bytes are not HTTP/1.1.
    #[error("{to} answered with something that is not http/1.1: {source}")]
    Protocol {
        /// `host:port`.
        to: String,
        /// What hyper saw.
        source: hyper::Error,
    },
    /// The answer is larger than allowed.
    #[error("the answer of {to} is larger than {limit} bytes")]
    TooLarge {
        /// `host:port`.
        to: String,
        /// The bound in bytes.
        limit: usize,
    },
    /// There is no room for another connection.
    #[error("{open} connections to upstreams are open, the limit `max_open` is {limit}")]
    PoolFull {
        /// Connections open now.
        open: usize,
        /// The bound.
        limit: usize,
    },
    /// The pool was closed.
    #[error("the connection pool is closed")]
    PoolClosed,
    /// Something we were told is not usable.
    #[error("{what} {value:?} cannot be used: {why}")]
    Config {
        /// The thing, such as `upstream address`.
        what: &'static str,
        /// What it was.
        value: String,
        /// What is wrong with it, or what is expected.
        why: String,
    },
    /// A listener could not be opened or a worker could not be started.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address.
        addr: std::net::SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl Error {
    /// The kind of this error.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Dns { .. } => Class::Dns,
            Self::Connect { .. } => Class::Connect,
            Self::Tls { .. } => Class::Tls,
            Self::Reset { .. } => Class::Reset,
            Self::Timeout { wait, .. } => Class::Timeout(*wait),
            Self::Protocol { .. } => Class::Protocol,
            Self::TooLarge { .. } => Class::TooLarge,
            Self::PoolFull { .. } | Self::PoolClosed => Class::Pool,
            Self::Config { .. } | Self::Listen { .. } => Class::Config,
        }
    }

    /// The four answers of a fault. Addresses of upstreams are for operators, so the message stays private.
    #[must_use]
    pub fn fault(&self) -> Fault {
        let (kind, blame, retry) = match self.class() {
            Class::Timeout(_) => (FaultKind::Timeout, Blame::Upstream, Retry::Elsewhere),
            Class::Pool => (FaultKind::Unavailable, Blame::Us, Retry::Later),
            Class::Config => (FaultKind::Internal, Blame::Us, Retry::Elsewhere),
            Class::Dns | Class::Connect | Class::Tls | Class::Reset | Class::Protocol | Class::TooLarge => {
                (FaultKind::UpstreamFailed, Blame::Upstream, Retry::Elsewhere)
            }
        };
        let message = self.to_string();
        Fault { kind, blame, retry, exposure: Exposure::Private, message, field: None, unquoted: None }
    }

    /// Whether the upstream cannot have begun to work on the request, so that sending it again, there or elsewhere,
    /// does nothing twice.
    ///
    /// True when no connection came about, and when a connection that had been waiting in the pool turned out to be
    /// closed before one byte of an answer. In the second case a server that dies while it works looks the same as
    /// one that had closed an idle connection (RFC 9112 §9.3.1 has the race); proxies take it for the latter.
    #[must_use]
    pub const fn safe_to_retry(&self) -> bool {
        match self {
            Self::Dns { .. } | Self::Connect { .. } | Self::Tls { .. } | Self::PoolFull { .. } => true,
            Self::Timeout { wait, .. } => matches!(wait, Wait::Connect),
            Self::Reset { safe, .. } => *safe,
            Self::Protocol { .. }
            | Self::TooLarge { .. }
            | Self::PoolClosed
            | Self::Config { .. }
            | Self::Listen { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(wait: Wait) -> Error {
        Error::Timeout { to: "h:1".to_owned(), wait, limit_ms: 5 }
    }

    #[test]
    fn only_what_cannot_have_started_is_safe_to_retry() {
        let io = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert!(Error::Connect { to: "h:1".to_owned(), source: io() }.safe_to_retry());
        assert!(Error::PoolFull { open: 1, limit: 1 }.safe_to_retry());
        assert!(timeout(Wait::Connect).safe_to_retry());
        for wait in [Wait::Head, Wait::Idle, Wait::Total] {
            assert!(!timeout(wait).safe_to_retry());
            assert_eq!(timeout(wait).class(), Class::Timeout(wait));
        }
        assert!(!Error::PoolClosed.safe_to_retry());
        assert_eq!(timeout(Wait::Head).fault().kind, FaultKind::Timeout);
        assert_eq!(Error::PoolClosed.fault().blame, Blame::Us);
        assert_eq!(timeout(Wait::Idle).to_string(), "h:1 kept us waiting for more than 5 ms (idle timeout)");
    }
}
