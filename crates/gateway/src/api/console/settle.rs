//! The pages of settlement: escrows, one with its timeline, agents, mandates, and the log.

use crate::api::routes::Route;
use crate::api::{query, query_number};
use crate::worker::Worker;
use http::request::Parts;
use std::sync::Arc;
use tollgate_console::page;
use tollgate_console::view::{
    AgentRow, AgentsView, EscrowRow, EscrowView, EscrowsView, EventRow, Fact, LogRow, LogView, MandateRow,
    MandatesView, Shell, Tone,
};
use tollgate_core::{Digest, Fault, FaultKind, Timestamp};
use tollgate_pay::escrow::{Escrow, Phase, Record};
use tollgate_pay::ledger::{Entry, Op, Outcome};
use tollgate_pay::registry::{AgentRecord, Query};
use tollgate_store::settlement::{MandateUse, Settlement, SettlementError};

/// Rows of one page.
const ROWS: usize = 50;
/// Most events of a timeline.
const TIMELINE_MAX: usize = 512;

/// One of these pages.
pub(super) async fn page(
    worker: &Worker,
    shell: &Shell,
    route: Route,
    parts: &Parts,
    parameter: &str,
) -> Result<String, Fault> {
    let from = match query(parts, "from").filter(|text| !text.is_empty()) {
        Some(_) => Some(query_number(parts, "from", (0u64, 1 << 52), 0)?),
        None => None,
    };
    let text = |name| query(parts, name).filter(|text| !text.is_empty());
    let (after, phase, id) = (text("after"), text("phase"), parameter.to_owned());
    let (shared, shell) = (Arc::clone(worker.shared()), shell.clone());
    let made = tokio::task::spawn_blocking(move || {
        let Some(settlement) = &shared.settlement else { return Ok(None) };
        let html = match route {
            Route::ConsoleAgents => page::agents(&shell, &agents(settlement, after)),
            Route::ConsoleMandates => page::mandates(&shell, &mandates(settlement, after.as_deref())?),
            Route::ConsoleLog => page::log(&shell, &log(settlement, from)?),
            Route::ConsoleEscrow => match id.parse().ok().and_then(|id: Digest| settlement.escrow(&id)) {
                Some((escrow, entries)) => page::escrow(&shell, &one(settlement, &escrow, &entries)?),
                None => return Ok(None),
            },
            _ => page::escrows(&shell, &escrows(settlement, after.as_deref(), phase)),
        };
        Ok(Some(html))
    });
    let made: Result<Option<String>, SettlementError> =
        made.await.map_err(|error| Fault::internal(error.to_string()))?;
    let made = made.map_err(|error| Fault::internal(error.to_string()))?;
    made.ok_or_else(|| {
        Fault::caller(FaultKind::NotFound, "there is no such escrow, or settlement is not configured")
    })
}

const fn tone(phase: Phase) -> Tone {
    match phase {
        Phase::Released => Tone::Good,
        Phase::Refunded | Phase::Expired => Tone::Over,
        Phase::Disputed | Phase::Refusable => Tone::Attention,
        _ => Tone::Plain,
    }
}

fn row(escrow: &Escrow) -> EscrowRow {
    let waiting = escrow.rail.open().is_some();
    EscrowRow {
        id: escrow.id.to_string(),
        task: escrow.contract.task.clone(),
        price: escrow.contract.price.to_string(),
        released: escrow.released.to_string(),
        phase: escrow.phase.word().into(),
        tone: if waiting { Tone::Attention } else { tone(escrow.phase) },
        waiting,
        at: escrow.time,
        refund_after: escrow.contract.refund_after,
    }
}

fn escrows(settlement: &Settlement, after: Option<&str>, phase: Option<String>) -> EscrowsView {
    let after = after.and_then(|text| text.parse().ok());
    let wanted = |escrow: &Escrow| phase.as_deref().is_none_or(|word| escrow.phase.word() == word);
    let (found, more) = settlement.escrows(after, ROWS, wanted);
    EscrowsView {
        next: found.last().filter(|_| more).map(|escrow| escrow.id.to_string()),
        rows: found.iter().map(row).collect(),
        phases: Phase::ALL.map(|phase| phase.word().to_owned()).to_vec(),
        phase,
    }
}

fn one(settlement: &Settlement, escrow: &Escrow, entries: &[u64]) -> Result<EscrowView, SettlementError> {
    let mut timeline = Vec::new();
    for seq in entries.iter().take(TIMELINE_MAX) {
        let entry = settlement.entry(*seq)?;
        let Some(record) = entry.map(|entry| Record::of(&entry.command)).transpose()?.flatten() else {
            continue;
        };
        timeline.push(EventRow {
            entry: *seq,
            at: record.at,
            what: record.event.kind().word().into(),
            phase: record.phase.word().into(),
            tone: tone(record.phase),
        });
    }
    Ok(EscrowView { escrow: row(escrow), facts: facts(escrow), timeline })
}

