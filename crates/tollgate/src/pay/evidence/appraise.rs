//! `tollgate pay evidence appraise`: an evaluator's word on an output.

use super::bind;
use crate::ending::Ending;
use crate::pay::Printed;
use crate::place;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use tollgate_core::{Clock, Digest, Timestamp};
use tollgate_evidence::{Appraisal, Appraisals};
use tollgate_gateway::clock::SystemClock;
use tollgate_pay::escrow::{Evaluator, Signed, Signer, digest, read};
use tollgate_pay::json::plain;

/// Say as an evaluator whether an output does; evidence of kind evaluators
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay evidence appraise --task task.json --output 3f2a... --key evaluator-1.key --to appraisals.json
  tollgate pay evidence appraise --task task.json --output 3f2a... --key evaluator-2.key --to appraisals.json --failed

The file is made, or what it holds is added to. How many evaluators must say yes is for the predicate: `count` of passed_by.")]
pub(crate) struct AppraiseArgs {
    /// Terms of the task
    #[arg(long, value_name = "FILE")]
    task: PathBuf,
    /// SHA-256 of the output
    #[arg(long, value_name = "DIGEST")]
    output: Digest,
    /// File of the evaluator's secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// It does not do
    #[arg(long)]
    failed: bool,
    /// File of the reasons; only its digest is signed
    #[arg(long, value_name = "FILE")]
    reasons: Option<PathBuf>,
    /// When it was looked at, as RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = crate::key::time)]
    at: Option<Timestamp>,
    /// File of the appraisals
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    printed: Printed,
}

pub(super) fn appraise(args: &AppraiseArgs) -> Result<Ending> {
    let key = Signer::<Evaluator>::from_text(place::read_text(&args.key)?.trim_end())
        .with_context(|| args.key.display().to_string())?;
    let mut all = if args.to.exists() {
        read::<Appraisals>("appraisals", &place::read(&args.to)?)
            .with_context(|| args.to.display().to_string())?
    } else {
        Appraisals::default()
    };
    let reasons =
        args.reasons.as_deref().map(|path| place::read(path).map(|text| digest(&text))).transpose()?;
    let at = args.at.unwrap_or_else(|| SystemClock::new().now());
    let bind = bind(&args.task, &args.output)?.to_string();
    let mut signed =
        Signed::new(Appraisal { at, bind, output: args.output, passed: !args.failed, reasons }, Vec::new());
    signed.add(&key);
    all.appraisals.push(signed);
    std::fs::write(&args.to, plain(&all)).with_context(|| format!("cannot write {}", args.to.display()))?;
    let count = all.appraisals.len();
    args.printed.show(&json!({"appraisals": count}), &format!("{count} evaluators have spoken"))?;
    Ok(Ending::Good)
}
