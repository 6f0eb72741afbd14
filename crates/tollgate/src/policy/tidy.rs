//! `tollgate policy fmt`: the one layout of a policy.

use super::source::Source;
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail};
use clap::Args;

/// Print a policy in its one layout, comments kept
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate policy fmt my.tollgate            print it
  tollgate policy fmt my.tollgate --write    change the file
  tollgate policy fmt my.tollgate --check    exit with 1 when it is laid out otherwise")]
pub(crate) struct FmtArgs {
    #[command(flatten)]
    source: Source,
    /// Change the file instead of printing
    #[arg(long, conflicts_with = "check")]
    write: bool,
    /// Only say whether the file is in the layout
    #[arg(long)]
    check: bool,
}

pub(super) fn run(args: &FmtArgs) -> Result<Ending> {
    let source = args.source.read()?;
    let laid_out = tollgate_policy::fmt(&source.name, &source.text)?;
    let same = laid_out == source.text;
    if args.check {
        if !same {
            say::remark(&format!(
                "{}: not in the layout; `tollgate policy fmt --write` changes it",
                source.name
            ));
        }
        return Ok(Ending::of(same));
    }
    if !args.write {
        say::text(&laid_out)?;
        return Ok(Ending::Good);
    }
    match args.source.file.as_deref().filter(|path| *path != "-") {
        None => bail!("--write needs a FILE to change"),
        Some(_) if same => Ok(Ending::Good),
        Some(path) => {
            std::fs::write(path, laid_out).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(Ending::Good)
        }
    }
}
