//! The listening side, spoken to over raw sockets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test stops at what it does not expect, and measures real waits"
)]

mod common;
use common::*;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};
use tollgate_net::{
    body::BodyLimits,
    server::{Limits, Running},
};

const GET: &str = "GET /echo HTTP/1.1\r\nhost: a\r\n\r\n";

#[test]
fn ambiguous_framing_is_refused() {
    let server = lone(patient());
    let head = "POST /echo HTTP/1.1\r\nhost: a\r\n";
    for (name, rest) in [
        ("differing lengths", "content-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        ("list of lengths", "content-length: 1, 2\r\n\r\nab"),
        ("negative length", "content-length: -1\r\n\r\n"),
        ("signed length", "content-length: +1\r\n\r\na"),
        ("hex length", "content-length: 0x1\r\n\r\na"),
        ("huge length", "content-length: 99999999999999999999999\r\n\r\na"),
        ("empty length", "content-length: \r\n\r\na"),
        ("folded line", "content-length: 1\r\n 0\r\n\r\na"),
        ("space before colon", "content-length : 1\r\n\r\na"),
        ("tab before colon", "transfer-encoding\t: chunked\r\n\r\n0\r\n\r\n"),
        ("lone cr", "x: a\rcontent-length: 1\r\n\r\na"),
        ("nul in value", "x: a\0b\r\n\r\n"),
        ("coding after chunked", "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        ("unknown coding", "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ("bad chunk size", "transfer-encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n"),
        ("chunk size overflow", "transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\na\r\n0\r\n\r\n"),
        ("no name", ": a\r\n\r\n"),
        ("no colon", "content-length\r\n\r\n"),
    ] {
        let answer = send_raw(server.addr(), format!("{head}{rest}{GET}").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{name}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{name}: the next request was read: {answer:?}");
    }
    let answer =
        send_raw(server.addr(), b"POST /echo HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.0 400 "), "{answer:?}");
}

/// hyper takes `Transfer-Encoding` and drops `Content-Length`; then nothing may follow on that connection.
#[test]
fn what_follows_a_chunked_request_is_never_read() {
    let server = lone(patient());
    for length in ["", "content-length: 4\r\n", "content-length: 44\r\n"] {
        for order in [true, false] {
            let chunked = "transfer-encoding: chunked\r\n";
            let fields = if order { format!("{length}{chunked}") } else { format!("{chunked}{length}") };
            let raw = format!("POST /echo HTTP/1.1\r\nhost: a\r\n{fields}\r\n2\r\nhi\r\n0\r\n\r\n{GET}");
            let answer = send_raw(server.addr(), raw.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hi"), "{answer:?}");
            assert!(answer.to_lowercase().contains("connection: close"), "{answer:?}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer:?}");
        }
    }
}

#[test]
fn equal_lengths_are_one_and_pipelined_requests_are_answered_in_order() {
    let server = lone(patient());
    let one = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\none";
    let two = "POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 3\r\n\r\ntwo";
    let answer = send_raw(server.addr(), format!("{one}{one}{two}").as_bytes());
    let bodies: Vec<_> = answer.split("\r\n\r\n").skip(1).map(|part| &part[..3]).collect();
    assert_eq!(bodies, ["one", "one", "two"]);
    assert_eq!(server.stats().requests, 3);
}

#[test]
fn heads_are_bounded_in_bytes_lines_and_time() {
    let server = lone(Limits { max_header_bytes: 8192, ..patient() });
    let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(9000));
    assert!(send_raw(server.addr(), long.as_bytes()).starts_with("HTTP/1.1 431 "));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(101));
    assert!(send_raw(server.addr(), many.as_bytes()).starts_with("HTTP/1.1 431 "));

    // Half a head is there long before the two seconds are over, and no word never is.
    let server = lone(hasty(Duration::from_secs(2)));
    assert_eq!(send_raw(server.addr(), b"GET / HTTP/1.1\r\nx: "), "", "a head that never ends");
    assert_eq!(send_raw(server.addr(), b""), "", "nobody uses it");
    let stats = server.stats();
    assert_eq!((stats.slow_heads, stats.idle_closed), (1, 1), "{stats:?}");
}

#[test]
fn a_body_is_bounded_in_bytes_and_time_and_the_answer_arrives() {
    let nobody = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let within = |grace| {
        let bodies = BodyLimits { max_bytes: 1000, grace, min_rate: 0 };
        proxy(nobody, patient(), bodies)
    };
    let server = within(PATIENCE);
    let announced = format!("POST /echo HTTP/1.1\r\ncontent-length: 300000\r\n\r\n{}", "a".repeat(300_000));
    let answer = send_raw(server.addr(), announced.as_bytes());
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("\r\nconnection: close\r\n"),
        "{answer:?}"
    );
    let chunked = format!(
        "POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n400\r\n{}\r\n0\r\n\r\n",
        "a".repeat(1024)
    );
    assert!(send_raw(server.addr(), chunked.as_bytes()).starts_with("HTTP/1.1 413 "));
    let server = within(Duration::from_millis(100));
    let answer = send_raw(server.addr(), b"POST /echo HTTP/1.1\r\ncontent-length: 10\r\n\r\nabc");
    assert!(
        answer.starts_with("HTTP/1.1 408 ") && answer.contains("\r\nconnection: close\r\n"),
        "{answer:?}"
    );
    assert!(answer.contains("with 3 bytes read"), "{answer:?}");
}

