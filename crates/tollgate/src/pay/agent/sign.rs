//! What an agent's owner signs: records, and proofs that it controls an account.

use super::book::Registry;
use crate::ending::Ending;
use crate::pay::Printed;
use crate::{place, say};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tollgate_core::{Clock, Digest};
use tollgate_gateway::clock::{SystemClock, entropy};
use tollgate_pay::json::Json;
use tollgate_pay::registry::{Challenge, Sealed, SecretKey, prove as proof, prove_by_wallet};

/// Make an Ed25519 key for an agent; prints its id as did:key, and the public key as JWK
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay agent keygen --out ada.key")]
pub(crate) struct KeygenArgs {
    /// File for the secret key, readable by its owner only; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Sign a record; prints the signed one
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay agent sign ada.json --key ada.key --kid main --registry agents.jsonl > ada-2.json

The draft is a JSON object of id, name, keys, skills, cards and rails. Its time, and its version and the digest of the version
before when the registry has one, are filled in where they are missing.")]
pub(crate) struct SignArgs {
    /// File of the draft, `-` for standard input
    file: PathBuf,
    /// File of the secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Id of the key in the record before, or in the first record
    #[arg(long, value_name = "KID")]
    kid: String,
    /// The registry in which the version before stands
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    #[command(flatten)]
    printed: Printed,
}

/// Prove by an account's key that an agent controls the account; prints an item for the record's `rails`
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay agent prove --agent did:key:z6Mk... --rail ledger --account acct_ada --nonce n-1 --key account.key
  tollgate pay agent prove --agent did:key:z6Mk... --rail evm --account eip155:8453:0x2c75... --nonce n-1 > text
  tollgate pay agent prove --message text --signature 0xb914...

Without a key it prints the text that the wallet of an account on an EVM chain is to sign (EIP-191, personal_sign).")]
pub(crate) struct ProveArgs {
    /// The agent's id
    #[arg(long, value_name = "ID", required_unless_present = "message")]
    agent: Option<String>,
    /// The rail
    #[arg(long, value_name = "NAME", required_unless_present = "message")]
    rail: Option<String>,
    /// The account on it
    #[arg(long, value_name = "ACCOUNT", required_unless_present = "message")]
    account: Option<String>,
    /// The challenge that was given out
    #[arg(long, value_name = "TEXT", required_unless_present = "message")]
    nonce: Option<String>,
    /// File of the account's secret key
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// File of the text that a wallet signed
    #[arg(long, value_name = "FILE", requires = "signature", conflicts_with_all = ["agent", "rail", "account", "nonce", "key"])]
    message: Option<PathBuf>,
    /// The wallet's signature: 0x and 130 hexadecimal digits
    #[arg(long, value_name = "HEX", requires = "message")]
    signature: Option<String>,
    #[command(flatten)]
    printed: Printed,
}

pub(super) fn keygen(args: &KeygenArgs) -> Result<Ending> {
    let seed: [u8; 32] = entropy().context("the system gave no entropy")?;
    place::write_secret(&args.out, &format!("ed25519:{}", Digest(seed)))?;
    let public = SecretKey::from_seed(&seed).public();
    let jwk = public.jwk().canonical()?;
    if args.json {
        let jwk: Value = serde_json::from_str(&jwk)?;
        say::json(&json!({"id": public.did(), "jwk": jwk}))?;
        return Ok(Ending::Good);
    }
    say::line(&public.did())?;
    say::line(&jwk)?;
    Ok(Ending::Good)
}

pub(super) fn secret(path: &Path) -> Result<SecretKey> {
    let text = place::read_text(path)?;
    let seed = text.trim_end().strip_prefix("ed25519:").and_then(|hex| hex.parse::<Digest>().ok());
    let Some(seed) = seed else { bail!("{}: not a secret key that `agent keygen` made", path.display()) };
    Ok(SecretKey::from_seed(&seed.0))
}

pub(super) fn sign(args: &SignArgs) -> Result<Ending> {
    let shown = args.file.display();
    let mut draft: Value =
        serde_json::from_str(&place::read_text(&args.file)?).with_context(|| shown.to_string())?;
    let Some(members) = draft.as_object_mut() else { bail!("{shown}: the draft is no object") };
    let before = match (&args.registry, members.get("id").and_then(Value::as_str)) {
        (Some(path), Some(id)) if path.exists() => {
            let registry = Registry::open(path)?;
            registry.agents.get(id).and_then(|history| Some((history.current()?.version, history.digest()?)))
        }
        _ => None,
    };
    let mut fill = |name: &str, value: Value| {
        members.entry(name).or_insert(value);
    };
    fill("issued_at", SystemClock::new().now().to_string().into());
    fill("version", before.map_or(1, |(version, _)| version + 1).into());
    if let Some((_, digest)) = before {
        fill("previous", digest.to_string().into());
    }
    let payload = Json::parse(draft.to_string().as_bytes())?;
    let sealed = Sealed::sign(&payload, "tollgate-agent-record+jws", &args.kid, &secret(&args.key)?)?;
    args.printed.document(sealed.text())?;
    Ok(Ending::Good)
}

pub(super) fn prove(args: &ProveArgs) -> Result<Ending> {
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    if let Some(path) = &args.message {
        let message = place::read_text(path)?;
        // The line's end is that of the file.
        let message = message.strip_suffix('\n').unwrap_or(&message);
        args.printed.document(&prove_by_wallet(message, &given(&args.signature))?.canonical()?)?;
        return Ok(Ending::Good);
    }
    let challenge = Challenge {
        agent: given(&args.agent),
        rail: given(&args.rail),
        account: given(&args.account),
        nonce: given(&args.nonce),
        signed_at: SystemClock::new().now(),
    };
    match &args.key {
        Some(key) => args.printed.document(proof(&challenge, &secret(key)?)?.text())?,
        None => args.printed.show(&json!({"message": challenge.text()?}), &challenge.text()?)?,
    }
    Ok(Ending::Good)
}
