//! `tollgate pay audit witness`: cosigning what continues what was seen.

use crate::ending::Ending;
use crate::pay::Printed;
use crate::place;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_gateway::clock::SystemClock;
use tollgate_gateway::witness::{OverHttp, Serving};
use tollgate_net::server::{Limits, Server};
use tollgate_pay::log::{Policy, SigningKey, VerifyingKey};
use tollgate_store::journal::audit::{Known, LogFolder, Watch};

/// Be a witness: cosign the checkpoints of logs that only ever grow, for whoever asks
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay audit keygen witness.example --witness --out witness.key
  tollgate pay audit witness --key witness.key --seen witness.seen --log example.com/pay+1a2b3c4d+AbCd... --listen 127.0.0.1:7780

It answers `POST /add-checkpoint` (C2SP tlog-witness) until it is stopped. What it cosigned last is in the file of --seen, on the
disk before an answer leaves: without that file it would cosign a fork. Run it where the log's operator cannot reach it.")]
pub(crate) struct WitnessArgs {
    /// File of the witness's secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// File of what it saw; made when it is missing
    #[arg(long, value_name = "FILE")]
    seen: PathBuf,
    /// Public key of a log that it watches; may be repeated
    #[arg(long = "log", value_name = "KEY", required = true)]
    logs: Vec<VerifyingKey>,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7780")]
    listen: SocketAddr,
    #[command(flatten)]
    printed: Printed,
}

/// Answers until it is stopped.
pub(super) fn run(args: &WitnessArgs) -> Result<Ending> {
    let text = place::read_text(&args.key)?;
    let key = SigningKey::from_text(text.trim_end()).with_context(|| args.key.display().to_string())?;
    let shown = key.public().to_string();
    let watch = Watch::open(&args.seen, key, &args.logs)?;
    let serving = Serving::new(watch, Arc::new(SystemClock::new()));
    let server = Server::bind(args.listen, 1, Limits::default())?;
    let running = server.start(move |_| serving.clone())?;
    let url = format!("http://{}", running.addr());
    args.printed.show(&json!({"witness": shown, "url": url}), &format!("witness {shown} {url}"))?;
    loop {
        // Parked threads may wake for no reason; only a signal ends a witness.
        std::thread::park();
    }
}

/// Reads a policy of witnesses.
pub(in crate::pay) fn policy(path: &Path) -> Result<Policy> {
    Policy::parse(&place::read_text(path)?).with_context(|| path.display().to_string())
}

/// Has the witnesses of a policy cosign a log's checkpoint.
///
/// # Errors
/// When too few do.
pub(in crate::pay) fn cosign(log: &LogFolder, policy: &Policy) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let asked = log.cosign(policy, &mut Known::default(), &OverHttp::new(runtime.handle().clone()));
    asked.map(drop).map_err(super::no)
}
