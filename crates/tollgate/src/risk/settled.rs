//! `tollgate risk settled`: what a ledger settled becomes payments that models read: payee is merchant.
//!
//! A transfer is settled at once, a hold when it is posted, for what is posted. Only what left an account that may not be
//! overdrawn is a payment of somebody who can default; everything else (deposits, fees of the house) is counted and left
//! out. Memory: accounts and open holds.

use crate::ending::Ending;
use crate::say;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use tollgate_core::id::AccountId;
use tollgate_core::{Amount, Asset};
use tollgate_pay::ledger::{Bound, Entry, HoldId, Op, Outcome, Rest};
use tollgate_store::journal::audit::Source;

/// How the file that is written is read.
const MAPPING: &str = "# Made by `tollgate risk settled`. Add a table of users to train; see the guide.
events: { file: events.csv, user: payer, time: time, merchant: payee, amount: amount_minor }
";

/// Turn a ledger's settled payments into events that models read
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate risk settled --ledger books --out payments
  tollgate risk settled --ledger postgres://tollgate@127.0.0.1/books --out payments --asset USD

Writes events.csv (payer, time in seconds, payee, amount in minor units, entry of the ledger), and
mapping.yaml where there is none. Transfers and posted holds count; holds that are open, voided or
expired do not. The ledger is read, not opened.")]
pub(crate) struct SettledArgs {
    /// The ledger's folder or its PostgreSQL URL
    #[arg(long, value_name = "PLACE")]
    ledger: Source,
    /// The folder of the events
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Payments in this asset only [default: the one that there is]
    #[arg(long, value_name = "CODE")]
    asset: Option<String>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// One settled payment.
struct Payment {
    payer: AccountId,
    payee: AccountId,
    amount: Amount,
}

/// What of the entries so far is needed to read the next.
#[derive(Default)]
struct Reading {
    /// Accounts that may not be overdrawn.
    payers: HashSet<AccountId>,
    holds: HashMap<HoldId, Payment>,
    /// What payments are counted in.
    asset: Option<Asset>,
    /// Settled, and left out.
    payments: u64,
    others: u64,
}

impl Reading {
    /// The payments that an entry settled.
    fn take(&mut self, entry: &Entry) -> Vec<Payment> {
        let mut settled = Vec::new();
        for hold in &entry.expired {
            self.holds.remove(hold);
        }
        let Outcome::Applied { holds } = &entry.outcome else { return settled };
        let mut made = holds.iter();
        for op in entry.command.ops() {
            match op {
                Op::Open { bound: Bound::DebitsWithinCredits, id, .. } => {
                    self.payers.insert(id.clone());
                }
                Op::Transfer { amount, credit, debit } => {
                    settled.push(Payment { payer: debit.clone(), payee: credit.clone(), amount: *amount });
                }
                Op::Hold { amount, credit, debit, .. } => {
                    let held = Payment { payer: debit.clone(), payee: credit.clone(), amount: *amount };
                    made.next().map(|number| self.holds.insert(*number, held));
                }
                Op::Post { amount, hold, rest } => settled.extend(self.post(*hold, *amount, *rest)),
                Op::Void { hold } => {
                    self.holds.remove(hold);
                }
                _ => {}
            }
        }
        let all = settled.len() as u64;
        settled.retain(|payment| self.payers.contains(&payment.payer));
        self.others += all - settled.len() as u64;
        settled
    }

    fn post(&mut self, number: HoldId, amount: Option<Amount>, rest: Rest) -> Option<Payment> {
        let held = self.holds.remove(&number)?;
        let amount = amount.unwrap_or(held.amount);
        let left = held.amount.checked_sub(amount).ok().filter(|left| left.minor() > 0);
        if let (Rest::Keep, Some(left)) = (rest, left) {
            let kept = Payment { payer: held.payer.clone(), payee: held.payee.clone(), amount: left };
            self.holds.insert(number, kept);
        }
        Some(Payment { amount, ..held })
    }
}

/// Writes the events.
pub(super) fn run(args: &SettledArgs) -> Result<Ending> {
    if let Source::Folder(folder) = &args.ledger {
        ensure!(folder.is_dir(), "{} is not a folder: name the folder of a ledger", folder.display());
    }
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let path = args.out.join("events.csv");
    let place = || format!("cannot write {}", path.display());
    let mut file = BufWriter::new(File::create(&path).with_context(place)?);
    writeln!(file, "payer,time,payee,amount_minor,entry").with_context(place)?;
    let mut reading = Reading::default();
    let mut problem = Ok(());
    args.ledger.each(|entry| {
        for payment in reading.take(&entry) {
            if problem.is_ok() {
                problem = line(&mut file, &entry, &payment, args.asset.as_deref(), &mut reading);
            }
        }
        Ok(())
    })?;
    problem?;
    file.flush().with_context(place)?;
    let mapping = args.out.join("mapping.yaml");
    if !mapping.exists() {
        std::fs::write(&mapping, MAPPING).with_context(|| format!("cannot write {}", mapping.display()))?;
    }
    if args.json {
        say::json(&serde_json::json!({
            "payments": reading.payments, "left_out": reading.others, "asset": reading.asset, "out": args.out,
        }))?;
    } else {
        say::line(&format!(
            "{} settled payments in {}; {} movements of other accounts or assets left out",
            reading.payments,
            path.display(),
            reading.others
        ))?;
    }
    Ok(Ending::Good)
}

/// Writes a payment, unless it is in another asset than is wanted.
fn line(
    file: &mut impl Write,
    entry: &Entry,
    payment: &Payment,
    wanted: Option<&str>,
    reading: &mut Reading,
) -> Result<()> {
    let asset = payment.amount.asset();
    if wanted.is_some_and(|wanted| wanted != asset.code()) {
        reading.others += 1;
        return Ok(());
    }
    let known = *reading.asset.get_or_insert(asset);
    if known != asset {
        bail!(
            "the ledger has payments in {known:?} and in {asset:?}, whose minor units are not alike; choose one with --asset"
        );
    }
    reading.payments += 1;
    let (payer, payee, minor) = (&payment.payer, &payment.payee, payment.amount.minor());
    writeln!(file, "{payer},{},{payee},{minor},{}", entry.time.seconds(), entry.seq)
        .context("cannot write the events")
}
