//! `tollgate serve`: the gateway until it is told to stop, and what a person needs to use it.

mod default;
mod files;
mod judge;
mod signals;

use crate::ending::{Ending, Refusal};
use crate::say;
use anyhow::{Context, Result};
use clap::Args;
use signals::{Asked, Signals};
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_gateway::config::{self, Settings, written::AuthMode, written::Log};
use tollgate_gateway::serve::{Options, ServeError, Serving};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// Threads beside the workers: for chores, probes, and the simulated upstreams of the default.
const THREADS: usize = 2;

/// Run the gateway
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate serve                                       a working default, upstreams simulated
  tollgate serve tollgate.yaml                         your configuration
  tollgate serve --listen 127.0.0.1:0 --data memory    any free port, nothing kept
  tollgate serve tollgate.yaml --policy new.tollgate   another policy than the configured one
  tollgate serve --settle pay                          with the escrows of a folder

An interrupt or SIGTERM stops it and lets open answers finish; a second one ends it at once.
SIGHUP reads the configuration and the policy again. Without FILE the database stands in
./tollgate-data.")]
pub(crate) struct ServeArgs {
    /// The configuration [default: embedded, with simulated upstreams]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Address to listen on instead of the configured one; port 0 takes any free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Policy instead of the configured one
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Folder of the database instead of the configured one, or `memory`
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder of escrows, mandates and agents, as `pay escrow --data` has it, instead of the configured one
    #[arg(long, value_name = "DIR")]
    settle: Option<PathBuf>,
    /// Worker threads instead of the configured number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Serve a public address without keys all the same
    #[arg(long)]
    force_open: bool,
    /// Print nothing but errors and the log
    #[arg(long)]
    quiet: bool,
}

/// Serves until told to stop.
pub(crate) fn run(args: ServeArgs) -> Result<Ending> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(THREADS).enable_all().build().context("cannot start the runtime")?;
    let ending = runtime.block_on(serve(args));
    // Simulated upstreams and what a second signal left undone need no farewell.
    runtime.shutdown_background();
    ending
}

async fn serve(args: ServeArgs) -> Result<Ending> {
    let mut options = Options {
        listen: args.listen,
        policy: args.policy,
        data: args.data,
        settle: args.settle,
        judge: Some(Arc::new(judge::Verifiers)),
        workers: args.workers.map(usize::from),
        force_open: args.force_open,
        ..Options::default()
    };
    let mut upstreams = Vec::new();
    match args.file {
        Some(path) => {
            let settings = config::load(&path)?;
            log(&settings.log)?;
            free(args.listen.unwrap_or(settings.listen))?;
            options.config = Some(path);
        }
        None => {
            args.listen.map_or(Ok(()), free)?;
            let (mut settings, running) = default::start(args.listen.is_none()).await?;
            if let Some(path) = &options.policy {
                default::stand_in(&mut settings, path)?;
            }
            log(&settings.log)?;
            options.settings = Some(settings);
            upstreams = running;
        }
    }
    files::raise();
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let serving = Serving::start(options).await.map_err(explain)?;
    if !args.quiet {
        say::text(&greeting(serving.addr(), &serving.shared().snapshot.load().settings))?;
    }
    while let Asked::Reload = signals.next().await {
        // Where it is refused the gateway's log says why, and the last good state stays.
        if let (Ok(generation), false) = (serving.reload(), args.quiet) {
            say::remark(&format!("reloaded: generation {generation}"));
        }
    }
    if !args.quiet {
        say::remark("stopping: open answers finish first; interrupt again to end at once");
    }
    tokio::select! {
        stopped = serving.shutdown() => {
            let stopped = stopped.map_err(explain)?;
            if stopped.records_dropped > 0 {
                say::remark(&format!("{} decision records were dropped", stopped.records_dropped));
            }
        }
        () = signals.stop() => {
            say::remark("ended at once");
            return Ok(Ending::Refused);
        }
    }
    for running in upstreams {
        running.stop().await;
    }
    Ok(Ending::Good)
}

