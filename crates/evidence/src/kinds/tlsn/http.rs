//! What a transcript says as HTTP/1.1 (RFC 9112): one request and its answer, as far as no byte that decides is hidden.
//!
//! Answers come in the order of requests, so the first answer is that of the first request, whatever is hidden behind that
//! request's line. The answer's body is only told when all of the answer is shown: a hidden byte could end the head early, or
//! make of the body what looked like a field.

use super::read::{Side, Transcript};
use crate::Claims;
use crate::crypto::sha256;
use crate::read::text::hex;

const LINE_END: &[u8] = b"\r\n";
const HEAD_END: &[u8] = b"\r\n\r\n";

/// Splits at the first place of a text.
fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = bytes.windows(at.len()).position(|window| window == at)?;
    Some((bytes.get(..place)?, bytes.get(place.checked_add(at.len())?..)?))
}

fn token(text: &[u8]) -> bool {
    let of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(of_token)
}

/// The values of a field in a head without its first line; `None` when a line is no field.
struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    fn read(lines: &'a [u8]) -> Option<Self> {
        let mut fields = Vec::new();
        let mut rest = lines;
        while !rest.is_empty() {
            let (line, after) = split(rest, LINE_END).unwrap_or((rest, &[]));
            let (name, value) = split(line, b":")?;
            if !token(name) || line.contains(&b'\r') || line.contains(&b'\n') || line.contains(&0) {
                return None;
            }
            fields.push((
                std::str::from_utf8(name).ok()?,
                std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']),
            ));
            rest = after;
        }
        Some(Self(fields))
    }

    fn all(&self, name: &str) -> Vec<&'a str> {
        self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value).collect()
    }

    /// The only value of a field.
    fn one(&self, name: &str) -> Option<&'a str> {
        match self.all(name).as_slice() {
            [value] => Some(*value),
            _ => None,
        }
    }
}

/// The value of a field of the request, which is shown from its first byte to the end of its head.
pub(super) fn asked_field<'a>(side: &Side<'a>, name: &str) -> Option<&'a str> {
    let (head, _) = split(side.front(), HEAD_END)?;
    let (_, lines) = split(head, LINE_END)?;
    Fields::read(lines)?.one(name)
}

/// Facts of the request.
fn asked(mut claims: Claims, side: &Side<'_>) -> Claims {
    let line = split(side.front(), LINE_END).and_then(|(line, _)| std::str::from_utf8(line).ok());
    let parts: Vec<&str> = line.unwrap_or_default().split(' ').collect();
    let [method, target, "HTTP/1.1" | "HTTP/1.0"] = parts.as_slice() else { return claims };
    let visible = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic());
    if !token(method.as_bytes()) || !visible {
        return claims;
    }
    let (path, query) = target.split_once('?').map_or((*target, None), |(path, query)| (path, Some(query)));
    claims = claims.with("method", *method).with("path", path);
    if let Some(query) = query {
        claims = claims.with("query", query);
    }
    if let Some(authority) = asked_field(side, "host") {
        claims = claims.with("authority", authority.to_ascii_lowercase());
    }
    claims
}

/// The status of an answer that begins so, and what follows its first line.
fn status(front: &[u8]) -> Option<(i64, &[u8])> {
    let (line, rest) = split(front, LINE_END)?;
    let line = std::str::from_utf8(line).ok()?;
    let after = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "))?;
    let digits = after.split(' ').next()?;
    let known = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    // A provisional answer is not the answer.
    digits.parse().ok().filter(|status| known && (200..600).contains(status)).map(|status| (status, rest))
}

/// A body in chunks (RFC 9112, section 7.1), and nothing behind it.
fn chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (line, after) = split(rest, LINE_END)?;
        let digits =
            line.split(|byte| *byte == b';').next().filter(|digits| (1..=8).contains(&digits.len()))?;
        let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let length = usize::from_str_radix(digits, 16).ok()?;
        if length == 0 {
            let ends = after == LINE_END || split(after, HEAD_END).is_some_and(|(_, rest)| rest.is_empty());
            return ends.then_some(body);
        }
        body.extend(after.get(..length)?);
        rest = after.get(length..)?.strip_prefix(LINE_END)?;
    }
}

/// The body of an answer, which is all there and nothing more.
fn body(rest: &[u8]) -> Option<(Vec<u8>, bool)> {
    let (lines, content) = match rest.strip_prefix(LINE_END) {
        Some(content) => (&[][..], content),
        None => split(rest, HEAD_END)?,
    };
    let fields = Fields::read(lines)?;
    let plain = fields.all("content-encoding").iter().all(|coding| coding.eq_ignore_ascii_case("identity"));
    let body = match (fields.all("transfer-encoding").as_slice(), fields.all("content-length").as_slice()) {
        ([], []) => content.to_vec(),
        ([coding], []) if coding.eq_ignore_ascii_case("chunked") => chunks(content)?,
        ([], [digits]) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let (body, rest) = content.split_at_checked(digits.parse().ok()?)?;
            // One empty line may stand behind a message.
            Some(body).filter(|_| rest.is_empty() || rest == LINE_END)?.to_vec()
        }
        _ => return None,
    };
    Some((body, plain))
}

/// Adds the facts of a transcript.
pub(super) fn told(claims: Claims, transcript: &Transcript<'_>) -> Claims {
    let hidden = |side: &Side<'_>| i64::try_from(side.hidden()).unwrap_or(i64::MAX);
    let mut claims = asked(claims, &transcript.sent)
        .with("received_hidden", hidden(&transcript.received))
        .with("sent_hidden", hidden(&transcript.sent));
    let front = transcript.received.front();
    let Some((status, rest)) = status(front) else { return claims };
    claims = claims.with("status", status);
    if transcript.received.hidden() == 0
        && let Some((body, plain)) = body(rest)
    {
        claims = claims.with("body_sha256", hex(&sha256(&body)));
        if let Some(text) = String::from_utf8(body).ok().filter(|_| plain) {
            claims = claims.with("body", text);
        }
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_whole_or_not_told() {
        let text = |rest: &str| body(rest.as_bytes()).map(|(body, _)| String::from_utf8(body).unwrap());
        let told = |rest: &str, is: &str| assert_eq!(text(rest).as_deref(), Some(is), "{rest}");
        told("\r\nto the end", "to the end");
        told("Content-Length: 2\r\n\r\nhi", "hi");
        told("content-length:2\r\n\r\nhi\r\n", "hi");
        told("Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nA;x\r\n 012345678\r\n0\r\n\r\n", "hi 012345678");
        told("Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n", "");
        for not in [
            "Content-Length: 3\r\n\r\nhi",
            "Content-Length: 1\r\n\r\nhi",
            "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
            "Content-Length: +2\r\n\r\nhi",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Content-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n",
            "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nmore",
            "Transfer-Encoding: chunked\r\n\r\n-1\r\nhi",
            "Folded: a\r\n b\r\n\r\nhi",
            "No field\r\n\r\nhi",
            "Content-Length: 2\r\n",
        ] {
            assert_eq!(text(not), None, "{not}");
        }
        assert_eq!(body(b"Content-Encoding: gzip\r\n\r\nhi").map(|(_, plain)| plain), Some(false));
    }

    #[test]
    fn an_answer_is_a_final_one() {
        let status = |front: &str| status(front.as_bytes()).map(|(status, _)| status);
        assert_eq!(status("HTTP/1.1 204 No Content\r\n"), Some(204));
        for not in ["HTTP/1.1 100 Continue\r\n", "HTTP/2 200\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 200 OK"]
        {
            assert_eq!(status(not), None, "{not}");
        }
    }
}
