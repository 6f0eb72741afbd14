//! `tollgate policy lsp`: the policy language for editors, by the Language Server Protocol 3.17 over standard input and
//! output.
//!
//! Everything is computed from the whole text when it changes, which takes milliseconds. Messages, open texts and their
//! sizes are bounded; what is over a bound gets an error and the server goes on.

mod features;
mod frame;
mod server;
mod text;

use super::source::Source;
use crate::ending::Ending;
use anyhow::{Context, Result};
use clap::Args;
use server::Server;
use std::io::{BufReader, Write};
use std::path::PathBuf;
use tollgate_policy::Known;

/// Serve the policy language to an editor over standard input and output
#[derive(Args, Debug)]
#[command(after_help = "Example, for an editor that takes a command for files named *.tollgate:
  tollgate policy lsp --config tollgate.yaml

Diagnostics as `policy check` gives them, governance included where a configuration is given;
hover, go to definition, completion, symbols and formatting. Speaks the Language Server Protocol
3.17.")]
pub(crate) struct LspArgs {
    /// The configuration whose models and pools policies may name
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &LspArgs) -> Result<Ending> {
    let known = match &args.config {
        None => Known::any(),
        Some(_) => Source { file: None, config: args.config.clone() }.read()?.known,
    };
    let mut server = Server::new(known);
    let (mut input, mut out) = (BufReader::new(std::io::stdin()), std::io::stdout());
    while let Some(message) = frame::read(&mut input).context("cannot read what the editor sends")? {
        for answer in server.take(&message) {
            out.write_all(&frame::write(&answer)).context("cannot write to the editor")?;
        }
        out.flush().context("cannot write to the editor")?;
        if let Some(good) = server.ended() {
            return Ok(Ending::of(good));
        }
    }
    // The editor went away without a word.
    Ok(Ending::of(false))
}
