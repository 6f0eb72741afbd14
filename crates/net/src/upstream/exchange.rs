//! One request on one connection, until the head of its answer.

use super::{Endpoint, Timeouts, link::Link};
use crate::{
    Error, Wait,
    timer::{millis, now},
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
};
use tokio::time::Instant;

/// How an exchange failed.
pub(crate) enum Failed {
    /// The connection was closed before anything was sent: here is the request again, and why.
    Unsent(Box<Request<Full<Bytes>>>, hyper::Error),
    /// Anything else.
    With(Error),
}

/// Sends `request` and waits for the head of the answer, driving the connection from the task that waits.
pub(crate) async fn exchange(
    link: &mut Link,
    request: Request<Full<Bytes>>,
    endpoint: &Endpoint,
    timeouts: &Timeouts,
    start: Instant,
) -> Result<Response<Incoming>, Failed> {
    link.heard.clear();
    let deadline = start + timeouts.head.min(timeouts.total);
    // hyper's answer only becomes ready inside `drive`, so it needs neither a waker nor a share of the task's budget.
    let mut answer = pin!(tokio::task::unconstrained(link.tx.try_send_request(request)));
    let mut sent = false;
    let outcome = poll_fn(|cx| {
        let mut quiet = Context::from_waker(Waker::noop());
        if sent {
            link.drive_quietly();
            if let Poll::Ready(answer) = answer.as_mut().poll(&mut quiet) {
                return Poll::Ready(Some(answer));
            }
        }
        sent = true;
        link.drive(cx);
        if let Poll::Ready(answer) = answer.as_mut().poll(&mut quiet) {
            return Poll::Ready(Some(answer));
        }
        link.alarm.poll_until(cx, deadline).map(|()| None)
    })
    .await;
    match outcome {
        Some(Ok(response)) => Ok(response),
        Some(Err(mut error)) => Err(match error.take_message() {
            Some(request) => Failed::Unsent(Box::new(request), error.into_error()),
            None => Failed::With(broken(error.into_error(), link, endpoint, false)),
        }),
        None => Err(Failed::With(late(endpoint, timeouts, now() >= start + timeouts.total, Wait::Head))),
    }
}

/// The error that hyper's says; `unsent` when no byte of the request left.
pub(crate) fn broken(source: hyper::Error, link: &Link, endpoint: &Endpoint, unsent: bool) -> Error {
    let to = endpoint.to_string();
    if source.is_parse() || source.is_parse_too_large() {
        return Error::Protocol { to, source };
    }
    let answered = link.heard.get();
    Error::Reset { to, safe: unsent || (link.reused && !answered), answered, source }
}

/// The error for a wait that ran out: `wait`, unless the whole exchange did.
pub(crate) fn late(endpoint: &Endpoint, timeouts: &Timeouts, total: bool, wait: Wait) -> Error {
    let (wait, limit) = match (total, wait) {
        (true, _) => (Wait::Total, timeouts.total),
        (false, Wait::Idle) => (wait, timeouts.idle),
        (false, _) => (wait, timeouts.head),
    };
    Error::Timeout { to: endpoint.to_string(), wait, limit_ms: millis(limit) }
}
