//! A delegation chain: from the principal's open mandate to the payment that an agent closed.

use super::disclose::{digest, disclose};
use super::jws::{Es256Key, Jws};
use super::terms::{Closed, Open, closed, open};
use super::{Refusal, Usage};
use crate::json::Json;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tollgate_core::{Digest, Timestamp};

/// Most hops of a chain.
pub const HOPS_MAX: usize = 8;
/// Longest chain, in bytes.
pub const TOKEN_BYTES_MAX: usize = 1 << 16;
/// Clocks may differ by this many seconds.
const SKEW_S: i64 = 300;

/// Whom a hop must be addressed to, and which challenge it must answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addressed {
    /// The `aud` claim.
    pub audience: String,
    /// The `nonce` claim, which whoever checks has given out.
    pub nonce: String,
}

/// What a chain must be to be accepted.
#[derive(Clone, Debug)]
pub struct Expect<'a> {
    /// For each hop after the first, in order: nothing is left unchecked.
    pub hops: &'a [Addressed],
    /// When it is checked.
    pub now: Timestamp,
}

/// A chain whose signatures and bindings hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain {
    /// Open mandates from the principal's on.
    pub open: Vec<Open>,
    /// The payment.
    pub closed: Closed,
    /// Names of the open mandates, in order: what budgets and recurrences are counted by. Each covers the ones before it.
    pub names: Vec<[u8; 32]>,
    /// Name of the challenge that the payment answers: its audience and nonce.
    pub challenge: Digest,
    /// Name of this authorisation: of what was signed, not of the signatures' bytes. Consume it once.
    pub id: [u8; 32],
    /// Key id of the principal, as the first hop's header names it.
    pub principal: String,
}

/// How much of a chain must be shown and known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// All that could bind.
    Whole,
    /// As escrows of the first rules were read: parts of a constraint, and the times of a token, may be hidden or unknown.
    Loose,
}

/// One hop of the text.
struct Hop<'a> {
    /// The whole hop with its last `~`, over which the next hop's `sd_hash` is.
    text: String,
    jws: Jws<'a>,
    shown: Vec<&'a str>,
}

impl<'a> Hop<'a> {
    fn read(hop: usize, text: &'a str) -> Result<Self, Refusal> {
        let text = text.strip_suffix('~').unwrap_or(text);
        let mut parts = text.split('~');
        let jws = Jws::read(hop, parts.next().unwrap_or_default())?;
        Ok(Self { text: format!("{text}~"), jws, shown: parts.collect() })
    }

    /// The payload with all that is shown of it.
    fn payload(&self, hop: usize, reading: Reading) -> Result<Json, Refusal> {
        let payload = disclose(hop, &self.jws.payload, &self.shown)?;
        match (reading, payload.get("_sd")) {
            // It might be an end of its time.
            (Reading::Whole, Some(_)) => Err(Refusal::Hidden { hop, place: "its token".into() }),
            _ => Ok(payload),
        }
    }

    /// The mandate inside: the first element of `delegate_payload`.
    fn mandate(hop: usize, payload: &Json) -> Result<Json, Refusal> {
        match payload.get("delegate_payload").and_then(Json::list) {
            Some([mandate]) if super::disclose::element_digest(mandate).is_none() => Ok(mandate.clone()),
            Some([_]) => Err(Refusal::Hidden { hop, place: "delegate_payload".into() }),
            _ => Err(Refusal::Unreadable { hop, what: "delegate_payload must hold one mandate".into() }),
        }
    }
}

impl Chain {
    /// Reads and proves a chain. `root` gives the principal's key for the first hop's key id.
    ///
    /// # Errors
    /// The first [`Refusal`] found, from the first hop on.
    pub fn verify(
        token: &str,
        root: impl Fn(&str) -> Option<Es256Key>,
        expect: &Expect<'_>,
    ) -> Result<Self, Refusal> {
        Self::verify_by(token, root, expect, Reading::Whole)
    }

    /// As [`Chain::verify`] was before constraints and times had to be shown whole: for logs of that time only.
    pub(crate) fn verify_loosely(
        token: &str,
        root: impl Fn(&str) -> Option<Es256Key>,
        expect: &Expect<'_>,
    ) -> Result<Self, Refusal> {
        Self::verify_by(token, root, expect, Reading::Loose)
    }

