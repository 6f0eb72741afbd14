//! `tollgate pay agent`: who an agent is, by records that it signs and that anybody can check.

mod book;
mod request;
mod sign;

use crate::ending::{Ending, Refusal as No};
use crate::{place, say};
use anyhow::{Context, Result, bail};
use book::Registry;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;
use tollgate_core::{Clock, Timestamp};
use tollgate_gateway::clock::SystemClock;
use tollgate_net::client::Client;
use tollgate_pay::PayError;
use tollgate_pay::json::Json;
use tollgate_pay::registry::{
    AgentRecord, Document, PublicKey, Purpose, Query, Sealed, check_card, registration, web_url,
};

/// Longest DID document that is fetched, in bytes.
const DOCUMENT_MAX: usize = 64 << 10;

/// What can be done with agents.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Keygen(sign::KeygenArgs),
    Sign(sign::SignArgs),
    Prove(sign::ProveArgs),
    Request(request::RequestArgs),
    Register(RegisterArgs),
    Show(ShowArgs),
    Find(FindArgs),
    Key(KeyArgs),
    Card(CardArgs),
    Registration(RegistrationArgs),
    Resolve(ResolveArgs),
}

/// Verify a signed record and keep it: the first of an agent, or its next version
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tollgate pay agent register ada-1.json --registry agents.jsonl
  tollgate pay agent register shop-1.json --registry agents.jsonl --document did.json

