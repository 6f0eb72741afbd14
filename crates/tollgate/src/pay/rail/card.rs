//! `tollgate pay rail card`: cards of payers, payments as the API has them, refunds, and webhooks that came.

use crate::ending::{Ending, Refusal};
use crate::pay::Printed;
use crate::pay::books::Books;
use crate::{place, say};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_card::{Card, CardRail, Folder, FolderCards, FolderJournal, Https, Refunded};
use tollgate_core::id::AccountId;
use tollgate_core::{Clock as _, Digest};
use tollgate_gateway::clock::SystemClock;
use tollgate_pay::rail::Outcome;
use tollgate_rail::Journal as _;

/// What can be done.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    File(FileArgs),
    Status(StatusArgs),
    Refund(RefundArgs),
    Event(EventArgs),
    Reconcile(ReconcileArgs),
}

/// File the card that an account pays with
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay rail card file acct_ada --payment-method pm_1Abc --customer cus_1Abc --data pay

The card is known to the API by these names; its number is never here. Its holder must have agreed that it is charged while away.")]
pub(crate) struct FileArgs {
    /// The account that contracts name
    account: AccountId,
    /// The API's name of the card
    #[arg(long, value_name = "NAME")]
    payment_method: String,
    /// The API's name of its holder
    #[arg(long, value_name = "NAME")]
    customer: Option<String>,
    #[command(flatten)]
    books: Books,
    #[command(flatten)]
    printed: Printed,
}

/// Show the payment of an escrow as the API has it
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay rail card status ESCROW --data pay")]
pub(crate) struct StatusArgs {
    /// The escrow
    escrow: Digest,
    #[command(flatten)]
    books: Books,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Give back a part of what was captured
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay rail card refund ESCROW --amount 500 --key order-17 --data pay

A key refunds once: where its outcome is not known (exit code 1), run it again with the same key.")]
pub(crate) struct RefundArgs {
    /// The escrow
    escrow: Digest,
    /// How much, in the currency's smallest unit
    #[arg(long, value_name = "MINOR")]
    amount: u64,
    /// Name of this refund
    #[arg(long, value_name = "TEXT")]
    key: String,
    #[command(flatten)]
    books: Books,
    #[command(flatten)]
    printed: Printed,
}

/// Check a webhook that came, and look what became of its escrow
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay rail card event body.json --signature 't=1700000000,v1=5257...' --data pay

Exit code 1 when nobody who has the webhook's secret signed it, or too long ago.")]
pub(crate) struct EventArgs {
    /// File of the request's body, byte for byte
    body: PathBuf,
    /// The header Stripe-Signature
    #[arg(long, value_name = "HEADER")]
    signature: String,
    #[command(flatten)]
    books: Books,
    #[command(flatten)]
    printed: Printed,
}

/// Show calls whose outcome is not known
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay rail card reconcile --data pay

What an escrow waits for is looked after by `pay escrow do settle`; a refund by asking for it again.")]
pub(crate) struct ReconcileArgs {
    #[command(flatten)]
    books: Books,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::File(args) => file(&args),
        Command::Status(args) => status(&args),
        Command::Refund(args) => refund(&args),
        Command::Event(args) => event(&args),
        Command::Reconcile(args) => reconcile(&args),
    }
}

fn folder(data: &Path) -> Result<Folder> {
    let folder = Folder::read(data).context("docs/rails.md shows what the file says")?;
    folder.with_context(|| format!("{} has no card/rail.json: docs/rails.md shows one", data.display()))
}

fn rail(data: &Path) -> Result<CardRail<Https, FolderJournal, FolderCards>> {
    Ok(folder(data)?.rail(Arc::new(SystemClock::new()))?)
}

/// The payment of an escrow that was held.
fn payment(books: &Books, escrow: &Digest) -> Result<String> {
    let escrow = books.escrow(escrow)?;
    escrow.held.context("nothing is held for this escrow: `pay escrow do lock` holds it")
}

