//! Names to addresses, remembered for a while.
//!
//! Looking a name up takes a blocking thread and milliseconds, so its answer is kept for [`TTL`]. When a later
//! look-up fails, the old answer still serves: a resolver that is down must not take the upstreams with it.

use super::Endpoint;
use crate::{Error, timer::now};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// How long an answer is used without asking again.
const TTL: Duration = Duration::from_secs(30);
/// Names remembered; the one asked longest ago makes room.
const MAX_NAMES: usize = 1024;
/// Addresses kept of one name.
const MAX_ADDRESSES: usize = 16;

struct Known {
    addresses: Arc<[SocketAddr]>,
    asked: Instant,
}

/// The addresses of names.
#[derive(Default)]
pub(crate) struct Dns {
    known: Mutex<BTreeMap<(String, u16), Known>>,
}

impl Dns {
    /// The addresses of `endpoint`, at least one.
    pub(crate) async fn resolve(&self, endpoint: &Endpoint) -> Result<Arc<[SocketAddr]>, Error> {
        if let Ok(ip) = endpoint.host.parse::<IpAddr>() {
            return Ok(Arc::new([SocketAddr::new(ip, endpoint.port)]));
        }
        let key = (endpoint.host.clone(), endpoint.port);
        let old = self.known.lock().get(&key).map(|known| (known.addresses.clone(), known.asked));
        if let Some((addresses, asked)) = &old
            && now().duration_since(*asked) < TTL
        {
            return Ok(addresses.clone());
        }
        let answer = tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port)).await;
        let found: Vec<SocketAddr> = match answer {
            Ok(addresses) => addresses.take(MAX_ADDRESSES).collect(),
            Err(source) => {
                return match old {
                    Some((addresses, _)) => Ok(addresses),
                    None => Err(Error::Dns { host: endpoint.host.clone(), source }),
                };
            }
        };
        if found.is_empty() {
            let source = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
            return Err(Error::Dns { host: endpoint.host.clone(), source });
        }
        let addresses: Arc<[SocketAddr]> = found.into();
        self.remember(key, addresses.clone());
        Ok(addresses)
    }

    fn remember(&self, key: (String, u16), addresses: Arc<[SocketAddr]>) {
        let mut known = self.known.lock();
        if known.len() >= MAX_NAMES && !known.contains_key(&key) {
            let oldest = known.iter().min_by_key(|(_, known)| known.asked).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                known.remove(&oldest);
            }
        }
        known.insert(key, Known { addresses, asked: now() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_its_own_answer_and_names_are_bounded() {
        let dns = Dns::default();
        let endpoint: Endpoint = "http://[::1]:7".parse().unwrap();
        assert_eq!(dns.resolve(&endpoint).await.unwrap()[..], ["[::1]:7".parse::<SocketAddr>().unwrap()]);
        assert!(dns.known.lock().is_empty());
        let address: Arc<[SocketAddr]> = Arc::new([SocketAddr::from(([127, 0, 0, 1], 1))]);
        for n in 0..MAX_NAMES + 10 {
            dns.remember((format!("h{n}"), 1), address.clone());
        }
        assert_eq!(dns.known.lock().len(), MAX_NAMES);
        assert!(dns.known.lock().contains_key(&(format!("h{}", MAX_NAMES + 9), 1)));
    }

    #[tokio::test]
    async fn a_remembered_name_is_not_asked_again() {
        let dns = Dns::default();
        let endpoint: Endpoint = "http://name.invalid:7".parse().unwrap();
        let address: Arc<[SocketAddr]> = Arc::new([SocketAddr::from(([127, 0, 0, 1], 7))]);
        dns.remember(("name.invalid".to_owned(), 7), address.clone());
        assert_eq!(dns.resolve(&endpoint).await.unwrap(), address);
    }
}
