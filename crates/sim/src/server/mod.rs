//! The server: one engine behind HTTP/1.1.
//!
//! Idea: connections share a state; the engine belongs to one task (the driver), which alone lets virtual time
//! pass. Everything that a test may want to know or to break stands under `/sim/`.
//!
//! Invariants: every task belongs to the [`Running`] handle and ends with it; a request that goes away gives its
//! engine job up; nothing grows without a bound.
//!
//! ```no_run
//! # async fn example() -> Result<(), tollgate_sim::SimError> {
//! use tollgate_sim::{Sim, SimConfig};
//! let running = Sim::start(SimConfig::fast(&["sim-small"])).await?;
//! let url = format!("http://{}/v1/chat/completions", running.addr());
//! running.stop().await;
//! # Ok(()) }
//! ```

mod body;
mod chat;
mod clock;
mod dialect;
mod driver;
#[cfg(feature = "gguf")]
mod live;
mod operator;
mod route;
mod source;
mod stream;

pub use clock::MachineClock;
pub use operator::digest_of;

use crate::engine::Engine;
use crate::text::Finish;
use crate::{SimConfig, SimError};
use driver::{COMMANDS_MAX, Command, Driver};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use operator::{Journal, Rules, Stats};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tollgate_core::Clock;

/// Largest request head in bytes.
const HEAD_MAX: usize = 256 << 10;
/// How long a client may take to send a request head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// What all connections share.
pub(crate) struct State {
    pub(crate) config: SimConfig,
    commands: mpsc::Sender<Command>,
    stats: Arc<Mutex<Stats>>,
    journal: Mutex<Journal>,
    rules: Mutex<Rules>,
    #[cfg(feature = "gguf")]
    runner: Option<crate::gguf::Runner>,
}

impl State {
    /// An answer was sent to its end.
    fn answered(&self, seq: u64, finish: Finish, tokens: u32) {
        self.stats.lock().finish(finish);
        self.journal.lock().update(seq, |entry| entry.tokens = Some(tokens));
    }
}

/// The simulated server; [`Sim::start`] runs one.
#[derive(Debug)]
pub struct Sim;

impl Sim {
    /// Starts a server on the current tokio runtime with the machine's clock.
    ///
    /// # Errors
    /// [`SimError::Config`] for a bad value, [`SimError::Listen`] when the address cannot be bound.
    pub async fn start(config: SimConfig) -> Result<Running, SimError> {
        Self::start_with(config, Arc::new(MachineClock::new())).await
    }

    /// Starts a server that reads `clock`.
    ///
    /// # Errors
    /// As [`Sim::start`].
    pub async fn start_with(config: SimConfig, clock: Arc<dyn Clock>) -> Result<Running, SimError> {
        config.check()?;
        let at = config.listen;
        let listen = |source| SimError::Listen { addr: at, source };
        let listener = TcpListener::bind(at).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let stats = Arc::new(Mutex::new(Stats::default()));
        let driver = Driver::new(Engine::new(config.engine.clone())?, clock, config.speed, stats.clone());
        let (commands, orders) = mpsc::channel(COMMANDS_MAX);
        let journal = Mutex::new(Journal::new(config.journal, config.journal_bodies));
        #[cfg(feature = "gguf")]
        let runner = match &config.gguf {
            Some(path) => Some(crate::gguf::Runner::start(path).await?),
            None => None,
        };
        let state = Arc::new(State {
            config,
            commands,
            stats,
            journal,
            rules: Mutex::default(),
            #[cfg(feature = "gguf")]
            runner,
        });
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(driver.run(orders));
        tasks.spawn(accept(listener, state, stopped));
        Ok(Running { addr, stop, tasks })
    }
}

/// A running server. Dropping it ends it at once; [`Running::stop`] lets open answers finish.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no new connections, lets open answers finish for `drain_ms`, then ends.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, mut stopped: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(state.config.max_connections as usize));
    let mut connections = JoinSet::new();
    loop {
        let slot = tokio::select! {
            slot = slots.clone().acquire_owned() => slot,
            _ = stopped.changed() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let serving = serve(stream, state.clone(), stopped.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(slot);
                });
            }
            // Out of descriptors: the pause keeps the loop from spinning.
            Err(e) => {
                tracing::warn!(error = %e, "simulator cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let drain = Duration::from_millis(state.config.drain_ms);
    drop(state);
    let _ = tokio::time::timeout(drain, async { while connections.join_next().await.is_some() {} }).await;
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, state: Arc<State>, mut stopped: watch::Receiver<bool>) {
    // Without it a stream's small writes wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| route::handle(state.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let stopping = async {
        // An error means that the handle is gone, which also is an end.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(e) = ended {
        tracing::debug!(error = %e, "simulator connection ended");
    }
}
