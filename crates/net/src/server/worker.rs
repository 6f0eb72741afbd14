//! One worker: accepts, supervises, and ends its connections.

use super::{
    Handler, Limits, Peer, WorkerIndex,
    conn::serve,
    stats::Counters,
    table::{Table, tick_of},
};
use hyper::server::conn::http1::Builder;
use std::{
    cell::Cell,
    io,
    net::TcpListener,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{oneshot, watch},
    time::{MissedTickBehavior, interval, timeout},
};

/// hyper's own number of headers, which it keeps on the stack.
const HYPER_HEADERS: usize = 100;
/// The buffer of a connection may grow to this, in bytes.
const BUFFER_MAX: usize = 256 << 10;
/// Threads for blocking work, which is only looking up names.
const BLOCKING_THREADS: usize = 4;
/// Connections that are being refused at a time; more are closed without a word.
const MAX_REFUSING: usize = 64;
/// How long a refused client may take to read why.
const REFUSE_WAIT: Duration = Duration::from_secs(1);
/// A pause after a failed accept, which is most often a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often [`Handler::tick`] is called.
const HANDLER_TICK: Duration = Duration::from_secs(1);

const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
retry-after: 1\r\nconnection: close\r\ncontent-length: 84\r\n\r\n\
{\"error\":{\"message\":\"too many connections\",\"type\":\"unavailable\",\"code\":\"overload\"}}\n";

/// What a worker needs to start.
pub(super) struct Plan {
    pub(super) index: WorkerIndex,
    pub(super) listener: TcpListener,
    pub(super) limits: Limits,
    pub(super) counters: Arc<Counters>,
    /// Connections of all workers.
    pub(super) live: Arc<AtomicUsize>,
    /// The drain time, once it is time to stop.
    pub(super) stop: watch::Receiver<Option<Duration>>,
    /// Told at the end: the connections cut.
    pub(super) done: oneshot::Sender<usize>,
}

/// Starts a worker's thread; returns once it accepts.
pub(super) fn start<H: Handler>(
    plan: Plan,
    make: impl Fn(WorkerIndex) -> H + Send + 'static,
) -> io::Result<()> {
    let (ready, started) = std::sync::mpsc::sync_channel(1);
    let name = format!("worker-{}", plan.index.0);
    std::thread::Builder::new().name(name).spawn(move || {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        runtime.block_on(async move {
            let listener = match tokio::net::TcpListener::from_std(plan.listener) {
                Ok(listener) => listener,
                Err(error) => {
                    let _ = ready.send(Err(error));
                    return;
                }
            };
            let worker = Worker {
                table: Table::new(&plan.limits, plan.counters, plan.live.clone()),
                handler: make(plan.index),
                limits: plan.limits,
                live: plan.live,
                http: http(&plan.limits),
                refusing: Rc::default(),
            };
            let _ = ready.send(Ok(()));
            let cut = worker.run(listener, plan.stop).await;
            let _ = plan.done.send(cut);
        });
    })?;
    started.recv().unwrap_or_else(|_| Err(io::Error::other("the worker ended while it started")))
}

fn runtime() -> io::Result<tokio::runtime::LocalRuntime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build_local(tokio::runtime::LocalOptions::default())
}

fn http(limits: &Limits) -> Builder {
    let mut http = Builder::new();
    http.max_header_size(limits.max_header_bytes).max_buf_size(BUFFER_MAX.max(limits.max_header_bytes));
    if limits.max_headers != HYPER_HEADERS {
        http.max_headers(limits.max_headers);
    }
    http
}

struct Worker<H> {
    table: Rc<Table>,
    handler: H,
    limits: Limits,
    live: Arc<AtomicUsize>,
    http: Builder,
    refusing: Rc<Cell<usize>>,
}

impl<H: Handler> Worker<H> {
    /// Accepts until told to stop, then drains. Returns the connections that had to be cut.
    async fn run(
        self,
        listener: tokio::net::TcpListener,
        mut stop: watch::Receiver<Option<Duration>>,
    ) -> usize {
        let mut tick = interval(tick_of(&self.limits));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut chores = interval(HANDLER_TICK);
        chores.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let drain = loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, addr)) => self.welcome(stream, Peer { addr }),
                    Err(error) => {
                        self.table.counters.accept_errors.increment();
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                _ = tick.tick() => self.table.advance(),
                _ = chores.tick() => self.handler.tick(),
                changed = stop.changed() => match (changed, *stop.borrow_and_update()) {
                    (Ok(()), Some(drain)) => break drain,
                    (Ok(()), None) => {}
                    // The server was dropped.
                    (Err(_), _) => break Duration::ZERO,
                },
            }
        };
        drop(listener);
        self.drain(drain, tick).await
    }

    fn welcome(&self, stream: TcpStream, peer: Peer) {
        if self.live.load(Ordering::Relaxed) >= self.limits.max_connections && !self.table.make_room() {
            self.table.counters.refused.increment();
            self.refuse(stream);
            return;
        }
        self.table.counters.accepted.increment();
        // The listener has set it already where accepted sockets inherit it.
        if !stream.nodelay().unwrap_or(false) {
            let _ = stream.set_nodelay(true);
        }
        let entered = self.table.enter(peer.addr.ip());
        let state = entered.0.clone();
        let linger = self.limits.linger;
        let task = serve(stream, entered, self.handler.clone(), peer, self.http.clone(), linger);
        state.keep_task(tokio::task::spawn_local(task).abort_handle());
    }

    /// Says why, as long as few others are being told.
    fn refuse(&self, mut stream: TcpStream) {
        if self.refusing.get() >= MAX_REFUSING {
            return;
        }
        let refusing = Refusing::new(&self.refusing);
        tokio::task::spawn_local(async move {
            let _refusing = refusing;
            let _ = timeout(REFUSE_WAIT, async {
                stream.write_all(REFUSAL).await?;
                stream.shutdown().await?;
                // The request must be read, or its arrival resets the connection before the answer is read.
                let mut sink = [0; 1024];
                while stream.read(&mut sink).await? > 0 {}
                io::Result::Ok(())
            })
            .await;
        });
    }

    async fn drain(self, wait: Duration, mut tick: tokio::time::Interval) -> usize {
        self.table.end_all();
        let all_gone = async {
            while self.table.count() > 0 {
                tokio::select! {
                    () = self.table.empty.notified() => {}
                    _ = tick.tick() => self.table.advance(),
                }
            }
        };
        if timeout(wait, all_gone).await.is_ok() {
            return 0;
        }
        let cut = self.table.cut_all();
        // An aborted task ends at its next turn.
        while self.table.count() > 0 {
            self.table.empty.notified().await;
        }
        cut
    }
}

/// Counts a client that is being refused.
struct Refusing(Rc<Cell<usize>>);

impl Refusing {
    fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(count.clone())
    }
}

impl Drop for Refusing {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
