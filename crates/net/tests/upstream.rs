//! The upstream side: connections that are reused, replaced, timed and closed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test stops at what it does not expect, and measures real waits"
)]

mod common;
use bytes::Bytes;
use common::*;
use http::Method;
use http_body_util::BodyExt as _;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
    time::{Duration, Instant},
};
use tollgate_net::{
    Class, Error, Wait,
    body::BodyLimits,
    client::Client,
    server::Limits,
    upstream::{Endpoint, Outgoing, Pool, PoolLimits, Timeouts, TlsConfig},
};

fn client(limits: PoolLimits) -> Client {
    Client::new(Pool::new(limits, TlsConfig::default()))
}

fn url(addr: SocketAddr) -> String {
    format!("http://{addr}/")
}

async fn text(client: &Client, addr: SocketAddr) -> String {
    String::from_utf8(client.get(&url(addr)).await.unwrap().body.to_vec()).unwrap()
}

#[test]
fn a_connection_serves_one_request_after_another() {
    let addr = upstream(numbered);
    block_on(async {
        let client = client(PoolLimits::default());
        for _ in 0..20 {
            assert_eq!(text(&client, addr).await, "0");
        }
        let stats = client.pool.stats();
        assert_eq!((stats.opened, stats.reused, stats.idle, stats.open), (1, 19, 1, 1));
        client.pool.close();
        assert_eq!((client.pool.stats().idle, client.pool.stats().open), (0, 0));
        assert!(matches!(client.get(&url(addr)).await, Err(Error::PoolClosed)));
    });
}

#[test]
fn a_connection_closed_while_it_waited_is_replaced() {
    let (close, may_close) = signal();
    let (closed, when_closed) = signal();
    let may_close = std::sync::Arc::new(std::sync::Mutex::new(may_close));
    let addr = upstream(move |number, mut stream| {
        if number == 0 {
            read_request(&mut stream).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n0").unwrap();
            may_close.lock().unwrap().recv().unwrap();
            drop(stream);
            closed.send(()).unwrap();
        } else {
            numbered(number, stream);
        }
    });
    block_on(async {
        let client = client(PoolLimits::default());
        assert_eq!(text(&client, addr).await, "0");
        assert_eq!(client.pool.stats().idle, 1);
        close.send(()).unwrap();
        when_closed.recv_timeout(PATIENCE).unwrap();
        // The runtime learns of the end when it next looks at its sockets, which it does before it sleeps.
        tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>()).await.unwrap_err();
        assert_eq!(text(&client, addr).await, "1");
        assert_eq!(client.pool.stats().stale, 1);
    });
}

#[test]
fn only_a_reused_connection_that_ends_before_its_answer_is_safe_to_retry() {
    let addr = upstream(|number, mut stream| {
        read_request(&mut stream);
        if number == 0 {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n0").unwrap();
            read_request(&mut stream);
        }
        if number == 2 {
            stream.write_all(b"HTTP/1.1 200 O").unwrap();
        }
    });
    block_on(async {
        let client = client(PoolLimits::default());
        assert_eq!(text(&client, addr).await, "0");
        for (safe, broke_off) in [(true, false), (false, false), (false, true)] {
            let error = client.get(&url(addr)).await.unwrap_err();
            assert_eq!(error.class(), Class::Reset, "{error}");
            assert_eq!(error.safe_to_retry(), safe, "{error}");
            assert!(matches!(error, Error::Reset { answered, .. } if answered == broke_off), "{error:?}");
        }
    });
}

#[test]
fn each_wait_has_its_limit() {
    let addr = upstream(|number, mut stream| {
        read_request(&mut stream);
        match number {
            0 => {}
            1 => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc").unwrap(),
            _ => {
                let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                stream.write_all(head).unwrap();
                // Never a pause, so that only the limit of the whole can end it.
                while stream.write_all(&b"1\r\na\r\n".repeat(500)).is_ok() {}
            }
        }
        let _ = stream.read(&mut [0; 1]);
    });
    block_on(async {
        let mut client = client(PoolLimits::default());
        client.max_answer = usize::MAX;
        let (short, long) = (Duration::from_millis(80), Duration::from_secs(30));
        for (wait, head, idle, total) in [
            (Wait::Head, short, long, long),
            (Wait::Idle, long, short, long),
            (Wait::Total, long, long, short),
        ] {
            client.timeouts = Timeouts { connect: long, head, idle, total };
            let start = Instant::now();
            let error = client.get(&url(addr)).await.unwrap_err();
            assert_eq!(error.class(), Class::Timeout(wait), "{error}");
            assert!(start.elapsed() >= short && start.elapsed() < long, "{wait}");
            assert_eq!(client.pool.stats().open, 0, "{wait}: the connection is closed");
        }
    });
}