#[test]
fn a_panic_is_an_answer_and_the_worker_lives() {
    let server = lone(patient());
    for _ in 0..3 {
        let answer = send_raw(server.addr(), b"GET /panic HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("internal error"), "{answer:?}");
    }
    assert_eq!(server.stats().panics, 3);
    let drained = block_on(server.shutdown(PATIENCE));
    assert_eq!((drained.cut, drained.dead_workers), (0, 0));
}

/// A request whose body never comes, so that its connection is not idle.
const BUSY: &str = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\na";

/// A connection that has made a request and waits.
fn idle(server: &Running) -> TcpStream {
    let mut stream = connect(server.addr());
    asked(&mut stream);
    stream
}

fn asked(stream: &mut TcpStream) {
    stream.write_all(GET.as_bytes()).unwrap();
    read_until(stream, "\r\n\r\n");
}

#[test]
fn one_connection_too_many_is_told_so_where_none_is_idle() {
    let server = single(Limits { max_connections: 2, ..patient() });
    let mut held = [idle(&server), idle(&server)];
    for stream in &mut held {
        stream.write_all(BUSY.as_bytes()).unwrap();
    }
    until(|| server.stats().requests == 4);
    let answer = send_raw(server.addr(), GET.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("too many connections"), "{answer:?}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("content-length: {}", body.len())), "{answer:?}");
    assert_eq!((server.stats().refused, server.stats().displaced), (1, 0));
    for stream in &mut held {
        stream.write_all(b"bcde").unwrap();
        assert!(read_until(stream, "abcde").contains("200 OK"), "who works is not disturbed");
    }
}

#[test]
fn a_newcomer_takes_the_place_of_the_longest_idle() {
    let server = single(Limits { max_connections: 4, ..patient() });
    let (mut first, mut second, mut third) = (idle(&server), idle(&server), idle(&server));
    let mut busy = idle(&server);
    busy.write_all(BUSY.as_bytes()).unwrap();
    until(|| server.stats().requests == 5);
    // The first was idle for the longest time until now.
    asked(&mut first);
    let mut newer = idle(&server);
    assert_eq!(read_to_end(&mut second), "", "it is closed without a word");
    let mut newest = idle(&server);
    assert_eq!(read_to_end(&mut third), "");
    for stream in [&mut first, &mut newer, &mut newest] {
        asked(stream);
    }
    busy.write_all(b"bcde").unwrap();
    read_until(&mut busy, "abcde");
    let stats = server.stats();
    assert_eq!((stats.refused, stats.displaced, stats.idle_closed), (0, 2, 0), "{stats:?}");
}

#[test]
fn who_holds_most_idle_connections_gives_them_up_first() {
    let server = single(Limits { max_connections: 6, ..patient() });
    let from = |last: u8| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&std::net::SocketAddr::from(([127, 0, 0, last], 0)).into()).unwrap();
        socket.connect(&server.addr().into()).unwrap();
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        asked(&mut stream);
        stream
    };
    let mut alone = from(2);
    let mut many: Vec<_> = (0..5).map(|_| from(3)).collect();
    let mut others: Vec<_> = (4..8).map(from).collect();
    for stream in &mut many[..4] {
        assert_eq!(read_to_end(stream), "");
    }
    // With one each the longest idle goes.
    let mut last = from(9);
    assert_eq!(read_to_end(&mut alone), "");
    for stream in others.iter_mut().chain(&mut many[4..]).chain([&mut last]) {
        asked(stream);
    }
    assert_eq!(server.stats().displaced, 5);
}

