//! A strict JSON scanner that yields spans.

/// Decodes the inside of a JSON string. Lone surrogates become U+FFFD.
#[must_use]
pub fn unescape(raw: &[u8]) -> String {
    let mut quoted = Vec::with_capacity(raw.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(raw);
    quoted.push(b'"');
    serde_json::from_slice(&quoted).unwrap_or_else(|_| String::from_utf8_lossy(raw).into_owned())
}
