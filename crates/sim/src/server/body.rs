//! Bodies of answers: whole ones, streams, and ones that break on demand.

use super::stream::EventStream;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body was broken off on demand, or the server stopped before its end.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer was broken off")]
pub(super) struct Broken;

type Step = (Box<EventStream>, Option<Result<Bytes, Broken>>);

/// The body of an answer.
pub(super) enum SimBody {
    /// All bytes, then the end.
    Whole(Option<Bytes>),
    /// Some bytes, then a break.
    Torn(Option<Bytes>, bool),
    /// Events as the engine makes them.
    Idle(Option<Box<EventStream>>),
    /// The next events are being waited for.
    Busy(Pin<Box<dyn Future<Output = Step> + Send>>),
}

impl SimBody {
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()))
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            match &mut *self {
                Self::Whole(bytes) => return Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
                Self::Torn(bytes, paused) => {
                    if let Some(bytes) = bytes.take() {
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                    if *paused {
                        return Poll::Ready(Some(Err(Broken)));
                    }
                    // A pause lets the connection write out what it holds before the break.
                    *paused = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Self::Idle(stream) => {
                    let Some(mut stream) = stream.take() else { return Poll::Ready(None) };
                    let step = Box::pin(async move {
                        let next = stream.next().await;
                        (stream, next)
                    });
                    *self = Self::Busy(step);
                }
                Self::Busy(step) => {
                    let Poll::Ready((stream, next)) = step.as_mut().poll(cx) else { return Poll::Pending };
                    let more = matches!(next, Some(Ok(_)));
                    *self = Self::Idle(more.then_some(stream));
                    return Poll::Ready(next.map(|bytes| bytes.map(Frame::data)));
                }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            _ => SizeHint::default(),
        }
    }
}
