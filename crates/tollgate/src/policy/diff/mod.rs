//! `tollgate policy diff`: which requests of a trace two policies would send elsewhere, and what that changes.

mod compare;

use super::source::{self, Source};
use super::trace;
use crate::ending::Ending;
use crate::say;
use anyhow::{Result, bail};
use clap::Args;
use compare::{Comparison, Side};
use std::path::PathBuf;
use tollgate_wire::Dialect;

/// Compare where two policies send the requests of a trace
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate policy diff old.tollgate new.tollgate --trace requests.jsonl
  tollgate policy diff old.tollgate new.tollgate --trace log.json --config tollgate.yaml --json

A line of the trace is the body of a request, or {\"text\": \"...\"}, or {\"request\": BODY,
\"dialect\": \"anthropic\", \"roles\": [\"gold\"]}, or a decision as `decisions export --signals`
writes it; a whole JSON array, indented or not, will do too. From the log both policies decide on the
signals that were recorded; what one of them needs and the record lacks is counted as undecided. With --config the models' prices and
`quality` give the change in cost and quality, and governance is obeyed: costs are estimates in
micro-dollars, of the first candidate or the mean of weighted ones.
Exits with 0 whether or not anything changes.")]
pub(crate) struct DiffArgs {
    /// The policy in force
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The policy to compare it with
    #[arg(value_name = "B")]
    after: PathBuf,
    /// Requests or decisions, one JSON object a line or one array; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    trace: PathBuf,
    /// The configuration with models, prices and pools
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The dialect of requests that do not say theirs
    #[arg(long, default_value = "openai_chat", value_parser = crate::wire::dialect)]
    dialect: Dialect,
    /// Most changed requests that are shown one by one
    #[arg(long, value_name = "N", default_value = "20")]
    limit: usize,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DiffArgs) -> Result<Ending> {
    crate::place::one_from_stdin([&args.before, &args.after, &args.trace].map(|path| Some(path.as_path())))?;
    let side = |path: &PathBuf| -> Result<Side> {
        let source = Source { file: Some(path.clone()), config: args.config.clone() };
        let text = source.read()?;
        let (policy, signals) = text.compile()?;
        Ok(Side::new(text.name, policy, signals))
    };
    let models = args.config.as_deref().map(source::models).transpose()?;
    let mut comparison = Comparison::new(side(&args.before)?, side(&args.after)?, models, args.limit);
    trace::each(&args.trace, args.dialect, |number, entry| comparison.take(number, entry))?;
    if comparison.requests() == 0 {
        bail!("{} holds no request", args.trace.display());
    }
    if args.json {
        say::json(&comparison.to_json())?;
    } else {
        comparison.print()?;
    }
    Ok(Ending::Good)
}
