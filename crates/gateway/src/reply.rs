//! What is sent back: a whole body, a relayed stream, or the live feed.

use crate::pipeline::Streaming;
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::broadcast;
use tollgate_core::{Blame, Fault, FaultKind};
use tollgate_net::server::BoxError;

/// The status that says this fault to the caller: one that was too slow itself is told so (408), not that an upstream
/// was (504).
pub(crate) fn status_of(fault: &Fault) -> StatusCode {
    let status = match (fault.kind, fault.blame) {
        (FaultKind::Timeout, Blame::Caller) => 408,
        (kind, _) => tollgate_wire::error::status(kind),
    };
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The body of an answer.
pub struct Reply(Kind);

enum Kind {
    /// All of it.
    Full(Bytes),
    /// An upstream's stream.
    Stream(Box<Streaming>),
    /// Decisions as they are made.
    Live(Box<Live>),
}

impl Reply {
    /// All of a body.
    #[must_use]
    pub const fn full(bytes: Bytes) -> Self {
        Self(Kind::Full(bytes))
    }

    /// An upstream's stream.
    pub(crate) fn stream(streaming: Streaming) -> Self {
        Self(Kind::Stream(Box::new(streaming)))
    }

    /// Decisions as they are made, from now on.
    #[must_use]
    pub fn live(receiver: broadcast::Receiver<Arc<str>>) -> Self {
        Self(Kind::Live(Box::new(Live::new(receiver))))
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let next = match &mut self.get_mut().0 {
            Kind::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Full(bytes) => Poll::Ready(Some(std::mem::take(bytes))),
            Kind::Stream(stream) => stream.poll_next(cx),
            Kind::Live(live) => live.poll_next(cx),
        };
        next.map(|bytes| bytes.map(|b| Ok(Frame::data(b))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Kind::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(_) | Kind::Live(_) => SizeHint::default(),
        }
    }
}

type Waiting = Pin<Box<dyn Future<Output = (broadcast::Receiver<Arc<str>>, Option<Arc<str>>)>>>;

/// Decisions as server-sent events. A reader that is too slow skips some and goes on.
struct Live {
    waiting: Waiting,
    greeted: bool,
}

impl Live {
    fn new(receiver: broadcast::Receiver<Arc<str>>) -> Self {
        Self { waiting: Box::pin(next(receiver)), greeted: false }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if !self.greeted {
            // Lets the browser know at once that the feed is open.
            self.greeted = true;
            return Poll::Ready(Some(Bytes::from_static(b": live\n\n")));
        }
        let (receiver, row) = std::task::ready!(self.waiting.as_mut().poll(cx));
        self.waiting = Box::pin(next(receiver));
        Poll::Ready(row.map(|row| {
            let mut out = Vec::with_capacity(row.len() + 32);
            tollgate_wire::sse::write_event(&mut out, Some("decision"), row.as_bytes());
            out.into()
        }))
    }
}

async fn next(
    mut receiver: broadcast::Receiver<Arc<str>>,
) -> (broadcast::Receiver<Arc<str>>, Option<Arc<str>>) {
    loop {
        match receiver.recv().await {
            Ok(row) => return (receiver, Some(row)),
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return (receiver, None),
        }
    }
}
