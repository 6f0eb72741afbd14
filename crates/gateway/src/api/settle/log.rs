//! The audit log: where it stands, its entries, and proofs that they are in it.

use super::problem::Problem;
use super::{Answer, Asked, Shown, query_number};
use http::StatusCode;
use serde_json::json;
use tollgate_store::settlement::Settlement;

/// The signed checkpoint (C2SP tlog-checkpoint) over all entries so far.
pub(super) fn checkpoint(settlement: &Settlement) -> Answer {
    Ok(Shown::Text("text/plain; charset=utf-8", settlement.checkpoint()?))
}

pub(super) fn entries(settlement: &Settlement, asked: &Asked) -> Answer {
    let from = query_number(&asked.parts, "from", (0u64, 1 << 52), 0)?;
    let limit = query_number(&asked.parts, "limit", (1u64, 100), 50)?;
    let (entries, size) = (settlement.entries(from, limit)?, settlement.size()?);
    Ok(Shown::Json(StatusCode::OK, json!({"entries": entries, "size": size})))
}

/// The proof of an entry with the entry itself (C2SP tlog-proof).
pub(super) fn receipt(settlement: &Settlement, asked: &Asked) -> Answer {
    let seq = asked.parameter.parse::<u64>().ok();
    let receipt = seq.map(|seq| settlement.receipt(seq)).transpose()?.flatten();
    let receipt =
        receipt.ok_or_else(|| Problem::not_found(&format!("there is no entry {:?}", asked.shown())))?;
    Ok(Shown::Text("text/plain; charset=utf-8", receipt.to_string()))
}
