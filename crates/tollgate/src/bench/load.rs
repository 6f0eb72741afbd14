//! The load: connections that each send a request as soon as the last one is answered.
//!
//! Blocking threads, so that latency is not rounded to a timer's ticks.

use anyhow::Result;
use std::io::{Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tollgate_core::{Clock, Tick};

/// Longest wait for a piece of an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes read at once.
const READ: usize = 64 << 10;
/// From here on a latency belongs to the mode of delayed acknowledgements, in microseconds.
const STALL_US: u64 = 35_000;

/// What one measurement saw.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Answers of status 200.
    pub(super) good: u64,
    /// Other answers and broken connections.
    pub(super) bad: u64,
    /// Median latency, in microseconds.
    pub(super) p50_us: u64,
    /// 99th percentile, in microseconds.
    pub(super) p99_us: u64,
    /// Answers slower than 35 ms.
    pub(super) stalled: u64,
    /// Seconds that it took.
    pub(super) wall_s: f64,
}

/// Sends `body` over `connections` connections until `secs` have passed.
pub(super) fn closed(
    clock: &dyn Clock,
    addr: SocketAddr,
    body: &[u8],
    connections: usize,
    secs: f64,
) -> Result<Seen> {
    let request = request(addr, body);
    let begun = clock.tick();
    let until = Tick(begun.0.saturating_add((secs * 1e9) as u64));
    let results: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> =
            (0..connections).map(|_| scope.spawn(|| connection(clock, addr, &request, until))).collect();
        running.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    let mut latencies = Vec::new();
    let mut seen = Seen { wall_s: clock.tick().since_ms(begun) / 1e3, ..Seen::default() };
    for result in results {
        let (mut mine, bad) = result.map_err(|_| anyhow::anyhow!("a connection's thread panicked"))?;
        latencies.append(&mut mine);
        seen.bad += bad;
    }
    latencies.sort_unstable();
    let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or(0);
    seen.good = latencies.len() as u64;
    (seen.p50_us, seen.p99_us) = (at(0.5), at(0.99));
    seen.stalled = latencies.iter().filter(|us| **us >= STALL_US).count() as u64;
    Ok(seen)
}

/// Sends exactly `count` requests, one after the other; answers how many were good.
pub(super) fn counted(addr: SocketAddr, body: &[u8], count: usize) -> std::io::Result<usize> {
    let request = request(addr, body);
    let mut socket = connect(addr)?;
    let mut buffer = vec![0; READ];
    let mut good = 0;
    for _ in 0..count {
        good += usize::from(exchange(&mut socket, &request, &mut buffer)?);
    }
    Ok(good)
}

/// Whether a server answers at `addr`. A port that takes connections may be one that a start only tries.
pub(super) fn answers(addr: SocketAddr) -> std::io::Result<bool> {
    let mut socket = connect(addr)?;
    write!(socket, "GET /healthz HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

fn request(addr: SocketAddr, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {addr}\r\ncontent-type: application/json\r\n\
         authorization: Bearer sk-bench\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Latencies of good answers in microseconds, and how many went wrong.
fn connection(clock: &dyn Clock, addr: SocketAddr, request: &[u8], until: Tick) -> (Vec<u64>, u64) {
    let (mut latencies, mut bad) = (Vec::new(), 0);
    let mut open: Option<TcpStream> = None;
    let mut buffer = vec![0; READ];
    while clock.tick() < until {
        let begun = clock.tick();
        let socket = open.take().map_or_else(|| connect(addr), Ok);
        match socket.and_then(|mut s| exchange(&mut s, request, &mut buffer).map(|good| (s, good))) {
            Ok((socket, true)) => {
                latencies.push(clock.tick().since_ns(begun) / 1000);
                open = Some(socket);
            }
            Ok((_, false)) | Err(_) => bad += 1,
        }
    }
    (latencies, bad)
}

fn connect(addr: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpStream::connect(addr)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// One request and its whole answer; whether its status was 200.
fn exchange(socket: &mut TcpStream, request: &[u8], buffer: &mut [u8]) -> std::io::Result<bool> {
    socket.write_all(request)?;
    let mut got = Vec::with_capacity(16 << 10);
    loop {
        match socket.read(buffer)? {
            0 => return Err(Error::from(ErrorKind::UnexpectedEof)),
            n => got.extend_from_slice(buffer.get(..n).unwrap_or_default()),
        }
        if complete(&got) {
            return Ok(got.starts_with(b"HTTP/1.1 200"));
        }
    }
}

/// Whether an answer is whole: by its length, or by the last chunk.
fn complete(got: &[u8]) -> bool {
    let Some(head) = got.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
    let (text, body) = (got.get(..head).unwrap_or_default(), got.get(head + 4..).unwrap_or_default());
    let length = String::from_utf8_lossy(text).lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    match length {
        Some(length) => body.len() >= length,
        None => body.ends_with(b"0\r\n\r\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_by_its_length_or_its_last_chunk() {
        for (bytes, whole) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", false),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n", false),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nContent-Le", false),
        ] {
            assert_eq!(complete(bytes.as_bytes()), whole, "{bytes}");
        }
    }
}
