//! Settlement over HTTP: accounts, agents, mandates, escrows and the log, of the folder that `settle:` names.
//!
//! Who may what is a role of the caller's key, or of the key that signed the request ([`Right`]); the operator may everything. What changes something needs an
//! `Idempotency-Key`: the same request again gets the first answer, which is found in the log and so survives crashes. Errors
//! are problem details (RFC 9457). Only the server itself says what a rail answered.

mod agents;
mod discovery;
mod escrows;
mod evidence;
mod ledger;
mod log;
mod problem;
mod rails;
mod resolve;
pub(super) mod schemas;
mod signed;
mod webhooks;

use super::routes::{Right, Route};
pub(super) use rails::card_event;

use super::{Call, decode, operator, query, query_number, read, typed};
use crate::pipeline::{authenticate, presented};
use crate::reply::Reply;
use crate::state::Shared;
use crate::worker::Worker;
pub(super) use discovery::discovery;
use http::request::Parts;
use http::{Response, StatusCode};
use problem::Problem;
use serde_json::Value;
use std::sync::Arc;
use tollgate_core::{Digest, FaultKind};
use tollgate_net::server::RequestBody;
use tollgate_store::settlement::Settlement;

/// Longest idempotency key, in bytes.
const KEY_MAX: usize = 255;

/// What a handler shows.
pub(super) enum Shown {
    /// JSON with a status.
    Json(StatusCode, Value),
    /// Text of a type.
    Text(&'static str, String),
}

type Answer = Result<Shown, Problem>;

/// A request, once its right is proven and its body read.
struct Asked {
    parts: Parts,
    parameter: String,
    body: Vec<u8>,
    /// Whose it is, and under which key; for what changes something.
    request: Option<Digest>,
    /// Whether it comes from who may what the operator may.
    operates: bool,
    /// Whose it is, when what they may add is bounded: it is for all but the operator.
    by: Option<Digest>,
}

impl Asked {
    /// What names this request for ever.
    fn request(&self) -> Result<Digest, Problem> {
        self.request.ok_or_else(Problem::keyless)
    }

    /// The path's parameter as an id of 64 hexadecimal digits.
    fn digest(&self, what: &'static str) -> Result<Digest, Problem> {
        let digest = self.parameter.parse::<Digest>().ok();
        digest.ok_or_else(|| Problem::not_found(&format!("there is no {what} {:?}", self.shown())))
    }

