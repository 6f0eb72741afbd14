//! Names to addresses, remembered for a while.
//!
//! A look-up takes a thread and milliseconds, and with a resolver that is silent many seconds. So its answer is kept for
//! [`TTL`], and an old answer goes on serving while a new one is looked for beside: a resolver that is down, be it that it
//! fails or that it says nothing, must not take the upstreams with it. Each look-up has a thread of its own, so it waits for
//! no other work; of a name there is one at a time, and of all names no more than [`MAX_LOOKUPS`].

use super::Endpoint;
use crate::{Error, timer::now};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;
use tokio::time::Instant;

/// How long an answer is used without asking again.
const TTL: Duration = Duration::from_secs(30);
/// How long an old answer is used after a look-up that failed before the next one.
const AGAIN: Duration = Duration::from_secs(2);
/// Names remembered; the one asked longest ago makes room.
const MAX_NAMES: usize = 1024;
/// Addresses kept of one name.
const MAX_ADDRESSES: usize = 16;
/// Look-ups at one time, each a thread.
const MAX_LOOKUPS: usize = 32;

type Addresses = Arc<[SocketAddr]>;
type Name = (String, u16);
/// What came of a look-up; an error as kind and words, since several may wait for it.
type Answer = Result<Addresses, (io::ErrorKind, String)>;
type Look = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

struct Known {
    addresses: Addresses,
    fresh_until: Instant,
}

#[derive(Default)]
struct State {
    known: BTreeMap<Name, Known>,
    /// The look-ups that run.
    running: BTreeMap<Name, watch::Receiver<Option<Answer>>>,
}

/// The addresses of names.
pub(crate) struct Dns {
    state: Arc<Mutex<State>>,
    look: Arc<Look>,
}

impl Default for Dns {
    fn default() -> Self {
        Self::asking(|host, port| (host, port).to_socket_addrs().map(Iterator::collect))
    }
}

impl Dns {
    fn asking(look: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) -> Self {
        Self { state: Arc::default(), look: Arc::new(look) }
    }

    /// The addresses of `endpoint`, at least one.
    pub(crate) async fn resolve(&self, endpoint: &Endpoint) -> Result<Addresses, Error> {
        if let Ok(ip) = endpoint.host.parse::<IpAddr>() {
            return Ok(Arc::new([SocketAddr::new(ip, endpoint.port)]));
        }
        let failed = |source| Error::Dns { host: endpoint.host.clone(), source };
        let name = (endpoint.host.clone(), endpoint.port);
        let old = {
            let state = self.state.lock();
            state.known.get(&name).map(|known| (known.addresses.clone(), known.fresh_until > now()))
        };
        match old {
            Some((addresses, true)) => return Ok(addresses),
            Some((addresses, false)) => {
                // What there is serves; that no new look-up can begin is no reason to wait.
                drop(self.look_up(name));
                return Ok(addresses);
            }
            None => {}
        }
        let mut running = self.look_up(name).map_err(failed)?;
        let answer = match running.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone(),
            Err(_) => None,
        };
        match answer {
            Some(Ok(addresses)) => Ok(addresses),
            Some(Err((kind, words))) => Err(failed(io::Error::new(kind, words))),
            None => Err(failed(io::Error::other("the look-up broke off"))),
        }
    }

    /// Begins a look-up, or joins the one that runs.
    fn look_up(&self, name: Name) -> io::Result<watch::Receiver<Option<Answer>>> {
        let mut state = self.state.lock();
        if let Some(running) = state.running.get(&name) {
            return Ok(running.clone());
        }
        if state.running.len() >= MAX_LOOKUPS {
            return Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                format!("{MAX_LOOKUPS} names are looked up already"),
            ));
        }
        let (tell, told) = watch::channel(None);
        let (shared, look, begun) = (self.state.clone(), self.look.clone(), now());
        let asked = name.clone();
        std::thread::Builder::new().name("tollgate-dns".into()).spawn(move || {
            let answer: Answer = match look(&asked.0, asked.1) {
                Ok(found) if found.is_empty() => {
                    Err((io::ErrorKind::NotFound, "the name has no address".to_owned()))
                }
                Ok(found) => Ok(found.into_iter().take(MAX_ADDRESSES).collect()),
                Err(error) => Err((error.kind(), error.to_string())),
            };
            let mut state = shared.lock();
            state.running.remove(&asked);
            match &answer {
                Ok(addresses) => state.remember(asked, addresses.clone(), begun + TTL),
                Err(_) => {
                    if let Some(known) = state.known.get_mut(&asked) {
                        known.fresh_until = begun + AGAIN;
                    }
                }
            }
            drop(state);
            tell.send_replace(Some(answer));
        })?;
        state.running.insert(name, told.clone());
        Ok(told)
    }
}

