//! One connection to an upstream: hyper's handle, hyper's connection, and the alarm they share.

use super::Endpoint;
use crate::{
    Error,
    io::{Heard, Socket},
    timer::{Alarm, now},
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
};
use tokio::time::Instant;

/// Counts an open connection until it is dropped.
pub(crate) struct Open(Arc<AtomicUsize>);

impl Open {
    /// Counts one more, unless `limit` are open.
    pub(crate) fn claim(count: &Arc<AtomicUsize>, limit: usize) -> Result<Self, Error> {
        let open = count.fetch_add(1, Ordering::Relaxed);
        let claim = Self(count.clone());
        if open < limit { Ok(claim) } else { Err(Error::PoolFull { open, limit }) }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One connection.
pub(crate) struct Link {
    pub(crate) tx: SendRequest<Full<Bytes>>,
    /// None once hyper is done with it.
    conn: Option<Connection<TokioIo<Socket>, Full<Bytes>>>,
    pub(crate) alarm: Alarm,
    pub(crate) heard: Heard,
    /// It has been in the pool before.
    pub(crate) reused: bool,
    pub(crate) idle_since: Instant,
    _open: Open,
}

impl Link {
    /// Starts HTTP/1.1 on a socket.
    pub(crate) async fn start(
        socket: Socket,
        heard: Heard,
        endpoint: &Endpoint,
        open: Open,
        alarm_at: Instant,
    ) -> Result<Box<Self>, Error> {
        let (tx, conn) = http1::Builder::new()
            .handshake(TokioIo::new(socket))
            .await
            .map_err(|source| Error::Protocol { to: endpoint.to_string(), source })?;
        Ok(Box::new(Self {
            tx,
            conn: Some(conn),
            alarm: Alarm::new(alarm_at),
            heard,
            reused: false,
            idle_since: now(),
            _open: open,
        }))
    }

    /// Lets hyper read, write and decode. The task of `cx` is woken when the socket has more.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(conn) = &mut self.conn
            && Pin::new(conn).poll(cx).is_ready()
        {
            // What failed or ended is told through the answer's future or body.
            self.conn = None;
        }
    }

    /// [`Self::drive`] without a wake-up. hyper wakes the task that last polled whenever a piece moves between its
    /// two halves; here one task holds both halves, so such a wake-up would only poll everything a second time.
    pub(crate) fn drive_quietly(&mut self) {
        self.drive(&mut Context::from_waker(Waker::noop()));
    }

    /// Whether hyper still reads and writes.
    pub(crate) const fn is_alive(&self) -> bool {
        self.conn.is_some()
    }

    /// Whether the connection stands between two messages. It is driven quietly, so that no task of an exchange
    /// that is over is woken later.
    pub(crate) fn settles(&mut self) -> bool {
        if self.conn.is_some() && !self.tx.is_ready() {
            self.drive_quietly();
        }
        self.conn.is_some() && self.tx.is_ready()
    }
}
