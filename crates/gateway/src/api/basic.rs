//! HTTP Basic, which a browser asks its user for (RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The password of `authorization: Basic` (RFC 7617).
pub(super) fn basic_password(headers: &http::HeaderMap) -> Option<String> {
    let value = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let encoded = value.get(..6).filter(|p| p.eq_ignore_ascii_case("basic ")).and(value.get(6..))?;
    // Padded or not (RFC 4648 section 4).
    let decoded = STANDARD_NO_PAD.decode(encoded.trim().trim_end_matches('=')).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_browsers_password_is_read() {
        let of = |value: &'static str| {
            let mut headers = http::HeaderMap::new();
            headers.insert("authorization", HeaderValue::from_static(value));
            basic_password(&headers)
        };
        // The example of RFC 7617.
        assert_eq!(of("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").as_deref(), Some("open sesame"));
        assert_eq!(of("basic dGVzdDoxMjPCow==").as_deref(), Some("123\u{a3}"));
        for bad in ["Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic QWxh!", "Basic QQ==", "Basic"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
