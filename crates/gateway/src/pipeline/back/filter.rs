//! A stream of the caller's own dialect on its way through: whole events only, perhaps with one left out or an id
//! changed.
//!
//! Half an event is of no use to the caller, and when the stream breaks it would make our error event unreadable.

use bytes::{Bytes, BytesMut};
use tollgate_wire::sse::Boundary;

/// Longest incomplete event that is held.
const EVENT_MAX: usize = 1 << 20;
/// Longest spelling of an event's end: two line ends of two bytes.
const END_MAX: usize = 4;

/// Cuts a stream behind its last whole event and holds the rest until more comes.
#[derive(Default)]
pub(crate) struct Whole {
    carry: BytesMut,
}

impl Whole {
    /// The whole events so far; the usual chunk ends with one and goes on without a copy.
    pub(crate) fn feed(&mut self, chunk: &Bytes) -> Bytes {
        if self.carry.is_empty() {
            let end = last_end(chunk);
            self.carry.extend_from_slice(chunk.get(end..).unwrap_or_default());
            return chunk.slice(..end);
        }
        // What is held has no end of an event; one may straddle the seam.
        let seen = self.carry.len().saturating_sub(END_MAX - 1);
        self.carry.extend_from_slice(chunk);
        match last_end(self.carry.get(seen..).unwrap_or_default()) {
            0 if self.carry.len() > EVENT_MAX => self.end(),
            0 => Bytes::new(),
            end => self.carry.split_to(seen + end).freeze(),
        }
    }

    /// What is left.
    pub(crate) fn end(&mut self) -> Bytes {
        self.carry.split().freeze()
    }
}

/// Offset just past the last blank line in `bytes`, 0 without one.
fn last_end(bytes: &[u8]) -> usize {
    let mut before = bytes;
    while let Some(at) = memchr::memrchr2(b'\n', b'\r', before) {
        let upto = before.get(..=at).unwrap_or_default();
        if [&b"\n\n"[..], b"\r\r", b"\n\r\n", b"\r\n\r\n"].iter().any(|end| upto.ends_with(end)) {
            return at + 1;
        }
        before = before.get(..at).unwrap_or_default();
    }
    0
}

/// Changes whole events of a stream that is otherwise forwarded as it is.
#[derive(Default)]
pub(crate) struct Filter {
    pub(crate) whole: Whole,
    pub(crate) strip_usage: bool,
    /// The upstream's id and ours.
    pub(crate) rename: Option<(String, String)>,
    /// The answer that this one continues.
    pub(crate) previous: Option<String>,
}

impl Filter {
    /// The changed events that are whole by now.
    pub(crate) fn feed(&mut self, chunk: &Bytes) -> Bytes {
        let ready = self.whole.feed(chunk);
        self.change(ready)
    }

    fn change(&self, events: Bytes) -> Bytes {
        let events = if self.strip_usage && is_usage_only(&events) { without_usage(&events) } else { events };
        let events = match &self.rename {
            Some((theirs, ours)) => renamed(&events, theirs, ours),
            None => events,
        };
        linked(events, self.previous.as_deref())
    }

    /// What is left.
    pub(crate) fn end(&mut self) -> Bytes {
        let rest = self.whole.end();
        self.change(rest)
    }
}

/// The bytes with our id in place of the upstream's, wherever it stands as a whole JSON string.
pub(crate) fn renamed(bytes: &Bytes, theirs: &str, ours: &str) -> Bytes {
    replaced(bytes, &format!("\"{theirs}\""), &format!("\"{ours}\""))
}

/// The bytes with the id of the answer before, which was not sent and so came back as null. Inside of a JSON string the
/// member's quotes would be escaped, so only members are met.
pub(crate) fn linked(bytes: Bytes, previous: Option<&str>) -> Bytes {
    let Some(id) = previous else { return bytes };
    let member = format!("\"previous_response_id\":\"{id}\"");
    let tight = replaced(&bytes, "\"previous_response_id\":null", &member);
    replaced(&tight, "\"previous_response_id\": null", &member)
}

