//! Ten thousand callers that are connected and say nothing, in front of the running binary.

use crate::tool::{Folder, Process, Server};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// As many as are promised.
const IDLE: usize = 10_000;
/// Open files that the tests of this process and the gateway need beside.
const SPARE: u64 = 500;
/// What one that waits may cost the gateway, in KiB of memory.
const KIB_EACH: usize = 24;
const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(60);

/// How many connections this process, and so the gateway that it starts, may have.
fn possible() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX).saturating_sub(SPARE);
    usize::try_from(files).unwrap_or(usize::MAX).min(IDLE)
}

#[test]
fn ten_thousand_idle_connections_cost_little_and_keep_nobody_out() {
    let count = possible();
    if count < IDLE {
        let said = format!(
            "SKIPPED: {IDLE} idle connections: the limit of open files leaves {count}, tried with these\n"
        );
        let _ = std::io::stderr().write_all(said.as_bytes());
    }
    let folder = Folder::new("idle");
    let sim = Process::start(&folder, &["sim", "--listen", "127.0.0.1:0", "--speed", "0"]);
    // None is closed for its idling, however long it takes to open them all.
    let config = format!(
        "limits: {{idle_ms: 3600000}}\nlog: {{level: error}}\n\
         providers: [{{name: sim, kind: tollgate_sim, base_url: \"{}\"}}]\nmodels: [{{name: sim-small, provider: sim}}]\n\
         policy: p.tollgate\n",
        sim.url
    );
    folder.write("c.yaml", &config);
    folder.write("p.tollgate", "policy \"t\"\ndefault { models { \"sim-small\" } }\n");
    let server = Server::start(&folder, &["c.yaml", "--data", "memory", "--workers", "2"]);
    assert!(server.chat("", "hello").starts_with("HTTP/1.1 200"));
    let before = server.rss_kib();
    let mut held = Vec::with_capacity(count);
    for number in 0..count {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // Every second one has been answered before it waits.
        if number % 2 == 0 {
            stream.write_all(HEALTH.as_bytes()).unwrap();
            answered(&mut stream);
        }
        held.push(stream);
    }
    let answer = server.chat("", "Is there room for me?");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let grown = server.rss_kib().saturating_sub(before);
    assert!(grown < count * KIB_EACH, "{grown} KiB for {count} connections");
    for stream in &mut held {
        stream.set_nonblocking(true).unwrap();
        let open = stream.read(&mut [0; 1]).unwrap_err();
        assert_eq!(open.kind(), std::io::ErrorKind::WouldBlock, "one was closed");
    }
    for stream in held.iter_mut().step_by(count / 10) {
        stream.set_nonblocking(false).unwrap();
        stream.write_all(HEALTH.as_bytes()).unwrap();
        answered(stream);
    }
    if std::env::var_os("SHOW_FIGURES").is_some() {
        let said = format!("{count} idle connections: {} bytes each\n", grown * 1024 / count);
        let _ = std::io::stderr().write_all(said.as_bytes());
    }
    drop(held);
    server.signal("TERM");
    let (status, err) = server.end();
    assert_eq!(status.code(), Some(0), "{err}");
}

/// Reads the answer to [`HEALTH`], of which more than the head has come when it is whole.
fn answered(stream: &mut TcpStream) {
    let mut got = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&got).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() >= length.trim().parse().unwrap() {
            return;
        }
    }
}
