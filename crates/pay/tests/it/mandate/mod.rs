//! Mandates: chains that the reference SDK made, and chains made here, one for each way to cheat.

mod attacks;
mod constraints;
mod counted;
mod forms;
mod make;
mod published;

use tollgate_core::Timestamp;
use tollgate_pay::mandate::{Addressed, Chain, Es256Key, Expect, Refusal, Usage};

/// When the chains made here are checked: 2026-11-27T12:00:00Z.
const NOW: i64 = 1_795_780_800;

fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1_000_000)
}

fn addressed(audience: &str, nonce: &str) -> Addressed {
    Addressed { audience: audience.into(), nonce: nonce.into() }
}

/// Verifies and admits as one step.
fn accept(token: &str, key: &Es256Key, usage: &Usage, now: i64) -> Result<Chain, Refusal> {
    let hops = [addressed("psp.example", "n-1")];
    accept_hops(token, key, usage, now, &hops)
}

fn accept_hops(
    token: &str,
    key: &Es256Key,
    usage: &Usage,
    now: i64,
    hops: &[Addressed],
) -> Result<Chain, Refusal> {
    let root = |kid: &str| (kid == "user-key-1").then(|| key.clone());
    let chain = Chain::verify(token, root, &Expect { hops, now: at(now) })?;
    chain.admit(usage, at(now)).map(|()| chain)
}
