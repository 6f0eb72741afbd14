//! Which headers end at a proxy.
//!
//! RFC 9110 §7.6.1: a proxy forwards neither the fields that speak about one connection nor those that `Connection`
//! names. Message framing is ours too: both sides of the proxy state the length of what they really send.
//!
//! ```
//! use http::{HeaderMap, HeaderValue};
//! let mut headers = HeaderMap::new();
//! headers.insert("connection", HeaderValue::from_static("close, x-secret"));
//! headers.insert("x-secret", HeaderValue::from_static("1"));
//! headers.insert("x-kept", HeaderValue::from_static("2"));
//! tollgate_net::headers::strip_hop_by_hop(&mut headers);
//! assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-kept"]);
//! ```

use http::{
    HeaderMap, HeaderName,
    header::{CONNECTION, CONTENT_LENGTH},
};

/// Fields about one connection.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "transfer-encoding",
    "keep-alive",
    "te",
    "upgrade",
    "trailer",
    "proxy-authorization",
    "proxy-authenticate",
    "proxy-connection",
];

/// Whether `name` may be one of [`HOP_BY_HOP`], by its length: a cheap no for most names.
const fn maybe(name: &str) -> bool {
    matches!(name.len(), 2 | 7 | 10 | 16..=19)
}

/// Removes the fields that speak about one connection, and those that `Connection` names.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    // One pass over the few names present is much cheaper than nine look-ups that fail.
    if !headers.keys().any(|name| maybe(name.as_str()) && HOP_BY_HOP.contains(&name.as_str())) {
        return;
    }
    if headers.contains_key(CONNECTION) {
        strip_named(headers);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Removes what `Connection` names. `Host` and `Content-Length` cannot be removed that way: a client that names
/// them wants to change what the next hop understands.
fn strip_named(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .filter(|name| *name != http::header::HOST && *name != CONTENT_LENGTH)
        .collect();
    for name in named {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn strips_each_hop_by_hop_field() {
        for name in HOP_BY_HOP {
            assert!(maybe(name), "{name}");
            let mut headers = map(&[("x-a", "1")]);
            headers.insert(name, HeaderValue::from_static("v"));
            strip_hop_by_hop(&mut headers);
            assert_eq!(headers, map(&[("x-a", "1")]), "{name}");
        }
    }

    #[test]
    fn strips_what_connection_names_in_any_line_and_spelling() {
        let mut headers = map(&[
            ("connection", "X-A ,x-b"),
            ("connection", "x-c,, not a name,("),
            ("connection", "host, content-length, authorization"),
            ("x-a", "1"),
            ("x-b", "2"),
            ("x-c", "3"),
            ("x-d", "4"),
            ("host", "h"),
            ("content-length", "5"),
            ("authorization", "secret"),
        ]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("x-d", "4"), ("host", "h"), ("content-length", "5")]));
    }
}
