//! One connection of a client, from its first byte to its last.

use super::{
    BoxError, Handler, Peer, RequestBody,
    io::Watched,
    table::{Entered, Phase, State},
};
use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, TRANSFER_ENCODING},
};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::http1::Builder,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{io::AsyncReadExt, net::TcpStream};

/// What a caller reads when the handler panicked.
const PANICKED: &[u8] = br#"{"error":{"message":"internal error","type":"internal","code":"panic"}}"#;
/// Bytes read and dropped after our side is closed.
const LINGER_MAX: usize = 16 << 20;

/// Serves one connection to its end.
pub(super) async fn serve<H: Handler>(
    stream: TcpStream,
    entered: Entered,
    handler: H,
    peer: Peer,
    http: Builder,
    linger: Duration,
) {
    let state = entered.0.clone();
    let io = TokioIo::new(Watched { stream, state: state.clone() });
    let service = {
        let state = state.clone();
        service_fn(move |request| answer(handler.clone(), request, peer, state.clone()))
    };
    let mut connection = http.serve_connection(io, service);
    let ended = poll_fn(|cx| {
        state.keep_waker(cx.waker());
        if state.ending.replace(false) {
            Pin::new(&mut connection).graceful_shutdown();
        }
        // A body may panic as well as a handler; either ends only its own connection.
        catch_unwind(AssertUnwindSafe(|| Pin::new(&mut connection).poll(cx)))
            .map_or(Poll::Ready(None), |poll| poll.map(Some))
    })
    .await;
    match ended {
        Some(Ok(())) if !state.eof.get() => {
            let stream = connection.into_parts().io.into_inner().stream;
            let _ = tokio::time::timeout(linger, drain(stream)).await;
        }
        Some(Ok(())) => {}
        Some(Err(error)) => {
            state.counters().failed.increment();
            tracing::debug!(peer = %peer.addr, %error, "connection failed");
        }
        None => state.counters().panics.increment(),
    }
}

/// Reads on after our last answer: bytes that arrive at a closed socket would reset the connection, and the client
/// might lose that answer.
async fn drain(mut stream: TcpStream) {
    let mut sink = vec![0; 16 << 10];
    let mut left = LINGER_MAX;
    while let Ok(read @ 1..) = stream.read(&mut sink).await {
        left = left.saturating_sub(read);
        if left == 0 {
            return;
        }
    }
}

/// Answers one request; a panic is an answer too.
async fn answer<H: Handler>(
    handler: H,
    request: Request<Incoming>,
    peer: Peer,
    state: Rc<State>,
) -> Result<Response<Tracked<H::Body>>, Infallible> {
    state.enter(Phase::Busy);
    state.counters().requests.increment();
    // See the module's note on framing.
    let chunked = request.headers().contains_key(TRANSFER_ENCODING);
    state.unread.set(false);
    let request = request.map(|body| RequestBody::new(body, state.clone()));
    let outcome = {
        let mut work = pin!(async { handler.handle(request, peer).await });
        poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        })
        .await
    };
    let close_after = chunked || state.unread.get();
    let mut response = match outcome {
        Some(response) => response.map(|body| Tracked { kind: Kind::Handler(body), state }),
        None => {
            state.counters().panics.increment();
            panicked(state)
        }
    };
    if close_after {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

fn panicked<B>(state: Rc<State>) -> Response<Tracked<B>> {
    let mut response = Response::new(Tracked { kind: Kind::Fixed(Bytes::from_static(PANICKED)), state });
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

enum Kind<B> {
    Handler(B),
    Fixed(Bytes),
}

/// A body whose end returns the connection to [`Phase::Idle`]; what was taken of it may still have to be written.
struct Tracked<B> {
    kind: Kind<B>,
    state: Rc<State>,
}

impl<B> Drop for Tracked<B> {
    fn drop(&mut self) {
        self.state.enter(Phase::Idle);
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for Tracked<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.kind {
            Kind::Handler(body) => {
                Pin::new(body).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
            }
            Kind::Fixed(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Fixed(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Handler(body) => body.is_end_stream(),
            Kind::Fixed(bytes) => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Handler(body) => body.size_hint(),
            Kind::Fixed(bytes) => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}
