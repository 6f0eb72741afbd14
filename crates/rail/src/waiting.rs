//! A client that waits for each answer, so it belongs where waiting is allowed.

use std::time::Duration;
use tollgate_net::client::{Answer, Client, path_of};
use tollgate_net::upstream::{Outgoing, Timeouts};

/// How long an exchange may take: whoever waits for it holds up what comes after it.
const TIMES: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    head: Duration::from_secs(15),
    idle: Duration::from_secs(10),
    total: Duration::from_secs(30),
};

/// Nobody knows whether a request was heard.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[error("no answer: {0}")]
pub struct Silent(pub String);

/// See the module.
pub struct Waiting {
    /// There until the end.
    runtime: Option<tokio::runtime::Runtime>,
    client: Client,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

impl Waiting {
    /// A client with connections of its own.
    ///
    /// # Errors
    /// [`Silent`] when this machine gives no room for it.
    pub fn new() -> Result<Self, Silent> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Silent(error.to_string()))?;
        Ok(Self { runtime: Some(runtime), client: Client { timeouts: TIMES, ..Client::default() } })
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// [`Silent`]. A status is no error.
    pub fn post_json(&self, url: &str, json: String) -> Result<Answer, Silent> {
        self.exchange(url, self.client.post_json(url, json))
    }

    /// Sends a request to the host of a URL, whose path may be secret: it is in no error.
    ///
    /// # Errors
    /// [`Silent`]. A status is no error.
    pub fn send(&self, url: &str, request: Outgoing) -> Result<Answer, Silent> {
        self.exchange(url, self.client.send(url, request))
    }

    fn exchange(
        &self,
        url: &str,
        exchange: impl Future<Output = Result<Answer, tollgate_net::Error>>,
    ) -> Result<Answer, Silent> {
        let silent = |why: String| Silent(why.replace(path_of(url), "/…"));
        let Some(runtime) = &self.runtime else { return Err(silent("it is being closed".into())) };
        runtime.block_on(exchange).map_err(|error| silent(error.to_string()))
    }
}

impl Drop for Waiting {
    /// Without waiting, so that it may be dropped where waiting is not allowed.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