fn large() -> Vec<u8> {
    let head = format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {LARGE}\r\n\r\n");
    [head.into_bytes(), vec![b'x'; LARGE]].concat()
}

/// A connection whose side of the kernel buffers little.
fn narrow(server: &Running) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    socket.connect(&server.addr().into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads `bytes` of an answer's body.
fn take(stream: &mut TcpStream, bytes: usize) {
    let mut got = vec![0; bytes];
    stream.read_exact(&mut got).unwrap();
    assert!(got.iter().all(|byte| *byte == b'x'));
}

#[test]
fn an_answer_under_way_makes_no_room() {
    let server = single(Limits { max_connections: 2, ..patient() });
    let mut slow = narrow(&server);
    slow.write_all(&large()).unwrap();
    let head = read_head(&mut slow);
    assert!(head.starts_with("HTTP/1.1 200 "), "{head:?}");
    take(&mut slow, LARGE / 2);
    // Its answer was begun before any other connection was idle, and all of it has been handed over.
    let mut gone = idle(&server);
    let mut busy = idle(&server);
    assert_eq!(read_to_end(&mut gone), "", "who is idle goes");
    busy.write_all(BUSY.as_bytes()).unwrap();
    until(|| server.stats().requests == 4);
    let answer = send_raw(server.addr(), GET.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer:?}");
    take(&mut slow, LARGE - LARGE / 2);
    asked(&mut slow);
    let stats = server.stats();
    assert_eq!((stats.refused, stats.displaced, stats.failed), (1, 1, 0), "{stats:?}");
    // Once it is written the connection is idle as any other.
    let mut last = idle(&server);
    assert_eq!(read_to_end(&mut slow), "");
    asked(&mut last);
    busy.write_all(b"bcde").unwrap();
    read_until(&mut busy, "abcde");
}

#[test]
fn a_shutdown_lets_an_answer_under_way_arrive() {
    let server = single(patient());
    let mut slow = narrow(&server);
    slow.write_all(&large()).unwrap();
    read_head(&mut slow);
    take(&mut slow, LARGE / 2);
    let ended = std::thread::spawn(move || block_on(server.shutdown(PATIENCE)));
    take(&mut slow, LARGE - LARGE / 2);
    assert_eq!(read_to_end(&mut slow), "");
    drop(slow);
    assert_eq!(ended.join().unwrap().cut, 0);
}

#[test]
fn who_takes_nothing_of_an_answer_is_cut() {
    let server = single(Limits { write_stall: Duration::from_secs(1), ..patient() });
    let mut stalled = connect(server.addr());
    stalled.write_all(&large()).unwrap();
    until(|| server.stats().stalled == 1);
    until(|| server.stats().live == 0);
}
