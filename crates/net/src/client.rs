//! A small client for probes and tests, over a [`Pool`].
//!
//! ```no_run
//! # async fn probe() -> Result<(), tollgate_net::Error> {
//! use tollgate_net::client::Client;
//! let client = Client::default();
//! let answer = client.get("http://127.0.0.1:8080/healthz").await?;
//! assert_eq!(answer.status, 200);
//! # Ok(()) }
//! ```

use crate::{
    Error,
    upstream::{Endpoint, Outgoing, Pool, PoolLimits, Timeouts, TlsConfig},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::CONTENT_TYPE};

/// Largest answer that is read, in bytes, unless said otherwise.
pub const MAX_ANSWER: usize = 4 << 20;

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Sends single requests and reads whole answers.
#[derive(Clone)]
pub struct Client {
    /// Where its connections wait.
    pub pool: Pool,
    /// How long an exchange may take.
    pub timeouts: Timeouts,
    /// Largest answer in bytes.
    pub max_answer: usize,
}

impl Client {
    /// A client over `pool`.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self { pool, timeouts: Timeouts::default(), max_answer: MAX_ANSWER }
    }

    /// `GET url`.
    ///
    /// # Errors
    /// [`Error::Config`] for a bad URL, and whatever interrupts the exchange. A status is not an error.
    pub async fn get(&self, url: &str) -> Result<Answer, Error> {
        self.send(url, Outgoing::new(Method::GET, path_of(url))?).await
    }

    /// `POST url` with a JSON body.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn post_json(&self, url: &str, json: impl Into<Bytes>) -> Result<Answer, Error> {
        let request = Outgoing::new(Method::POST, path_of(url))?
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(json.into());
        self.send(url, request).await
    }

    /// Sends a request of the caller's making to the host of `url`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn send(&self, url: &str, request: Outgoing) -> Result<Answer, Error> {
        let target = self.pool.target(&url.parse::<Endpoint>()?)?;
        let (parts, body) = target.send(request, &self.timeouts).await?.into_parts();
        let body = body.collect(self.max_answer).await?;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new(Pool::new(PoolLimits::default(), TlsConfig::default()))
    }
}

/// Path and query of a URL, without its fragment.
#[must_use]
pub fn path_of(url: &str) -> &str {
    let after = url.find("://").map_or(url, |at| &url[at + 3..]);
    let path = after.find('/').map_or("/", |at| &after[at..]);
    path.split('#').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_urls() {
        for (url, path) in [
            ("http://a", "/"),
            ("http://a/", "/"),
            ("https://a:1/b/c?d=/e", "/b/c?d=/e"),
            ("http://a/b#c", "/b"),
        ] {
            assert_eq!(path_of(url), path, "{url}");
        }
    }
}
