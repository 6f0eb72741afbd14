//! Agents: finding them, their records, and new versions.

use super::problem::Problem;
use super::resolve;
use super::{Answer, Asked, Shown, query, query_number};
use crate::clock::entropy;
use crate::state::Shared;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate_core::{Digest, FaultKind};
use tollgate_pay::json::Json;
use tollgate_pay::registry::{AgentRecord, Query, RailAccount, Sealed, TEXT_BYTES_MAX};
use tollgate_store::settlement::Settlement;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offered {
    /// The signed record.
    record: Box<RawValue>,
    /// The DID document of a `did:web` id.
    document: Option<String>,
}

pub(super) fn find(settlement: &Settlement, asked: &Asked) -> Answer {
    let wanted = Query {
        text: query(&asked.parts, "text"),
        skill: query(&asked.parts, "skill"),
        rail: query(&asked.parts, "rail"),
        after: query(&asked.parts, "after"),
        limit: query_number(&asked.parts, "limit", (1usize, 100), 20)?,
    };
    let (found, next) = settlement.agents(&wanted);
    let shown: Vec<_> = found.iter().map(|record| shown(settlement, record)).collect();
    Ok(Shown::Json(StatusCode::OK, json!({"agents": shown, "next": next})))
}

pub(super) fn one(settlement: &Settlement, asked: &Asked) -> Answer {
    let versions = settlement.agent(&asked.parameter);
    let versions = versions.filter(|versions| !versions.is_empty());
    let versions =
        versions.ok_or_else(|| Problem::not_found(&format!("there is no agent {:?}", asked.shown())))?;
    let mut all = versions.last().map_or(Value::Null, |(record, _)| shown(settlement, record));
    let past = |(record, digest): &(Arc<AgentRecord>, Digest)| json!({"version": record.version, "digest": digest, "issued_at": record.issued_at.to_string()});
    all["versions"] = versions.iter().map(past).collect();
    Ok(Shown::Json(StatusCode::OK, all))
}

/// A challenge for a proof that an agent controls an account. Nothing changes: it is kept when it is used.
pub(super) fn challenge(settlement: &Settlement, asked: &Asked) -> Answer {
    let given = |name: &str| {
        let text = query(&asked.parts, name).filter(|text| (1..=TEXT_BYTES_MAX).contains(&text.len()));
        text.ok_or_else(|| Problem::bad(format!("say which {name}, in 1 to {TEXT_BYTES_MAX} bytes")))
    };
    let (rail, account) = (given("rail")?, given("account")?);
    let random = entropy().map_err(|error| Problem::internal(&error.to_string()))?;
    let random = u128::from_be_bytes(random.first_chunk().copied().unwrap_or_default());
    let (nonce, expires) = settlement.challenge(&asked.parameter, &rail, &account, random);
    Ok(Shown::Json(
        StatusCode::OK,
        json!({"agent": asked.parameter, "rail": rail, "account": account, "nonce": nonce, "expires": expires.to_string()}),
    ))
}

/// The record is its own idempotency key: the very same one again changes nothing.
pub(super) fn register(shared: &Shared, settlement: &Settlement, asked: &Asked) -> Answer {
    asked.request()?;
    let offered: Offered =
        serde_json::from_slice(&asked.body).map_err(|error| Problem::bad(error.to_string()))?;
    if offered.document.is_some() && !asked.operates {
        // Whoever hands in the document decides whose keys vouch for the id.
        let detail =
            "the document of a did:web id is fetched from its host, or taken from the operator: leave it out";
        return Err(Problem::new(StatusCode::FORBIDDEN, FaultKind::Forbidden.word(), detail));
    }
    let sealed = Sealed::read(offered.record.get())?;
    let id = sealed.payload().get("id").and_then(Json::text).unwrap_or_default();
    // Later versions are signed by the keys of the version before: only the first rests on the document.
    let begins = id.starts_with("did:web:") && settlement.agent_version(id).is_none();
    let document = match offered.document {
        None if begins => Some(resolve::document(shared, id)?),
        given => given,
    };
    let entry = settlement.register_by(&sealed, document, asked.by)?;
    Ok(Shown::Json(
        StatusCode::OK,
        json!({"digest": sealed.digest(), "new": entry.is_some(), "entry": entry}),
    ))
}

fn shown(settlement: &Settlement, record: &AgentRecord) -> Value {
    let key = |key: &tollgate_pay::registry::AgentKey| {
        let time = |time: Option<tollgate_core::Timestamp>| time.map(|time| time.to_string());
        json!({"kid": key.kid, "key": key.key, "purposes": key.purposes.iter().map(|purpose| purpose.word()).collect::<Vec<_>>(),
            "not_before": time(key.not_before), "not_after": time(key.not_after), "revoked_at": time(key.revoked_at)})
    };
    let rail = |rail: &RailAccount| {
        // That a key signed for an account says nothing of whose the account is: the rail must know the key.
        let control = if settlement.controls(rail) { "proven" } else { "claimed" };
        json!({"rail": rail.rail, "account": rail.account, "key": rail.key, "control": control})
    };
    json!({
        "id": record.id, "name": record.name, "version": record.version, "issued_at": record.issued_at.to_string(),
        "skills": record.skills, "cards": record.cards, "keys": record.keys.iter().map(key).collect::<Vec<_>>(),
        "rails": record.rails.iter().map(rail).collect::<Vec<_>>(),
    })
}
