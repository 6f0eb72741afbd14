//! The body of an answer, which owns the connection that it comes from.

use super::{
    Timeouts,
    exchange::{broken, late},
    link::Link,
    pool::Target,
};
use crate::{Error, Wait, timer::now};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::time::Instant;

/// Pieces are gathered until they reach this size, so that a slow reader bounds what we hold.
const GATHER_MAX: usize = 64 << 10;
/// And no more pieces than this, so that one answer in tiny chunks does not keep its worker from the others.
const PIECES_MAX: usize = 1024;
/// What is reserved when a second piece comes.
const GATHER_STEP: usize = 16 << 10;

/// What to do when hyper has no piece for us.
///
/// hyper is driven without a waker while pieces come, and with one only before we really wait: see
/// [`Link::drive_quietly`].
enum Next {
    /// Drive without a waker.
    Look,
    /// Drive with the task's waker.
    Listen,
    /// Return what has been gathered.
    HandOut,
    /// Return pending.
    Wait,
}

/// The body of an answer.
///
/// Each frame holds everything that had come, up to 64 KiB, however many pieces the upstream wrote it in. At the end
/// the connection returns to its pool; dropping the body earlier closes it. Trailers are dropped.
pub struct UpstreamBody {
    body: Incoming,
    /// None once the connection has been given back or has ended.
    link: Option<Box<Link>>,
    home: Target,
    timeouts: Timeouts,
    start: Instant,
    last: Instant,
    /// hyper had nothing more when the last piece was handed out.
    dry: bool,
    end: bool,
    /// What broke it, while what came before is on its way out.
    broken: Option<Error>,
}

impl UpstreamBody {
    pub(crate) fn new(
        body: Incoming,
        link: Box<Link>,
        home: Target,
        timeouts: &Timeouts,
        start: Instant,
    ) -> Self {
        let mut this = Self {
            body,
            link: Some(link),
            home,
            timeouts: *timeouts,
            start,
            last: start,
            dry: false,
            end: false,
            broken: None,
        };
        if this.body.is_end_stream() {
            this.finish();
        }
        this
    }

    /// The stated length in bytes, where the upstream stated one.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// The whole body; one piece is handed on without a copy.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above `max` bytes, and whatever interrupts the body.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn would hold the body twice, and every request its future"
    )]
    pub fn collect(mut self, max: usize) -> impl Future<Output = Result<Bytes, Error>> {
        async move {
            let too_large = |home: &Target| Error::TooLarge { to: home.endpoint().to_string(), limit: max };
            if self.content_length().is_some_and(|length| usize::try_from(length).map_or(true, |n| n > max)) {
                return Err(too_large(&self.home));
            }
            let mut first = Bytes::new();
            let mut rest = BytesMut::new();
            while let Some(piece) = poll_fn(|cx| self.poll_piece(cx)).await.transpose()? {
                if piece.len() > max - first.len() - rest.len() {
                    return Err(too_large(&self.home));
                }
                if first.is_empty() && rest.is_empty() {
                    first = piece;
                } else {
                    rest.extend_from_slice(&std::mem::take(&mut first));
                    rest.extend_from_slice(&piece);
                }
            }
            Ok(if rest.is_empty() { first } else { rest.freeze() })
        }
    }

    /// The first `max` bytes, or what of them came within `wait` or before the body broke off.
    pub async fn beginning(mut self, max: usize, wait: Duration) -> Bytes {
        let mut got = BytesMut::new();
        let read = async {
            while got.len() < max
                && let Some(Ok(piece)) = poll_fn(|cx| self.poll_piece(cx)).await
            {
                got.extend_from_slice(piece.get(..max - got.len()).unwrap_or(&piece));
            }
        };
        // What came until then serves.
        let _ = tokio::time::timeout(wait, read).await;
        got.freeze()
    }

    /// The next piece: all that is there, or wait.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        if self.end {
            return Poll::Ready(None);
        }
        let mut quiet = Context::from_waker(Waker::noop());
        let mut gathered = Gathered::default();
        let mut next = if std::mem::take(&mut self.dry) { Next::Listen } else { Next::Look };
        let done = loop {
            match Pin::new(&mut self.body).poll_frame(&mut quiet) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        gathered.push(data);
                    }
                    next = Next::Look;
                    if self.body.is_end_stream() {
                        break true;
                    }
                    if gathered.len() >= GATHER_MAX || gathered.pieces >= PIECES_MAX {
                        break false;
                    }
                }
                Poll::Ready(Some(Err(source))) => {
                    let error = self.fail(source);
                    // What came before it broke is handed out first.
                    let Some(data) = gathered.finish() else { return Poll::Ready(Some(Err(error))) };
                    self.broken = Some(error);
                    return Poll::Ready(Some(Ok(data)));
                }
                Poll::Ready(None) => break true,
                Poll::Pending => match next {
                    Next::Look => {
                        self.drive(None);
                        next = if gathered.is_empty() { Next::Listen } else { Next::HandOut };
                    }
                    Next::Listen => {
                        self.drive(Some(cx));
                        next = Next::Wait;
                    }
                    Next::HandOut => {
                        self.dry = true;
                        break false;
                    }
                    Next::Wait => return self.poll_late(cx),
                },
            }
        };
        self.last = now();
        if done {
            self.finish();
        } else if self.last >= self.start + self.timeouts.total {
            // An answer that never makes us wait ends in time, too.
            return Poll::Ready(Some(Err(self.give_up(true))));
        }
        Poll::Ready(gathered.finish().map(Ok))
    }

    fn drive(&mut self, cx: Option<&mut Context<'_>>) {
        match (&mut self.link, cx) {
            (Some(link), Some(cx)) => link.drive(cx),
            (Some(link), None) => link.drive_quietly(),
            (None, _) => {}
        }
    }

    /// Waits for more, no longer than allowed.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let total = self.start + self.timeouts.total;
        let deadline = total.min(self.last + self.timeouts.idle);
        let Some(link) = &mut self.link else { return Poll::Ready(None) };
        if link.alarm.poll_until(cx, deadline).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(self.give_up(now() >= total))))
    }

    /// Closes the connection, because of the whole exchange's limit or that between two pieces.
    fn give_up(&mut self, total: bool) -> Error {
        self.end = true;
        self.link = None;
        late(self.home.endpoint(), &self.timeouts, total, Wait::Idle)
    }

    fn fail(&mut self, source: hyper::Error) -> Error {
        self.end = true;
        match self.link.take() {
            Some(link) => broken(source, &link, self.home.endpoint(), false),
            None => Error::Protocol { to: self.home.endpoint().to_string(), source },
        }
    }

    fn finish(&mut self) {
        self.end = true;
        if let Some(link) = self.link.take() {
            self.home.give_back(link, self.last);
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.get_mut().poll_piece(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.end && self.broken.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.end { SizeHint::with_exact(0) } else { self.body.size_hint() }
    }
}

/// Pieces so far: one is kept as it is, more are joined.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    rest: BytesMut,
    pieces: usize,
}

impl Gathered {
    fn push(&mut self, data: Bytes) {
        self.pieces += 1;
        if self.is_empty() {
            self.first = data;
            return;
        }
        if self.rest.is_empty() {
            self.rest.reserve(GATHER_STEP.max(self.first.len() + data.len()));
            self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.rest.extend_from_slice(&data);
    }

    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.rest.is_empty()
    }

    fn finish(self) -> Option<Bytes> {
        match (self.first.is_empty(), self.rest.is_empty()) {
            (true, true) => None,
            (false, _) => Some(self.first),
            (true, false) => Some(self.rest.freeze()),
        }
    }
}
