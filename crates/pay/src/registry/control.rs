//! Proof that an agent controls an account: the account's key signs a challenge that names both.

use super::record::only;
use super::{PublicKey, RailAccount, Sealed, SecretKey};
use crate::PayError;
use crate::json::Json;
use std::collections::BTreeMap;
use tollgate_core::Timestamp;

/// What the signature says that it is over.
const TYP: &str = "tollgate-account-control+jws";
/// How long a proof may be older than the record that carries it, in microseconds: a day.
const AGE_US_MAX: i64 = 86_400_000_000;

/// What the account's key signs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    /// The agent's id.
    pub agent: String,
    /// The rail.
    pub rail: String,
    /// The account there.
    pub account: String,
    /// Given out by whoever asks; used once.
    pub nonce: String,
    /// When it was signed.
    pub signed_at: Timestamp,
}

impl Challenge {
    fn json(&self, key: &PublicKey) -> Json {
        let members = [
            ("account", &self.account),
            ("agent", &self.agent),
            ("nonce", &self.nonce),
            ("rail", &self.rail),
            ("signed_at", &self.signed_at.to_string()),
        ];
        let mut members: BTreeMap<String, Json> =
            members.into_iter().map(|(name, value)| (name.to_owned(), Json::Text(value.clone()))).collect();
        members.insert("key".into(), key.jwk());
        Json::Map(members)
    }

    /// Reads a proof and checks it for an agent, at the moment when the record with it was issued.
    pub(super) fn proven(proof: &Json, agent: &str, issued: Timestamp) -> Result<RailAccount, PayError> {
        let refused = |reason: String| PayError::NotProven { what: "control of an account", reason };
        let sealed = Sealed::read(&proof.canonical()?)?;
        let said = sealed.payload();
        only(said, "challenge", &["account", "agent", "key", "nonce", "rail", "signed_at"])?;
        let text = |name: &str| said.get(name).and_then(Json::text).unwrap_or_default().to_owned();
        let key = PublicKey::from_jwk(said.get("key").unwrap_or(&Json::Null))?;
        if sealed.signers(TYP, |_| Some(key.clone())).next().is_none() {
            return Err(refused("the account's key has not signed it".into()));
        }
        if text("agent") != agent {
            return Err(refused(format!("it was signed for {:?}", text("agent"))));
        }
        let signed: Option<jiff::Timestamp> = text("signed_at").parse().ok();
        let age = signed.and_then(|at| issued.0.checked_sub(at.as_microsecond()));
        // Signed before the record, by a day at most: an old proof says nothing of who has the account now.
        if age.is_none_or(|age| !(0..=AGE_US_MAX).contains(&age)) {
            return Err(refused(format!(
                "it was signed at {:?}, not within the day before the record",
                text("signed_at")
            )));
        }
        let (rail, account) = (text("rail"), text("account"));
        if rail.is_empty() || account.is_empty() || text("nonce").is_empty() {
            return Err(refused("it names no rail, account or nonce".into()));
        }
        Ok(RailAccount { rail, account, key })
    }
}

/// Signs a challenge by the account's key; the result is an item of a record's `rails`.
///
/// # Errors
/// [`PayError::Bad`] for texts that have no canonical form.
pub fn prove(challenge: &Challenge, key: &SecretKey) -> Result<Sealed, PayError> {
    Sealed::sign(&challenge.json(&key.public()), TYP, "account", key)
}
