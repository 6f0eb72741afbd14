//! Memory of connections that wait, in a process of its own so that no other test counts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test stops at what it does not expect, and measures real waits"
)]

mod common;
use common::*;
use std::io::Write;
use tollgate_net::server::Limits;

const GET: &str = "GET /echo HTTP/1.1\r\nhost: a\r\n\r\n";

#[test]
fn five_hundred_idle_connections_cost_little() {
    let server = lone(Limits::default());
    let mut stream = connect(server.addr());
    stream.write_all(GET.as_bytes()).unwrap();
    read_until(&mut stream, "\r\n\r\n");
    let before = rss_kib();
    let held: Vec<_> = (0..500)
        .map(|_| {
            let mut stream = connect(server.addr());
            stream.write_all(GET.as_bytes()).unwrap();
            read_until(&mut stream, "\r\n\r\n");
            stream
        })
        .collect();
    assert_eq!(server.stats().live, held.len() + 1);
    let grown = rss_kib() - before;
    assert!(grown < 500 * 32, "{grown} KiB for 500 connections");
    // Those that held the shutdown up would be cut at its end.
    let drained = block_on(server.shutdown(PATIENCE));
    assert_eq!((drained.open, drained.cut, drained.stats.live), (501, 0, 0));
}

fn rss_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
