//! Accounts, their owners, ledger commands and mandates.

use super::problem::Problem;
use super::{Answer, Asked, Shown, query, query_number};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_core::Digest;
use tollgate_core::id::AccountId;
use tollgate_pay::escrow::Owner;
use tollgate_pay::ledger::{Account, Command, Op, Outcome};
use tollgate_pay::registry::PublicKey;
use tollgate_store::settlement::{MandateUse, Settlement};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ops {
    ops: Vec<Op>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    keys: Vec<PublicKey>,
}

pub(super) fn accounts(settlement: &Settlement, asked: &Asked) -> Answer {
    let from = query_number(&asked.parts, "from", (0usize, 1 << 40), 0)?;
    let limit = query_number(&asked.parts, "limit", (1usize, 1000), 100)?;
    let page = settlement.accounts(from, limit)?;
    let next = (page.len() == limit).then(|| from.saturating_add(limit));
    let shown: Vec<_> = page.iter().map(|(id, account)| shown(id, account)).collect();
    Ok(Shown::Json(StatusCode::OK, json!({"accounts": shown, "next": next})))
}

pub(super) fn account(settlement: &Settlement, asked: &Asked) -> Answer {
    let id = id(asked)?;
    let (account, owner) = settlement.account(&id)?.ok_or_else(|| missing(asked))?;
    let mut shown = shown(&id, &account);
    shown["owner"] = json!(owner.as_ref().map(Owner::keys));
    Ok(Shown::Json(StatusCode::OK, shown))
}

/// Whose the account is from now on.
pub(super) fn own(settlement: &Settlement, asked: &Asked) -> Answer {
    let (id, request) = (id(asked)?, asked.request()?);
    let said: Keys = serde_json::from_slice(&asked.body).map_err(|error| Problem::bad(error.to_string()))?;
    settlement.account(&id)?.ok_or_else(|| missing(asked))?;
    let op = Owner::new(id, said.keys)?.op()?;
    told(settlement, format!("api:{request}"), vec![op])
}

pub(super) fn command(settlement: &Settlement, asked: &Asked) -> Answer {
    let request = asked.request()?;
    let said: Ops = serde_json::from_slice(&asked.body).map_err(|error| Problem::bad(error.to_string()))?;
    told(settlement, format!("api:{request}"), said.ops)
}

/// Mandates that terms name, with what was counted under each.
pub(super) fn mandates(settlement: &Settlement, asked: &Asked) -> Answer {
    let limit = query_number(&asked.parts, "limit", (1usize, 1000), 100)?;
    let after = match query(&asked.parts, "after") {
        Some(text) => {
            Some(text.parse::<Digest>().map_err(|_| Problem::bad("after is not the name of a mandate"))?)
        }
        None => None,
    };
    let (found, more) = settlement.mandates(after, limit)?;
    let next = found.last().filter(|_| more).map(|used| used.name);
    let shown = |used: &MandateUse| {
        let counted = used.counted.as_ref();
        json!({
            "mandate": used.name, "payments": counted.map_or(0, |counted| counted.payments),
            "spent": counted.and_then(|counted| counted.spent), "last": counted.and_then(|counted| counted.last),
            "revoked": counted.is_some_and(|counted| counted.revoked),
            "escrows": used.escrows, "escrow_count": used.count,
        })
    };
    let shown: Vec<_> = found.iter().map(shown).collect();
    Ok(Shown::Json(StatusCode::OK, json!({"mandates": shown, "next": next})))
}

pub(super) fn mandate(settlement: &Settlement, asked: &Asked) -> Answer {
    let name = asked.digest("mandate")?;
    let counted = settlement.mandate(name)?;
    let counted = counted.ok_or_else(|| {
        Problem::not_found(&format!("nothing was paid under a mandate {name}, and it was not revoked"))
    })?;
    let shown = json!({
        "mandate": name, "payments": counted.payments, "spent": counted.spent, "last": counted.last,
        "revoked": counted.revoked,
    });
    Ok(Shown::Json(StatusCode::OK, shown))
}

pub(super) fn revoke(settlement: &Settlement, asked: &Asked) -> Answer {
    let (mandate, request) = (asked.digest("mandate")?, asked.request()?);
    told(settlement, format!("api:{request}"), vec![Op::Revoke { mandate, until: None }])
}

/// Has the ledger decide, and shows what it did; a refusal of the ledger is an answer with its entry.
fn told(settlement: &Settlement, key: String, ops: Vec<Op>) -> Answer {
    let (seq, outcome) = settlement.tell(&Command::new(key, ops)?)?;
    match outcome {
        Outcome::Applied { holds } => {
            let holds: Vec<_> = holds.iter().map(ToString::to_string).collect();
            Ok(Shown::Json(StatusCode::OK, json!({"entry": seq, "holds": holds})))
        }
        Outcome::Refused { op, why } => {
            let detail = format!("operation {op}: {why} (entry {seq})");
            Err(Problem::new(StatusCode::CONFLICT, "ledger-refused", detail))
        }
    }
}

fn id(asked: &Asked) -> Result<AccountId, Problem> {
    asked.parameter.parse().map_err(|_| missing(asked))
}

fn missing(asked: &Asked) -> Problem {
    Problem::not_found(&format!("there is no account {:?}", asked.shown()))
}

/// Sums in minor units as text, as they may have 128 bits.
fn shown(id: &AccountId, account: &Account) -> Value {
    json!({
        "id": id, "asset": account.asset, "bound": account.bound,
        "balance": account.balance().map(|minor| minor.to_string()),
        "available": account.available().to_string(),
        "reserved_debits": account.pending.debits.to_string(),
        "reserved_credits": account.pending.credits.to_string(),
    })
}
