//! Where an upstream is.

use crate::Error;
use std::{fmt, str::FromStr};

/// Plain or encrypted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scheme {
    /// Plain TCP.
    Http,
    /// TLS; the certificate must hold for this name.
    Https {
        /// The name sent in the handshake and checked in the certificate.
        server_name: String,
    },
}

/// An address of an upstream. Parsed from a URL, whose path is the caller's business.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Endpoint {
    /// Plain or encrypted.
    pub scheme: Scheme,
    /// Name or address; an IPv6 address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Endpoint {
    /// Whether connections are encrypted.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(self.scheme, Scheme::Https { .. })
    }

    /// What `Host` says: the port only where it is not the scheme's own (RFC 9110 §7.2).
    #[must_use]
    pub fn authority(&self) -> String {
        let default = if self.is_tls() { 443 } else { 80 };
        match (self.host.contains(':'), self.port == default) {
            (true, true) => format!("[{}]", self.host),
            (true, false) => format!("[{}]:{}", self.host, self.port),
            (false, true) => self.host.clone(),
            (false, false) => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        let bad = |why: &str| Error::Config {
            what: "upstream address",
            value: url.to_owned(),
            why: format!("{why}; expected http://HOST[:PORT] or https://HOST[:PORT]"),
        };
        let uri: http::Uri = url.parse().map_err(|error| bad(&format!("not a url ({error})")))?;
        let authority = uri.authority().ok_or_else(|| bad("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("credentials do not belong in an address"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(bad("it has no host"));
        }
        let (scheme, default) = match uri.scheme_str() {
            Some("http") => (Scheme::Http, 80),
            Some("https") => (Scheme::Https { server_name: host.clone() }, 443),
            _ => return Err(bad("the scheme is neither http nor https")),
        };
        // `Authority::port` is also none for a port that does not fit, which must not become the default.
        let port = match authority.as_str().strip_prefix(authority.host()).unwrap_or_default() {
            "" => default,
            _ => authority.port_u16().filter(|port| *port != 0).ok_or_else(|| bad("bad port"))?,
        };
        Ok(Self { scheme, host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses() {
        for (url, tls, host, port, authority, shown) in [
            ("http://127.0.0.1:9100", false, "127.0.0.1", 9100, "127.0.0.1:9100", "127.0.0.1:9100"),
            ("http://Pool.Local/v1", false, "pool.local", 80, "pool.local", "pool.local:80"),
            ("https://a.b/c?d", true, "a.b", 443, "a.b", "a.b:443"),
            ("https://a.b:8443", true, "a.b", 8443, "a.b:8443", "a.b:8443"),
            ("http://[::1]:8080/", false, "::1", 8080, "[::1]:8080", "[::1]:8080"),
            ("https://[::1]", true, "::1", 443, "[::1]", "[::1]:443"),
        ] {
            let endpoint: Endpoint = url.parse().unwrap();
            assert_eq!(
                (endpoint.is_tls(), endpoint.host.as_str(), endpoint.port),
                (tls, host, port),
                "{url}"
            );
            assert_eq!((endpoint.authority().as_str(), endpoint.to_string().as_str()), (authority, shown));
        }
    }

    #[test]
    fn refuses_what_is_not_an_address() {
        for url in [
            "",
            "a.b",
            "a.b:80",
            "/v1",
            "ftp://a.b",
            "http://",
            "http://u:p@a.b",
            "http://a.b:0",
            "http://a.b:99999",
        ] {
            let error = url.parse::<Endpoint>().unwrap_err();
            assert!(error.to_string().contains("upstream address"), "{url}: {error}");
        }
    }
}