/// A listener that accepts nobody and whose queue is full answers no further attempt to connect.
#[cfg(target_os = "linux")]
#[test]
fn connecting_has_its_limit_too() {
    block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let listener = socket.listen(1).unwrap();
        let addr = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        while let Ok(stream) =
            tokio::time::timeout(Duration::from_secs(2), tokio::net::TcpStream::connect(addr)).await
        {
            queued.push(stream.unwrap());
            assert!(queued.len() < 100, "the queue has no end");
        }
        let mut client = client(PoolLimits::default());
        let long = Duration::from_secs(60);
        client.timeouts =
            Timeouts { connect: Duration::from_millis(80), head: long, idle: long, total: long };
        let error = client.get(&url(addr)).await.unwrap_err();
        assert_eq!(error.class(), Class::Timeout(Wait::Connect), "{error}");
        assert!(error.safe_to_retry(), "nothing was sent: {error}");
        assert_eq!(client.pool.stats().open, 0);
    });
}

#[test]
fn nobody_there_and_too_many_and_too_large_say_so() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let addr = upstream(|_, mut stream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").unwrap();
        let _ = stream.read(&mut [0; 1]);
    });
    block_on(async {
        let mut client = client(PoolLimits { max_open: 1, ..PoolLimits::default() });
        let refused = client.get(&url(closed)).await.unwrap_err();
        assert!(refused.class() == Class::Connect && refused.safe_to_retry(), "{refused}");
        assert!(refused.to_string().contains(&closed.to_string()), "{refused}");

        let target = client.pool.target(&url(addr).parse().unwrap()).unwrap();
        let get = || Outgoing::new(Method::GET, "/").unwrap();
        let held = target.send(get(), &Timeouts::default()).await.unwrap();
        let full = client.get(&url(addr)).await.unwrap_err();
        assert!(matches!(full, Error::PoolFull { open: 1, limit: 1 }), "{full}");
        drop(held);
        client.max_answer = 4;
        assert_eq!(client.get(&url(addr)).await.unwrap_err().class(), Class::TooLarge);
        assert_eq!(client.pool.stats().open, 0);
    });
}

#[test]
fn what_waits_is_bounded_and_ages() {
    let addr = upstream(numbered);
    block_on(async {
        for (idle_age, left) in [(PATIENCE, 2), (Duration::from_millis(1), 0)] {
            let client = client(PoolLimits { max_idle_per_endpoint: 2, idle_age, ..PoolLimits::default() });
            let target = client.pool.target(&url(addr).parse().unwrap()).unwrap();
            let mut answers = Vec::new();
            for _ in 0..5 {
                let get = Outgoing::new(Method::GET, "/").unwrap();
                answers.push(target.send(get, &Timeouts::default()).await.unwrap());
            }
            for answer in answers {
                answer.into_body().collect(9).await.unwrap();
            }
            assert_eq!((client.pool.stats().idle, client.pool.stats().open), (2, 2));
            tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>()).await.unwrap_err();
            client.pool.sweep();
            assert_eq!((client.pool.stats().idle, client.pool.stats().open), (left, left));
        }
    });
}

/// 68 small writes in a burst must not meet Nagle's algorithm, nor may one be lost.
#[test]
fn a_burst_of_small_writes_arrives_at_once() {
    let addr = upstream(|_, mut stream| {
        while read_request(&mut stream).is_some() {
            let head =
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(head).unwrap();
            for number in 0..68 {
                let event = format!("data: {number:02}\n\n");
                stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).unwrap();
            }
            stream.write_all(b"0\r\n\r\n").unwrap();
        }
    });
    let server = proxy(addr, Limits::default(), BodyLimits::default());
    let mut stream = connect(server.addr());
    // Nagle's stall is in every round, as the acknowledgement that it waits for is delayed by 40 ms at least; what a slow
    // or busy machine adds is not in each of so many.
    let mut quick = false;
    for _ in 0..200 {
        let start = Instant::now();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        let got = read_until(&mut stream, "\r\n0\r\n\r\n");
        assert_eq!(got.matches("data: ").count(), 68);
        quick = start.elapsed() < Duration::from_millis(38);
        if quick {
            break;
        }
    }
    assert!(quick, "each of 200 bursts took as long as a delayed acknowledgement");
}

