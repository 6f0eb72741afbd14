//! W3C trace context (Level 1): the incoming `traceparent` is continued, else a trace is begun.

use http::{HeaderMap, HeaderValue};
use std::fmt;
use std::sync::Arc;
use tollgate_core::id::hex;

/// A position in a distributed trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceContext {
    /// The trace, never 0.
    pub trace: u128,
    /// The caller's span, 0 when the trace begins here.
    pub parent: u64,
    /// Our span, never 0.
    pub span: u64,
    /// Whether the caller records this trace.
    pub sampled: bool,
}

impl TraceContext {
    /// Continues the caller's trace or begins one; `bits` are 128 fresh random bits.
    #[must_use]
    pub fn accept(headers: &HeaderMap, bits: u128) -> Self {
        let span = u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(1).max(1);
        let parsed = headers.get("traceparent").and_then(|v| v.to_str().ok()).and_then(parse);
        match parsed {
            Some((trace, parent, sampled)) => Self { trace, parent, span, sampled },
            None => Self { trace: bits.max(1), parent: 0, span, sampled: true },
        }
    }

    /// The header to send upstream: our span as the parent.
    #[must_use]
    pub fn outgoing(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.bytes()).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// The trace id, 32 hex digits.
    #[must_use]
    pub fn trace_id(&self) -> Arc<str> {
        text(&hex::<32>(self.trace)).into()
    }

    /// `00-TRACE-SPAN-FLAGS`.
    fn bytes(&self) -> [u8; 55] {
        let mut bytes = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let parts: [(usize, &[u8]); 3] = [
            (3, &hex::<32>(self.trace)),
            (36, &hex::<16>(u128::from(self.span))),
            (53, &hex::<2>(u128::from(self.sampled))),
        ];
        for (at, digits) in parts {
            bytes.iter_mut().skip(at).zip(digits).for_each(|(byte, digit)| *byte = *digit);
        }
        bytes
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text(&self.bytes()))
    }
}

/// Hex digits are text.
fn text(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).unwrap_or_default()
}

/// `version-trace-parent-flags`: later versions may append fields, version `ff` and zero ids are invalid.
fn parse(text: &str) -> Option<(u128, u64, bool)> {
    let mut fields = text.split('-');
    let (version, trace, parent, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let hex = |s: &str, len| s.len() == len && s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !(hex(version, 2) && hex(trace, 32) && hex(parent, 16) && hex(flags, 2)) || version == "ff" {
        return None;
    }
    if version == "00" && fields.next().is_some() {
        return None;
    }
    let trace = u128::from_str_radix(trace, 16).ok().filter(|t| *t != 0)?;
    let parent = u64::from_str_radix(parent, 16).ok().filter(|p| *p != 0)?;
    Some((trace, parent, u8::from_str_radix(flags, 16).ok()? & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_recommendation() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(
            parse(good),
            Some((0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, true))
        );
        assert!(parse(&good.replacen("00", "01", 1).replace("-01", "-01-more")).is_some(), "a later version");
        for bad in [
            "",
            "00",
            &good.to_uppercase(),
            &good.replacen("00", "ff", 1),
            &format!("{good}-x"),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn continues_or_begins_a_trace() {
        let mut headers = HeaderMap::new();
        let begun = TraceContext::accept(&headers, 5);
        assert_eq!(begun.to_string(), "00-00000000000000000000000000000005-0000000000000005-01");
        assert_eq!((begun.trace, begun.parent, begun.span), (5, 0, 5));
        headers.insert("traceparent", begun.outgoing());
        let continued = TraceContext::accept(&headers, 9);
        assert_eq!((continued.trace, continued.parent, continued.span), (5, 5, 9));
    }
}
