//! `tollgate risk terms`: credit lines and escrow terms by a declared table, with the reasons of each.

use super::data::ModelArgs;
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;
use tollgate_risk::explain::Reasons;
use tollgate_risk::online::Scorer;
use tollgate_risk::terms::Table;

/// Decide credit lines and escrow terms by a declared table
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate risk terms --model model --data payments --table terms.yaml --out decisions.jsonl

The table has rows from the best scores to the worst, each with below, credit_minor, prefund_percent
and hold_days; the last has no below. A decision is one line of JSON in one spelling, with model,
table, row and reasons, fit for an audit log.")]
pub(crate) struct TermsArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// The declared table
    #[arg(long, value_name = "FILE")]
    table: PathBuf,
    /// Where the decisions go, a line each
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Decides.
pub(super) fn run(args: &TermsArgs) -> Result<Ending> {
    let table = Table::read(&args.table)?;
    let (model, data) = args.model.open(false)?;
    let scores = model.score(&data, None)?;
    let scorer = Scorer::of_tables(model)?;
    let lookup = scorer.model().card.space.lookup(&data.names);
    let reasons = Reasons::new(&scorer);
    let mut users = vec![0usize; table.rows.len()];
    let mut text = String::new();
    for (user, score) in scores.iter().enumerate() {
        let decision =
            table.decide(&scorer.model().card.made_from.digest, score, &reasons.of(&data, &lookup, user));
        if let Some(count) = users.get_mut(decision.row - 1) {
            *count += 1;
        }
        text.push_str(&serde_json::to_string(&decision)?);
        text.push('\n');
    }
    std::fs::write(&args.out, text).with_context(|| format!("cannot write {}", args.out.display()))?;
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .zip(users)
        .map(|(row, users)| {
            let below = row.below.map_or_else(|| "others".into(), |below| below.to_string());
            let terms = [row.credit_minor, row.prefund_percent.into(), row.hold_days.into()];
            [vec![below, users.to_string()], terms.map(|n| n.to_string()).to_vec()].concat()
        })
        .collect();
    let credit = format!("credit in minor units of {}", table.asset);
    say::table(&["probability below", "users", &credit, "prefund %", "hold days"], &rows)?;
    Ok(Ending::Good)
}
