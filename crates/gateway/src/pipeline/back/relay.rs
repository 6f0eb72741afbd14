//! Relay: an upstream's stream on its way to the caller, never silent about its end.
//!
//! Nothing waits here but what the policy has not allowed yet: what the upstream has sent goes on at once, in whole events. A stream that breaks ends with an
//! error event in the caller's dialect.

use crate::pipeline::attempt::net_fault;
use crate::pipeline::watch::Watch;
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;
use tokio::time::Sleep;
use tollgate_core::{Clock, Fault};
use tollgate_net::upstream::UpstreamBody;

/// An upstream's stream, with what was read of it before the caller got anything.
pub(crate) struct Relay {
    body: Option<UpstreamBody>,
    held: BytesMut,
    held_raw: usize,
    pub(crate) watch: Box<Watch>,
    fault: Option<Fault>,
    clock: Arc<dyn Clock>,
    /// Wakes when what is held has waited long enough.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Relay {
    pub(crate) fn new(body: UpstreamBody, watch: Box<Watch>, clock: Arc<dyn Clock>) -> Self {
        Self { body: Some(body), held: BytesMut::new(), held_raw: 0, watch, fault: None, clock, timer: None }
    }

    /// Bytes read so far and not passed on.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.held_raw
    }

    /// Whether the upstream's bytes are at their end.
    pub(crate) const fn ended(&self) -> bool {
        self.body.is_none()
    }

    /// What went wrong, once the stream is over.
    pub(crate) const fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Reads one piece into the held bytes; `false` at the end.
    pub(crate) async fn pull(&mut self) -> Result<bool, Fault> {
        let Some(body) = self.body.as_mut() else { return Ok(false) };
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            Some(Ok(frame)) => {
                if let Ok(chunk) = frame.into_data() {
                    self.held_raw += chunk.len();
                    let out = self.watch.feed(&chunk);
                    self.held.extend_from_slice(&out);
                    if let Some(fault) = self.watch.stopped() {
                        return Err(fault);
                    }
                }
                Ok(true)
            }
            Some(Err(error)) => Err(net_fault(&error)),
            None => {
                self.body = None;
                let (tail, fault) = self.watch.end(None);
                self.held.extend_from_slice(&tail);
                if let Some(fault) = self.watch.stopped() {
                    return Err(fault);
                }
                self.fault = fault;
                Ok(false)
            }
        }
    }

    /// The next bytes for the caller; `None` when the stream is over.
    pub(crate) fn poll_next(&mut self, task: &mut Task<'_>) -> Poll<Option<Bytes>> {
        if !self.held.is_empty() {
            return Poll::Ready(Some(self.held.split().freeze()));
        }
        loop {
            let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
            let mut last = Bytes::new();
            let fault = match Pin::new(body).poll_frame(task) {
                Poll::Pending => return self.poll_held(task),
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(chunk) = frame.into_data() else { continue };
                    let out = self.watch.feed(&chunk);
                    if self.watch.stopped().is_none() {
                        if out.is_empty() {
                            continue;
                        }
                        return Poll::Ready(Some(out));
                    }
                    last = out;
                    self.watch.stopped()
                }
                Poll::Ready(Some(Err(error))) => Some(net_fault(&error)),
                Poll::Ready(None) => None,
            };
            self.body = None;
            let (tail, fault) = self.watch.end(fault);
            self.fault = fault;
            let tail = if last.is_empty() { tail } else { [last, tail].concat().into() };
            if !tail.is_empty() {
                return Poll::Ready(Some(tail));
            }
        }
    }

    /// Nothing more has come: what was held long enough may go on.
    fn poll_held(&mut self, task: &mut Task<'_>) -> Poll<Option<Bytes>> {
        while let Some(due) = self.watch.due() {
            let left = Duration::from_nanos(due.since_ns(self.clock.tick()));
            if left.is_zero() {
                let out = self.watch.overdue();
                if !out.is_empty() {
                    return Poll::Ready(Some(out));
                }
                continue;
            }
            let timer = self.timer.insert(Box::pin(tokio::time::sleep(left)));
            std::task::ready!(timer.as_mut().poll(task));
        }
        Poll::Pending
    }
}
