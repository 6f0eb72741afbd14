//! A PostgreSQL server for the tests of this process, by `tests/postgres/serve.sh`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tollgate_store::journal::postgres::Scratch;

/// A server that runs as long as this process, or until it is stopped as by a crash.
pub(super) struct Server {
    child: Child,
    pub(super) url: String,
}

impl Server {
    /// Starts one with its data in a folder; `None`, said loudly, where there is no PostgreSQL.
    pub(super) fn start(folder: Option<&Path>) -> Option<Self> {
        Self::start_with(folder, None)
    }

    /// One that also listens on a port of loopback, for TLS alone.
    pub(super) fn start_with(folder: Option<&Path>, port: Option<u16>) -> Option<Self> {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/postgres/serve.sh");
        let port = port.map(|port| ("TLS_PORT", port.to_string()));
        let mut child = Command::new(script)
            .args(folder)
            .envs(port)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        if url.is_empty() {
            assert_eq!(child.wait().unwrap().code(), Some(3), "the server did not start");
            let said = b"SKIPPED: the ledger on PostgreSQL, as there is none on this machine\n";
            std::io::stderr().write_all(said).unwrap();
            return None;
        }
        Some(Self { child, url: url.trim().into() })
    }

    /// Stops it at once, as a crash does; what it confirmed is in its own log.
    pub(super) fn crash(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// A ledger of its own on the server that all tests share.
pub(super) fn scratch() -> Option<Scratch> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(|| Server::start(None)).as_ref()?;
    Some(Scratch::new(&server.url, &format!("ledger_{}", NEXT.fetch_add(1, Ordering::Relaxed))))
}