    fn shown(&self) -> String {
        self.parameter.chars().take(80).collect()
    }
}

/// Answers a request of these paths.
pub(super) async fn serve(
    worker: &Worker,
    call: &Call,
    right: Right,
    parts: Parts,
    body: RequestBody,
) -> Response<Reply> {
    let shown = match answer(worker, call, right, parts, body).await {
        Ok(shown) => shown,
        Err(problem) => return problem.response(),
    };
    match shown {
        Shown::Json(status, value) => typed(status, "application/json", value.to_string().into()),
        Shown::Text(kind, text) => typed(StatusCode::OK, kind, text.into()),
    }
}

async fn answer(worker: &Worker, call: &Call, right: Right, parts: Parts, body: RequestBody) -> Answer {
    let signed = if signed::is_signed(&parts) && presented(&parts.headers).is_none() {
        Some(signed::verify(worker.shared(), &parts, right).await?)
    } else {
        None
    };
    let (who, operates) = match &signed {
        Some(signed) => (signed.who.clone(), signed.operates),
        None => allowed(worker, &parts, call, right)?,
    };
    let request = idempotent(&parts, &who);
    if parts.method == http::Method::POST && request.is_none() {
        return Err(Problem::keyless());
    }
    let by =
        (!operates).then(|| Digest::of_parts([b"tollgate settlement caller v1".as_slice(), who.as_bytes()]));
    let body =
        if parts.method == http::Method::POST { read(worker, body).await?.to_vec() } else { Vec::new() };
    if let Some(signed) = &signed {
        signed.check_body(&parts, &body)?;
    }
    let parameter = decode(call.parameter.as_deref().unwrap_or_default());
    let (asked, route) = (Asked { parts, parameter, body, request, operates, by }, call.route);
    let shared = Arc::clone(worker.shared());
    let work = move |settlement: &Settlement| {
        if let Some(by) = asked.by.filter(|_| asked.parts.method == http::Method::POST) {
            settlement.count_write(by)?;
        }
        if let Some(signed) = &signed {
            signed.use_up(settlement, asked.by)?;
        }
        match route {
            Route::SettleEvidence | Route::SettleDossier => {
                evidence::handle(&shared, settlement, route, &asked)
            }
            Route::SettleRegister => agents::register(&shared, settlement, &asked),
            Route::SettlePapers => rails::papers(&shared, settlement, &asked),
            _ => handle(settlement, route, &asked),
        }
    };
    blocking(worker.shared(), work).await
}

/// Finds out who asks by the key that is sent along, and whether it may; also whether it may what only the operator may.
fn allowed(worker: &Worker, parts: &Parts, call: &Call, right: Right) -> Result<(String, bool), Problem> {
    let no_operator = match operator(worker, parts, call.peer) {
        Ok(()) => return Ok(("operator".into(), true)),
        Err(fault) => fault,
    };
    let (shared, now) = (worker.shared(), worker.shared().clock.now());
    let snapshot = shared.snapshot.load();
    let caller = authenticate(&parts.headers, call.peer, &snapshot.settings.auth, &shared.store.keys(), now)?;
    if caller.id.is_empty() {
        return Err(no_operator.into());
    }
    if caller.roles.iter().any(|role| right.given_by(role)) {
        let operates = caller.roles.iter().any(|role| Right::Operate.given_by(role));
        return Ok((format!("caller:{}", caller.id), operates));
    }
    let detail = format!("this needs a key with the role {}", right.role());
    Err(Problem::new(StatusCode::FORBIDDEN, FaultKind::Forbidden.word(), detail))
}

/// The digest of who asks and its idempotency key, when there is a usable one.
fn idempotent(parts: &Parts, who: &str) -> Option<Digest> {
    let mut given = parts.headers.get_all("idempotency-key").iter();
    let key = given.next()?.to_str().ok()?;
    let good = (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let context = b"tollgate idempotent request v1".as_slice();
    (good && given.next().is_none()).then(|| Digest::of_parts([context, who.as_bytes(), key.as_bytes()]))
}

/// Does something with the settlement where waiting is allowed.
async fn blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Settlement) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    if shared.settlement.is_none() {
        return Err(Problem::not_found(
            "settlement is not configured: name its folder by `settle: {data: …}`",
        ));
    }
    let Ok(_place) = shared.settling.try_acquire() else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too many requests wait: try again",
        ));
    };
    let shared = Arc::clone(shared);
    let done = tokio::task::spawn_blocking(move || match &shared.settlement {
        Some(settlement) => work(settlement),
        None => Err(Problem::internal("no settlement")),
    });
    done.await.unwrap_or_else(|error| Err(Problem::internal(&error.to_string())))
}

fn handle(settlement: &Settlement, route: Route, asked: &Asked) -> Answer {
    match route {
        Route::SettleAccounts => ledger::accounts(settlement, asked),
        Route::SettleAccount => ledger::account(settlement, asked),
        Route::SettleOwner => ledger::own(settlement, asked),
        Route::SettleCommand => ledger::command(settlement, asked),
        Route::SettleMandates => ledger::mandates(settlement, asked),
        Route::SettleMandate => ledger::mandate(settlement, asked),
        Route::SettleRevoke => ledger::revoke(settlement, asked),
        Route::SettleAgents => agents::find(settlement, asked),
        Route::SettleAgent => agents::one(settlement, asked),
        Route::SettleChallenge => agents::challenge(settlement, asked),
        Route::SettleEscrows => escrows::list(settlement, asked),
        Route::SettleEscrow => escrows::one(settlement, asked),
        Route::SettlePropose => escrows::propose(settlement, asked),
        Route::SettleEvent => escrows::event(settlement, asked),
        Route::SettleLocks => escrows::lock(settlement, asked),
        Route::SettleOrder => escrows::order(settlement, asked),
        Route::SettleBundle => escrows::bundle(settlement, asked),
        Route::SettleCheckpoint => log::checkpoint(settlement),
        Route::SettleEntries => log::entries(settlement, asked),
        Route::SettleReceipt => log::receipt(settlement, asked),
        Route::SettleHooks => webhooks::list(settlement),
        Route::SettleHookAgain => webhooks::again(settlement, asked),
        _ => Err(Problem::internal("a request of another kind came to the wrong place")),
    }
}
