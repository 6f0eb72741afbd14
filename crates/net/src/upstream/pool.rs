//! Connections that wait for their next request.

use super::{
    Endpoint, Outgoing, Scheme, Timeouts, TlsConfig, UpstreamBody,
    dns::Dns,
    exchange::{Failed, broken, exchange},
    link::{Link, Open},
    public::is_public,
    race, tls,
};
use crate::{
    Error, Wait,
    io::{Heard, Socket},
    timer::{millis, now},
};
use http::{HeaderValue, Response};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpStream, time::Instant};
use tokio_rustls::TlsConnector;

/// The bounds of a [`Pool`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolLimits {
    /// Connections that wait, per endpoint; more are closed after their answer.
    pub max_idle_per_endpoint: usize,
    /// Connections that wait, in all.
    pub max_idle: usize,
    /// Connections, waiting or in use; a request beyond gets [`Error::PoolFull`].
    pub max_open: usize,
    /// A connection that has waited longer is closed, not used.
    pub idle_age: Duration,
}

impl Default for PoolLimits {
    /// 256 waiting per endpoint and 1,024 in all, 16,384 open, 50 s: many servers close after 60.
    fn default() -> Self {
        Self {
            max_idle_per_endpoint: 256,
            max_idle: 1024,
            max_open: 16_384,
            idle_age: Duration::from_secs(50),
        }
    }
}

/// What a [`Pool`] has done so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PoolStats {
    /// Connections opened.
    pub opened: u64,
    /// Requests that found a connection waiting.
    pub reused: u64,
    /// Connections that had been closed while they waited.
    pub stale: u64,
    /// Connections that wait now.
    pub idle: usize,
    /// Connections open now, waiting or in use.
    pub open: usize,
}

struct Shared {
    limits: PoolLimits,
    tls: TlsConfig,
    /// Whether only addresses of the internet at large are connected to.
    only_public: bool,
    connector: OnceLock<TlsConnector>,
    dns: Dns,
    places: Mutex<BTreeMap<Endpoint, Arc<Place>>>,
    idle: AtomicUsize,
    open: Arc<AtomicUsize>,
    closed: AtomicBool,
    opened: AtomicU64,
    reused: AtomicU64,
    stale: AtomicU64,
}

/// An endpoint and its waiting connections, the latest used last.
struct Place {
    endpoint: Endpoint,
    authority: HeaderValue,
    #[expect(clippy::vec_box, reason = "a link moves between its owners as one pointer")]
    idle: Mutex<Vec<Box<Link>>>,
}

/// The upstream connections of one worker. Clones share them.
///
/// A connection lives on the runtime that opened it, so a pool must not be shared between runtimes; inside one
/// runtime its locks are never contended.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

/// An endpoint of a pool, looked up once.
#[derive(Clone)]
pub struct Target {
    shared: Arc<Shared>,
    place: Arc<Place>,
}

impl Pool {
    /// A pool without connections.
    #[must_use]
    pub fn new(limits: PoolLimits, tls: TlsConfig) -> Self {
        Self::made(limits, tls, false)
    }

    /// A pool that connects to nothing but addresses of the internet at large ([`super::is_public`]), whatever a name leads to: for
    /// names that strangers say.
    #[must_use]
    pub fn public(limits: PoolLimits, tls: TlsConfig) -> Self {
        Self::made(limits, tls, true)
    }

    fn made(limits: PoolLimits, tls: TlsConfig, only_public: bool) -> Self {
        Self {
            shared: Arc::new(Shared {
                limits,
                tls,
                only_public,
                connector: OnceLock::new(),
                dns: Dns::default(),
                places: Mutex::default(),
                idle: AtomicUsize::new(0),
                open: Arc::default(),
                closed: AtomicBool::new(false),
                opened: AtomicU64::new(0),
                reused: AtomicU64::new(0),
                stale: AtomicU64::new(0),
            }),
        }
    }

