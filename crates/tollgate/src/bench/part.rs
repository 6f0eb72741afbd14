//! The parts that answer: an upstream with fixed answers, and the floor, a proxy that only passes on.

use super::load::{answers, counted};
use super::payload;
use crate::ending::Ending;
use anyhow::Result;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tollgate_net::body::{BodyLimits, Room, read};
use tollgate_net::headers::strip_hop_by_hop;
use tollgate_net::server::{Handler, Limits, Peer, RequestBody, Server};
use tollgate_net::upstream::{
    Endpoint, Outgoing, Pool, PoolLimits, Target, Timeouts, TlsConfig, UpstreamBody,
};

/// Answers up to this size are read whole before their head is sent on, as the gateway does.
const WHOLE_MAX: u64 = 64 << 10;

/// Longest wait of the load for the gateway to answer: under an instrumenting machine it starts slowly.
const LISTEN_TRIES: u32 = 600;

/// Play one part of a measurement
#[derive(Args, Debug)]
pub(crate) struct PartArgs {
    #[arg(value_enum)]
    role: Role,
    /// Where to listen; where the load sends
    #[arg(long)]
    listen: SocketAddr,
    /// Where the floor passes requests on to
    #[arg(long)]
    upstream: Option<SocketAddr>,
    /// How many requests the load sends
    #[arg(long, default_value_t = 100)]
    requests: usize,
    /// What the load sends
    #[arg(long, value_enum, default_value_t = Payload::Short)]
    payload: Payload,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Payload {
    Short,
    Long,
    Stream,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Role {
    Upstream,
    Floor,
    /// Sends a fixed number of requests, one after the other, and ends: for counting instructions
    Load,
}

/// Answers until it is killed.
pub(super) fn run(args: &PartArgs) -> Result<Ending> {
    if args.role == Role::Load {
        return load(args);
    }
    let server = Server::bind(args.listen, 1, Limits::default())?;
    let running = match (args.role, args.upstream) {
        (Role::Floor, Some(upstream)) => {
            let endpoint: Endpoint = format!("http://{upstream}").parse()?;
            server.start(move |_| Floor::new(&endpoint))?
        }
        _ => {
            let answers = Arc::new(Answers {
                whole: payload::answer().into(),
                events: payload::events().into_iter().map(Bytes::from).collect(),
            });
            server.start(move |_| Upstream(answers.clone()))?
        }
    };
    loop {
        std::thread::park();
        // Parked threads may wake for no reason; only a kill ends a part.
        if running.addr().port() == 0 {
            return Ok(Ending::Good);
        }
    }
}

fn load(args: &PartArgs) -> Result<Ending> {
    let body = match args.payload {
        Payload::Short => payload::short(false),
        Payload::Long => payload::long(),
        Payload::Stream => payload::short(true),
    };
    let mut tries = 0;
    while !answers(args.listen).unwrap_or(false) {
        tries += 1;
        anyhow::ensure!(tries < LISTEN_TRIES, "nothing answers on {}", args.listen);
        std::thread::park_timeout(std::time::Duration::from_millis(100));
    }
    let good = counted(args.listen, &body, args.requests)?;
    Ok(Ending::of(good == args.requests))
}

struct Answers {
    whole: Bytes,
    events: Vec<Bytes>,
}

#[derive(Clone)]
struct Upstream(Arc<Answers>);

impl Handler for Upstream {
    type Body = Reply;

    async fn handle(&self, request: Request<RequestBody>, _: Peer) -> Response<Reply> {
        let body = read(request.into_body(), &BodyLimits::default(), &Room::default(), usize::MAX)
            .await
            .unwrap_or_default();
        let streamed =
            body.windows(14).any(|w| w == b"\"stream\":true,") || body.ends_with(b"\"stream\":true}");
        let (kind, reply) = match streamed {
            true => ("text/event-stream", Reply::Events(self.0.clone(), 0)),
            false => ("application/json", Reply::Whole(self.0.whole.clone())),
        };
        let mut response = Response::new(reply);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}

/// A proxy without any opinion. `None` when its upstream's address is unusable.
#[derive(Clone)]
struct Floor {
    pool: Pool,
    target: Option<Target>,
}

impl Floor {
    fn new(upstream: &Endpoint) -> Self {
        let pool = Pool::new(PoolLimits::default(), TlsConfig::default());
        let target = pool.target(upstream).ok();
        Self { pool, target }
    }
}

impl Handler for Floor {
    type Body = Reply;

    async fn handle(&self, request: Request<RequestBody>, _: Peer) -> Response<Reply> {
        let (parts, body) = request.into_parts();
        let Some(target) = &self.target else { return failed(StatusCode::INTERNAL_SERVER_ERROR) };
        let Ok(body) = read(body, &BodyLimits::default(), &Room::default(), usize::MAX).await else {
            return failed(StatusCode::BAD_REQUEST);
        };
        let answer = target.send(Outgoing::forward(parts, body), &Timeouts::default()).await;
        let Ok(answer) = answer else { return failed(StatusCode::BAD_GATEWAY) };
        let (mut parts, body) = answer.into_parts();
        strip_hop_by_hop(&mut parts.headers);
        if body.content_length().is_none_or(|length| length > WHOLE_MAX) {
            return Response::from_parts(parts, Reply::Stream(body));
        }
        match body.collect(WHOLE_MAX as usize).await {
            Ok(bytes) => Response::from_parts(parts, Reply::Whole(bytes)),
            Err(_) => failed(StatusCode::BAD_GATEWAY),
        }
    }

    fn tick(&self) {
        self.pool.sweep();
    }
}

fn failed(status: StatusCode) -> Response<Reply> {
    let mut response = Response::new(Reply::Whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

enum Reply {
    Whole(Bytes),
    Events(Arc<Answers>, usize),
    Stream(UpstreamBody),
}

impl Body for Reply {
    type Data = Bytes;
    type Error = tollgate_net::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Events(answers, next) => {
                let event = answers.events.get(*next).cloned();
                *next += 1;
                Poll::Ready(event.map(|e| Ok(Frame::data(e))))
            }
            Self::Stream(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Events(answers, next) => *next >= answers.events.len(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Events(..) => SizeHint::default(),
            Self::Stream(body) => body.size_hint(),
        }
    }
}