A first version must be signed by a key that the id itself names: the did:key, or one of the did:web document, which is
fetched unless a file is given. Exit codes: 0 kept, 1 refused, 2 cannot be read.")]
pub(crate) struct RegisterArgs {
    /// File of the signed record, `-` for standard input
    file: PathBuf,
    /// The registry's file, made when there is none
    #[arg(long, value_name = "FILE")]
    registry: PathBuf,
    /// The DID document of a did:web id, instead of fetching it
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Show an agent: its current record and all versions
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay agent show did:key:z6Mk... --registry agents.jsonl")]
pub(crate) struct ShowArgs {
    /// The agent's id
    id: String,
    /// The registry's file
    #[arg(long, value_name = "FILE")]
    registry: PathBuf,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Find agents by text, skill or rail
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay agent find --skill translate --registry agents.jsonl")]
pub(crate) struct FindArgs {
    /// Part of the id, the name or a skill
    text: Option<String>,
    /// A skill
    #[arg(long, value_name = "NAME")]
    skill: Option<String>,
    /// A rail on which an account is proven
    #[arg(long, value_name = "NAME")]
    rail: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Go on after this id
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// The registry's file
    #[arg(long, value_name = "FILE")]
    registry: PathBuf,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Say which key counted for a purpose at a moment
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay agent key did:key:z6Mk... main control --registry agents.jsonl --at 2026-11-27T12:00:00Z")]
pub(crate) struct KeyArgs {
    /// The agent's id
    id: String,
    /// The key's id in the record
    kid: String,
    /// control, mandate, evidence, payout or httpsig
    #[arg(value_parser = purpose)]
    purpose: Purpose,
    /// The moment, as RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = crate::key::time)]
    at: Option<Timestamp>,
    /// The registry's file
    #[arg(long, value_name = "FILE")]
    registry: PathBuf,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Check the signatures of an A2A agent card
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay agent card card.json --key jwks.json")]
pub(crate) struct CardArgs {
    /// File of the card
    file: PathBuf,
    /// File of the signer's public key: a JWK, or a JWK set from which the key id chooses
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Read an ERC-8004 registration file
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay agent registration agent.json")]
pub(crate) struct RegistrationArgs {
    /// File of the registration
    file: PathBuf,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Show the keys that a did:key or did:web id names
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tollgate pay agent resolve did:web:shop.example --document did.json")]
pub(crate) struct ResolveArgs {
    /// The id
    id: String,
    /// The DID document, instead of fetching it
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

fn purpose(name: &str) -> Result<Purpose, &'static str> {
    Purpose::named(name).ok_or("control, mandate, evidence, payout or httpsig")
}

pub(super) fn run(command: Command) -> Result<Ending> {
    match command {
        Command::Keygen(args) => sign::keygen(&args),
        Command::Sign(args) => sign::sign(&args),
        Command::Prove(args) => sign::prove(&args),
        Command::Request(args) => request::run(&args),
        Command::Register(args) => register(&args),
        Command::Show(args) => show(&args),
        Command::Find(args) => find(&args),
        Command::Key(args) => key(&args),
        Command::Card(args) => card(&args),
        Command::Registration(args) => registered(&args),
        Command::Resolve(args) => resolve(&args),
    }
}

/// What is not proven is a "no"; what cannot be read stays an error.
fn no(error: anyhow::Error) -> anyhow::Error {
    let proven = error.chain().any(|cause| matches!(cause.downcast_ref(), Some(PayError::NotProven { .. })));
    if proven { No(format!("{error:#}")).into() } else { error }
}

fn register(args: &RegisterArgs) -> Result<Ending> {
    let sealed = Sealed::read(place::read_text(&args.file)?.trim_end())?;
    let record = AgentRecord::read(sealed.payload()).map_err(|error| no(error.into()))?;
    let mut registry = Registry::open(&args.registry)?;
    let begins = registry.agents.get(&record.id).is_none() && record.id.starts_with("did:web:");
    let document = begins.then(|| document(&record.id, args.document.as_ref())).transpose()?;
    let new = registry.take(&sealed, document.as_deref(), SystemClock::new().now()).map_err(no)?;
    if args.json {
        let digest = sealed.digest();
        say::json(&json!({"id": record.id, "version": record.version, "digest": digest, "new": new}))?;
        return Ok(Ending::Good);
    }
    let word = if new { "kept" } else { "known already" };
    say::line(&format!("{word}: version {} of {}, {}", record.version, record.id, sealed.digest()))?;
    Ok(Ending::Good)
}

/// The DID document of a did:web id, from a file or from where the id says. Plain HTTP is for localhost alone.
fn document(id: &str, file: Option<&PathBuf>) -> Result<String> {
    if let Some(path) = file {
        return place::read_text(path);
    }
    let local = id
        .strip_prefix("did:web:localhost")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['%', ':']));
    let url = web_url(id, if local { "http" } else { "https" })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = Client { max_answer: DOCUMENT_MAX, ..Client::default() };
    let answer = runtime.block_on(client.get(&url)).with_context(|| format!("cannot fetch {url}"))?;
    // A redirection is not followed: the id names the host that vouches for it.
    if answer.status != 200 {
        bail!("{url} answered {}: a DID document was expected", answer.status);
    }
    String::from_utf8(answer.body.to_vec()).with_context(|| format!("{url} is no text"))
}

fn summary(record: &AgentRecord) -> Value {
    let keys = record.keys.iter().map(|key| {
        json!({
            "kid": key.kid,
            "did": key.key.did(),
            "not_before": key.not_before.map(|at| at.to_string()),
            "not_after": key.not_after.map(|at| at.to_string()),
            "revoked_at": key.revoked_at.map(|at| at.to_string()),
        })
    });
    let rails = record.rails.iter().map(|rail| json!({"rail": rail.rail, "account": rail.account}));
    json!({
        "id": record.id, "name": record.name, "version": record.version, "skills": record.skills,
        "issued_at": record.issued_at.to_string(), "cards": record.cards,
        "keys": keys.collect::<Vec<_>>(), "rails": rails.collect::<Vec<_>>(),
    })
}

fn show(args: &ShowArgs) -> Result<Ending> {
    let registry = Registry::open(&args.registry)?;
    let history =
        registry.agents.get(&args.id).with_context(|| format!("there is no agent {:?}", args.id))?;
    let current = history.current().context("the agent has no version")?;
    if args.json {
        let versions: Vec<_> = history
            .versions()
            .iter()
            .map(|(record, digest)| json!({"version": record.version, "digest": digest, "issued_at": record.issued_at.to_string()}))
            .collect();
        say::json(&json!({"record": summary(current), "versions": versions}))?;
        return Ok(Ending::Good);
    }
    say::line(&format!("{} ({:?}), version {}", current.id, current.name, current.version))?;
    let rows: Vec<_> = current
        .keys
        .iter()
        .map(|key| {
            let purposes: Vec<_> =
                key.purposes.iter().map(|purpose| format!("{purpose:?}").to_lowercase()).collect();
            let state = key.revoked_at.map_or("counts".to_owned(), |at| format!("revoked {at}"));
            vec![key.kid.clone(), purposes.join(" "), state, key.key.did()]
        })
        .collect();
    say::table(&["key", "for", "state", "public key"], &rows)?;
    for rail in &current.rails {
        say::line(&format!("account {} on {}: control proven", rail.account, rail.rail))?;
    }
    for (record, digest) in history.versions() {
        say::line(&format!("version {} of {}: {digest}", record.version, record.issued_at))?;
    }
    Ok(Ending::Good)
}

fn find(args: &FindArgs) -> Result<Ending> {
    let registry = Registry::open(&args.registry)?;
    let query = Query {
        text: args.text.clone(),
        skill: args.skill.clone(),
        rail: args.rail.clone(),
        after: args.after.clone(),
        limit: args.limit,
    };
    let (found, next) = registry.agents.find(&query);
    if args.json {
        let agents: Vec<_> = found.iter().map(|record| summary(record)).collect();
        say::json(&json!({"agents": agents, "next": next}))?;
        return Ok(Ending::Good);
    }
    let rows: Vec<_> = found
        .iter()
        .map(|r| vec![r.name.clone(), r.skills.join(" "), r.version.to_string(), r.id.clone()])
        .collect();
    say::table(&["name", "skills", "version", "id"], &rows)?;
    if let Some(next) = next {
        say::line(&format!("there are more: --after {next}"))?;
    }
    Ok(Ending::Good)
}

fn key(args: &KeyArgs) -> Result<Ending> {
    let registry = Registry::open(&args.registry)?;
    let history =
        registry.agents.get(&args.id).with_context(|| format!("there is no agent {:?}", args.id))?;
    let at = args.at.unwrap_or_else(|| SystemClock::new().now());
    let found = history.key_at(&args.kid, args.purpose, at).map(|key| key.did());
    if args.json {
        say::json(&json!({"counts": found.is_some(), "key": found, "at": at.to_string()}))?;
        return Ok(Ending::of(found.is_some()));
    }
    let Some(key) = found else {
        return Err(No(format!("key {:?} did not count for this at {at}", args.kid)).into());
    };
    say::line(&key)?;
    Ok(Ending::Good)
}

fn card(args: &CardArgs) -> Result<Ending> {
    let shown = args.key.display();
    let file = Json::parse(&place::read(&args.key)?).with_context(|| shown.to_string())?;
    let list = file.get("keys").and_then(Json::list).map_or_else(|| vec![file.clone()], <[Json]>::to_vec);
    let find = |kid: &str| {
        let named = |jwk: &&Json| {
            list.len() == 1 && jwk.get("kid").is_none() || jwk.get("kid").and_then(Json::text) == Some(kid)
        };
        list.iter().find(named).and_then(|jwk| PublicKey::from_jwk(jwk).ok())
    };
    let (digest, signers) = check_card(&place::read(&args.file)?, find).map_err(|error| no(error.into()))?;
    if args.json {
        say::json(&json!({"holds": true, "digest": digest, "signers": signers}))?;
        return Ok(Ending::Good);
    }
    say::line(&format!("the card holds, signed by {}: {digest}", signers.join(", ")))?;
    Ok(Ending::Good)
}

fn registered(args: &RegistrationArgs) -> Result<Ending> {
    let file = registration(&place::read(&args.file)?)?;
    if args.json {
        let services: Vec<_> =
            file.services.iter().map(|s| json!({"name": s.name, "endpoint": s.endpoint})).collect();
        say::json(
            &json!({"name": file.name, "services": services, "agents": file.agents, "trust": file.trust}),
        )?;
        return Ok(Ending::Good);
    }
    say::line(&format!("{:?}", file.name))?;
    let rows: Vec<_> = file.services.iter().map(|s| vec![s.name.clone(), s.endpoint.clone()]).collect();
    say::table(&["service", "endpoint"], &rows)?;
    for agent in &file.agents {
        say::line(&format!("says that it is {agent}: its registry must name this file"))?;
    }
    Ok(Ending::Good)
}

fn resolve(args: &ResolveArgs) -> Result<Ending> {
    let keys: Vec<(String, PublicKey)> = if args.id.starts_with("did:web:") {
        let text = document(&args.id, args.document.as_ref())?;
        let document = Document::read(text.as_bytes(), &args.id)?;
        document.keys().map(|(name, key)| (name.to_owned(), key.clone())).collect()
    } else {
        vec![(args.id.clone(), PublicKey::from_did(&args.id)?)]
    };
    if args.json {
        let shown: Vec<_> = keys
            .iter()
            .map(|(name, key)| json!({"id": name, "algorithm": key.algorithm(), "did": key.did()}))
            .collect();
        say::json(&json!({"id": args.id, "keys": shown}))?;
        return Ok(Ending::Good);
    }
    let rows: Vec<_> =
        keys.iter().map(|(name, key)| vec![name.clone(), key.algorithm().to_owned(), key.did()]).collect();
    say::table(&["key", "algorithm", "public key"], &rows)?;
    Ok(Ending::Good)
}
