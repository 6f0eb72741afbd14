//! Proof that an agent controls an account: the account's key signs a challenge that names both.
//!
//! A key of our own signs it as a JWS, which carries the key. The key of an account on an EVM chain signs it in a wallet, as the
//! text of [`Challenge::text`]; the account's name says which key it is.

use super::chain;
use super::record::only;
use super::{PublicKey, RailAccount, Sealed, SecretKey};
use crate::PayError;
use crate::json::Json;
use std::collections::BTreeMap;
use tollgate_core::Timestamp;

/// What the signature says that it is over.
const TYP: &str = "tollgate-account-control+jws";
/// What the text begins with that a wallet shows and signs.
const SHOWN: &str = "tollgate account control\n";
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
    /// Given out by whoever asks, for this agent and account; used once. That is theirs to check.
    pub nonce: String,
    /// When it was signed.
    pub signed_at: Timestamp,
}

impl Challenge {
    fn json(&self, key: Option<&PublicKey>) -> Json {
        let members = [
            ("account", &self.account),
            ("agent", &self.agent),
            ("nonce", &self.nonce),
            ("rail", &self.rail),
            ("signed_at", &self.signed_at.to_string()),
        ];
        let mut members: BTreeMap<String, Json> =
            members.into_iter().map(|(name, value)| (name.to_owned(), Json::Text(value.clone()))).collect();
        members.extend(key.map(|key| ("key".to_owned(), key.jwk())));
        Json::Map(members)
    }

    /// The text that a wallet is to sign (EIP-191, `personal_sign`) for an account on an EVM chain, which is named as CAIP-10 has it
    /// with its address in lower case.
    ///
    /// # Errors
    /// [`PayError::Bad`] for an account that is named otherwise.
    pub fn text(&self) -> Result<String, PayError> {
        let wanted = "eip155:CHAIN:0xADDRESS, the address in lower case";
        chain::address_of(&self.account).ok_or_else(|| PayError::bad("account", &self.account, wanted))?;
        Ok(format!("{SHOWN}{}", self.json(None).canonical()?))
    }

    /// Reads a proof and checks it for an agent, at the moment when the record with it was issued.
    pub(super) fn proven(proof: &Json, agent: &str, issued: Timestamp) -> Result<RailAccount, PayError> {
        let by_wallet = proof.get("message").is_some();
        let (said, key) = if by_wallet { (shown(proof)?, None) } else { sealed(proof)? };
        let text = |name: &str| said.get(name).and_then(Json::text).unwrap_or_default().to_owned();
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
        let (rail, account, nonce) = (text("rail"), text("account"), text("nonce"));
        if rail.is_empty() || account.is_empty() || nonce.is_empty() {
            return Err(refused("it names no rail, account or nonce".into()));
        }
        Ok(RailAccount { rail, account, key, nonce })
    }
}

const fn refused(reason: String) -> PayError {
    PayError::NotProven { what: "control of an account", reason }
}

/// What a key of our own signed.
fn sealed(proof: &Json) -> Result<(Json, Option<PublicKey>), PayError> {
    let sealed = Sealed::read(&proof.canonical()?)?;
    let said = sealed.payload();
    only(said, "challenge", &["account", "agent", "key", "nonce", "rail", "signed_at"])?;
    let key = PublicKey::from_jwk(said.get("key").unwrap_or(&Json::Null))?;
    if sealed.signers(TYP, |_| Some(key.clone())).next().is_none() {
        return Err(refused("the account's key has not signed it".into()));
    }
    // The name of an account on a chain says whose it is: another key's word counts for nothing.
    let account = said.get("account").and_then(Json::text).unwrap_or_default();
    if account.starts_with("eip155:") {
        return Err(refused("an account on an EVM chain is proven by a wallet's signature".into()));
    }
    Ok((said.clone(), Some(key)))
}

/// What a wallet signed: the text as it was shown, in its one spelling, by the key whose address the account is.
fn shown(proof: &Json) -> Result<Json, PayError> {
    only(proof, "proof by a wallet", &["message", "signature"])?;
    let text = |name| proof.get(name).and_then(Json::text).unwrap_or_default();
    let message = text("message");
    let said = message.strip_prefix(SHOWN).ok_or_else(|| refused("the wallet signed another text".into()))?;
    let json = Json::parse(said.as_bytes())?;
    only(&json, "challenge", &["account", "agent", "nonce", "rail", "signed_at"])?;
    if json.canonical()? != said {
        return Err(refused("the wallet signed another spelling of the challenge".into()));
    }
    let account = json.get("account").and_then(Json::text).and_then(chain::address_of);
    if account.is_none() || chain::signer(message, text("signature")).as_deref() != account {
        return Err(refused("the account's key has not signed it".into()));
    }
    Ok(json)
}

/// A proof from what a wallet signed; the result is an item of a record's `rails`. Whether the record may hold it is checked when the
/// record is read.
///
/// # Errors
/// [`PayError::NotProven`] when the key of the account that the message names has not signed it.
pub fn prove_by_wallet(message: &str, signature: &str) -> Result<Json, PayError> {
    let members = [("message", message), ("signature", signature)];
    let members = members.map(|(name, value)| (name.to_owned(), Json::Text(value.into())));
    let proof = Json::Map(members.into());
    shown(&proof).map(|_| proof)
}

/// Signs a challenge by the account's key; the result is an item of a record's `rails`.
///
/// # Errors
/// [`PayError::Bad`] for texts that have no canonical form.
pub fn prove(challenge: &Challenge, key: &SecretKey) -> Result<Sealed, PayError> {
    Sealed::sign(&challenge.json(Some(&key.public())), TYP, "account", key)
}
