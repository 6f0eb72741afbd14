//! Active probes: an inexpensive request to each instance when its schedule says so.
//!
//! The schedule and the verdict are `tollgate_select::health`'s; this is the part that asks.

use super::{Fleet, Site};
use crate::config::{Auth, Authority};
use http::{HeaderName, HeaderValue, Method};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;
use tollgate_core::Clock;
use tollgate_net::client::Client;
use tollgate_net::upstream::{Outgoing, Pool, PoolLimits, Timeouts, TlsConfig};

/// Longest wait for a probe's answer.
const PROBE_WAIT: Duration = Duration::from_secs(2);
/// Largest answer read; a list of models may be long.
const PROBE_ANSWER_MAX: usize = 1 << 20;

/// Why a probe failed.
#[derive(Debug, thiserror::Error)]
enum Unwell {
    /// No answer.
    #[error(transparent)]
    Net(#[from] tollgate_net::Error),
    /// An answer that says so.
    #[error("answered {0}")]
    Status(http::StatusCode),
}

/// Probes a fleet's instances.
pub struct Prober {
    clients: BTreeMap<Option<Authority>, Client>,
}

impl Prober {
    /// A prober without connections.
    #[must_use]
    pub const fn new() -> Self {
        Self { clients: BTreeMap::new() }
    }

    /// Probes every instance that is due, all at once, and reports the results; returns how many were asked. It takes no
    /// longer than the slowest of them, and never more than two seconds.
    pub async fn round(&mut self, fleet: &Fleet, clock: &dyn Clock) -> usize {
        let mut asking = JoinSet::new();
        for (at, pool) in fleet.pools.iter().enumerate() {
            let due = pool.members.lock().probes_due(clock.tick());
            for member in due {
                let Some(site) = pool.sites.get(member) else { continue };
                let answer = self.ask(site);
                asking.spawn(async move { (at, member, answer.await) });
            }
        }
        let asked = asking.len();
        while let Some(done) = asking.join_next().await {
            // A probe that panicked was logged by the runtime; the schedule writes it off as unanswered.
            let Ok((at, member, good)) = done else { continue };
            let Some(pool) = fleet.pools.get(at) else { continue };
            let turned = pool.members.lock().probed(member, good.is_ok(), clock.tick());
            let name = pool.sites.get(member).map_or("", |site| &site.name);
            // Each probe of an instance that stays down would fill the log; its turns are what an operator needs.
            match &good {
                Ok(()) if turned => tracing::info!(instance = name, "answers its probes again"),
                Ok(()) => {}
                Err(why) if turned => tracing::warn!(instance = name, %why, "down: its probes fail"),
                Err(why) => tracing::debug!(instance = name, %why, "a probe failed"),
            }
        }
        asked
    }

    /// An answer of any kind but a server error shows that it is alive.
    fn ask(&mut self, site: &Site) -> impl Future<Output = Result<(), Unwell>> + Send + 'static {
        super::renew(&mut self.clients, site.ca_file());
        let client = self.clients.entry(site.ca_file().cloned()).or_insert_with_key(|ca| client(ca.as_ref()));
        let (client, url) = (client.clone(), site.url.to_string());
        let path = site.url.path(site.provider.row.probe);
        let outgoing = Outgoing::new(Method::GET, &path).map(|outgoing| match credentials(site) {
            Some((name, value)) => outgoing.header(name, value),
            None => outgoing,
        });
        async move {
            let answer = client.send(&url, outgoing?).await?;
            if answer.status.is_server_error() { Err(Unwell::Status(answer.status)) } else { Ok(()) }
        }
    }
}

impl Default for Prober {
    fn default() -> Self {
        Self::new()
    }
}

fn client(authority: Option<&Authority>) -> Client {
    let ca_file = authority.map(|authority| authority.path.clone());
    let mut client = Client::new(Pool::new(PoolLimits::default(), TlsConfig { ca_file }));
    client.timeouts = Timeouts { connect: PROBE_WAIT, head: PROBE_WAIT, idle: PROBE_WAIT, total: PROBE_WAIT };
    client.max_answer = PROBE_ANSWER_MAX;
    client
}

/// The header that carries the provider's key.
pub(crate) fn credentials(site: &Site) -> Option<(HeaderName, HeaderValue)> {
    let key = site.provider.key.as_ref()?.expose();
    let (name, text) = match site.provider.row.auth {
        Auth::Bearer => (http::header::AUTHORIZATION, format!("Bearer {key}")),
        Auth::Header(name) => (HeaderName::from_static(name), key.to_owned()),
        Auth::None => return None,
    };
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}
