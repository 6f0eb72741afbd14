//! `tollgate pay evidence predicate`: what must be shown, checked and made.

use crate::ending::{Ending, Refusal as No};
use crate::pay::Printed;
use crate::{place, say};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tollgate_core::Digest;
use tollgate_evidence::predicate::{Predicate, READY, Ready};
use tollgate_pay::escrow::digest;
use tollgate_pay::json::Json;

/// What can be done with predicates.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Check(CheckArgs),
    Ready(ReadyArgs),
}

/// Check a predicate against the facts of the kinds that it names, and print its digest
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay evidence predicate check wanted.json

The digest is what a contract names the predicate by: white space and the order of names do not matter to it.
Exit codes: 0 it makes sense, 1 it does not, with the place, 2 cannot be read.")]
pub(crate) struct CheckArgs {
    /// File of the predicate
    file: PathBuf,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Make a predicate that is ready but for its parameters; without a name, list them
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay evidence predicate ready
  tollgate pay evidence predicate ready enclave pcr0=f4d48b81... most_s=600 > wanted.json")]
pub(crate) struct ReadyArgs {
    /// Its name
    name: Option<String>,
    /// Its parameters
    #[arg(value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    #[command(flatten)]
    printed: Printed,
}

pub(super) fn run(command: &Command) -> Result<Ending> {
    match command {
        Command::Check(args) => check(args),
        Command::Ready(args) => ready(args),
    }
}

/// Reads a predicate.
pub(super) fn read(path: &Path) -> Result<Predicate> {
    Predicate::parse(&place::read(path)?).with_context(|| path.display().to_string())
}

/// The digest by which a contract names the predicate in a file. A file in another language than ours is named by its bytes.
pub(in crate::pay) fn named(path: &Path) -> Result<Digest> {
    let text = place::read(path)?;
    let ours = Json::parse(&text).is_ok_and(|json| json.get("require").is_some());
    if !ours {
        return Ok(digest(&text));
    }
    let predicate = read(path)?;
    predicate.check().map_err(|fault| No(format!("{}: {fault}", path.display())))?;
    Ok(predicate.digest())
}

fn check(args: &CheckArgs) -> Result<Ending> {
    let predicate = read(&args.file)?;
    let kinds: Vec<_> = predicate.kinds().iter().map(ToString::to_string).collect();
    match (predicate.check(), args.json) {
        (Ok(()), true) => {
            say::json(&json!({"digest": predicate.digest(), "kinds": kinds, "sensible": true}))?;
            Ok(Ending::Good)
        }
        (Ok(()), false) => {
            say::line(&format!("{} asks for {}", predicate.digest(), kinds.join(", ")))?;
            Ok(Ending::Good)
        }
        (Err(fault), true) => {
            say::json(&json!({"place": fault.place, "reason": fault.says, "sensible": false}))?;
            Ok(Ending::Refused)
        }
        (Err(fault), false) => Err(No(fault.to_string()).into()),
    }
}

fn ready(args: &ReadyArgs) -> Result<Ending> {
    let Some(name) = &args.name else {
        let needs = |ready: &Ready| ready.needs.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
        if args.printed.json {
            let ready = |ready: &Ready| {
                let needs: Vec<_> = ready.needs.iter().map(|(name, _)| *name).collect();
                json!({"name": ready.name, "parameters": needs, "says": ready.says})
            };
            say::json(&READY.iter().map(ready).collect::<Vec<_>>())?;
            return Ok(Ending::Good);
        }
        let rows = READY.iter().map(|ready| vec![ready.name.into(), needs(ready), ready.says.into()]);
        say::table(&["predicate", "parameters", "what it shows"], &rows.collect::<Vec<_>>())?;
        return Ok(Ending::Good);
    };
    let names = || READY.iter().map(|ready| ready.name).collect::<Vec<_>>().join(", ");
    let ready = Ready::named(name)
        .with_context(|| format!("no predicate {name:?} is ready; there are {}", names()))?;
    let split = |text: &'_ String| text.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned()));
    let given =
        args.parameters.iter().map(|text| split(text).with_context(|| format!("{text:?} is not NAME=VALUE")));
    let given = given.collect::<Result<BTreeMap<_, _>>>()?;
    let predicate =
        ready.with(&given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect())?;
    say::bytes(&predicate.canonical())?;
    Ok(Ending::Good)
}