fn file(args: &FileArgs) -> Result<Ending> {
    let card = Card { payment_method: args.payment_method.clone(), customer: args.customer.clone() };
    folder(&args.books.data)?.cards().file(&args.account, &card)?;
    let shown = json!({"account": args.account, "payment_method": card.payment_method});
    args.printed.show(&shown, &format!("{} pays with {}", args.account, card.payment_method))?;
    Ok(Ending::Good)
}

fn status(args: &StatusArgs) -> Result<Ending> {
    let (mut rail, name) = (rail(&args.books.data)?, payment(&args.books, &args.escrow)?);
    let (payment, refunds) = (rail.payment(&name)?, rail.refunds(&name)?);
    if args.json {
        let row = |refund: &Refunded| json!({"id": refund.id, "key": refund.key, "amount": refund.amount, "failed": refund.is_failed});
        let refunds: Vec<_> = refunds.iter().map(row).collect();
        say::json(&json!({
            "escrow": args.escrow, "payment": payment.id, "stage": payment.stage.word(), "currency": payment.currency,
            "amount": payment.amount, "captured": payment.received, "refunds": refunds,
        }))?;
        return Ok(Ending::Good);
    }
    let (stage, currency) = (payment.stage.word(), &payment.currency);
    say::line(&format!("payment  {}, {stage}", payment.id))?;
    say::line(&format!("amount   {} {currency}, {} captured", payment.amount, payment.received))?;
    for refund in refunds {
        let said = if refund.is_failed { ", failed" } else { "" };
        say::line(&format!("refund   {} {currency} ({}){said}", refund.amount, refund.id))?;
    }
    Ok(Ending::Good)
}

fn refund(args: &RefundArgs) -> Result<Ending> {
    let (mut rail, name) = (rail(&args.books.data)?, payment(&args.books, &args.escrow)?);
    match rail.give_back(&args.key, &name, args.amount) {
        Outcome::Done { proof } => {
            let shown = json!({"escrow": args.escrow, "refunded": args.amount, "proof": proof});
            args.printed.show(&shown, &format!("refunded {} ({proof})", args.amount))?;
            Ok(Ending::Good)
        }
        Outcome::Failed { reason } => Err(Refusal(reason).into()),
        Outcome::Unknown => {
            let why = "whether it was refunded is not known: run this again with the same key";
            Err(Refusal(why.into()).into())
        }
    }
}

fn event(args: &EventArgs) -> Result<Ending> {
    let hook = folder(&args.books.data)?.hook()?;
    let hook = hook.context("card/rail.json names no webhook_secrets: name the file of the secret")?;
    let (body, now) = (place::read(&args.body)?, SystemClock::new().now());
    let event = hook.read(&args.signature, &body, now).map_err(|error| Refusal(error.to_string()))?;
    let told = match event.escrow {
        Some(escrow) => {
            let mut open = args.books.open()?;
            let told = open.settle(escrow);
            open.close();
            told?
        }
        None => None,
    };
    let recorded = told.as_ref().map(
        |told| json!({"entry": told.seq, "escrow": told.escrow, "phase": told.phase, "version": told.version}),
    );
    let mut text = format!("{} ({})", event.kind, event.id);
    if let Some(told) = told {
        text.push_str(&format!("\n{:>6}  {}  {}", told.seq, told.escrow, told.phase));
    }
    args.printed.show(&json!({"event": event.id, "kind": event.kind, "recorded": recorded}), &text)?;
    Ok(Ending::Good)
}

fn reconcile(args: &ReconcileArgs) -> Result<Ending> {
    let mut rail = rail(&args.books.data)?;
    let open =
        rail.journal().records().filter(|record| record.outcome.is_none() && !record.key.starts_with("end:"));
    let rows: Vec<(String, String)> =
        open.map(|record| (record.key.clone(), record.intent.clone().unwrap_or_default())).collect();
    if args.json {
        say::json(
            &rows.iter().map(|(key, payment)| json!({"key": key, "payment": payment})).collect::<Vec<_>>(),
        )?;
    } else if rows.is_empty() {
        say::line("nothing is under way")?;
    } else {
        let rows: Vec<_> = rows.into_iter().map(|(key, payment)| vec![key, payment]).collect();
        say::table(&["key", "payment"], &rows)?;
    }
    Ok(Ending::Good)
}
