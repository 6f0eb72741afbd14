//! Requests that are signed (RFC 9421), in place of a key that is sent along.
//!
//! A signature must cover where the request goes and what it says: method, authority, path and query; of a write also the
//! digest of the body and the idempotency key. It counts for five minutes, and its nonce once. The scheme is not demanded, as a
//! proxy in front of the gateway may have ended TLS.

use super::problem::Problem;
use super::{Right, blocking};
use crate::config::Signers;
use crate::state::Shared;
use http::header::HOST;
use http::request::Parts;
use http::{Method, StatusCode};
use std::sync::Arc;
use tollgate_core::{Digest, FaultKind};
use tollgate_pay::registry::{PublicKey, Purpose};
use tollgate_store::settlement::{Nonce, Settlement};
use tollgate_wire::httpsig::{Demand, Fields, Flaw, Message, Request, Signature, check_digest};

/// What must be covered by every signature, and by that of a write.
const COVERED: [&str; 6] = ["@method", "@authority", "@path", "@query", "content-digest", "idempotency-key"];
const READ_COVERED: usize = 4;
/// How long a signature counts, and how far ahead of ours a signer's clock may be, in seconds.
const MAX_AGE_S: i64 = 300;
const SKEW_S: i64 = 60;

/// Whose request it is, once its signature holds.
pub(super) struct Signed {
    pub(super) who: String,
    /// Whether it may what only the operator may.
    pub(super) operates: bool,
    /// The nonce, and the second from which on the signature no longer counts; of a write.
    nonce: Option<(Digest, i64)>,
}

fn refused(flaw: &Flaw) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, FaultKind::Unauthenticated.word(), flaw.to_string())
}

fn unknown(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, FaultKind::Unauthenticated.word(), detail)
}

/// Whether the request carries a signature.
pub(super) fn is_signed(parts: &Parts) -> bool {
    parts.headers.contains_key("signature-input")
}

/// For which host the request says that it is.
fn authority(parts: &Parts) -> Result<&str, Problem> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).filter(|_| hosts.next().is_none());
    let named = parts.uri.authority().map(http::uri::Authority::as_str);
    named.or(host).ok_or_else(|| unknown("the request does not say for which host it is"))
}

/// Hands the request over as a signature sees it.
fn with_message<T>(
    parts: &Parts,
    work: impl FnOnce(&Message<'_>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let authority = authority(parts)?;
    let lines: Vec<(&str, &[u8])> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let fields: Fields<'_> = &lines;
    let (method, path, query) = (parts.method.as_str(), parts.uri.path(), parts.uri.query());
    work(&Message::Request(Request { method, scheme: "http", authority, path, query, fields }))
}

/// A key that is known here, whose it is, and the roles of its owner.
struct Known {
    who: String,
    key: PublicKey,
    roles: Vec<String>,
}

/// Finds the key that signatures name: one of the configuration's, or an agent's.
async fn known(shared: &Arc<Shared>, keyids: Vec<String>) -> Result<Option<(usize, Known)>, Problem> {
    let snapshot = shared.snapshot.load_full();
    let Signers { keys, agents, .. } = &snapshot.settings.signers;
    for (n, keyid) in keyids.iter().enumerate() {
        if let Some(signer) =
            keys.iter().find(|signer| signer.thumbprint == *keyid || signer.key.did() == *keyid)
        {
            let who = format!("signer:{}", signer.key.did());
            return Ok(Some((n, Known { who, key: signer.key.clone(), roles: signer.roles.clone() })));
        }
    }
    let Some(role) = agents.clone() else { return Ok(None) };
    // Agents are asked where waiting is allowed.
    blocking(shared, move |settlement| {
        let found = keyids.iter().enumerate().find_map(|(n, keyid)| {
            let (id, kid) = keyid.rsplit_once('#')?;
            let key = settlement.agent_key(id, kid, Purpose::Httpsig)?;
            Some((n, Known { who: format!("agent:{id}"), key, roles: vec![role.clone()] }))
        });
        Ok(found)
    })
    .await
}

/// Finds out who signed the request, and whether it may.
pub(super) async fn verify(shared: &Arc<Shared>, parts: &Parts, right: Right) -> Result<Signed, Problem> {
    let named = authority(parts)?;
    if !shared.snapshot.load().settings.signers.is_own(named) {
        return Err(unknown("the request was signed for another server: settle.authorities names this one"));
    }
    let all = with_message(parts, |message| Signature::all(message).map_err(|flaw| refused(&flaw)))?;
    let keyids = all.iter().map(|signature| signature.keyid().unwrap_or_default().to_owned()).collect();
    let found = known(shared, keyids).await?;
    let found = found.and_then(|(n, known)| Some((all.get(n)?, known)));
    let Some((signature, Known { who, key, roles })) = found else {
        return Err(unknown(
            "no signature is by a key that is known here: keyid is the did:key or thumbprint of a configured key, or AGENT#KID",
        ));
    };
    let writes = parts.method == Method::POST;
    let covered = if writes { COVERED.as_slice() } else { COVERED.get(..READ_COVERED).unwrap_or_default() };
    let demand = Demand {
        components: covered,
        max_age_s: MAX_AGE_S,
        skew_s: SKEW_S,
        nonce: writes,
        ..Demand::default()
    };
    let now = shared.clock.now().0.div_euclid(1_000_000);
    signature.check(&demand, now).map_err(|flaw| refused(&flaw))?;
    if signature.alg().is_some_and(|alg| alg != key.http_algorithm()) {
        return Err(unknown("the signature names another algorithm than its key has"));
    }
    let base = with_message(parts, |message| signature.base(message).map_err(|flaw| refused(&flaw)))?;
    if !key.holds(base.as_bytes(), &signature.value) {
        return Err(unknown("the signature does not hold"));
    }
    if !roles.iter().any(|role| right.given_by(role)) {
        let detail = format!("this needs a signer with the role {}", right.role());
        return Err(Problem::new(StatusCode::FORBIDDEN, FaultKind::Forbidden.word(), detail));
    }
    let nonce = writes.then(|| {
        let parts = [who.as_bytes(), signature.nonce().unwrap_or_default().as_bytes()];
        let until = signature.created().unwrap_or_default().saturating_add(MAX_AGE_S);
        (Digest::of_parts(parts), signature.expires().map_or(until, |expires| expires.min(until)))
    });
    let operates = roles.iter().any(|role| Right::Operate.given_by(role));
    Ok(Signed { who, operates, nonce })
}

impl Signed {
    /// Holds the body of a write against its digest.
    pub(super) fn check_body(&self, parts: &Parts, body: &[u8]) -> Result<(), Problem> {
        if self.nonce.is_none() {
            return Ok(());
        }
        with_message(parts, |message| check_digest(message, body).map_err(|flaw| refused(&flaw)))
    }

    /// Uses the nonce of a write up, for all servers and restarts.
    pub(super) fn use_up(&self, settlement: &Settlement, by: Option<Digest>) -> Result<(), Problem> {
        let Some((nonce, until)) = self.nonce else { return Ok(()) };
        match settlement.use_nonce_by(by, nonce, until)? {
            Nonce::New => Ok(()),
            Nonce::Used => Err(unknown(
                "this nonce was used: sign every request anew, the same Idempotency-Key makes it the same request",
            )),
            Nonce::Full => {
                let detail = "too many signed requests in the last minutes: try again";
                Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail))
            }
        }
    }
}
