//! `POST /v1/risk/score`: the probability of a default from the payments that a request brings.
//!
//! The same model and code as `tollgate risk score`, so the same payments get the same number, bit for bit. Nothing of a
//! request is kept. A payment that is not whole, or was not known at the decision, is refused with its reason, counted,
//! and changes nothing.

use super::caller::who;
use super::{Answered, json};
use crate::observe::metrics::ReasonLabel;
use crate::worker::Worker;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use tokio::sync::Semaphore;
use tollgate_core::{Fault, FaultKind};
use tollgate_risk::ingest::{Reason, Report};
use tollgate_risk::online::{History, Payment, Scorer};

/// Most payments of a request: about ten milliseconds of a core.
const PAYMENTS_MAX: usize = 20_000;
/// Most payments of a request that asks for reasons where the model reads payments themselves: it then reads them once per
/// cause, some forty times.
const EXPLAINED_MAX: usize = 2_000;
/// Requests that are scored at one time; more are told to come again. The threads that they take are those on which
/// settlement and stored answers wait too.
const AT_ONCE: usize = 2;

static SCORING: Semaphore = Semaphore::const_new(AT_ONCE);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    /// Given back as it is.
    user: Option<String>,
    /// The moment of the decision, in seconds since 1970.
    at: i64,
    /// Numbers known of the user at the decision, by name.
    #[serde(default)]
    profile: BTreeMap<String, f32>,
    payments: Vec<Payment>,
    /// Whether reasons are wanted.
    #[serde(default)]
    reasons: bool,
}

/// Answers.
pub(super) async fn score(worker: &Worker, parts: &Parts, body: &[u8], peer: IpAddr) -> Answered {
    who(worker, parts, peer)?;
    let shared = worker.shared().clone();
    if shared.risk.is_none() {
        let message = "no risk model is served here; set `risk` to the folder of a model";
        return Err(Fault::caller(FaultKind::NotFound, message));
    }
    let ask: Ask = serde_json::from_slice(body).map_err(|error| {
        let wanted = "send {\"at\": seconds, \"payments\": [{\"time\", \"merchant\", \"amount\", …}]}";
        Fault::caller(FaultKind::BadRequest, format!("{error}; {wanted}"))
    })?;
    if ask.payments.len() > PAYMENTS_MAX {
        let message = format!("{} payments are more than {PAYMENTS_MAX}", ask.payments.len());
        return Err(Fault::caller(FaultKind::TooLarge, message).at("payments"));
    }
    let asked = shared.risk.as_deref().is_some_and(|scorer| ask.reasons && scorer.reads_payments());
    if asked && ask.payments.len() > EXPLAINED_MAX {
        let message =
            format!("reasons are given for up to {EXPLAINED_MAX} payments; send fewer or leave reasons out");
        return Err(Fault::caller(FaultKind::TooLarge, message).at("payments"));
    }
    let Ok(turn) = SCORING.try_acquire() else {
        let message = format!("{AT_ONCE} requests are being scored; come again");
        return Err(Fault::caller(FaultKind::LimitReached, message));
    };
    let held = shared.clone();
    let done = tokio::task::spawn_blocking(move || {
        // Held until the work is done, also where the caller has gone.
        let _turn = turn;
        let scorer = held.risk.as_deref().ok_or_else(|| Fault::internal("the risk model has gone"))?;
        answer(scorer, &ask)
    });
    let (answer, report) = done.await.map_err(|error| Fault::internal(error.to_string()))??;
    shared.metrics.risk_scores.inc();
    for refused in &report.refused {
        let label = ReasonLabel { reason: word(refused.reason) };
        shared.metrics.risk_refused.get_or_create(&label).inc_by(refused.rows);
    }
    json(StatusCode::OK, &answer)
}

fn answer(scorer: &Scorer, ask: &Ask) -> Result<(Value, Report), Fault> {
    let profile = profile(scorer, &ask.profile)?;
    let bad = |error: tollgate_risk::RiskError| Fault::caller(FaultKind::BadRequest, error.to_string());
    let mut history = History::default();
    history.add_all_before(scorer, &ask.payments, ask.at);
    let scored = scorer.score(&history, ask.at, &profile).map_err(bad)?;
    let refused: Vec<Value> = history
        .report
        .refused
        .iter()
        .map(|r| json!({"reason": word(r.reason), "meaning": r.reason.meaning(), "payments": r.rows, "samples": r.samples}))
        .collect();
    let mut answer = json!({
        "user": ask.user,
        "probability": scored.probability,
        "points": scored.points,
        "payments": scored.payments,
        "before_window": scored.before,
        "refused": refused,
        "model": scorer.model().digest,
        "data": scorer.model().card.made_from.digest,
    });
    if ask.reasons {
        answer["reasons"] = json!(scorer.reasons(&history, ask.at, &profile).map_err(bad)?);
    }
    Ok((answer, history.report))
}

/// The numbers of the user in the model's order; one that is not sent is a number that is not known, and the request is
/// refused where the model has not learned what that means.
fn profile(scorer: &Scorer, sent: &BTreeMap<String, f32>) -> Result<Vec<f32>, Fault> {
    let wanted = &scorer.model().card.space.profile;
    if let Some(name) = sent.keys().find(|name| !wanted.contains(name)) {
        let message = format!("{name:?} is no number of the model; it reads [{}]", wanted.join(", "));
        return Err(Fault::caller(FaultKind::BadRequest, message).at("profile"));
    }
    Ok(wanted.iter().map(|name| sent.get(name).copied().unwrap_or(f32::NAN)).collect())
}

const fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Torn => "torn",
        Reason::NoUser => "no_user",
        Reason::NoTime => "no_time",
        Reason::NoMerchant => "no_merchant",
        Reason::NoAmount => "no_amount",
        Reason::AfterCutoff => "after_cutoff",
    }
}
