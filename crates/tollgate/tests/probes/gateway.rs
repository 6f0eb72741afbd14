//! A gateway in this process, and one connection to it.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use tollgate_core::Clock;
use tollgate_gateway::clock::SystemClock;
use tollgate_gateway::config;
use tollgate_gateway::serve::{Options, Serving};
use tollgate_policy::{Known, Policy};

pub(crate) struct Gateway {
    runtime: Option<tokio::runtime::Runtime>,
    serving: Option<Serving>,
    addr: SocketAddr,
    file: PathBuf,
}

impl Gateway {
    /// Serves `policy`; its models are simulated, but an evaluation asks none.
    pub(crate) fn start(name: &str, policy: &str) -> Self {
        // Tests of one process serve the same recipe at the same time.
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let file = format!("tollgate-probes-{name}-{}-{number}.tollgate", std::process::id());
        let file = std::env::temp_dir().join(file);
        std::fs::write(&file, policy).unwrap();
        let models =
            Policy::load(name, policy, &Known::any()).unwrap_or_else(|e| panic!("{name}: {e}")).models();
        let unused = vec![([127, 0, 0, 1], 9).into(); config::DEFAULT_INSTANCES.len()];
        let mut settings = config::default_settings(&unused, "tollgate.yaml".as_ref()).unwrap();
        config::simulate(&mut settings, &models);
        let options = Options {
            settings: Some(settings),
            policy: Some(file.clone()),
            listen: Some(([127, 0, 0, 1], 0).into()),
            data: Some("memory".into()),
            workers: Some(1),
            ..Options::default()
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let serving = runtime.block_on(Serving::start(options)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let addr = serving.addr();
        Self { runtime: Some(runtime), serving: Some(serving), addr, file }
    }

    /// The answer to an evaluation, and the milliseconds that it took.
    pub(crate) fn eval(&self, payload: &Value) -> (Value, u128) {
        let body = payload.to_string();
        let clock = SystemClock::new();
        let start = clock.tick();
        let mut stream = TcpStream::connect(self.addr).unwrap();
        let head = format!(
            "POST /api/v1/eval HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut status = String::new();
        reader.read_line(&mut status).unwrap();
        let mut answer = String::new();
        reader.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or(("", ""));
        assert!(status.starts_with("HTTP/1.1 200"), "{status}{answer}");
        let body = body.get(body.find('{').unwrap_or(0)..=body.rfind('}').unwrap_or(0)).unwrap_or_default();
        (serde_json::from_str(body).unwrap(), u128::from(clock.tick().since_ns(start) / 1_000_000))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let (Some(serving), Some(runtime)) = (self.serving.take(), self.runtime.take()) {
            let _ = runtime.block_on(serving.shutdown());
            // The analysis of the policy, which nobody waits for here, may still be running.
            runtime.shutdown_background();
        }
        let _ = std::fs::remove_file(&self.file);
    }
}
