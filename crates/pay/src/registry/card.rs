//! What others publish of an agent: A2A agent cards with their signatures, and ERC-8004 registration files.

use super::did::check_id;
use super::sealed::Signature;
use super::{PublicKey, SEALED_BYTES_MAX};
use crate::PayError;
use crate::json::Json;
use sha2::{Digest as _, Sha256};
use tollgate_core::Digest;

/// The one type of registration files that is known (ERC-8004).
const REGISTRATION: &str = "https://eips.ethereum.org/EIPS/eip-8004#registration-v1";
/// Most services, registrations and signatures of one file.
const LIST_MAX: usize = 64;

fn read(bytes: &[u8]) -> Result<Json, PayError> {
    if bytes.len() > SEALED_BYTES_MAX {
        return Err(PayError::bad("card", &bytes.len().to_string(), "at most 65,536 bytes"));
    }
    Json::parse(bytes)
}

/// Checks an A2A agent card: signatures stand in `signatures` and are over the canonical form of the card without them.
/// Answers the card's digest and the ids of the keys whose signatures hold; there is at least one. Where a header says that
/// its key can be had (`jku`) is never asked: `key` must know it.
///
/// # Errors
/// [`PayError::Bad`], and [`PayError::NotProven`] when none holds.
pub fn check_card(
    bytes: &[u8],
    key: impl Fn(&str) -> Option<PublicKey>,
) -> Result<(Digest, Vec<String>), PayError> {
    let Json::Map(mut members) = read(bytes)? else {
        return Err(PayError::bad("card", "", "an object"));
    };
    let signatures = members.remove("signatures");
    let signatures = signatures.as_ref().and_then(Json::list).unwrap_or_default();
    let canonical = Json::Map(members).canonical_foreign()?;
    let mut held = Vec::new();
    for json in signatures.iter().take(LIST_MAX) {
        let signature = Signature::read(json)?;
        if key(&signature.kid).is_some_and(|key| signature.holds(&key, &canonical)) {
            held.push(signature.kid);
        }
    }
    if held.is_empty() {
        let reason = format!("none of its {} signatures is by a key that is known", signatures.len());
        return Err(PayError::NotProven { what: "card", reason });
    }
    Ok((Digest(Sha256::digest(canonical).into()), held))
}

/// A service that a registration file names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// What is spoken there, such as `A2A` or `MCP`.
    pub name: String,
    /// Where.
    pub endpoint: String,
}

/// An ERC-8004 registration file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registration {
    /// Name for people.
    pub name: String,
    /// Where the agent is reached.
    pub services: Vec<Service>,
    /// Ids on chains, `eip155:CHAIN:0xREGISTRY:AGENT`, that the file says are this agent. Only the chain can confirm one:
    /// its token's URI must be that of this file.
    pub agents: Vec<String>,
    /// How it says that it can be trusted.
    pub trust: Vec<String>,
}

/// Reads a registration file (`services`, or `endpoints` as earlier drafts call them).
///
/// # Errors
/// [`PayError::Bad`] with the first member that is not what it must be.
pub fn registration(bytes: &[u8]) -> Result<Registration, PayError> {
    let json = read(bytes)?;
    let bad = |what: &str, wanted| PayError::bad("registration file", what, wanted);
    let text = |json: &Json, name: &str| json.get(name).and_then(Json::text).map(str::to_owned);
    if text(&json, "type").as_deref() != Some(REGISTRATION) {
        return Err(bad(&text(&json, "type").unwrap_or_default(), "one of type eip-8004#registration-v1"));
    }
    let list = |name: &str| match json.get(name) {
        None => Ok(&[][..]),
        Some(list) => {
            list.list().filter(|list| list.len() <= LIST_MAX).ok_or_else(|| bad(name, "lists of at most 64"))
        }
    };
    let services = if json.get("services").is_some() { list("services")? } else { list("endpoints")? };
    let service = |json: &Json| {
        let service = text(json, "name").zip(text(json, "endpoint"));
        service
            .map(|(name, endpoint)| Service { name, endpoint })
            .ok_or_else(|| bad("service", "a name and an endpoint"))
    };
    let agent = |json: &Json| {
        let number = json.get("agentId").and_then(|id| id.integer().or_else(|| id.text()?.parse().ok()));
        let registry = text(json, "agentRegistry").unwrap_or_default().to_ascii_lowercase();
        let id = format!("{registry}:{}", number.ok_or_else(|| bad("agentId", "a whole number"))?);
        check_id(&id).map(|()| id)
    };
    let trust = list("supportedTrust")?.iter().filter_map(|item| item.text().map(str::to_owned));
    Ok(Registration {
        name: text(&json, "name").ok_or_else(|| bad("name", "a name"))?,
        services: services.iter().map(service).collect::<Result<_, _>>()?,
        agents: list("registrations")?.iter().map(agent).collect::<Result<_, _>>()?,
        trust: trust.collect(),
    })
}
