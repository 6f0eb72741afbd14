//! `tollgate key`: virtual keys in the database of an installation.

use crate::ending::Ending;
use crate::place::Place;
use crate::say;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use tollgate_core::id::KeyId;
use tollgate_core::{Clock, Timestamp};
use tollgate_gateway::clock::{SystemClock, entropy};
use tollgate_store::{KeySpec, Secret, Store, StoreError, VirtualKey};

/// What can be done with keys.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Create(CreateArgs),
    List(ListArgs),
    Revoke(RevokeArgs),
    Rotate(RotateArgs),
}

/// Create a key; its secret is shown once
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate key create ci --model 'sim-*' --tenant acme
  tollgate key create ops --scope admin --expires 2027-01-01T00:00:00Z --json")]
pub(crate) struct CreateArgs {
    /// A name for people
    name: String,
    #[command(flatten)]
    place: Place,
    /// The tenant that pays
    #[arg(long)]
    tenant: Option<String>,
    /// A role; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// A group; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// A scope, such as `admin`; may be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A model that may be asked for, `*` stands for any text; may be repeated [default: all]
    #[arg(long = "model", value_name = "PATTERN")]
    models: Vec<String>,
    /// When it ends, as RFC 3339 such as 2027-01-01T00:00:00Z [default: never]
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Option<Timestamp>,
    /// Print the key with its secret as JSON
    #[arg(long)]
    json: bool,
}

/// List keys, without their secrets
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate key list
  tollgate key list --config tollgate.yaml --json")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Place,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// End a key
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate key revoke key_00000000000000000000000000000001")]
pub(crate) struct RevokeArgs {
    /// The key's id, as `list` shows it
    id: KeyId,
    #[command(flatten)]
    place: Place,
}

/// Give a key a new secret, shown once
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate key rotate key_00000000000000000000000000000001 --grace-minutes 60")]
pub(crate) struct RotateArgs {
    /// The key's id, as `list` shows it
    id: KeyId,
    #[command(flatten)]
    place: Place,
    /// How long the old secret stays good
    #[arg(long, default_value_t = 0, value_name = "MINUTES", value_parser = clap::value_parser!(i64).range(0..=525_600))]
    grace_minutes: i64,
    /// Print the id and the new secret as JSON
    #[arg(long)]
    json: bool,
}

/// Reads a time.
pub(crate) fn time(text: &str) -> Result<Timestamp, jiff::Error> {
    text.parse::<jiff::Timestamp>().map(|time| Timestamp(time.as_microsecond()))
}

/// Runs one of them.
pub(crate) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Create(args) => create(args),
        Command::List(args) => list(&args),
        Command::Revoke(args) => revoke(&args),
        Command::Rotate(args) => rotate(&args),
    }
}

fn create(args: CreateArgs) -> Result<Ending> {
    let store = args.place.open(true)?;
    let (name, tenant) = (args.name, args.tenant);
    let (roles, groups, scopes, models) = (args.roles, args.groups, args.scopes, args.models);
    let spec = KeySpec { name, tenant, roles, groups, scopes, models, expires: args.expires };
    let now = SystemClock::new().now();
    if spec.expires.is_some_and(|end| end <= now) {
        bail!("--expires is in the past; give a later time");
    }
    let secret = Secret::from_bytes(&random()?);
    let [id, _] =
        random()?.as_chunks::<16>().0.iter().map(|b| u128::from_le_bytes(*b)).collect::<Vec<_>>()[..]
    else {
        bail!("the system gave no entropy");
    };
    let key = store.create_key(KeyId::from_bits(id), spec, &secret, now)?;
    store.close()?;
    if args.json {
        let mut shown = json!(key);
        if let Some(map) = shown.as_object_mut() {
            map.insert("secret".into(), json!(secret.reveal()));
        }
        say::json(&shown)?;
    } else {
        say::line(&format!("{}\n{}", key.id, secret.reveal()))?;
        say::remark("the secret is shown this once; only its digest is kept");
    }
    Ok(Ending::Good)
}

fn random() -> Result<[u8; 32]> {
    entropy().context("the system gave no entropy")
}

fn list(args: &ListArgs) -> Result<Ending> {
    let store = args.place.open(false)?;
    let ring = store.keys();
    store.close()?;
    if args.json {
        say::json(&ring.all())?;
        return Ok(Ending::Good);
    }
    let now = SystemClock::new().now();
    let rows: Vec<_> = ring.all().iter().map(|key| row(key, now)).collect();
    say::table(&["id", "name", "secret", "state", "tenant", "models", "created"], &rows)?;
    Ok(Ending::Good)
}

fn row(key: &VirtualKey, now: Timestamp) -> Vec<String> {
    let state = match (key.revoked, key.spec.expires) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(end)) if end <= now => "expired".into(),
        (None, Some(end)) => format!("until {end}"),
        (None, None) => "good".into(),
    };
    let models = if key.spec.models.is_empty() { "all".into() } else { key.spec.models.join(" ") };
    let tenant = key.spec.tenant.clone().unwrap_or_default();
    vec![
        key.id.to_string(),
        key.spec.name.clone(),
        format!("…{}", key.hint),
        state,
        tenant,
        models,
        key.created.to_string(),
    ]
}

fn revoke(args: &RevokeArgs) -> Result<Ending> {
    let store = args.place.open(false)?;
    store.revoke_key(args.id.as_str(), SystemClock::new().now()).map_err(|e| known(&store, &args.id, e))?;
    store.close()?;
    say::line(&format!("{} is revoked", args.id))?;
    Ok(Ending::Good)
}

fn rotate(args: &RotateArgs) -> Result<Ending> {
    let store = args.place.open(false)?;
    let secret = Secret::from_bytes(&random()?);
    let until =
        Timestamp(SystemClock::new().now().0.saturating_add(args.grace_minutes.saturating_mul(60_000_000)));
    store.rotate_key(args.id.as_str(), &secret, until).map_err(|e| known(&store, &args.id, e))?;
    store.close()?;
    if args.json {
        say::json(&json!({"id": args.id, "secret": secret.reveal(), "old_until": until}))?;
    } else {
        say::line(secret.reveal())?;
        say::remark("the secret is shown this once; only its digest is kept");
    }
    Ok(Ending::Good)
}

/// A key that is not there is a "no"; the rest is trouble with the database.
fn known(store: &Store, id: &KeyId, error: StoreError) -> anyhow::Error {
    match error {
        StoreError::NotFound { .. } => {
            let revoked = store.keys().get(id.as_str()).is_some();
            let why =
                if revoked { "is revoked" } else { "does not exist; `tollgate key list` shows the keys" };
            crate::ending::Refusal(format!("{id} {why}")).into()
        }
        other => other.into(),
    }
}