/// Refuses an address on which somebody listens.
fn free(listen: SocketAddr) -> Result<()> {
    if default::is_taken(listen) {
        let why = format!("{listen} is taken; stop what listens there, or give another --listen");
        return Err(Refusal(why).into());
    }
    Ok(())
}

/// What cannot be read exits with 2, what is refused with 1.
fn explain(error: ServeError) -> anyhow::Error {
    match error {
        ServeError::Config(_) | ServeError::Snapshot(_) => error.into(),
        other => {
            let refused = anyhow::Error::from(other);
            let causes: Vec<_> = refused.chain().map(ToString::to_string).collect();
            Refusal(causes.join(": ")).into()
        }
    }
}

/// Sends the log to standard error: ours at the configured level, libraries' from `warn`.
fn log(log: &Log) -> Result<()> {
    let level: LevelFilter = log.level.parse().context("log.level")?;
    let filter = Targets::new().with_target("tollgate", level).with_default(level.min(LevelFilter::WARN));
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry();
    match log.json {
        true => registry.with(lines.json().with_filter(filter)).try_init(),
        false => registry.with(lines.with_filter(filter)).try_init(),
    }
    .context("cannot start the log")
}

/// Where it is, and a command that shows that it answers.
fn greeting(addr: SocketAddr, settings: &Settings) -> String {
    let url = format!("http://{}", reachable(addr));
    let database =
        settings.database.as_ref().map_or_else(|| "in memory".into(), |path| path.display().to_string());
    let policy = settings.policy.as_ref().map_or_else(|| "shipped".into(), |path| path.display().to_string());
    let (models, pools) = (settings.models.len(), settings.pools.len());
    let folder = settings.database.as_deref().and_then(Path::parent).map(Path::display);
    let (key, hint) = match (settings.auth.mode, folder) {
        (AuthMode::Open, _) => ("", String::new()),
        (AuthMode::Keys, folder) => {
            let how = folder.map_or_else(
                || format!("`POST {url}/api/v1/keys` makes one"),
                |folder| format!("`tollgate key create NAME --data {folder}` makes one"),
            );
            (" -H \"authorization: Bearer $TOLLGATE_KEY\"", format!("keys are required: {how}\n\n"))
        }
    };
    format!(
        "tollgate {version}: {models} models in {pools} pools\n\n  console   {url}/console\n  API       {url}/v1\n  \
         database  {database}\n  policy    {policy}\n\n{hint}curl {url}/v1/chat/completions{key} -H 'content-type: application/json' \
         -d '{{\"model\":\"auto\",\"messages\":[{{\"role\":\"user\",\"content\":\"Prove step by step that this function terminates\"}}]}}'\n\n",
        version = env!("CARGO_PKG_VERSION"),
    )
}

/// The address as a client on this machine writes it.
fn reachable(addr: SocketAddr) -> SocketAddr {
    match addr.ip() {
        ip if !ip.is_unspecified() => addr,
        std::net::IpAddr::V4(_) => SocketAddr::from(([127, 0, 0, 1], addr.port())),
        std::net::IpAddr::V6(_) => SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, addr.port())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_can_be_pasted() {
        let settings = config::read("auth: {mode: keys}", "t.yaml".as_ref()).unwrap();
        let shown = greeting(([0, 0, 0, 0], 99).into(), &settings);
        assert!(
            shown.contains("http://127.0.0.1:99/console") && shown.contains("tollgate key create"),
            "{shown}"
        );
        let command = shown.lines().find(|l| l.starts_with("curl ")).unwrap();
        let body = command.split("-d '").nth(1).unwrap().trim_end_matches('\'');
        assert!(
            serde_json::from_str::<serde_json::Value>(body).is_ok()
                && command.contains("Bearer $TOLLGATE_KEY")
        );
    }
}
