//! `tollgate risk fold`: events to folded histories on disk.

use super::data::{self, DataArgs};
use crate::ending::Ending;
use crate::say;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use tollgate_risk::fold::{Caps, FoldJob, FoldProgress};

/// Fold events by user and merchant, within the memory given
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate risk fold --data payments --out folded
  tollgate risk fold --data payments --out folded --memory-mib 512
  tollgate risk fold --data payments --out folded --whole

Started again, it goes on where it was stopped. Rows that are not whole, and rows at or after the cut-off, are refused and
listed; what the caps cut is pooled, never dropped.")]
pub(crate) struct FoldArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The folder of the folded histories
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Memory for events; more than that is set aside by user on disk
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    memory_mib: u64,
    /// Merchants listed per user, the most recent
    #[arg(long, value_name = "N", default_value_t = 128)]
    merchants: u32,
    /// Behaviours listed per merchant, the most recent
    #[arg(long, value_name = "N", default_value_t = 64)]
    behaviours: u32,
    /// List every payment, pool none: what `risk train --folded` reads
    #[arg(long, conflicts_with_all = ["merchants", "behaviours"])]
    whole: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Folds.
pub(super) fn run(args: &FoldArgs) -> Result<Ending> {
    let job = FoldJob {
        data: args.data.data.clone(),
        mapping: args.data.mapping()?,
        out: args.out.clone(),
        caps: match args.whole {
            true => Caps { merchants: u32::MAX, behaviours: u32::MAX },
            false => Caps { merchants: args.merchants, behaviours: args.behaviours },
        },
        memory: args.memory_mib << 20,
    };
    let bar = data::bar("rows or parts")?;
    let card = job.run(&mut |progress| {
        let (FoldProgress::Read(done, all) | FoldProgress::Folded(done, all)) = progress;
        bar.set_length(all);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    if args.json {
        say::json(&card)?;
        return Ok(Ending::Good);
    }
    data::show(&card.report)?;
    let sum = |f: fn(&tollgate_risk::fold::Block) -> u64| card.blocks.iter().map(f).sum::<u64>();
    say::table(
        &["users", "merchants of users", "behaviours listed", "pooled", "parts", "bytes"],
        &[[
            sum(|b| b.users),
            sum(|b| b.groups),
            sum(|b| b.listed),
            sum(|b| b.pooled),
            card.parts,
            sum(|b| b.length),
        ]
        .map(|n| n.to_string())
        .to_vec()],
    )?;
    Ok(Ending::Good)
}
