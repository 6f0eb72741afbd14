//! A request body, read whole.
//!
//! A router must see the whole prompt before it can choose, so the body is collected, within a size, a deadline and
//! a lowest rate. A body that arrives as one frame is handed on without a copy, unless it is small: as a part of its
//! connection's buffer it would keep all of that. A length that is too large is refused before the first byte is read. All
//! bodies share a [`Room`]: what they take together is bounded too, and comes back when the last holder of the body is
//! gone. Only small ones take none: the number of connections bounds those.

use crate::timer::{Alarm, millis, now};
use bytes::{Bytes, BytesMut};
use http_body::Body;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{future::poll_fn, pin::Pin, task::Poll, time::Duration};
use tokio::time::Instant;

/// What is reserved at once for a body that states its length; more only as bytes really come.
const RESERVE_MAX: usize = 1 << 20;
/// A body of one frame up to this is copied and takes no room: no more of them are held than there are connections.
pub const SMALL_MAX: usize = 4 << 10;

/// The bounds of [`read`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BodyLimits {
    /// Largest body in bytes.
    pub max_bytes: usize,
    /// Every body has this long.
    pub grace: Duration,
    /// After [`Self::grace`], the body must have come at least at this rate in bytes per second; 0 for no lowest
    /// rate, so that `grace` is a plain deadline.
    pub min_rate: u32,
}

impl Default for BodyLimits {
    /// 32 MiB; 10 s, then at least 8 KiB/s.
    fn default() -> Self {
        Self { max_bytes: 32 << 20, grace: Duration::from_secs(10), min_rate: 8 << 10 }
    }
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is larger than allowed (413).
    #[error("the body is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The bound in bytes.
        limit: usize,
        /// What the caller announced, if it did.
        announced: Option<u64>,
    },
    /// It came too slowly (408).
    #[error("the body was not complete after {after_ms} ms, with {got} bytes read")]
    TooSlow {
        /// How long we waited, in milliseconds.
        after_ms: u64,
        /// Bytes that had come.
        got: usize,
    },
    /// All bodies together would take more memory than allowed (503).
    #[error("the bodies in memory together would be larger than the limit of {limit} bytes; try again soon")]
    NoRoom {
        /// The bound in bytes.
        limit: usize,
    },
    /// The connection ended or its bytes are not a body (400).
    #[error("the body is broken: {0}")]
    Broken(#[from] hyper::Error),
}

impl BodyError {
    /// The status that says this to the caller.
    #[must_use]
    pub const fn status(&self) -> http::StatusCode {
        match self {
            Self::TooLarge { .. } => http::StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow { .. } => http::StatusCode::REQUEST_TIMEOUT,
            Self::NoRoom { .. } => http::StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken(_) => http::StatusCode::BAD_REQUEST,
        }
    }
}

/// Memory that bodies take together; clones share it.
///
/// Counted is what bodies are gathered in, and those of more than [`SMALL_MAX`] bytes that came in a single frame.
#[derive(Clone, Debug, Default)]
pub struct Room(Arc<AtomicUsize>);

impl Room {
    /// Bytes taken now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A body that was made and not read, with its share.
    ///
    /// # Errors
    /// [`BodyError::NoRoom`] when all together would have more than `limit` bytes.
    pub fn keep(&self, bytes: Vec<u8>, limit: usize) -> Result<Bytes, BodyError> {
        let mut held = self.none();
        held.grow(bytes.capacity(), limit)?;
        Ok(Bytes::from_owner(Owned { bytes, _held: held }))
    }

    fn none(&self) -> Held {
        Held { room: self.clone(), bytes: 0 }
    }
}

/// A share of a [`Room`]; given back when dropped.
struct Held {
    room: Room,
    bytes: usize,
}

