//! Escrows: what they are, what happened to them, and what happens next.

use super::problem::Problem;
use super::{Answer, Asked, Shown, query, query_number};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_core::{Digest, Timestamp};
use tollgate_pay::escrow::{Asker, Escrow, Event, Phase, Record, Told, read};
use tollgate_store::settlement::Settlement;

/// Most events that are shown of one escrow: the last ones.
const TIMELINE_MAX: usize = 512;

pub(super) fn list(settlement: &Settlement, asked: &Asked) -> Answer {
    let limit = query_number(&asked.parts, "limit", (1usize, 1000), 100)?;
    let after = match query(&asked.parts, "after") {
        Some(text) => {
            Some(text.parse::<Digest>().map_err(|_| Problem::bad("after is not the id of an escrow"))?)
        }
        None => None,
    };
    let phase = match query(&asked.parts, "phase") {
        Some(word) => Some(phase(&word)?),
        None => None,
    };
    let (found, more) =
        settlement.escrows(after, limit, |escrow| phase.is_none_or(|phase| escrow.phase == phase));
    let next = found.last().filter(|_| more).map(|escrow| escrow.id);
    let shown: Vec<_> = found.iter().map(Escrow::shown).collect();
    Ok(Shown::Json(StatusCode::OK, json!({"escrows": shown, "next": next})))
}

fn phase(word: &str) -> Result<Phase, Problem> {
    let found = Phase::ALL.into_iter().find(|phase| phase.word() == word);
    found.ok_or_else(|| Problem::bad(format!("use one of {}", Phase::ALL.map(Phase::word).join(", "))))
}

fn escrow(settlement: &Settlement, asked: &Asked) -> Result<(Escrow, Vec<u64>), Problem> {
    let id = asked.digest("escrow")?;
    settlement.escrow(&id).ok_or_else(|| Problem::not_found(&format!("there is no escrow {id}")))
}

/// The escrow, its terms, and what happened to it.
pub(super) fn one(settlement: &Settlement, asked: &Asked) -> Answer {
    let (escrow, entries) = escrow(settlement, asked)?;
    let mut shown = escrow.shown();
    shown["contract"] = json!(escrow.contract);
    shown["timeline"] = timeline(settlement, &escrow.id, &entries)?;
    Ok(Shown::Json(StatusCode::OK, shown))
}

/// Each event with its place in the log.
fn timeline(settlement: &Settlement, id: &Digest, entries: &[u64]) -> Result<Value, Problem> {
    let mut events = Vec::new();
    for seq in entries.iter().skip(entries.len().saturating_sub(TIMELINE_MAX)) {
        let entry = settlement.entry(*seq)?;
        let record = entry.map(|entry| Record::of(&entry.command)).transpose()?.flatten();
        let Some(record) = record else { continue };
        let Some((_, version)) = record.about().into_iter().find(|(about, _)| about == id) else { continue };
        events.push(json!({
            "entry": seq, "at": record.at.to_string(), "what": record.event.kind().word(), "phase": record.phase,
            "version": version, "event": record.event,
        }));
    }
    Ok(events.into())
}

pub(super) fn propose(settlement: &Settlement, asked: &Asked) -> Answer {
    let event: Event = read("terms", &asked.body)?;
    let Event::Propose(signed) = &event else {
        return Err(Problem::bad(
            "send the signed terms of a task: {\"propose\": {\"signatures\", \"statement\"}}",
        ));
    };
    let id = signed.statement.digest();
    act(settlement, id, &event, asked)
}

pub(super) fn event(settlement: &Settlement, asked: &Asked) -> Answer {
    let (escrow, _) = escrow(settlement, asked)?;
    let event: Event = read("event", &asked.body)?;
    if matches!(event, Event::Propose(_) | Event::Rail { .. } | Event::LockTogether(_)) {
        let detail = format!(
            "{} is not told here: terms make a new escrow, only the server says what a rail answered, and several escrows have /v1/settle/locks",
            event.kind()
        );
        return Err(Problem::new(StatusCode::FORBIDDEN, "not-yours", detail));
    }
    act(settlement, escrow.id, &event, asked)
}

fn act(settlement: &Settlement, id: Digest, event: &Event, asked: &Asked) -> Answer {
    let asker = Asker { request: Some(asked.request()?), by: asked.by };
    let acted = settlement.act(id, event, asker)?;
    let told = |told: &Told| json!({"entry": told.seq, "phase": told.phase, "version": told.version});
    let recorded: Vec<_> = acted.told.iter().map(told).collect();
    let phase = acted.told.last().map(|told| told.phase);
    Ok(Shown::Json(
        StatusCode::OK,
        json!({"escrow": id, "phase": phase, "again": acted.again, "recorded": recorded}),
    ))
}

/// The escrows that are to be locked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Several {
    escrows: Vec<Digest>,
}

/// Locks several escrows, all or none.
pub(super) fn lock(settlement: &Settlement, asked: &Asked) -> Answer {
    let request = asked.request()?;
    let said: Several =
        serde_json::from_slice(&asked.body).map_err(|error| Problem::bad(error.to_string()))?;
    let acted = settlement.lock_together(&said.escrows, request)?;
    let told = |told: &Told| json!({"escrow": told.escrow, "entry": told.seq, "phase": told.phase, "version": told.version});
    let recorded: Vec<_> = acted.told.iter().map(told).collect();
    Ok(Shown::Json(StatusCode::OK, json!({"again": acted.again, "recorded": recorded})))
}

/// The order for what was decided, for the verifiers to sign.
pub(super) fn order(settlement: &Settlement, asked: &Asked) -> Answer {
    let (escrow, _) = escrow(settlement, asked)?;
    let seconds = query_number(&asked.parts, "expires_s", (1i64, 86_400), 3_600)?;
    let expires = Timestamp(settlement.now().0.saturating_add(seconds.saturating_mul(1_000_000)));
    Ok(Shown::Json(StatusCode::OK, json!(settlement.order(&escrow, expires)?)))
}

/// All of it in one file that replays offline.
pub(super) fn bundle(settlement: &Settlement, asked: &Asked) -> Answer {
    let (escrow, _) = escrow(settlement, asked)?;
    Ok(Shown::Text("application/json", settlement.bundle(&escrow)?.text()))
}
