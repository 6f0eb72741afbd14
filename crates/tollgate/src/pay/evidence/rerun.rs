//! `tollgate pay evidence run`: a run that whoever doubts it repeats.

use super::contract;
use crate::ending::Ending;
use crate::{place, say};
use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use tollgate_core::Digest;
use tollgate_evidence::EXECUTION;
use tollgate_produce::output;
use tollgate_rerun::{Bounds, run};

/// Run a module of WebAssembly on an input, as everybody who repeats it does
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay evidence run suite.wasm --input fix.diff
  tollgate pay evidence run suite.wasm --input fix.diff --task task.json --exhibit > tests.json

The module imports nothing but tollgate.input_size() -> i32, tollgate.input(to, from, length) and
tollgate.output(from, length), and exports memory and run() -> i32, whose result is its code. Floating point is refused.
Prints the code, the digests of module, input and output, and the fuel that it took; with --exhibit, evidence of kind
execution. Exit codes: 0 the code is 0, 1 it is another, 2 there is no run.")]
pub(crate) struct RunArgs {
    /// The module
    module: PathBuf,
    /// Its input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Most fuel: about one for each instruction
    #[arg(long, value_name = "N", default_value_t = 1 << 28)]
    fuel: u64,
    /// Write what it writes to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print evidence instead of what came of it
    #[arg(long, requires = "task")]
    exhibit: bool,
    /// Terms of the task that the evidence is of, whose output is the input
    #[arg(long, value_name = "FILE", requires = "exhibit")]
    task: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn rerun(args: &RunArgs) -> Result<Ending> {
    let (module, input) = (place::read(&args.module)?, place::read(&args.input)?);
    let bounds = Bounds { fuel: args.fuel, ..Bounds::default() };
    let done = run(&module, &input, &bounds)?;
    if let Some(out) = &args.out {
        std::fs::write(out, &done.output)?;
    }
    let told = json!({
        "code": done.code, "digest": Digest(done.digest(&module, &input, &bounds)), "fuel": done.fuel,
        "input": output(&input), "module": output(&module), "output": output(&done.output),
    });
    if let Some(task) = &args.task {
        let contract = contract(task)?;
        say::json(&json!({
            "fuel": args.fuel, "input": STANDARD.encode(&input), "module": STANDARD.encode(&module),
            "nonce": contract.nonce, "task": contract.digest(), "type": EXECUTION,
        }))?;
    } else if args.json {
        say::json(&told)?;
    } else {
        for name in ["code", "module", "input", "output", "fuel", "digest"] {
            let value = told.get(name).map(ToString::to_string).unwrap_or_default();
            say::line(&format!("{name}: {}", value.trim_matches('"')))?;
        }
    }
    Ok(Ending::of(done.code == 0))
}
