//! Messages on a stream: a head with `Content-Length`, a blank line, and so many bytes of JSON.

use std::io::{BufRead, Error, ErrorKind, Read as _, Result};

/// Largest message, in bytes: a policy may have 1 MiB, and its text stands in JSON with escapes.
const MESSAGE_MAX: usize = 16 << 20;
/// Longest line of a head, and most lines of one.
const HEAD_LINE_MAX: u64 = 1024;
const HEAD_LINES_MAX: usize = 16;

fn bad(why: &str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

/// The next message; nothing at the end of the stream.
pub(super) fn read(input: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut length = None;
    for at in 0..HEAD_LINES_MAX {
        let mut line = String::new();
        if input.by_ref().take(HEAD_LINE_MAX).read_line(&mut line)? == 0 {
            return if at == 0 { Ok(None) } else { Err(bad("the stream ends within a head")) };
        }
        if !line.ends_with('\n') {
            return Err(bad("a line of a head is longer than 1024 bytes"));
        }
        let line = line.trim_end();
        if line.is_empty() {
            let length: usize = length.ok_or_else(|| bad("a head lacks its Content-Length"))?;
            if length > MESSAGE_MAX {
                return Err(bad("a message is larger than 16 MiB"));
            }
            let mut body = vec![0; length];
            input.read_exact(&mut body)?;
            return Ok(Some(body));
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse().map_err(|_| bad("a Content-Length is no number"))?);
        }
    }
    Err(bad("a head has more than 16 lines"))
}

/// A message as it goes out.
pub(super) fn write(message: &serde_json::Value) -> Vec<u8> {
    let body = message.to_string();
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_and_bounds_hold() {
        let message = serde_json::json!({"a": "é"});
        let bytes = [write(&message), write(&message)].concat();
        let mut input = bytes.as_slice();
        for _ in 0..2 {
            let body = read(&mut input).unwrap().unwrap();
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), message);
        }
        assert!(read(&mut input).unwrap().is_none());
        let long = format!("Content-Length: {}\r\n\r\n", MESSAGE_MAX + 1);
        for wrong in
            [long.as_str(), "x: y\r\n\r\n", "Content-Length: x\r\n\r\n", "Content-Length: 5\r\n\r\nab", "a"]
        {
            assert!(read(&mut wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(read(&mut "a: b\r\n".repeat(40).as_bytes()).is_err());
        assert!(read(&mut "x".repeat(5_000).as_bytes()).is_err());
    }
}
