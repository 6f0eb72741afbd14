//! `tollgate pay mandate keygen|open|pay`: making mandates, and the payment under one for the terms of a task.

use super::Printed;
use super::books::{put, read_signed};
use super::mandate::hop;
use crate::ending::Ending;
use crate::place;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tollgate_core::Clock as _;
use tollgate_gateway::clock::{SystemClock, entropy};
use tollgate_pay::escrow::{Event, Mandate};
use tollgate_pay::json::Json;
use tollgate_pay::mandate::Addressed;
use tollgate_pay::mandate::issue::{self, Es256Secret};
use tollgate_pay::registry::PublicKey;

/// Make a key that signs mandates; prints the public key as did:key and as JWK
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay mandate keygen --out user.key > user.pub")]
pub(crate) struct KeygenArgs {
    /// File for the secret key, readable by its owner only; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    printed: Printed,
}

/// Sign an open mandate: what an agent may pay, within constraints; prints its name
#[derive(Args, Debug)]
#[command(after_help = r#"Example:
  echo '[{"type": "payment.budget", "max": 500, "currency": "USD"}]' > constraints.json
  tollgate pay mandate open --key user.key --holder did:key:zDn... --constraints constraints.json --out open.txt

Terms that are to be paid under it name it by `pay task new --mandate NAME`. The holder may pay by `mandate pay`, or hand a
narrower mandate on with --after."#)]
pub(crate) struct OpenArgs {
    /// File of the principal's secret key; with --after, of the holder's
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Whom it allows to pay: a P-256 key as did:key
    #[arg(long, value_name = "KEY", value_parser = es256)]
    holder: PublicKey,
    /// File of the constraints: a JSON list as in AP2 v0.2, amounts of a budget in whole units
    #[arg(long, value_name = "FILE")]
    constraints: PathBuf,
    /// File of the open mandate that is handed on; the new one can only narrow it
    #[arg(long, value_name = "FILE", requires = "to")]
    after: Option<PathBuf>,
    /// Audience and nonce of what is handed on
    #[arg(long, value_name = "AUDIENCE,NONCE", value_parser = hop, requires = "after")]
    to: Option<Addressed>,
    /// File for the mandate
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    printed: Printed,
}

/// Sign the payment for the terms of a task, under an open mandate or as the principal itself
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay mandate pay open.txt --task task.json --log example.com/pay --key agent.key --out mandate.txt
  tollgate pay mandate pay --task task.json --log example.com/pay --key user.key --out mandate.txt

Use it with `tollgate pay escrow do authorize ID --mandate mandate.txt`.")]
pub(crate) struct PayArgs {
    /// File of the open mandate [default: the principal signs the payment itself]
    open: Option<PathBuf>,
    /// File of the terms
    #[arg(long, value_name = "FILE")]
    task: PathBuf,
    /// Name of the log of the ledger that is to pay
    #[arg(long, value_name = "NAME")]
    log: String,
    /// File of the secret key of whom the mandate allows to pay
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// File for the mandate
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn es256(text: &str) -> Result<PublicKey> {
    match PublicKey::from_did(text)? {
        key @ PublicKey::P256(_) => Ok(key),
        PublicKey::Ed25519(_) => bail!("mandates are signed by P-256 keys, this is an Ed25519 key"),
    }
}

fn secret(path: &Path) -> Result<Es256Secret> {
    let text = place::read_text(path)?;
    Es256Secret::from_text(text.trim_end()).with_context(|| path.display().to_string())
}

pub(super) fn keygen(args: &KeygenArgs) -> Result<Ending> {
    let seed: [u8; 32] = entropy().context("the system gave no entropy")?;
    let key = Es256Secret::from_seed(&seed).context("the system gave no key: try again")?;
    place::write_secret(&args.out, &key.reveal())?;
    let public = PublicKey::P256(key.public());
    let (did, jwk) = (public.did(), public.jwk().canonical()?);
    let shown = json!({"id": did, "jwk": serde_json::from_str::<Value>(&jwk)?});
    args.printed.show(&shown, &format!("{did}\n{jwk}"))?;
    Ok(Ending::Good)
}

pub(super) fn open(args: &OpenArgs) -> Result<Ending> {
    let (key, now) = (secret(&args.key)?, SystemClock::new().now());
    let shown = || args.constraints.display().to_string();
    let constraints = Json::parse(&place::read(&args.constraints)?).with_context(shown)?;
    let members = [
        ("cnf", Json::Map([("jwk".to_owned(), args.holder.jwk())].into())),
        ("constraints", constraints),
        ("vct", Json::Text("mandate.payment.open.1".into())),
    ];
    let mandate = Json::Map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
    let signed = match (&args.after, &args.to) {
        (Some(after), Some(to)) => issue::next(&key, place::read_text(after)?.trim_end(), &mandate, to, now),
        _ => issue::first(&key, &PublicKey::P256(key.public()).did(), &mandate, now),
    };
    put(Some(&args.out), &signed)?;
    let name = issue::name(&signed)?;
    args.printed.show(&json!({"mandate": name}), &name.to_string())?;
    Ok(Ending::Good)
}

pub(super) fn pay(args: &PayArgs) -> Result<Ending> {
    let event: Event = read_signed("terms", &args.task)?;
    let Event::Propose(signed) = event else { bail!("{}: not the terms of a task", args.task.display()) };
    let (contract, key, now) = (&signed.statement, secret(&args.key)?, SystemClock::new().now());
    let (payment, to) = (Mandate::payment(contract)?, Mandate::addressed(&args.log, contract));
    let token = match &args.open {
        Some(open) => issue::next(&key, place::read_text(open)?.trim_end(), &payment, &to, now),
        None => issue::single(&key, &PublicKey::P256(key.public()).did(), &payment, &to, now)?,
    };
    put(Some(&args.out), &token)?;
    Ok(Ending::Good)
}
