//! `tollgate decisions`: what was decided, why, and whether it would be decided so again.

use crate::ending::{Ending, Refusal};
use crate::place::{self, Place};
use crate::say;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use tollgate_core::Timestamp;
use tollgate_gateway::config;
use tollgate_policy::{Known, Policy, Recorded};
use tollgate_store::{DecisionFilter, DecisionRow};

/// Read the log of decisions: list them, show one, or decide again from its record
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate decisions list --status 500-599
  tollgate decisions show req_00000000000000000000000000000001
  tollgate decisions replay req_00000000000000000000000000000001 --policy my.tollgate")]
pub(crate) struct DecisionsArgs {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    List(ListArgs),
    Show(ShowArgs),
    Replay(ReplayArgs),
    Export(ExportArgs),
}

/// List decisions, newest first
#[derive(Args, Debug, Default)]
#[command(after_help = "Examples:
  tollgate decisions list --route coding --limit 20
  tollgate decisions list --status 400-599 --since 2026-11-22T00:00:00Z --json")]
struct ListArgs {
    #[command(flatten)]
    place: Place,
    /// Only this route
    #[arg(long)]
    route: Option<String>,
    /// Only this chosen model
    #[arg(long)]
    model: Option<String>,
    /// Only this key's id
    #[arg(long)]
    key: Option<String>,
    /// Only this status, or a range such as 400-599
    #[arg(long, value_parser = status)]
    status: Option<(u16, u16)>,
    /// Only from this time on (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = crate::key::time)]
    since: Option<Timestamp>,
    /// Only where this text stands in the request, session or trace id
    #[arg(long, value_name = "TEXT")]
    id: Option<String>,
    /// Only those before this number, to go on where a list ended
    #[arg(long, value_name = "SEQ")]
    before: Option<i64>,
    /// How many at most
    #[arg(long, default_value = "50", value_name = "N")]
    limit: Option<usize>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Show one decision with phases, signals and reasons
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate decisions show req_00000000000000000000000000000001 --json")]
struct ShowArgs {
    /// The request's id, as the header `x-tollgate-request-id` gave it
    id: String,
    #[command(flatten)]
    place: Place,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Decide again from the record and compare
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate decisions replay req_00000000000000000000000000000001

Exits with 1 when the replay differs from the record.")]
struct ReplayArgs {
    /// The request's id
    id: String,
    #[command(flatten)]
    place: Place,
    /// The policy that was in force [default: the configuration's, else the shipped policy]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Write the log as JSON lines, oldest first: the workload that `fleet plan --trace` reads
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate decisions export --since 2026-11-01T00:00:00Z --out log.jsonl
  tollgate decisions export --signals --out log.jsonl && tollgate policy diff a b --trace log.jsonl")]
struct ExportArgs {
    #[command(flatten)]
    place: Place,
    /// Only from this time on (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = crate::key::time)]
    since: Option<Timestamp>,
    /// With the signals that each decision rests on, for `policy diff --trace` and `policy check --sample`
    #[arg(long)]
    signals: bool,
    /// The file to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs it.
pub(crate) fn run(args: DecisionsArgs) -> Result<Ending> {
    match args.command {
        None => list(ListArgs::default()),
        Some(Command::List(args)) => list(args),
        Some(Command::Show(args)) => show(&args),
        Some(Command::Replay(args)) => replay(&args),
        Some(Command::Export(args)) => export(&args),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("write one status such as 404, or a range such as 400-599")]
struct NoStatus;

fn status(text: &str) -> Result<(u16, u16), NoStatus> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let both = (low.parse().map_err(|_| NoStatus)?, high.parse().map_err(|_| NoStatus)?);
    if both.0 <= both.1 { Ok(both) } else { Err(NoStatus) }
}

fn list(args: ListArgs) -> Result<Ending> {
    let store = args.place.open(false)?;
    let filter = DecisionFilter {
        route: args.route,
        model: args.model,
        key: args.key,
        status: args.status,
        since: args.since,
        until: None,
        id_text: args.id,
    };
    let page = store.decisions(&filter, args.before, args.limit.unwrap_or(50))?;
    store.close()?;
    if args.json {
        say::json(&page)?;
        return Ok(Ending::Good);
    }
    let rows: Vec<_> = page.rows.iter().map(row).collect();
    let head = [
        "time", "id", "status", "route", "model", "instance", "in", "out", "usd", "first ms", "total ms",
        "own us",
    ];
    say::table(&head, &rows)?;
    if let Some(next) = page.next {
        say::remark(&format!("there are more: --before {next}"));
    }
    Ok(Ending::Good)
}

fn row(row: &DecisionRow) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
    vec![
        row.time.to_string(),
        row.id.clone(),
        row.status.to_string(),
        text(&row.route),
        text(&row.model),
        text(&row.instance),
        row.prompt_tokens.to_string(),
        row.completion_tokens.to_string(),
        usd(row.cost_micro),
        row.ttft_us.map_or_else(|| "-".into(), ms),
        ms(row.total_us),
        row.overhead_us.to_string(),
    ]
}

/// Microseconds as milliseconds with one place.
fn ms(us: u64) -> String {
    format!("{}.{}", us / 1000, us % 1000 / 100)
}

/// Millionths as dollars with six places.
fn usd(micro: u64) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

fn find(place: &Place, id: &str) -> Result<DecisionRow> {
    let store = place.open(false)?;
    let row = store.decision(id)?;
    store.close()?;
    let missing =
        || Refusal(format!("there is no decision {id:?}; `tollgate decisions list` shows the newest"));
    Ok(row.ok_or_else(missing)?)
}

fn show(args: &ShowArgs) -> Result<Ending> {
    let found = find(&args.place, &args.id)?;
    if args.json {
        say::json(&found)?;
        return Ok(Ending::Good);
    }
    // Every field is shown, whatever the record holds: a field that is added later shows itself.
    for (name, value) in json!(found).as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(text) => say::line(&format!("{name}: {text}"))?,
            Value::Number(number) if name == "time" => {
                say::line(&format!("{name}: {}", Timestamp(number.as_i64().unwrap_or(0))))?;
            }
            Value::Object(_) | Value::Array(_) => {
                say::line(&format!("{name}:"))?;
                let shown = serde_json::to_string_pretty(value)?;
                shown.lines().try_for_each(|line| say::line(&format!("  {line}")))?;
            }
            other => say::line(&format!("{name}: {other}"))?,
        }
    }
    Ok(Ending::Good)
}

fn replay(args: &ReplayArgs) -> Result<Ending> {
    let found = find(&args.place, &args.id)?;
    let story: Option<Value> =
        found.decision.as_ref().map(|raw| serde_json::from_str(raw.get())).transpose()?;
    let recorded = story.and_then(|mut story| story.get_mut("recorded").map(Value::take));
    let Some(recorded) = recorded else {
        let why = "it was refused before the policy decided, or its record was too large to keep";
        return Err(Refusal(format!("{} holds no decision to replay: {why}", args.id)).into());
    };
    let recorded: Recorded = serde_json::from_value(recorded).context("the record cannot be read")?;
    let (name, text) = policy(args)?;
    let policy = Policy::load(&name, &text, &Known::any())?;
    let decision = policy
        .replay(&recorded)
        .context("cannot replay; give the policy that was in force with --policy FILE")?;
    let same = found.route.as_deref() == Some(decision.route_name());
    if args.json {
        say::json(
            &json!({"id": args.id, "same": same, "recorded": found.route, "replayed": decision.explain_json()}),
        )?;
        return Ok(Ending::of(same));
    }
    say::text(&decision.explain())?;
    let verdict = if same { "the same as recorded" } else { "not the same as recorded" };
    say::line(&format!("{verdict}: {}", found.route.as_deref().unwrap_or("none")))?;
    Ok(Ending::of(same))
}

/// Page by page, so that a log of any length takes the memory of a page. Requests that were never served are left out.
fn export(args: &ExportArgs) -> Result<Ending> {
    let store = args.place.open(false)?;
    let filter = DecisionFilter { since: args.since, status: Some((200, 299)), ..DecisionFilter::default() };
    let mut file = match &args.out {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Some(BufWriter::new(file))
        }
        None => None,
    };
    let mut after = None;
    loop {
        let rows = store.decisions_in_order(&filter, after, usize::MAX)?;
        let Some(last) = rows.last() else { break };
        after = Some((last.time, last.seq));
        for row in &rows {
            let mut line = json!({
                "time": row.time.to_string(), "prompt_tokens": row.prompt_tokens,
                "completion_tokens": row.completion_tokens, "session": row.session, "route": row.route,
                "model": row.model, "pool": row.pool, "ttft_us": row.ttft_us, "total_us": row.total_us,
            });
            if let Some(map) = line.as_object_mut().filter(|_| args.signals) {
                map.insert("id".into(), json!(row.id));
                map.insert("requested_model".into(), json!(row.requested_model));
                // Pages hold no details; a request that the policy did not decide on has none.
                let told = store.decision(&row.id)?.and_then(|row| row.decision);
                map.insert("decision".into(), told.map_or_else(|| json!({}), |told| json!(told)));
            }
            match &mut file {
                Some(file) => writeln!(file, "{line}").context("cannot write the log")?,
                None => say::line(&line.to_string())?,
            }
        }
    }
    if let Some(mut file) = file {
        file.flush().context("cannot write the log")?;
    }
    store.close()?;
    Ok(Ending::Good)
}

fn policy(args: &ReplayArgs) -> Result<(String, String)> {
    let configured =
        args.place.config.as_ref().map(|path| config::load(path)).transpose()?.and_then(|s| s.policy);
    match args.policy.clone().or(configured) {
        Some(path) => Ok((path.display().to_string(), place::read_text(&path)?)),
        None => Ok(("shipped policy".into(), tollgate_policy::SHIPPED.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!((ms(1_290).as_str(), usd(1_250_001).as_str()), ("1.2", "1.250001"));
        assert_eq!(status("404").unwrap(), (404, 404));
        assert_eq!(status("400-599").unwrap(), (400, 599));
        assert!(status("599-400").is_err() && status("x").is_err());
    }
}
