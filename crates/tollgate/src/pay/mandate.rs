//! `tollgate pay mandate`: making mandates, and does this chain of them allow this payment?

use super::{admit, issue};
use crate::ending::{Ending, Refusal as No};
use crate::{place, say};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};
use tollgate_core::{Clock, Timestamp};
use tollgate_gateway::clock::SystemClock;
use tollgate_pay::json::Json;
use tollgate_pay::mandate::{Addressed, Chain, Es256Key, Expect, Refusal, Usage};

/// What can be done with mandates.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Verify(Box<VerifyArgs>),
    Admit(Box<admit::AdmitArgs>),
    Close(admit::CloseArgs),
    Revoke(admit::RevokeArgs),
    Keygen(issue::KeygenArgs),
    Open(Box<issue::OpenArgs>),
    Pay(issue::PayArgs),
}

/// A chain, and what it must be.
#[derive(Args, Debug)]
pub(crate) struct Chosen {
    /// File of the chain, `-` for standard input
    file: PathBuf,
    /// File of the principal's public key: a JWK, or a JWK set from which the key id chooses
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Audience and nonce of each hop after the first, in order; of a payment that the principal signed, its own
    #[arg(long = "hop", value_name = "AUDIENCE,NONCE", required = true, value_parser = hop)]
    hops: Vec<Addressed>,
    /// When it is checked, as RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = crate::key::time)]
    pub(super) at: Option<Timestamp>,
    /// Print as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Check an AP2 delegation chain: who allowed what, and whether the payment meets every constraint
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay mandate verify chain.txt --key user.jwk --hop psp.example,n-0001
  tollgate pay mandate verify - --key keys.json --hop sub.example,n-1 --hop psp.example,n-2 --spent 5000 --payments 1

The chain is AP2 v0.2: SD-JWTs joined by ~~, ES256. Every hop after the first must be addressed to the audience and answer
the nonce given for it, in order. What was paid before under the mandate is given by --spent, --payments and --last: this
command keeps no account of it, `mandate admit` does. A payment that the principal signed itself is one JWS (ES256, type
mandate+jwt).
Exit codes: 0 allowed, 1 refused with the reason, 2 cannot be read.")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    chosen: Chosen,
    /// Minor units paid under the mandate before
    #[arg(long, value_name = "N", default_value_t = 0)]
    spent: i128,
    /// Payments made under it before
    #[arg(long, value_name = "N", default_value_t = 0)]
    payments: u64,
    /// When the last of them was made
    #[arg(long, value_name = "TIME", value_parser = crate::key::time)]
    last: Option<Timestamp>,
}

/// `AUDIENCE,NONCE`.
pub(super) fn hop(text: &str) -> Result<Addressed, &'static str> {
    let (audience, nonce) = text.rsplit_once(',').ok_or("write it as AUDIENCE,NONCE")?;
    Ok(Addressed { audience: audience.into(), nonce: nonce.into() })
}

pub(super) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Verify(args) => verify(&args),
        Command::Admit(args) => admit::admit(&args),
        Command::Close(args) => admit::close(&args),
        Command::Revoke(args) => admit::revoke(&args),
        Command::Keygen(args) => issue::keygen(&args),
        Command::Open(args) => issue::open(&args),
        Command::Pay(args) => issue::pay(&args),
    }
}

fn verify(args: &VerifyArgs) -> Result<Ending> {
    let now = args.chosen.at.unwrap_or_else(|| SystemClock::new().now());
    let usage = Usage { spent: args.spent, payments: args.payments, last: args.last };
    let verified = chain(&args.chosen, now)?;
    match verified.and_then(|chain| chain.admit(&usage, now).map(|()| chain)) {
        Ok(chain) => show(&chain, args.chosen.json),
        Err(refusal) => refuse(&refusal, args.chosen.json),
    }
}

/// Reads and proves what was chosen: a chain, or a payment that the principal signed.
pub(super) fn chain(args: &Chosen, now: Timestamp) -> Result<Result<Chain, Refusal>> {
    let text = place::read_text(&args.file)?;
    let token = text.trim_end();
    let keys = keys(&args.key)?;
    let root = |kid: &str| match keys.as_slice() {
        // A key without an id is the one that was meant.
        [(None, key)] => Some(key.clone()),
        keys => keys.iter().find(|(id, _)| id.as_deref() == Some(kid)).map(|(_, key)| key.clone()),
    };
    if let ([hop], false) = (args.hops.as_slice(), token.contains('~')) {
        return Ok(Chain::verify_single(token, root, hop, now));
    }
    Ok(Chain::verify(token, root, &Expect { hops: &args.hops, now }))
}

/// Keys with their ids.
fn keys(path: &Path) -> Result<Vec<(Option<String>, Es256Key)>> {
    let shown = path.display();
    let file = Json::parse(&place::read(path)?).with_context(|| shown.to_string())?;
    let list = file.get("keys").and_then(Json::list).map_or_else(|| vec![file.clone()], <[Json]>::to_vec);
    let mut keys = Vec::new();
    for jwk in list {
        let Some(key) = Es256Key::from_jwk(&jwk) else {
            bail!("{shown}: not a public P-256 key as JWK (kty EC, crv P-256, x, y and no d)");
        };
        keys.push((jwk.get("kid").and_then(Json::text).map(str::to_owned), key));
    }
    Ok(keys)
}

pub(super) fn refuse(refusal: &Refusal, as_json: bool) -> Result<Ending> {
    if !as_json {
        return Err(No(format!("{}: {refusal}", refusal.code())).into());
    }
    say::json(&json!({"allowed": false, "error": refusal.code(), "reason": refusal.to_string()}))?;
    Ok(Ending::Refused)
}

fn show(chain: &Chain, as_json: bool) -> Result<Ending> {
    let hex = |id: &[u8; 32]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (closed, constraints) = (&chain.closed, chain.open.iter().flat_map(|open| &open.constraints));
    let kinds: Vec<_> = constraints.map(tollgate_pay::mandate::Constraint::kind).collect();
    if as_json {
        say::json(&json!({
            "allowed": true,
            "authorisation": hex(&chain.id),
            "mandates": chain.names.iter().map(&hex).collect::<Vec<_>>(),
            "principal": chain.principal,
            "transaction": closed.transaction,
            "payee": closed.payee.id,
            "amount": closed.amount,
            "instrument": closed.instrument.id,
            "delegations": chain.open.len(),
            "constraints": kinds,
        }))?;
        return Ok(Ending::Good);
    }
    say::line(&format!(
        "allowed: {} to {:?} with {:?} for transaction {:?}",
        closed.amount, closed.payee.id, closed.instrument.id, closed.transaction
    ))?;
    let met = if kinds.is_empty() { "none".into() } else { kinds.join(", ") };
    say::line(&format!(
        "by {:?} through {} open mandates; constraints met: {met}",
        chain.principal,
        chain.open.len()
    ))?;
    say::line(&format!("authorisation {} (consume it once)", hex(&chain.id)))?;
    Ok(Ending::Good)
}