fn facts(escrow: &Escrow) -> Vec<Fact> {
    let contract = &escrow.contract;
    let fact = |name: &str, value: String| Fact { name: name.into(), value, note: None };
    let sources = contract.funding.iter().map(|source| format!("{} from {}", source.amount, source.account));
    let quorum =
        |quorum: &tollgate_pay::escrow::Quorum| format!("{} of {}", quorum.threshold, quorum.keys.len());
    let mut facts = vec![
        fact("Released", format!("{} of {}", escrow.released, contract.price)),
        fact("Paid by", sources.collect::<Vec<_>>().join(", ")),
        fact("Paid to", contract.payee.account.to_string()),
        fact("Rail", contract.rail.clone()),
        fact("Stage", format!("{} of {}", escrow.stage + 1, contract.stages.len())),
        fact("Verifiers", quorum(&contract.verifiers)),
        fact("Evaluators", quorum(&contract.evaluators)),
        fact("Version", escrow.version.to_string()),
        fact("Reclaim from", contract.refund_after.to_string()),
    ];
    if let Some(stage) = contract.stages.get(escrow.stage) {
        facts.push(fact("Evidence due", stage.submit_by.to_string()));
    }
    if let Some(mandate) = contract.mandate {
        facts.push(fact("Mandate", mandate.to_string()));
    }
    if let Some(grant) = &escrow.grant {
        facts.push(Fact {
            note: Some(format!("from {}", grant.from)),
            ..fact("Granted", grant.amount.to_string())
        });
    }
    facts
}

fn agents(settlement: &Settlement, after: Option<String>) -> AgentsView {
    let (found, next) = settlement.agents(&Query { after, limit: ROWS, ..Query::default() });
    let now = settlement.now();
    AgentsView { rows: found.iter().map(|record| agent(record, now)).collect(), next }
}

fn agent(record: &AgentRecord, now: Timestamp) -> AgentRow {
    let keys = record.keys.iter().filter_map(|key| {
        let counts = key.purposes.iter().filter(|purpose| key.counts(**purpose, now));
        let words: Vec<_> = counts.map(|purpose| purpose.word()).collect();
        (!words.is_empty()).then(|| format!("{}: {}", key.kid, words.join(", ")))
    });
    AgentRow {
        id: record.id.clone(),
        name: record.name.clone(),
        version: record.version,
        issued: record.issued_at,
        skills: record.skills.clone(),
        keys: keys.collect(),
        accounts: record.rails.iter().map(|rail| format!("{} on {}", rail.account, rail.rail)).collect(),
    }
}

fn mandates(settlement: &Settlement, after: Option<&str>) -> Result<MandatesView, SettlementError> {
    let (found, more) = settlement.mandates(after.and_then(|text| text.parse().ok()), ROWS)?;
    let next = found.last().filter(|_| more).map(|used| used.name.to_string());
    let row = |used: MandateUse| {
        let counted = used.counted;
        MandateRow {
            name: used.name.to_string(),
            payments: counted.as_ref().map_or(0, |counted| counted.payments),
            spent: counted.as_ref().and_then(|counted| counted.spent).map(|spent| spent.to_string()),
            last: counted.as_ref().and_then(|counted| counted.last),
            revoked: counted.is_some_and(|counted| counted.revoked),
            escrows: used.escrows.iter().map(ToString::to_string).collect(),
            count: used.count as u64,
        }
    };
    Ok(MandatesView { rows: found.into_iter().map(row).collect(), next })
}

fn log(settlement: &Settlement, from: Option<u64>) -> Result<LogView, SettlementError> {
    let (size, rows) = (settlement.size()?, ROWS as u64);
    let from = from.unwrap_or_else(|| size.saturating_sub(rows)).min(size.saturating_sub(1));
    let entries = settlement.entries(from, rows)?;
    let end = from.saturating_add(entries.len() as u64);
    Ok(LogView {
        origin: settlement.origin().into(),
        size,
        rows: entries.iter().rev().map(entry).collect(),
        newer: (end < size).then_some(end),
        older: (from > 0).then(|| from.saturating_sub(rows)),
    })
}

fn entry(entry: &Entry) -> LogRow {
    let record = Record::of(&entry.command).ok().flatten();
    let words: Vec<_> = entry.command.ops().iter().map(op).collect();
    LogRow {
        entry: entry.seq,
        at: entry.time,
        key: entry.command.key().into(),
        what: record.as_ref().map_or_else(|| words.join(", "), |record| record.event.kind().word().into()),
        refused: match &entry.outcome {
            Outcome::Applied { .. } => None,
            Outcome::Refused { op, why } => Some(format!("operation {op}: {why}")),
        },
        escrow: record.map(|record| record.escrow.to_string()),
    }
}

fn op(op: &Op) -> String {
    match op {
        Op::Open { id, .. } => format!("open {id}"),
        Op::Transfer { amount, credit, debit } => format!("{amount} from {debit} to {credit}"),
        Op::Hold { amount, credit, debit, .. } => format!("hold {amount} of {debit} for {credit}"),
        Op::Post { hold, amount, .. } => match amount {
            Some(amount) => format!("post {amount} of {hold}"),
            None => format!("post {hold}"),
        },
        Op::Void { hold } => format!("void {hold}"),
        Op::Admit(admission) => format!("count {} under a mandate", admission.amount),
        Op::Close { .. } => "end a mandate's payment".into(),
        Op::Revoke { .. } => "revoke a mandate".into(),
        Op::Record { .. } => "a record".into(),
        Op::Sweep => "sweep".into(),
    }
}
