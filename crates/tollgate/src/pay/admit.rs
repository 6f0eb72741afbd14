//! `tollgate pay mandate admit|close|revoke`: what a ledger counts about mandates, each authorisation once.

use super::mandate::{self, Chosen};
use crate::ending::{Ending, Refusal as No};
use crate::say;
use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::sync::Arc;
use tollgate_core::{Clock, Digest, Timestamp};
use tollgate_gateway::clock::SystemClock;
use tollgate_pay::ledger::{Closing, Command, Op, Outcome};
use tollgate_store::journal::JournalConfig;
use tollgate_store::journal::audit::Source;

/// Use a payment up: verify its chain, and count it in a ledger against every mandate of it
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay mandate admit chain.txt --key user.jwk --hop psp.example,n-0001 --ledger books

An authorisation, its nonce and its transaction are used once for ever, on whichever replica and after any restart; budgets,
recurrences and one live payment a mandate are counted in the same entry. The same command again gives the same answer.
Close it with `mandate close` when it was paid or rejected. Exit codes: 0 admitted, 1 refused, 2 cannot be read.")]
pub(crate) struct AdmitArgs {
    #[command(flatten)]
    chosen: Chosen,
    /// The ledger's folder or its PostgreSQL URL
    #[arg(long, value_name = "PLACE", value_parser = super::source)]
    ledger: Source,
    /// Names this attempt: sent again with the same word it gets the first answer [default: the authorisation]
    #[arg(long, value_name = "KEY")]
    attempt: Option<String>,
}

/// How a payment ended.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum How {
    /// What was counted stays counted
    Paid,
    /// What was counted is given back; the authorisation stays used up
    Rejected,
}

/// End a payment that was admitted
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay mandate close AUTHORISATION paid --ledger books")]
pub(crate) struct CloseArgs {
    /// The authorisation's number, as `admit` shows it
    authorisation: Digest,
    /// How it ended
    how: How,
    /// The ledger's folder or its PostgreSQL URL
    #[arg(long, value_name = "PLACE", value_parser = super::source)]
    ledger: Source,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Revoke a mandate: nothing more is admitted under it, what is live may be completed
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay mandate revoke MANDATE --ledger books")]
pub(crate) struct RevokeArgs {
    /// The mandate's number, as `admit` and `verify --json` show it
    mandate: Digest,
    /// The ledger's folder or its PostgreSQL URL
    #[arg(long, value_name = "PLACE", value_parser = super::source)]
    ledger: Source,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn admit(args: &AdmitArgs) -> Result<Ending> {
    let now = args.chosen.at.unwrap_or_else(|| SystemClock::new().now());
    let admitted = mandate::chain(&args.chosen, now)?.and_then(|chain| chain.admission(now));
    let admission = match admitted {
        Ok(admission) => admission,
        Err(refusal) => return mandate::refuse(&refusal, args.chosen.json),
    };
    let shown = json!({
        "authorisation": admission.id,
        "mandates": admission.shares.iter().map(|share| share.mandate).collect::<Vec<_>>(),
        "amount": admission.amount,
        "until": admission.until.map(|until| until.to_string()),
    });
    let key = args.attempt.clone().unwrap_or_else(|| format!("admit-{}", admission.id));
    let word = format!("admitted: {} as authorisation {}", admission.amount, admission.id);
    apply(&args.ledger, key, Op::Admit(Box::new(admission)), &word, shown, args.chosen.json)
}

pub(super) fn close(args: &CloseArgs) -> Result<Ending> {
    let (how, word) = match args.how {
        How::Paid => (Closing::Paid, "paid"),
        How::Rejected => (Closing::Rejected, "rejected"),
    };
    let (id, shown) = (args.authorisation, json!({"authorisation": args.authorisation, "how": word}));
    let op = Op::Close { admission: id, how };
    apply(&args.ledger, format!("close-{word}-{id}"), op, &format!("{word}: {id}"), shown, args.json)
}

pub(super) fn revoke(args: &RevokeArgs) -> Result<Ending> {
    let (mandate, shown) = (args.mandate, json!({"mandate": args.mandate}));
    let op = Op::Revoke { mandate, until: None::<Timestamp> };
    apply(&args.ledger, format!("revoke-{mandate}"), op, &format!("revoked: {mandate}"), shown, args.json)
}

/// Applies one operation and says what became of it.
fn apply(
    ledger: &Source,
    key: String,
    op: Op,
    word: &str,
    mut shown: serde_json::Value,
    as_json: bool,
) -> Result<Ending> {
    let journal = ledger.open(JournalConfig::default(), Arc::new(SystemClock::new()))?;
    let answer = journal.apply(Command::new(key, vec![op])?);
    journal.close();
    let answer = answer?;
    let why = match &answer.outcome {
        Outcome::Applied { .. } => None,
        Outcome::Refused { why, .. } => Some(why.to_string()),
    };
    if as_json {
        let said = [
            ("done", json!(why.is_none())),
            ("why", json!(why)),
            ("entry", json!(answer.seq)),
            ("again", json!(answer.again)),
        ];
        for (name, value) in said {
            shown[name] = value;
        }
        say::json(&shown)?;
        return Ok(Ending::of(why.is_none()));
    }
    if let Some(why) = why {
        return Err(No(why).into());
    }
    let again = if answer.again { " (answered before)" } else { "" };
    say::line(&format!("{word}, entry {}{again}", answer.seq))?;
    Ok(Ending::Good)
}
