//! JSON under signatures: `{"payload": …, "signatures": [{"protected": …, "signature": …}]}`, signed over the payload's
//! canonical form as a detached JWS.

use super::{PublicKey, SecretKey};
use crate::PayError;
use crate::json::Json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use tollgate_core::Digest;

/// Longest signed object, in bytes.
pub const SEALED_BYTES_MAX: usize = 1 << 16;
/// Most signatures that one object may carry.
const SIGNATURES_MAX: usize = 8;

/// One signature: its header as it was signed, the key that it names, and its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Signature {
    protected: String,
    algorithm: String,
    pub(super) kid: String,
    pub(super) typ: Option<String>,
    bytes: Vec<u8>,
}

impl Signature {
    pub(super) fn read(json: &Json) -> Result<Self, PayError> {
        let bad = |what: &str| {
            PayError::bad("signature", what, "a protected header with alg and kid, and a signature")
        };
        let text = |name: &str| json.get(name).and_then(Json::text).ok_or_else(|| bad(name));
        let protected = text("protected")?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| bad("base64url"));
        let header = Json::parse(&decode(protected)?)?;
        let named = |name: &str| header.get(name).and_then(Json::text).map(str::to_owned);
        // A header that must be understood and is not; a payload that is signed in another form (RFC 7797).
        if header.get("crit").is_some() || header.get("b64").is_some() {
            return Err(bad("critical headers"));
        }
        Ok(Self {
            protected: protected.into(),
            algorithm: named("alg").ok_or_else(|| bad("alg"))?,
            kid: named("kid").ok_or_else(|| bad("kid"))?,
            typ: named("typ"),
            bytes: decode(text("signature")?)?,
        })
    }

    /// Whether it is the key's over this text. The algorithm must be the key's own.
    pub(super) fn holds(&self, key: &PublicKey, canonical: &str) -> bool {
        let message = format!("{}.{}", self.protected, URL_SAFE_NO_PAD.encode(canonical));
        self.algorithm == key.algorithm() && key.holds(message.as_bytes(), &self.bytes)
    }
}

/// A signed object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    payload: Json,
    canonical: String,
    pub(super) signatures: Vec<Signature>,
    text: String,
}

impl Sealed {
    /// Reads one; nothing is verified yet.
    ///
    /// # Errors
    /// [`PayError::Bad`] with what is wrong.
    pub fn read(text: &str) -> Result<Self, PayError> {
        if text.len() > SEALED_BYTES_MAX {
            return Err(PayError::bad("signed object", &text.len().to_string(), "at most 65,536 bytes"));
        }
        let json = Json::parse(text.as_bytes())?;
        let Json::Map(members) = &json else { return Err(shape()) };
        if !members.keys().eq(["payload", "signatures"]) {
            return Err(shape());
        }
        let list = json.get("signatures").and_then(Json::list).unwrap_or_default();
        if list.is_empty() || list.len() > SIGNATURES_MAX {
            return Err(shape());
        }
        let signatures = list.iter().map(Signature::read).collect::<Result<_, _>>()?;
        let payload = json.get("payload").cloned().ok_or_else(shape)?;
        let canonical = payload.canonical()?;
        Ok(Self { payload, canonical, signatures, text: json.canonical()? })
    }

    /// Signs a payload; `typ` says what it is, so that a signature serves for nothing else.
    ///
    /// # Errors
    /// [`PayError::Bad`] when the payload has no canonical form.
    pub fn sign(payload: &Json, typ: &str, kid: &str, key: &SecretKey) -> Result<Self, PayError> {
        let quote = |text: &str| Json::Text(text.into()).canonical();
        let header = format!(r#"{{"alg":"EdDSA","kid":{},"typ":{}}}"#, quote(kid)?, quote(typ)?);
        let protected = URL_SAFE_NO_PAD.encode(header);
        let canonical = payload.canonical()?;
        let message = format!("{protected}.{}", URL_SAFE_NO_PAD.encode(&canonical));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
        let signed = format!(r#"{{"protected":"{protected}","signature":"{signature}"}}"#);
        Self::read(&format!(r#"{{"payload":{canonical},"signatures":[{signed}]}}"#))
    }

    /// What was signed.
    #[must_use]
    pub const fn payload(&self) -> &Json {
        &self.payload
    }

    /// SHA-256 of the payload's canonical form: of what was signed, whoever signed it and however that is spelled.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(&self.canonical).into())
    }

    /// The whole object on one line.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The key ids of signatures of this type that hold, by the keys that `key` gives for them.
    pub(super) fn signers<'a>(
        &'a self,
        typ: &'a str,
        key: impl Fn(&str) -> Option<PublicKey> + 'a,
    ) -> impl Iterator<Item = &'a str> + 'a {
        let holds = move |signature: &&Signature| {
            signature.typ.as_deref() == Some(typ)
                && key(&signature.kid).is_some_and(|key| signature.holds(&key, &self.canonical))
        };
        self.signatures.iter().filter(holds).map(|signature| signature.kid.as_str())
    }
}

fn shape() -> PayError {
    PayError::bad("signed object", "", "an object of a payload and 1 to 8 signatures")
}