#[test]
fn a_client_that_leaves_closes_the_upstream() {
    let (gone, when_gone) = signal();
    let addr = upstream(move |_, mut stream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n").unwrap();
        assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
        gone.send(()).unwrap();
    });
    let server = proxy(addr, Limits::default(), BodyLimits::default());
    let mut stream = connect(server.addr());
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    read_until(&mut stream, "1\r\na\r\n");
    drop(stream);
    when_gone.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn shutdown_lets_a_stream_finish_and_cuts_one_that_does_not() {
    for finishes in [true, false] {
        let (go, may_go) = signal();
        let may_go = std::sync::Arc::new(std::sync::Mutex::new(may_go));
        let addr = upstream(move |_, mut stream| {
            read_request(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n").unwrap();
            if may_go.lock().unwrap().recv().is_ok() {
                stream.write_all(b"1\r\nb\r\n0\r\n\r\n").unwrap();
            }
            let _ = stream.read(&mut [0; 1]);
        });
        let server = proxy(
            addr,
            Limits { linger: Duration::from_millis(50), ..Limits::default() },
            BodyLimits::default(),
        );
        let to = server.addr();
        let mut stream = connect(to);
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        read_until(&mut stream, "1\r\na\r\n");
        let wait = if finishes { PATIENCE } else { Duration::from_millis(100) };
        let shutdown = thread::spawn(move || block_on(server.shutdown(wait)));
        while std::net::TcpStream::connect(to).is_ok() {
            thread::yield_now();
        }
        if finishes {
            go.send(()).unwrap();
            assert!(read_to_end(&mut stream).ends_with("1\r\nb\r\n0\r\n\r\n"));
        }
        let drained = shutdown.join().unwrap();
        assert_eq!(drained.cut, usize::from(!finishes), "{drained:?}");
        assert_eq!(drained.stats.live, 0);
        drop(go);
    }
}

#[test]
fn tls_checks_the_name_and_the_authority_and_reuses_the_connection() {
    let addr = tls_upstream();
    let trusting = TlsConfig { ca_file: Some("tests/tls/ca.pem".into()) };
    block_on(async {
        let client = Client::new(Pool::new(PoolLimits::default(), trusting.clone()));
        let good = format!("https://localhost:{}/", addr.port());
        for _ in 0..3 {
            assert_eq!(client.get(&good).await.unwrap().body, Bytes::from_static(b"tls"));
        }
        assert_eq!(client.pool.stats().opened, 1);
        let wrong_name = client.get(&format!("https://{addr}/")).await.unwrap_err();
        assert_eq!(wrong_name.class(), Class::Tls, "{wrong_name}");
        let stranger = TlsConfig { ca_file: Some("tests/tls/server.pem".into()) };
        let endpoint: Endpoint = good.parse().unwrap();
        let target = Pool::new(PoolLimits::default(), stranger).target(&endpoint).unwrap();
        let get = Outgoing::new(Method::GET, "/").unwrap();
        let unknown = target.send(get, &Timeouts::default()).await.err().unwrap();
        assert_eq!(unknown.class(), Class::Tls, "{unknown}");
    });
}

fn tls_upstream() -> SocketAddr {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let certificate = CertificateDer::from_pem_file("tests/tls/server.pem").unwrap();
    let key = PrivateKeyDer::from_pem_file("tests/tls/server.key").unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = std::sync::Arc::new(config);
    upstream(move |_, mut stream| {
        let mut session = rustls::ServerConnection::new(config.clone()).unwrap();
        let mut tls = rustls::Stream::new(&mut session, &mut stream);
        let mut got = Vec::new();
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = tls.read(&mut buffer) {
            got.extend_from_slice(&buffer[..read]);
            if got.ends_with(b"\r\n\r\n") {
                got.clear();
                tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntls").unwrap();
            }
        }
    })
}

/// Written and closed at once, so that the break is seen in the same look as the bytes.
#[test]
fn what_came_before_a_break_is_handed_out_and_then_the_break() {
    let addr = upstream(|_, mut stream| {
        read_request(&mut stream);
        let half = [&b"HTTP/1.1 200 OK\r\ncontent-length: 40000\r\n\r\n"[..], &[b'x'; 20_000]].concat();
        stream.write_all(&half).unwrap();
    });
    block_on(async {
        let client = client(PoolLimits::default());
        let target = client.pool.target(&url(addr).parse::<Endpoint>().unwrap()).unwrap();
        let request = Outgoing::new(Method::GET, "/").unwrap();
        let mut body = target.send(request, &client.timeouts).await.unwrap().into_body();
        let (mut came, mut broke) = (0, false);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => came += frame.into_data().unwrap().len(),
                Err(error) => broke |= error.class() == Class::Reset,
            }
        }
        assert_eq!((came, broke), (20_000, true));
    });
}
