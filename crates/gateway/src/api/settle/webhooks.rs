//! Webhooks: how far receivers were told, and what they never took.

use super::problem::Problem;
use super::{Answer, Asked, Shown};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_store::settlement::{Dead, Settlement, Standing};

/// Most events that are shown as given up.
const DEAD_SHOWN: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    /// The entry; all when there is none.
    entry: Option<u64>,
}

pub(super) fn list(settlement: &Settlement) -> Answer {
    let hooks: Vec<_> = settlement.hooks()?.iter().map(shown).collect();
    Ok(Shown::Json(StatusCode::OK, json!({"webhooks": hooks})))
}

fn shown(hook: &Standing) -> Value {
    let dead = |dead: &Dead| {
        json!({
            "entry": dead.seq, "escrow": dead.escrow, "attempts": dead.attempts, "why": dead.why, "at": dead.at.to_string(),
        })
    };
    json!({
        "name": hook.name, "next": hook.next, "waiting": hook.open, "given_up": hook.dead.len(),
        "dead": hook.dead.iter().take(DEAD_SHOWN).map(dead).collect::<Vec<_>>(),
    })
}

/// Doing it twice does no more than doing it once, so its key is not remembered.
pub(super) fn again(settlement: &Settlement, asked: &Asked) -> Answer {
    asked.request()?;
    let which: Which =
        serde_json::from_slice(&asked.body).map_err(|error| Problem::bad(error.to_string()))?;
    let count = settlement.deliver_again(&asked.parameter, which.entry)?;
    let count =
        count.ok_or_else(|| Problem::not_found(&format!("there is no webhook {:?}", asked.shown())))?;
    Ok(Shown::Json(StatusCode::OK, json!({"again": count})))
}
