//! A streamed answer: one event per token, as the tokens appear, with the faults that were asked for.
//!
//! Events that are ready together leave in one buffer. Fault positions count events, so they do not depend on
//! timing.

use super::State;
use super::body::Broken;
use super::dialect::error_event;
use super::source::{Next, Source};
use crate::api::chat::Head;
use crate::api::error::ApiError;
use crate::fault::Faults;
use crate::text::{Finish, Piece};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tollgate_wire::{Dialect, translate};

/// Bytes that leave together at most (the last event may exceed it).
const BURST_MAX: usize = 64 << 10;

/// A streamed answer on its way.
pub(super) struct EventStream {
    pub(super) state: Arc<State>,
    pub(super) seq: u64,
    pub(super) head: Head,
    pub(super) source: Source,
    pub(super) faults: Faults,
    /// The dialect that the caller speaks.
    dialect: Dialect,
    /// Into that dialect, unless it is chat.
    outlet: Option<Box<translate::Stream>>,
    queue: VecDeque<String>,
    sent: u32,
    began: bool,
    over: bool,
    ended: Option<(Finish, u32)>,
}

impl EventStream {
    pub(super) fn new(state: Arc<State>, seq: u64, head: Head, source: Source, faults: Faults) -> Self {
        Self {
            state,
            seq,
            head,
            source,
            faults,
            dialect: Dialect::OpenaiChat,
            outlet: None,
            queue: VecDeque::new(),
            sent: 0,
            began: false,
            over: false,
            ended: None,
        }
    }

    /// The same stream in another dialect.
    pub(super) fn spoken(mut self, dialect: Dialect, outlet: Option<Box<translate::Stream>>) -> Self {
        self.dialect = dialect;
        self.outlet = outlet;
        self
    }

    /// The next bytes; none after the last.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        if let Some(ms) = self.faults.slow_ms.take() {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        let mut burst = Vec::new();
        loop {
            let due = self.fault_due();
            if !burst.is_empty() && (due || self.over || burst.len() >= BURST_MAX) {
                return Some(Ok(burst.into()));
            }
            if self.over {
                return None;
            }
            if due {
                match self.misbehave().await {
                    Some(end) => return Some(end),
                    None => continue,
                }
            }
            if let Some(event) = self.queue.pop_front() {
                self.spoil(&event, &mut burst);
                self.sent += 1;
                continue;
            }
            if let Some((finish, tokens)) = self.ended {
                self.over = true;
                if let Some(outlet) = &mut self.outlet {
                    burst.extend(outlet.finish());
                }
                self.state.answered(self.seq, finish, tokens);
                continue;
            }
            match self.source.poll() {
                Next::Piece(piece) => self.enqueue(&piece),
                Next::End(finish, usage) => {
                    self.queue.extend(self.head.end(finish, usage));
                    self.ended = Some((finish, usage.completion));
                }
                Next::Wait if !burst.is_empty() => return Some(Ok(burst.into())),
                Next::Wait => {
                    if !self.source.wait().await {
                        self.over = true;
                        return Some(Err(Broken));
                    }
                }
            }
        }
    }

    fn enqueue(&mut self, piece: &Piece) {
        if !self.began {
            self.began = true;
            self.queue.push_back(self.head.role());
        }
        self.queue.push_back(self.head.piece(piece));
    }

    fn fault_due(&self) -> bool {
        let reached = |after: Option<u32>| after.is_some_and(|after| self.sent >= after);
        !self.over
            && (reached(self.faults.stall.map(|(after, _)| after))
                || reached(self.faults.cut)
                || reached(self.faults.error_event))
    }

    /// Does what is due: a pause, a break or an error event.
    async fn misbehave(&mut self) -> Option<Result<Bytes, Broken>> {
        if let Some((_, ms)) = self.faults.stall.take_if(|(after, _)| self.sent >= *after) {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            return None;
        }
        self.over = true;
        if self.faults.cut.is_some_and(|after| self.sent >= after) {
            // A pause lets the connection write out what it holds before the break.
            tokio::task::yield_now().await;
            return Some(Err(Broken));
        }
        let error = ApiError::on_demand(500, None);
        Some(Ok(error_event(self.dialect, &error, u64::from(self.sent)).into()))
    }

    /// Appends the event, or what a fault makes of the second one (the first with content).
    fn spoil(&mut self, event: &str, burst: &mut Vec<u8>) {
        let bytes: &[u8] = match self.sent {
            1 if self.faults.bad_json => b"data: {\"id\": \"chatcmpl-, \"choices\": [}\n\n",
            1 if self.faults.bad_sse => b"\xff\xfe\0 no event\r\rdata: {\"half\":\n: \n\n",
            _ => match &mut self.outlet {
                Some(outlet) => return burst.extend(outlet.push(event.as_bytes())),
                None => event.as_bytes(),
            },
        };
        burst.extend_from_slice(bytes);
    }
}
