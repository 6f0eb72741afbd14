//! The document of a `did:web` id, fetched from the host that the id names.
//!
//! A stranger says which host: so it is asked over TLS, without following redirections, only at addresses of the internet at large
//! unless the configuration says otherwise (`settle.private_hosts`), briefly, for little, and for few at a time.

use super::problem::Problem;
use crate::state::Shared;
use http::StatusCode;
use std::time::Duration;
use tollgate_net::client::Client;
use tollgate_net::upstream::{Pool, PoolLimits, Timeouts, TlsConfig};
use tollgate_pay::registry::web_url;

/// Longest document, in bytes: more would not fit into an entry of the log.
const DOCUMENT_MAX: usize = 16 << 10;
/// Longest wait for it.
const WAIT: Duration = Duration::from_secs(5);

/// Fetches the document. It is asked on a thread where waiting is allowed.
pub(super) fn document(shared: &Shared, id: &str) -> Result<String, Problem> {
    let Ok(_place) = shared.resolving.try_acquire() else {
        let detail = "too many documents of did:web ids are fetched: try again";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail));
    };
    let private = shared.snapshot.load().settings.private_hosts;
    let local = id
        .strip_prefix("did:web:localhost")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['%', ':']));
    let url = web_url(id, if private && local { "http" } else { "https" })?;
    let limits = PoolLimits { max_open: 1, max_idle: 0, ..PoolLimits::default() };
    let pool = if private { Pool::new } else { Pool::public }(limits, TlsConfig::default());
    let timeouts = Timeouts { connect: WAIT, head: WAIT, idle: WAIT, total: WAIT };
    let client = Client { pool, timeouts, max_answer: DOCUMENT_MAX };
    let failed = |why: String| {
        let detail = format!("the document of {id} at {url} cannot be had: {why}");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unresolved", detail)
    };
    let answer = tokio::runtime::Handle::current().block_on(client.get(&url));
    let answer = answer.map_err(|error| failed(error.to_string()))?;
    // A redirection is not followed: the id names the host that vouches for it.
    if answer.status != StatusCode::OK {
        return Err(failed(format!("the host answered {}", answer.status)));
    }
    String::from_utf8(answer.body.to_vec()).map_err(|_| failed("it is no text".into()))
}
