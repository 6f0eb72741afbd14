//! `tollgate risk terms`: credit lines and escrow terms by a declared table, with the reasons of each.

use super::data::{ModelArgs, hardly_read};
use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result};
use clap::Args;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_core::{Clock, Digest, Timestamp};
use tollgate_gateway::clock::SystemClock;
use tollgate_pay::json::Json;
use tollgate_pay::ledger::{Command, Entry, Op};
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
and hold_days; the last has no below. With payments_min, who has fewer payments gets the last row. A
decision is one line of JSON in one spelling, with the SHA-256 of model, data and table, row and
reasons, fit for an audit log: with --ledger each that differs from the last of its user there is
a record in the ledger's, before anything is in the file. The command ends with 1 where all events
are of users who are not listed, or most are refused.")]
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

/// What a record says that it is.
const KIND: &str = "tollgate/risk-terms/v2";

/// A decision as a record of the ledger. The moment makes it another than an equal one before: a decision that goes back to
/// earlier terms is a decision too.
fn record(decision: &str, at: Timestamp) -> Result<Command> {
    let body = format!("{{\"at_us\":{},\"decision\":{decision},\"type\":\"{KIND}\"}}", at.0);
    let key = format!("risk-terms:{}", Digest::of(body.as_bytes()));
    Ok(Command::new(key, vec![Op::Record { body: Json::parse(body.as_bytes())? }])?)
}

/// Keeps the last decision of each user that an entry records, in its one spelling.
fn keep(last: &mut HashMap<String, String>, entry: &Entry) {
    for op in entry.command.ops() {
        let Op::Record { body } = op else { continue };
        if body.get("type").and_then(Json::text) != Some(KIND) {
            continue;
        }
        let Some(decision) = body.get("decision") else { continue };
        if let (Some(user), Ok(text)) = (decision.get("user").and_then(Json::text), decision.canonical()) {
            last.insert(user.to_owned(), text);
        }
    }
}

/// Records the decisions that are not what the log says last of their users; answers how many.
fn logged(ledger: &Source, decisions: &[(String, String)]) -> Result<usize> {
    let clock = Arc::new(SystemClock::new());
    // Open first: between the reading and the writing nobody else may decide.
    let journal = ledger.open(JournalConfig::default(), clock.clone())?;
    let told = (|| -> Result<usize> {
        let mut last = HashMap::new();
        ledger.each(|entry| {
            keep(&mut last, &entry);
            Ok(())
        })?;
        let mut new = 0;
        for (user, decision) in decisions {
            if last.get(user) != Some(decision) {
                journal.apply(record(decision, clock.now())?)?;
                new += 1;
            }
        }
        Ok(new)
    })();
    journal.close();
    told
}

/// Writes beside and renames: the file is the old one or the whole new one.
fn put(path: &Path, text: &str) -> Result<()> {
    let beside = path.with_added_extension("new");
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::rename(&beside, path))
        .with_context(|| format!("cannot write {}", path.display()))
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
    let (mut text, mut decisions) = (String::new(), Vec::new());
    for (user, score) in scores.iter().enumerate() {
        let why = if score.lacks.is_some() { Vec::new() } else { reasons.of(&data, &lookup, user) };
        let decision = table.decide(scorer.model(), score, data.folded.listed_of(user).len(), &why);
        if let Some(count) = users.get_mut(decision.row - 1) {
            *count += 1;
        }
        let line = serde_json::to_string(&decision)?;
        text.push_str(&line);
        text.push('\n');
        decisions.push((decision.user, line));
    }
    // Nothing is handed on that the log does not have.
    if let Some(ledger) = &args.ledger {
        let new = logged(ledger, &decisions)?;
        say::line(&format!("{new} of {} decisions are new in the ledger's log", decisions.len()))?;
    }
    put(&args.out, &text)?;
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
    Ok(Ending::of(!hardly_read(&data.report)))
}
