//! Listening: a thread, a runtime and a listener per core.
//!
//! The kernel spreads new connections over the workers (`SO_REUSEPORT`); from then on nothing crosses a core. A
//! [`Handler`] is made once per worker, so it may hold what only that worker uses, such as its upstream pool.
//!
//! Every connection is owned by its worker's supervisor, which closes it when it waits too long in any state, counts
//! a panic instead of dying of it, and ends it on shutdown. The waits are kept by one slow tick per worker that
//! looks over all connections, so a request pays for none of them.
//!
//! # Framing
//! hyper refuses differing or unreadable `Content-Length`s, folded lines, white space before a colon, `\r` alone and
//! `Transfer-Encoding` that does not end in `chunked` or comes with HTTP/1.0. Where both `Transfer-Encoding` and
//! `Content-Length` stand it drops the latter, as RFC 9112 §6.1 allows, without telling us. So the answer to any
//! chunked request closes the connection: what another proxy may have taken for the next request is never read.
//! So does an answer to a body that was not read to its end, and both say so: `connection: close`.
//!
//! ```no_run
//! # use tollgate_net::server::{Handler, Limits, Peer, RequestBody, Server};
//! # use http_body_util::Full;
//! #[derive(Clone)]
//! struct Hello;
//! impl Handler for Hello {
//!     type Body = Full<bytes::Bytes>;
//!     async fn handle(&self, _: http::Request<RequestBody>, _: Peer) -> http::Response<Self::Body> {
//!         http::Response::new(Full::from("hello"))
//!     }
//! }
//! # async fn run() -> Result<(), tollgate_net::Error> {
//! let running = Server::bind(([127, 0, 0, 1], 0).into(), 2, Limits::default())?.start(|_| Hello)?;
//! let drained = running.shutdown(std::time::Duration::from_secs(10)).await;
//! # Ok(()) }
//! ```

mod conn;
mod displace;
mod io;
mod listen;
mod request;
mod stats;
mod table;
mod worker;

pub use request::RequestBody;
pub use stats::Stats;

use crate::Error;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Body;
use stats::Counters;
use std::{
    future::Future,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{oneshot, watch};

/// The error of a response body: it is logged and ends the connection.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The bounds of a [`Server`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections of all workers; for one more an idle one goes, and where none is idle it is answered 503 and closed.
    /// Who has not yet taken the whole answer is not idle.
    pub max_connections: usize,
    /// Request line and headers, in bytes (431 beyond).
    pub max_header_bytes: usize,
    /// Header lines (431 beyond). Any other number than 100 costs an allocation per request.
    pub max_headers: usize,
    /// From the first byte of a request to the end of its headers.
    pub header_read: Duration,
    /// Between two requests, and before the first.
    pub keep_alive: Duration,
    /// How long a client may take nothing of its answer while there is some.
    pub write_stall: Duration,
    /// After our side of a connection is closed, how long to read on, so that the last answer is not lost to a
    /// reset.
    pub linger: Duration,
    /// Not accepted connections in the kernel, per worker.
    pub backlog: i32,
}

impl Default for Limits {
    /// 20,000 connections, 64 KiB in 100 headers within 15 s, 75 s idle, 60 s stalled, 2 s lingering.
    fn default() -> Self {
        Self {
            max_connections: 20_000,
            max_header_bytes: 64 << 10,
            max_headers: 100,
            header_read: Duration::from_secs(15),
            keep_alive: Duration::from_secs(75),
            write_stall: Duration::from_secs(60),
            linger: Duration::from_secs(2),
            backlog: 1024,
        }
    }
}

/// Which worker, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WorkerIndex(pub usize);

/// The other side of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its address.
    pub addr: SocketAddr,
}

/// Answers requests on one worker. Clones are cheap and share what they hold; one is made per request.
///
/// The future stays on its worker, so neither it nor the handler needs to be `Send`.
pub trait Handler: Clone + 'static {
    /// The body of an answer.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Unpin + 'static;

    /// Answers one request. Dropped when the client leaves.
    fn handle(&self, request: Request<RequestBody>, peer: Peer)
    -> impl Future<Output = Response<Self::Body>>;

    /// Called about once a second while the worker lives, for house-keeping such as
    /// [`Pool::sweep`](crate::upstream::Pool::sweep).
    fn tick(&self) {}
}

/// Listeners that are bound but not served yet.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    addr: SocketAddr,
    limits: Limits,
}

impl Server {
    /// Binds `workers` listeners (at least one) to one address; port 0 takes a free port for all of them.
    ///
    /// # Errors
    /// [`Error::Listen`] when the address is taken or not ours.
    pub fn bind(addr: SocketAddr, workers: usize, limits: Limits) -> Result<Self, Error> {
        let (listeners, addr) = listen::bind(addr, workers.max(1), limits.backlog)?;
        Ok(Self { listeners, addr, limits })
    }

    /// The address bound, with its real port.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Starts the workers. `make` runs once on each, inside its runtime.
    ///
    /// # Errors
    /// [`Error::Listen`] when a thread or runtime cannot be started.
    pub fn start<H, F>(self, make: F) -> Result<Running, Error>
    where
        H: Handler,
        F: Fn(WorkerIndex) -> H + Send + Sync + 'static,
    {
        let make = Arc::new(make);
        let live = Arc::new(AtomicUsize::new(0));
        let (stop, _) = watch::channel(None);
        let mut workers = Vec::with_capacity(self.listeners.len());
        for (index, listener) in self.listeners.into_iter().enumerate() {
            let counters = Arc::new(Counters::default());
            let (done, ended) = oneshot::channel();
            let plan = worker::Plan {
                index: WorkerIndex(index),
                listener,
                limits: self.limits,
                counters: counters.clone(),
                live: live.clone(),
                stop: stop.subscribe(),
                done,
            };
            let make = make.clone();
            worker::start(plan, move |index| make(index))
                .map_err(|source| Error::Listen { addr: self.addr, source })?;
            workers.push(WorkerHandle { counters, ended });
        }
        Ok(Running { addr: self.addr, live, stop, workers })
    }
}

#[derive(Debug)]
struct WorkerHandle {
    counters: Arc<Counters>,
    ended: oneshot::Receiver<usize>,
}

/// A server that runs. Dropping it stops the workers without draining.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    live: Arc<AtomicUsize>,
    /// The drain time, once it is time to stop.
    stop: watch::Sender<Option<Duration>>,
    workers: Vec<WorkerHandle>,
}

/// How a shutdown went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Drained {
    /// Connections open when it began.
    pub open: usize,
    /// Those still busy at the deadline, which were cut.
    pub cut: usize,
    /// Workers that had died.
    pub dead_workers: usize,
    /// All counts, at the end.
    pub stats: Stats,
}

impl Running {
    /// The address served.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The counts of all workers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = Stats { live: self.live.load(Ordering::Relaxed), ..Stats::default() };
        for worker in &self.workers {
            worker.counters.add_to(&mut stats);
        }
        stats
    }

    /// Stops accepting, lets requests under way finish for up to `drain`, closes the rest, ends the workers.
    pub async fn shutdown(mut self, drain: Duration) -> Drained {
        let mut drained = Drained { open: self.live.load(Ordering::Relaxed), ..Drained::default() };
        self.stop.send_replace(Some(drain));
        for worker in &mut self.workers {
            match (&mut worker.ended).await {
                Ok(cut) => drained.cut += cut,
                Err(_) => drained.dead_workers += 1,
            }
        }
        drained.stats = self.stats();
        drained
    }
}
