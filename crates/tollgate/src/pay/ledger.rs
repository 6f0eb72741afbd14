//! `tollgate pay ledger`: commands into a ledger's folder, and what its accounts have.

use crate::ending::Ending;
use crate::{place, say};
use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Asset, Digest, Timestamp};
use tollgate_gateway::clock::{SystemClock, entropy};
use tollgate_pay::escrow::{Owner, by_hand};
use tollgate_pay::ledger::{Account, Book, Command as Asked, Outcome};
use tollgate_pay::registry::PublicKey;
use tollgate_store::journal::JournalConfig;
use tollgate_store::journal::audit::Source;

/// What can be done with a ledger.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Apply(ApplyArgs),
    Accounts(AccountsArgs),
    Own(OwnArgs),
}

/// Apply commands, one JSON object a line, and print each answer when it is durable
#[derive(Args, Debug)]
#[command(after_help = r#"Examples:
  tollgate pay ledger apply commands.jsonl --ledger books
  echo '{"key":"open-1","ops":[{"open":{"asset":{"code":"USD","exponent":2},"bound":"none","id":"acct_bank"}}]}' |
    tollgate pay ledger apply - --ledger books
  tollgate pay ledger apply commands.jsonl --ledger postgres://tollgate@127.0.0.1/books

Operations: open, transfer, hold, post, void, record, sweep. A command applies whole or not at all. Its key makes it safe to send
again: the first answer is given again, nothing happens twice. Exit code 1 when a command was refused."#)]
pub(crate) struct ApplyArgs {
    /// File of commands, `-` for standard input
    file: PathBuf,
    /// The ledger's folder or its PostgreSQL URL; it is made when there is none
    #[arg(long, value_name = "PLACE", value_parser = super::source)]
    ledger: Source,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Say in the log which keys speak for an account: an escrow is paid from it only when one of them signed
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay ledger own acct_ada \"$(cat ada.pub)\" \"$(head -1 user.pub)\" --ledger books
  tollgate pay ledger own acct_ada --ledger books

The last record counts. A party's key signs contracts, a P-256 key mandates. Without keys nothing is paid from the account.")]
pub(crate) struct OwnArgs {
    /// The account
    account: AccountId,
    /// Its keys: ed25519:BASE64 as `pay task keygen` prints it, or did:key
    #[arg(value_name = "KEY", value_parser = owner_key)]
    keys: Vec<PublicKey>,
    /// The ledger's folder or its PostgreSQL URL
    #[arg(long, value_name = "PLACE", value_parser = super::source)]
    ledger: Source,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Show what every account has, now or at a moment of the past
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay ledger accounts --ledger books
  tollgate pay ledger accounts --ledger books --at 2026-11-27T12:00:00Z --json

The past is read from the journal, entry by entry. A ledger that is in use can be read.")]
pub(crate) struct AccountsArgs {
    /// The ledger's folder or its PostgreSQL URL
    #[arg(long, value_name = "PLACE", value_parser = super::source)]
    ledger: Source,
    /// The moment, as RFC 3339 [default: the last entry]
    #[arg(long, value_name = "TIME", value_parser = crate::key::time)]
    at: Option<Timestamp>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Apply(args) => apply(&args),
        Command::Accounts(args) => accounts(&args),
        Command::Own(args) => own(&args),
    }
}

fn owner_key(text: &str) -> Result<PublicKey> {
    if text.starts_with("did:key:") {
        return Ok(PublicKey::from_did(text)?);
    }
    Ok(PublicKey::from_ed25519(text.parse::<tollgate_pay::escrow::PublicKey>()?.as_bytes())?)
}

fn own(args: &OwnArgs) -> Result<Ending> {
    let owner = Owner::new(args.account.clone(), args.keys.clone())?;
    // Said again later it is another record: keys may come back.
    let nonce: [u8; 32] = entropy().context("the system gave no entropy")?;
    let key = format!("own:{}", Digest(nonce));
    let journal = args.ledger.open(JournalConfig::default(), Arc::new(SystemClock::new()))?;
    let known = args.account.clone();
    let known = journal.look(move |book| book.account(&known).is_some())?;
    let answer =
        known.then(|| journal.apply(Asked::new(key, vec![owner.op()?])?).map_err(anyhow::Error::from));
    journal.close();
    let answer = answer.with_context(|| format!("there is no account {}: open it first", args.account))??;
    let keys: Vec<_> = args.keys.iter().map(PublicKey::did).collect();
    if args.json {
        say::json(&json!({"account": args.account, "keys": keys, "entry": answer.seq}))?;
    } else {
        let who = if keys.is_empty() { "nobody".into() } else { keys.join(", ") };
        say::line(&format!("{:>6}  {} answers to {who}", answer.seq, args.account))?;
    }
    Ok(Ending::Good)
}

fn apply(args: &ApplyArgs) -> Result<Ending> {
    let text = place::read_text(&args.file)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    // All lines are read before the first is applied: a typing error in the last one changes nothing.
    let read = |(n, line): (usize, &str)| -> Result<Asked> {
        let place = || format!("{}:{}: no command", args.file.display(), n + 1);
        let command = serde_json::from_str(line).with_context(place)?;
        by_hand(&command).with_context(place)?;
        Ok(command)
    };
    let commands = lines.map(read).collect::<Result<Vec<_>>>()?;
    let journal = args.ledger.open(JournalConfig::default(), Arc::new(SystemClock::new()))?;
    let mut refused = false;
    for command in commands {
        let key = command.key().to_owned();
        let answer = journal.apply(command).with_context(|| format!("command {key:?}"))?;
        let why = match &answer.outcome {
            Outcome::Applied { .. } => None,
            Outcome::Refused { op, why } => Some(format!("operation {op}: {why}")),
        };
        refused |= why.is_some();
        if args.json {
            let (seq, outcome) = (answer.seq, &answer.outcome);
            let shown =
                json!({"key": key, "seq": seq, "again": answer.again, "outcome": outcome, "why": why});
            say::line(&shown.to_string())?;
            continue;
        }
        let holds: Vec<_> = match &answer.outcome {
            Outcome::Applied { holds } => holds.iter().map(ToString::to_string).collect(),
            Outcome::Refused { .. } => Vec::new(),
        };
        let word = why.map_or("applied".to_owned(), |why| format!("refused: {why}"));
        let again = if answer.again { " (answered before)" } else { "" };
        say::line(format!("{:>6}  {key}  {word}{again} {}", answer.seq, holds.join(" ")).trim_end())?;
    }
    journal.close();
    Ok(Ending::of(!refused))
}

/// One account as it is shown.
#[derive(Serialize)]
struct Shown {
    id: String,
    asset: Asset,
    /// Posted credits less posted debits, in minor units.
    balance: Option<String>,
    /// Reserved for giving and for getting, in minor units.
    reserved_debits: String,
    reserved_credits: String,
}

fn accounts(args: &AccountsArgs) -> Result<Ending> {
    let book = past(&args.ledger, args.at)?;
    if args.json {
        let shown: Vec<_> = book.accounts().map(|(id, account)| shown(id.as_str(), account)).collect();
        say::json(&json!({"entries": book.next_seq(), "open_holds": book.open_holds(), "accounts": shown}))?;
        return Ok(Ending::Good);
    }
    let amount =
        |asset: Asset, minor: u128| i128::try_from(minor).map(|minor| Amount::new(minor, asset).to_string());
    let rows: Result<Vec<_>, std::num::TryFromIntError> = book
        .accounts()
        .map(|(id, account)| {
            let balance = account.balance().map(|minor| Amount::new(minor, account.asset).to_string());
            Ok(vec![
                id.to_string(),
                balance.unwrap_or_else(|| "beyond 128 bits".into()),
                amount(account.asset, account.pending.debits)?,
                amount(account.asset, account.pending.credits)?,
            ])
        })
        .collect();
    say::table(&["account", "balance", "reserved to give", "reserved to get"], &rows?)?;
    say::line(&format!("{} entries, {} holds open", book.next_seq(), book.open_holds()))?;
    Ok(Ending::Good)
}

fn shown(id: &str, account: &Account) -> Shown {
    Shown {
        id: id.into(),
        asset: account.asset,
        balance: account.balance().map(|minor| minor.to_string()),
        reserved_debits: account.pending.debits.to_string(),
        reserved_credits: account.pending.credits.to_string(),
    }
}

/// The ledger as it was, read from its entries.
fn past(ledger: &Source, at: Option<Timestamp>) -> Result<Book> {
    if let Source::Folder(folder) = ledger {
        ensure!(folder.is_dir(), "{} is not a folder: name the folder of a ledger", folder.display());
    }
    Ok(ledger.past(at)?)
}