    fn verify_by(
        token: &str,
        root: impl Fn(&str) -> Option<Es256Key>,
        expect: &Expect<'_>,
        reading: Reading,
    ) -> Result<Self, Refusal> {
        let bad = |hop, what: &str| Refusal::Unreadable { hop, what: what.into() };
        if token.len() > TOKEN_BYTES_MAX {
            return Err(bad(0, "the chain is longer than 64 KiB"));
        }
        let texts: Vec<&str> = token.split("~~").collect();
        if texts.len() < 2 || texts.len() > HOPS_MAX {
            return Err(bad(0, "a chain has 2 to 8 hops"));
        }
        if expect.hops.len().checked_add(1) != Some(texts.len()) {
            return Err(bad(0, "it has another number of hops than audiences and nonces are given for"));
        }
        let last = texts.len().saturating_sub(1);
        let (mut opened, mut names) = (Vec::<Open>::new(), Sha256::new());
        let (mut before, mut opens, mut principal) = (None::<Hop<'_>>, Vec::new(), String::new());
        for (hop, text) in texts.into_iter().enumerate() {
            let this = Hop::read(hop, text)?;
            match (&before, opened.last()) {
                (Some(before), Some(open)) => {
                    this.jws.verify(hop, &open.holder, "the holder that the hop before names")?;
                    continues(hop, &this.jws, before)?;
                    let wanted = hop.checked_sub(1).and_then(|n| expect.hops.get(n));
                    addressed(hop, &this.jws, wanted)?;
                    let typ = if hop == last { "kb+sd-jwt" } else { "kb+sd-jwt+kb" };
                    if this.jws.typ() != typ {
                        return Err(bad(hop, &format!("its type is {:?}, expected {typ:?}", this.jws.typ())));
                    }
                }
                _ => {
                    let kid = this.jws.header.get("kid").and_then(Json::text).unwrap_or_default();
                    let key = root(kid)
                        .ok_or_else(|| bad(hop, &format!("the principal's key {kid:?} is not known")))?;
                    this.jws.verify(hop, &key, "the principal")?;
                    principal = kid.into();
                }
            }
            let payload = this.payload(hop, reading)?;
            let json = Hop::mandate(hop, &payload)?;
            let timed = if reading == Reading::Whole { &payload } else { &this.jws.payload };
            let ends = [in_time(hop, timed, expect.now)?, in_time(hop, &json, expect.now)?];
            let until = ends.into_iter().flatten().min();
            // What was signed and what of it is shown; the signature's own bytes have a second spelling.
            for part in [this.jws.signed].iter().chain(&this.shown) {
                names.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                names.update(part);
            }
            opens.push(next_name(opens.last(), this.jws.signed));
            match (json.get("vct").and_then(Json::text), hop == last) {
                (Some("mandate.payment.open.1"), false) => opened.push(open(hop, &json, until, reading)?),
                (Some("mandate.payment.1"), true) => {
                    if json.get("cnf").is_some() {
                        return Err(bad(hop, "a closed mandate names no further holder"));
                    }
                    let closed = closed(hop, &json, until)?;
                    opens.truncate(opened.len());
                    let (challenge, id) = (challenge(expect.hops.last()), names.finalize().into());
                    return Ok(Self { open: opened, closed, names: opens, challenge, id, principal });
                }
                (vct, _) => return Err(bad(hop, &format!("vct {vct:?} does not belong here"))),
            }
            before = Some(this);
        }
        Err(bad(last, "it ends without a payment"))
    }

    /// Checks the payment against every constraint of every hop.
    ///
    /// # Errors
    /// The first [`Refusal::Unmet`].
    pub fn admit(&self, usage: &Usage, now: Timestamp) -> Result<(), Refusal> {
        for open in &self.open {
            self.keeps(open)?;
            for constraint in &open.constraints {
                constraint.check(&self.closed, usage, now, &open.constraints)?;
            }
        }
        Ok(())
    }

    /// What an open mandate decided already must stand unchanged.
    fn keeps(&self, open: &Open) -> Result<(), Refusal> {
        let (preset, closed) = (&open.details, &self.closed.details);
        let party = |preset: &Option<super::Party>, closed: &Option<super::Party>| {
            preset.as_ref().is_none_or(|preset| closed.as_ref().is_some_and(|closed| preset.is(closed)))
        };
        let kept = [
            ("payee", party(&preset.payee, &closed.payee)),
            ("payment_instrument", party(&preset.instrument, &closed.instrument)),
            ("pisp", party(&preset.pisp, &closed.pisp)),
            ("payment_amount", preset.amount.is_none() || preset.amount == closed.amount),
            (
                "execution_date",
                preset.execution_date.is_none() || preset.execution_date == closed.execution_date,
            ),
        ];
        match kept.into_iter().find(|(_, kept)| !kept) {
            Some((name, _)) => Err(Refusal::Unmet {
                constraint: "preset",
                why: format!("{name} was decided and has changed"),
            }),
            None => Ok(()),
        }
    }
}

/// Name of an open mandate: of what was signed, from the principal's on. What is shown of it and how the signature is
/// spelled must not begin a new count.
pub(super) fn next_name(before: Option<&[u8; 32]>, signed: &str) -> [u8; 32] {
    let before = before.map_or(&[][..], |name| name.as_slice());
    Sha256::new_with_prefix(before).chain_update(signed).finalize().into()
}

/// Name of a challenge.
pub(super) fn challenge(hop: Option<&Addressed>) -> Digest {
    let (audience, nonce) = hop.map_or(("", ""), |hop| (hop.audience.as_str(), hop.nonce.as_str()));
    let context = "tollgate mandate challenge v1";
    Digest::of_parts([context.as_bytes(), audience.as_bytes(), nonce.as_bytes()])
}

/// A hop names the one before by the digest of all of it, or of its signed part alone: exactly one of both.
fn continues(hop: usize, jws: &Jws<'_>, before: &Hop<'_>) -> Result<(), Refusal> {
    let issuer = || digest(before.text.split('~').next().unwrap_or_default());
    let same = match (jws.claim("sd_hash"), jws.claim("issuer_jwt_hash")) {
        (Some(hash), None) => hash == digest(&before.text),
        (None, Some(hash)) => hash == issuer(),
        _ => {
            return Err(Refusal::Unreadable {
                hop,
                what: "it needs sd_hash or issuer_jwt_hash, one of both".into(),
            });
        }
    };
    if same { Ok(()) } else { Err(Refusal::Spliced { hop }) }
}

pub(super) fn addressed(hop: usize, jws: &Jws<'_>, wanted: Option<&Addressed>) -> Result<(), Refusal> {
    let Some(wanted) = wanted else {
        return Err(Refusal::Unreadable { hop, what: "no audience is given for it".into() });
    };
    for (claim, wanted) in [("aud", &wanted.audience), ("nonce", &wanted.nonce)] {
        let found = jws.claim(claim).unwrap_or_default();
        if found != wanted {
            return Err(Refusal::Addressed { hop, claim, found: found.into(), wanted: wanted.clone() });
        }
    }
    if jws.payload.get("iat").is_none() {
        return Err(Refusal::Unreadable { hop, what: "it has no iat".into() });
    }
    Ok(())
}

/// `iat` and `nbf` are not in the future and `exp` is not past, by more than the skew; all are whole seconds where they
/// stand. Answers when it ends.
pub(super) fn in_time(hop: usize, json: &Json, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let mut until = None;
    for claim in ["iat", "exp", "nbf"] {
        let Some(value) = json.get(claim) else { continue };
        let at = value.integer().and_then(|at| i64::try_from(at).ok());
        let at =
            at.ok_or_else(|| Refusal::Unreadable { hop, what: format!("{claim} is no number of seconds") })?;
        let now = now.seconds();
        let good = match claim {
            "exp" => now < at.saturating_add(SKEW_S),
            _ => at <= now.saturating_add(SKEW_S),
        };
        if !good {
            return Err(Refusal::Time { hop, claim, at, now });
        }
        if claim == "exp" {
            until = Some(Timestamp(at.saturating_add(SKEW_S).saturating_mul(1_000_000)));
        }
    }
    Ok(until)
}
