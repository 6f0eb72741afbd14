//! Evidence: handed over, judged by the task's predicate, and kept with all that the answer was made of.
//!
//! The answer moves no money. It is what any verifier finds who judges the same dossier, drafted for verifiers to sign.

use super::problem::Problem;
use super::{Answer, Asked, Shown, query, query_number};
use crate::api::routes::Route;
use crate::judge::{Case, Dossiers, Judge, Judgement};
use crate::state::Shared;
use http::StatusCode;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::path::Path;
use tollgate_pay::escrow::{Escrow, digest};
use tollgate_store::settlement::Settlement;

/// What a payee sends. Both files keep their bytes: their digests are signed.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Handed<'a> {
    #[serde(borrow)]
    package: &'a RawValue,
    #[serde(borrow)]
    predicate: &'a RawValue,
}

/// The port, and where its files are.
struct Desk<'a> {
    judge: &'a dyn Judge,
    dossiers: Dossiers,
    policy: Option<Vec<u8>>,
}

impl<'a> Desk<'a> {
    fn of(shared: &'a Shared) -> Result<Self, Problem> {
        let judge = shared.judge.as_deref();
        let judge = judge.ok_or_else(|| Problem::not_found("this server judges no evidence"))?;
        let settings = &shared.snapshot.load().settings;
        let data = settings.settle.as_ref().map_or(Path::new(""), |settle| settle.data.as_path());
        let policy = settings.evidence_policy.as_deref().map(std::fs::read).transpose();
        let policy =
            policy.map_err(|error| Problem::internal(&format!("settle.evidence_policy: {error}")))?;
        Ok(Self { judge, dossiers: Dossiers::of(data), policy })
    }
}

pub(super) fn handle(shared: &Shared, settlement: &Settlement, route: Route, asked: &Asked) -> Answer {
    let desk = Desk::of(shared)?;
    let id = asked.digest("escrow")?;
    let escrow =
        settlement.escrow(&id).ok_or_else(|| Problem::not_found(&format!("there is no escrow {id}")))?.0;
    if route == Route::SettleDossier {
        dossier(&desk, &escrow, asked)
    } else {
        hand_over(&desk, &escrow, asked)
    }
}

/// Judges what the submission names, as of when it was handed in. Whoever asks gets the same answer, whenever that is.
fn hand_over(desk: &Desk<'_>, escrow: &Escrow, asked: &Asked) -> Answer {
    asked.request()?;
    let handed: Handed<'_> = serde_json::from_slice(&asked.body).map_err(|error| {
        Problem::bad(format!("send {{\"package\", \"predicate\"}} with both files: {error}"))
    })?;
    let failed = |error: std::io::Error| Problem::internal(&format!("dossiers: {error}"));
    let (package, predicate) = (handed.package.get().as_bytes(), handed.predicate.get().as_bytes());
    let case = Case { package, policy: desk.policy.as_deref(), predicate };
    let dossier = desk.judge.dossier(escrow, &case)?;
    // Only what is about this escrow's submission is kept, or gets an answer.
    let judgement = desk.judge.judge(escrow, &dossier)?;
    let kept = desk.dossiers.keep(&escrow.id, escrow.version, &dossier).map_err(failed)?;
    let full = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "full", "the escrow has too many dossiers");
    let kept = kept.ok_or_else(full)?;
    let judgement = if kept == dossier { judgement } else { desk.judge.judge(escrow, &kept)? };
    Ok(shown(escrow, &judgement, &kept))
}

fn shown(escrow: &Escrow, judgement: &Judgement, dossier: &[u8]) -> Shown {
    let pote: Value = serde_json::from_str(&judgement.pote).unwrap_or_default();
    let draft = json!({"verdict": {"signatures": [], "statement": judgement.verdict}});
    Shown::Json(
        StatusCode::OK,
        json!({"escrow": escrow.id, "version": escrow.version, "holds": judgement.holds, "reasons": pote["reasons"],
            "digest": judgement.verdict.pote, "pote": pote, "dossier": digest(dossier), "draft": draft}),
    )
}

/// What a verdict was made of: of one version of the escrow, or of the last that was judged.
fn dossier(desk: &Desk<'_>, escrow: &Escrow, asked: &Asked) -> Answer {
    let nothing = || Problem::not_found(&format!("nothing was judged here for escrow {}", escrow.id));
    let version = match query(&asked.parts, "version") {
        Some(_) => query_number(&asked.parts, "version", (0u64, 1 << 52), 0)?,
        None => desk.dossiers.versions(&escrow.id).last().copied().ok_or_else(nothing)?,
    };
    let kept = desk.dossiers.read(&escrow.id, version);
    let kept = kept.map_err(|error| Problem::internal(&format!("dossiers: {error}")))?.ok_or_else(nothing)?;
    let text = String::from_utf8(kept).map_err(|_| Problem::internal("a dossier is no text"))?;
    Ok(Shown::Text("application/json", text))
}
