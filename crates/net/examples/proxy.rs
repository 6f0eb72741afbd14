//! A pass-through proxy on this crate, to measure what the transport alone costs.
//!
//! `cargo run --release -p tollgate-net --example proxy -- 127.0.0.1:9200 http://127.0.0.1:9100 [WORKERS]`

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tollgate_net::{
    Error,
    body::{BodyLimits, Room, read},
    headers::strip_hop_by_hop,
    server::{Handler, Limits, Peer, RequestBody, Server},
    upstream::{Endpoint, Outgoing, Pool, PoolLimits, Target, Timeouts, TlsConfig, UpstreamBody},
};

/// Answers up to this size are read whole before their head is sent on.
const WHOLE_MAX: u64 = 64 << 10;

#[derive(Clone)]
struct Proxy {
    pool: Pool,
    target: Target,
}

enum Reply {
    Whole(Bytes),
    Stream(UpstreamBody),
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

fn status(status: StatusCode, why: &dyn std::fmt::Display) -> Response<Reply> {
    let mut response = Response::new(Reply::Whole(Bytes::from(format!("{why}\n"))));
    *response.status_mut() = status;
    response
}

impl Handler for Proxy {
    type Body = Reply;

    async fn handle(&self, request: Request<RequestBody>, _: Peer) -> Response<Reply> {
        let (parts, body) = request.into_parts();
        let body = match read(body, &BodyLimits::default(), &Room::default(), usize::MAX).await {
            Ok(body) => body,
            Err(error) => return status(error.status(), &error),
        };
        let answer = self.target.send(Outgoing::forward(parts, body), &Timeouts::default()).await;
        let (mut parts, body) = match answer {
            Ok(answer) => answer.into_parts(),
            Err(error) => return status(StatusCode::BAD_GATEWAY, &error),
        };
        strip_hop_by_hop(&mut parts.headers);
        if body.content_length().is_none_or(|length| length > WHOLE_MAX) {
            return Response::from_parts(parts, Reply::Stream(body));
        }
        match body.collect(WHOLE_MAX as usize).await {
            Ok(bytes) => Response::from_parts(parts, Reply::Whole(bytes)),
            Err(error) => status(StatusCode::BAD_GATEWAY, &error),
        }
    }

    fn tick(&self) {
        self.pool.sweep();
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let listen = args.next().unwrap_or_else(|| "127.0.0.1:9200".to_owned()).parse()?;
    let upstream: Endpoint = args.next().unwrap_or_else(|| "http://127.0.0.1:9100".to_owned()).parse()?;
    let workers = args.next().map_or(Ok(1), |count| count.parse())?;
    let _running = Server::bind(listen, workers, Limits::default())?.start(move |_| {
        let pool = Pool::new(PoolLimits::default(), TlsConfig::default());
        #[expect(clippy::expect_used, reason = "an example may stop at a bad argument")]
        let target = pool.target(&upstream).expect("upstream address");
        Proxy { pool, target }
    })?;
    loop {
        std::thread::park();
    }
}