    /// The target for `endpoint`; keep it to save the look-up.
    ///
    /// # Errors
    /// [`Error::Config`] when the host cannot stand in a header, or the certificates of an encrypted endpoint
    /// cannot be read.
    pub fn target(&self, endpoint: &Endpoint) -> Result<Target, Error> {
        if endpoint.is_tls() {
            self.shared.connector()?;
        }
        let mut places = self.shared.places.lock();
        let place = match places.get(endpoint) {
            Some(place) => place.clone(),
            None => {
                let authority = endpoint.authority();
                let authority = HeaderValue::from_str(&authority).map_err(|error| Error::Config {
                    what: "upstream host",
                    value: authority,
                    why: error.to_string(),
                })?;
                let place = Arc::new(Place { endpoint: endpoint.clone(), authority, idle: Mutex::default() });
                places.insert(endpoint.clone(), place.clone());
                place
            }
        };
        Ok(Target { shared: self.shared.clone(), place })
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// A connection that was closed while it waited is replaced without a word, as long as nothing was sent on it.
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    /// [`Error`]; see [`Error::safe_to_retry`].
    pub async fn send(
        &self,
        target: &Target,
        outgoing: Outgoing,
        timeouts: &Timeouts,
    ) -> Result<Response<UpstreamBody>, Error> {
        target.send(outgoing, timeouts).await
    }

    /// Closes connections that have waited too long or were closed by the other side, and forgets endpoints that
    /// nobody holds. Call it about once a second: an idle worker gets no request that would notice.
    pub fn sweep(&self) {
        let places: Vec<Arc<Place>> = self.shared.places.lock().values().cloned().collect();
        let now = now();
        for place in places {
            let mut idle = place.idle.lock();
            let before = idle.len();
            idle.retain_mut(|link| {
                link.drive_quietly();
                link.is_alive() && now.duration_since(link.idle_since) < self.shared.limits.idle_age
            });
            self.shared.idle.fetch_sub(before - idle.len(), Ordering::Relaxed);
        }
        self.shared
            .places
            .lock()
            .retain(|_, place| Arc::strong_count(place) > 1 || !place.idle.lock().is_empty());
    }

    /// Closes what waits and refuses new requests; answers that are under way go on.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        for (_, place) in std::mem::take(&mut *self.shared.places.lock()) {
            let gone = std::mem::take(&mut *place.idle.lock());
            self.shared.idle.fetch_sub(gone.len(), Ordering::Relaxed);
        }
    }

    /// What this pool has done so far.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        let shared = &self.shared;
        PoolStats {
            opened: shared.opened.load(Ordering::Relaxed),
            reused: shared.reused.load(Ordering::Relaxed),
            stale: shared.stale.load(Ordering::Relaxed),
            idle: shared.idle.load(Ordering::Relaxed),
            open: shared.open.load(Ordering::Relaxed),
        }
    }
}

impl Shared {
    fn connector(&self) -> Result<&TlsConnector, Error> {
        if let Some(connector) = self.connector.get() {
            return Ok(connector);
        }
        let connector = self.tls.connector()?;
        Ok(self.connector.get_or_init(|| connector))
    }
}