impl Held {
    /// Makes the share at least `bytes`, unless all shares were then more than `limit`.
    fn grow(&mut self, bytes: usize, limit: usize) -> Result<(), BodyError> {
        let more = bytes.saturating_sub(self.bytes);
        let before = self.room.0.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        if before + more > limit { Err(BodyError::NoRoom { limit }) } else { Ok(()) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A body with its share.
struct Owned<B> {
    bytes: B,
    _held: Held,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Owned<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// Reads `body` to its end; what it is gathered in takes its share of `room`, of which all together have
/// `room_bytes`.
///
/// # Errors
/// [`BodyError`], by its variants. Too large is found from `Content-Length` before anything is read. What is left of
/// the body comes all the same: the server reads and drops it, so that the answer arrives before the connection closes.
pub async fn read(
    mut body: impl Body<Data = Bytes, Error = hyper::Error> + Unpin,
    limits: &BodyLimits,
    room: &Room,
    room_bytes: usize,
) -> Result<Bytes, BodyError> {
    let hint = body.size_hint();
    let announced = hint.exact();
    let too_large = || BodyError::TooLarge { limit: limits.max_bytes, announced };
    if usize::try_from(hint.lower()).map_or(true, |least| least > limits.max_bytes) {
        return Err(too_large());
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let mut got = Collected::new(announced, room.none());
    let mut watch: Option<Watch> = None;
    loop {
        let frame = poll_fn(|cx| {
            if let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(cx) {
                return Poll::Ready(Ok(frame));
            }
            // Only a body that is not there yet pays for a timer.
            let watch = watch.get_or_insert_with(|| Watch::new(limits));
            watch.poll_late(cx, limits, got.len()).map(Err)
        })
        .await?;
        match frame {
            None => break,
            Some(frame) => {
                if let Ok(data) = frame?.into_data() {
                    if data.len() > limits.max_bytes - got.len() {
                        return Err(too_large());
                    }
                    got.push(data, room_bytes)?;
                }
            }
        }
        if body.is_end_stream() {
            break;
        }
    }
    got.finish(room_bytes)
}

/// Frames so far: the first as it came unless it is small, a copy from the second on.
struct Collected {
    first: Bytes,
    rest: BytesMut,
    expected: usize,
    held: Held,
}

impl Collected {
    fn new(announced: Option<u64>, held: Held) -> Self {
        let expected = announced.and_then(|n| usize::try_from(n).ok()).unwrap_or(0).min(RESERVE_MAX);
        Self { first: Bytes::new(), rest: BytesMut::new(), expected, held }
    }

    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    fn push(&mut self, data: Bytes, room_bytes: usize) -> Result<(), BodyError> {
        if self.len() == 0 {
            self.first = if data.len() <= SMALL_MAX { Bytes::copy_from_slice(&data) } else { data };
            return Ok(());
        }
        let total = self.len() + data.len();
        if total > self.rest.capacity() {
            // Twice as much at a time, asked for before it is taken.
            let wanted = total.max(self.expected).max(self.rest.capacity() * 2);
            self.held.grow(wanted, room_bytes)?;
            self.rest.reserve(wanted - self.rest.len());
        }
        self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        self.rest.extend_from_slice(&data);
        Ok(())
    }

    fn finish(mut self, room_bytes: usize) -> Result<Bytes, BodyError> {
        if !self.rest.is_empty() {
            return Ok(Bytes::from_owner(Owned { bytes: self.rest, _held: self.held }));
        }
        if self.first.len() <= SMALL_MAX {
            return Ok(self.first);
        }
        self.held.grow(self.first.len(), room_bytes)?;
        Ok(Bytes::from_owner(Owned { bytes: self.first, _held: self.held }))
    }
}

/// The clock of a body that keeps us waiting.
struct Watch {
    start: Instant,
    alarm: Alarm,
}

impl Watch {
    fn new(limits: &BodyLimits) -> Self {
        let start = now();
        Self { start, alarm: Alarm::new(start + limits.grace) }
    }

    /// Ready with the error once the time that `got` bytes have earned has passed.
    fn poll_late(
        &mut self,
        cx: &mut std::task::Context<'_>,
        limits: &BodyLimits,
        got: usize,
    ) -> Poll<BodyError> {
        let earned = match limits.min_rate {
            0 => Duration::ZERO,
            rate => Duration::from_millis((got as u64).saturating_mul(1000) / u64::from(rate)),
        };
        let deadline = self.start + limits.grace + earned;
        self.alarm
            .poll_until(cx, deadline)
            .map(|()| BodyError::TooSlow { after_ms: millis(now().duration_since(self.start)), got })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(room: &Room, announced: Option<u64>) -> Collected {
        Collected::new(announced, room.none())
    }

    #[test]
    fn one_frame_is_copied_where_it_is_small_and_several_are_joined() {
        let room = Room::default();
        let buffer = Bytes::from(vec![7; 256 << 10]);
        let whole = |bytes| {
            let mut one = collected(&room, Some(bytes as u64));
            one.push(buffer.slice(..bytes), 0).unwrap();
            one.finish(SMALL_MAX + 1).unwrap()
        };
        assert_eq!(whole(SMALL_MAX + 1).as_ptr(), buffer.as_ptr());
        let small = [1, 100, SMALL_MAX].map(whole);
        assert!(buffer.is_unique(), "a small body holds nothing of the buffer that it came in");
        assert!(small.iter().all(|body| body.iter().all(|byte| *byte == 7)));

        let mut many = collected(&room, None);
        for part in ["ab", "", "c", "def"] {
            many.push(Bytes::from_static(part.as_bytes()), 1 << 10).unwrap();
        }
        assert_eq!(many.len(), 6);
        assert_eq!(many.finish(1 << 10).unwrap(), "abcdef");
        assert_eq!(collected(&room, None).finish(0).unwrap(), "");
        assert_eq!(room.used(), 0);
    }

    #[test]
    fn a_body_of_one_frame_takes_room_unless_it_is_small() {
        let room = Room::default();
        let whole = |bytes: usize, limit| {
            let mut body = collected(&room, None);
            body.push(vec![7; bytes].into(), limit)?;
            body.finish(limit)
        };
        let small = whole(SMALL_MAX, 0).unwrap();
        assert_eq!((small.len(), room.used()), (SMALL_MAX, 0));
        let (one, two) = (whole(10_000, 25_000).unwrap(), whole(10_000, 25_000).unwrap());
        assert_eq!((one.len(), room.used()), (10_000, 20_000));
        let refused = whole(10_000, 25_000).unwrap_err();
        assert!(matches!(refused, BodyError::NoRoom { limit: 25_000 }), "{refused}");
        assert_eq!(room.used(), 20_000, "what was refused holds nothing");
        let part = one.slice(..10);
        drop((one, two));
        assert_eq!(room.used(), 10_000, "a part of it is still held");
        drop(part);
        assert_eq!(room.used(), 0);
    }

    #[test]
    fn what_is_gathered_takes_room_until_nobody_holds_it() {
        const LIMIT: usize = 10_000;
        let room = Room::default();
        let part = Bytes::from(vec![1; 1_000]);
        let gather = |announced| {
            let mut body = collected(&room, announced);
            for _ in 0..4 {
                body.push(part.clone(), LIMIT)?;
            }
            body.finish(LIMIT)
        };
        let (one, two) = (gather(Some(4_000)).unwrap(), gather(None).unwrap());
        let slice = two.slice(10..20);
        assert!((8_000..=LIMIT).contains(&room.used()), "{}", room.used());
        let refused = gather(None).unwrap_err();
        assert!(matches!(refused, BodyError::NoRoom { limit: LIMIT }), "{refused}");
        drop((one, two));
        assert!(room.used() >= 4_000, "a part of it is still held: {}", room.used());
        drop(slice);
        assert_eq!(room.used(), 0, "what was refused gave its share back too");
        let made = room.keep(vec![7; LIMIT], LIMIT).unwrap();
        assert_eq!((made.len(), room.used()), (LIMIT, LIMIT));
        assert!(room.keep(vec![7; 1], LIMIT).is_err() && gather(None).is_err());
        drop(made);
        gather(None).unwrap();
    }
}
