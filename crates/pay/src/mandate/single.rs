//! A payment that the principal signed: one compact JWS, without delegation.
//!
//! Its payload is a closed mandate (`vct` `mandate.payment.1`) with `iat`, `aud` and `nonce` beside it, its type
//! `mandate+jwt`, its algorithm ES256. It is admitted once, as a chain's payment is.

use super::chain::{addressed, challenge, in_time};
use super::jws::{Es256Key, Jws};
use super::terms::closed;
use super::{Addressed, Chain, Refusal, TOKEN_BYTES_MAX};
use crate::json::Json;
use sha2::{Digest as _, Sha256};
use tollgate_core::Timestamp;

impl Chain {
    /// Reads and proves a payment that the principal signed. `root` gives the key for its key id.
    ///
    /// # Errors
    /// The first [`Refusal`] found.
    pub fn verify_single(
        token: &str,
        root: impl Fn(&str) -> Option<Es256Key>,
        expect: &Addressed,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let bad = |what: &str| Refusal::Unreadable { hop: 0, what: what.into() };
        if token.len() > TOKEN_BYTES_MAX {
            return Err(bad("it is longer than 64 KiB"));
        }
        let jws = Jws::read(0, token)?;
        if jws.typ() != "mandate+jwt" {
            return Err(bad(&format!("its type is {:?}, expected \"mandate+jwt\"", jws.typ())));
        }
        let kid = jws.header.get("kid").and_then(Json::text).unwrap_or_default();
        let key = root(kid).ok_or_else(|| bad(&format!("the principal's key {kid:?} is not known")))?;
        jws.verify(0, &key, "the principal")?;
        addressed(0, &jws, Some(expect))?;
        let until = in_time(0, &jws.payload, now)?;
        if jws.claim("vct") != Some("mandate.payment.1") || jws.payload.get("cnf").is_some() {
            return Err(bad("it is no closed mandate (vct mandate.payment.1, without cnf)"));
        }
        Ok(Self {
            open: Vec::new(),
            closed: closed(0, &jws.payload, until)?,
            names: Vec::new(),
            challenge: challenge(Some(expect)),
            id: Sha256::digest(jws.signed).into(),
            principal: kid.into(),
        })
    }
}