impl Target {
    /// Where this is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.place.endpoint
    }

    /// See [`Pool::send`].
    ///
    /// # Errors
    /// As [`Pool::send`].
    pub async fn send(
        &self,
        outgoing: Outgoing,
        timeouts: &Timeouts,
    ) -> Result<Response<UpstreamBody>, Error> {
        let mut request = outgoing.into_request(self.place.authority.clone());
        let mut start = now();
        loop {
            if self.shared.closed.load(Ordering::Relaxed) {
                return Err(Error::PoolClosed);
            }
            let mut link = match self.take(start) {
                Some(link) => link,
                None => {
                    // On the heap: requests that find a connection waiting do not carry what connecting needs.
                    let link = Box::pin(self.connect(timeouts)).await?;
                    start = now();
                    link
                }
            };
            match exchange(&mut link, request, self.endpoint(), timeouts, start).await {
                Ok(response) => {
                    return Ok(
                        response.map(|body| UpstreamBody::new(body, link, self.clone(), timeouts, start))
                    );
                }
                Err(Failed::With(error)) => return Err(error),
                Err(Failed::Unsent(again, _)) if link.reused => {
                    self.shared.stale.fetch_add(1, Ordering::Relaxed);
                    request = *again;
                }
                Err(Failed::Unsent(_, source)) => return Err(broken(source, &link, self.endpoint(), true)),
            }
        }
    }

    /// The connection used last, so that the others age.
    fn take(&self, now: Instant) -> Option<Box<Link>> {
        let mut idle = self.place.idle.lock();
        let link = idle.pop()?;
        self.shared.idle.fetch_sub(1, Ordering::Relaxed);
        if now.saturating_duration_since(link.idle_since) < self.shared.limits.idle_age {
            self.shared.reused.fetch_add(1, Ordering::Relaxed);
            return Some(link);
        }
        // The rest have waited longer still.
        self.shared.idle.fetch_sub(idle.len(), Ordering::Relaxed);
        idle.clear();
        None
    }

    /// Takes a connection back after its answer, if it can serve another.
    pub(super) fn give_back(&self, mut link: Box<Link>, now: Instant) {
        let limits = &self.shared.limits;
        if self.shared.closed.load(Ordering::Relaxed) || !link.settles() {
            return;
        }
        let mut idle = self.place.idle.lock();
        if idle.len() < limits.max_idle_per_endpoint
            && self.shared.idle.load(Ordering::Relaxed) < limits.max_idle
        {
            link.reused = true;
            link.idle_since = now;
            self.shared.idle.fetch_add(1, Ordering::Relaxed);
            idle.push(link);
        }
    }

    async fn connect(&self, timeouts: &Timeouts) -> Result<Box<Link>, Error> {
        let open = Open::claim(&self.shared.open, self.shared.limits.max_open)?;
        let to = || self.endpoint().to_string();
        let link = tokio::time::timeout(timeouts.connect, self.connect_now(timeouts, open)).await.map_err(
            |_| Error::Timeout { to: to(), wait: Wait::Connect, limit_ms: millis(timeouts.connect) },
        )??;
        self.shared.opened.fetch_add(1, Ordering::Relaxed);
        Ok(link)
    }

    async fn connect_now(&self, timeouts: &Timeouts, open: Open) -> Result<Box<Link>, Error> {
        let endpoint = self.endpoint();
        let addresses = self.shared.dns.resolve(endpoint).await?;
        let only_public = self.shared.only_public;
        // The addresses that are connected to are the very ones that were looked at.
        let may: Vec<SocketAddr> =
            addresses.iter().copied().filter(|to| !only_public || is_public(&to.ip())).collect();
        if may.is_empty() {
            let source =
                std::io::Error::new(std::io::ErrorKind::PermissionDenied, "its address is not public");
            return Err(Error::Connect { to: endpoint.to_string(), source });
        }
        let stream =
            connect_any(&may).await.map_err(|source| Error::Connect { to: endpoint.to_string(), source })?;
        let heard = Heard::default();
        let socket = match &endpoint.scheme {
            Scheme::Http => Socket::tcp(stream, heard.clone()),
            Scheme::Https { server_name } => {
                let connector = self.shared.connector()?;
                let stream = tls::handshake(connector, endpoint, server_name, stream).await?;
                Socket::tls(stream, heard.clone())
            }
        };
        Link::start(socket, heard, endpoint, open, now() + timeouts.head).await
    }
}

/// Connects to the first address that accepts.
async fn connect_any(addresses: &[SocketAddr]) -> std::io::Result<TcpStream> {
    let stream = race::first(addresses, TcpStream::connect::<SocketAddr>).await?;
    // Without it, Nagle's algorithm and a delayed acknowledgement hold small writes for 40 ms.
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_sends_small_writes_at_once_and_goes_to_the_first_address_that_accepts() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shut = SocketAddr::from(([127, 0, 0, 1], 1));
        let open = listener.local_addr().unwrap();
        let stream = connect_any(&[shut, open]).await.unwrap();
        assert!(stream.nodelay().unwrap());
        assert_eq!(stream.peer_addr().unwrap(), open);
        assert!(connect_any(&[shut]).await.is_err() && connect_any(&[]).await.is_err());
    }
}
