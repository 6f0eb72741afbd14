//! Bytes as text: hexadecimal, base64, PEM. Each byte string has one spelling that is read, but for line breaks.

use crate::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads hexadecimal digits of either case, with or without `0x` in front.
pub(crate) fn unhex(what: &'static str, text: &str) -> Result<Vec<u8>, Refusal> {
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    let bad = |at| Refusal::Malformed { what, at, reason: "it is not hexadecimal digits in pairs" };
    let digit = |at: usize, byte: u8| char::from(byte).to_digit(16).ok_or_else(|| bad(at));
    let mut bytes = Vec::new();
    for (at, pair) in digits.chunks(2).enumerate() {
        let &[high, low] = pair else { return Err(bad(at.saturating_mul(2))) };
        let value = (digit(at.saturating_mul(2), high)? << 4) | digit(at.saturating_mul(2), low)?;
        bytes.push(u8::try_from(value).map_err(|_| bad(at))?);
    }
    Ok(bytes)
}

/// As [`unhex`], for a fixed number of bytes.
pub(crate) fn unhex_array<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], Refusal> {
    let bytes = unhex(what, text)?;
    let reason = "it has another number of digits than it must";
    bytes.try_into().map_err(|_| Refusal::Malformed { what, at: 0, reason })
}

/// Reads base64 of the standard alphabet with padding.
pub(crate) fn base64(what: &'static str, text: &str) -> Result<Vec<u8>, Refusal> {
    STANDARD.decode(text).map_err(|_| Refusal::Malformed { what, at: 0, reason: "it is not base64" })
}

/// Reads base64 of the URL-safe alphabet without padding.
pub(crate) fn base64url(what: &'static str, text: &str) -> Result<Vec<u8>, Refusal> {
    let reason = "it is not base64url without padding";
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::Malformed { what, at: 0, reason })
}

/// Bytes that may come as they are or as text. They are taken for text when every byte is of the alphabet or white space.
pub(crate) fn binary(what: &'static str, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let hexadecimal = |b: &u8| b.is_ascii_hexdigit() || b.is_ascii_whitespace();
    let coded = |b: &u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'x') || b.is_ascii_whitespace()
    };
    let joined =
        || bytes.iter().filter(|b| !b.is_ascii_whitespace()).map(|b| char::from(*b)).collect::<String>();
    let digits = bytes.strip_prefix(b"0x").unwrap_or(bytes);
    if digits.iter().all(hexadecimal) {
        return unhex(what, &joined());
    }
    if bytes.iter().all(coded) {
        return base64(what, &joined());
    }
    Ok(bytes.to_vec())
}

/// The DER of every block of this label in PEM text (RFC 7468).
pub(crate) fn pem(what: &'static str, label: &str, text: &str) -> Result<Vec<Vec<u8>>, Refusal> {
    let (start, stop) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let (mut rest, mut found) = (text, Vec::new());
    while let Some((_, after)) = rest.split_once(&start) {
        let at = text.len().saturating_sub(after.len());
        let reason = "a PEM block has no end";
        let (body, after) = after.split_once(&stop).ok_or(Refusal::Malformed { what, at, reason })?;
        let joined: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        found.push(base64(what, &joined)?);
        rest = after;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_bytes() {
        assert_eq!(binary("test", b"0aFf\n").unwrap(), [0x0a, 0xff]);
        assert_eq!(binary("test", b"aGk=\n").unwrap(), b"hi");
        assert_eq!(binary("test", &[0x84, 0x44]).unwrap(), [0x84, 0x44]);
        assert!(unhex("test", "abc").is_err());
        assert!(unhex("test", "zz").is_err());
        assert!(base64("test", "aGl=").is_err(), "bits that are not used are zero");
    }

    #[test]
    fn blocks_of_the_label_are_found() {
        let text = "x\n-----BEGIN A-----\naGk=\n-----END A-----\n-----BEGIN B-----\n!\n-----END B-----\n";
        assert_eq!(pem("test", "A", text).unwrap(), [b"hi".to_vec()]);
        assert!(pem("test", "B", text).is_err());
        assert!(pem("test", "A", "-----BEGIN A-----\naGk=").is_err());
    }
}
