//! Streams: what is read of them does not depend on where the network cuts them.

use super::conversations::{options, pair};
use super::pieces;
use bytes::Bytes;
use serde_json::Value;
use tollgate_wire::meter::{Framing, Meter, Reading};
use tollgate_wire::sse::{Event, Framer};
use tollgate_wire::translate::Stream;
use tollgate_wire::{Dialect, WireError};

fn framed<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Event>, WireError> {
    let (mut framer, mut events) = (Framer::default(), Vec::new());
    for chunk in chunks {
        framer.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = framer.next_event()? {
            events.push(event);
        }
    }
    events.extend(framer.finish()?);
    Ok(events)
}

/// Events are the same however they are cut.
pub fn sse(data: &[u8]) -> bool {
    let Some((&choice, stream)) = data.split_first() else { return false };
    let (whole, cut) = (framed([stream]), framed(pieces(stream, choice)));
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            assert_eq!(whole, cut);
            !whole.is_empty()
        }
        (whole, cut) => {
            assert_eq!(whole.is_err(), cut.is_err());
            false
        }
    }
}

fn metered<'a>(dialect: Dialect, framing: Framing, chunks: impl IntoIterator<Item = &'a [u8]>) -> Reading {
    let mut meter = Meter::new(dialect, framing);
    for chunk in chunks {
        meter.push(&Bytes::copy_from_slice(chunk));
    }
    meter.finish().clone()
}

/// What is metered is the same however it is cut.
pub fn meter(data: &[u8]) -> bool {
    let [choice, cut, stream @ ..] = data else { return false };
    let dialect = Dialect::ALL[usize::from(*choice) % Dialect::ALL.len()];
    let framing = if choice & 0x80 == 0 { Framing::Sse } else { Framing::Json };
    let whole = metered(dialect, framing, [stream]);
    assert_eq!(whole, metered(dialect, framing, pieces(stream, *cut)), "{dialect:?} {framing:?}");
    whole.content
}

/// A translated stream is the same however its source is cut, and every event of it is readable.
pub fn translate_stream(data: &[u8]) -> bool {
    let [choice, cut, stream @ ..] = data else { return false };
    let (from, to) = pair(*choice);
    let translated = |chunks: Vec<&[u8]>| {
        let mut out = Vec::new();
        let Ok(mut translation) = Stream::new(from, to, options()) else { return out };
        for chunk in chunks {
            out.extend(translation.push(chunk));
        }
        out.extend(translation.finish());
        out
    };
    let whole = translated(vec![stream]);
    let cut = translated(pieces(stream, *cut));
    assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&cut), "{from:?} to {to:?}");
    assert_readable(to, &whole);
    !whole.is_empty()
}

/// Every event holds JSON, or is the end marker of chat.
pub(crate) fn assert_readable(dialect: Dialect, stream: &[u8]) {
    for event in framed([stream]).expect("our own stream is readable") {
        let end = dialect == Dialect::OpenaiChat && &event.data[..] == b"[DONE]";
        let read = serde_json::from_slice::<Value>(&event.data);
        assert!(end || read.is_ok(), "{dialect:?}: {:?}", String::from_utf8_lossy(&event.data));
    }
}
