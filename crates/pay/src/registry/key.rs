//! Public keys: Ed25519 and P-256, as JWK and as `did:key`.

use super::base58;
use crate::PayError;
use crate::json::Json;
use crate::mandate::Es256Key;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use tollgate_wire::httpsig::{Draft, Flaw, Message};

/// Multicodec prefixes, as varints: ed25519-pub and p256-pub.
const ED25519_PREFIX: [u8; 2] = [0xed, 0x01];
const P256_PREFIX: [u8; 2] = [0x80, 0x24];

/// A public key. It has one algorithm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PublicKey {
    /// `EdDSA` over Ed25519.
    Ed25519(VerifyingKey),
    /// `ES256`.
    P256(Es256Key),
}

fn bad(text: &str) -> PayError {
    PayError::bad(
        "public key",
        text,
        "an Ed25519 or P-256 public key as JWK or did:key, without its secret part",
    )
}

impl PublicKey {
    /// Reads a public JWK (RFC 7517; RFC 8037 for Ed25519).
    ///
    /// # Errors
    /// [`PayError::Bad`] for another key, and for one with its secret part.
    pub fn from_jwk(jwk: &Json) -> Result<Self, PayError> {
        let text = |name| jwk.get(name).and_then(Json::text);
        if jwk.get("d").is_some() {
            return Err(bad("a JWK with d"));
        }
        // An algorithm that is named must be the key's own.
        let named = |alg: &str| text("alg").is_none_or(|found| found == alg);
        match (text("kty"), text("crv")) {
            (Some("OKP"), Some("Ed25519")) if named("EdDSA") => {
                let bytes = text("x").and_then(|x| URL_SAFE_NO_PAD.decode(x).ok());
                Self::point(&bytes.unwrap_or_default())
            }
            (Some("EC"), Some("P-256")) if named("ES256") => {
                Es256Key::from_jwk(jwk).map(Self::P256).ok_or_else(|| bad("a JWK of no point of the curve"))
            }
            (kty, crv) => Err(bad(&format!("{kty:?} {crv:?}"))),
        }
    }

    /// The Ed25519 key of these bytes.
    ///
    /// # Errors
    /// [`PayError::Bad`] when they are no point, or one of small order.
    pub fn from_ed25519(bytes: &[u8; 32]) -> Result<Self, PayError> {
        Self::point(bytes)
    }

    fn point(bytes: &[u8]) -> Result<Self, PayError> {
        let point = <&[u8; 32]>::try_from(bytes).ok().and_then(|bytes| VerifyingKey::from_bytes(bytes).ok());
        // A key of small order has signatures that anybody can make.
        point.filter(|point| !point.is_weak()).map(Self::Ed25519).ok_or_else(|| bad("32 bytes of a point"))
    }

    /// Reads `did:key:z…`, with or without its `#fragment`, which must be the key again.
    ///
    /// # Errors
    /// [`PayError::Bad`].
    pub fn from_did(did: &str) -> Result<Self, PayError> {
        let (did, fragment) = did.split_once('#').map_or((did, None), |(did, part)| (did, Some(part)));
        let coded = did.strip_prefix("did:key:").ok_or_else(|| bad(did))?;
        if fragment.is_some_and(|fragment| fragment != coded) {
            return Err(bad(did));
        }
        Self::from_multibase(coded)
    }

    /// Reads the multibase form of a key, `z…`.
    ///
    /// # Errors
    /// [`PayError::Bad`].
    pub fn from_multibase(coded: &str) -> Result<Self, PayError> {
        let bytes = coded.strip_prefix('z').and_then(base58::decode).ok_or_else(|| bad(coded))?;
        match bytes.split_first_chunk::<2>() {
            Some((&ED25519_PREFIX, point)) => Self::point(point),
            Some((&P256_PREFIX, point)) if point.len() == 33 => {
                Es256Key::from_sec1(point).map(Self::P256).ok_or_else(|| bad(coded))
            }
            _ => Err(bad(coded)),
        }
    }

    /// The key as `did:key`.
    #[must_use]
    pub fn did(&self) -> String {
        let bytes = match self {
            Self::Ed25519(key) => [ED25519_PREFIX.as_slice(), key.as_bytes()].concat(),
            Self::P256(key) => [P256_PREFIX.as_slice(), &key.to_sec1()].concat(),
        };
        format!("did:key:z{}", base58::encode(&bytes))
    }

    /// The JOSE name of its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
        }
    }

    /// The name of its algorithm in HTTP signatures (RFC 9421, section 6.2.2).
    #[must_use]
    pub const fn http_algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "ed25519",
            Self::P256(_) => "ecdsa-p256-sha256",
        }
    }

    /// The thumbprint of its JWK (RFC 7638), with SHA-256 and as base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // A public JWK here has the members that a thumbprint is over and no others.
        let members = self.jwk().canonical().unwrap_or_default();
        URL_SAFE_NO_PAD.encode(Sha256::digest(members))
    }

    /// The key as public JWK.
    #[must_use]
    pub fn jwk(&self) -> Json {
        let text = |text: &str| Json::Text(text.into());
        let coded = |bytes: &[u8]| Json::Text(URL_SAFE_NO_PAD.encode(bytes));
        let members = match self {
            Self::Ed25519(key) => {
                vec![("crv", text("Ed25519")), ("kty", text("OKP")), ("x", coded(key.as_bytes()))]
            }
            Self::P256(key) => {
                let (x, y) = key.coordinates();
                vec![("crv", text("P-256")), ("kty", text("EC")), ("x", coded(&x)), ("y", coded(&y))]
            }
        };
        Json::Map(
            members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
        )
    }

    /// The bytes of an Ed25519 key.
    #[must_use]
    pub fn ed25519(&self) -> Option<&[u8; 32]> {
        match self {
            Self::Ed25519(key) => Some(key.as_bytes()),
            Self::P256(_) => None,
        }
    }

    /// Whether the signature is this key's over the message, by its own algorithm.
    #[must_use]
    pub fn holds(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Self::P256(key) => key.holds(message, signature),
        }
    }
}

/// As `did:key`, which has one spelling.
impl Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.did())
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::from_did(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// An Ed25519 key that signs.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key of 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Its public part.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey::Ed25519(self.0.verifying_key())
    }

    /// Signs an HTTP message: the values of `Signature-Input` and `Signature`.
    ///
    /// # Errors
    /// [`Flaw`] when the message has not what is to be signed.
    pub fn sign_http(&self, draft: &Draft, message: &Message<'_>) -> Result<(String, String), Flaw> {
        Ok(draft.fields(&self.sign(draft.base(message)?.as_bytes())))
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}
