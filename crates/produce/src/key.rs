//! A provider's key: Ed25519, apart from the keys that move money.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};
use std::fmt;
use tollgate_pay::escrow::dsse_message;

/// In front of the seed in a key's file.
const START: &str = "tollgate-secret:provider:";
/// `SubjectPublicKeyInfo` of an Ed25519 key (RFC 8410) up to the key.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// A text that is no key. It is not repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the text is no provider's key: write `tollgate-secret:provider:` and the base64 of 32 bytes")]
pub struct KeyError;

/// A secret key. It is not printed, and wiped when dropped.
#[derive(Clone)]
pub struct Key(SigningKey);

impl Key {
    /// The key whose seed is these 32 bytes (RFC 8032, section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads what [`Key::reveal`] wrote.
    ///
    /// # Errors
    /// [`KeyError`] for another text.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let seed = text.trim_end().strip_prefix(START).and_then(|coded| STANDARD.decode(coded).ok());
        let seed: Option<[u8; 32]> = seed.and_then(|seed| seed.try_into().ok());
        seed.map(|seed| Self::from_seed(&seed)).ok_or(KeyError)
    }

    /// The secret as text, for a file that only its owner reads.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{START}{}", STANDARD.encode(self.0.to_bytes()))
    }

    /// The public half: `SubjectPublicKeyInfo` in base64, as evidence policies name signers.
    #[must_use]
    pub fn public(&self) -> String {
        STANDARD.encode([&SPKI[..], self.0.verifying_key().as_bytes()].concat())
    }

    /// The public half in PEM (RFC 7468).
    #[must_use]
    pub fn pem(&self) -> String {
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", self.public())
    }

    /// The key's name: its JWK thumbprint (RFC 7638, RFC 8037).
    #[must_use]
    pub fn id(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.0.verifying_key().as_bytes());
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        URL_SAFE_NO_PAD.encode(Sha256::digest(members))
    }

    /// A payload of this media type in a DSSE envelope that this key signed, as JSON.
    #[must_use]
    pub fn envelope(&self, kind: &str, payload: &[u8]) -> String {
        let signature = STANDARD.encode(self.sign(&dsse_message(kind, payload)));
        let mark = serde_json::json!({"keyid": self.id(), "sig": signature});
        serde_json::json!({"payload": STANDARD.encode(payload), "payloadType": kind, "signatures": [mark]})
            .to_string()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id())
    }
}
