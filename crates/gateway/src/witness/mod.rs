//! Witnesses of a log over HTTP (C2SP tlog-witness): asking them, and being one.
//!
//! A gateway whose data folder has a policy of witnesses asks them whenever it shows that something is in the log. `tollgate pay
//! audit witness` is one.

mod serve;

pub use serve::Serving;

use crate::config::may_be_told;
use bytes::Bytes;
use http::Method;
use std::time::Duration;
use tokio::runtime::Handle;
use tollgate_net::client::{Client, path_of};
use tollgate_net::upstream::{Outgoing, Timeouts};
use tollgate_pay::log::{AddCheckpoint, Answered, Trusted};
use tollgate_store::journal::audit::{Unasked, Witnesses};

/// Longest wait for a witness. A receipt waits as long, at most once for each witness that is silent.
const WAIT: Duration = Duration::from_secs(5);
/// Largest answer that is read: some signature lines.
const ANSWER_MAX: usize = 16 << 10;

/// Asks witnesses under their URLs. Ask on a thread where waiting is allowed, never on one that drives tasks.
pub struct OverHttp {
    runtime: Handle,
    client: Client,
}

impl OverHttp {
    /// Asks by this runtime.
    #[must_use]
    pub fn new(runtime: Handle) -> Self {
        let timeouts = Timeouts { connect: WAIT, head: WAIT, idle: WAIT, total: WAIT };
        Self { runtime, client: Client { max_answer: ANSWER_MAX, timeouts, ..Client::default() } }
    }
}

impl Witnesses for OverHttp {
    fn ask(&self, witness: &Trusted, request: &AddCheckpoint) -> Result<Answered, Unasked> {
        let prefix = witness.url.as_deref().ok_or_else(|| Unasked("the policy names no URL of it".into()))?;
        if !may_be_told(prefix) {
            return Err(Unasked(format!("{prefix:?} is neither https nor on this machine")));
        }
        let url = format!("{prefix}/add-checkpoint");
        let failed = |error: tollgate_net::Error| Unasked(error.to_string());
        let outgoing = Outgoing::new(Method::POST, path_of(&url)).map_err(failed)?;
        let outgoing = outgoing.body(Bytes::from(request.to_string()));
        let answer = self.runtime.block_on(self.client.send(&url, outgoing)).map_err(failed)?;
        Ok(Answered::read(answer.status.as_u16(), &String::from_utf8_lossy(&answer.body)))
    }
}
