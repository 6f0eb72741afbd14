//! The body of a request, which knows whether it was read to its end.
//!
//! Where it was not, the rest still comes, and the connection can serve no other request: hyper closes it after the
//! answer. A client that is not told so may put its next request on it, and never learns whether that was received.
//! So such an answer says `connection: close`.

use super::table::State;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::{
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// The body of a request as it comes, of any framing.
pub struct RequestBody {
    inner: Incoming,
    state: Rc<State>,
    ended: bool,
}

impl RequestBody {
    pub(super) const fn new(inner: Incoming, state: Rc<State>) -> Self {
        Self { inner, state, ended: false }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.is_end_stream() {
            self.state.unread.set(true);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        self.ended |= matches!(polled, Poll::Ready(None));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
