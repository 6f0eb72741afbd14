//! `tollgate risk terms`: credit lines and escrow terms by a declared table, with the reasons of each.

use super::data::ModelArgs;
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use tollgate_core::Digest;
use tollgate_gateway::clock::SystemClock;
use tollgate_pay::json::Json;
use tollgate_pay::ledger::{Command, Op};
use tollgate_risk::explain::Reasons;
use tollgate_risk::online::Scorer;
use tollgate_risk::terms::Table;
use tollgate_store::journal::JournalConfig;
use tollgate_store::journal::audit::Source;

/// Decide credit lines and escrow terms by a declared table
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate risk terms --model model --data payments --table terms.yaml --out decisions.jsonl
  tollgate risk terms --model m --data payments --table terms.yaml --out d.jsonl --ledger books

The table has rows from the best scores to the worst, each with below, credit_minor, prefund_percent
and hold_days; the last has no below. A decision is one line of JSON in one spelling, with model,
table, row and reasons, fit for an audit log: with --ledger each is a record in the ledger's, once
however often the same is decided.")]
pub(crate) struct TermsArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// The declared table
    #[arg(long, value_name = "FILE")]
    table: PathBuf,
    /// Where the decisions go, a line each
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write each decision into the log of a ledger too: its folder or its PostgreSQL URL
    #[arg(long, value_name = "PLACE")]
    ledger: Option<Source>,
}

/// A decision as a record of the ledger; its key is its digest, so the same is recorded once.
fn record(decision: &str) -> Result<Command> {
    let body = format!("{{\"decision\":{decision},\"type\":\"tollgate/risk-terms/v1\"}}");
    let key = format!("risk-terms:{}", Digest::of(body.as_bytes()));
    Ok(Command::new(key, vec![Op::Record { body: Json::parse(body.as_bytes())? }])?)
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
    let (mut text, mut records) = (String::new(), Vec::new());
    for (user, score) in scores.iter().enumerate() {
        let decision =
            table.decide(&scorer.model().card.made_from.digest, score, &reasons.of(&data, &lookup, user));
        if let Some(count) = users.get_mut(decision.row - 1) {
            *count += 1;
        }
        let line = serde_json::to_string(&decision)?;
        if args.ledger.is_some() {
            records.push(record(&line)?);
        }
        text.push_str(&line);
        text.push('\n');
    }
    std::fs::write(&args.out, text).with_context(|| format!("cannot write {}", args.out.display()))?;
    if let Some(ledger) = &args.ledger {
        let journal = ledger.open(JournalConfig::default(), Arc::new(SystemClock::new()))?;
        let (mut new, all) = (0, records.len());
        let told = records.into_iter().try_for_each(|command| -> Result<()> {
            new += usize::from(!journal.apply(command)?.again);
            Ok(())
        });
        journal.close();
        told?;
        say::line(&format!("{new} of {all} decisions are new in the ledger's log"))?;
    }
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