fn replaced(bytes: &Bytes, needle: &str, by: &str) -> Bytes {
    let mut places = memchr::memmem::find_iter(bytes, needle.as_bytes()).peekable();
    if places.peek().is_none() {
        return bytes.clone();
    }
    let mut out = BytesMut::with_capacity(bytes.len() + 64);
    let mut from = 0;
    for at in places {
        out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
        out.extend_from_slice(by.as_bytes());
        from = at + needle.len();
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    out.freeze()
}

/// Whether an event without choices stands in `events`; only the usage chunk has none.
fn is_usage_only(events: &[u8]) -> bool {
    const NEEDLES: [&[u8]; 2] = [b"\"choices\":[]", b"\"choices\": []"];
    NEEDLES.iter().any(|needle| memchr::memmem::find(events, needle).is_some())
}

fn without_usage(events: &[u8]) -> Bytes {
    let mut boundary = Boundary::default();
    let mut out = BytesMut::with_capacity(events.len());
    let mut rest = events;
    while let Some(end) = boundary.next_end(rest) {
        let (event, after) = rest.split_at(end);
        if !is_usage_only(event) {
            out.extend_from_slice(event);
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n";

    #[test]
    fn the_usage_event_is_left_out_wherever_the_stream_is_cut() {
        let expected = STREAM.replace("data: {\"choices\":[],\"usage\":{}}\n\n", "");
        for cut in 0..=STREAM.len() {
            let mut strip = Filter { strip_usage: true, ..Filter::default() };
            let mut out = Vec::new();
            for piece in [&STREAM[..cut], &STREAM[cut..]] {
                out.extend_from_slice(&strip.feed(&Bytes::copy_from_slice(piece.as_bytes())));
            }
            out.extend_from_slice(&strip.end());
            assert_eq!(String::from_utf8(out).unwrap(), expected, "cut at {cut}");
        }
    }

    #[test]
    fn our_id_stands_in_place_of_theirs_wherever_the_stream_is_cut() {
        let stream =
            "data: {\"response\":{\"id\":\"resp_a\"}}\n\ndata: {\"id\":\"resp_a\",\"text\":\"resp_a b\"}\n\n";
        let expected = stream.replace("\"resp_a\"", "\"resp_ours\"");
        for cut in 0..=stream.len() {
            let rename = Some(("resp_a".to_owned(), "resp_ours".to_owned()));
            let mut filter = Filter { rename, ..Filter::default() };
            let mut out = Vec::new();
            for piece in [&stream[..cut], &stream[cut..]] {
                out.extend_from_slice(&filter.feed(&Bytes::copy_from_slice(piece.as_bytes())));
            }
            out.extend_from_slice(&filter.end());
            assert_eq!(String::from_utf8(out).unwrap(), expected, "cut at {cut}");
        }
    }

    #[test]
    fn only_whole_events_go_on_wherever_the_stream_is_cut_and_whatever_ends_its_lines() {
        for ends in ["\n", "\r\n", "\r"] {
            let stream = STREAM.replace('\n', ends);
            for size in 1..=stream.len() {
                let (mut whole, mut out) = (Whole::default(), Vec::new());
                for piece in stream.as_bytes().chunks(size) {
                    let ready = whole.feed(&Bytes::copy_from_slice(piece));
                    assert!(ready.is_empty() || last_end(&ready) == ready.len(), "{ready:?}");
                    out.extend_from_slice(&ready);
                }
                out.extend_from_slice(&whole.end());
                assert_eq!(out, stream.as_bytes(), "pieces of {size} with {ends:?}");
            }
        }
        let chunk = Bytes::from_static(b"data: 1\n\ndata: 2\n\n");
        assert_eq!(Whole::default().feed(&chunk).as_ptr(), chunk.as_ptr(), "not copied");
    }

    #[test]
    fn the_answer_before_is_named_in_members_and_not_in_texts() {
        let text = r#""t":"\"previous_response_id\":null""#;
        let body = format!(r#"{{"previous_response_id":null,"a":{{"previous_response_id": null}},{text}}}"#);
        let member = r#""previous_response_id":"resp_1""#;
        let expected = format!("{{{member},\"a\":{{{member}}},{text}}}");
        let bytes = Bytes::from(body);
        assert_eq!(linked(bytes.clone(), Some("resp_1")), expected);
        assert_eq!(linked(bytes.clone(), None), bytes);
    }

    #[test]
    fn an_endless_event_is_not_held() {
        let mut whole = Whole::default();
        let mut passed = 0;
        for _ in 0..40 {
            passed += whole.feed(&Bytes::from(vec![b'x'; 64 << 10])).len();
            assert!(whole.carry.len() <= EVENT_MAX + (64 << 10));
        }
        assert!(passed > 0);
    }
}