impl State {
    fn remember(&mut self, name: Name, addresses: Addresses, fresh_until: Instant) {
        if self.known.len() >= MAX_NAMES && !self.known.contains_key(&name) {
            let oldest =
                self.known.iter().min_by_key(|(_, known)| known.fresh_until).map(|(name, _)| name.clone());
            if let Some(oldest) = oldest {
                self.known.remove(&oldest);
            }
        }
        self.known.insert(name, Known { addresses, fresh_until });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    fn endpoint(host: &str) -> Endpoint {
        format!("http://{host}:7").parse().unwrap()
    }

    fn here(last: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, last], 7))
    }

    #[tokio::test]
    async fn an_address_is_its_own_answer_and_names_are_bounded() {
        let dns = Dns::asking(|_, _| Err(io::Error::other("asked")));
        let endpoint: Endpoint = "http://[::1]:7".parse().unwrap();
        assert_eq!(dns.resolve(&endpoint).await.unwrap()[..], ["[::1]:7".parse::<SocketAddr>().unwrap()]);
        let mut state = dns.state.lock();
        assert!(state.known.is_empty());
        let begun = now();
        for n in 0..MAX_NAMES + 10 {
            let at = begun + Duration::from_millis(n as u64);
            state.remember((format!("h{n}"), 1), Arc::new([here(1)]), at);
        }
        assert_eq!(state.known.len(), MAX_NAMES);
        assert!(state.known.contains_key(&(format!("h{}", MAX_NAMES + 9), 1)));
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_for_all_who_wait_and_then_remembered() {
        let asked = Arc::new(AtomicUsize::new(0));
        let (go, wait) = mpsc::channel::<()>();
        let (count, wait) = (asked.clone(), Mutex::new(wait));
        let dns = Dns::asking(move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
            let _ = wait.lock().recv();
            Ok(vec![here(9)])
        });
        let name = endpoint("name.invalid");
        let (first, second, ()) = tokio::join!(dns.resolve(&name), dns.resolve(&name), async {
            go.send(()).unwrap();
        });
        assert_eq!((first.unwrap()[0], second.unwrap()[0]), (here(9), here(9)));
        assert_eq!(dns.resolve(&name).await.unwrap()[0], here(9));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn an_old_answer_serves_while_the_resolver_is_silent() {
        let (go, wait) = mpsc::channel::<io::Result<Vec<SocketAddr>>>();
        let wait = Mutex::new(wait);
        let dns = Dns::asking(move |_, _| wait.lock().recv().unwrap());
        let name = endpoint("name.invalid");
        let key = ("name.invalid".to_owned(), 7);
        dns.state.lock().remember(key.clone(), Arc::new([here(1)]), now());
        for _ in 0..1_000 {
            assert_eq!(dns.resolve(&name).await.unwrap()[0], here(1), "nobody waits");
        }
        let mut running = dns.state.lock().running.get(&key).unwrap().clone();
        assert_eq!(dns.state.lock().running.len(), 1, "and one thread asks");
        go.send(Ok(vec![here(2)])).unwrap();
        running.wait_for(Option::is_some).await.unwrap();
        assert_eq!(dns.resolve(&name).await.unwrap()[0], here(2));
        // A failure leaves the old answer for a while.
        dns.state.lock().known.get_mut(&key).unwrap().fresh_until = now();
        dns.resolve(&name).await.unwrap();
        let mut running = dns.state.lock().running.get(&key).unwrap().clone();
        go.send(Err(io::Error::other("no"))).unwrap();
        running.wait_for(Option::is_some).await.unwrap();
        assert_eq!(dns.resolve(&name).await.unwrap()[0], here(2));
        assert!(dns.state.lock().running.is_empty(), "not asked again at once");
    }

    #[tokio::test]
    async fn look_ups_are_bounded_and_what_fails_says_so() {
        let (go, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let dns = Dns::asking(move |host, _| {
            let _ = wait.lock().recv();
            Err(io::Error::new(io::ErrorKind::NotFound, format!("no {host}")))
        });
        let running: Vec<_> = (0..MAX_LOOKUPS).map(|n| dns.look_up((format!("h{n}"), 1)).unwrap()).collect();
        let one_more = dns.resolve(&endpoint("more.invalid")).await.unwrap_err().to_string();
        assert!(one_more.contains("more.invalid"), "{one_more}");
        drop(go);
        for mut told in running {
            assert!(matches!(told.wait_for(Option::is_some).await.unwrap().as_ref(), Some(Err(_))));
        }
        let failed = dns.resolve(&endpoint("none.invalid")).await.unwrap_err();
        assert!(matches!(&failed, Error::Dns { host, .. } if host == "none.invalid"), "{failed}");
    }
}
