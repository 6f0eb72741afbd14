//! A proxy under test, scripted upstreams and a raw client, all on loopback.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of what all may use")]

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{Either, Full};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use tollgate_net::{
    body::{BodyLimits, Room, read},
    headers::strip_hop_by_hop,
    server::{Handler, Limits, Peer, RequestBody, Running, Server},
    upstream::{Endpoint, Outgoing, Pool, PoolLimits, Target, Timeouts, TlsConfig, UpstreamBody},
};

/// No test waits longer than this for what is about to happen, on however slow a machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// More than the buffers of both sides of a connection hold, in bytes.
pub const LARGE: usize = 24 << 20;

#[derive(Clone)]
pub struct Proxy {
    target: Target,
    pool: Pool,
    timeouts: Timeouts,
    bodies: BodyLimits,
}

impl Handler for Proxy {
    type Body = Either<Full<Bytes>, UpstreamBody>;

    async fn handle(&self, request: Request<RequestBody>, _: Peer) -> Response<Self::Body> {
        let (parts, body) = request.into_parts();
        assert!(parts.uri.path() != "/panic", "as asked");
        let body = match read(body, &self.bodies, &Room::default(), usize::MAX).await {
            Ok(body) => body,
            Err(error) => return plain(error.status(), error.to_string()),
        };
        if parts.uri.path() == "/echo" {
            return Response::new(Either::Left(Full::new(body)));
        }
        match self.target.send(Outgoing::forward(parts, body), &self.timeouts).await {
            Ok(answer) => {
                let (mut parts, body) = answer.into_parts();
                strip_hop_by_hop(&mut parts.headers);
                Response::from_parts(parts, Either::Right(body))
            }
            Err(error) => plain(StatusCode::BAD_GATEWAY, error.to_string()),
        }
    }

    fn tick(&self) {
        self.pool.sweep();
    }
}

fn plain(status: StatusCode, why: String) -> Response<Either<Full<Bytes>, UpstreamBody>> {
    let mut response = Response::new(Either::Left(Full::from(why)));
    *response.status_mut() = status;
    response
}

/// A proxy in front of `upstream`.
pub fn proxy(upstream: SocketAddr, limits: Limits, bodies: BodyLimits) -> Running {
    serving(upstream, 2, limits, bodies)
}

fn serving(upstream: SocketAddr, workers: usize, limits: Limits, bodies: BodyLimits) -> Running {
    let endpoint: Endpoint = format!("http://{upstream}").parse().unwrap();
    Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), workers, limits)
        .unwrap()
        .start(move |_| {
            let pool = Pool::new(PoolLimits::default(), TlsConfig::default());
            let target = pool.target(&endpoint).unwrap();
            Proxy { target, pool, timeouts: Timeouts::default(), bodies }
        })
        .unwrap()
}

/// A proxy in front of nothing, for tests of its client side.
pub fn lone(limits: Limits) -> Running {
    proxy(SocketAddr::from(([127, 0, 0, 1], 1)), limits, BodyLimits::default())
}

/// [`lone`] with one worker, which sees every connection.
pub fn single(limits: Limits) -> Running {
    serving(SocketAddr::from(([127, 0, 0, 1], 1)), 1, limits, BodyLimits::default())
}

/// Looks again and again until something is so.
pub fn until(mut so: impl FnMut() -> bool) {
    let from = Instant::now();
    while !so() {
        assert!(from.elapsed() < PATIENCE, "it never was so");
        block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
    }
}

/// Runs a future on a runtime of its own.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// An upstream whose connections run `script`, each with its number from 0.
pub fn upstream(script: impl Fn(usize, TcpStream) + Send + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let script = script.clone();
            thread::spawn(move || script(number, stream));
        }
    });
    addr
}

/// Reads one request with its body; None when the other side closed first.
pub fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut got = Vec::new();
    loop {
        if let Some(end) = got.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&got[..end]).to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse::<usize>().unwrap());
            if got.len() >= end + 4 + length {
                return Some(String::from_utf8(got).unwrap());
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => got.extend_from_slice(&buffer[..read]),
        }
    }
}

/// Answers every request with its connection's number.
pub fn numbered(number: usize, mut stream: TcpStream) {
    while read_request(&mut stream).is_some() {
        let body = number.to_string();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

/// A client's connection.
pub fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends `bytes` on a new connection and reads until the server closes.
pub fn send_raw(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(to);
    stream.write_all(bytes).unwrap();
    read_to_end(&mut stream)
}

/// All that comes until the server closes or resets.
pub fn read_to_end(stream: &mut TcpStream) -> String {
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        got.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&got).into_owned()
}

/// Reads the head of an answer, and nothing of its body.
pub fn read_head(stream: &mut TcpStream) -> String {
    let mut got = Vec::new();
    while !got.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        got.extend_from_slice(&byte);
    }
    String::from_utf8(got).unwrap()
}

/// Reads until `needle` has come.
pub fn read_until(stream: &mut TcpStream, needle: &str) -> String {
    let mut got = String::new();
    let mut buffer = [0; 4096];
    while !got.contains(needle) {
        match stream.read(&mut buffer) {
            Ok(0) => panic!("closed after {got:?}"),
            Ok(read) => got.push_str(&String::from_utf8_lossy(&buffer[..read])),
            Err(error) => panic!("{error} after {got:?}"),
        }
    }
    got
}

/// A channel to say that something happened on another thread.
pub fn signal() -> (mpsc::Sender<()>, mpsc::Receiver<()>) {
    mpsc::channel()
}

/// Limits that nothing healthy meets; only a closing connection is not waited for.
pub fn patient() -> Limits {
    Limits {
        header_read: PATIENCE,
        keep_alive: PATIENCE,
        linger: Duration::from_millis(200),
        ..Limits::default()
    }
}

/// [`patient`], but a head has to come within this.
pub fn hasty(wait: Duration) -> Limits {
    Limits { header_read: wait, keep_alive: wait, ..patient() }
}
