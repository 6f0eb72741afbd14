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
    header::{
        CONNECTION, CONTENT_LENGTH, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
        UPGRADE,
    },
};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

const HOPS: usize = 9;
/// Fields about one connection. `Connection` stands first: it names more of them.
static HOP_BY_HOP: [HeaderName; HOPS] = [
    CONNECTION,
    TRANSFER_ENCODING,
    KEEP_ALIVE,
    TE,
    UPGRADE,
    TRAILER,
    PROXY_AUTHORIZATION,
    PROXY_AUTHENTICATE,
    PROXY_CONNECTION,
];

/// Removes the fields that speak about one connection, and those that `Connection` names.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    // One pass over the few names present is cheaper than nine look-ups that fail.
    let mut found = [false; HOPS];
    let mut any = false;
    for name in headers.keys() {
        if let Some(at) = HOP_BY_HOP.iter().position(|hop| hop == name) {
            found[at] = true;
            any = true;
        }
    }
    if !any {
        return;
    }
    if found[0] {
        strip_named(headers);
    }
    for (name, found) in HOP_BY_HOP.iter().zip(found) {
        if found {
            headers.remove(name);
        }
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
        for name in &HOP_BY_HOP {
            let mut headers = map(&[("x-a", "1")]);
            headers.insert(name.clone(), HeaderValue::from_static("v"));
            strip_hop_by_hop(&mut headers);
            assert_eq!(headers, map(&[("x-a", "1")]), "{name}");
        }
    }

    #[test]
    fn strips_what_connection_names_in_any_line_and_spelling() {
        let mut headers = map(&[
            ("connection", "X-A ,x-b"),
            ("connection", "x-c,, not a name,\u{7f}"),
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
