//! Which headers end at a proxy, and what an answer's headers ask for.
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
    header::{CONNECTION, CONTENT_LENGTH, DATE, RETRY_AFTER},
};
use std::time::{Duration, SystemTime};
use tollgate_core::Timestamp;

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

/// The pause that an answer asks for, in milliseconds: `retry-after-ms` (as OpenAI and Azure send it), else `Retry-After`
/// as seconds or as a date (RFC 9110 §10.2.3). A date is compared with the answer's own `Date`, so that the two clocks
/// need not agree, and with `now` where there is none; one that is past asks for nothing more.
#[must_use]
pub fn retry_after_ms(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |text: &str| text.parse::<u64>().ok();
    if let Some(ms) = text(HeaderName::from_static("retry-after-ms")).and_then(number) {
        return Some(ms);
    }
    let after = text(RETRY_AFTER)?;
    if let Some(seconds) = number(after) {
        return Some(seconds.saturating_mul(1000));
    }
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let here = || SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(now.0).unwrap_or(0));
    let sent = text(DATE).and_then(date).unwrap_or_else(here);
    let pause = date(after)?.duration_since(sent).unwrap_or_default();
    Some(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    /// Header lines, and the pause that they ask for.
    type Case = (&'static [(&'static str, &'static str)], Option<u64>);

    #[test]
    fn a_pause_is_read_in_each_of_its_spellings() {
        // Sun, 06 Nov 1994 08:49:37 GMT, in the three forms of RFC 9110 §5.6.7.
        let now = Timestamp(784_111_777_000_000);
        let cases: [Case; 14] = [
            (&[], None),
            (&[("retry-after", "0")], Some(0)),
            (&[("retry-after", " 7 ")], Some(7_000)),
            (&[("retry-after", "99999999999999999999")], None),
            (&[("retry-after", "18446744073709551615")], Some(u64::MAX)),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")], Some(30_000)),
            (&[("retry-after", "Sunday, 06-Nov-94 08:50:07 GMT")], Some(30_000)),
            (&[("retry-after", "Sun Nov  6 08:50:07 1994")], Some(30_000)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT")], Some(0)),
            (&[("retry-after", "1"), ("retry-after-ms", "250")], Some(250)),
            (&[("retry-after", "2"), ("retry-after-ms", "x")], Some(2_000)),
            // Their clock is an hour off: their own date says how long.
            (
                &[
                    ("retry-after", "Sun, 06 Nov 1994 09:50:00 GMT"),
                    ("date", "Sun, 06 Nov 1994 09:49:50 GMT"),
                ],
                Some(10_000),
            ),
        ];
        for (headers, pause) in cases {
            assert_eq!(retry_after_ms(&map(headers), now), pause, "{headers:?}");
        }
    }

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
