//! Making mandates: the principal's token, delegations and the payment that ends the chain.
//!
//! Nothing is hidden: the mandate stands in `delegate_payload` as it is. Signatures are deterministic (RFC 6979), so the same
//! words under the same key are the same token.

use super::{Addressed, Es256Key, Refusal};
use crate::PayError;
use crate::json::{Json, plain};
use crate::remembered;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use std::fmt;
use tollgate_core::{Digest, Timestamp};

/// What the text of a secret key begins with.
const SECRET: &str = "tollgate-secret:mandate:";

/// A P-256 key that signs mandates. It is not printed.
pub struct Es256Secret(SigningKey);

impl Es256Secret {
    /// The key of this scalar; `None` for the one in 2^32 that is none.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        SigningKey::from_slice(seed).ok().map(Self)
    }

    /// Reads what [`Es256Secret::reveal`] wrote.
    ///
    /// # Errors
    /// [`PayError::Bad`]; the text is not repeated.
    pub fn from_text(text: &str) -> Result<Self, PayError> {
        let bytes = text.strip_prefix(SECRET).and_then(|coded| URL_SAFE_NO_PAD.decode(coded).ok());
        let seed: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
        let key = seed.and_then(|seed| Self::from_seed(&seed));
        key.ok_or_else(|| PayError::bad("secret key", "(not shown)", "tollgate-secret:mandate: and a scalar"))
    }

    /// The secret key as text, for a file that only its owner reads.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{SECRET}{}", URL_SAFE_NO_PAD.encode(self.0.to_bytes()))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> Es256Key {
        Es256Key::of(*self.0.verifying_key())
    }

    fn jws(&self, header: &Value, payload: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(plain(json));
        let signed = format!("{}.{}", part(header), part(payload));
        let signature: Signature = self.0.sign(signed.as_bytes());
        remembered::made(&self.public().to_sec1(), signed.as_bytes(), &signature.to_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

impl fmt::Debug for Es256Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Es256Secret")
    }
}

/// The principal's open mandate, as the first token of a chain. `mandate` has `vct`, `constraints` and `cnf`.
#[must_use]
pub fn first(by: &Es256Secret, kid: &str, mandate: &Json, issued: Timestamp) -> String {
    let header = json!({"alg": "ES256", "typ": "dc+sd-jwt", "kid": kid});
    let payload = json!({"delegate_payload": [mandate], "iat": issued.seconds(), "_sd_alg": "sha-256"});
    format!("{}~", by.jws(&header, &payload))
}

/// A chain with one token more: a payment when `mandate` has no `cnf`, else a delegation that can only narrow.
#[must_use]
pub fn next(by: &Es256Secret, chain: &str, mandate: &Json, to: &Addressed, issued: Timestamp) -> String {
    let before = chain.rsplit("~~").next().unwrap_or(chain);
    let before = format!("{}~", before.strip_suffix('~').unwrap_or(before));
    let typ = if mandate.get("cnf").is_some() { "kb+sd-jwt+kb" } else { "kb+sd-jwt" };
    let payload = json!({
        "delegate_payload": [mandate],
        "iat": issued.seconds(),
        "aud": to.audience,
        "nonce": to.nonce,
        "sd_hash": super::disclose::digest(&before),
    });
    let token = by.jws(&json!({"alg": "ES256", "typ": typ}), &payload);
    format!("{}~~{token}~", chain.strip_suffix('~').unwrap_or(chain))
}

/// A payment that the principal signs itself, without delegation.
///
/// # Errors
/// [`PayError::Bad`] when `mandate` is no object.
pub fn single(
    by: &Es256Secret,
    kid: &str,
    mandate: &Json,
    to: &Addressed,
    issued: Timestamp,
) -> Result<String, PayError> {
    let Json::Map(members) = mandate else { return Err(PayError::bad("mandate", "", "an object")) };
    let mut payload = json!(members);
    for (name, value) in
        [("iat", json!(issued.seconds())), ("aud", json!(to.audience)), ("nonce", json!(to.nonce))]
    {
        if let Value::Object(payload) = &mut payload {
            payload.insert(name.into(), value);
        }
    }
    Ok(by.jws(&json!({"alg": "ES256", "typ": "mandate+jwt", "kid": kid}), &payload))
}

/// Name of a principal's open mandate: what budgets are counted by and what a contract names. Its signature is not checked.
///
/// # Errors
/// [`Refusal::Unreadable`].
pub fn name(first: &str) -> Result<Digest, Refusal> {
    let token = first.split('~').next().unwrap_or(first);
    Ok(Digest(super::chain::next_name(None, super::jws::Jws::read(0, token)?.signed)))
}
