//! One worker: the handler of a core, with the upstream connections that only this core uses.

use crate::api;
use crate::api::routes::{Matched, Route, find};
use crate::config::Authority;
use crate::fleet::{self, Site};
use crate::pipeline::converse;
use crate::reply::Reply;
use crate::snapshot::Snapshot;
use crate::state::Shared;
use http::{Request, Response};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use tollgate_net::Error as NetError;
use tollgate_net::server::{Handler, Peer, RequestBody};
use tollgate_net::upstream::{Pool, PoolLimits, Target, TlsConfig};
use tollgate_wire::Dialect;

/// The handler of one worker; clones share it.
#[derive(Clone)]
pub struct Worker(Rc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    /// One pool per authority file.
    pools: RefCell<BTreeMap<Option<Authority>, Pool>>,
    /// Targets by instance, for the snapshot of this generation.
    targets: RefCell<(u64, Vec<Option<Target>>)>,
}

impl Worker {
    /// A worker without connections.
    #[must_use]
    pub fn new(shared: Arc<Shared>) -> Self {
        Self(Rc::new(Inner { shared, pools: RefCell::default(), targets: RefCell::default() }))
    }

    /// What all workers share.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Where to send requests for an instance.
    pub(crate) fn target(&self, snapshot: &Snapshot, site: &Site) -> Result<Target, NetError> {
        let mut cache = self.0.targets.borrow_mut();
        let (generation, targets) = &mut *cache;
        if *generation != snapshot.generation {
            *generation = snapshot.generation;
            targets.clear();
        }
        if let Some(Some(target)) = targets.get(site.index) {
            return Ok(target.clone());
        }
        let mut pools = self.0.pools.borrow_mut();
        fleet::renew(&mut pools, site.ca_file());
        let pool = pools.entry(site.ca_file().cloned()).or_insert_with_key(|authority| {
            let ca_file = authority.as_ref().map(|authority| authority.path.clone());
            Pool::new(PoolLimits::default(), TlsConfig { ca_file })
        });
        let target = pool.target(&site.endpoint)?;
        if targets.len() <= site.index {
            targets.resize(site.index + 1, None);
        }
        if let Some(slot) = targets.get_mut(site.index) {
            *slot = Some(target.clone());
        }
        Ok(target)
    }
}

impl Handler for Worker {
    type Body = Reply;

    async fn handle(&self, request: Request<RequestBody>, peer: Peer) -> Response<Reply> {
        let ip = peer.addr.ip().to_canonical();
        // The busiest path first: no table is searched for it.
        let dialect = match (request.method(), request.uri().path()) {
            (&http::Method::POST, "/v1/chat/completions") => Some(Dialect::OpenaiChat),
            _ => None,
        };
        if let Some(dialect) = dialect {
            return Box::pin(converse(self, dialect, request, ip)).await;
        }
        let path = request.uri().path().to_owned();
        match find(request.method(), &path) {
            Matched::Route(Route::Chat, ..) => {
                Box::pin(converse(self, Dialect::OpenaiChat, request, ip)).await
            }
            Matched::Route(Route::Responses, ..) => {
                Box::pin(converse(self, Dialect::OpenaiResponses, request, ip)).await
            }
            Matched::Route(Route::Messages, ..) => {
                Box::pin(converse(self, Dialect::Anthropic, request, ip)).await
            }
            Matched::Route(Route::Embeddings, ..) => {
                Box::pin(converse(self, Dialect::OpenaiEmbeddings, request, ip)).await
            }
            Matched::Route(route, access, parameter) => {
                let call = api::Call { route, access, parameter: parameter.map(str::to_owned), peer: ip };
                Box::pin(api::handle(self, call, request)).await
            }
            Matched::Methods(allowed) => api::wrong_method(allowed),
            Matched::Nothing => api::nothing_there(&path),
        }
    }

    fn tick(&self) {
        for pool in self.0.pools.borrow().values() {
            pool.sweep();
        }
    }
}
